"""Families whose responses are seen as an interval: censored ones, beside those seen exactly.

A response is an interval below < y <= upto, of which the ends are equal where it is seen exactly:
then it counts its density, else the chance of the interval. So is

    a response up to c     (-inf, c]
    one beyond c           (c, inf), of counts that are c or more (c - 1, inf)
    one between a and b    (a, b]

Source: Klein & Moeschberger (2003), Survival Analysis, 3.5.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from bayesglm.numerics.families.expansions import Members
from bayesglm.numerics.families.intervals import expected_between, log_mass
from bayesglm.numerics.families.nodes import Asked, range_of
from bayesglm.numerics.families.record import Array, Derivatives, Family, Mask

type Records = np.ndarray  # of the ends of intervals, or of bounds
ENDS = np.dtype([("below", np.float64), ("upto", np.float64)])


def ends(below: Array, upto: Array) -> Records:
    """Return intervals as one array of records, as censored families take them for y.

    >>> ends(np.array([1.0, 2.0]), np.array([1.0, np.inf]))["upto"].tolist()
    [1.0, inf]
    """
    records = np.empty(np.shape(below), ENDS)
    records["below"], records["upto"] = below, upto
    return records


@lru_cache(maxsize=64)  # families of models that are in use at a time: few
def censored(family: Family) -> Family:
    """Return the family whose y are `ends` of intervals; predictions stay those of the family.

    >>> from bayesglm.numerics.families.table import FAMILIES
    >>> family = censored(FAMILIES["exponential", "log"])
    >>> beyond = ends(np.array([2.0]), np.array([np.inf]))
    >>> family.log_likelihood(beyond, np.zeros((1, 1)), (), None).tolist()
    [-2.0]
    """
    seen = _Seen(family)
    return replace(
        family,
        kernel=seen.kernel,
        constant=seen.constant,
        saturated=seen.saturated,
        valid=seen.valid,
        push=seen.push,
        log_concave=family.log_concave and family.concave_mass,
        quadratic=False,
        exponential_rate=None,
        fused=None,
        changes=None,
        averaged=None,
        absorbed=None,
        filled=seen.filled,
    )


@dataclass(frozen=True)
class _Seen:
    """The functions of a family, of responses that are seen as intervals."""

    family: Family

    def kernel(
        self, y: Records, eta: Array, phi: Sequence, trials: Array | None, order: int
    ) -> Derivatives:
        """Return the log chance of each interval, the kernel of what is seen exactly."""
        if y.ndim > 1:
            return self._of_lines(y, eta, phi, trials, order)
        exact = y["below"] == y["upto"]
        if exact.all():
            return self.family.kernel(y["upto"], eta, phi, trials, order)
        asked, parts = _asked(y, eta, phi, trials), []
        for members in (np.flatnonzero(exact), np.flatnonzero(~exact)):
            if not len(members):
                continue
            some = asked.at(members)
            if exact[members[0]]:
                derivatives = self.family.kernel(some.upto, *some.rest, order)
            else:
                derivatives = log_mass(self.family, some.below, some.upto, *some.rest, order)
            parts.append((members, derivatives))
        return _put_together(parts, len(y))

    def _of_lines(
        self, y: Records, eta: Array, phi: Sequence, trials: Array | None, order: int
    ) -> Derivatives:
        """Return the same of responses of many models ``(k, rows)``, taken as one row of all."""
        shape = np.broadcast_shapes(y.shape, eta.shape[1:])

        def flat(values: Any) -> Any:
            return np.broadcast_to(values, shape).reshape(-1) if np.ndim(values) else values

        wide = np.broadcast_to(eta, (len(eta), *shape)).reshape(len(eta), -1)
        d = self.kernel(flat(y), wide, [flat(one) for one in phi], flat(trials), order)
        return _mapped(lambda one: one.reshape(*one.shape[:-1], *shape), d)

    def constant(self, y: Records, trials: Array | None) -> Array:
        """Return what no parameter moves, of responses that are seen exactly."""
        exact = y["below"] == y["upto"]
        if exact.all():
            return np.broadcast_to(self.family.constant(y["upto"], trials), y.shape)
        values = np.zeros(y.shape)
        counts = None if trials is None else np.broadcast_to(trials, y.shape)[exact]
        values[exact] = self.family.constant(y["upto"][exact], counts)
        return values

    def saturated(self, y: Records, phi: Sequence, trials: Array | None) -> Array:
        """Return the family's own of exact responses, and that of certainty of all others."""
        exact = np.flatnonzero(y["below"] == y["upto"])
        some = _asked(y, np.empty((0, len(y))), phi, trials).at(exact)
        own = self.family.saturated(some.upto, some.phi, some.trials)
        values = np.zeros((*np.shape(own)[:-1], len(y)))
        values[..., exact] = own
        return values

    def valid(self, y: Records, trials: Array | None) -> Mask:
        """Say which responses the family can have, and which intervals hold some of them."""
        least, most = range_of(self.family, trials)
        below, upto = y["below"], y["upto"]
        first = np.floor(below) + 1.0 if self.family.words.discrete else below
        inside = np.less(below, upto) & np.greater(upto, least) & np.less(first, most)
        if self.family.words.discrete:
            inside |= np.less(below, upto) & np.greater_equal(upto, least) & (first <= most)
        return np.where(below == upto, self.family.valid(upto, trials), inside)

    def filled(self, y: Records, eta: Array, phi: Sequence, trials: Array | None) -> Array:
        """Return exact responses, and what is expected of others given their intervals."""
        members = np.flatnonzero(y["below"] != y["upto"])
        values = np.broadcast_to(y["upto"], eta.shape[1:]).copy()
        if len(members):
            some = _asked(y, eta, phi, trials).at(members)
            values[..., members] = expected_between(self.family, some)
        return values

    def push(self, y: Records, trials: Array | None) -> Array:
        """Say where each interval pushes the mean's eta: away from the side that is cut off."""
        least, most = range_of(self.family, trials)
        below, upto = y["below"], y["upto"]
        exact = below == upto
        pushed = np.zeros(y.shape)
        if self.family.push is not None:
            counts = None if trials is None else trials[exact]
            pushed[exact] = self.family.push(upto[exact], counts)
        lowest = below < least if self.family.words.discrete else below <= least
        up, down = endless(self.family)
        pushed[~exact & (upto >= most)] = up
        pushed[~exact & lowest] = down
        pushed[~exact & lowest & (upto >= most)] = np.nan
        return pushed


def endless(family: Family) -> tuple[float, float]:
    """Return where eta goes as the mean rises without end, and as it falls; 0 if somewhere finite.

    >>> from bayesglm.numerics.families.table import FAMILIES
    >>> endless(FAMILIES["poisson", "log"])
    (1.0, -1.0)
    """
    domain = family.domain
    places = np.array([[domain.place(-1.0), domain.place(1.0)]])
    half = (0.5,) * len(family.dispersions)
    low, high = family.mean(places, half, np.ones(2) if family.words.needs_trials else None)
    up = 1.0 if high > low else -1.0
    sides = {-1.0: domain.low == -np.inf, 1.0: domain.high == np.inf}
    return (up if sides[up] else 0.0), (-up if sides[-up] else 0.0)


def _asked(y: Records, eta: Array, phi: Sequence, trials: Array | None) -> Asked:
    return Asked(y["below"], y["upto"], eta, phi, trials)


def _put_together(parts: list[tuple[Members, Derivatives]], n: int) -> Derivatives:
    """Return derivatives of n rows from those of some rows each."""
    if len(parts) == 1:
        return parts[0][1]

    def whole(*every: Array) -> Array:
        shape = np.broadcast_shapes(*(one.shape[:-1] for one in every))
        joined = np.empty((*shape, n))
        for (members, _), one in zip(parts, every, strict=True):
            joined[..., members] = one
        return joined

    return _mapped(whole, *(d for _, d in parts))


def _mapped(function: Any, *every: Any) -> Any:
    """Apply a function to the arrays of derivatives, place by place."""
    first = every[0]
    if isinstance(first, tuple):
        entries = [_mapped(function, *entries) for entries in zip(*every, strict=True)]
        return Derivatives(*entries) if isinstance(first, Derivatives) else tuple(entries)
    return None if first is None else function(*every)
