"""Entries of columns that are mostly zeros, multiplied one by one in compiled code.

Lags of spikes in bins of a millisecond are zeros but for a few in a hundred. What an entry adds to
the products of many vectors is a line of these, which stays in the cache.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bayesglm.numerics.compiled import compiled
from bayesglm.numerics.rows.rows import span

Array = np.ndarray
# Share of entries that are not zero, up to which multiplying them alone is faster: measured at 50
# and 80 columns, 8 times at 0.03, 5 times at 0.07, and 1.5 to 2.4 times at 0.15.
RARE = 0.1
LEAST = 4  # columns that are worth a way of their own: chosen


class Entries(NamedTuple):
    """The entries of some columns, row by row: where each row's begin, columns and values."""

    where: Any
    start: Array
    column: Array
    value: Array

    def add(self, W: Array, room: Array) -> None:
        """Add the products ``(rows, k)`` with lines of W ``(columns, k)`` to ``room``, in place."""
        own = np.ascontiguousarray(W[self.where])
        compiled(_add)(self.start, self.column, self.value, own, room)


def apart(X: Array, where: Array) -> tuple[Array, Any, Entries | None]:
    """Take the columns that are mostly zeros from others ``(rows, columns)`` in single precision.

    ``where`` are the places of columns. Return what is left, its places, and the entries, if there
    are columns enough.

    >>> apart(np.ones((3, 2), dtype=np.float32), np.array([5, 6]))[1:]
    (slice(5, 7, None), None)
    """
    is_rare = np.count_nonzero(X, axis=0) < RARE * len(X)
    if np.count_nonzero(is_rare) < LEAST:
        return X, span(where), None
    rare = np.ascontiguousarray(X[:, is_rare])
    row, column = np.nonzero(rare)
    start = np.zeros(len(X) + 1, dtype=np.intp)
    np.cumsum(np.bincount(row, minlength=len(X)), out=start[1:])
    entries = Entries(span(where[is_rare]), start, column, rare[row, column])
    return np.asfortranarray(X[:, ~is_rare]), span(where[~is_rare]), entries


def _add(start: Any, column: Any, value: Any, W: Any, room: Any) -> None:
    n, k = room.shape
    for row in range(n):
        for entry in range(start[row], start[row + 1]):
            size, line = value[entry], column[entry]
            for draw in range(k):
                room[row, draw] += size * W[line, draw]
