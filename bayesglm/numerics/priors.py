"""Priors: log densities of one parameter with their derivatives, elementwise.

Each record stands under the name of its class in the specification, takes that class's own
parameters by keyword, and is normalised as the PyMC distribution of the same name. A Normal prior
is an L2 penalty of weight 1 / (2 scale^2), a Laplace prior an L1 penalty of weight 1 / scale.
Densities: Johnson, Kotz & Balakrishnan (1994), Continuous Univariate Distributions.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayesglm.numerics.special import log_gamma_half_step
from bayesglm.numerics.structure import Differences

type Array = NDArray[np.float64]


@dataclass(frozen=True)
class Prior:
    """One prior: functions of x and of its own parameters, which broadcast against x.

    - `support`: "real" or "positive"; outside it the log density is -inf.
    - `log_density(x, **parameters)`: normalised; 0 for the improper `Flat`.
    - `gradient`, `curvature`: its first and second derivative in x, of the smooth part where there
      is a kink: at the kink the gradient counts 0 for it, and the curvature is never its.
    - `kink(**parameters)`: the weight of -|x - loc| in the log density, or None.
    - `joint`: the functions are of whole coefficient arrays ``(..., q)`` and not elementwise: the
      log density sums over the last axis, and the curvature is a matrix ``(q, q)``.
    - `proper`: whether the density integrates to one.
    - `log_concave`: whether `log_density` is concave on the support.

    >>> PRIORS["Normal"].log_density(np.array([0.0, 2.0]), scale=2.0, loc=0.0).round(4)
    array([-1.6121, -2.1121])
    >>> PRIORS["Laplace"].kink(scale=0.5, loc=0.0)
    2.0
    """

    support: str
    log_density: Callable[..., Array]
    gradient: Callable[..., Array]
    curvature: Callable[..., Array]
    kink: Callable[..., Array | float] | None = None
    proper: bool = True
    log_concave: bool = True
    joint: bool = False


def _zeros(x: Array, **parameters: Array | float) -> Array:
    return np.zeros(np.broadcast_shapes(np.shape(x), *map(np.shape, parameters.values())))


def _on_positive(x: Array, log_density: Array) -> Array:
    return np.where(np.less(x, 0.0), -np.inf, log_density)


def _normal_log_density(x: Array, scale: Array | float, loc: Array | float = 0.0) -> Array:
    """-((x - loc) / scale)^2 / 2 - log(scale) - log(2 pi) / 2."""
    z = (x - loc) / scale
    return -0.5 * z * z - np.log(scale) - 0.5 * np.log(2.0 * np.pi)


def _normal_gradient(x: Array, scale: Array | float, loc: Array | float = 0.0) -> Array:
    return -(x - loc) / scale / scale


def _normal_curvature(x: Array, scale: Array | float, loc: Array | float = 0.0) -> Array:
    return _zeros(x, scale=scale, loc=loc) - 1.0 / scale / scale


def _laplace_log_density(x: Array, scale: Array | float, loc: Array | float = 0.0) -> Array:
    """-|x - loc| / scale - log(2 scale)."""
    return -np.abs(x - loc) / scale - np.log(2.0 * scale)


def _laplace_gradient(x: Array, scale: Array | float, loc: Array | float = 0.0) -> Array:
    return -np.sign(x - loc) / scale


def _laplace_kink(scale: Array | float, loc: Array | float = 0.0) -> Array | float:
    return 1.0 / scale


def _half_normal_log_density(x: Array, scale: Array | float) -> Array:
    """-(x / scale)^2 / 2 - log(scale) + log(2 / pi) / 2 for x >= 0."""
    return _on_positive(x, np.log(2.0) + _normal_log_density(x, scale))


def _half_student_t_log_density(x: Array, scale: Array | float, df: Array | float) -> Array:
    """log 2 + log(G(df/2 + 1/2) / G(df/2)) - log(pi df scale^2) / 2 - (df + 1)/2 log(1 + z^2 / df).

    z = x / scale, and G is the gamma function.
    """
    z = x / scale
    constant = np.log(2.0) + log_gamma_half_step(0.5 * df) - 0.5 * np.log(np.pi * df)
    constant = constant - np.log(scale)
    return _on_positive(x, constant - 0.5 * (df + 1.0) * np.log1p(z * z / df))


def _half_student_t_gradient(x: Array, scale: Array | float, df: Array | float) -> Array:
    z = x / scale
    return -(df + 1.0) / scale * (z / (df + z * z))


def _half_student_t_curvature(x: Array, scale: Array | float, df: Array | float) -> Array:
    z = x / scale
    spread = df + z * z
    return -(df + 1.0) / scale / scale * ((df - z * z) / spread) / spread


def _exponential_log_density(x: Array, scale: Array | float) -> Array:
    """-x / scale - log(scale) for x >= 0; scale is the mean."""
    return _on_positive(x, -x / scale - np.log(scale))


def _exponential_gradient(x: Array, scale: Array | float) -> Array:
    return _zeros(x, scale=scale) - 1.0 / scale


def _walk_log_density(x: Array, scale: Array | float, structure: Differences) -> Array:
    """-(r / 2) log(2 pi scale^2) + log pdet(Q) / 2 - x'Qx / (2 scale^2), r = rank Q."""
    rank = structure.rank
    log_scale = rank * np.mean(np.log(scale))
    constant = 0.5 * structure.log_pdet - log_scale - 0.5 * rank * np.log(2.0 * np.pi)
    return constant - 0.5 * structure.squares(x, scale)


def _walk_gradient(x: Array, scale: Array | float, structure: Differences) -> Array:
    return -structure.apply(x / scale) / scale


def _walk_curvature(x: Array, scale: Array | float, structure: Differences) -> Array:
    by_column = np.broadcast_to(scale, structure.size)
    return -structure.matrix() / by_column / by_column[:, None]


PRIORS: dict[str, Prior] = {
    "Normal": Prior(
        support="real",
        log_density=_normal_log_density,
        gradient=_normal_gradient,
        curvature=_normal_curvature,
    ),
    "Laplace": Prior(
        support="real",
        log_density=_laplace_log_density,
        gradient=_laplace_gradient,
        curvature=_zeros,
        kink=_laplace_kink,
    ),
    "Flat": Prior(
        support="real", log_density=_zeros, gradient=_zeros, curvature=_zeros, proper=False
    ),
    "RandomWalk": Prior(
        support="real",
        log_density=_walk_log_density,
        gradient=_walk_gradient,
        curvature=_walk_curvature,
        proper=False,
        joint=True,
    ),
    "HalfNormal": Prior(
        support="positive",
        log_density=_half_normal_log_density,
        gradient=_normal_gradient,
        curvature=_normal_curvature,
    ),
    "HalfStudentT": Prior(
        support="positive",
        log_density=_half_student_t_log_density,
        gradient=_half_student_t_gradient,
        curvature=_half_student_t_curvature,
        log_concave=False,
    ),
    "Exponential": Prior(
        support="positive",
        log_density=_exponential_log_density,
        gradient=_exponential_gradient,
        curvature=_zeros,
    ),
}
