"""Poisson counts.

Source: McCullagh & Nelder (1989), Generalized Linear Models, chapter 6.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
from scipy.special import gammainc, gammaincc, xlogy

from bayesglm.numerics.families.changes import LOG
from bayesglm.numerics.families.counts import (
    LARGE_COUNT,
    constant_of_counts,
    draw_counts,
    is_count,
    pushed_down,
)
from bayesglm.numerics.families.domains import up_to_the_ends
from bayesglm.numerics.families.links import LOG_MEANS, MEANS, Curve
from bayesglm.numerics.families.record import (
    Array,
    Derivatives,
    Family,
    Mask,
    both_sides,
    in_eta,
    of_one_channel,
    row_sums,
)
from bayesglm.spec.families import FAMILY_NAMES


def _kernel(
    y: Array, eta: Array, phi: Sequence, trials: None, order: int, *, mean: Curve, log_mean: Curve
) -> Derivatives:
    """log p(y) = y log mu - mu - log y!, with mu = g^-1(eta).

    In large counts the three cancel, and the first two are taken from their maximum at mu = y.
    """
    logs, means = log_mean.derivatives(eta, order), mean.derivatives(eta, order)
    value, *slopes = (y * of_log - of_mean for of_log, of_mean in zip(logs, means, strict=True))
    if np.max(y, initial=0.0) > LARGE_COUNT:
        large = np.greater(y, LARGE_COUNT)
        count = np.where(large, y, 1.0)
        away = logs[0] - np.log(count)
        near = count * (away - np.expm1(np.minimum(away, 1.0)))
        far = count * away - (means[0] - count)
        value = np.where(large, np.where(np.abs(away) < 0.5, near, far), value)
    return in_eta([value, *slopes])


def _log_fused(y: Array, eta: Array, trials: None, weights: Array | None) -> Array | None:
    """Sum of weight * (y eta - exp(eta))."""
    if np.max(y, initial=0.0) > LARGE_COUNT:
        return None
    found = eta @ (y if weights is None else weights * y)
    with np.errstate(over="ignore"):
        np.exp(eta, out=eta)
        found -= row_sums(eta, weights)
    return found


def _saturated(y: Array, phi: Sequence, trials: None) -> Array:
    return np.where(np.greater(y, LARGE_COUNT), 0.0, xlogy(y, y) - y)


def _draw(
    rng: np.random.Generator, eta: Array, phi: Sequence, trials: None, *, mean: Curve
) -> Array:
    return draw_counts(rng, mean.value(eta))


def _valid(y: Array, trials: None) -> Mask:
    return is_count(y)


def _cdf(y: Array, eta: Array, phi: Sequence, trials: None, *, mean: Curve, above: bool) -> Array:
    """P(Y <= y), or P(Y > y): an incomplete gamma function (Abramowitz & Stegun 1964, 26.4.21)."""
    k, mu = np.floor(y), mean.value(eta)
    share = (gammainc if above else gammaincc)(np.maximum(k, 0.0) + 1.0, mu)
    return np.where(k < 0.0, float(above), share)


def _family(link: str) -> Family:
    mean, log_mean = MEANS[link], LOG_MEANS[link]
    return of_one_channel(
        partial(_kernel, mean=mean, log_mean=log_mean),
        lambda eta, phi, trials: mean.value(eta),
        name="poisson",
        link=link,
        domain=log_mean.domain,
        constant=constant_of_counts,
        saturated=_saturated,
        draw=partial(_draw, mean=mean),
        variance=lambda mu, phi, trials: mu,
        **both_sides(partial(_cdf, mean=mean)),
        valid=_valid,
        support="non-negative integers",
        log_concave=True,
        exponential_rate=1.0 if link == "log" else None,
        push=up_to_the_ends(pushed_down, log_mean.domain),
        fused=_log_fused if link == "log" else None,
        changes=LOG if link == "log" else None,
        panjer=lambda phi: np.inf,
        averaged=partial(_kernel, mean=mean, log_mean=log_mean),
    )


POISSON = tuple(_family(link) for link in FAMILY_NAMES["poisson"].links)
