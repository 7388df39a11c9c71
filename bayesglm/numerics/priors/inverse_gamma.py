"""The inverse gamma prior of a variance."""

import numpy as np
from scipy.special import gammaln

from bayesglm.numerics.priors.record import Array, Prior


def _inverse_gamma_log_density(x: Array, shape: Array | float, scale: Array | float) -> Array:
    """shape log(scale) - log G(shape) - (shape + 1) log(x) - scale / x for x > 0."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        inside = -(shape + 1.0) * np.log(x) - scale / x
    return np.where(np.greater(x, 0.0), shape * np.log(scale) - gammaln(shape) + inside, -np.inf)


def _inverse_gamma_gradient(x: Array, shape: Array | float, scale: Array | float) -> Array:
    return (scale / x - (shape + 1.0)) / x


def _inverse_gamma_curvature(x: Array, shape: Array | float, scale: Array | float) -> Array:
    return (shape + 1.0 - 2.0 * scale / x) / x / x


INVERSE_GAMMA = Prior(
    support="positive",
    log_density=_inverse_gamma_log_density,
    gradient=_inverse_gamma_gradient,
    curvature=_inverse_gamma_curvature,
    log_concave=False,
)
