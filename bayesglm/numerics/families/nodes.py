"""Responses over which the chance of an interval is summed, for any family.

Of counted responses they are the counts themselves; of others places of Gauss and Legendre's rule
(Abramowitz & Stegun 1964, 25.4.29), in log y for positive responses and in the logit of y for
shares of a whole. They reach as far as the density falls by `DEPTH` below its largest value there.
In these coordinates densities have one peak; a chance of y = 0 may stand apart, and is counted by
itself.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.polynomial.legendre import leggauss
from scipy.special import expit, logit

from bayesglm.numerics.families.expansions import Members
from bayesglm.numerics.families.record import Array, Family

DEPTH = 42.0  # in log density: what lies deeper is 1e-18 of the sum
_PLACES, _WEIGHTS = leggauss(48)  # on each side of the middle; measured: right to 1e-13
_FIRST = 1e-7  # step from the middle, from which further ones grow
_GROWTH = 8.0  # of a step to the next: chosen
_FARTHEST = 700.0  # of log y, beyond which y leaves the floats
_NEAREST_ONE = 36.0  # of the logit of y, beyond which y is 1
_SHALLOW = 2.0  # in log density: how far below the middle is still near it
_SHRINKS = 120  # halvings of a reach at most, which ends of power laws may need
_HALVINGS = 7  # of the last step, after which an end is right to a hundredth of the reach
_TRIES = 4  # draws of a family that are looked at before one is made by its rank: chosen
_BISECTIONS = 64  # of an interval, down to its rounding
_SHORT = 16  # counts of an interval that are fewer than the densities which find its deep ends
_FARTHEST_COUNT = 2.0**53  # beyond which neighbouring counts are one float
_TOGETHER = 1 << 15  # numbers (nodes x rows) that are taken at a time: they stay in the cache


class Asked(NamedTuple):
    """Intervals below < y <= upto of each row, and what else a density is told.

    eta is ``(channels, ..., rows)``; each phi is a number or an array ``(..., 1)`` or ``(...,
    rows)``; the rest is ``(rows,)``.
    """

    below: Array
    upto: Array
    eta: Array
    phi: Sequence
    trials: Array | None

    def at(self, members: Members) -> "Asked":
        """Return those of some rows."""
        n = len(self.below)
        if len(members) == n:
            return self
        phi = [one[..., members] if np.shape(one)[-1:] == (n,) else one for one in self.phi]
        trials = None if self.trials is None else self.trials[members]
        return Asked(self.below[members], self.upto[members], self.eta[..., members], phi, trials)

    @property
    def flat(self) -> "Asked":
        """Return the rows of all lines of linear predictors in one line."""
        c, shape = len(self.eta), self.shape
        below, upto, *phi = (
            np.broadcast_to(one, shape).ravel() for one in (self.below, self.upto, *self.phi)
        )
        trials = None if self.trials is None else np.broadcast_to(self.trials, shape).ravel()
        eta = np.broadcast_to(self.eta, (c, *shape)).reshape(c, -1)
        return Asked(below, upto, eta, phi, trials)

    @property
    def rest(self) -> tuple[Array, Sequence, Array | None]:
        """What functions of a family take beside y."""
        return self.eta, self.phi, self.trials

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one number for each row, and each line of linear predictors."""
        return np.broadcast_shapes(self.eta.shape[1:], *(np.shape(one) for one in self.phi))


class Coordinate(NamedTuple):
    """How responses are spread over a real line: y of z, z of y, log dy/dz, and the ends of z."""

    y: Callable[[Array], Array]
    z: Callable[[Array], Array]
    log_slope: Callable[[Array], Array]
    ends: tuple[float, float]


_LINE = Coordinate(lambda z: z, lambda y: y, np.zeros_like, (-1e300, 1e300))
_LOG = Coordinate(np.exp, np.log, lambda z: z, (-_FARTHEST, _FARTHEST))
_LOGIT = Coordinate(
    expit,
    logit,
    lambda z: -np.logaddexp(0.0, z) - np.logaddexp(0.0, -z),
    (-_FARTHEST, _NEAREST_ONE),
)
_COUNTS = Coordinate(lambda z: z, lambda y: y, np.zeros_like, (0.0, _FARTHEST_COUNT))


def range_of(family: Family, trials: Array | None) -> tuple[float, Any]:
    """Return the ends between which responses lie, as the family's record tells them apart.

    >>> from bayesglm.numerics.families.table import FAMILIES
    >>> range_of(FAMILIES["beta", "logit"], None)
    (0.0, 1.0)
    """
    if trials is not None:
        return 0.0, trials
    outside = np.array([-1.0, 2.0]) if family.words.discrete else np.array([-0.5, 1.5])
    negative, large = family.valid(outside, None)
    return (-np.inf if negative else 0.0), (np.inf if large else 1.0)


def nodes_of(family: Family, asked: Asked) -> Iterator[tuple[Array, Array]]:
    """Run through responses ``(nodes, ..., rows)`` of each interval and the logs of their weights.

    A weight is zero where a row has fewer nodes than others.
    """
    least, _ = range_of(family, asked.trials)
    discrete = family.words.discrete
    apart = least == 0.0 and bool(np.all(family.valid(np.zeros(1), _first(asked.trials))))
    if apart:
        log_weight = np.where(
            np.less(asked.below, 0.0) & np.greater_equal(asked.upto, 0.0), 0, -np.inf
        )
        yield np.zeros((1, *asked.shape)), np.broadcast_to(log_weight, (1, *asked.shape))
    if discrete:
        yield from _counts(family, asked)
    else:
        yield from _places(family, asked)


def _first(trials: Array | None) -> Array | None:
    return None if trials is None else trials[:1]


def _counts(family: Family, asked: Asked) -> Iterator[tuple[Array, Array]]:
    """Run through the counts from one on."""
    way, low, high = _ends_of(family, asked)
    if np.all(high - low < _SHORT):
        first, last = (np.broadcast_to(one, asked.shape) for one in (low, high))
    else:
        density, middle = _log_density(family, asked, way), _middle(family, asked, way)
        first, _, last = _reach(density, middle, low, high, 1.0)
    most_counts = int(np.max(last - first, initial=-1.0)) + 1
    size = max(1, _TOGETHER // max(first.size, 1))
    for start in range(0, most_counts, size):
        step = np.arange(start, min(start + size, most_counts), dtype=np.float64)
        y = first + step.reshape(-1, *(1 for _ in first.shape))
        inside = y <= last
        yield (
            np.where(inside, y, np.maximum(np.minimum(first, high), 0.0)),
            np.where(inside, 0.0, -np.inf),
        )


def _places(family: Family, asked: Asked) -> Iterator[tuple[Array, Array]]:
    """Run through the places of Gauss and Legendre's rule."""
    way, low, high = _ends_of(family, asked)
    density = _log_density(family, asked, way)
    first, middle, last = _reach(density, _middle(family, asked, way), low, high, _FIRST)
    size = max(1, _TOGETHER // max(first.size, 1))
    lead = (-1, *(1 for _ in first.shape))
    for sign, end in ((-1.0, first), (1.0, last)):
        reach = np.abs(end - middle)
        if not np.any(reach > 0.0):
            continue
        unit = _unit(density, middle, sign * reach)
        half = 0.5 * np.arcsinh(reach / np.where(unit > 0.0, unit, 1.0))
        with np.errstate(divide="ignore"):
            log_scale = np.log(half * unit)
        for k in range(0, len(_PLACES), size):
            u = half * (1.0 + _PLACES[k : k + size].reshape(lead))
            z = middle + sign * unit * np.sinh(u)
            log_weight = np.log(_WEIGHTS[k : k + size].reshape(lead) * np.cosh(u))
            yield way.y(z), log_weight + log_scale + way.log_slope(z)


def _ends_of(family: Family, asked: Asked) -> tuple[Coordinate, Array, Array]:
    """Return the coordinate of a family's responses, and the intervals' ends in it."""
    least, most = range_of(family, asked.trials)
    if family.words.discrete:
        low = np.maximum(np.floor(asked.below) + 1.0, 1.0)
        return _COUNTS, low, np.minimum(np.floor(asked.upto), np.minimum(most, _FARTHEST_COUNT))
    way = _LINE if np.isinf(least) else _LOGIT if most == 1.0 else _LOG
    with np.errstate(divide="ignore", invalid="ignore"):
        low = np.where(asked.below > least, way.z(np.maximum(asked.below, least)), -np.inf)
        high = np.where(asked.upto < most, way.z(np.clip(asked.upto, least, most)), np.inf)
    return way, np.maximum(low, way.ends[0]), np.minimum(high, way.ends[1])


def _log_density(family: Family, asked: Asked, way: Coordinate) -> Callable[[Array], Array]:
    """Return the log density in a coordinate z ``(..., rows)``."""

    def density(z: Array) -> Array:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            value = family.log_likelihood(way.y(z), *asked.rest) + way.log_slope(z)
        return np.where(np.isnan(value), -np.inf, value)

    return density


def _middle(family: Family, asked: Asked, way: Coordinate) -> Array:
    """Return the place of the mean, near which the density is largest."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        place = np.nan_to_num(way.z(family.expected(*asked.rest)))
    return np.broadcast_to(np.floor(place) if family.words.discrete else place, asked.shape)


def _unit(density: Callable[[Array], Array], middle: Array, reach: Array) -> Array:
    """Return how far the density keeps near what it is in the middle, of a reach beyond which it
    has nothing.
    """
    floor, unit = density(middle) - _SHALLOW, reach
    for _ in range(_SHRINKS):
        deep = density(middle + unit) < floor
        if not np.any(deep):
            break
        unit = np.where(deep, 0.5 * unit, unit)
    return np.abs(unit)


def _reach(
    density: Callable[[Array], Array], middle: Array, low: Array, high: Array, first: float
) -> tuple[Array, Array, Array]:
    """Return between which z the density is no deeper than `DEPTH` below its largest, and a middle.

    Steps grow from the middle, or the interval's end that is nearest to it, to both sides. Whole
    numbers as first steps leave all places whole.
    """
    centre = np.clip(middle, low, np.maximum(high, low))
    best = density(centre)
    ends = []
    for sign, wall in ((-1.0, low), (1.0, high)):
        near = far = centre
        step = first
        reached = np.zeros(centre.shape, dtype=bool)
        while not np.all(reached):
            next_one = sign * np.minimum(sign * centre + step, sign * wall)
            near, far = np.where(reached, near, far), np.where(reached, far, next_one)
            value = density(far)
            best = np.maximum(best, value)
            reached = reached | (far == wall) | (value < best - DEPTH)
            step *= _GROWTH
        ends.append((near, far))
    whole = first >= 1.0
    low_end, high_end = (_narrowed(density, *end, best - DEPTH, whole) for end in ends)
    return low_end, centre, high_end


def _narrowed(
    density: Callable[[Array], Array], near: Array, far: Array, floor: Array, whole: bool
) -> Array:
    """Return the place between two, of which one may be too deep, where it begins to be so."""
    deep = density(far) < floor
    for _ in range(_HALVINGS):
        middle = 0.5 * (near + far)
        middle = np.floor(middle) if whole else middle
        is_deep = deep & (density(middle) < floor)
        far = np.where(is_deep, middle, far)
        near = np.where(deep & ~is_deep, middle, near)
    return far


def draw_between(family: Family, asked: Asked, rng: np.random.Generator) -> Array:
    """Draw responses of each interval: the family's draws that lie there, else one by its rank."""
    y = family.draw(rng, *asked.rest)
    for _ in range(_TRIES):
        outside = ~(np.greater(y, asked.below) & np.less_equal(y, asked.upto))
        if not outside.any():
            return y
        y = np.where(outside, family.draw(rng, *asked.rest), y)
    outside = ~(np.greater(y, asked.below) & np.less_equal(y, asked.upto))
    return np.where(outside, _of_rank(family, asked, rng.random(y.shape)), y)


def _of_rank(family: Family, asked: Asked, rank: Array) -> Array:
    """Return the response below which a share ``rank`` of an interval's chance lies."""
    assert family.cdf is not None
    assert family.survival is not None
    cdf, survival = family.cdf, family.survival
    whole = family.words.discrete
    way, low, high = _ends_of(family, asked)
    first, _, last = _reach(
        _log_density(family, asked, way),
        _middle(family, asked, way),
        low,
        high,
        1.0 if whole else _FIRST,
    )
    if whole:
        first = np.broadcast_to(np.maximum(np.floor(asked.below), -1.0), first.shape)
    upper = survival(way.y(first), *asked.rest) < 0.5

    def share(z: Array) -> Array:
        """Of the nearer tail, in which no digit is lost; growing in z."""
        return np.where(upper, -survival(way.y(z), *asked.rest), cdf(way.y(z), *asked.rest))

    start = share(first)
    target = start + rank * (share(last) - start)
    for _ in range(_BISECTIONS):
        middle = 0.5 * (first + last)
        middle = np.floor(middle) if whole else middle
        if np.all((middle <= first) | (middle >= last)):
            break
        below = share(middle) < target
        first, last = np.where(below, middle, first), np.where(below, last, middle)
    return way.y(last)
