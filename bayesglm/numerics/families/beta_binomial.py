"""Successes among trials whose chance is a beta variable of mean mu: alpha + beta = kappa.

    p(y) = C(n, y) (mu kappa)_y ((1 - mu) kappa)_(n - y) / (kappa)_n

with rising factorials. Source: McCullagh & Nelder (1989), Generalized Linear Models, 4.5.2.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from bayesglm.numerics.families.binary_links import BINARY_LINKS, BinaryLink
from bayesglm.numerics.families.counts import (
    counted,
    is_count,
    pushed_to_the_ends,
    variance_of_counted,
)
from bayesglm.numerics.families.domains import up_to_the_ends
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
from bayesglm.numerics.families.rising import Rising, at_counts, rising, rising_of
from bayesglm.numerics.special import log_choose
from bayesglm.spec.families import FAMILY_NAMES


def _of_side(log_share: Array, kappa: Array | float, n: Array, order: int) -> Rising:
    """Return the sums of one side's rising factorial, of mu kappa, from the log of mu."""
    return rising_of(kappa * np.exp(log_share), np.log(kappa) + log_share, n, order)


def _kernel(
    y: Array, eta: Array, phi: Sequence, trials: Array | None, order: int, *, link: BinaryLink
) -> Derivatives:
    """log p(y) = log (a)_y + log (b)_(n - y) - log (kappa)_n + log C(n, y), a + b = kappa."""
    (kappa,) = phi
    n = np.ones(np.shape(y)) if trials is None else trials
    logs = link.logs(eta, order)
    sides = (
        _of_side(logs[0][0], kappa, y, order),
        _of_side(logs[0][1], kappa, n - y, order),
    )
    whole = Rising(*at_counts(lambda a, count: rising(a, count, order), kappa, n))
    value = sides[0].log + sides[1].log - (whole.log + n * np.log(kappa))
    if order == 0:
        return Derivatives(value)
    slope = sum(counted(side.held, of) for side, of in zip(sides, logs[1], strict=True))
    # The two sums differ by n; each has its digits where the other loses them.
    few = np.less(kappa, n)
    held = sides[0].held + sides[1].held - whole.held
    left = whole.left - sides[0].left - sides[1].left
    of_kappa = np.where(few, held, left) / kappa
    if order == 1:
        return Derivatives(value, slope, phi=(of_kappa,))
    bends = sides[0].bend + sides[1].bend - whole.bend
    curve, crossed = np.zeros(np.shape(value)), np.zeros(np.shape(value))
    for side, first, second in zip(sides, logs[1], logs[2], strict=True):
        moved = counted(side.bend, first)
        curve = curve + counted(moved, first) + counted(side.held, second)
        crossed = crossed + moved / kappa
    of_both = (bends / kappa - of_kappa) / kappa
    return Derivatives(value, slope, curve, (of_kappa,), (crossed,), ((of_both,),))


def _constant(y: Array, trials: Array | None) -> Array | float:
    return 0.0 if trials is None else log_choose(trials, y)


def _saturated(y: Array, phi: Sequence, trials: Array | None) -> Array:
    """The kernel of the logit link at the root of its slope; at the ends it is 0."""
    n = np.ones(np.shape(y)) if trials is None else trials
    y, n, kappa = np.broadcast_arrays(np.asarray(y, dtype=np.float64), n, phi[0])
    inner = (y > 0.0) & (y < n)
    some, many = np.where(inner, y, 1.0), np.where(inner, n, 2.0)
    kernel = partial(_kernel, link=BINARY_LINKS["logit"])
    best = peak(lambda eta: kernel(some, eta, (kappa,), many, 1).eta, y)
    return np.where(inner, kernel(some, best, (kappa,), many, 0).value, 0.0)


def _draw(
    rng: np.random.Generator, eta: Array, phi: Sequence, trials: Array | None, *, link: BinaryLink
) -> Array:
    n = 1 if trials is None else np.asarray(trials).astype(np.int64)
    sides = [np.maximum(phi[0] * np.exp(of), 1e-300) for of in link.logs(eta, 0)[0]]
    return np.asarray(rng.binomial(n, rng.beta(*sides)), dtype=np.float64)


def _share(
    y: Array,
    eta: Array,
    phi: Sequence,
    trials: Array | None,
    *,
    link: BinaryLink,
    above: bool,
) -> Array:
    """P(Y <= y), or P(Y > y), as a sum over the responses there."""
    n = np.ones(np.shape(y)) if trials is None else np.asarray(trials)
    total = np.zeros(np.broadcast_shapes(np.shape(y), np.shape(eta), np.shape(phi[0]), n.shape))
    for k in range(int(np.max(n, initial=0.0)) + 1):
        there = (np.greater(k, y) if above else np.less_equal(k, y)) & np.less_equal(k, n)
        count = np.minimum(float(k), n)
        log_p = _kernel(count, eta, phi, n, 0, link=link).value + log_choose(n, count)
        total += np.where(there, np.exp(log_p), 0.0)
    return np.minimum(total, 1.0)


def _valid(y: Array, trials: Array | None) -> Mask:
    return is_count(y) & np.less_equal(y, 1.0 if trials is None else trials)


def _variance(mean: Array, phi: Sequence, trials: Array | None) -> Array:
    """n mu (1 - mu) (kappa + n) / (kappa + 1)."""
    n = 1.0 if trials is None else trials
    return variance_of_counted(mean, trials) * (phi[0] + n) / (phi[0] + 1.0)


KAPPA = Dispersion(
    default=lambda spread: ("InverseGamma", {"shape": 0.5, "scale": 0.5}),
    start=lambda y: 10.0,
    limits=(np.inf,),
)


def _family(link: str) -> Family:
    functions = BINARY_LINKS[link]

    def mean(eta: Array, phi: Sequence, trials: Array | None) -> Array:
        p = functions.probability(eta)
        return p if trials is None else trials * p

    return of_one_channel(
        partial(_kernel, link=functions),
        mean,
        name="beta_binomial",
        link=link,
        domain=functions.domain,
        constant=_constant,
        saturated=_saturated,
        draw=partial(_draw, link=functions),
        variance=_variance,
        **both_sides(partial(_share, link=functions)),
        valid=_valid,
        support="integers from 0 to trials",
        dispersions=(KAPPA,),
        log_concave=link == "identity",
        push=up_to_the_ends(pushed_to_the_ends, functions.domain),
    )


BETA_BINOMIAL = tuple(_family(link) for link in FAMILY_NAMES["beta_binomial"].links)
