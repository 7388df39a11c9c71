"""Exponential responses: waiting times of mean mu, whose variance is mu^2.

Source: McCullagh & Nelder (1989), Generalized Linear Models, chapter 8 (gamma of shape one).
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from bayesglm.numerics.families.links import LOG_MEANS, Curve
from bayesglm.numerics.families.positive import in_mean, mean_of, positive_family
from bayesglm.numerics.families.record import Array, Derivatives, Family, in_eta
from bayesglm.numerics.families.tails import Places, by_place, extreme_tail
from bayesglm.spec.families import FAMILY_NAMES

# Links with which log p is concave in eta.
CONCAVE = ("log", "inverse")


def _kernel(
    y: Array, eta: Array, phi: Sequence, trials: None, order: int, *, log_mean: Curve
) -> Derivatives:
    """log p(y) = -log mu - y / mu."""
    log_mu, *slopes = log_mean.derivatives(eta, order)
    t = y * mean_of(-log_mu)
    return in_eta([-log_mu - t, *in_mean(slopes, -1.0, [(-t, -1.0)])])


def _saturated(y: Array, phi: Sequence, trials: None) -> Array:
    return -np.log(y) - 1.0


def _draw(
    rng: np.random.Generator, eta: Array, phi: Sequence, trials: None, *, log_mean: Curve
) -> Array:
    mu = mean_of(log_mean.value(eta))
    return np.maximum(mu * rng.standard_exponential(np.shape(mu)), np.finfo(float).tiny)


def _cdf(
    y: Array, eta: Array, phi: Sequence, trials: None, *, log_mean: Curve, above: bool
) -> Array:
    """P(Y <= y), or P(Y > y)."""
    t = np.maximum(y, 0.0) / mean_of(log_mean.value(eta))
    return np.exp(-t) if above else -np.expm1(-t)


def _tails(
    y: Array, eta: Array, phi: Sequence, trials: None, order: int, *, log_mean: Curve, above: bool
) -> Derivatives:
    """log(1 - exp(-exp(z))), or -exp(z), with z = log(y / mu)."""
    log_mu, *slopes = log_mean.derivatives(eta, order)
    slope, bend = (*slopes, 0.0, 0.0)[:2]
    return by_place(extreme_tail(np.log(y) - log_mu, above), Places(-slope, -bend), order)


def _family(link: str) -> Family:
    return positive_family(
        "exponential",
        link,
        _kernel,
        _draw,
        _cdf,
        constant=lambda y, trials: 0.0,
        variance=lambda mu, phi, trials: np.square(mu),
        saturated=_saturated,
        log_concave=link in CONCAVE,
        exponential_rate=-1.0 if link == "log" else None,
        tails=partial(_tails, log_mean=LOG_MEANS[link]),
        concave_mass=link in CONCAVE,
    )


EXPONENTIAL = tuple(_family(link) for link in FAMILY_NAMES["exponential"].links)
