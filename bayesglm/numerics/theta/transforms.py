"""Transforms: parameters with bounds as functions of numbers without.

A solver or a sampler moves a run u that has no bounds, and natural values are x = T(u). With
J = dx/du, and g and H the gradient and Hessian of a function in x, those in u are

    J' g
    J' H J + sum_k g_k d2x_k/du du'

and a density of x, seen as one of u, is larger by the factor |det J|. `LOG`, `logit`, `ORDERED` and
`CIRCULAR` are those of Stan and PyMC (Stan Reference Manual, Constraint Transforms). Nobody else
says exp, log or Jacobian of a parameter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.special import expit, log_expit

Array = np.ndarray
# Largest |u| of a parameter with bounds, in its own unit: beyond lies no probability, and the
# squares of natural values leave the floats (exp(150)^2 is 1e130, whose square is 1e260).
FAR_OUT = 150.0


@dataclass(frozen=True)
class Transform:
    """Natural values x = T(u) of a run of u; all functions act on the last axis.

    - `label`: how u is called, ``"log {}"``, where x is called ``"{}"``.
    - `natural(u)`, `inner(x)`: x, and back.
    - `log_jacobian(u)`: log |det dx/du|, summed over the last axis.
    - `pull(u, g)`: J'g, the gradient in u of a function whose gradient in x is g.
    - `bend(u, g)`: the matrix sum_k g_k d2x_k/du du' ``(q, q)``, of one u and one g ``(q,)``.
    - `second(u, g)`: its diagonal, of elementwise transforms for arrays of any shape.
    - `jacobian_slope(u)`, `jacobian_bend(u)`: the first and second derivatives of `log_jacobian`,
      ``(..., q)``, or a number where it is one for all, and ``(q, q)``.
    - `log_natural(u)`, `log_slope(u)`: log x of positive values, and dx_k/du_k / x_k.
    - `elementwise`: whether each x_k is a function of u_k alone, the same for every k.
    - `straight`: whether x is u itself.
    - `bounded`: whether u with entries beyond ``FAR_OUT`` stand for impossible values; the first
      `n_unbounded` are not among them.
    - `precision(n)`: that of a run of n, up to a factor, where x are exchangeable; None where it is
      the identity.
    - `parts`: where x is made of several things, the name of each and its run of u.

    >>> LOG.natural(np.zeros(2)).tolist(), LOG.label.format("sigma")
    ([1.0, 1.0], 'log sigma')
    >>> ORDERED.natural(np.zeros(3)).tolist()
    [0.0, 1.0, 2.0]
    """

    label: str
    natural: Callable[[Array], Array]
    inner: Callable[[Array], Array]
    log_jacobian: Callable[[Array], Array]
    pull: Callable[[Array, Any], Array]
    bend: Callable[[Array, Array], Array]
    jacobian_slope: Callable[[Array], Array | float]
    jacobian_bend: Callable[[Array], Array]
    log_natural: Callable[[Array], Array]
    log_slope: Callable[[Array], Array]
    second: Callable[[Array, Any], Array]
    straight: bool = False
    elementwise: bool = True
    bounded: bool = True
    n_unbounded: int = 0
    parts: tuple[tuple[str, slice], ...] = ()
    precision: Callable[[int], Array] | None = None


def _diagonal(values: Array, u: Array) -> Array:
    matrix = np.zeros((len(u), len(u)))
    matrix.flat[:: len(u) + 1] = values
    return matrix


def _elementwise(
    label: str,
    natural: Callable[[Array], Array],
    inner: Callable[[Array], Array],
    slope: Callable[[Array], Any],
    bend: Callable[[Array], Any],
    logs: tuple[Callable[[Array], Any], ...],
    **traits: Any,
) -> Transform:
    """Return a transform of single numbers: x, u, x', x'', and log |x'| with two derivatives."""
    log_slope, slope_of_log, bend_of_log = logs
    return Transform(
        label,
        natural,
        inner,
        log_jacobian=lambda u: (log_slope(u) + np.zeros_like(u)).sum(axis=-1),
        pull=lambda u, g: g * slope(u),
        bend=lambda u, g: _diagonal(g * bend(u), u),
        jacobian_slope=slope_of_log,
        jacobian_bend=lambda u: _diagonal(bend_of_log(u), u),
        log_natural=lambda u: np.log(natural(u)),
        log_slope=lambda u: slope(u) / natural(u),
        second=lambda u, g: g * bend(u),
        **traits,
    )


def _zero(u: Array) -> float:
    return 0.0


def _one(u: Array) -> float:
    return 1.0


def _itself(u: Array) -> Array:
    return u


@lru_cache(maxsize=64)  # pairs of ends that are in use at a time
def logit(low: float, high: float) -> Transform:
    """Return the transform of values between two bounds: u = log((x - low) / (high - x)).

    >>> logit(0.0, 4.0).natural(np.zeros(1)).tolist()
    [2.0]
    """
    width = high - low

    def slope(u: Array) -> Array:
        return width * expit(u) * expit(-u)

    return _elementwise(
        "logit {}",
        # From the nearer bound, so that no digit of the distance to it is lost.
        lambda u: np.where(u < 0.0, low + width * expit(u), high - width * expit(-u)),
        lambda x: np.log(x - low) - np.log(high - x),
        slope,
        lambda u: slope(u) * -np.tanh(0.5 * u),
        (
            lambda u: np.log(width) + log_expit(u) + log_expit(-u),
            lambda u: -np.tanh(0.5 * u),
            lambda u: -2.0 * expit(u) * expit(-u),
        ),
    )


def _ordered_steps(u: Array) -> Array:
    """Return the factors e of x_k = sum_(j <= k) e_j, but for the first, which is u_0 itself."""
    steps = np.ones_like(u)
    np.exp(u[..., 1:], out=steps[..., 1:])
    return steps


def _ordered_natural(u: Array) -> Array:
    steps = _ordered_steps(u)
    steps[..., :1] = u[..., :1]  # which may be too large for an exponential
    return np.cumsum(steps, axis=-1)


def _ordered_inner(x: Array) -> Array:
    return np.concatenate([x[..., :1], np.log(np.diff(x, axis=-1))], axis=-1)


def _ordered_pull(u: Array, g: Array) -> Array:
    """Return e_j times the sum of g_k over k >= j."""
    return _ordered_steps(u) * np.cumsum(g[..., ::-1], axis=-1)[..., ::-1]


def _ordered_second(u: Array, g: Array) -> Array:
    bend = _ordered_pull(u, g)
    bend[..., 0] = 0.0
    return bend


def _after_the_first(u: Array) -> Array:
    ones = np.ones_like(u)
    ones[..., 0] = 0.0
    return ones


IDENTITY = _elementwise(
    "{}", _itself, _itself, _one, _zero, (_zero, _zero, _zero), straight=True, bounded=False
)
# Written out, for samplers ask for it at every step.
LOG = Transform(
    "log {}",
    np.exp,
    np.log,
    log_jacobian=lambda u: np.add.reduce(u, axis=-1),
    pull=lambda u, g: g * np.exp(u),
    bend=lambda u, g: _diagonal(g * np.exp(u), u),
    jacobian_slope=_one,
    jacobian_bend=lambda u: np.zeros((u.shape[-1],) * 2),
    log_natural=_itself,
    log_slope=np.ones_like,
    second=lambda u, g: g * np.exp(u),
)
UNIT = logit(0.0, 1.0)
# Angles: u is any real number, and x the same angle from -pi to pi.
CIRCULAR = _elementwise(
    "{}",
    lambda u: np.arctan2(np.sin(u), np.cos(u)),
    _itself,
    _one,
    _zero,
    (_zero, _zero, _zero),
    bounded=False,
)
# Increasing values: the first, and then the logarithms of their differences.
ORDERED = Transform(
    "ordered {}",
    _ordered_natural,
    _ordered_inner,
    log_jacobian=lambda u: u[..., 1:].sum(axis=-1),
    pull=_ordered_pull,
    bend=lambda u, g: np.diag(_ordered_second(u, g)),
    jacobian_slope=_after_the_first,
    jacobian_bend=lambda u: np.zeros((u.shape[-1],) * 2),
    log_natural=lambda u: np.log(_ordered_natural(u)),
    log_slope=lambda u: _ordered_steps(u) / _ordered_natural(u),
    second=_ordered_second,
    elementwise=False,
    n_unbounded=1,
)


def linear(matrix: Array) -> Transform:
    """Return x = matrix u, of orthonormal columns, fewer than rows: natural values in a subspace.

    u stands in theta as it is, and densities are those of u.

    >>> linear(np.array([[0.6], [0.8]])).natural(np.array([5.0])).tolist()
    [3.0, 4.0]
    """
    return replace(IDENTITY, natural=lambda u: u @ matrix.T, inner=lambda x: x @ matrix)
