"""Responses of labels without an order: the softmax of linear predictors.

Of K levels, each but the reference has a channel c, in their order; without a reference all have.
With p_c the softmax of the channels, the reference's own eta being zero,

    log p(y)       = eta_y - log(sum over levels of exp(eta))
    its slopes     = [y = c] - p_c
    second slopes  = p_c p_d - [c = d] p_c

Source: Agresti (2013), Categorical Data Analysis, section 8.1.
"""

from collections.abc import Sequence
from functools import cache, partial, reduce
from itertools import repeat
from typing import NamedTuple

import numpy as np

from bayesglm.numerics.families.record import Array, Derivatives, Family, Mask, both_sides

# Largest eta whose exponential, a few thousand of them added, is a float.
LARGEST_ETA = 700.0


class Softmax(NamedTuple):
    """Shares of the levels, and their logarithms, to their own digits."""

    log_share: Array
    share: Array


def softmax(eta: Array, reference: int | None) -> Softmax:
    """Return the shares ``(levels, ..., rows)`` of linear predictors ``(channels, ..., rows)``.

    >>> softmax(np.array([[np.log(3.0)]]), reference=0).share.tolist()
    [[0.25], [0.75]]
    """
    if reference is not None:
        eta = np.insert(eta, reference, 0.0, axis=0)
    top = eta.argmax(axis=0)[None]
    moved = eta - np.take_along_axis(eta, top, axis=0)
    sizes = np.exp(moved)
    np.put_along_axis(sizes, top, 0.0, axis=0)
    others = sizes.sum(axis=0)  # beside the largest, which is 1
    np.put_along_axis(sizes, top, 1.0, axis=0)
    return Softmax(moved - np.log1p(others), sizes / (1.0 + others))


def bends_of_one(share: Array, channels: Array) -> Array:
    """Return d2 log p / d eta_c d eta_d of one response: p_c p_d - [c = d] p_c.

    On the diagonal is minus p_c times the sum of all other shares, in which no digit is lost.
    """
    bends = np.empty((len(channels), *share[channels].shape))
    for i, c in enumerate(channels):
        for j, d in enumerate(channels[:i]):
            np.multiply(share[c], share[d], out=bends[i, j])
            bends[j, i] = bends[i, j]
        rest = reduce(np.add, (other for k, other in enumerate(share) if k != c))
        np.multiply(rest, share[c], out=bends[i, i])
        np.negative(bends[i, i], out=bends[i, i])
    return bends


def summed(
    counts: Sequence[Array],
    total: Array | None,
    eta: Array,
    *,
    channels: Array,
    reference: int | None,
) -> Array | None:
    """Return the sum over rows of counts_c eta_c - total log(sum exp eta); overwrites eta.

    A total of None stands for one of each row. None is returned where exponentials leave the
    floats.
    """
    low = -np.inf if reference is not None else -LARGEST_ETA
    if not (eta.size and eta.max() < LARGEST_ETA and eta.min() > low):
        return None
    value = reduce(np.add, (one @ counts[c] for one, c in zip(eta, channels, strict=True)))
    np.exp(eta, out=eta)
    sizes = eta[0]
    for other in eta[1:]:
        sizes += other
    (np.log if reference is None else np.log1p)(sizes, out=sizes)
    return value - (sizes.sum(axis=-1) if total is None else sizes @ total)


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
    counted = np.ones_like(y) if weights is None else weights
    levels = range(len(channels) + (reference is not None))
    counts = [np.where(y == k, counted, 0.0) for k in levels]
    return summed(counts, weights, eta, channels=channels, reference=reference)


def _odds(
    is_level: Sequence[Array], eta: Array, channels: Array, reference: int | None
) -> Array | None:
    """Return each other level's share over that of the response's own, whose place has a zero.

    None where some leave the floats.
    """
    odds = np.empty((len(is_level), *eta.shape[1:]))
    own, part = np.zeros(eta.shape[1:]), np.empty(eta.shape[1:])
    for one, c in zip(eta, channels, strict=True):
        own += np.multiply(one, is_level[c], out=part)
    for one, c in zip(eta, channels, strict=True):
        np.subtract(one, own, out=odds[c])
    if reference is not None:
        np.negative(own, out=odds[reference])
    if not odds.max(initial=0.0) <= LARGEST_ETA:  # nor is it where some are no numbers
        return None
    np.exp(odds, out=odds)
    for one, mask in zip(odds, is_level, strict=True):
        one *= 1.0 - mask
    return odds


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
    """Measure all levels against the response's own: one exponential of each other.

    Masks are numbers, which multiply many at once faster than they choose.
    """
    y, n_levels = np.asarray(y), len(channels) + (reference is not None)
    is_level = [(y == k).astype(np.float64) for k in range(n_levels)]
    odds = _odds(is_level, eta, channels, reference)
    if odds is None:
        return _far_apart(is_level, softmax(eta, reference), channels, order)
    others = reduce(np.add, odds)
    log_share = np.log1p(others)
    np.negative(log_share, out=log_share)
    if order == 0:
        return Derivatives(log_share)
    own_share = 1.0 / (1.0 + others)
    slopes = np.empty_like(eta)
    for one, c in zip(slopes, channels, strict=True):
        np.multiply(others, is_level[c], out=one)
        one -= odds[c]
        one *= own_share
    if order == 1:
        return Derivatives(log_share, slopes)
    for one, mask in zip(odds, is_level, strict=True):
        one += mask
        one *= own_share
    return Derivatives(log_share, slopes, bends_of_one(odds, channels))


def _far_apart(
    is_level: Sequence[Array], found: Softmax, channels: Array, order: int
) -> Derivatives:
    """Measure all levels against the largest, from which a response's own may lie far."""
    zero = np.zeros(())
    log_share = reduce(np.add, map(np.where, is_level, found.log_share, repeat(zero)))
    rest = reduce(np.add, map(np.where, is_level, repeat(zero), found.share))
    slopes = np.stack([np.where(is_level[c], rest, -found.share[c]) for c in channels])
    bends = bends_of_one(found.share, channels) if order > 1 else None
    return Derivatives(log_share, slopes if order > 0 else None, bends)


def _mean(eta: Array, phi: Sequence, trials: None, *, reference: int | None) -> Array:
    return softmax(eta, reference).share


def _draw(
    rng: np.random.Generator, eta: Array, phi: Sequence, trials: None, *, reference: int | None
) -> Array:
    share = softmax(eta, reference).share
    uniform = rng.random(share.shape[1:])
    below = np.cumsum(share, axis=0)[:-1]
    return np.asarray((uniform > below).sum(axis=0), dtype=np.float64)


def _cdf(
    y: Array, eta: Array, phi: Sequence, trials: None, *, reference: int | None, above: bool
) -> Array:
    """P(Y <= y), or P(Y > y), of the levels' numbers."""
    share = softmax(eta, reference).share
    k = np.arange(len(share)).reshape(-1, *(1,) * (share.ndim - 1))
    return np.where((k > y) if above else (k <= y), share, 0.0).sum(axis=0)


def _valid(y: Array, trials: None, *, n_levels: int) -> Mask:
    return np.greater_equal(y, 0.0) & np.less(y, n_levels) & np.equal(y, np.floor(y))


def log_shares(counts: Array, channels: Array, reference: int | None) -> Array:
    """Return linear predictors of shares, each level counted half a time more than it is."""
    logs = np.log(counts + 0.5)
    return logs[channels] - (logs.mean() if reference is None else logs[reference])


def _starts(y: Array, *, n_levels: int, channels: Array, reference: int | None) -> Array:
    counts = np.bincount(y.astype(np.intp), minlength=n_levels).astype(np.float64)
    return log_shares(counts, channels, reference)


def _rises(y: Array, moved: Array, of_phi: Array, *, reference: int | None) -> Array:
    """Return by how much each response's own level gains on every other level."""
    every = moved if reference is None else np.insert(moved, reference, 0.0, axis=0)
    code = y.astype(np.intp)
    own = every[code, np.arange(len(y))]
    gains = [(own - other)[code != k] for k, other in enumerate(every)]
    return np.concatenate(gains)


@cache
def categorical(n_levels: int, reference: int | None = 0) -> Family:
    """Return the record of one label out of so many, whose numbers are the responses.

    >>> family = categorical(3)
    >>> family.log_likelihood(np.array([2.0]), np.zeros((2, 1)), (), None).round(4).tolist()
    [-1.0986]
    """
    channels = np.array([k for k in range(n_levels) if k != reference])
    return Family(
        name="categorical",
        link="logit",
        kernel=partial(_kernel, channels=channels, reference=reference),
        constant=lambda y, trials: 0.0,
        saturated=lambda y, phi, trials: np.zeros_like(y),
        mean=partial(_mean, reference=reference),
        draw=partial(_draw, reference=reference),
        **both_sides(partial(_cdf, reference=reference)),
        valid=partial(_valid, n_levels=n_levels),
        support=f"one of {n_levels} levels",
        n_levels=n_levels,
        shares_columns=True,
        starts=partial(_starts, n_levels=n_levels, channels=channels, reference=reference),
        channels=tuple(f"level {c}" for c in channels),
        log_concave=True,
        rises=partial(_rises, reference=reference),
        fused=partial(_fused, channels=channels, reference=reference),
    )
