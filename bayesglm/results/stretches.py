"""Errors of sums over time: stretches of a recording stand for independent repetitions."""

from __future__ import annotations

import numpy as np
from scipy.stats import t as student_t

Array = np.ndarray
STRETCHES = 64  # of time, at most: chosen, 63 degrees of freedom


def error_of(squares: Array, count: int) -> Array:
    """Return standard errors of sums of scores of mean zero.

    ``squares`` are their sums over each of ``count`` stretches, squared and added up. NaN of one
    stretch, which says nothing of its spread.
    """
    if count < 2:
        return np.full(np.shape(squares), np.nan)
    return np.sqrt(squares * count / (count - 1))


def band_of(values: Array, se: Array, count: int, prob: float) -> tuple[Array, Array]:
    """Return the lower and upper end of Student's bands around values with such errors."""
    reach = student_t.ppf(0.5 + prob / 2, max(count - 1, 1)) * se
    return values - reach, values + reach
