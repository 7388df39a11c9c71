"""Responses of labels without an order: the softmax of linear predictors.

Of K levels, each but the reference has a channel c, in their order; without a reference all have.
With p_c the softmax of the channels, the reference's own eta being zero,

    log p(y)       = eta_y - log(sum over levels of exp(eta))
    its slopes     = [y = c] - p_c
    second slopes  = p_c p_d - [c = d] p_c

Source: Agresti (2013), Categorical Data Analysis, section 8.1.
"""

from collections.abc import Sequence
from functools import cache, partial
from typing import NamedTuple

import numpy as np

from bayesglm.numerics.families.record import Array, Derivatives, Family, Mask


class Softmax(NamedTuple):
    """Shares of the levels: their logarithms, and each share and its rest, to their own digits."""

    log_share: Array
    share: Array
    rest: Array


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
    total = 1.0 + others
    np.put_along_axis(sizes, top, 1.0, axis=0)
    share = sizes / total
    rest = 1.0 - share
    np.put_along_axis(rest, top, (others / total)[None], axis=0)
    return Softmax(moved - np.log1p(others), share, rest)


def bends_of_one(softmax: Softmax, channels: Array) -> Array:
    """Return d2 log p / d eta_c d eta_d of one response: p_c p_d - [c = d] p_c."""
    share = softmax.share[channels]
    bends = share[:, None] * share[None]
    for k, c in enumerate(channels):
        bends[k, k] = -share[k] * softmax.rest[c]
    return bends


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
    y = np.asarray(y)
    code = np.broadcast_to(y, eta.shape[1:]).astype(np.intp)[None]
    found = softmax(eta, reference)
    value = np.take_along_axis(found.log_share, code, axis=0)[0]
    if order == 0:
        return Derivatives(value)
    slopes = -found.share
    np.put_along_axis(slopes, code, np.take_along_axis(found.rest, code, axis=0), axis=0)
    return Derivatives(
        value, slopes[channels], None if order == 1 else bends_of_one(found, channels)
    )


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
        cdf=partial(_cdf, reference=reference, above=False),
        survival=partial(_cdf, reference=reference, above=True),
        valid=partial(_valid, n_levels=n_levels),
        support=f"one of {n_levels} levels",
        n_levels=n_levels,
        shares_columns=True,
        starts=partial(_starts, n_levels=n_levels, channels=channels, reference=reference),
        channels=tuple(f"level {c}" for c in channels),
        log_concave=True,
        rises=partial(_rises, reference=reference),
    )
