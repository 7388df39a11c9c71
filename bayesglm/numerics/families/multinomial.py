"""Counts of each of K levels, among so many trials as the counts add up to.

The responses have the levels in front, ``(levels, ..., rows)``. With N the sum of the counts and
p_c the shares of `categorical`,

    log p(y)       = log N! - sum log y_k! + sum y_k log p_k
    its slopes     = y_c - N p_c
    second slopes  = N (p_c p_d - [c = d] p_c)

Source: McCullagh & Nelder (1989), Generalized Linear Models, section 5.4.
"""

from collections.abc import Sequence
from functools import cache, partial
from itertools import permutations

import numpy as np
from scipy.special import gammaln, xlogy

from bayesglm.numerics.families.categorical import bends_of_one, log_shares, softmax, summed
from bayesglm.numerics.families.counts import counted, is_count
from bayesglm.numerics.families.record import Array, Derivatives, Family, Mask


def _beside(y: Array, eta: Array) -> Array:
    """Return counts ``(levels, rows)`` with as many axes as linear predictors have."""
    return y.reshape(len(y), *(1,) * (eta.ndim - y.ndim), *y.shape[1:])


def _kernel(
    y: Array,
    eta: Array,
    phi: Sequence,
    trials: None,
    order: int,
    *,
    channels: Array,
    reference: int | None,
) -> Derivatives:
    y, found = _beside(np.asarray(y), eta), softmax(eta, reference)
    value = counted(y, found.log_share).sum(axis=0)
    if order == 0:
        return Derivatives(value)
    n = y.sum(axis=0)
    slopes = (y - n * found.share)[channels]
    return Derivatives(
        value, slopes, None if order == 1 else n * bends_of_one(found.share, channels)
    )


def _fused(
    y: Array,
    eta: Array,
    phi: Sequence,
    trials: None,
    weights: Array | None,
    *,
    channels: Array,
    reference: int | None,
) -> Array | None:
    y = np.asarray(y) if weights is None else y * weights
    return summed(list(y), y.sum(axis=0), eta, channels=channels, reference=reference)


def _constant(y: Array, trials: None) -> Array:
    y = np.asarray(y)
    return gammaln(y.sum(axis=0) + 1.0) - gammaln(y + 1.0).sum(axis=0)


def _saturated(y: Array, phi: Sequence, trials: None) -> Array:
    y = np.asarray(y)
    return xlogy(y, y / np.maximum(y.sum(axis=0), 1.0)).sum(axis=0)


def _mean(eta: Array, phi: Sequence, trials: Array | None, *, reference: int | None) -> Array:
    share = softmax(eta, reference).share
    return share if trials is None else trials * share


def _draw(
    rng: np.random.Generator,
    eta: Array,
    phi: Sequence,
    trials: Array | None,
    *,
    reference: int | None,
) -> Array:
    share = np.moveaxis(softmax(eta, reference).share, 0, -1)
    n = np.broadcast_to(1 if trials is None else trials, share.shape[:-1]).astype(np.int64)
    # numpy asks for shares that add up to no more than 1.
    return np.moveaxis(rng.multinomial(n, share / share.sum(axis=-1)[..., None]), -1, 0).astype(
        np.float64
    )


def _no_order(y: Array, eta: Array, phi: Sequence, trials: None) -> Array:
    """Return no number: counts of several levels have no order."""
    return np.full(eta.shape[1:], np.nan)


def _valid(y: Array, trials: None) -> Mask:
    return is_count(y)


def _rises(y: Array, moved: Array, of_phi: Array, *, reference: int | None) -> Array:
    """Return by how much each level that occurs in a response gains on every other level."""
    every = moved if reference is None else np.insert(moved, reference, 0.0, axis=0)
    pairs = permutations(range(len(every)), 2)
    return np.concatenate([(every[k] - every[other])[y[k] > 0.0] for k, other in pairs])


@cache
def multinomial(n_levels: int, reference: int | None = 0) -> Family:
    """Return the record of counts of so many levels."""
    channels = np.array([k for k in range(n_levels) if k != reference])
    return Family(
        name="multinomial",
        link="logit",
        kernel=partial(_kernel, channels=channels, reference=reference),
        constant=_constant,
        saturated=_saturated,
        mean=partial(_mean, reference=reference),
        draw=partial(_draw, reference=reference),
        cdf=_no_order,
        survival=_no_order,
        valid=_valid,
        support="non-negative integers, a count of each level",
        n_levels=n_levels,
        shares_columns=True,
        starts=lambda y: log_shares(y.sum(axis=-1), channels, reference),
        channels=tuple(f"level {c}" for c in channels),
        log_concave=True,
        rises=partial(_rises, reference=reference),
        fused=partial(_fused, channels=channels, reference=reference),
    )
