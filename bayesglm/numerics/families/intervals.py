"""The chance that a response lies in an interval, log P(a < Y <= b), with its derivatives.

Families with a distribution function in closed form give log P(Y <= y) and log P(Y > y) with their
derivatives (`Family.tails`). Of all others, and of intervals so short that two of these would
cancel, the chance is summed over nodes. With l = log p(y | eta, phi) and E the expectation over
the responses of the interval,

    d log P / dx      = E[l_x]
    d2 log P / dx dy  = E[l_xy + (l_x - E l_x) (l_y - E l_y)]

for any two parameters x and y (Louis 1982, Journal of the Royal Statistical Society B 44, 226-233).
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from bayesglm.numerics.families.counts import variance_of_counted
from bayesglm.numerics.families.expansions import (
    Expansion,
    derivatives_of,
    expansion_of,
    scattered,
    squared,
    summed_of,
)
from bayesglm.numerics.families.nodes import Asked, nodes_of, range_of
from bayesglm.numerics.families.record import Array, Derivatives, Family, Mask

# How far apart, in log, two chances are at least whose difference is taken: it loses a digit.
APART = 0.1
# The least share of what two sums differ from that is taken as their difference: it loses three
# digits.
LEFT = 1e-3
_LEAST = 1e-290  # chance below which it leaves the normal floats


def log_mass(
    family: Family,
    below: Array,
    upto: Array,
    eta: Array,
    phi: Sequence,
    trials: Array | None,
    order: int,
) -> Derivatives:
    """Return log P(below < Y <= upto) of each row and its derivatives; ends may be infinite.

    >>> from bayesglm.numerics.families.table import FAMILIES
    >>> family, eta = FAMILIES["gaussian", "identity"], np.zeros((1, 2))
    >>> below, upto = np.array([-np.inf, -1.0]), np.array([0.0, 1.0])
    >>> np.exp(log_mass(family, below, upto, eta, (1.0,), None, 0).value).round(4).tolist()
    [0.5, 0.6827]
    """
    least, most = range_of(family, trials)
    lowest = np.less(below, least) if family.words.discrete else np.less_equal(below, least)
    highest = np.greater_equal(upto, most)
    asked = Asked(below, upto, eta, phi, trials)
    parts = [
        (members, of(family, asked.at(members), order))
        for kind, of in (
            (lowest & highest, _certain),
            (lowest & ~highest, _up_to),
            (~lowest & highest, _beyond),
            (~lowest & ~highest, _between),
        )
        if len(members := np.flatnonzero(kind))
    ]
    return derivatives_of(scattered(parts, len(below)), len(eta))


def by_nodes(family: Family, asked: Asked, order: int) -> Expansion:
    """Return the log chance of each interval, summed over nodes."""
    top, total = np.full(asked.shape, -np.inf), np.zeros(asked.shape)
    anchor: Any = None
    first: Any = 0.0
    second: Any = 0.0
    eta, phi, trials = asked.eta[:, None], asked.phi, asked.trials
    for y, log_weight in nodes_of(family, asked):
        expansion = expansion_of(family.kernel(y, eta, phi, trials, order))
        log_p = expansion.value + family.constant(y, trials) + log_weight
        higher = np.maximum(top, log_p.max(axis=0))
        with np.errstate(invalid="ignore"):
            shrink = np.where(np.isneginf(top), 0.0, np.exp(top - higher))
            p = np.where(np.isneginf(log_p), 0.0, np.exp(log_p - higher))
        top, total = higher, total * shrink + p.sum(axis=0)
        if order > 0:
            if anchor is None:
                anchor = _at_most(log_p, expansion.first)
            away = np.where(p > 0.0, expansion.first - anchor[:, None], 0.0)
            first = first * shrink + (p * away).sum(axis=1)
        if order > 1:
            bends = np.where(p > 0.0, expansion.second, 0.0) + squared(away)
            second = second * shrink + (p * bends).sum(axis=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = top + np.log(total)
        means = [np.where(total > 0.0, one / total, 0.0) for one in (first, second)[:order]]
    if order > 1:
        means[1] = means[1] - squared(means[0])
    if order > 0:
        means[0] = means[0] + anchor
    return Expansion(value, *means)


def _at_most(log_p: Array, slopes: Array) -> Array:
    """Return the slopes at the likeliest node of each row."""
    most = np.broadcast_to(log_p.argmax(axis=0), (len(slopes), 1, *log_p.shape[1:]))
    chosen = np.take_along_axis(slopes, most, axis=1)[:, 0]
    return np.where(np.isfinite(chosen), chosen, 0.0)


def expected_between(family: Family, asked: Asked) -> Array:
    """Return E[Y | below < Y <= upto], of responses that are numbers."""
    without_end = np.greater_equal(asked.below, 0.0) & np.isinf(asked.upto)
    if not family.words.discrete or family.survival_rounds or not np.any(without_end):
        return _moments(family, asked)[1]
    members = np.flatnonzero(without_end)
    means, has_digits = _left_beyond(family, asked.at(members))
    if np.any(_differs(has_digits)):
        return expected_between(family, asked.flat).reshape(asked.shape)
    has_digits = has_digits.all(axis=0)
    by_rest = members[has_digits]
    others = np.setdiff1d(np.arange(len(asked.below)), by_rest)
    parts = [(by_rest, Expansion(means[..., has_digits]))]
    if len(others):
        parts.append((others, Expansion(_moments(family, asked.at(others))[1])))
    return scattered(parts, len(asked.below)).value


def variance_between(family: Family, asked: Asked) -> Array:
    """Return Var[Y | below < Y <= upto], of responses that are numbers."""
    mean = expected_between(family, asked)
    return _moments(family, asked, lambda y: np.square(y - mean))[1]


def variance_of(family: Family, eta: Array, phi: Sequence, trials: Array | None) -> Array:
    """Return Var[y] ``(..., rows)``, by the family's own formula or summed over its density.

    Of a response with levels it is that of whether, or how often, it is each ``(levels, ...,
    rows)``.

    >>> from dataclasses import replace
    >>> from bayesglm.numerics.families.table import FAMILIES
    >>> family, eta = FAMILIES["gamma", "log"], np.zeros((1, 1))
    >>> variance_of(family, eta, (4.0,), None).tolist()
    [0.25]
    >>> variance_of(replace(family, variance=None), eta, (4.0,), None).round(9).tolist()
    [0.25]
    """
    if family.variance is not None:
        return family.variance(eta, phi, trials)
    if family.n_levels:
        return variance_of_counted(family.mean(eta, phi, trials), trials)
    ends = np.full(eta.shape[-1], np.inf)
    return variance_between(family, Asked(-ends, ends, eta, phi, trials))


def _left_beyond(family: Family, asked: Asked) -> tuple[Array, Mask]:
    """Return E[Y | Y > below] of counts as what a sum up to below leaves of E[Y], and in which
    lines of which rows it has its digits.
    """
    assert family.survival is not None
    of_all, beyond = family.expected(*asked.rest), family.survival(asked.below, *asked.rest)
    upto = asked._replace(below=np.full(len(asked.below), -np.inf), upto=asked.below)
    chance, mean = _moments(family, upto)
    left = of_all - np.where(chance > 0.0, chance * mean, 0.0)
    has_digits = (left > LEFT * of_all) & (beyond > _LEAST) & np.isfinite(of_all)
    means = np.broadcast_to(left / np.maximum(beyond, _LEAST), asked.shape)
    return means, has_digits.reshape(-1, has_digits.shape[-1])


def _moments(
    family: Family, asked: Asked, of: Callable[[Array], Array] = np.asarray
) -> tuple[Array, Array]:
    """Return the chance of each interval, and E[Y], or that of Y's function, summed over nodes."""
    top, total, moment = np.full(asked.shape, -np.inf), np.zeros(asked.shape), np.zeros(asked.shape)
    for y, log_weight in nodes_of(family, asked):
        log_p = family.log_likelihood(y, asked.eta[:, None], asked.phi, asked.trials) + log_weight
        higher = np.maximum(top, log_p.max(axis=0))
        with np.errstate(invalid="ignore"):
            shrink = np.where(np.isneginf(top), 0.0, np.exp(top - higher))
            p = np.where(np.isneginf(log_p), 0.0, np.exp(log_p - higher))
        top, total = higher, total * shrink + p.sum(axis=0)
        moment = moment * shrink + (p * of(y)).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.exp(top) * total, np.where(total > 0.0, moment / total, np.nan)


def _certain(family: Family, asked: Asked, order: int) -> Expansion:
    """What is certain has the log chance zero."""
    m, shape = len(asked.eta) + len(asked.phi), asked.shape
    return Expansion(
        np.zeros(shape),
        np.zeros((m, *shape)) if order > 0 else None,
        np.zeros((m, m, *shape)) if order > 1 else None,
    )


def _up_to(family: Family, asked: Asked, order: int) -> Expansion:
    if family.tails is not None:
        return expansion_of(family.tails(asked.upto, *asked.rest, order, above=False))
    if family.words.discrete:  # a finite sum
        return by_nodes(family, asked, order)
    return _of_one_side(family, asked, asked.upto, order, above=False)


def _beyond(family: Family, asked: Asked, order: int) -> Expansion:
    if family.tails is not None:
        return expansion_of(family.tails(asked.below, *asked.rest, order, above=True))
    return _of_one_side(family, asked, asked.below, order, above=True)


def _of_one_side(family: Family, asked: Asked, y: Array, order: int, *, above: bool) -> Expansion:
    """Sum the chance up to y or beyond it, whichever has its digits; the other is what is left.

    Sums of counts beyond y are long, and shares next to one are one to the last digit.
    """
    assert family.survival is not None
    beyond = family.survival(y, *asked.rest)
    is_low = np.greater(beyond, _enough(family, asked))
    is_low = is_low.reshape(-1, is_low.shape[-1])
    # One sum over places serves all lines; one over counts may be very long in some of them.
    low, mixed = is_low.all(axis=0), np.logical_and(_differs(is_low), family.words.discrete)
    nowhere = np.full(len(y), np.inf)
    sides = (
        (low, asked._replace(below=-nowhere, upto=y)),
        (~low & ~mixed, asked._replace(below=y, upto=nowhere)),
    )
    parts = []
    if len(members := np.flatnonzero(mixed)):
        some = asked.at(members)
        of_each = np.broadcast_to(y[members], some.shape).ravel()
        of_cells = _of_one_side(family, some.flat, of_each, order, above=above)
        parts.append((members, of_cells.each(partial(_in_lines, shape=some.shape))))
    for (chosen, side), is_other in zip(sides, (above, not above), strict=True):
        if len(members := np.flatnonzero(chosen)):
            expansion = by_nodes(family, side.at(members), order)
            if is_other:
                log_rest = _log_less(np.zeros_like(expansion.value), expansion.value)
                if above:
                    chance = beyond[..., members]
                    log_rest = np.where(chance < LEFT, np.log(np.maximum(chance, _LEAST)), log_rest)
                expansion = _rest_of(expansion, log_rest)
            parts.append((members, expansion))
    return scattered(parts, len(y))


def _differs(of_lines: Mask) -> Mask:
    """Say of which rows the lines differ."""
    return of_lines.any(axis=0) & ~of_lines.all(axis=0)


def _in_lines(cells: Array, shape: tuple[int, ...]) -> Array:
    """Return numbers of all cells of all lines as those of lines."""
    return cells.reshape(*cells.shape[:-1], *shape)


def _enough(family: Family, asked: Asked) -> Array | float:
    """Return the chance beyond y above which it has its digits as what the sum up to y leaves.

    That of counts is known by itself. Its derivatives are sums up to y of terms that add up to as
    much as the chance of any count but zero, since those of all counts cancel.
    """
    if not family.words.discrete:
        _, most = range_of(family, asked.trials)
        return 0.5 if np.all(np.isinf(most)) else LEFT
    if family.survival_rounds:
        return LEFT
    assert family.survival is not None
    zero = np.zeros(len(asked.below))
    return np.maximum(LEFT * family.survival(zero, *asked.rest), _LEAST)


def _rest_of(expansion: Expansion, log_rest: Array) -> Expansion:
    """Return the log of what a chance leaves of one, which is known, with its derivatives."""
    nothing = expansion.each(np.zeros_like)
    return summed_of(
        np.exp(-log_rest), nothing, -np.exp(expansion.value - log_rest), expansion, log_rest
    )


def _between(family: Family, asked: Asked, order: int) -> Expansion:
    """The difference of two chances from the nearer tail, unless they are too near each other."""
    if family.tails is None or family.words.discrete:
        return by_nodes(family, asked, order)

    tails = family.tails

    def tail(y: Array, above: bool) -> Expansion:
        return expansion_of(tails(y, *asked.rest, order, above=above))

    more, less = tail(asked.upto, False), tail(asked.below, False)
    far = np.greater(more.value, np.log(0.5))
    if np.any(far):

        def choose(one: Array, other: Array) -> Array:
            return np.where(far, one, other)

        more = tail(asked.below, True).each(choose, more)
        less = tail(asked.upto, True).each(choose, less)
    short = np.less(more.value - less.value, APART)
    short = short.reshape(-1, short.shape[-1]).any(axis=0)
    log_rest = _log_less(more.value, less.value)
    difference = summed_of(
        np.exp(more.value - log_rest), more, -np.exp(less.value - log_rest), less, log_rest
    )
    if not short.any():
        return difference
    parts = [(members := np.flatnonzero(~short), difference.at(members))]
    parts.append((members := np.flatnonzero(short), by_nodes(family, asked.at(members), order)))
    return scattered([part for part in parts if len(part[0])], len(short))


def _log_less(more: Array, less: Array) -> Array:
    """log(e^more - e^less)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = less - more
        near = np.log(-np.expm1(np.minimum(apart, 0.0)))
        return more + np.where(apart > -np.log(2.0), near, np.log1p(-np.exp(apart)))
