"""Simultaneous bands for empirical distributions of ranks.

Ranks of n simulations are cut into `points` equal cells. Where they are uniform, the count below
the k-th edge is Binomial(n, k/points). A band takes the same two-sided tail probability at every
edge, chosen so that all counts lie within the band at once with the probability asked for
(Säilynoja, Bürkner & Vehtari 2022, Statistics and Computing 32:32). That probability is computed,
not simulated: the counts of the cells are independent Poisson variables, given their sum.
"""

from functools import cache

import numpy as np
from scipy.stats import binom, poisson

Array = np.ndarray
# Two tail probabilities nearer than this, relative, are one: z from below, 1 - z from above.
_EQUAL = 1e-9


def count_below(ranks: Array, n_draws: int, points: int) -> Array:
    """Return how many ranks (0, ..., n_draws) lie below each of the points - 1 inner edges."""
    if (n_draws + 1) % points:
        raise ValueError(f"{n_draws + 1} ranks cannot be cut into {points} equal cells.")
    edges = np.arange(1, points) * ((n_draws + 1) // points)
    return np.searchsorted(np.sort(ranks), edges, side="left")


def p_value(below: Array, n: int) -> float:
    """Return the probability that uniform ranks come as near to a tail as these, at any edge.

    It is at most `alpha` just where `below` leaves the bands of probability 1 - alpha.
    """
    tails = _tails(n, len(below) + 1)
    nearest = tails[np.arange(len(below)), below].min()
    return max(0.0, 1.0 - _inside(tails > nearest * (1 + _EQUAL), n))


def bands(n: int, points: int, probability: float) -> tuple[Array, Array]:
    """Return the smallest and the largest count at each edge, both within the band.

    The narrowest bands that hold all counts at once with at least this probability.
    """
    tails = _tails(n, points)
    levels = np.unique(tails)
    low, high = 0, len(levels)  # the first `low` levels give bands wide enough, from `high` on none
    while low < high:
        middle = (low + high) // 2
        if _inside(tails > levels[middle] * (1 + _EQUAL), n) >= probability:
            low = middle + 1
        else:
            high = middle
    level = levels[low - 1] if low else -1.0
    allowed = tails > level * (1 + _EQUAL)
    return allowed.argmax(axis=1), n - allowed[:, ::-1].argmax(axis=1)


@cache
def _tails(n: int, points: int) -> Array:
    """Return twice the smaller tail probability of every count (column) at every edge (row)."""
    z = np.arange(1, points)[:, None] / points
    count = np.arange(n + 1)
    return 2 * np.minimum(binom.cdf(count, n, z), binom.sf(count - 1, n, z))


def _inside(allowed: Array, n: int) -> float:
    """Return the probability that the count at every edge is one that its row allows."""
    points = len(allowed) + 1
    cell = poisson.pmf(np.arange(n + 1), n / points)
    reached = np.zeros(n + 1)
    reached[0] = 1.0
    for row in allowed:
        reached = np.convolve(reached, cell)[: n + 1] * row
    return float(reached @ cell[::-1] / poisson.pmf(n, n))
