"""The spike and the slab: a mixture of a narrow and a wide normal, both around zero."""

import numpy as np
from scipy.special import expit, logit

from bayesglm.numerics.priors.normal import NORMAL
from bayesglm.numerics.priors.proxes import crossing
from bayesglm.numerics.priors.record import Array, Prior, TwoNormals


def _two_normals(
    scale: Array | float, spike: Array | float, probability: Array | float
) -> TwoNormals:
    return TwoNormals(np.asarray(spike), np.asarray(scale), logit(np.asarray(probability)))


def _log_density(
    x: Array, scale: Array | float, spike: Array | float, probability: Array | float
) -> Array:
    """log((1 - probability) N(x; 0, spike) + probability N(x; 0, scale))."""
    of_spike = np.log1p(-np.asarray(probability)) + NORMAL.log_density(x, spike)
    return np.logaddexp(of_spike, np.log(probability) + NORMAL.log_density(x, scale))


def _gradient(
    x: Array, scale: Array | float, spike: Array | float, probability: Array | float
) -> Array:
    """-x (z / scale^2 + (1 - z) / spike^2), with z = P(slab | x)."""
    odds = _two_normals(scale, spike, probability).log_odds_at(x)
    return -(expit(odds) * x / scale / scale + expit(-odds) * x / spike / spike)


def _curvature(
    x: Array, scale: Array | float, spike: Array | float, probability: Array | float
) -> Array:
    """-(z / scale^2 + (1 - z) / spike^2) + z (1 - z) (x / spike^2 - x / scale^2)^2."""
    odds = _two_normals(scale, spike, probability).log_odds_at(x)
    slab, rest = expit(odds), expit(-odds)
    with np.errstate(over="ignore", invalid="ignore"):
        apart = x / spike / spike - x / scale / scale
        # Far out there is no spike left, however far apart the slopes are.
        between = np.where(slab * rest > 0.0, slab * rest * apart * apart, 0.0)
    return between - slab / scale / scale - rest / spike / spike


def _penalty(
    x: Array, scale: Array | float, spike: Array | float, probability: Array | float
) -> Array:
    """x^2 / (2 scale^2) - log((1 + exp(-odds(x))) / (1 + exp(-odds(0)))).

    Where the spike is the likelier the same is told from there, to lose no digits.
    """
    both = _two_normals(scale, spike, probability)
    odds, at_zero = both.log_odds_at(x), both.log_odds_at(np.zeros(1))
    of_slab = 0.5 * (x / scale) ** 2 - (np.logaddexp(0.0, -odds) - np.logaddexp(0.0, -at_zero))
    with np.errstate(over="ignore", invalid="ignore"):
        of_spike = 0.5 * (x / spike) ** 2 - (np.logaddexp(0.0, odds) - np.logaddexp(0.0, at_zero))
    return np.reshape(np.where(odds < 0.0, of_spike, of_slab), np.shape(odds))


def _prox(
    x: Array,
    step: float,
    scale: Array | float,
    spike: Array | float,
    probability: Array | float,
) -> Array:
    """The better of two minima, one held by the spike and one by the slab.

    The slope z - |x| - step gradient(z) rises where step curvature(z) < 1. The curvature has one
    peak, at odds l with (l - l(0)) tanh(l / 2) = 3/2: on either side of the part around it where
    the slope falls, if there is one, is one minimum at most.
    """
    size, scale, spike, probability = np.broadcast_arrays(np.abs(x), scale, spike, probability)
    numbers = {"scale": scale, "spike": spike, "probability": probability}
    size = np.asarray(size, dtype=float)

    def slope(z: Array) -> Array:
        return z - size - step * _gradient(z, **numbers)

    def rises(z: Array) -> Array:
        return 1.0 - step * _curvature(z, **numbers)

    peak = _peak(scale, spike, probability)
    falls = rises(peak) < 0.0
    first_end = np.where(falls, crossing(lambda z: -rises(z), np.zeros_like(size), peak), size)
    held = crossing(slope, np.zeros_like(size), np.minimum(first_end, size))
    begin = crossing(rises, peak, np.maximum(peak, size))
    free = crossing(slope, np.minimum(begin, size), size)

    def objective(z: Array) -> Array:
        return step * _penalty(z, **numbers) + 0.5 * np.square(z - size)

    better = falls & (objective(free) < objective(held))
    return np.sign(x) * np.where(better, free, held)


def _peak(scale: Array, spike: Array, probability: Array) -> Array:
    """Return where above zero the curvature is highest."""
    at_zero = logit(probability) + np.log(spike / scale)
    low = np.maximum(at_zero, 0.0)
    odds = crossing(lambda odds: (odds - at_zero) * np.tanh(0.5 * odds) - 1.5, low, low + 4.0)
    return spike * np.sqrt(2.0 * (odds - at_zero) / ((scale - spike) * (scale + spike))) * scale


def _draw(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    scale: Array | float,
    spike: Array | float,
    probability: Array | float,
) -> Array:
    wide = rng.random(shape) < probability
    return np.where(wide, scale, spike) * rng.standard_normal(shape)


SPIKE_SLAB = Prior(
    support="real",
    log_density=_log_density,
    gradient=_gradient,
    curvature=_curvature,
    penalty=_penalty,
    prox=_prox,
    draw=_draw,
    log_concave=False,
    curved=False,
    two_normals=_two_normals,
)
