"""Negative binomial counts of variance mu + mu^2 / alpha: a Poisson whose mean is a gamma variable.

Source: Hilbe (2011), Negative Binomial Regression, 8.1 (there NB2, of alpha the inverse).
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
from scipy.special import betainc, betaincc, xlogy

from bayesglm.numerics.compiled import compiled
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
    Dispersion,
    Family,
    Mask,
    both_sides,
    of_one_channel,
)
from bayesglm.numerics.families.rising import at_counts, is_near, near_log1p_less, remainder
from bayesglm.spec.families import FAMILY_NAMES

_LARGEST = 709.0  # of which exp is finite
# Chances up to a count are added up where there are so many of them (compiling takes the time of
# that many incomplete beta functions, a microsecond each), of counts up to so many (as long as one
# such function), and where the first is so far from underflow that none of them is.
FEWEST_ADDED, MOST_ADDED, SMALLEST_LOG = 20_000, 500, -600.0


def of_alpha(alpha: Array, y: Array, order: int) -> tuple[Array, ...]:
    """What depends on alpha and y alone: the kernel at mu = y without y log y - y, and slopes.

    The slopes are what of the derivatives with respect to alpha does not depend on mu. All are
    differences of Stirling's remainders at alpha + y and alpha, and small for large alpha.
    """
    total = alpha + y
    pairs = zip(remainder(total, order), remainder(alpha, order), strict=True)
    steps = [above - below for above, below in pairs]
    share = y / total
    parts = (
        lambda: steps[0] - 0.5 * np.log1p(y / alpha),
        lambda: steps[1] + 0.5 * share / alpha,
        lambda: steps[2] - 0.5 * share / alpha * (1.0 / alpha + 1.0 / total),
    )
    return tuple(part() for part in parts[: order + 1])


def large_counts(value: Array, y: Array, log_mu: Array, alpha: Array | float) -> Array:
    """Replace the kernel's values of large counts, less y log y - y, by what loses no digits.

    The share of mu is its distance from the maximum at mu = y. With u = log(mu / y), p = alpha /
    (alpha + y) and q = 1 - p, the log of (alpha + mu) / (alpha + y) is log(1 + q (e^u - 1)), or
    u + log(1 + p (e^-u - 1)), of which one is the smaller. Where next to nothing is left of the 1,
    that is log(p + q e^u), or u + log(q + p e^-u), a sum of two exponentials.
    """
    if np.max(y, initial=0.0) <= LARGE_COUNT:
        return value
    large = np.greater(y, LARGE_COUNT)
    count = np.where(large, y, 1.0)
    total, u = alpha + count, log_mu - np.log(count)
    log_p, log_q = -np.log1p(count / alpha), -np.log1p(alpha / count)
    upward = np.where(np.less(alpha, count), u > log_p - 30.0, u > 30.0 - log_q)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        rise = np.where(upward, alpha * np.expm1(-u), count * np.expm1(u)) / total
        summed = np.logaddexp(*np.where(upward, (log_q, log_p - u), (log_p, log_q + u)))
        log_rise = np.where(rise < -0.5, summed, np.log1p(rise))
        fall = np.where(upward, -alpha * u, count * u) - total * log_rise
    return np.where(large, of_alpha(np.asarray(alpha), count, 0)[0] + fall, value)


def _kernel(
    y: Array,
    eta: Array,
    phi: Sequence,
    trials: None,
    order: int,
    *,
    mean: Curve,
    log_mean: Curve,
    is_log: bool,
) -> Derivatives:
    """log p(y) = log (alpha)_y - log y! + y log mu + alpha log alpha - (y + alpha) log(alpha + mu).

    With away = (y - mu) / (alpha + mu), the derivative with respect to log mu is alpha * away, and
    the last two logarithms are taken at mu = y, from where log(1 + away) leads to mu.
    """
    (alpha,) = phi
    logs, means = log_mean.derivatives(eta, order), mean.derivatives(eta, order)
    of_counts = at_counts(partial(of_alpha, order=order), alpha, y)
    mu = np.minimum(means[0], np.exp(_LARGEST))
    total, whole = alpha + y, alpha + mu
    away = np.asarray((y - mu) / whole)
    log_ratio = np.asarray(np.log(total / whole))
    near = is_near(away)
    steps = away[near]
    less = near_log1p_less(steps)
    log_ratio[near] = steps + less
    beyond: Array | float = 0.0
    if is_log and np.max(eta, initial=0.0) > _LARGEST:
        beyond = np.maximum(eta - _LARGEST, 0.0)
    value = of_counts[0] + y * (logs[0] - 1.0) + total * (log_ratio - beyond)
    value = large_counts(value, y, logs[0], alpha)
    if order == 0:
        return Derivatives(value)
    log_ratio -= away
    log_ratio[near] = less
    slope, of_phi = alpha * away, (of_counts[1] + log_ratio - beyond,)
    if order == 1:
        return Derivatives(value, slope * logs[1], phi=of_phi)
    held, share = alpha / whole, mu / whole
    if is_log:
        bend = -total * held * share * np.exp(-beyond)
    else:
        # In mu for small means, in log mu for large ones, in which little cancels.
        square = logs[1] * logs[1]
        small = means[2] - share * mu * square
        large = mu * (logs[2] + held * square)
        bend = held * (y * (logs[2] - share * square) - np.where(share < 0.5, small, large))
    return Derivatives(
        value,
        slope * logs[1],
        bend,
        of_phi,
        (away * share * logs[1],),
        ((of_counts[2] + away * away / total,),),
    )


def _saturated(y: Array, phi: Sequence, trials: None) -> Array:
    at_most = np.where(np.greater(y, LARGE_COUNT), 0.0, xlogy(y, y) - y)
    return at_most + of_alpha(np.asarray(phi[0]), np.asarray(y), 0)[0]


def draw_mixed(rng: np.random.Generator, mu: Array, alpha: Array | float) -> Array:
    """Draw counts of means mu whose variance is mu + mu^2 / alpha."""
    mu, alpha = np.broadcast_arrays(mu, alpha)
    return draw_counts(rng, mu / alpha * rng.standard_gamma(alpha))


def share_below(y: Array, mu: Array, alpha: Array | float, above: bool) -> Array:
    """P(Y <= y), or P(Y > y): an incomplete beta function (Abramowitz & Stegun 1964, 26.5.26).

    Of many small counts the chances of 0 to y are added up: a hundred times faster, as exact.
    """
    k, mu, alpha = np.broadcast_arrays(np.maximum(np.floor(y), 0.0) + 1.0, mu, alpha)
    chance = np.full(k.shape, np.nan)
    if k.size >= FEWEST_ADDED:
        below = np.ravel(chance)
        compiled(_add_up)(np.ravel(k), np.ravel(mu), np.ravel(alpha), below)
        if above:  # of a small rest the digits are lost
            chance[...] = np.where(chance <= 0.5, 1.0 - chance, np.nan)
    left = np.isnan(chance)
    share, rest = mu / (alpha + mu), alpha / (alpha + mu)
    of_share, of_rest = (betainc, betaincc) if above else (betaincc, betainc)
    # Of the two arguments the smaller has the more digits; each is taken where it is that.
    small = share < 0.5
    of_share(k, alpha, share, out=chance, where=left & small)
    of_rest(alpha, k, rest, out=chance, where=left & ~small)
    return np.where(np.less(y, 0.0), float(above), chance)


def _add_up(n_terms: Array, mu: Array, alpha: Array, below: Array) -> None:
    """Add up the chances of 0, 1, ..., each from the last; NaN stays where they are too many."""
    for i in range(n_terms.size):
        first = -alpha[i] * np.log1p(mu[i] / alpha[i])
        if not (n_terms[i] <= MOST_ADDED and first > SMALLEST_LOG):
            continue
        share = mu[i] / (alpha[i] + mu[i])
        chance = np.exp(first)
        total = chance
        for k in range(1, int(n_terms[i])):
            chance *= share * (alpha[i] + k - 1.0) / k
            total += chance
        below[i] = min(total, 1.0)


def _valid(y: Array, trials: None) -> Mask:
    return is_count(y)


def start_of_alpha(y: Array) -> float:
    """mean^2 / (variance - mean), between 0.1 and 100."""
    mean, excess = float(y.mean()), float(y.var() - y.mean())
    return float(np.clip(mean * mean / excess, 0.1, 100.0)) if excess > 0.0 else 100.0


ALPHA = Dispersion(
    default=lambda spread: ("InverseGamma", {"shape": 0.5, "scale": 0.5}),
    start=start_of_alpha,
    limits=(np.inf,),
)


def _family(link: str) -> Family:
    mean, log_mean = MEANS[link], LOG_MEANS[link]
    kernel = partial(_kernel, mean=mean, log_mean=log_mean, is_log=link == "log")

    def draw(rng: np.random.Generator, eta: Array, phi: Sequence, trials: None) -> Array:
        return draw_mixed(rng, mean.value(eta), phi[0])

    def share(y: Array, eta: Array, phi: Sequence, trials: None, *, above: bool) -> Array:
        return share_below(y, mean.value(eta), phi[0], above)

    return of_one_channel(
        kernel,
        lambda eta, phi, trials: mean.value(eta),
        name="negative_binomial",
        link=link,
        domain=log_mean.domain,
        constant=constant_of_counts,
        saturated=_saturated,
        draw=draw,
        variance=lambda mu, phi, trials: mu + mu * (mu / phi[0]),
        **both_sides(share),
        valid=_valid,
        support="non-negative integers",
        dispersions=(ALPHA,),
        log_concave=link == "log",
        push=up_to_the_ends(pushed_down, log_mean.domain),
        panjer=lambda phi: phi[0],
        averaged=kernel,
    )


NEGATIVE_BINOMIAL = tuple(_family(link) for link in FAMILY_NAMES["negative_binomial"].links)
