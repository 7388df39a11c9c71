"""Normal priors: an L2 penalty of weight 1 / (2 scale^2); of random walks along directions.

That of a positive parameter is half of it.
"""

from dataclasses import replace

import numpy as np

from bayesglm.numerics.priors.record import Array, Prior, beyond_zero, on_positive


def _normal_penalty(x: Array, scale: Array | float, loc: Array | float = 0.0) -> Array:
    """((x - loc) / scale)^2 / 2."""
    z = (x - loc) / scale
    return 0.5 * z * z


def _normal_log_density(x: Array, scale: Array | float, loc: Array | float = 0.0) -> Array:
    """-((x - loc) / scale)^2 / 2 - log(scale) - log(2 pi) / 2."""
    return -_normal_penalty(x, scale, loc) - np.log(scale) - 0.5 * np.log(2.0 * np.pi)


def _normal_gradient(x: Array, scale: Array | float, loc: Array | float = 0.0) -> Array:
    return -(x - loc) / scale / scale


def _normal_curvature(x: Array, scale: Array | float, loc: Array | float = 0.0) -> Array:
    return np.zeros(np.shape(np.subtract(x, loc))) - 1.0 / scale / scale


def _normal_prox(x: Array, step: float, scale: Array | float, loc: Array | float = 0.0) -> Array:
    """loc + (x - loc) / (1 + step / scale^2)."""
    return loc + (x - loc) / (1.0 + step / scale / scale)


def _half_normal_log_density(x: Array, scale: Array | float) -> Array:
    """-(x / scale)^2 / 2 - log(scale) + log(2 / pi) / 2 for x >= 0."""
    return on_positive(x, np.log(2.0) + _normal_log_density(x, scale))


NORMAL = Prior(
    support="real",
    log_density=_normal_log_density,
    gradient=_normal_gradient,
    curvature=_normal_curvature,
    penalty=_normal_penalty,
    prox=_normal_prox,
    draw=lambda rng, shape, scale, loc=0.0: rng.normal(loc, scale, shape),
    quadratic=True,
)
# Given the scale of each coefficient, all of which are learned.
HORSESHOE = replace(NORMAL, curved=False)
R2D2 = replace(NORMAL, curved=False)
RANDOM_WALK = replace(NORMAL, proper=False)
GAUSSIAN_PROCESS = NORMAL  # of waves, as is ALD
HALF_NORMAL = replace(
    NORMAL,
    support="positive",
    log_density=_half_normal_log_density,
    penalty=lambda x, scale: beyond_zero(x, _normal_penalty(x, scale)),
    prox=lambda x, step, scale: np.maximum(_normal_prox(x, step, scale), 0.0),
    draw=lambda rng, shape, scale: np.abs(rng.normal(0.0, scale, shape)),
)
