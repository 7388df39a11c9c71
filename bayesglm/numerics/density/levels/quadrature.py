"""Integrals over the effects of single levels: around each one's own mode, by its own curvature."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bayesglm.numerics.density.levels.conditional import Conditional
from bayesglm.numerics.density.levels.nodes import Nodes
from bayesglm.numerics.density.levels.prior import AtThetas, LevelPrior
from bayesglm.numerics.density.levels.small import cholesky, log_det, solve_lower, solve_upper

Array = np.ndarray
MOST_STEPS = 40  # of Newton's method towards the modes: a bound
# Squared length in sds of the last Newton step, which is not looked at again: nodes need not stand
# at the mode, and that their number suffices is checked.
NEAR = 1e-2
SHORTER = 0.25  # of a step that does not rise: chosen
STEADY = 0.3  # share of the prior's precision that a level's own is taken to be at least


class Around(NamedTuple):
    """Centres ``(k, m, levels)``, lower factors of the precisions there ``(k, k, ...)``.

    ``log_scale`` ``(m, levels)`` is log |S|, S being the inverse transposed factor.
    """

    centre: Array
    factor: Array
    log_scale: Array

    def place(self, x: Array) -> Array:
        """Return c + S x of points ``(k,)``, or of ``(k, m, levels)``."""
        k = len(self.centre)
        x = np.reshape(x, (k, 1, 1)) if np.ndim(x) == 1 else x
        if k == 1:
            return self.centre + x / self.factor[0]
        return self.centre + solve_upper(self.factor, np.broadcast_to(x, self.centre.shape))


def around_modes(given: Conditional, at: AtThetas, start: Array, concave: bool) -> Around:
    """Return where each level's density of its effects is highest, nearly, and how it bends.

    Newton's method for all levels at once; where a step does not rise a shorter one is tried.
    """
    P = at.precision[..., None]
    shape = start.shape[1:]
    best, centre, step = np.full(shape, -np.inf), start, np.zeros_like(start)
    factor, length = np.zeros((*P.shape[:2], *shape)), np.full(shape, np.inf)
    b = start
    for _ in range(MOST_STEPS):
        terms = given.at(b, 2)
        assert terms.slope is not None
        assert terms.bend is not None
        pull = (P * b[None]).sum(axis=1)
        value, slope = terms.value - 0.5 * (pull * b).sum(axis=0), terms.slope - pull
        own = _factor(P, terms.bend, concave)
        forward = solve_upper(own, solve_lower(own, slope))
        gain = (slope * forward).sum(axis=0)
        better = value >= best - 1e-9 * (1.0 + np.abs(best))
        if better.all():
            best, centre, factor, step, length = value, b, own, forward, gain
        else:
            best, centre = np.where(better, value, best), np.where(better, b, centre)
            factor, length = np.where(better, own, factor), np.where(better, gain, length)
            step = np.where(better, forward, SHORTER * step)
        near = length <= NEAR
        if near.all():
            break
        b = centre + step
    return Around(centre + np.where(near, step, 0.0), factor, -log_det(factor))


def _factor(P: Array, bend: Array, concave: bool) -> Array:
    """Return the factor of P less the likelihood's second derivatives, or of part of P."""
    precision = P - bend
    if not concave and len(P) == 1:
        precision = np.maximum(precision, STEADY * P)
    factor = cholesky(precision)
    lost = np.isnan(factor).any(axis=(0, 1))
    if lost.any():
        factor = np.where(lost, np.broadcast_to(cholesky(P), factor.shape), factor)
    return factor


def log_joint(given: Conditional, prior: LevelPrior, at: AtThetas, b: Array) -> Array:
    """Return log p(y_j, b_j | t) ``(m, levels)`` of effects ``(k, m, levels)``."""
    value = given.at(b, 0).value
    return value + prior.log_densities(at, b)


def log_integrals(
    given: Conditional, prior: LevelPrior, at: AtThetas, around: Around, nodes: Nodes
) -> Array:
    """Return log p(y_j | t) ``(m, levels)`` but for the constant of the likelihood."""
    first: Array | None = None
    total = np.ones(around.log_scale.shape)
    for x, log_weight in zip(nodes.points, nodes.log_weights, strict=True):
        value = log_joint(given, prior, at, around.place(x))
        if first is None:
            first, first_weight = value, log_weight
        else:
            value -= first
            value += log_weight - first_weight
            total += np.exp(value, out=value)
    assert first is not None
    return np.log(total) + first + first_weight + around.log_scale


class Weighed(NamedTuple):
    """Nodes ``(q, k, m, levels)``, their shares of each integral ``(q, m, levels)``, its log."""

    b: Array
    shares: Array
    log_integral: Array


def weighed(
    given: Conditional, prior: LevelPrior, at: AtThetas, around: Around, nodes: Nodes
) -> Weighed:
    """Return the nodes with their shares, for means of what depends on the effects."""
    b = np.stack([around.place(x) for x in nodes.points])
    logs = np.stack([log_joint(given, prior, at, one) for one in b])
    logs += nodes.log_weights[:, None, None]
    most = logs.max(axis=0)
    shares = np.exp(logs - most)
    total = shares.sum(axis=0)
    return Weighed(b, shares / total, np.log(total) + most + around.log_scale)
