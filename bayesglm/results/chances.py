"""The chances of what was observed: of a response below each, and of one up to it.

Of what lies above the middle of its distribution the chances from above are told in their place, so
that both tails have all their digits. Of a response that was seen as an interval they are those of
its two ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtri

from bayesglm.inference.problem.problem import Problem
from bayesglm.numerics.families.record import Family

Array = np.ndarray
SHORTEST = float(np.finfo(float).tiny)  # a chance, at least: residuals stay within 37.5
Told = tuple[Array, Any, Any]  # eta (channels, draws, rows), dispersions, and trials, of rows


class Chances(NamedTuple):
    """Of each row P(Y < y) and P(Y <= y); where it is ``above`` P(Y >= y) and P(Y > y)."""

    first: Array
    last: Array
    above: Array

    @staticmethod
    def empty(n: int) -> Chances:
        """Return room for so many rows."""
        return Chances(np.empty(n), np.empty(n), np.zeros(n, dtype=bool))

    def put(self, at: Array, some: Chances) -> None:
        """Put in those of some rows."""
        for own, given in zip(self, some, strict=True):
            own[at] = given

    def uniform(self, rng: np.random.Generator) -> Array:
        """Return P(Y < y) + r P(Y = y), r uniform: uniform if the model is true."""
        side = self._beside(rng)
        return np.where(self.above, 1.0 - side, side)

    def normal(self, rng: np.random.Generator) -> Array:
        """Return the normal quantiles of the same, with all digits of both tails."""
        quantile = ndtri(np.maximum(self._beside(rng), SHORTEST))
        return np.where(self.above, -quantile, quantile)

    def _beside(self, rng: np.random.Generator) -> Array:
        return self.first + rng.random(len(self.first)) * (self.last - self.first)


def chances_fault(problem: Problem) -> str:
    """Say why responses have no such chances; empty where they do."""
    family = problem.natural.family
    if family.cdf is not None and not family.words.counts_levels:
        return ""
    return f"{problem.plan.model.family} responses have no chances of lying below a value"


def chances_of(
    family: Family, y: Array, told: Told, log_density: Array, weights: Array | None = None
) -> Chances:
    """Return the chances of some rows, means over draws, which weigh ``weights (draws, rows)``.

    ``log_density (draws, rows)`` is log p(y), of which the chances of single counts are made.
    """
    assert family.cdf is not None
    assert family.survival is not None
    low, high = _ends(family, y)
    counted = family.words.discrete and y.dtype.names is None
    of_one = over_draws(np.exp(log_density), weights) if counted else None

    def chance(function: Callable[..., Array], ends: tuple[float, float], at: Array) -> Chances:
        """Return the chances at both ends of the rows ``at``."""
        first = _at_end(function, low, ends, told, weights, at)
        above = np.full(len(at), ends[0] > 0.0)
        if of_one is not None:
            last = first + np.where(above, -of_one[at], of_one[at])
            return Chances(first, np.clip(last, 0.0, 1.0), above)
        last = first if low is high else _at_end(function, high, ends, told, weights, at)
        return Chances(first, last.copy(), above)

    chances = chance(family.cdf, (0.0, 1.0), np.arange(len(y)))
    far = np.flatnonzero(chances.first > 0.5)
    if len(far):
        chances.put(far, chance(family.survival, (1.0, 0.0), far))
    return chances


def over_draws(values: Array, weights: Array | None) -> Array:
    """Return the means over draws of ``(draws, rows)``, plain or weighted."""
    return values.mean(axis=0) if weights is None else (weights * values).sum(axis=0)


def _ends(family: Family, y: Array) -> tuple[Array, Array]:
    """Return the ends of what was seen of each response, low < Y <= high; alike, of densities."""
    discrete = family.words.discrete
    if y.dtype.names is not None:
        low, high = y["below"], y["upto"]
        return (np.where(low == high, high - 1.0, low) if discrete else low), high
    if discrete:  # below the least count there is nothing, and most counts of events are zero
        return np.where(y > 0.0, y - 1.0, -np.inf), y
    if family.words.has_atoms:
        return np.where(y == 0.0, -np.inf, y), y
    return y, y


def _at_end(
    function: Callable[..., Array],
    end: Array,
    beyond: tuple[float, float],
    told: Told,
    weights: Array | None,
    at: Array,
) -> Array:
    """Return the mean chances of some rows at an end; known ones where it is infinite."""
    eta, phi, trials = told
    end = end[at]
    chances = np.where(end < 0.0, *beyond)
    finite = np.isfinite(end)
    some = at[finite]
    if len(some):
        own = None if trials is None else trials[some]
        values = function(end[finite], eta[..., some], phi, own)
        of_rows = None if weights is None else weights[:, some]
        chances[finite] = over_draws(np.broadcast_to(values, (eta.shape[1], len(some))), of_rows)
    return chances
