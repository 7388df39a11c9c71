"""Draws that serve the posterior of all rows, and those of all rows but a fold, at once.

The density of the rows outside a fold f is that of all rows less what the fold says,

    log p_f(theta) = log p(theta) + sum over folds g other than f of log p(rows of g | theta).

One Newton step from the mode of all rows, with the gradient and the curvature of the other folds,
finds its place and its Gaussian N_f. A pool is drawn of the mixture q of all these Gaussians, and
every draw serves every fold with the weight p_f / q, the balance heuristic (Veach & Guibas 1995;
Owen & Zhou 2000, Journal of the American Statistical Association 95, 135-143), Pareto-smoothed
(Vehtari et al. 2024). The likelihood of each fold is asked once for all folds. Folds whose Gaussian
is nearly that of all rows need no draws of their own. A part of heavier tails is in the mixture as
well where the density may have several modes, and one for each fold whose weights fail without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from bayesglm.design.tally import Tally, counted, tally
from bayesglm.errors import ConvergenceError
from bayesglm.inference.modes.exact import lacks_joint_mode
from bayesglm.inference.modes.optimum import find_mode
from bayesglm.inference.modes.solve import for_many
from bayesglm.inference.problem.centring import Centred, centred
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.problem.row_space import in_row_space
from bayesglm.inference.weights.gaussian_parts import Part, gaussians_without, stepped
from bayesglm.inference.weights.pool import FINITE_VARIANCE, LEAST_PER_CHAIN
from bayesglm.inference.weights.psis import (
    KISH_PER_CHAIN,
    Smoothed,
    khat_limit,
    pareto_smoothed,
    worth,
)
from bayesglm.numerics.density.averages import gaussian_averages, is_of_predictor, row_averages
from bayesglm.numerics.density.conjugate import is_gaussian_given_sigma
from bayesglm.numerics.density.joint import smooth_slopes
from bayesglm.numerics.density.near import FEW
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.rows.parallel import unthreaded_products

Array = np.ndarray
MOST = 400  # parameters, of more, Gaussians of each fold are too large: chosen
ALIKE = 0.6  # share of the draws of all rows that a fold's weights leave, above which they serve it
HEAVY_DF = 5.0  # degrees of freedom of parts with heavier tails: chosen
# From draw to draw where rows are many: measured, the sum over 10,000 rows in 10 folds is known so
# to 0.06 nats, and to 0.04 by all draws.
STEP = 2
SMALL = 0.5  # error of a mean density, relative to it, that is taken from it: chosen
NEXT = 0.5  # sds by the curvature: a second Newton step that is shorter leads to a mode, chosen
OF_EACH = 75  # draws per chain of each Gaussian, at least: with others' near, enough; chosen
AGAIN = 4  # draws that folds whose weights fail have more, for each that they must be worth


class FoldRows(NamedTuple):
    """The rows of a fold: their numbers, tally where many are alike, and density, each once."""

    rows: Array
    tally: Tally | None
    density: Objective

    def spread(self, values: Array) -> Array:
        """Return values ``(..., rows)`` of all rows from those of rows that differ."""
        return values if self.tally is None else values[..., self.tally.places]


@dataclass(frozen=True)
class FoldPool:
    """Draws for every fold of one neuron, on the unconstrained scale, centred.

    Of each fold there are weights of the draws, a Gaussian that is near its posterior, and whether
    this is known to be proper; the last are those of all rows.
    """

    centre: Centred
    folds: Sequence[FoldRows]
    drawn: _Drawn
    gaussians: Sequence[Part | None]
    proper: Sequence[bool]
    chains: int

    @cached_property
    def natural(self) -> Array:
        """The draws of the problem as it was, natural thetas."""
        raw = self.centre.raw_unconstrained(self.drawn.thetas)
        return self.centre.problem.natural_thetas(raw)

    def stands(self, fold: int) -> bool:
        """Say whether the weights of a fold stand, or -1, those of all rows."""
        return self.proper[fold] and self.drawn.stands(self.drawn.smoothed[fold], self.chains)

    def log_weights(self, fold: int) -> Array:
        """Return log weights of the draws for a fold, or -1, for all rows."""
        return self.drawn.smoothed[fold].log_weights

    def khat(self, fold: int) -> float:
        """Return the k-hat of these."""
        return self.drawn.smoothed[fold].khat

    def log_densities(self, fold: int) -> Array:
        """Return log densities ``(2, rows)`` of a fold's rows: by the others, and by all rows.

        The mean under the Gaussian g is known. With weights W of the density, and V of g, both sums
        of the same draws,

            mean p  =  mean_g p + sum (W - V) p,

        so that the draws tell no more than how the density differs from g, and every second one
        tells enough of many rows.
        """
        own, parts = self.folds[fold], [self.gaussians[k] for k in (fold, -1)]
        shares = [np.exp(self.log_weights(k)) for k in (fold, -1)]
        if not is_of_predictor(own.density):
            return own.spread(row_averages(own.density, self.drawn.thetas, np.stack(shares)))
        of_parts = [None if parts[0] is None else self._shares(parts[0]), self._of_all]
        shares += [one for one in of_parts if one is not None]
        step = STEP if own.density.source.n_rows * len(self.drawn.thetas) > FEW else 1
        some = np.stack(shares)[:, ::step]
        some = some / some.sum(axis=1, keepdims=True)
        averages = row_averages(own.density, self.drawn.thetas[::step], some)
        others = iter(averages[2:])
        for k, one in enumerate(parts):
            if one is not None:
                exact = gaussian_averages(own.density, one.mean, one.root)
                averages[k] = _controlled(averages[k], next(others), exact)
        return own.spread(averages[:2])

    @cached_property
    def _of_all(self) -> Array | None:
        """The weights of draws of the Gaussian of all rows."""
        part = self.gaussians[-1]
        return None if part is None else self._shares(part)

    def _shares(self, part: Part) -> Array:
        """Return the weights of draws of a Gaussian."""
        logs = part.log_density(self.drawn.thetas) - self.drawn.log_q
        shares = np.exp(logs - logs.max())
        return shares / shares.sum()


def _controlled(values: Array, of_gaussian: Array, exact: Array) -> Array:
    """Return log means, less the error that the same draws make of a mean that is known.

    Where it is not small beside the mean they are left as they are.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        error = np.exp(of_gaussian - values) - np.exp(exact - values)
    small = np.abs(error) < SMALL
    return values + np.log1p(np.where(small, -error, 0.0))


def has_fold_pool(problem: Problem) -> bool:
    """Say whether a posterior may be near a Gaussian at its mode, and is not drawn exactly."""
    objective = problem.unconstrained
    if problem.pooled or problem.learned or objective.size > MOST or problem.confined:
        return False
    if problem.uncurved() or problem.without_mode() or is_gaussian_given_sigma(objective):
        return False
    return not lacks_joint_mode(problem)


def fold_pool(
    problem: Problem, fold_of: Array, wanted: int, chains: int, rng: np.random.Generator
) -> FoldPool | None:
    """Return draws for the posteriors of all folds of a problem; None where there is no mode.

    ``wanted`` draws are those of a posterior. Raises as `find_mode` but for ConvergenceError.
    """
    if not has_fold_pool(problem):
        return None
    centre = centred(problem)
    inner = centre.problem
    if in_row_space(inner).spans:
        return None
    with unthreaded_products(inner.unconstrained.size):
        try:
            mode = np.array(find_mode(inner, inner.unconstrained).x)
        except ConvergenceError:
            return None
        return _pool(centre, mode, fold_of, wanted, chains, rng)


def _pool(
    centre: Centred,
    mode: Array,
    fold_of: Array,
    wanted: int,
    chains: int,
    rng: np.random.Generator,
) -> FoldPool | None:
    inner = centre.problem
    design, objective = inner.design, inner.unconstrained
    folds, plain, many = [], [], []
    for k in range(int(fold_of.max()) + 1):
        rows = np.flatnonzero(fold_of == k)
        own = design.take(rows)
        alike = tally(own)
        single = own if alike is None else own.take(alike.rows)
        each = replace(objective, source=single.source)
        density = each if objective.family.quadratic else for_many(each, mode)
        folds.append(FoldRows(rows, alike, density))
        if alike is not None:
            each = replace(objective, source=counted(own, alike).source)
        plain.append(each)
        many.append(density if alike is None else for_many(each, mode))
    whole, near = gaussians_without(plain, mode)
    if whole is None:
        return None
    parts = [whole, *(one for one in near if one is not None and whole.share(one) < ALIKE)]
    if not inner.log_concave():
        parts.append(replace(whole, df=HEAVY_DF))
    n = max(wanted, LEAST_PER_CHAIN * chains, OF_EACH * chains * len(parts))
    drawn = _Drawn.of(objective, many, parts, -(-n // len(parts)), rng)

    def others(k: int) -> Objective:
        return replace(objective, source=design.take(fold_of != k).source)

    failed = [k for k, one in enumerate(drawn.smoothed[:-1]) if not drawn.stands(one, chains)]
    for k in failed:
        near[k] = _again(others(k), near[k])
    heavier = [replace(one, df=HEAVY_DF) for k in failed if (one := near[k]) is not None]
    if heavier:
        drawn = drawn.enlarged(objective, many, heavier, AGAIN * KISH_PER_CHAIN * chains, rng)
    is_proper = all(part.prior.proper for part in objective.coefficients)
    proper = [
        own is not None and (is_proper or _has_mode(others(k), own)) for k, own in enumerate(near)
    ]
    return FoldPool(centre, folds, drawn, [*near, whole], [*proper, True], chains)


class _Drawn(NamedTuple):
    """Draws of a mixture, the log densities ``(fold + 1, n)`` of each fold there, and weights."""

    parts: Sequence[Part]
    counts: Sequence[int]
    thetas: Array
    densities: Array
    log_q: Array
    smoothed: Sequence[Smoothed]

    @staticmethod
    def of(
        objective: Objective,
        folds: Sequence[Objective],
        parts: Sequence[Part],
        n: int,
        rng: np.random.Generator,
    ) -> _Drawn:
        """Return ``n`` draws of each part."""
        thetas = np.concatenate([part.draw(rng, n) for part in parts])
        densities = _densities(objective, folds, thetas)
        return _weighed(parts, [n] * len(parts), thetas, densities)

    def enlarged(
        self,
        objective: Objective,
        folds: Sequence[Objective],
        parts: Sequence[Part],
        n: int,
        rng: np.random.Generator,
    ) -> _Drawn:
        """Return the same with ``n`` draws of each of other parts as well."""
        more = _Drawn.of(objective, folds, parts, n, rng)
        return _weighed(
            [*self.parts, *parts],
            [*self.counts, *more.counts],
            np.concatenate([self.thetas, more.thetas]),
            np.concatenate([self.densities, more.densities], axis=1),
        )

    def stands(self, smoothed: Smoothed, chains: int) -> bool:
        """Say whether weights stand: they have a variance, and are worth enough draws."""
        if not smoothed.khat < min(FINITE_VARIANCE, khat_limit(len(self.thetas))):
            return False
        size = min(smoothed.kish, worth(smoothed.log_weights, self.thetas))
        return size >= KISH_PER_CHAIN * chains


def _weighed(
    parts: Sequence[Part], counts: Sequence[int], thetas: Array, densities: Array
) -> _Drawn:
    """Weigh draws by the density of each fold over that of the mixture."""
    each = [
        part.log_density(thetas) + np.log(n / len(thetas))
        for part, n in zip(parts, counts, strict=True)
    ]
    log_q = logsumexp(each, axis=0)
    smoothed = [pareto_smoothed(one - log_q) for one in densities]
    return _Drawn(parts, counts, thetas, densities, log_q, smoothed)


def _again(others: Objective, own: Part | None) -> Part | None:
    """Return the Gaussian of another Newton step, with the rows outside a fold themselves."""
    if own is None:
        return None
    return stepped(own.mean, others.evaluate(own.mean))


def _has_mode(others: Objective, near: Part) -> bool:
    """Say whether the rows outside a fold have a mode, where some priors are flat.

    Separated rows, say, have none: there another Newton step goes as far again.
    """
    if others.free or len(others.family.channels) > 1 or not others.registry.straight:
        gradient = others.evaluate(near.mean).gradient
    else:
        gradient = smooth_slopes([others], near.mean[None])[1][0]
    return bool(np.linalg.norm(np.linalg.solve(near.root.T, gradient)) < NEXT)


def _densities(objective: Objective, folds: Sequence[Objective], thetas: Array) -> Array:
    """Return log densities ``(fold + 1, n)`` without each fold, and at last of all rows.

    Where a fold has none, as beyond the domain of its link, the others may have one.
    """
    each = np.stack([*(one.log_likelihoods(thetas) for one in folds), np.zeros(len(thetas))])
    lost = ~np.isfinite(each)
    each = np.where(lost, 0.0, each)
    densities = each.sum(axis=0) + objective.log_priors(thetas) - each
    is_none = lost.sum(axis=0) > lost
    return np.where(is_none | ~np.isfinite(densities), -np.inf, densities)
