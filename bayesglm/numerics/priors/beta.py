"""The beta prior of a share, between 0 and 1."""

import numpy as np
from scipy.special import betaln, xlog1py, xlogy

from bayesglm.numerics.priors.record import Array, Prior

HALVINGS = 53  # of an interval from 0 to 1, down to the spacing of floats


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


def _beta_mode(alpha: Array | float, beta: Array | float) -> Array:
    """(alpha - 1)/(alpha + beta - 2); 1/2 of a uniform one."""
    above, below = np.subtract(alpha, 1.0), np.subtract(beta, 1.0)
    total = above + below
    return np.divide(above, total, out=np.full(np.shape(total), 0.5), where=total > 0.0)


def _beta_penalty(x: Array, alpha: Array | float, beta: Array | float) -> Array:
    """(1 - alpha) log(x / m) + (1 - beta) log((1 - x)/(1 - m)), m being the mode."""
    inside, mode = np.clip(x, 0.0, 1.0), _beta_mode(alpha, beta)
    a, b = np.subtract(alpha, 1.0), np.subtract(beta, 1.0)
    with np.errstate(divide="ignore"):
        value = xlogy(a, mode) + xlog1py(b, -mode) - xlogy(a, inside) - xlog1py(b, -inside)
    return np.where(np.equal(inside, x), np.maximum(value, 0.0), np.inf)


def _beta_prox(x: Array, step: float, alpha: Array | float, beta: Array | float) -> Array:
    """The z of [0, 1] where step (1 - alpha)/z - step (1 - beta)/(1 - z) + z - x changes sign.

    It increases; bisection goes on until floats do.
    """
    x, a, b = np.broadcast_arrays(x, np.subtract(alpha, 1.0), np.subtract(beta, 1.0))
    low, high = np.zeros(x.shape), np.ones(x.shape)
    for _ in range(HALVINGS):
        z = 0.5 * (low + high)
        slope = step * b / (1.0 - z) - step * a / z + z - x
        low, high = np.where(slope < 0.0, z, low), np.where(slope < 0.0, high, z)
    return np.where(low == 0.0, 0.0, np.where(high == 1.0, 1.0, 0.5 * (low + high)))


BETA = Prior(
    support="unit",
    log_density=_beta_log_density,
    gradient=_beta_gradient,
    curvature=_beta_curvature,
    penalty=_beta_penalty,
    has_least=lambda alpha, beta: np.greater_equal(alpha, 1.0) & np.greater_equal(beta, 1.0),
    prox=_beta_prox,
    draw=lambda rng, shape, alpha, beta: rng.beta(alpha, beta, shape),
    log_concave=False,
    middle=lambda alpha, beta: alpha / (alpha + beta),
)
