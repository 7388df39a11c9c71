"""The gamma prior of a positive parameter, or of its square."""

import numpy as np
from scipy.special import gammaln, xlogy

from bayesglm.numerics.priors.record import Array, Prior, beyond_zero

LOG_LEAST, LOG_MOST = np.log(np.finfo(float).tiny), np.log(np.finfo(float).max)


def log_gamma_draws(rng: np.random.Generator, size: tuple[int, ...], shape: Array | float) -> Array:
    """Return logarithms of gamma draws, which of small shapes lie below any float.

    log G(shape + 1) + log(U) / shape (Marsaglia & Tsang 2000, section 6).
    """
    larger = rng.gamma(np.add(shape, 1.0), size=size)
    return np.log(larger) - rng.standard_exponential(size) / shape


def in_floats(log: Array) -> Array:
    """Return exp, and the least or the largest float where it lies beyond."""
    return np.exp(np.clip(log, LOG_LEAST, LOG_MOST))


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


def _penalty(x: Array, shape: Array | float, rate: Array | float) -> Array:
    """rate x - k (1 + log(rate x / k)) for x >= 0, k = shape - 1: zero at the mode k / rate."""
    k = np.subtract(shape, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = rate * x - k - xlogy(k, rate * x / k)
    return beyond_zero(x, np.where(k > 0.0, inside, rate * x))


def _prox(x: Array, step: float, shape: Array | float, rate: Array | float) -> Array:
    """The positive root of z^2 - b z - step (shape - 1) = 0, b = x - step rate."""
    b, c = x - step * rate, step * (shape - 1.0)
    root = np.hypot(b, 2.0 * np.sqrt(c))
    # Of the two forms the one whose sum does not cancel.
    below = np.divide(2.0 * c, root - b, out=np.zeros(np.shape(root)), where=root > b)
    return np.where(b > 0.0, 0.5 * (b + root), below)


GAMMA = Prior(
    support="positive",
    log_density=_log_density,
    gradient=_gradient,
    curvature=_curvature,
    penalty=_penalty,
    has_least=lambda shape, rate: np.greater_equal(shape, 1.0),
    prox=_prox,
    draw=lambda rng, size, shape, rate: in_floats(log_gamma_draws(rng, size, shape) - np.log(rate)),
    middle=lambda shape, rate: shape / rate,
    log_concave=False,  # of shapes below one
)


def _root_log_density(s: Array, shape: Array | float, rate: Array | float) -> Array:
    """log p(s^2) + log(2 s) = log(2) + shape log(rate) - log G(shape) + k log(s) - rate s^2.

    k = 2 shape - 1, for s >= 0.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        inside = xlogy(2.0 * np.asarray(shape) - 1.0, s) - rate * np.square(s)
    constant = np.log(2.0) + shape * np.log(rate) - gammaln(shape)
    return np.where(np.greater_equal(s, 0.0), constant + inside, -np.inf)


def _root_gradient(s: Array, shape: Array | float, rate: Array | float) -> Array:
    return (2.0 * shape - 1.0) / s - 2.0 * rate * s


def _root_curvature(s: Array, shape: Array | float, rate: Array | float) -> Array:
    return -(2.0 * shape - 1.0) / s / s - 2.0 * rate


# Of s, whose square is gamma.
ROOT_GAMMA = Prior(
    support="positive",
    log_density=_root_log_density,
    gradient=_root_gradient,
    curvature=_root_curvature,
    penalty=lambda s, shape, rate: beyond_zero(s, _penalty(s * s, shape + 0.5, rate)),
    has_least=lambda shape, rate: np.greater_equal(shape, 0.5),
    draw=lambda rng, size, shape, rate: in_floats(
        0.5 * (log_gamma_draws(rng, size, shape) - np.log(rate))
    ),
    middle=lambda shape, rate: np.sqrt(shape / rate),
    log_concave=False,  # of shapes below a half
)
