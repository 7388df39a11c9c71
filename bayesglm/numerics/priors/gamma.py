"""The gamma prior of a positive parameter."""

import numpy as np
from scipy.special import gammaln, xlogy

from bayesglm.numerics.priors.record import Array, Prior


def _log_density(x: Array, shape: Array | float, rate: Array | float) -> Array:
    """shape log(rate) - log G(shape) + (shape - 1) log(x) - rate x for x >= 0."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        inside = xlogy(shape - 1.0, x) - rate * x
    return np.where(
        np.greater_equal(x, 0.0), shape * np.log(rate) - gammaln(shape) + inside, -np.inf
    )


def _gradient(x: Array, shape: Array | float, rate: Array | float) -> Array:
    return (shape - 1.0) / x - rate


def _curvature(x: Array, shape: Array | float, rate: Array | float) -> Array:
    return -(shape - 1.0) / x / x


GAMMA = Prior(
    support="positive",
    log_density=_log_density,
    gradient=_gradient,
    curvature=_curvature,
    log_concave=False,  # of shapes below one
)
