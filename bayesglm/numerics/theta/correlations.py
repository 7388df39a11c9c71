"""Correlation matrices as functions of numbers without bounds.

Below the diagonal stand canonical partial correlations z = tanh(u), and with them the Cholesky
factor C of the matrix R = C C', row by row,

    C_ij = z_ij prod_(l < j) sech(u_il),   C_ii = prod_(l < i) sech(u_il)

(Lewandowski, Kurowicka & Joe 2009, Journal of Multivariate Analysis 100, 1989; Stan Reference
Manual, Cholesky Factors of Correlation Matrices). Several matrices lie one behind the other.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from bayesglm.numerics.theta.transforms import IDENTITY, Transform

Array = np.ndarray
MOST_REMEMBERED = 10_000  # numbers, which are found again sooner than computed
NEAREST = 1.0 - 1e-15  # a partial correlation, beyond which floats tell it from one no more


def n_below(k: int) -> int:
    """Return how many numbers say a matrix of k rows.

    >>> n_below(3)
    3
    """
    return k * (k - 1) // 2


@lru_cache(maxsize=16)  # sizes that are in use at a time
def _places(k: int) -> Array:
    """Return where the numbers below the diagonal stand in a flat matrix of k rows."""
    return np.ravel_multi_index(np.tril_indices(k, -1), (k, k))


def _below(u: Array, k: int) -> Array:
    """Return matrices ``(..., m, k, k)`` that hold u ``(..., m n)`` below their diagonals."""
    lead = (*u.shape[:-1], u.shape[-1] // n_below(k))
    flat = np.zeros((*lead, k * k))
    flat[..., _places(k)] = u.reshape(*lead, n_below(k))
    return flat.reshape(*lead, k, k)


def gathered(matrices: Array) -> Array:
    """Return what stands below the diagonals of matrices ``(..., m, k, k)``, as u does."""
    *lead, m, k, _ = matrices.shape
    return matrices.reshape(*lead, m, k * k)[..., _places(k)].reshape(*lead, -1)


def _log_cosh(u: Array) -> Array:
    return np.logaddexp(u, -u) - np.log(2.0)


class Factors(NamedTuple):
    """What u says of matrices, each ``(..., m, k, k)``.

    Their Cholesky factors C, the partial correlations z and log cosh u below the diagonals, what
    is left of each row's length before each column as a logarithm, whose diagonal is log C_ii, and
    C with its columns divided by their diagonal, with its inverse.
    """

    C: Array
    z: Array
    log_cosh: Array
    log_left: Array
    unit: Array
    inverse: Array


def factors(u: Array, k: int) -> Factors:
    """Return the factors of the matrices that u ``(..., m n)`` says.

    >>> factors(np.array([np.arctanh(0.6)]), 2).C.round(12).tolist()
    [[[1.0, 0.0], [0.6, 0.8]]]
    """
    return _remembered(u.tobytes(), u.shape, k) if u.size <= MOST_REMEMBERED else _computed(u, k)


# Samplers ask several times at the same thetas.
@lru_cache(maxsize=64)
def _remembered(u: bytes, shape: tuple[int, ...], k: int) -> Factors:
    return _computed(np.frombuffer(u).reshape(shape), k)


def _computed(u: Array, k: int) -> Factors:
    below = _below(u, k)
    steps = _log_cosh(below)
    log_left = steps - np.cumsum(steps, axis=-1)
    z = np.tanh(below)
    C = (z + np.eye(k)) * np.exp(log_left)
    unit = C / np.diagonal(C, axis1=-2, axis2=-1)[..., None, :]
    return Factors(C, z, steps, log_left, unit, np.linalg.inv(unit))


def pull_factor(u: Array, k: int, slopes: Array) -> Array:
    """Return the slopes in u of slopes in C ``(..., m, k, k)``, zero above the diagonals."""
    of = factors(u, k)
    of_entries = slopes * of.C
    behind = of_entries.sum(axis=-1, keepdims=True) - np.cumsum(of_entries, axis=-1)
    return gathered(slopes * np.exp(of.log_left - 2.0 * of.log_cosh) - of.z * behind)


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
        C = factors(u, k).C
        matrices = C @ np.swapaxes(C, -1, -2)
        flat = matrices.reshape(*matrices.shape[:-2], k * k)
        flat[..., :: k + 1] = 1.0
        return flat.reshape(*u.shape[:-1], -1)

    def inner(x: Array) -> Array:
        return np.arctanh(gathered(partial_of(x.reshape(*x.shape[:-1], -1, k, k))))

    def pull(u: Array, g: Any) -> Array:
        slopes = np.reshape(g, (*u.shape[:-1], -1, k, k))
        both = slopes + np.swapaxes(slopes, -1, -2)
        return pull_factor(u, k, np.tril(both @ factors(u, k).C))

    def bend(u: Array, g: Array) -> Array:
        raise NotImplementedError("no solver moves correlations")

    def jacobian_bend(u: Array) -> Array:
        return np.diag(gathered(-times * np.exp(-2.0 * factors(u, k).log_cosh)))

    return replace(
        IDENTITY,
        label="Cholesky factor of {}",
        natural=natural,
        inner=inner,
        log_jacobian=lambda u: -(times * factors(u, k).log_cosh).sum(axis=(-1, -2, -3)),
        pull=pull,
        bend=bend,
        jacobian_slope=lambda u: gathered(-times * factors(u, k).z),
        jacobian_bend=jacobian_bend,
        straight=False,
        elementwise=False,
        bounded=True,
    )
