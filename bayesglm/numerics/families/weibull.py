"""Weibull responses; alpha is their shape, and the link is on their mean, not on their scale.

The scale is mu / Gamma(1 + 1 / alpha). Source: Johnson, Kotz & Balakrishnan (1994), Continuous
Univariate Distributions 1, chapter 21.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
from scipy.special import gammaln, psi, zeta

from bayesglm.numerics.families.links import LOG_MEANS, Curve
from bayesglm.numerics.families.positive import in_mean, mean_of, positive_family
from bayesglm.numerics.families.record import (
    Array,
    Collapse,
    Derivatives,
    Dispersion,
    Family,
)
from bayesglm.numerics.families.tails import Places, by_place, extreme_tail
from bayesglm.numerics.special import log_less_digamma, stirling_remainder
from bayesglm.spec.families import FAMILY_NAMES

# Of log Gamma(1 + s) - s psi(1 + s) by powers of s, from the second: zeta(k) (-1)^k (1/k - 1). At
# s = 0.2, below which the series stands, the first term left out is 1e-17 of the first.
_POWERS = np.arange(2, 26)
_SERIES = (zeta(_POWERS) * (-1.0) ** _POWERS * (1.0 / _POWERS - 1.0)).tolist()


def _log_mean_of_unit_scale(alpha: Array) -> tuple[Array, Array, Array]:
    """Return c = alpha log Gamma(1 + 1 / alpha), and its two derivatives in alpha."""
    s = 1.0 / np.asarray(alpha, dtype=np.float64)
    log_gamma = gammaln(1.0 + s)
    small = np.minimum(s, 0.2)
    series = small * small * np.polynomial.polynomial.polyval(small, _SERIES)
    slope = np.where(s < 0.2, series, log_gamma - s * psi(1.0 + s))
    many = np.maximum(s, 16.0)
    far = 0.5 * np.log(2.0 * np.pi * many) - many - 1.0
    far = far + stirling_remainder(many) + many * log_less_digamma(many)
    slope = np.where(s > 16.0, far, slope)
    return alpha * log_gamma, slope, zeta(2.0, 1.0 + s) * s * s * s


def _kernel(
    y: Array, eta: Array, phi: Sequence, trials: None, order: int, *, log_mean: Curve
) -> Derivatives:
    """log p(y) = log alpha + z - exp(z) - log y, with z = alpha log(y / scale).

    z is alpha (log y - log mu) + alpha log Gamma(1 + 1 / alpha).
    """
    (alpha,) = phi
    log_mu, *slopes = log_mean.derivatives(eta, order)
    c, c_1, c_2 = _log_mean_of_unit_scale(alpha)
    log_t = np.log(y) - log_mu
    z = alpha * log_t + c
    hazard = mean_of(z)
    value = np.log(alpha) + (z - hazard)
    if order == 0:
        return Derivatives(value)
    z_1 = log_t + c_1
    in_eta = in_mean(slopes, -alpha, [(-hazard, -alpha)])
    with np.errstate(over="ignore"):
        of_phi = 1.0 / alpha + (1.0 - hazard) * z_1
    if order == 1:
        return Derivatives(value, in_eta[0], phi=(of_phi,))
    with np.errstate(over="ignore"):
        crossed = (hazard * (1.0 + alpha * z_1) - 1.0) * slopes[0]
        bend = (1.0 - hazard) * c_2 - hazard * z_1 * z_1 - 1.0 / alpha / alpha
    return Derivatives(value, in_eta[0], in_eta[1], (of_phi,), (crossed,), ((bend,),))


def _saturated(y: Array, phi: Sequence, trials: None) -> Array:
    return np.zeros_like(y) + np.log(phi[0]) - 1.0


def _scale(eta: Array, alpha: Array, log_mean: Curve) -> Array:
    return mean_of(log_mean.value(eta) - gammaln(1.0 + 1.0 / alpha))


def _draw(
    rng: np.random.Generator, eta: Array, phi: Sequence, trials: None, *, log_mean: Curve
) -> Array:
    alpha = np.asarray(phi[0], dtype=np.float64)
    scale, alpha = np.broadcast_arrays(_scale(eta, alpha, log_mean), alpha)
    return np.maximum(scale * rng.weibull(alpha), np.finfo(float).tiny)


def _cdf(
    y: Array, eta: Array, phi: Sequence, trials: None, *, log_mean: Curve, above: bool
) -> Array:
    """P(Y <= y), or P(Y > y)."""
    with np.errstate(over="ignore"):
        hazard = (np.maximum(y, 0.0) / _scale(eta, phi[0], log_mean)) ** phi[0]
    return np.exp(-hazard) if above else -np.expm1(-hazard)


def _tails(
    y: Array, eta: Array, phi: Sequence, trials: None, order: int, *, log_mean: Curve, above: bool
) -> Derivatives:
    """log(1 - exp(-exp(z))), or -exp(z), with z = alpha log(y / scale)."""
    (alpha,) = phi
    log_mu, *slopes = log_mean.derivatives(eta, order)
    c, c_1, c_2 = _log_mean_of_unit_scale(alpha)
    log_t = np.log(y) - log_mu
    slope, bend = (*slopes, 0.0, 0.0)[:2]
    places = Places(-alpha * slope, -alpha * bend, (log_t + c_1,), (-slope,), ((c_2,),))
    return by_place(extreme_tail(alpha * log_t + c, above), places, order)


ALPHA = Dispersion(
    default=lambda spread: ("InverseGamma", {"shape": 0.5, "scale": 0.5}),
    start=lambda y: 1.0,
    collapse=Collapse(1.0, lambda mean: mean * np.pi / np.sqrt(6.0)),
)


def _variance(mu: Array, phi: Sequence, trials: None) -> Array:
    """mu^2 (Gamma(1 + 2 / alpha) / Gamma(1 + 1 / alpha)^2 - 1)."""
    alpha = np.asarray(phi[0], dtype=np.float64)
    return np.square(mu) * np.expm1(gammaln(1.0 + 2.0 / alpha) - 2.0 * gammaln(1.0 + 1.0 / alpha))


def _family(link: str) -> Family:
    return positive_family(
        "weibull",
        link,
        _kernel,
        _draw,
        _cdf,
        constant=lambda y, trials: -np.log(y),
        variance=_variance,
        saturated=_saturated,
        dispersions=(ALPHA,),
        log_concave=link == "log",
        tails=partial(_tails, log_mean=LOG_MEANS[link]),
        concave_mass=link == "log",
        is_linear=False,
    )


WEIBULL = tuple(_family(link) for link in FAMILY_NAMES["weibull"].links)
