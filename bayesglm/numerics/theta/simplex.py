"""Shares that add up to one: n numbers as a function of n - 1 without bounds.

u holds the logarithms of all shares but the last, centred (Stan Reference Manual, Constraint
Transforms; PyMC's simplex):

    x = softmax(z),  z = (u_1, ..., u_(n-1), -sum of u_k)

Densities of shares are those of all but the last, with the Jacobian

    log |dx/du| = log n + sum_j log x_j
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from bayesglm.numerics.theta.transforms import Transform

Array = np.ndarray
MOST_REMEMBERED = 10_000  # numbers, which are found again sooner than computed


def centred_logs(u: Array) -> Array:
    """Return z ``(..., n)``: the logarithms of the shares, up to a constant, which sum to zero."""
    z = np.empty((*u.shape[:-1], u.shape[-1] + 1))
    z[..., :-1] = u
    z[..., -1] = -np.add.reduce(u, axis=-1)
    return z


def shares(u: Array) -> Array:
    """Return the shares ``(..., n)``.

    >>> shares(np.array([np.log(3.0) / 2])).round(12).tolist()
    [0.75, 0.25]
    """
    return _both(u)[0]


def log_shares(u: Array) -> Array:
    """Return their logarithms ``(..., n)``, of shares next to zero as well."""
    return _both(u)[1]


def _both(u: Array) -> tuple[Array, Array]:
    """Return the shares and their logarithms."""
    return _remembered(u.tobytes(), u.shape) if u.size <= MOST_REMEMBERED else _computed(u)


# Samplers ask several times at the same thetas.
@lru_cache(maxsize=64)
def _remembered(u: bytes, shape: tuple[int, ...]) -> tuple[Array, Array]:
    both = _computed(np.frombuffer(u).reshape(shape))
    for one in both:
        one.flags.writeable = False
    return both


def _computed(u: Array) -> tuple[Array, Array]:
    z = centred_logs(u)
    away = z - np.maximum.reduce(z, axis=-1, keepdims=True)
    parts = np.exp(away)
    total = np.add.reduce(parts, axis=-1, keepdims=True)
    return parts / total, away - np.log(total)


def against_last(slopes: Array) -> Array:
    """Return slopes in u ``(..., n - 1)`` of slopes in z ``(..., n)``."""
    return slopes[..., :-1] - slopes[..., -1:]


def pull_logs(of_shares: Array, slopes: Array) -> Array:
    """Return the slopes in u of slopes in the logarithms of shares ``(..., n)``."""
    total = np.add.reduce(slopes, axis=-1, keepdims=True)
    return against_last(slopes - of_shares * total)


def on_both_sides(of_z: Array) -> Array:
    """Return the second derivatives in u of those in z ``(n, n)``."""
    return against_last(against_last(of_z).T)


def _inner(x: Array) -> Array:
    logs = np.log(x)
    return (logs - logs.mean(axis=-1, keepdims=True))[..., :-1]


def log_jacobian(u: Array) -> Array:
    """Return log |dx/du| ``(...)``."""
    n = u.shape[-1] + 1
    return np.log(n) + np.add.reduce(log_shares(u), axis=-1)


def jacobian_slope(u: Array) -> Array:
    """Return its derivatives ``(..., n - 1)``."""
    return -(u.shape[-1] + 1) * against_last(shares(u))


def jacobian_bend(u: Array) -> Array:
    """Return its second derivatives ``(n - 1, n - 1)`` at one u."""
    x = shares(u)
    return on_both_sides(-len(x) * (np.diag(x) - np.outer(x, x)))


def _pull(u: Array, g: Array) -> Array:
    x = shares(u)
    return pull_logs(x, x * g)


def _bend(u: Array, g: Array) -> Array:
    """Return the second derivatives of sum_j x_j g_j at given g."""
    x = shares(u)
    apart = x * (g - x @ g)
    return on_both_sides(np.diag(apart) - np.outer(apart, x) - np.outer(x, apart))


SIMPLEX = Transform(
    "centred log {}",
    shares,
    _inner,
    log_jacobian=log_jacobian,
    pull=_pull,
    bend=_bend,
    jacobian_slope=jacobian_slope,
    jacobian_bend=jacobian_bend,
    log_natural=log_shares,
    log_slope=lambda u: 1.0 - against_last(shares(u)),
    second=lambda u, g: np.diagonal(_bend(u, g)),
    elementwise=False,
    # That of all logarithms but one, given that they sum to zero.
    precision=lambda n: np.eye(n) + 1.0,
)
