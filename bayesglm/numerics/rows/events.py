"""The past of signals that are mostly zero, event by event, for many members at once.

A spike count of each millisecond is zero all but a few times a second. What an event adds to the
linear predictors that read it is a piece of their kernels: products with coefficients and their
adjoints take as much work as there are events times lags, however many columns there are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from bayesglm.numerics.rows.columns import Columns, cross_by_matrix, sums_of, weighted_gram, written

Array = np.ndarray


class Events(NamedTuple):
    """What rows read of a signal of several features that is mostly zero.

    Entry by entry: the row, the number of the lag, the feature, and the signal's value.
    """

    n_rows: int
    n_lags: int
    n_features: int
    row: Array
    lag: Array
    feature: Array
    value: Array


def events(
    at: Array,
    feature: Array,
    value: Array,
    n_features: int,
    rows: Array,
    lags: Array,
    start: Array,
    stop: Array,
) -> Events:
    """Return what some samples, in rising order, read at each lag of events of several features.

    Those have each a sample ``at`` which it happens, and a value. Each sample lies in its own
    trial, from ``start`` to before ``stop``, beyond whose ends it sees zeros.

    >>> found = events(np.array([1]), np.array([0]), np.array([3.0]), 1, np.arange(3),
    ...                np.arange(1, 3), np.zeros(3, int), np.full(3, 3))
    >>> found.row.tolist(), found.lag.tolist(), found.value.tolist()
    ([2], [0], [3.0])
    """
    first, last = int(rows[0]), int(rows[-1])
    sample = at[:, None] + lags
    inside = (sample >= first) & (sample <= last)
    inside &= (sample < stop[at][:, None]) & (sample >= start[at][:, None])
    event, lag = np.nonzero(inside)
    row = sample[event, lag] - first
    if last - first != len(rows) - 1:
        number = np.full(last - first + 1, -1)
        number[rows - first] = np.arange(len(rows))
        kept = number[row] >= 0
        event, lag, row = event[kept], lag[kept], number[row[kept]]
    return Events(len(rows), len(lags), n_features, row, lag, feature[event], value[event])


@dataclass(frozen=True)
class Heard:
    """Columns of all features of `Events` at all lags, or as functions of lag ``(lags, m)``.

    Lag-major, or function-major.

    >>> of = Events(2, 2, 1, np.array([1]), np.array([0]), np.array([0]), np.array([3.0]))
    >>> Heard(of, None).dense().tolist()
    [[0.0, 0.0], [3.0, 0.0]]
    """

    events: Events
    functions: Array | None

    laid_for_one: bool = False
    laid_for_many: bool = False
    crosses: bool = False

    @property
    def n_columns(self) -> int:
        along = self.events.n_lags if self.functions is None else self.functions.shape[1]
        return along * self.events.n_features

    @property
    def width(self) -> int:
        return self.n_columns

    @cached_property
    def _by_lag(self) -> Any:
        """The columns of lags, in compressed rows."""
        from scipy.sparse import csr_array

        of = self.events
        columns = of.lag * of.n_features + of.feature
        shape = (of.n_rows, of.n_lags * of.n_features)
        return csr_array((of.value, (of.row, columns)), shape=shape)

    def times(self, W: Array) -> Array:
        if self.functions is not None:
            by_feature = W.reshape(len(W), -1, self.events.n_features)
            W = np.matmul(self.functions, by_feature).reshape(len(W), -1)
        return (self._by_lag @ np.ascontiguousarray(W.T)).T

    def adjoint(self, S: Array) -> Array:
        products = np.ascontiguousarray((self._by_lag.T @ np.ascontiguousarray(S.T)).T)
        if self.functions is None:
            return products
        by_feature = products.reshape(len(S), -1, self.events.n_features)
        return np.matmul(self.functions.T, by_feature).reshape(len(S), -1)

    def dense(self, out: Array | None = None) -> Array:
        X = self._by_lag.toarray()
        if self.functions is not None:
            by_feature = X.reshape(len(X), -1, self.events.n_features)
            X = np.matmul(self.functions.T, by_feature).reshape(len(X), -1)
        return written(X, out)

    def gram(self, weights: Array | None, single: bool = False) -> Array:
        return weighted_gram(self.dense(), weights, single)

    def cross(self, other: Columns, weights: Array) -> Array:
        return cross_by_matrix(self.dense(), other, weights)

    def sums(self, codes: Array, n_codes: int, s: Array) -> Array:
        return sums_of(self.dense(), codes, n_codes, s)

    def single(self, W: Array) -> Array:
        return self.times(W.T).T.astype(np.float32)

    def for_single(self) -> Heard:
        return self


class OwnHeard(NamedTuple):
    """Columns of `Events` of which each member reads one feature: its own.

    ``alone(k)`` are the columns of one member.

    >>> of = Events(2, 1, 2, np.array([1, 0]), np.array([0, 0]), np.array([0, 1]), np.ones(2))
    >>> OwnHeard(of, None, None).times(np.array([[5.0], [7.0]])).tolist()
    [[0.0, 5.0], [7.0, 0.0]]
    """

    events: Events
    functions: Array | None
    alone: Callable[[int], Columns]

    def times(self, W: Array) -> Array:
        """Return the products ``(members, rows)`` of each member's coefficients with its columns.

        W is ``(members, columns)``.
        """
        of = self.events
        by_lag = W if self.functions is None else W @ self.functions.T
        added = of.value * by_lag[of.feature, of.lag]
        places = of.feature * of.n_rows + of.row
        return np.bincount(places, added, len(W) * of.n_rows).reshape(len(W), of.n_rows)

    def adjoint(self, S: Array) -> Array:
        """Return the products ``(members, columns)`` of lines ``(members, rows)`` and columns."""
        of = self.events
        places = of.feature * of.n_lags + of.lag
        added = of.value * S[of.feature, of.row]
        by_lag = np.bincount(places, added, len(S) * of.n_lags).reshape(len(S), of.n_lags)
        return by_lag if self.functions is None else by_lag @ self.functions

    def member(self, k: int) -> list[Columns]:
        """Return what one member reads."""
        return [self.alone(k)]

    def together(self) -> tuple[Columns, Array]:
        """Return the columns of all members, and which each reads ``(members, columns)``."""
        columns, n = Heard(self.events, self.functions), self.events.n_features
        return columns, np.arange(columns.n_columns).reshape(-1, n).T
