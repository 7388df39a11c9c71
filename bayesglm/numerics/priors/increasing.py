"""Priors of increasing numbers: independent ones, given that each is above the last.

With densities f_1, ..., f_q the density is f_1(x_1) ... f_q(x_q) / P where x increases and 0
elsewhere, P being the probability that independent numbers increase:

    G_1(x) = integral of f_1 up to x
    G_k(x) = integral of f_k G_(k-1) up to x
    P      = G_q(infinity)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.polynomial import legendre

from bayesglm.numerics.priors.distribution import Distribution

Array = np.ndarray
FINER = 8  # parts of a panel, between whose nodes lines stand for a distribution to 1e-5
NODES = 16  # of Gauss and Legendre in each panel: normal densities to the last digits
# Edges of panels, in scales from each centre: as far as normal densities are floats, and doubled
# further out, where of Cauchy's, with the heaviest tails of all, 1e-15 are left out.
REACH = np.concatenate([[0.0, 0.5], np.arange(1.0, 40.0), 40.0 * 2.0 ** np.arange(46)])


@dataclass(frozen=True, eq=False)
class Increasing:
    """Independent priors of numbers that increase; improper ones are left as they are.

    >>> alike = Distribution("Normal", {"loc": np.zeros(3), "scale": 2.0})
    >>> float((6 * np.exp(Increasing(alike, 3).log_share)).round(9))  # one order of six
    1.0
    """

    apart: Distribution
    size: int

    @property
    def kind(self) -> str:
        """The name of the record of each number's prior."""
        return self.apart.kind

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The numbers that these take."""
        return self.apart.parameters

    @property
    def proper(self) -> bool:
        """Whether the density integrates to one."""
        return self.apart.proper

    @cached_property
    def log_share(self) -> float:
        """The logarithm of the probability that independent numbers increase; 0 if improper."""
        if not self.proper or self.size == 1:
            return 0.0
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(np.nan_to_num(_cumulated(self.apart, self.size)[0], nan=-np.inf))

    def total(self, x: Array) -> Array:
        """Return the log density of increasing numbers ``(..., q)``."""
        return self.apart.total(x) - self.log_share

    def gradient(self, x: Array) -> Array:
        """Return its derivatives at x ``(..., q)``."""
        return self.apart.gradient(x)

    def curvature(self, x: Array) -> Array:
        """Return its second derivatives at x ``(q,)``, as a matrix."""
        return self.apart.curvature(x)

    def draw(self, rng: np.random.Generator, shape: tuple[int, int]) -> Array:
        """Return independent draws ``(n, q)``: of numbers alike in order, else from the last on.

        Given x_(k+1) the density of x_k is f_k G_(k-1) up to there, over all numbers below it.
        """
        if all(np.ptp(value) == 0.0 for value in self.parameters.values()):
            return np.sort(self.apart.draw(rng, shape), axis=1)
        _, x, below = _cumulated(self.apart, self.size, FINER)
        draws, upto = np.empty(shape), np.ones(shape[0])
        for k in reversed(range(self.size)):
            draws[:, k] = np.interp(rng.random(shape[0]) * upto, below[k], x)
            upto = np.interp(draws[:, k], x, below[k - 1]) if k else upto
        return draws


def _cumulated(apart: Distribution, size: int, finer: int = 1) -> tuple[float, Array, list[Array]]:
    """Return log P, nodes x, and the integral of each f_k G_(k-1) up to these, of 1 in all.

    Panels are cut into ``finer`` parts.
    """
    numbers = {
        key: np.broadcast_to(np.asarray(value, dtype=np.float64), size)
        for key, value in apart.parameters.items()
    }
    centre, scale = numbers["loc"], numbers["scale"]
    either = np.concatenate([-REACH[:0:-1], REACH])
    edges = np.unique(centre[:, None] + scale[:, None] * either)
    steps = np.arange(len(edges) * finer - finer + 1) / finer
    edges = np.interp(steps, np.arange(len(edges)), edges)
    half = 0.5 * np.diff(edges)
    nodes, weights, to_node = _rule()
    x = edges[:-1, None] + half[:, None] * (1.0 + nodes)
    log_total, below, every = 0.0, np.ones_like(x), []
    for k in range(size):
        own = {key: value[k] for key, value in numbers.items()}
        mass = half[:, None] * np.exp(apart.prior.log_density(x, **own)) * below
        of_panels = mass @ weights
        before = np.concatenate([[0.0], np.cumsum(of_panels)])
        # In units of the whole, which may be very little.
        log_total += np.log(before[-1])
        within = np.maximum(mass @ to_node.T, 0.0)  # where it is rounding
        below = (before[:-1, None] + within) / before[-1]
        every.append(below.ravel())
    return float(log_total), x.ravel(), every


@cache
def _rule() -> tuple[Array, Array, Array]:
    """Return nodes and weights, and what integrates from -1 up to each node.

    A matrix, through the series of Legendre polynomials that has a function's values at the nodes.
    """
    nodes, weights = legendre.leggauss(NODES)
    degrees = np.arange(len(nodes))
    values = legendre.legvander(nodes, len(nodes))
    to_series = (degrees[:, None] + 0.5) * values[:, :-1].T * weights
    rising = np.empty((len(nodes), len(nodes)))
    rising[:, 0] = nodes + 1.0
    rising[:, 1:] = (values[:, 2:] - values[:, :-2]) / (2.0 * degrees[1:] + 1.0)
    return nodes, weights, rising @ to_series
