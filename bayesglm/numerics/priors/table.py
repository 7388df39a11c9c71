"""Priors: log densities of one parameter with their derivatives, elementwise.

Each record stands under the name of its class in the specification, takes that class's own
parameters by keyword, and is normalised as the PyMC distribution of the same name. A Normal prior
is an L2 penalty of weight 1 / (2 scale^2), a Laplace prior an L1 penalty of weight 1 / scale, and
an ElasticNet both: ratio / scale and (1 - ratio) / (2 scale^2) (Zou & Hastie 2005).
Densities: Johnson, Kotz & Balakrishnan (1994), Continuous Univariate Distributions.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx, gammaln

from bayesglm.numerics.priors.structure import Differences
from bayesglm.numerics.special import log_gamma_half_step

type Array = NDArray[np.float64]


@dataclass(frozen=True)
class Prior:
    """One prior: functions of x and of its own parameters, which broadcast against x.

    - `support`: "real" or "positive"; outside it the log density is -inf.
    - `log_density(x, **parameters)`: normalised; 0 for the improper `Flat`.
    - `gradient`, `curvature`: its first and second derivative in x. Of a kink the gradient is the
      slope -kink * sign(x - loc), 0 at the kink itself, and the curvature is never its.
    - `kink(**parameters)`: the weight of -|x - loc| in the log density, or None.
    - `joint`: the functions are of whole coefficient arrays ``(..., q)`` and not elementwise: the
      log density sums over the last axis, and the curvature is a matrix ``(q, q)``.
    - `quadratic`: whether the smooth part is a quadratic around `loc`, or zero.
    - `proper`: whether the density integrates to one.
    - `log_concave`: whether `log_density` is concave on the support.
    - `curved`: whether the curvature at a mode tells how wide the density is; not that of a kink,
      nor that of heavy tails.

    All whose class takes a scale are scale families: log p(w | scale) = -r log(scale) + f(w/scale)
    around `loc`, with r the number of coefficients, or the rank of a structure.

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
    quadratic: bool = False
    curved: bool = True


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


def elastic_net_log_norm(scale: Array | float, ratio: Array | float) -> Array:
    """log of the integral of exp(-ratio |z| - (1 - ratio) z^2 / 2) over x, z = (x - loc) / scale.

    It lies between that of Laplace, log(2 scale), and that of Normal, log(2 pi scale^2) / 2.

    >>> elastic_net_log_norm(1.0, np.array([1e-20, 0.5, 1 - 1e-16])).round(4)
    array([0.9189, 0.7805, 0.6931])
    """
    rest = 1.0 - ratio
    # Each factor alone is of order 1e8 as the ratio nears one: multiply before the logarithm.
    unit = np.sqrt(2.0 * np.pi / rest) * erfcx(ratio / np.sqrt(2.0 * rest))
    return np.log(scale) + np.log(unit)


def _elastic_net_log_density(
    x: Array, scale: Array | float, ratio: Array | float, loc: Array | float = 0.0
) -> Array:
    """-ratio |z| - (1 - ratio) z^2 / 2 - log(norm) with z = (x - loc) / scale."""
    z = np.abs(x - loc) / scale
    return -ratio * z - 0.5 * (1.0 - ratio) * z * z - elastic_net_log_norm(scale, ratio)


def _elastic_net_gradient(
    x: Array, scale: Array | float, ratio: Array | float, loc: Array | float = 0.0
) -> Array:
    z = (x - loc) / scale
    return -(ratio * np.sign(z) + (1.0 - ratio) * z) / scale


def _elastic_net_curvature(
    x: Array, scale: Array | float, ratio: Array | float, loc: Array | float = 0.0
) -> Array:
    return _zeros(x, scale=scale, ratio=ratio, loc=loc) - (1.0 - ratio) / scale / scale


def _elastic_net_kink(
    scale: Array | float, ratio: Array | float, loc: Array | float = 0.0
) -> Array | float:
    return ratio / scale


def _half_normal_log_density(x: Array, scale: Array | float) -> Array:
    """-(x / scale)^2 / 2 - log(scale) + log(2 / pi) / 2 for x >= 0."""
    return _on_positive(x, np.log(2.0) + _normal_log_density(x, scale))


def _half_student_t_log_density(x: Array, scale: Array | float, df: Array | float) -> Array:
    """log 2 + log(G(df/2 + 1/2) / G(df/2)) - log(pi df scale^2) / 2 - (df + 1)/2 log(1 + z^2 / df).

    z = x / scale, and G is the gamma function.
    """
    return _on_positive(x, np.log(2.0) + _student_t_log_density(x, scale, df))


def _student_t_log_density(
    x: Array, scale: Array | float, df: Array | float, loc: Array | float = 0.0
) -> Array:
    """log(G(df/2 + 1/2) / G(df/2)) - log(pi df scale^2) / 2 - (df + 1)/2 log(1 + z^2 / df)."""
    z = (x - loc) / scale
    constant = log_gamma_half_step(0.5 * df) - 0.5 * np.log(np.pi * df) - np.log(scale)
    return constant - 0.5 * (df + 1.0) * np.log1p(z * z / df)


def _student_t_gradient(
    x: Array, scale: Array | float, df: Array | float, loc: Array | float = 0.0
) -> Array:
    z = (x - loc) / scale
    return -(df + 1.0) / scale * (z / (df + z * z))


def _student_t_curvature(
    x: Array, scale: Array | float, df: Array | float, loc: Array | float = 0.0
) -> Array:
    z = (x - loc) / scale
    spread = df + z * z
    return -(df + 1.0) / scale / scale * ((df - z * z) / spread) / spread


def _exponential_log_density(x: Array, scale: Array | float) -> Array:
    """-x / scale - log(scale) for x >= 0; scale is the mean."""
    return _on_positive(x, -x / scale - np.log(scale))


def _exponential_gradient(x: Array, scale: Array | float) -> Array:
    return _zeros(x, scale=scale) - 1.0 / scale


def _inverse_gamma_log_density(x: Array, shape: Array | float, scale: Array | float) -> Array:
    """shape log(scale) - log G(shape) - (shape + 1) log(x) - scale / x for x > 0."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        inside = -(shape + 1.0) * np.log(x) - scale / x
    return np.where(np.greater(x, 0.0), shape * np.log(scale) - gammaln(shape) + inside, -np.inf)


def _inverse_gamma_gradient(x: Array, shape: Array | float, scale: Array | float) -> Array:
    return (scale / x - (shape + 1.0)) / x


def _inverse_gamma_curvature(x: Array, shape: Array | float, scale: Array | float) -> Array:
    return (shape + 1.0 - 2.0 * scale / x) / x / x


def _walk_log_density(x: Array, scale: Array | float, structure: Differences) -> Array:
    """-(r / 2) log(2 pi scale^2) + log pdet(Q) / 2 - x'Qx / (2 scale^2), r = rank Q."""
    rank = structure.rank
    log_scale = rank * np.mean(np.log(np.atleast_1d(scale)), axis=-1)
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
        quadratic=True,
    ),
    "Laplace": Prior(
        support="real",
        log_density=_laplace_log_density,
        gradient=_laplace_gradient,
        curvature=_zeros,
        kink=_laplace_kink,
        quadratic=True,
        curved=False,
    ),
    "ElasticNet": Prior(
        support="real",
        log_density=_elastic_net_log_density,
        gradient=_elastic_net_gradient,
        curvature=_elastic_net_curvature,
        kink=_elastic_net_kink,
        quadratic=True,
        curved=False,
    ),
    "StudentT": Prior(
        support="real",
        log_density=_student_t_log_density,
        gradient=_student_t_gradient,
        curvature=_student_t_curvature,
        log_concave=False,
        curved=False,
    ),
    "Horseshoe": Prior(  # given the scale of each coefficient, all of which are learned
        support="real",
        log_density=_normal_log_density,
        gradient=_normal_gradient,
        curvature=_normal_curvature,
        quadratic=True,
        curved=False,
    ),
    "Flat": Prior(
        support="real",
        log_density=_zeros,
        gradient=_zeros,
        curvature=_zeros,
        proper=False,
        quadratic=True,
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
        gradient=_student_t_gradient,
        curvature=_student_t_curvature,
        log_concave=False,
    ),
    "Exponential": Prior(
        support="positive",
        log_density=_exponential_log_density,
        gradient=_exponential_gradient,
        curvature=_zeros,
    ),
    "InverseGamma": Prior(
        support="positive",
        log_density=_inverse_gamma_log_density,
        gradient=_inverse_gamma_gradient,
        curvature=_inverse_gamma_curvature,
        log_concave=False,
    ),
}
