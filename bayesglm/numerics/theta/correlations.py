"""Correlation matrices as functions of numbers without bounds.

Below the diagonal stand canonical partial correlations z = tanh(u), and with them the Cholesky
factor C of the matrix R = C C', row by row,

    C_ij = z_ij prod_(l < j) sech(u_il),   C_ii = prod_(l < i) sech(u_il)

(Lewandowski, Kurowicka & Joe 2009, Journal of Multivariate Analysis 100, 1989; Stan Reference
Manual, Cholesky Factors of Correlation Matrices). Several matrices lie one behind the other.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from bayesglm.numerics.theta.transforms import IDENTITY, Transform

Array = np.ndarray
NEAREST = 1.0 - 1e-15  # a partial correlation, beyond which floats tell it from one no more


def n_below(k: int) -> int:
    """Return how many numbers say a matrix of k rows.

    >>> n_below(3)
    3
    """
    return k * (k - 1) // 2


def _below(u: Array, k: int) -> Array:
    """Return matrices ``(..., m, k, k)`` that hold u ``(..., m n)`` below their diagonals."""
    lead = (*u.shape[:-1], u.shape[-1] // n_below(k))
    matrices = np.zeros((*lead, k, k))
    matrices[..., *np.tril_indices(k, -1)] = u.reshape(*lead, n_below(k))
    return matrices


def _gathered(matrices: Array) -> Array:
    """Return what stands below the diagonals of matrices ``(..., m, k, k)``, as u does."""
    *lead, _, k, _ = matrices.shape
    return matrices[..., *np.tril_indices(k, -1)].reshape(*lead, -1)


def _log_cosh(u: Array) -> Array:
    return np.logaddexp(u, -u) - np.log(2.0)


def _log_left(below: Array) -> Array:
    """Return what is left of each row's length before each column, as logarithms."""
    steps = _log_cosh(below)
    return steps - np.cumsum(steps, axis=-1)


def factor(u: Array, k: int) -> Array:
    """Return the Cholesky factors ``(..., m, k, k)`` of the matrices that u ``(..., m n)`` says.

    >>> factor(np.array([np.arctanh(0.6)]), 2).round(12).tolist()
    [[[1.0, 0.0], [0.6, 0.8]]]
    """
    below = _below(u, k)
    return (np.tanh(below) + np.eye(k)) * np.exp(_log_left(below))


def log_diagonal(u: Array, k: int) -> Array:
    """Return the logarithms ``(..., m, k)`` of the factors' diagonals."""
    return -_log_cosh(_below(u, k)).sum(axis=-1)


def partial(u: Array, k: int) -> Array:
    """Return the partial correlations ``(..., m, k, k)``, below the diagonals."""
    return np.tanh(_below(u, k))


def pull_factor(u: Array, k: int, slopes: Array) -> Array:
    """Return the slopes in u of slopes ``(..., m, k, k)`` in the factors' entries."""
    below = _below(u, k)
    z, left = np.tanh(below), np.exp(_log_left(below))
    of_entries = np.tril(slopes * (z + np.eye(k)) * left)
    behind = np.cumsum(of_entries[..., ::-1], axis=-1)[..., ::-1] - of_entries
    return _gathered(slopes * left * np.exp(-2.0 * _log_cosh(below)) - z * behind)


def partial_of(matrices: Array) -> Array:
    """Return the partial correlations ``(..., k, k)`` of correlation matrices."""
    k = matrices.shape[-1]
    z, C = np.zeros(matrices.shape), np.zeros(matrices.shape)
    C[..., 0, 0] = 1.0
    for i in range(1, k):
        left = np.ones(matrices.shape[:-2])
        for j in range(i):
            along = (C[..., i, :j] * C[..., j, :j]).sum(axis=-1)
            of_pair = (matrices[..., i, j] - along) / (C[..., j, j] * left)
            z[..., i, j] = np.clip(of_pair, -NEAREST, NEAREST)
            C[..., i, j] = z[..., i, j] * left
            left = left * np.sqrt((1.0 - z[..., i, j]) * (1.0 + z[..., i, j]))
        C[..., i, i] = left
    return z


def correlations(k: int) -> Transform:
    """Return the transform of correlation matrices of k rows, natural values being all entries.

    Its Jacobian is that of the entries below the diagonal. No solver moves correlations, and their
    second derivatives are asked of no one.

    >>> correlations(2).natural(np.array([np.arctanh(0.6)])).round(12).tolist()
    [1.0, 0.6, 0.6, 1.0]
    """
    times = np.broadcast_to(float(k) - np.arange(k), (k, k))

    def natural(u: Array) -> Array:
        C = factor(u, k)
        matrices = C @ np.swapaxes(C, -1, -2)
        matrices[..., *np.diag_indices(k)] = 1.0
        return matrices.reshape(*u.shape[:-1], -1)

    def inner(x: Array) -> Array:
        return np.arctanh(_gathered(partial_of(x.reshape(*x.shape[:-1], -1, k, k))))

    def pull(u: Array, g: Any) -> Array:
        slopes = np.reshape(g, (*u.shape[:-1], -1, k, k))
        return pull_factor(u, k, (slopes + np.swapaxes(slopes, -1, -2)) @ factor(u, k))

    def bend(u: Array, g: Array) -> Array:
        raise NotImplementedError("no solver moves correlations")

    def jacobian_bend(u: Array) -> Array:
        return np.diag(_gathered(-times / np.cosh(_below(u, k)) ** 2))

    return replace(
        IDENTITY,
        label="Cholesky factor of {}",
        natural=natural,
        inner=inner,
        log_jacobian=lambda u: -(times * _log_cosh(_below(u, k))).sum(axis=(-1, -2, -3)),
        pull=pull,
        bend=bend,
        jacobian_slope=lambda u: _gathered(-times * partial(u, k)),
        jacobian_bend=jacobian_bend,
        straight=False,
        elementwise=False,
        bounded=True,
    )
