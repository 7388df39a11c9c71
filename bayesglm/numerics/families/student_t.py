"""Student's t: mu is the location, sigma the scale and nu the degrees of freedom.

Source: Johnson, Kotz & Balakrishnan (1995), Continuous Univariate Distributions 2, chapter 28.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
from scipy.special import stdtr

from bayesglm.numerics.families.counts import pushed_down
from bayesglm.numerics.families.gaussian import SIGMA
from bayesglm.numerics.families.links import MEANS, Curve
from bayesglm.numerics.families.record import (
    Array,
    Derivatives,
    Dispersion,
    Family,
    Mask,
    both_sides,
    of_one_channel,
)
from bayesglm.numerics.special import exp_excess, half_step_excess
from bayesglm.spec.families import FAMILY_NAMES

_FAR = 1e110  # a residual in units of sigma whose square is a float, over any nu as well


def _kernel(
    y: Array, eta: Array, phi: Sequence, trials: None, order: int, *, mean: Curve
) -> Derivatives:
    """log p(y) = h(nu) - log sigma - (nu + 1) d / 2 - log(2 pi) / 2, with d = log(1 + r^2 / nu).

    r = (y - mu) / sigma, and h = log Gamma((nu + 1) / 2) - log Gamma(nu / 2) - log(nu / 2) / 2,
    which goes to 0 as nu grows: then d is r^2 / nu, and the density is the gaussian's.
    """
    sigma, nu = phi
    mu, *slopes = mean.derivatives(eta, order)
    h, *h_slopes = half_step_excess(0.5 * np.asarray(nu), order)
    with np.errstate(over="ignore"):
        r = np.clip((y - mu) / sigma, -_FAR, _FAR)
        odds = r * r / nu
    d = np.log1p(odds)
    value = h - np.log(sigma) - 0.5 * (nu + 1.0) * d
    if order == 0:
        return Derivatives(value)
    rest = 1.0 / (1.0 + odds)  # the share of nu in nu + r^2, and that of r^2
    share = odds * rest
    more, balance = 1.0 + 1.0 / nu, share - rest / nu
    pull = rest * r / sigma
    of_sigma = ((nu + 1.0) * share - 1.0) / sigma
    of_nu = 0.5 * (h_slopes[0] - exp_excess(-d) + share / nu)
    with np.errstate(over="ignore", invalid="ignore"):
        first = more * pull * slopes[0]
    if order == 1:
        return Derivatives(value, first, phi=(of_sigma, of_nu))
    bend_in_mu = -more * rest * (1.0 - 2.0 * share) / sigma / sigma
    with np.errstate(over="ignore", invalid="ignore"):
        second = bend_in_mu * slopes[0] * slopes[0] + more * pull * slopes[1]
        crossed = (
            -2.0 * more * rest * pull / sigma * slopes[0],
            pull * balance / nu * slopes[0],
        )
    twice_sigma = (1.0 - (nu + 1.0) * share * (3.0 - 2.0 * share)) / sigma / sigma
    both = share * balance / sigma
    twice_nu = 0.25 * h_slopes[1] + 0.5 * (share - (2.0 - share) / nu) * share / nu
    return Derivatives(
        value,
        first,
        second,
        phi=(of_sigma, of_nu),
        eta_phi=crossed,
        phi_phi=((twice_sigma, both), (both, twice_nu)),
    )


def _constant(y: Array, trials: None) -> float:
    return -0.5 * float(np.log(2.0 * np.pi))


def _saturated(y: Array, phi: Sequence, trials: None) -> Array:
    sigma, nu = phi
    return np.zeros_like(y) - np.log(sigma) + half_step_excess(0.5 * np.asarray(nu), 0)[0]


def _draw(
    rng: np.random.Generator, eta: Array, phi: Sequence, trials: None, *, mean: Curve
) -> Array:
    mu, sigma, nu = np.broadcast_arrays(mean.value(eta), *phi)
    return mu + sigma * rng.standard_t(nu)


def _valid(y: Array, trials: None) -> Mask:
    return np.isfinite(y)


def _cdf(y: Array, eta: Array, phi: Sequence, trials: None, *, mean: Curve, above: bool) -> Array:
    """P(Y <= y), or P(Y > y)."""
    sigma, nu = phi
    r = (y - mean.value(eta)) / sigma
    return stdtr(nu, -r if above else r)


# At infinity the density is the gaussian's: the likelihood keeps a positive limit.
NU = Dispersion(
    default=lambda spread: ("Gamma", {"shape": 2.0, "rate": 0.1}),
    start=lambda y: 10.0,
    limits=(np.inf,),
)


def _variance(mu: Array, phi: Sequence, trials: None) -> Array:
    """sigma^2 nu / (nu - 2), infinite up to nu = 2."""
    sigma, nu = phi
    over = np.where(np.greater(nu, 2.0), nu - 2.0, 0.0)
    with np.errstate(divide="ignore"):
        return np.zeros_like(mu) + sigma * sigma * (nu / over)


def _family(link: str) -> Family:
    mean = MEANS[link]
    return of_one_channel(
        partial(_kernel, mean=mean),
        lambda eta, phi, trials: mean.value(eta),
        name="student_t",
        link=link,
        domain=mean.domain,
        constant=_constant,
        saturated=_saturated,
        draw=partial(_draw, mean=mean),
        variance=_variance,
        **both_sides(partial(_cdf, mean=mean)),
        valid=_valid,
        support="real numbers",
        dispersions=(SIGMA, NU),
        push=None if link == "identity" else pushed_down,
    )


STUDENT_T = tuple(_family(link) for link in FAMILY_NAMES["student_t"].links)
