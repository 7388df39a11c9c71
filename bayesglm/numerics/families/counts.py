"""Counts: what never happened, and what is so large that sums of it lose digits."""

import numpy as np
from numpy.typing import NDArray

type Array = NDArray[np.float64]

# Counts beyond which the parts of log p(y) are so large that their sum would lose digits: from
# 1e4 on Stirling's series of two terms is exact to rounding.
LARGE_COUNT = 1e4


def counted(count: Array | float, term: Array) -> Array:
    """Return count * term, where what never happened counts nothing: 0 * -inf = 0."""
    with np.errstate(over="ignore", invalid="ignore"):
        product = count * term
    if np.size(term) == 0 or np.isfinite(np.min(term)):
        return product
    return np.where(np.equal(count, 0.0), 0.0, product)


def is_count(y: Array) -> NDArray[np.bool_]:
    """Say which numbers are finite counts."""
    return np.greater_equal(y, 0.0) & np.isfinite(y) & np.equal(y, np.floor(y))


def pushed_down(y: Array, trials: Array | None) -> Array:
    """Where responses of a positive mean push it: a zero to zero without end, others nowhere far.

    >>> pushed_down(np.array([0.0, 3.0]), None).tolist()
    [-1.0, 0.0]
    """
    return np.where(np.asarray(y) <= 0.0, -1.0, 0.0)
