"""Binomial responses, of which bernoulli ones are the case of one trial.

Source: McCullagh & Nelder (1989), Generalized Linear Models, chapter 4.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
from scipy.special import betainc, xlogy

from bayesglm.numerics.families.binary_links import BINARY_LINKS, BinaryLink
from bayesglm.numerics.families.changes import LOGIT, weighted
from bayesglm.numerics.families.counts import (
    LARGE_COUNT,
    counted,
    pushed_to_the_ends,
    variance_of_counted,
)
from bayesglm.numerics.families.domains import up_to_the_ends
from bayesglm.numerics.families.links import sides
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
from bayesglm.numerics.special import log_choose
from bayesglm.spec.families import FAMILY_NAMES


def _kernel(
    y: Array, eta: Array, phi: Sequence, trials: Array | None, order: int, *, link: BinaryLink
) -> Derivatives:
    """log p(y) = log C(n, y) + y log p + (n - y) log q, with p = g^-1(eta) and q = 1 - p.

    Of one trial with a symmetric link it is log p(z), z being eta or -eta. In large counts the
    three cancel, and the last two are taken from their maximum at p = y / n.
    """
    if trials is None and link.log_p is not None:
        sign = 2.0 * y - 1.0
        value, *slopes = link.log_p(sign * eta, order)
        slopes[:1] = [sign * one for one in slopes[:1]]
        return in_eta([value, *slopes])
    failures = (1.0 if trials is None else trials) - y
    logs = link.logs(eta, order)
    value, *slopes = (counted(y, of_p) + counted(failures, of_q) for of_p, of_q in logs)
    if trials is not None and np.max(trials, initial=0.0) > 2.0 * LARGE_COUNT:
        large, few, many = _large_sides(y, failures)
        rare = np.where(y <= failures, logs[0][0], logs[0][1])
        common = np.where(y <= failures, logs[0][1], logs[0][0])
        away = rare - np.log(few / (few + many))
        odds = few / many
        near = few * away + many * np.log1p(-odds * np.expm1(np.clip(away, -0.5, 0.5)))
        far = few * away + many * (common + np.log1p(odds))
        value = np.where(large, np.where(np.abs(away) < 0.5, near, far), value)
    return in_eta([value, *slopes])


_LARGEST_EXP = 700.0  # of which exp is finite


def _logit_fused(y: Array, eta: Array, trials: Array | None, weights: Array | None) -> Array | None:
    """Sum of weight * (y eta - n log(1 + exp(eta)))."""
    if np.max(eta, initial=0.0) > _LARGEST_EXP:
        return None
    if trials is not None and np.max(trials, initial=0.0) > 2.0 * LARGE_COUNT:
        return None
    found = eta @ (y if weights is None else weights * y)
    np.exp(eta, out=eta)
    np.log1p(eta, out=eta)
    found -= row_sums(eta, weighted(weights, trials))
    return found


def _averaged(
    mean: Array, eta: Array, phi: Sequence, trials: Array | None, order: int, *, link: BinaryLink
) -> Derivatives:
    """Return the kernel at a mean count, which of one trial is none of 0 and 1."""
    return _kernel(mean, eta, phi, np.ones(1) if trials is None else trials, order, link=link)


def _logit_averaged(
    mean: Array, eta: Array, phi: Sequence, trials: Array | None, order: int
) -> Derivatives:
    """Return the same under the logit link, of one trial: mean * eta + log q."""
    if trials is not None:
        return _averaged(mean, eta, phi, trials, order, link=BINARY_LINKS["logit"])
    small = np.exp(-np.abs(eta))
    value = mean * eta - (np.maximum(eta, 0.0) + np.log1p(small))
    if order == 0:
        return in_eta([value])
    p, q = sides(eta, small)
    return in_eta([value, mean - p, -p * q][: order + 1])


def _large_sides(y: Array, failures: Array) -> tuple[Mask, Array, Array]:
    """Where both counts are large; the smaller of them there, and the larger; elsewhere ones."""
    large = np.minimum(y, failures) > LARGE_COUNT
    few, many = np.minimum(y, failures), np.maximum(y, failures)
    return large, np.where(large, few, 1.0), np.where(large, many, 1.0)


def _constant(y: Array, trials: Array | None) -> Array | float:
    """log C(n, y), and in large counts y log(y / n) + (n - y) log(1 - y / n) more.

    That is what `_kernel` leaves out of their share; by Stirling's series (Abramowitz &
    Stegun 1964, 6.1.41).
    """
    if trials is None:
        return 0.0
    large, few, many = _large_sides(y, trials - y)
    n = few + many
    rest = 0.5 * np.log(n / (2.0 * np.pi * few * many))
    rest = rest + (1.0 / n - 1.0 / few - 1.0 / many) / 12.0
    return np.where(large, rest, log_choose(trials, y))


def _saturated(y: Array, phi: Sequence, trials: Array | None) -> Array:
    n = np.float64(1.0) if trials is None else trials
    share = y / np.maximum(n, 1.0)
    full = xlogy(y, share) + xlogy(n - y, (n - y) / np.maximum(n, 1.0))
    return full if trials is None else np.where(_large_sides(y, n - y)[0], 0.0, full)


def _mean(eta: Array, phi: Sequence, trials: Array | None, *, link: BinaryLink) -> Array:
    p = link.probability(eta)
    return p if trials is None else trials * p


def _draw(
    rng: np.random.Generator, eta: Array, phi: Sequence, trials: Array | None, *, link: BinaryLink
) -> Array:
    n = 1 if trials is None else np.asarray(trials).astype(np.int64)
    return np.asarray(rng.binomial(n, link.probability(eta)), dtype=np.float64)


def _valid(y: Array, trials: Array | None) -> Mask:
    n = 1.0 if trials is None else trials
    return np.greater_equal(y, 0.0) & np.less_equal(y, n) & np.equal(y, np.floor(y))


def _cdf(
    y: Array, eta: Array, phi: Sequence, trials: Array | None, *, link: BinaryLink, above: bool
) -> Array:
    """P(Y <= y), or P(Y > y): an incomplete beta function (Abramowitz & Stegun 1964, 26.5.24)."""
    n = 1.0 if trials is None else trials
    k = np.floor(y)
    p, q = link.probability(eta), np.exp(link.logs(eta, 0)[0][1])
    inside = (k >= 0.0) & (k < n)
    few, left = np.where(inside, k, 0.0) + 1.0, np.where(inside, n - k, 1.0)
    share = betainc(few, left, p) if above else betainc(left, few, q)
    return np.where(inside, share, np.where(k < 0.0, float(above), float(not above)))


def _family(name: str, link: str) -> Family:
    functions = BINARY_LINKS[link]
    return of_one_channel(
        partial(_kernel, link=functions),
        partial(_mean, link=functions),
        name=name,
        link=link,
        domain=functions.domain,
        constant=_constant,
        saturated=_saturated,
        draw=partial(_draw, link=functions),
        variance=lambda mean, phi, trials: variance_of_counted(mean, trials),
        **both_sides(partial(_cdf, link=functions)),
        valid=_valid,
        support="integers from 0 to trials" if FAMILY_NAMES[name].needs_trials else "0 or 1",
        log_concave=functions.log_concave,
        push=up_to_the_ends(pushed_to_the_ends, functions.domain),
        fused=_logit_fused if link == "logit" else None,
        changes=LOGIT if link == "logit" else None,
        averaged=_logit_averaged if link == "logit" else partial(_averaged, link=functions),
        panjer=None if FAMILY_NAMES[name].needs_trials else lambda phi: -1.0,
    )


BERNOULLI = tuple(_family("bernoulli", link) for link in FAMILY_NAMES["bernoulli"].links)
BINOMIAL = tuple(_family("binomial", link) for link in FAMILY_NAMES["binomial"].links)
