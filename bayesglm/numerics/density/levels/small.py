"""Matrices of a few rows, very many at once: ``(k, k, ...)``, a loop over k and arrays behind it.

LAPACK takes a call for each matrix, which for two rows costs a hundred times the arithmetic.
"""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def cholesky(A: Array) -> Array:
    """Return the lower factors of positive definite matrices; NaN where one is not.

    >>> cholesky(np.array([[4.0, 2.0], [2.0, 5.0]])[..., None])[..., 0].tolist()
    [[2.0, 0.0], [1.0, 2.0]]
    """
    L = np.zeros_like(A)
    for j in range(len(A)):
        pivot = A[j, j] - sum(L[j, i] * L[j, i] for i in range(j))
        L[j, j] = np.sqrt(np.where(pivot > 0.0, pivot, np.nan))
        for i in range(j + 1, len(A)):
            L[i, j] = (A[i, j] - sum(L[i, m] * L[j, m] for m in range(j))) / L[j, j]
    return L


def solve_lower(L: Array, x: Array) -> Array:
    """Return L^-1 x of vectors ``(k, ...)``."""
    y = np.empty(np.broadcast_shapes(L.shape[1:], x.shape))
    for i in range(len(L)):
        y[i] = (x[i] - sum(L[i, j] * y[j] for j in range(i))) / L[i, i]
    return y


def solve_upper(L: Array, x: Array) -> Array:
    """Return L'^-1 x of vectors ``(k, ...)``.

    >>> L = np.array([[2.0, 0.0], [1.0, 2.0]])[..., None]
    >>> solve_upper(L, np.array([2.0, 4.0])[..., None])[:, 0].tolist()
    [0.0, 2.0]
    """
    y = np.empty(np.broadcast_shapes(L.shape[1:], x.shape))
    for i in reversed(range(len(L))):
        y[i] = (x[i] - sum(L[j, i] * y[j] for j in range(i + 1, len(L)))) / L[i, i]
    return y


def log_det(L: Array) -> Array:
    """Return the log determinants of lower factors."""
    return sum(np.log(L[i, i]) for i in range(len(L)))
