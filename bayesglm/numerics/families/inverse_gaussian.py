"""Inverse Gaussian responses; mu^3 / lam is their variance.

Source: Johnson, Kotz & Balakrishnan (1994), Continuous Univariate Distributions 1, chapter 15.
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import log_ndtr, ndtr

from bayesglm.numerics.families.links import Curve
from bayesglm.numerics.families.positive import mean_of, positive_family
from bayesglm.numerics.families.record import (
    Array,
    Collapse,
    Derivatives,
    Dispersion,
    Family,
)
from bayesglm.spec.families import FAMILY_NAMES


def _kernel(
    y: Array, eta: Array, phi: Sequence, trials: None, order: int, *, log_mean: Curve
) -> Derivatives:
    """log p(y) = log(lam) / 2 - lam d - log(2 pi y^3) / 2, with d = (y / mu - 1)^2 / (2 y)."""
    (lam,) = phi
    log_mu, *slopes = log_mean.derivatives(eta, order)
    with np.errstate(over="ignore"):
        away = np.expm1(np.log(y) - log_mu)
        d = 0.5 * away * away / y
    value = 0.5 * np.log(lam) - lam * d
    if order == 0:
        return Derivatives(value)
    unit = _in_mean(y, mean_of(-log_mu), away, slopes)
    of_phi = 0.5 / lam - d
    if order == 1:
        return Derivatives(value, lam * unit[0], phi=(of_phi,))
    return Derivatives(
        value,
        lam * unit[0],
        lam * unit[1],
        phi=(of_phi,),
        eta_phi=(unit[0] + np.zeros_like(value),),
        phi_phi=((np.zeros_like(value) - 0.5 / lam / lam,),),
    )


def _in_mean(y: Array, over_mu: Array, away: Array, slopes: Sequence) -> list[Array]:
    """Return the derivatives in eta of -d = -(y / mu^2 - 2 / mu + 1 / y) / 2, away = y / mu - 1."""
    with np.errstate(over="ignore"):
        first = [over_mu * away * slopes[0]]
        if len(slopes) == 1:
            return first
        square = slopes[0] * slopes[0]
        bend = (y * over_mu) * (slopes[1] - 2.0 * square) + (square - slopes[1])
        return [*first, over_mu * bend]


def _constant(y: Array, trials: None) -> Array:
    return -1.5 * np.log(y) - 0.5 * float(np.log(2.0 * np.pi))


def _saturated(y: Array, phi: Sequence, trials: None) -> Array:
    return np.zeros_like(y) + 0.5 * np.log(phi[0])


def _draw(
    rng: np.random.Generator, eta: Array, phi: Sequence, trials: None, *, log_mean: Curve
) -> Array:
    mu, lam = np.broadcast_arrays(mean_of(log_mean.value(eta)), phi[0])
    return np.maximum(rng.wald(mu, lam), np.finfo(float).tiny)


def _cdf(
    y: Array, eta: Array, phi: Sequence, trials: None, *, log_mean: Curve, above: bool
) -> Array:
    """P(Y <= y), or P(Y > y), by the normal distribution function (Johnson et al., 15.4)."""
    y, mu = np.broadcast_arrays(np.maximum(y, np.finfo(float).tiny), mean_of(log_mean.value(eta)))
    root = np.sqrt(phi[0] / y)
    low, high = root * (y / mu - 1.0), -root * (y / mu + 1.0)
    rest = np.exp(2.0 * phi[0] / mu + log_ndtr(high))
    return ndtr(-low) - rest if above else ndtr(low) + rest


# lam has the unit of the response; a density in it falls as lam grows only where means differ.
LAM = Dispersion(
    default=lambda spread: ("InverseGamma", {"shape": 0.5, "scale": 0.5 * spread.mean}),
    start=lambda y: float(np.mean(y)),
    collapse=Collapse(0.5, lambda mean: mean**1.5),
)


def _absorbed(
    mean: Array, mu: Array, phi: Sequence, shares: Array
) -> tuple[tuple[Array, ...], Array]:
    """1 / lam' = 1 / lam + the mean of (mean - mu)^2 / (mu^2 mean): log(lam / lam') / 2 apart."""
    away = phi[0] * (np.square(mean / mu - 1.0) / mean @ shares)[:, None]
    return (phi[0] / (1.0 + away),), 0.5 * np.log1p(away[:, 0])


def _plateau(y: Array, weights: Array) -> float:
    """n/2 log(lam / lam_0): at an infinite mean they are Lévy, with 1/lam_0 the mean of 1/y.

    At the mean of y, 1/lam is the mean of 1/y - 1/mean(y) (Johnson et al., 15.7).
    """
    n = float(weights.sum())
    inverse = float(weights @ (1.0 / y)) / n
    rest = inverse - n / float(weights @ y)
    return 0.5 * n * float(np.log(inverse / rest)) if rest > 0.0 else np.inf


def _family(link: str) -> Family:
    return positive_family(
        "inverse_gaussian",
        link,
        _kernel,
        _draw,
        _cdf,
        constant=_constant,
        variance=lambda mu, phi, trials: mu**3 / phi[0],
        saturated=_saturated,
        dispersions=(LAM,),
        log_concave=link == "inverse",
        absorbed=_absorbed,
        plateau=None if link == "inverse" else _plateau,  # there an infinite mean is at 0
    )


INVERSE_GAUSSIAN = tuple(_family(link) for link in FAMILY_NAMES["inverse_gaussian"].links)
