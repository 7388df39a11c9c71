"""Steps of one sign: n numbers w_j = n m zeta_j, of mean m and with shares zeta of their sum.

u holds m, any real number, and then the n - 1 numbers of the simplex transform of zeta, which are
logarithms of all shares but the last, centred (Stan Reference Manual, Constraint Transforms):

    zeta = softmax(z),  z = (u_1, ..., u_(n-1), -sum of u_k)

Densities of such steps are those of (m, zeta), and so the Jacobian is that of zeta alone:

    log |d(m, zeta)/du| = log n + sum_j log zeta_j

That of w itself is |m|^(n - 1) n^n times as large, and the density of w is smaller by that factor:
it grows without bound where m is 0, and the factor is in neither.
"""

from __future__ import annotations

import numpy as np

from bayesglm.numerics.theta import simplex
from bayesglm.numerics.theta.simplex import against_last, on_both_sides, shares
from bayesglm.numerics.theta.transforms import Transform

Array = np.ndarray


def _natural(u: Array) -> Array:
    return u.shape[-1] * u[..., :1] * shares(u[..., 1:])


def _inner(w: Array) -> Array:
    """Return u of steps; of steps that are all zero the shares are equal."""
    total = w.sum(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(np.where(total == 0.0, 1.0, w / total))
    centred = logs - logs.mean(axis=-1, keepdims=True)
    return np.concatenate([total / w.shape[-1], centred[..., :-1]], axis=-1)


def _log_jacobian(u: Array) -> Array:
    return simplex.log_jacobian(u[..., 1:])


def _jacobian_slope(u: Array) -> Array:
    slope = np.zeros(u.shape)
    slope[..., 1:] = simplex.jacobian_slope(u[..., 1:])
    return slope


def _beside_mean(bends: Array) -> Array:
    """Return the second derivatives in u ``(n, n)`` of those in all but the mean."""
    return np.pad(bends, ((1, 0), (1, 0)))


def _jacobian_bend(u: Array) -> Array:
    return _beside_mean(simplex.jacobian_bend(u[1:]))


def _pulled(u: Array, g: Array) -> tuple[Array, Array, Array]:
    """Return n times g's mean under the shares, the shares, and n zeta_j (g_j - that mean)."""
    n, zeta = u.shape[-1], shares(u[..., 1:])
    mean = np.add.reduce(zeta * g, axis=-1, keepdims=True)
    return n * mean, zeta, n * zeta * (g - mean)


def _pull(u: Array, g: Array) -> Array:
    of_mean, _, apart = _pulled(u, g)
    slope = np.empty(apart.shape)
    slope[..., :1] = of_mean
    slope[..., 1:] = u[..., :1] * against_last(apart)
    return slope


def _bend(u: Array, g: Array) -> Array:
    """Return the second derivatives of m n sum_j zeta_j g_j at given g."""
    _, zeta, apart = _pulled(u, g)
    of_z = np.diag(apart) - np.outer(apart, zeta) - np.outer(zeta, apart)
    bends = _beside_mean(on_both_sides(u[0] * of_z))
    bends[0, 1:] = bends[1:, 0] = against_last(apart)
    return bends


ONE_SIGN = Transform(
    "coordinate of {}",
    _natural,
    _inner,
    log_jacobian=_log_jacobian,
    pull=_pull,
    bend=_bend,
    jacobian_slope=_jacobian_slope,
    jacobian_bend=_jacobian_bend,
    log_natural=lambda u: np.log(_natural(u)),
    log_slope=lambda u: _pull(u, np.ones_like(u)) / _natural(u),
    second=lambda u, g: np.diagonal(_bend(u, g)),
    elementwise=False,
    n_unbounded=1,
    parts=(("mean", slice(0, 1)), ("share", slice(1, None))),
)
