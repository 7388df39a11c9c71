"""The inverse gamma prior of a positive parameter, or of its square: a variance."""

import numpy as np
from scipy.special import gammaln

from bayesglm.numerics.priors.gamma import in_floats, log_gamma_draws
from bayesglm.numerics.priors.proxes import least_root
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


def _inverse_gamma_penalty(x: Array, shape: Array | float, scale: Array | float) -> Array:
    """scale / x - k (1 + log(scale / (k x))), k = shape + 1: zero at the mode scale / k."""
    k = np.add(shape, 1.0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        rest = scale / x
        inside = rest - k - k * np.log(rest / k)
    return np.where(np.greater(x, 0.0), inside, np.inf)


def _inverse_gamma_prox(x: Array, step: float, shape: Array | float, scale: Array | float) -> Array:
    """The best root of z^3 - x z^2 + step (shape + 1) z - step scale = 0."""

    def objective(z: Array) -> Array:
        return step * _inverse_gamma_penalty(z, shape, scale) + 0.5 * np.square(z - x)

    return least_root(x, step * np.add(shape, 1.0), step * np.asarray(scale), objective)


INVERSE_GAMMA = Prior(
    support="positive",
    log_density=_inverse_gamma_log_density,
    gradient=_inverse_gamma_gradient,
    curvature=_inverse_gamma_curvature,
    penalty=_inverse_gamma_penalty,
    prox=_inverse_gamma_prox,
    draw=lambda rng, size, shape, scale: in_floats(
        np.log(scale) - log_gamma_draws(rng, size, shape)
    ),
    middle=lambda shape, scale: scale / shape,
    log_concave=False,
)


def _root_log_density(s: Array, shape: Array | float, scale: Array | float) -> Array:
    """log p(s^2) + log(2 s) = log(2) + shape log(scale) - log G(shape) - k log(s) - scale / s^2.

    k = 2 shape + 1, for s > 0.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        inside = -(2.0 * shape + 1.0) * np.log(s) - scale / np.square(s)
    constant = np.log(2.0) + shape * np.log(scale) - gammaln(shape)
    return np.where(np.greater(s, 0.0), constant + inside, -np.inf)


def _root_gradient(s: Array, shape: Array | float, scale: Array | float) -> Array:
    return (2.0 * scale / s / s - (2.0 * shape + 1.0)) / s


def _root_curvature(s: Array, shape: Array | float, scale: Array | float) -> Array:
    return (2.0 * shape + 1.0 - 6.0 * scale / s / s) / s / s


def _root_penalty(s: Array, shape: Array | float, scale: Array | float) -> Array:
    inside = _inverse_gamma_penalty(np.square(s), shape - 0.5, scale)
    return np.where(np.greater(s, 0.0), inside, np.inf)


# Of s, whose square is inverse gamma, and 1 / s^2 gamma.
ROOT_INVERSE_GAMMA = Prior(
    support="positive",
    log_density=_root_log_density,
    gradient=_root_gradient,
    curvature=_root_curvature,
    penalty=_root_penalty,
    draw=lambda rng, size, shape, scale: in_floats(
        0.5 * (np.log(scale) - log_gamma_draws(rng, size, shape))
    ),
    middle=lambda shape, scale: np.sqrt(scale / shape),
    log_concave=False,
)
