"""Counts that first take a hurdle: psi is the chance of any, and those beyond are Poisson.

    p(0) = 1 - psi,    p(y) = psi Poisson(y; mu) / (1 - exp(-mu)) for y > 0

Source: Mullahy (1986), Specification and testing of some modified count data models, Journal of
Econometrics 33, 341-365.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.polynomial.polynomial import polyval
from scipy.special import bernoulli, factorial, gammainc, gammaincc, lambertw

from bayesglm.numerics.families.counts import (
    LARGE_COUNT,
    constant_of_counts,
    draw_counts,
    is_count,
)
from bayesglm.numerics.families.domains import up_to_the_ends
from bayesglm.numerics.families.links import LOG_MEANS, MEANS, Curve
from bayesglm.numerics.families.record import (
    Array,
    Derivatives,
    Family,
    Mask,
    both_sides,
    of_one_channel,
)
from bayesglm.numerics.families.shares import inside, share_of_counts
from bayesglm.spec.families import FAMILY_NAMES

# With B_2k Bernoulli's numbers, B_2k / (2k)!: the coefficients of mu^2k in
# mu / (1 - exp(-mu)) - 1 - mu / 2 (Abramowitz & Stegun 1964, 23.1.1), and in what has that slope in
# log mu, log(sinh(mu / 2) / (mu / 2)).
_POWERS = np.arange(2, 21, 2)
_EXCESS = bernoulli(20)[2::2] / factorial(_POWERS)
_LOG_SINH = _EXCESS / _POWERS
_NEAR = 1.0  # mu below which the series are right to 1e-16
_LARGEST = 700.0  # mu beyond which exp(-mu) counts nothing
_LARGEST_LOG = 1e300  # mu beside which its logarithm counts nothing


def log_any(mu: Array) -> Array:
    """log((exp(mu) - 1) / mu).

    >>> log_any(np.array([0.0, 1.0])).round(6)
    array([0.      , 0.541325])
    """
    small = np.minimum(mu, _NEAR)
    square = small * small
    large = np.maximum(mu, _NEAR)
    beyond = large + np.log1p(-np.exp(-large)) - np.log(np.minimum(large, _LARGEST_LOG))
    return np.where(mu < _NEAR, 0.5 * small + square * polyval(square, _LOG_SINH), beyond)


def excess(mu: Array) -> Array:
    """E[y | y > 0] - 1, which is mu / (1 - exp(-mu)) - 1: from mu / 2 to mu - 1."""
    small = np.minimum(mu, _NEAR)
    square = small * small
    large = np.maximum(mu, _NEAR)
    return np.where(
        mu < _NEAR, 0.5 * small + square * polyval(square, _EXCESS), large / -np.expm1(-large) - 1.0
    )


def _kernel(
    y: Array, eta: Array, phi: Sequence, trials: None, order: int, *, mean: Curve, log_mean: Curve
) -> Derivatives:
    """log p(y) = log psi + (y - 1) log mu - log((exp(mu) - 1) / mu) - log y! for y > 0.

    The derivative with respect to log mu is (y - 1) - excess(mu), and so on.
    """
    psi = inside(phi[0])
    logs, means = log_mean.derivatives(eta, order), mean.derivatives(eta, order)
    zero = np.equal(y, 0.0)
    mu, rest = means[0], np.maximum(y - 1.0, 0.0)
    value = rest * logs[0] - log_any(mu)
    if np.max(y, initial=0.0) > LARGE_COUNT:
        large = np.greater(y, LARGE_COUNT)
        count = np.where(large, y, 1.0)
        away = logs[0] - np.log(count)
        near = count * (away - np.expm1(np.minimum(away, 1.0)))
        far = count * away - (mu - count)
        # A mean far below such a count has still to take the hurdle.
        at_all = np.where(mu < _LARGEST, np.log(-np.expm1(-np.minimum(mu, _LARGEST))), 0.0)
        value = np.where(large, np.where(np.abs(away) < 0.5, near, far) - at_all, value)
    value = np.where(zero, np.log1p(-psi), np.log(psi) + value)
    if order == 0:
        return Derivatives(value)
    more = excess(mu)
    slope = np.where(zero, 0.0, rest - more)
    of_psi = np.where(zero, -1.0 / (1.0 - psi), 1.0 / psi) + np.zeros(np.shape(value))
    if order == 1:
        return Derivatives(value, slope * logs[1], phi=(of_psi,))
    # d excess / d log mu = mu - left * more, with left = mu / (exp(mu) - 1) = 1 + excess - mu.
    moderate = np.clip(mu, 1e-300, _LARGEST)
    left = moderate / np.expm1(moderate)
    product = left * np.minimum(more, _LARGEST)
    square = logs[1] * logs[1]
    # In log mu for small means, in mu for large ones, in which little cancels.
    with np.errstate(invalid="ignore"):
        small = (product - mu) * square + (rest - more) * logs[2]
    large = product * square + (y - left) * logs[2] - means[2]
    bend = np.where(zero, 0.0, np.where(mu < _NEAR, small, large))
    nothing = np.zeros(np.shape(value))
    second = -of_psi * of_psi
    return Derivatives(value, slope * logs[1], bend, (of_psi,), (nothing,), ((second,),))


def _saturated(y: Array, phi: Sequence, trials: None) -> Array:
    """The kernel where mu / (1 - exp(-mu)) = y, which Lambert's function gives."""
    (psi,) = phi
    y, psi = np.broadcast_arrays(np.asarray(y, dtype=np.float64), inside(psi))
    some = np.maximum(y, 2.0)
    mu = some + lambertw(-some * np.exp(-some)).real
    log = partial(_kernel, mean=MEANS["log"], log_mean=LOG_MEANS["log"])
    best = np.where(y > 1.0, log(some, np.log(mu), (psi,), None, 0).value, np.log(psi))
    return np.where(y > 0.0, best, np.log1p(-psi))


def _draw(
    rng: np.random.Generator, eta: Array, phi: Sequence, trials: None, *, mean: Curve
) -> Array:
    """Where there is any, the first comes at a time below 1, and others as ever after it."""
    mu, psi = np.broadcast_arrays(mean.value(eta), phi[0])
    first = -np.log1p(rng.random(mu.shape) * np.expm1(-mu))
    counts = 1.0 + draw_counts(rng, np.maximum(mu - first, 0.0))
    return np.where(rng.random(mu.shape) < psi, counts, 0.0)


def _share(y: Array, eta: Array, phi: Sequence, trials: None, *, mean: Curve, above: bool) -> Array:
    (psi,) = phi
    k, mu = np.floor(y), np.maximum(mean.value(eta), 1e-300)
    taken = np.maximum(k, 0.0) + 1.0
    any_at_all = -np.expm1(-mu)
    over = psi * gammainc(taken, mu) / any_at_all
    if above:
        return np.where(k < 0.0, 1.0, over)
    # P(0 < Y <= k), from the smaller of what lies above and below.
    under = psi * (gammaincc(taken, mu) - np.exp(-mu)) / any_at_all
    return np.where(k < 0.0, 0.0, np.where(over < 0.5, 1.0 - over, (1.0 - psi) + under))


def _valid(y: Array, trials: None) -> Mask:
    return is_count(y)


def _pushed_down(y: Array, trials: None) -> Array:
    """A count of one pushes the mean to zero without end; a zero says nothing of it."""
    return np.where(np.equal(y, 0.0), np.nan, np.where(np.equal(y, 1.0), -1.0, 0.0))


PSI = share_of_counts(lambda y: float(np.mean(y > 0.0)))


def _family(link: str) -> Family:
    mean, log_mean = MEANS[link], LOG_MEANS[link]
    family = of_one_channel(
        partial(_kernel, mean=mean, log_mean=log_mean),
        lambda eta, phi, trials: phi[0] * (1.0 + excess(mean.value(eta))),
        name="hurdle_poisson",
        link=link,
        domain=log_mean.domain,
        constant=constant_of_counts,
        saturated=_saturated,
        draw=partial(_draw, mean=mean),
        **both_sides(partial(_share, mean=mean)),
        valid=_valid,
        support="non-negative integers",
        dispersions=(PSI,),
        log_concave=True,
        push=up_to_the_ends(_pushed_down, log_mean.domain),
    )

    def variance(eta: Array, phi: Sequence, trials: None) -> Array:
        """m (1 + mu - m), m being the mean of all."""
        of_all = family.mean(eta, phi, trials)
        return of_all * (1.0 + mean.value(eta[0]) - of_all)

    return replace(family, variance=variance)


HURDLE_POISSON = tuple(_family(link) for link in FAMILY_NAMES["hurdle_poisson"].links)
