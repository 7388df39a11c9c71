"""The beta prior of a share, between 0 and 1."""

import numpy as np
from scipy.special import betaln, xlog1py, xlogy

from bayesglm.numerics.priors.record import Array, Prior


def _beta_log_density(x: Array, alpha: Array | float, beta: Array | float) -> Array:
    """(alpha - 1) log x + (beta - 1) log(1 - x) - log B(alpha, beta) for 0 <= x <= 1."""
    inside = np.clip(x, 0.0, 1.0)
    with np.errstate(divide="ignore"):
        value = xlogy(alpha - 1.0, inside) + xlog1py(beta - 1.0, -inside) - betaln(alpha, beta)
    return np.where(np.equal(inside, x), value, -np.inf)


def _inside(x: Array) -> Array:
    """Return numbers that are neither 0 nor 1, as rounding makes of what lies far out."""
    return np.clip(x, 1e-150, np.nextafter(1.0, 0.0))


def _beta_gradient(x: Array, alpha: Array | float, beta: Array | float) -> Array:
    x = _inside(x)
    return (alpha - 1.0) / x - (beta - 1.0) / (1.0 - x)


def _beta_curvature(x: Array, alpha: Array | float, beta: Array | float) -> Array:
    x = _inside(x)
    return -(alpha - 1.0) / x / x - (beta - 1.0) / (1.0 - x) / (1.0 - x)


BETA = Prior(
    support="unit",
    log_density=_beta_log_density,
    gradient=_beta_gradient,
    curvature=_beta_curvature,
    log_concave=False,
)
