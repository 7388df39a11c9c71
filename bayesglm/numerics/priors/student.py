"""Student t priors: heavy tails, the penalty (df + 1)/2 log(1 + z^2 / df), z = (x - loc)/scale."""

from dataclasses import replace

import numpy as np

from bayesglm.numerics.priors.record import Array, Prior, on_positive
from bayesglm.numerics.special import log_gamma_half_step


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
    log_concave=False,
    curved=False,
)
HALF_STUDENT_T = replace(
    STUDENT_T, support="positive", log_density=_half_student_t_log_density, curved=True
)
