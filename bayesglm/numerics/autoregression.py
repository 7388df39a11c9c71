"""Stationary normal series of given autocovariances, whose precision is banded."""

from __future__ import annotations

import numpy as np

Array = np.ndarray
LEAST = 1e-10  # of the variance, that a prediction may leave before rounding hides it


def innovations(autocovariance: Array) -> tuple[Array, Array]:
    """Return what predicts a series from its past, and what that leaves, for each length of past.

    Of m + 1 autocovariances the autoregression of order m has these, and of all series that have
    them the largest entropy (Burg 1975). Row j of the coefficients ``(m + 1, m)`` is the best
    predictor from j past values, by the recursion of Levinson and Durbin, and the j-th variance
    what it leaves.

    Raises ValueError where they are no autocovariances: their matrix is not positive definite.

    >>> innovations(np.array([2.0, 1.0]))
    (array([[0. ],
           [0.5]]), array([2. , 1.5]))
    """
    m = len(autocovariance) - 1
    coefficients, left = np.zeros((m + 1, m)), np.empty(m + 1)
    left[0] = autocovariance[0]
    if not left[0] > 0.0:
        raise ValueError("lag 0")
    for j in range(1, m + 1):
        before = coefficients[j - 1, : j - 1]
        reflected = (autocovariance[j] - before @ autocovariance[j - 1 : 0 : -1]) / left[j - 1]
        coefficients[j, : j - 1] = before - reflected * before[::-1]
        coefficients[j, j - 1] = reflected
        left[j] = left[j - 1] * (1.0 - reflected**2)
        if not left[j] > LEAST * left[0]:
            raise ValueError(f"lag {j}")
    return coefficients, left


def precision_bands(autocovariance: Array, n: int) -> Array:
    """Return the precision of n values of that series, as bands ``(m + 1, n)``.

    Band d holds, at s, the row s and the column s - d.

    >>> precision_bands(np.array([2.0, 1.0]), 3).round(4).tolist()
    [[0.6667, 0.8333, 0.6667], [0.0, -0.3333, -0.3333]]
    """
    coefficients, left = innovations(autocovariance)
    m = len(left) - 1
    past = np.minimum(np.arange(n), m)
    roots = np.zeros((n, m + 1))  # of row t what stands in column t - k, of a lower root A of A'A
    roots[:, 0], roots[:, 1:] = 1.0, -coefficients[past]
    roots /= np.sqrt(left[past])[:, None]
    bands = np.zeros((m + 1, n))
    for k in range(min(m + 1, n)):
        for d in range(m + 1 - k):
            bands[d, : n - k] += roots[k:, k] * roots[k:, k + d]
    reach = np.arange(m + 1)[:, None]
    return np.where(np.arange(n) >= reach, bands, 0.0)
