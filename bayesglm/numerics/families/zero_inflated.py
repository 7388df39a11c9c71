"""Counts of which some zeros come from elsewhere: psi is the chance of the count process.

    p(0) = 1 - psi + psi f(0),    p(y) = psi f(y) for y > 0

with f a family of counts, of which there is one here for each family that is inflated.
Source: Lambert (1992), Zero-inflated Poisson regression, Technometrics 34, 1-14.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import product

import numpy as np

from bayesglm.numerics.families.domains import within
from bayesglm.numerics.families.negative_binomial import NEGATIVE_BINOMIAL
from bayesglm.numerics.families.poisson import POISSON
from bayesglm.numerics.families.record import Array, Derivatives, Family, both_sides
from bayesglm.numerics.families.shares import inside, share_of_counts


def _log_chance(log_p: Array, psi: Array | float) -> Array:
    """log(1 - psi + psi p) of a chance p: from p = 1 where it is near, else as a sum of two."""
    moved = psi * np.expm1(log_p)
    summed = np.logaddexp(np.log1p(-psi), np.log(psi) + log_p)
    return np.where(moved > -0.5, np.log1p(np.maximum(moved, -0.5)), summed)


def _times(share: Array, *derivatives: Array) -> Array:
    """share times derivatives, where what has no share counts nothing, however infinite."""
    product = share
    with np.errstate(invalid="ignore", over="ignore"):
        for one in derivatives:
            product = product * one
    return np.where(share > 0.0, product, 0.0)


def _kernel(
    y: Array, eta: Array, phi: Sequence, trials: None, order: int, *, base: Family
) -> Derivatives:
    """With b = log f(y) and s the share of the count process in a zero, 1 in other counts:

    the slopes are s b', the bends s b'' + s (1 - s) b'^2.
    """
    psi, others = inside(phi[0]), phi[1:]
    d = base.kernel(y, eta, others, trials, order)
    zero = np.equal(y, 0.0) & np.ones(np.shape(d.value), dtype=bool)
    log_psi = np.log(psi)
    log_zero = _log_chance(np.where(zero, d.value, 0.0), psi)
    value = np.where(zero, log_zero, log_psi + d.value)
    if order == 0:
        return Derivatives(value)
    inverse = np.exp(-log_zero)
    log_share = log_psi + d.value - log_zero
    share = np.where(zero, np.exp(np.where(zero, log_share, 0.0)), 1.0)
    # d log p / d psi: (f(0) - 1) / p(0) of zeros, 1 / psi of others.
    of_psi = np.where(zero, np.expm1(np.where(zero, d.value, 0.0)) * inverse, 1.0 / psi)
    slope = _times(share, d.eta)
    of_phi = (of_psi, *(_times(share, one) for one in d.phi))
    if order == 1:
        return Derivatives(value, slope, phi=of_phi)
    mixed = np.where(zero, share * (1.0 - psi) * inverse, 0.0)  # s (1 - s)
    odd = np.where(zero, share / psi * inverse, 0.0)  # ds / d psi
    bend = _times(share, d.eta_eta) + _times(mixed, d.eta[:, None], d.eta[None])
    crossed = (
        _times(odd, d.eta),
        *(
            _times(share, of_both) + _times(mixed, d.eta, one)
            for of_both, one in zip(d.eta_phi, d.phi, strict=True)
        ),
    )
    k = range(len(others))
    second = {
        (i, j): _times(share, d.phi_phi[i][j]) + _times(mixed, d.phi[i], d.phi[j])
        for i, j in product(k, k)
    }
    with_psi = [_times(odd, one) for one in d.phi]
    table = (
        (-of_psi * of_psi, *with_psi),
        *((with_psi[i], *(second[i, j] for j in k)) for i in k),
    )
    return Derivatives(value, slope, bend, of_phi, crossed, table)


def _saturated(y: Array, phi: Sequence, trials: None, *, base: Family) -> Array:
    psi, others = inside(phi[0]), phi[1:]
    of_count = np.log(psi) + base.saturated(y, others, trials)
    return np.where(np.equal(y, 0.0), 0.0, of_count)


def _draw(
    rng: np.random.Generator, eta: Array, phi: Sequence, trials: None, *, base: Family
) -> Array:
    psi, *others = phi
    counts = base.draw(rng, eta, others, trials)
    return np.where(rng.random(counts.shape) < psi, counts, 0.0)


def _share(
    y: Array, eta: Array, phi: Sequence, trials: None, *, base: Family, above: bool
) -> Array:
    psi, *others = phi
    assert base.cdf is not None
    assert base.survival is not None
    if above:
        return np.where(np.less(y, 0.0), 1.0, psi * base.survival(y, eta, others, trials))
    chance = (1.0 - psi) + psi * base.cdf(y, eta, others, trials)
    return np.where(np.less(y, 0.0), 0.0, chance)


def _variance(eta: Array, phi: Sequence, trials: None, *, base: Family) -> Array:
    """psi V + psi (1 - psi) mu^2, V being the variance of the counts, mu their mean."""
    assert base.variance is not None
    psi, *others = phi
    mu = base.mean(eta, others, trials)
    return psi * (base.variance(eta, others, trials) + (1.0 - psi) * np.square(mu))


# Half of the zeros may be of either kind.
PSI = share_of_counts(lambda y: 1.0 - 0.5 * float(np.mean(y == 0.0)))


def _inflated(base: Family) -> Family:
    """Return the same family of counts with zeros from elsewhere."""
    return replace(
        base,
        name=f"zero_inflated_{base.name}",
        kernel=within(partial(_kernel, base=base), base.domain),
        saturated=partial(_saturated, base=base),
        mean=lambda eta, phi, trials: phi[0] * base.mean(eta, phi[1:], trials),
        draw=partial(_draw, base=base),
        variance=partial(_variance, base=base),
        **both_sides(partial(_share, base=base)),
        dispersions=(PSI, *base.dispersions),
        log_concave=False,
        exponential_rate=None,
        fused=None,
        changes=None,
        panjer=None,
        averaged=None,
        absorbed=None,
    )


ZERO_INFLATED_POISSON = tuple(_inflated(base) for base in POISSON)
ZERO_INFLATED_NEGATIVE_BINOMIAL = tuple(_inflated(base) for base in NEGATIVE_BINOMIAL)
