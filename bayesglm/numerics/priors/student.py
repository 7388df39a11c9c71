"""Student t priors: heavy tails, the penalty (df + 1)/2 log(1 + z^2 / df), z = (x - loc)/scale.

The heaviest are Cauchy's, of one degree of freedom.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from bayesglm.numerics.priors.proxes import least_root
from bayesglm.numerics.priors.record import Array, Prior, beyond_zero, on_positive
from bayesglm.numerics.special import log_gamma_half_step


def _student_t_penalty(
    x: Array, scale: Array | float, df: Array | float, loc: Array | float = 0.0
) -> Array:
    """(df + 1)/2 log(1 + z^2 / df)."""
    z = (x - loc) / scale
    return 0.5 * (df + 1.0) * np.log1p(z * z / df)


def _student_t_log_density(
    x: Array, scale: Array | float, df: Array | float, loc: Array | float = 0.0
) -> Array:
    """log(G(df/2 + 1/2) / G(df/2)) - log(pi df scale^2) / 2 - (df + 1)/2 log(1 + z^2 / df)."""
    constant = log_gamma_half_step(0.5 * df) - 0.5 * np.log(np.pi * df) - np.log(scale)
    return constant - _student_t_penalty(x, scale, df, loc)


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


def _student_t_prox(
    x: Array, step: float, scale: Array | float, df: Array | float, loc: Array | float = 0.0
) -> Array:
    """loc + sign(a) scale t, with a = (x - loc)/scale and the best root t of a cubic:

    t^3 - |a| t^2 + (df + k) t - |a| df = 0, k = step (df + 1)/scale^2, which is where the slope of
    k/(df + 1) penalty(t) + (t - |a|)^2 / 2 is zero.
    """
    a, k = (x - loc) / scale, np.asarray(step * (df + 1.0) / scale / scale)
    size = np.abs(a)

    def objective(t: Array) -> Array:
        return 0.5 * k * np.log1p(t * t / df) + 0.5 * np.square(t - size)

    return loc + np.sign(a) * scale * least_root(size, k + df, size * df, objective)


def _half_student_t_log_density(x: Array, scale: Array | float, df: Array | float) -> Array:
    """log 2 + log(G(df/2 + 1/2) / G(df/2)) - log(pi df scale^2) / 2 - (df + 1)/2 log(1 + z^2 / df).

    z = x / scale, and G is the gamma function.
    """
    return on_positive(x, np.log(2.0) + _student_t_log_density(x, scale, df))


STUDENT_T = Prior(
    support="real",
    log_density=_student_t_log_density,
    gradient=_student_t_gradient,
    curvature=_student_t_curvature,
    penalty=_student_t_penalty,
    prox=_student_t_prox,
    draw=lambda rng, shape, scale, df, loc=0.0: loc + scale * rng.standard_t(df, shape),
    log_concave=False,
    curved=False,
)
HALF_STUDENT_T = replace(
    STUDENT_T,
    support="positive",
    log_density=_half_student_t_log_density,
    penalty=lambda x, scale, df: beyond_zero(x, _student_t_penalty(x, scale, df)),
    prox=lambda x, step, scale, df: _student_t_prox(np.maximum(x, 0.0), step, scale, df),
    draw=lambda rng, shape, scale, df: scale * np.abs(rng.standard_t(df, shape)),
    curved=True,
)


def _of_one_degree(function: Callable[..., Array]) -> Callable[..., Array]:
    """Return a function of a Student t's record as one of Cauchy's."""
    return partial(function, df=1.0)


def _cauchy_log_density(x: Array, scale: Array | float, loc: Array | float = 0.0) -> Array:
    """-log(pi scale) - log(1 + z^2), with z = (x - loc)/scale."""
    return -np.log(np.pi * scale) - _student_t_penalty(x, scale, 1.0, loc)


CAUCHY = replace(
    STUDENT_T,
    log_density=_cauchy_log_density,
    gradient=_of_one_degree(_student_t_gradient),
    curvature=_of_one_degree(_student_t_curvature),
    penalty=_of_one_degree(_student_t_penalty),
    prox=_of_one_degree(_student_t_prox),
    draw=lambda rng, shape, scale, loc=0.0: loc + scale * rng.standard_cauchy(shape),
)
HALF_CAUCHY = replace(
    CAUCHY,
    support="positive",
    log_density=lambda x, scale: on_positive(x, np.log(2.0) + _cauchy_log_density(x, scale)),
    penalty=lambda x, scale: beyond_zero(x, _student_t_penalty(x, scale, 1.0)),
    prox=lambda x, step, scale: _student_t_prox(np.maximum(x, 0.0), step, scale, 1.0),
    draw=lambda rng, shape, scale: scale * np.abs(rng.standard_cauchy(shape)),
    curved=True,
)
