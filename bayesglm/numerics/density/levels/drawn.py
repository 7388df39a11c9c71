"""Exact draws of levels' effects, the top given: a few steps of independence Metropolis each.

Proposals have each level's own mean and covariance, by its quadrature, and of a single effect its
skewness as well,

    b = mean + sd (z cosh e + (sqrt(1 + z^2) - E sqrt(1 + z^2)) sinh e) / unit

with z standard normal: sinh(asinh z + e), whose tails are those of normals (Jones & Pewsey 2009,
Biometrika 96, 761-780). After n steps a chain's draw is one of the posterior but for a part that
falls like (1 - accepted)^n.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bayesglm.numerics.density.levels.conditional import Conditional
from bayesglm.numerics.density.levels.nodes import Nodes
from bayesglm.numerics.density.levels.prior import AtThetas, LevelPrior
from bayesglm.numerics.density.levels.quadrature import Around, log_joint, weighed
from bayesglm.numerics.density.levels.small import cholesky, solve_upper

Array = np.ndarray
MEAN_ROOT = 1.3545  # E sqrt(1 + z^2)
SKEWNESS = 2.13  # of b by a small e: 3 (E z^2 sqrt(1 + z^2) - E sqrt(1 + z^2))
MOST_SKEWED = 0.6  # e of a proposal: chosen, beyond the fit is no better


class Drawn(NamedTuple):
    """Effects ``(k, m, levels)``, the mean chance of acceptance of each level's proposals.

    ``value`` ``(m, levels)`` is log p(y_j, b_j | t) there, but for the likelihood's constant.
    """

    b: Array
    accepted: Array
    value: Array


class _Skewed(NamedTuple):
    """b = start + straight z + bent sqrt(1 + z^2) of one effect, each ``(m, levels)``."""

    start: Array
    straight: Array
    bent: Array

    def draw(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return effects ``(1, m, levels)``, and log q but for a constant."""
        z = rng.standard_normal(self.start.shape)
        squares = z * z
        root = np.sqrt(1.0 + squares)
        b = self.straight * z
        b += self.start
        b += self.bent * root
        z /= root
        z *= self.bent
        z += self.straight
        log_q = np.log(z, out=z)
        squares *= -0.5
        return b[None], squares - log_q


class _Normal(NamedTuple):
    """b = mean + factor z of several effects, ``(k, m, levels)`` and ``(k, k, m, levels)``."""

    mean: Array
    factor: Array

    def draw(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return effects ``(k, m, levels)``, and log q but for a constant of each level."""
        z = rng.standard_normal(self.mean.shape)
        b = self.mean.copy()
        for i in range(len(z)):
            for j in range(i + 1):
                b[i] += self.factor[i, j] * z[j]
        return b, -0.5 * (z * z).sum(axis=0)


def _proposal(around: Around, shares: Array, nodes: Nodes) -> _Skewed | _Normal:
    """Return what proposes, from the shares ``(q, m, levels)`` of the nodes."""
    x, k = nodes.points, len(around.centre)
    mean = np.tensordot(x.T, shares, 1)
    if k > 1:
        squares = np.tensordot(np.einsum("qi,qj->ijq", x, x), shares, 1)
        factor = cholesky(squares - mean[:, None] * mean)
        columns = [solve_upper(around.factor, factor[:, j]) for j in range(k)]
        covariance = sum(c[:, None] * c for c in columns)
        return _Normal(around.centre + solve_upper(around.factor, mean), cholesky(covariance))
    first, (second, third) = (
        mean[0],
        np.tensordot(np.stack([x[:, 0] ** 2, x[:, 0] ** 3]), shares, 1),
    )
    variance = second - first * first
    skewness = (third - first * (3.0 * variance + first * first)) / variance**1.5
    e = np.clip(skewness / SKEWNESS, -MOST_SKEWED, MOST_SKEWED)
    cosh, sinh = np.cosh(e), np.sinh(e)
    scale = 1.0 / around.factor[0, 0]
    unit = scale * np.sqrt(variance / (cosh * cosh + (2.0 - MEAN_ROOT**2) * sinh * sinh))
    bent = unit * sinh
    return _Skewed(around.centre[0] + scale * first - MEAN_ROOT * bent, unit * cosh, bent)


def drawn(
    rng: np.random.Generator,
    given: Conditional,
    prior: LevelPrior,
    at: AtThetas,
    around: Around,
    nodes: Nodes,
    steps: int,
) -> Drawn:
    """Return effects after some steps from a draw of their proposals."""
    shares = weighed(given, prior, at, around, nodes).shares
    proposal = _proposal(around, shares, nodes)
    b, log_q = proposal.draw(rng)
    value = log_joint(given, prior, at, b)
    ratio = value - log_q
    chance = np.zeros(ratio.shape[1:])
    for _ in range(steps):
        other, log_q = proposal.draw(rng)
        there = log_joint(given, prior, at, other)
        log_q = np.subtract(there, log_q, out=log_q)
        rise = log_q - ratio
        rise[np.isnan(rise)] = -np.inf  # from where no probability lies to another such place
        taken = -rng.standard_exponential(rise.shape) < rise
        np.copyto(b, other, where=taken)
        np.copyto(value, there, where=taken)
        np.copyto(ratio, log_q, where=taken)
        chance += np.exp(np.minimum(rise, 0.0, out=rise), out=rise).mean(axis=0)
    return Drawn(b, chance / max(steps, 1), value)
