"""Negative binomial counts of variance mu (1 + phi): a Poisson whose mean is a gamma variable.

It is the negative binomial of alpha = mu / phi. Source: Hilbe (2011), Negative Binomial
Regression, 10.4 (there NB1).
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from bayesglm.numerics.families.counts import constant_of_counts, is_count, pushed_down
from bayesglm.numerics.families.domains import up_to_the_ends
from bayesglm.numerics.families.links import LOG_MEANS, MEANS, Curve
from bayesglm.numerics.families.negative_binomial import draw_mixed, large_counts, share_below
from bayesglm.numerics.families.peaks import peak
from bayesglm.numerics.families.record import (
    Array,
    Derivatives,
    Dispersion,
    Family,
    Mask,
    both_sides,
    of_one_channel,
)
from bayesglm.numerics.families.rising import cubic, log1p_less, rising_of
from bayesglm.spec.families import FAMILY_NAMES


def _kernel(
    y: Array, eta: Array, phi: Sequence, trials: None, order: int, *, mean: Curve, log_mean: Curve
) -> Derivatives:
    """log p(y) = log (a)_y - log y! + y log phi - (y + a) log(1 + phi), with a = mu / phi.

    With held the derivative of log (a)_y with respect to log a, that of log p(y) with respect to
    log mu is held - a log(1 + phi).
    """
    (spread,) = phi
    logs, means = log_mean.derivatives(eta, order), mean.derivatives(eta, order)
    log_spread, log_rest = np.log(spread), np.log1p(spread)
    a = means[0] / spread
    sums = rising_of(a, logs[0] - log_spread, y, order)
    value = sums.log + y * log_spread - (y + a) * log_rest
    value = large_counts(value, y, logs[0], np.clip(a, 1e-300, 1e300))
    if order == 0:
        return Derivatives(value)
    share = spread / (1.0 + spread)
    # log(1 + phi) - phi / (1 + phi)
    curved = np.where(spread < 1.0, -log1p_less(-np.minimum(share, 0.5)), log_rest - share)
    # Of the two forms of one derivative each has its digits where the other loses them.
    few = sums.left / spread - y / (1.0 + spread)
    many = (y / (1.0 + spread) - sums.held) / spread
    slope = sums.held * logs[1] - log_rest / spread * means[1]
    of_phi = (np.where(np.less(spread, 1.0), few, many) + a / spread * curved,)
    if order == 1:
        return Derivatives(value, slope, phi=of_phi)
    bend = sums.bend * (logs[1] * logs[1]) + sums.held * logs[2] - log_rest / spread * means[2]
    crossed = means[1] / spread * (curved / spread) - sums.bend / spread * logs[1]
    second = y / (1.0 + spread) ** 2 - sums.square / spread / spread
    second = second + a / spread * (cubic(spread) / spread - share * share)
    return Derivatives(value, slope, bend, of_phi, (crossed,), ((second,),))


def _saturated(y: Array, phi: Sequence, trials: None) -> Array:
    """The kernel of the log link at the root of its slope; zeros have it at mu = 0, and it is 0."""
    log = partial(_kernel, mean=MEANS["log"], log_mean=LOG_MEANS["log"])
    y, spread = np.broadcast_arrays(np.asarray(y, dtype=np.float64), phi[0])
    some = np.maximum(y, 1.0)
    best = peak(lambda eta: log(some, eta, (spread,), None, 1).eta, y)
    return np.where(y > 0.0, log(some, best, (spread,), None, 0).value, 0.0)


def _valid(y: Array, trials: None) -> Mask:
    return is_count(y)


PHI = Dispersion(
    default=lambda spread: ("HalfStudentT", {"scale": 1.0, "df": 4.0}),
    start=lambda y: float(np.clip(y.var() / max(float(y.mean()), 1e-8) - 1.0, 0.05, 100.0)),
)


def _family(link: str) -> Family:
    mean, log_mean = MEANS[link], LOG_MEANS[link]

    def draw(rng: np.random.Generator, eta: Array, phi: Sequence, trials: None) -> Array:
        mu = np.maximum(mean.value(eta), 1e-300)
        return draw_mixed(rng, mu, mu / phi[0])

    def share(y: Array, eta: Array, phi: Sequence, trials: None, *, above: bool) -> Array:
        mu = np.maximum(mean.value(eta), 1e-300)
        return share_below(y, mu, mu / phi[0], above)

    return of_one_channel(
        partial(_kernel, mean=mean, log_mean=log_mean),
        lambda eta, phi, trials: mean.value(eta),
        name="negative_binomial1",
        link=link,
        domain=log_mean.domain,
        constant=constant_of_counts,
        saturated=_saturated,
        draw=draw,
        variance=lambda mu, phi, trials: mu * (1.0 + phi[0]),
        **both_sides(share),
        valid=_valid,
        support="non-negative integers",
        dispersions=(PHI,),
        log_concave=link == "identity",
        push=up_to_the_ends(pushed_down, log_mean.domain),
    )


NEGATIVE_BINOMIAL1 = tuple(_family(link) for link in FAMILY_NAMES["negative_binomial1"].links)
