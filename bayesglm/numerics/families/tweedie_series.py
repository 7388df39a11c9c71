"""The series of Tweedie's density, which has no closed form, at a few dozen places.

A positive response is a Poisson number j of gamma variables. Its density, less what its deviance
says, is a sum over j that depends on two numbers only,

    S(J, a) = log sum over j of exp(-(1 + a) (j log(j / J) - j + J) - R(j) - R(a j)) + log(a) / 2
              - log(2 pi),    J = y^(2 - p) / ((2 - p) phi),    a = (2 - p) / (p - 1),

R being the remainder of Stirling's formula for log Gamma: no part of it is larger than what their
sum may be. Where J is large the sum is an integral, of which a stride of half a standard deviation
gives every digit. What is computed term by term are the values at the nodes of panels, from which
S is read anywhere. Source: Dunn & Smyth (2005), Series evaluation of Tweedie exponential dispersion
model densities (the series, and where it is largest).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayesglm.numerics.families.panels import Panels
from bayesglm.numerics.special import (
    exp_excess,
    inverse_less_trigamma,
    log_less_digamma,
    stirling_remainder,
)

type Array = NDArray[np.float64]

_LEAST = 38.0  # log of how much less than the largest term a term must be to be left out
_PLACES = 40  # of the integral: at that many a stride is 0.45 standard deviations
# Square of the standard deviation of j from which a sum over it is an integral: they differ by
# exp(-2 pi^2 times it), less than rounding.
_WIDE = 4.0
_ROWS = 4096  # whose terms are held at a time
_LARGEST = 690.0  # log J beyond which S only falls by half of it, to every digit
_SMALLEST = 1e-100  # J below which the first term is the whole sum


class Series(NamedTuple):
    """S(J, a) elementwise, and its derivatives in u = log J and in a."""

    value: Array
    u: Array
    a: Array
    u_u: Array
    u_a: Array
    a_a: Array


def summed_series(log_size: Array, a: Array) -> Series:
    """Return the sums at log J ``(n,)`` and as many a, term by term."""
    size = np.exp(np.minimum(log_size, _LARGEST))
    parts = Series(*(np.empty_like(size) for _ in Series._fields))
    is_wide = (size > _WIDE * (1.0 + a)) & ((1.0 + a) * size > _LEAST)
    for places, is_one in ((_along_bell, is_wide), (_integers, ~is_wide)):
        rows = np.flatnonzero(is_one)
        for start in range(0, len(rows), _ROWS):
            some = rows[start : start + _ROWS]
            at = places(size[some], log_size[some], a[some])
            terms = _terms(at, a[some, None])
            slopes = _slopes(terms, size[some], a[some], places is _along_bell)
            for part, values in zip(parts, (terms.total, *slopes), strict=True):
                part[some] = values
    parts.value[:] -= 0.5 * np.maximum(log_size - _LARGEST, 0.0)
    return parts


class _Places(NamedTuple):
    """Places j ``(n, places)``, j - J and log(j / J) to their own digits, and strides ``(n,)``."""

    j: Array
    away: Array
    log_ratio: Array
    stride: Array


def _ends(size: Array, a: Array) -> tuple[Array, Array]:
    """Return how far from J, in units of J, no term counts any more, below it and above."""
    spread = np.sqrt(2.0 * _LEAST / ((1.0 + a) * np.maximum(size, _SMALLEST)))
    skew = spread * spread / 6.0
    low = np.where(spread < np.sqrt(2.0), np.maximum(skew - spread, -1.0), -1.0)
    return low, spread + skew


def _integers(size: Array, log_size: Array, a: Array) -> _Places:
    """Return every j that counts, from one on, and strides of one."""
    low, high = ((1.0 + end) * size for end in _ends(size, a))
    first = np.maximum(np.floor(low), 1.0)
    many = np.ceil(np.max(high - first)) + 3.0
    j = first[:, None] + np.arange(many)
    size, log_size = size[:, None], log_size[:, None]
    away = j - size
    is_near = np.abs(away) < 0.5 * size
    log_ratio = np.log(j) - log_size
    log_ratio[is_near] = np.log1p((away / np.maximum(size, _SMALLEST))[is_near])
    return _Places(j, away, log_ratio, np.ones(len(j)))


def _along_bell(size: Array, log_size: Array, a: Array) -> _Places:
    """Return places along the whole of the bell, and their strides."""
    low, high = _ends(size, a)
    stride = (high - low) / _PLACES
    away = low[:, None] + stride[:, None] * (np.arange(_PLACES) + 0.5)
    j = size[:, None] * (1.0 + away)
    return _Places(j, size[:, None] * away, np.log1p(away), size * stride)


class _Terms(NamedTuple):
    """At places ``(n, places)``: the terms' shares of their sum, and its logarithm ``(n,)``."""

    at: _Places
    share: Array
    total: Array


def _terms(at: _Places, a: Array) -> _Terms:
    """Take the largest term out, so that nothing underflows."""
    log_term = -(1.0 + a) * at.j * exp_excess(-at.log_ratio)
    log_term -= stirling_remainder(at.j) + stirling_remainder(a * at.j)
    largest = log_term.max(axis=1)
    share = np.exp(log_term - largest[:, None])
    total = share.sum(axis=1)
    value = np.log(total * at.stride) + largest + 0.5 * np.log(a[:, 0]) - np.log(2.0 * np.pi)
    return _Terms(at, share / total[:, None], value)


def _remainder_slopes(x: Array) -> tuple[Array, Array]:
    """Return R' and R'' of the remainder of Stirling's formula."""
    return 0.5 / x - log_less_digamma(x), -inverse_less_trigamma(x) - 0.5 / x / x


def _slopes(terms: _Terms, size: Array, a: Array, is_integral: bool) -> tuple[Array, ...]:
    """Return the derivatives in u, in a, and the second ones, as moments of the terms' own.

    Those in u are moments of j - J. An integral of a derivative over the whole bell is zero; by
    parts, moments of j - J are those of smaller numbers, so that what is of the order of one is no
    difference of numbers of the order of J.
    """
    j, away, log_ratio, _ = terms.at
    by, share = 1.0 + a, terms.share
    r_1, r_2 = _remainder_slopes(a[:, None] * j)
    if is_integral:
        rest = _remainder_slopes(j)[0] + a[:, None] * r_1
        beyond = exp_excess(log_ratio)
        mean = size * (share * (beyond - rest / by[:, None])).sum(axis=1)
        by_parts = (share * away * (by[:, None] * beyond - rest)).sum(axis=1)
        twice_u = by * (size * by_parts - by * mean * mean)
    else:
        mean = (share * away).sum(axis=1)
        twice_u = by * (by * (share * (away - mean[:, None]) ** 2).sum(axis=1) - size)
    slope = -j * (exp_excess(-log_ratio) + r_1)
    in_a = (share * slope).sum(axis=1)
    centred = slope - in_a[:, None]
    crossed = by * (share * (away - mean[:, None]) * centred).sum(axis=1) + mean
    twice_a = (share * (centred * centred - j * j * r_2)).sum(axis=1)
    return by * mean, in_a + 0.5 / a, twice_u, crossed, twice_a - 0.5 / a / a


def _mesh(a: Array) -> tuple[Array, Array, Array]:
    """Return where S has zeros near by as a function of u, and how many panels their distance asks.

    The terms of whole j stand out from one another where J is less than 2 (1 + a): beyond, what
    they add to an integral is exp(-2 pi^2 J / (1 + a)) and less. S then has logarithms of zero at
    pi / (1 + a) from the real line.
    """
    return np.full_like(a, -1.0), np.log(2.5 * (1.0 + a)) + 0.3, 2.0 + 1.5 * (1.0 + a)


_PANELS = Panels(lambda u, a: np.stack(summed_series(u, a)), 6.0, _mesh, (16, 12))


def series(log_size: Array, ones: Array, which: NDArray[np.intp], order: int) -> Series:
    """Return S at log J ``(n,)`` and a = ones[which]; derivatives beyond the order are zeros."""
    parts = np.zeros((len(Series._fields), len(log_size)))
    how_many = (1, 3, 6)[order]
    if len(log_size):
        parts[:how_many] = _PANELS.at(log_size, ones, which, how_many)
    return Series(*parts)


def poisson_mean(number: Array, function: Callable[[Array, NDArray[np.intp]], Array]) -> Array:
    """Return the sum over j from one on of Poisson probabilities, of means ``(n,)``, * a function.

    ``function(j, rows)`` is given places j ``(some, places)`` of some rows.
    """
    total, size = np.zeros_like(number), np.maximum(number, np.finfo(float).tiny)
    is_wide = size > _LEAST
    for places, is_one in ((_along_bell, is_wide), (_integers, ~is_wide)):
        rows = np.flatnonzero(is_one)
        for start in range(0, len(rows), _ROWS):
            some = rows[start : start + _ROWS]
            at = places(size[some], np.log(size[some]), np.zeros(len(some)))
            log_share = -at.j * exp_excess(-at.log_ratio) - stirling_remainder(at.j)
            share = np.exp(log_share - 0.5 * np.log(2.0 * np.pi * at.j))
            total[some] = at.stride * (share * function(at.j, some)).sum(axis=1)
    return total
