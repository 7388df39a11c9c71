"""Columns of a signal at several lags, which are never laid side by side to be multiplied.

Columns are lag-major, and the lags a range: those of few features are windows of the signal, read
in place; with many, one product with the signal serves all lags.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from numpy.lib.stride_tricks import as_strided

from bayesglm.numerics.rows.columns import Columns, cross_by_matrix, sums_of, weighted_gram

Array = np.ndarray
# Rows with a common window: measured, of 4 to 32 the fastest for both products of 20 to 80 lags.
TOGETHER = 16
# Rows of a run, on average, from which on windows of each run beat a copy of every row: measured at
# 20 and 50 lags, it lies between 230 and 350.
LEAST = 256
# Samples to one that is not zero, from which on it is added to the rows that see it: measured at
# 20 to 80 lags and 8 functions, where the others take as long at 40 to 100.
RARE = 60
# Samples for each row that is meant, up to which windows of all of them are read: chosen.
SPARSEST = 2


@dataclass(frozen=True)
class Windows:
    """A signal of few features at several lags.

    ``runs`` are pieces of the signal ``(rows + lags - 1, features)``, one for each run of
    neighbouring rows: row r of a run sees the ``n_lags`` samples from r on, of which the last is
    that at the first lag. ``picked`` are the numbers of the rows that are meant, if not all.

    Windows of neighbouring rows overlap. Those that do not lie in the rows of a matrix, in place: a
    product with all rows is one with each of so many matrices. Some rows are taken together, whose
    common window is multiplied with coefficients shifted by none, one, two rows and so on.

    >>> Windows((np.array([[1.0], [2.0], [4.0]]),), 2).dense()
    array([[2., 1.],
           [4., 2.]])
    """

    runs: Sequence[Array]
    n_lags: int
    picked: Array | None = None

    laid_for_one: ClassVar[bool] = False
    laid_for_many: ClassVar[bool] = True
    crosses: ClassVar[bool] = False

    @property
    def n_rows(self) -> int:
        """How many rows the runs have."""
        return sum(map(len, self.runs)) - len(self.runs) * (self.n_lags - 1)

    @property
    def n_columns(self) -> int:
        return self.n_lags * self.runs[0].shape[1]

    @property
    def width(self) -> int:
        return self.n_columns

    def times(self, W: Array) -> Array:
        turned = self._turned(W)
        if len(self.runs) == 1:
            products = self._times(self.runs[0], turned)
        else:
            products = np.concatenate([self._times(run, turned) for run in self.runs], axis=1)
        return products if self.picked is None else products[:, self.picked]

    def adjoint(self, S: Array) -> Array:
        total: Any = 0.0
        stop = 0
        if self.picked is not None:
            of_all = np.zeros((len(S), self.n_rows), dtype=S.dtype)
            of_all[:, self.picked] = S
            S = of_all
        for run in self.runs:
            start, stop = stop, stop + len(run) - self.n_lags + 1
            total = total + self._adjoint(run, S[:, start:stop])
        return self._turned(total)

    def dense(self, out: Array | None = None) -> Array:
        n_rows = self.n_rows if self.picked is None else len(self.picked)
        if out is None:
            out = np.empty((n_rows, self.n_columns))
        first, stop = 0, 0
        for run in self.runs:
            step, across = run.strides
            n = len(run) - self.n_lags + 1
            seen = as_strided(
                run[self.n_lags - 1 :], (n, self.n_lags, run.shape[1]), (step, -step, across)
            )
            if self.picked is not None:
                here = slice(*np.searchsorted(self.picked, (first, first + n)))
                seen = seen[self.picked[here] - first]
            start, stop, first = stop, stop + len(seen), first + n
            out[start:stop].reshape(seen.shape)[...] = seen  # a view: one axis taken apart
        return out

    def gram(self, weights: Array | None, single: bool = False) -> Array:
        return weighted_gram(self.dense(), weights, single)

    def cross(self, other: Columns, weights: Array) -> Array:
        return cross_by_matrix(self.dense(), other, weights)

    def sums(self, codes: Array, n_codes: int, s: Array) -> Array:
        return sums_of(self.dense(), codes, n_codes, s)

    def single(self, W: Array) -> Array:
        return self.for_single().times(W.T).T

    def times_of(self, W: Array, functions: Array) -> Array:
        return self.times(spread_over(W, functions))

    def adjoint_of(self, S: Array, functions: Array) -> Array:
        return spread_over(self.adjoint(S), functions.T)

    def dense_of(self, functions: Array) -> Array:
        every = [
            [self._filtered(run[:, k : k + 1], functions) for k in range(run.shape[1])]
            for run in self.runs
        ]
        # Function-major: of one feature as it is, without a copy.
        parts = [
            one[0] if len(one) == 1 else np.stack(one, axis=2).reshape(len(one[0]), -1)
            for one in every
        ]
        products = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return products if self.picked is None else products[self.picked]

    def for_single(self) -> Windows:
        return replace(self, runs=[run.astype(np.float32, copy=False) for run in self.runs])

    def _filtered(self, run: Array, functions: Array) -> Array:
        """Return the products ``(rows, functions)`` of the windows of a run of one feature.

        Of a signal that is mostly zeros, spikes say, each sample that is not adds the functions to
        the rows that see it.
        """
        (n_lags, m), n = functions.shape, len(run) - self.n_lags + 1
        events = np.flatnonzero(run)
        if len(events) * RARE > n:
            return self._times(run, np.ascontiguousarray(functions[::-1].T)).T
        seen = np.zeros((len(run) + n_lags - 1, m))
        for event in events:
            seen[event : event + n_lags] += run[event, 0] * functions
        return seen[n_lags - 1 : n_lags - 1 + n]

    def _turned(self, W: Array) -> Array:
        """Return coefficients with the last lag first, as windows have their samples, or back."""
        turned = W.reshape(len(W), self.n_lags, self.runs[0].shape[1])[:, ::-1]
        return np.ascontiguousarray(turned).reshape(W.shape)

    def _in_place(self, run: Array, n_lines: int = 0) -> tuple[Array, Array]:
        """Return the windows of a run `TOGETHER`, and those of single rows left over.

        For more lines of coefficients than rows all are single: shifting these would take longer.

        The first are ``(groups, m, samples)``, window j of group i being that of the rows from
        TOGETHER (i + groups j) on; they overlap, but those of one group lie in rows of a matrix.
        """
        run = np.ascontiguousarray(run)
        q, one = run.shape[1], run.itemsize
        size, step = self.n_lags + TOGETHER - 1, q * one
        n, groups = len(run) - self.n_lags + 1, -(-size // TOGETHER)
        m = n // (groups * TOGETHER) if n_lines <= n else 0
        left = n - m * groups * TOGETHER
        strides = (TOGETHER * step, groups * TOGETHER * step, one)
        together = np.ndarray((groups, m, size * q), run.dtype, run, strides=strides)
        shape, start = (left, self.n_lags * q), (n - left) * step
        single = np.ndarray(shape, run.dtype, run, start, strides=(step, one))
        return together, np.ascontiguousarray(single)

    def _times(self, run: Array, W: Array) -> Array:
        k, n, q = len(W), len(run) - self.n_lags + 1, run.shape[1]
        together, single = self._in_place(run, k)
        if not len(together[0]):
            return W @ single.T
        groups, m, size = together.shape
        seen = np.empty((k, n), dtype=np.result_type(run, W))
        several = n - len(single)
        shifted = np.zeros((k, TOGETHER, size), dtype=W.dtype)
        _diagonals(shifted, q, W.shape[1])[...] = W[:, None]
        by_row = seen[:, :several].reshape(k, m, groups, TOGETHER).swapaxes(1, 2)
        np.matmul(together, shifted.swapaxes(1, 2)[:, None], out=by_row)
        seen[:, several:] = W @ single.T
        return seen

    def _adjoint(self, run: Array, S: Array) -> Array:
        together, single = self._in_place(run)
        groups, m, _ = together.shape
        several = S.shape[1] - len(single)
        by_row = S[:, :several].reshape(len(S), m, groups, TOGETHER).transpose(0, 2, 3, 1)
        products = np.matmul(by_row, together).sum(axis=1)
        total = _diagonals(products, run.shape[1], single.shape[1]).sum(axis=1)
        return total + S[:, several:] @ single


def _diagonals(matrices: Array, step: int, size: int) -> Array:
    """Return a view of ``size`` numbers of each row, each row's ``step`` further than the last's.

    The matrices ``(k, rows, columns)`` lie in one piece, and the last row's end with its columns.
    """
    one, (k, n_rows, n_columns) = matrices.itemsize, matrices.shape
    strides = (n_rows * n_columns * one, (n_columns + step) * one, one)
    return np.ndarray((k, n_rows, size), matrices.dtype, matrices, strides=strides)


@dataclass(frozen=True)
class Shifted:
    """A signal of many features at several lags.

    Row t reads ``signal[at[l]][t]`` at lag l, and zero where ``inside[l, t]`` is false. A product
    with all lags is one product with the signal, followed by sums over shifts.
    """

    signal: Array  # (times, features)
    at: Sequence[Any]  # per lag: a slice or an array of the rows' places in the signal
    inside: Array | None  # (lags, rows), or None where every row sees every lag

    laid_for_one: ClassVar[bool] = True
    laid_for_many: ClassVar[bool] = False
    crosses: ClassVar[bool] = False

    @property
    def n_columns(self) -> int:
        return len(self.at) * self.signal.shape[1]

    @property
    def width(self) -> int:
        return self.n_columns

    def times(self, W: Array) -> Array:
        return self._gathered(self._seen(W))

    def adjoint(self, S: Array) -> Array:
        return self._multiplied(self._scattered(S))

    def times_of(self, W: Array, functions: Array) -> Array:
        return self._gathered(np.matmul(functions, self._seen(W)))

    def adjoint_of(self, S: Array, functions: Array) -> Array:
        return self._multiplied(np.matmul(functions.T, self._scattered(S)))

    def dense_of(self, functions: Array) -> Array:
        q, (n_lags, m) = self.signal.shape[1], functions.shape
        if self.inside is None and all(isinstance(place, slice) for place in self.at):
            # Lags are a range: the windows of neighbouring rows are read in place.
            first, n = self.at[-1].start, self.at[0].stop - self.at[0].start
            step, across = self.signal.strides
            seen = as_strided(self.signal[first:], (n, n_lags, q), (step, step, across))
            return np.matmul(np.ascontiguousarray(functions[::-1].T), seen).reshape(n, m * q)
        X = self.dense()
        return np.matmul(functions.T, X.reshape(len(X), n_lags, q)).reshape(len(X), m * q)

    def _seen(self, W: Array) -> Array:
        """Return the products ``(k, m, times)`` of m runs of coefficients with the signal."""
        n, q = self.signal.shape
        m = W.shape[1] // q
        return (W.reshape(len(W) * m, q) @ self.signal.T).reshape(len(W), m, n)

    def _multiplied(self, spread: Array) -> Array:
        """Return what `_seen` is the adjoint of, ``(k, m x features)``."""
        k, m, n = spread.shape
        q = self.signal.shape[1]
        return (spread.reshape(k * m, n) @ self.signal).reshape(k, m * q)

    def _gathered(self, seen: Array) -> Array:
        """Return the sums over lags of what each row reads of ``(k, lags, times)``."""
        total: Any = 0.0
        for lag, place in enumerate(self.at):
            part = seen[:, lag, place]
            total = total + (part if self.inside is None else part * self.inside[lag])
        return total

    def _scattered(self, S: Array) -> Array:
        """Return where lines ``(k, rows)`` are read from, ``(k, lags, times)``."""
        spread = np.zeros((len(S), len(self.at), len(self.signal)))
        for lag, place in enumerate(self.at):
            spread[:, lag, place] += S if self.inside is None else S * self.inside[lag]
        return spread

    def dense(self, out: Array | None = None) -> Array:
        parts = [self.signal[place] for place in self.at]
        if self.inside is not None:
            parts = [
                np.where(seen[:, None], part, 0.0)
                for seen, part in zip(self.inside, parts, strict=True)
            ]
        return np.concatenate(parts, axis=1, out=out)

    def gram(self, weights: Array | None, single: bool = False) -> Array:
        return weighted_gram(self.dense(), weights, single)

    def cross(self, other: Columns, weights: Array) -> Array:
        return cross_by_matrix(self.dense(), other, weights)

    def sums(self, codes: Array, n_codes: int, s: Array) -> Array:
        return sums_of(self.dense(), codes, n_codes, s)

    def single(self, W: Array) -> Array:
        return self.times(W.T).T.astype(np.float32)

    def for_single(self) -> Shifted:
        return self


def spread_over(W: Array, functions: Array) -> Array:
    """Return coefficients ``(k, n x features)`` of n lags from those of m functions ``(n, m)``.

    >>> spread_over(np.array([[2.0, 3.0]]), np.array([[1.0], [10.0]])).tolist()
    [[2.0, 3.0, 20.0, 30.0]]
    """
    (n, m), (k, size) = functions.shape, W.shape
    by_feature = W.reshape(k, m, size // m)
    return np.matmul(functions, by_feature).reshape(k, n * size // m)


def windows(signal: Array, rows: Array, lags: Array, start: Array, stop: Array) -> Windows | None:
    """Return windows of some samples, or None where they are too scattered for it to pay.

    Each sample lies in its own trial, from ``start`` to before ``stop``, beyond whose ends it sees
    zeros.
    """
    edges = _edges(rows, start)
    first, size = int(rows[0]), int(rows[-1]) - int(rows[0]) + 1
    if len(edges) > 2 and size <= SPARSEST * len(rows) and _see_all(rows, lags, start, stop):
        run = np.asarray(signal[first - lags[-1] : rows[-1] - lags[0] + 1], dtype=np.float64)
        return Windows((run,), len(lags), rows - first)
    if len(edges) > 2 and (len(edges) - 1) * LEAST > len(rows):
        return None
    runs = [
        _run(signal, rows[a] - lags[-1], rows[b - 1] - lags[0] + 1, start[rows[a]], stop[rows[a]])
        for a, b in pairwise(edges)
    ]
    return Windows(runs, len(lags))


def _see_all(rows: Array, lags: Array, start: Array, stop: Array) -> bool:
    """Say whether every sample sees every lag inside its own trial."""
    oldest, newest = rows - lags[-1], rows - lags[0]
    return bool((oldest >= start[rows]).all() and (newest < stop[rows]).all())


def _edges(rows: Array, start: Array) -> Array:
    """Return where runs of neighbouring samples of one trial begin, and the end of the last."""
    first, last = int(rows[0]), int(rows[-1])
    if last - first == len(rows) - 1 and start[first] == start[last]:
        return np.array([0, len(rows)])
    begins = (np.diff(rows) != 1) | (np.diff(start[rows]) != 0)
    return np.concatenate(([0], np.flatnonzero(begins) + 1, [len(rows)]))


def _run(signal: Array, first: int, stop: int, begins: int, ends: int) -> Array:
    """Return a run of the signal, with zeros where it leaves its trial."""
    inner = slice(max(first, begins), max(min(stop, ends), begins))
    seen = np.asarray(signal[inner], dtype=np.float64)
    if len(seen) == stop - first:
        return seen
    padded = np.zeros((stop - first, signal.shape[1]))
    padded[inner.start - first : inner.start - first + len(seen)] = seen
    return padded
