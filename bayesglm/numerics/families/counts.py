"""Counts: what never happened, and what is so large that sums of it lose digits."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

type Array = NDArray[np.float64]

# Counts beyond which the parts of log p(y) are so large that their sum would lose digits: from
# 1e4 on Stirling's series of two terms is exact to rounding.
LARGE_COUNT = 1e4


def counted(count: Array | float, term: Array) -> Array:
    """Return count * term, where what never happened counts nothing: 0 * -inf = 0."""
    with np.errstate(over="ignore", invalid="ignore"):
        product = count * term
        if np.isfinite(np.sum(term)):
            return product
    return np.where(np.equal(count, 0.0), 0.0, product)


def is_count(y: Array) -> NDArray[np.bool_]:
    """Say which numbers are finite counts."""
    return np.greater_equal(y, 0.0) & np.isfinite(y) & np.equal(y, np.floor(y))


def variance_of_counted(mean: Array, trials: Array | None) -> Array:
    """n p (1 - p), of how often something occurs in n trials, from the mean n p.

    >>> variance_of_counted(np.array([1.0, 2.0]), np.array([2.0, 2.0])).tolist()
    [0.5, 0.0]
    """
    return mean * (1.0 - (mean if trials is None else mean / np.maximum(trials, 1.0)))


def pushed_down(y: Array, trials: Array | None) -> Array:
    """Where responses of a positive mean push it: a zero to zero without end, others nowhere far.

    >>> pushed_down(np.array([0.0, 3.0]), None).tolist()
    [-1.0, 0.0]
    """
    return np.where(np.asarray(y) <= 0.0, -1.0, 0.0)


def pushed_up(y: Array, trials: Array | None) -> Array:
    """Where responses push eta under a link in which a positive mean falls: the other way.

    >>> pushed_up(np.array([0.0, 3.0]), None).tolist()
    [1.0, 0.0]
    """
    return np.where(np.asarray(y) <= 0.0, 1.0, 0.0)


def constant_of_counts(y: Array, trials: None) -> Array:
    """-log y!; of large counts less y log y - y, by Stirling's series (Abramowitz & Stegun 1964,
    6.1.41).

    That is what kernels leave out of their share.
    """
    y = np.asarray(y)
    largest = np.max(y, initial=0.0)
    if largest < min(y.size, LARGE_COUNT):  # counts repeat: a table is shorter than the data
        return -gammaln(np.arange(largest + 1.0) + 1.0)[y.astype(np.intp)]
    large = np.greater(y, LARGE_COUNT)
    count = np.where(large, y, 1.0)
    rest = -0.5 * np.log(2.0 * np.pi * count) - 1.0 / (12.0 * count)
    return np.where(large, rest, -gammaln(y + 1.0))


def draw_counts(rng: np.random.Generator, mu: Array) -> Array:
    """Draw Poisson counts of any means."""
    mu = np.asarray(mu)
    # numpy refuses means beyond 9.2e18; from 1e15 on the normal limit is exact to 1e-8.
    counts = np.asarray(rng.poisson(np.minimum(mu, 1e15)), dtype=np.float64)
    large = mu > 1e15
    if np.any(large):
        noise = np.sqrt(mu[large]) * rng.standard_normal(np.count_nonzero(large))
        counts[large] = np.rint(mu[large] + noise)
    return counts


def pushed_to_the_ends(y: Array, trials: Array | None) -> Array:
    """Where responses among trials push eta: none and all of them without end.

    >>> pushed_to_the_ends(np.array([0.0, 1.0, 3.0]), np.array([3.0])).tolist()
    [-1.0, 0.0, 1.0]
    """
    y = np.asarray(y, dtype=np.float64)
    all_of_them = y == (1.0 if trials is None else trials)
    return np.where(all_of_them, 1.0, np.where(y <= 0.0, -1.0, 0.0))
