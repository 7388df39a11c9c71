"""Gamma responses; alpha is their shape, mu^2 / alpha their variance.

Source: McCullagh & Nelder (1989), Generalized Linear Models, chapter 8.
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import gammainc, gammaincc

from bayesglm.numerics.families.links import Curve
from bayesglm.numerics.families.positive import in_mean, mean_of, positive_family
from bayesglm.numerics.families.record import (
    Array,
    Collapse,
    Derivatives,
    Dispersion,
    Family,
)
from bayesglm.numerics.special import (
    exp_excess,
    inverse_less_trigamma,
    log_less_digamma,
    stirling_remainder,
)
from bayesglm.spec.families import FAMILY_NAMES

# Links with which log p is concave in eta.
CONCAVE = ("log", "inverse")


def _kernel(
    y: Array, eta: Array, phi: Sequence, trials: None, order: int, *, log_mean: Curve
) -> Derivatives:
    """log p(y) = -alpha d + log(alpha) / 2 - r - log y - log(2 pi) / 2, with t = y / mu.

    d = t - 1 - log t is a unit deviance, and r the remainder of Stirling's formula for log
    Gamma(alpha): no part is larger than what their sum may be.
    """
    (alpha,) = phi
    log_mu, *slopes = log_mean.derivatives(eta, order)
    log_t = np.log(y) - log_mu
    d = exp_excess(log_t)
    value = -alpha * d + _normaliser(alpha)
    if order == 0:
        return Derivatives(value)
    t = mean_of(log_t)
    unit = in_mean(slopes, -1.0, [(-t, -1.0)])
    of_phi = log_less_digamma(alpha) - d
    if order == 1:
        return Derivatives(value, alpha * unit[0], phi=(of_phi,))
    return Derivatives(
        value,
        alpha * unit[0],
        alpha * unit[1],
        phi=(of_phi,),
        eta_phi=(unit[0] + np.zeros_like(value),),
        phi_phi=((inverse_less_trigamma(alpha) + np.zeros_like(value),),),
    )


def _normaliser(alpha: Array) -> Array:
    return 0.5 * np.log(alpha) - stirling_remainder(alpha)


def _constant(y: Array, trials: None) -> Array:
    return -np.log(y) - 0.5 * float(np.log(2.0 * np.pi))


def _saturated(y: Array, phi: Sequence, trials: None) -> Array:
    return np.zeros_like(y) + _normaliser(phi[0])


def _draw(
    rng: np.random.Generator, eta: Array, phi: Sequence, trials: None, *, log_mean: Curve
) -> Array:
    mu, alpha = np.broadcast_arrays(mean_of(log_mean.value(eta)), phi[0])
    return np.maximum(rng.standard_gamma(alpha) * (mu / alpha), np.finfo(float).tiny)


def _cdf(
    y: Array, eta: Array, phi: Sequence, trials: None, *, log_mean: Curve, above: bool
) -> Array:
    """P(Y <= y), or P(Y > y)."""
    t = np.maximum(y, 0.0) / mean_of(log_mean.value(eta))
    return (gammaincc if above else gammainc)(phi[0], phi[0] * t)


_STEPS = 50  # of Newton's method at most; from its start it needs a few


def _absorbed(
    mean: Array, mu: Array, phi: Sequence, shares: Array
) -> tuple[tuple[Array, ...], Array]:
    """log a - psi(a) = log alpha - psi(alpha) + d, with d the mean unit deviance of the means.

    Their divergence is (alpha - a) psi(alpha) - log Gamma(alpha) / Gamma(a) + a log(alpha / a)
    + a d + a - alpha; log a - psi(a) is close to 1 / (2 a), of which the steps are.
    """
    alpha = phi[0][:, 0]
    away = exp_excess(np.log(mean) - np.log(mu)) @ shares
    goal = log_less_digamma(alpha) + away
    a = alpha.copy()
    for _ in range(_STEPS):
        value = log_less_digamma(a)
        step = (1.0 / goal - 1.0 / value) * np.square(value) / -inverse_less_trigamma(a)
        a = np.maximum(a + step, 0.1 * a)
        if np.all(np.abs(step) <= 1e-14 * a):
            break
    kl = _normaliser(alpha) - _normaliser(a) + (a - alpha) * log_less_digamma(alpha) + a * away
    return (a[:, None],), np.maximum(kl, 0.0)


ALPHA = Dispersion(
    default=lambda spread: ("InverseGamma", {"shape": 0.5, "scale": 0.5}),
    start=lambda y: 1.0,
    collapse=Collapse(0.5, abs),
)


def _family(link: str) -> Family:
    return positive_family(
        "gamma",
        link,
        _kernel,
        _draw,
        _cdf,
        constant=_constant,
        variance=lambda mu, phi, trials: np.square(mu) / phi[0],
        saturated=_saturated,
        dispersions=(ALPHA,),
        log_concave=link in CONCAVE,
        exponential_rate=-1.0 if link == "log" else None,
        concave_mass=link == "log",
        absorbed=_absorbed,
    )


GAMMA = tuple(_family(link) for link in FAMILY_NAMES["gamma"].links)
