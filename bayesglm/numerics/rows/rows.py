"""Blocks of rows: products with the design, without forming it where that is cheaper.

A block's linear predictor is the sum of the products of its parts, each with its own run of
coefficients. Coefficients are rows, ``(k, p)``, and so are linear predictors, ``(k, rows)``: one
product serves one model or many that share a design.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np

Array = np.ndarray


def span(numbers: Array) -> Any:
    """Return increasing numbers as a slice where they leave none out, else as they are."""
    if len(numbers) and numbers[-1] - numbers[0] == len(numbers) - 1:
        return slice(int(numbers[0]), int(numbers[-1]) + 1)
    return numbers


class Columns(Protocol):
    """Some columns of a block of rows."""

    def times(self, W: Array) -> Array:
        """Return W X', ``(k, rows)``, from W ``(k, columns)``."""

    def adjoint(self, S: Array) -> Array:
        """Return S X, ``(k, columns)``, from S ``(k, rows)``."""

    def dense(self) -> Array:
        """Return X itself, ``(rows, columns)``."""


class Dense(NamedTuple):
    """Columns as they are."""

    X: Array

    def times(self, W: Array) -> Array:
        return W @ self.X.T

    def adjoint(self, S: Array) -> Array:
        return S @ self.X

    def dense(self) -> Array:
        return self.X


class Ones(NamedTuple):
    """The intercept's column."""

    n: int

    def times(self, W: Array) -> Array:
        return W  # (k, 1), the same for every row

    def adjoint(self, S: Array) -> Array:
        return S.sum(axis=1, keepdims=True)

    def dense(self) -> Array:
        return np.ones((self.n, 1))


class Coded(NamedTuple):
    """Effects of the levels of a factor, effect-major: each row reads one level of each effect."""

    codes: Array  # (rows,), the level of each row
    values: Array  # (rows, effects), what multiplies each effect
    n_levels: int

    def times(self, W: Array) -> Array:
        W = W.reshape(len(W), self.values.shape[1], self.n_levels)
        return sum(W[:, k, self.codes] * value for k, value in enumerate(self.values.T))

    def single(self, W: Array) -> Array:
        """Return a new X W ``(rows, k)`` in single precision, from W ``(columns, k)`` in it."""
        values = self.values.astype(np.float32, copy=False).T[:, :, None]
        W = W.reshape(len(values), self.n_levels, W.shape[1])
        if W.shape[2] == 1:  # one w: taking numbers is faster than taking rows
            taken = (effect[:, 0].take(self.codes)[:, None] for effect in W)
        else:
            taken = (effect[self.codes] for effect in W)
        return sum(effect * value for effect, value in zip(taken, values, strict=True))

    def adjoint(self, S: Array) -> Array:
        found = [
            np.bincount(self.codes, line * value, self.n_levels)
            for line in S
            for value in self.values.T
        ]
        return np.reshape(found, (len(S), self.values.shape[1] * self.n_levels))

    def dense(self) -> Array:
        n, n_effects = self.values.shape
        X = np.zeros((n, n_effects, self.n_levels))
        X[np.arange(n)[:, None], np.arange(n_effects), self.codes[:, None]] = self.values
        return X.reshape(n, n_effects * self.n_levels)

    def gram_with(self, other: Array | Coded, weights: Array) -> Array:
        """Return X' diag(weights) Z with the columns Z of a matrix or of another factor."""
        if isinstance(other, Coded):
            cells = self.codes * other.n_levels + other.codes
            found = [
                [
                    np.bincount(cells, weights * a * b, self.n_levels * other.n_levels)
                    for b in other.values.T
                ]
                for a in self.values.T
            ]
            shape = (-1, len(other.values.T), self.n_levels, other.n_levels)
            ordered: Array = np.reshape(found, shape).swapaxes(1, 2)
            return ordered.reshape(len(self.values.T) * self.n_levels, -1)
        weighted = weights[:, None] * other
        columns = [self.adjoint(column[None])[0] for column in weighted.T]
        return np.reshape(columns, (other.shape[1], -1)).T


class Shifted(NamedTuple):
    """A signal of several features at several lags, lag-major, never laid side by side.

    Row t reads ``signal[at[l]][t]`` at lag l, and zero where ``inside[l, t]`` is false. A product
    with all lags is one product with the signal, followed by sums over shifts.
    """

    signal: Array  # (times, features)
    at: Sequence[Any]  # per lag: a slice or an array of the rows' places in the signal
    inside: Array | None  # (lags, rows), or None where every row sees every lag
    build: Callable[[], Array]

    def times(self, W: Array) -> Array:
        k, n_lags = len(W), len(self.at)
        seen = W.reshape(k * n_lags, self.signal.shape[1]) @ self.signal.T
        seen = seen.reshape(k, n_lags, len(self.signal))
        total: Any = 0.0
        for lag, place in enumerate(self.at):
            part = seen[:, lag, place]
            total = total + (part if self.inside is None else part * self.inside[lag])
        return total

    def single(self, W: Array) -> Array:
        """Return a new X W ``(rows, k)`` in single precision, from W ``(columns, k)`` in it."""
        return self.times(W.T).T.astype(np.float32)

    def adjoint(self, S: Array) -> Array:
        k, n_lags = len(S), len(self.at)
        spread = np.zeros((k, n_lags, len(self.signal)))
        for lag, place in enumerate(self.at):
            spread[:, lag, place] += S if self.inside is None else S * self.inside[lag]
        found = spread.reshape(k * n_lags, len(self.signal)) @ self.signal
        return found.reshape(k, n_lags * self.signal.shape[1])

    def dense(self) -> Array:
        return self.build()


@dataclass(frozen=True)
class Rows:
    """A block of rows: all that a likelihood needs to know of them.

    ``parts`` makes, when first needed, the columns with the places of their coefficients. The
    responses are those of one model ``(rows,)`` or of many ``(k, rows)``; ``lines`` picks some of
    them each time that they are read, so that no copies pile up. ``first`` is the number of the
    first row among all of its source.

    >>> rows = Rows.of(np.array([[1.0, 2.0], [1.0, 4.0]]), y=np.array([0.0, 1.0]))
    >>> rows.times(np.array([[1.0, 0.5]])), rows.adjoint(np.array([[1.0, 1.0]]))
    (array([[2., 3.]]), array([[2., 6.]]))
    """

    parts: Callable[[], Sequence[tuple[slice, Columns]]]
    n_coefficients: int
    responses: Array
    offset: Array | float = 0.0
    weights: Array | None = None
    trials: Array | None = None
    lines: Sequence[int] | None = None
    first: int = 0

    @staticmethod
    def of(
        X: Array,
        y: Array,
        offset: Array | float = 0.0,
        weights: Array | None = None,
        trials: Array | None = None,
    ) -> Rows:
        """Make rows of one matrix."""
        whole = ((slice(0, X.shape[1]), Dense(X)),)
        return Rows(lambda: whole, X.shape[1], y, offset, weights, trials)

    def __len__(self) -> int:
        return self.responses.shape[-1]

    @property
    def place(self) -> slice:
        """Where the rows stand among all of their source."""
        return slice(self.first, self.first + len(self))

    @property
    def y(self) -> Array:
        """The responses."""
        return self.responses if self.lines is None else self.responses[self.lines]

    @cached_property
    def columns(self) -> Sequence[tuple[slice, Columns]]:
        """The columns, part by part."""
        return self.parts()

    @cached_property
    def X(self) -> Array:
        """The rows' part of the design, ``(rows, p)``."""
        if len(self.columns) == 1:
            return self.columns[0][1].dense()
        X = np.empty((len(self), self.n_coefficients))
        for where, part in self.columns:
            X[:, where] = part.dense()
        return X

    def gram(
        self, weights: Array | None, members: Array | None = None, single: bool = False
    ) -> Array:
        """Return X' diag(weights) X, of some columns if not of all; in single precision if said."""
        if any(isinstance(part, Coded) for _, part in self.columns):
            found = self._coded_gram(np.ones(len(self)) if weights is None else weights)
            return found if members is None else found[np.ix_(members, members)]
        head, tail = self.columns[0] if self.columns else None, self.columns[1:]
        if head is None or not isinstance(head[1], Ones) or len(tail) != 1:
            return weighted_gram(self.X if members is None else self.X[:, members], weights, single)
        # An intercept beside one matrix: the matrix is not copied to stand beside a column of ones.
        X = tail[0][1].dense()
        ones = members is None or 0 in members
        if members is not None:
            X = X[:, members[int(ones) :] - 1]
        inner = weighted_gram(X, weights, single)
        if not ones:
            return inner
        count = np.ones(len(self)) if weights is None else weights
        found = np.empty((1 + X.shape[1],) * 2)
        found[0, 0], found[1:, 1:] = count.sum(), inner
        found[0, 1:] = found[1:, 0] = count @ X
        return found

    def _coded_gram(self, weights: Array) -> Array:
        """Return X' diag(weights) X part by part: factors meet each other by counting."""
        found = np.empty((self.n_coefficients,) * 2)
        parts = [
            (where, part if isinstance(part, Coded) else part.dense())
            for where, part in self.columns
        ]
        for k, (here, part) in enumerate(parts):
            for there, other in parts[: k + 1]:
                if isinstance(part, Coded):
                    cross = part.gram_with(other, weights)
                elif isinstance(other, Coded):
                    cross = other.gram_with(part, weights).T
                else:
                    cross = part.T @ (weights[:, None] * other)
                found[here, there], found[there, here] = cross, cross.T
        return found

    def packed_grams(self, weights: Array) -> Array:
        """Return the lower triangles of X' diag(w) X for each line of weights, in single precision.

        All products of two columns, once, times all weights: one matrix product for all.
        """
        p, stop = self.n_coefficients, 0
        pairs = np.empty((p * (p + 1) // 2, len(self)), dtype=np.float32)
        with np.errstate(over="ignore", invalid="ignore"):
            X = np.ascontiguousarray(self.X.T, dtype=np.float32)
            for k in range(p):
                start, stop = stop, stop + k + 1
                np.multiply(X[: k + 1], X[k], out=pairs[start:stop])
            return weights.astype(np.float32) @ pairs.T

    def times(self, W: Array) -> Array:
        """Return W X', ``(k, rows)``, from W ``(k, p)``."""
        if not self.columns:
            return np.zeros((len(W), len(self)))
        total: Any = None
        for where, part in self.columns:
            product = part.times(W[:, where])
            total = product if total is None else total + product
        n = len(self)
        return total if total.shape[1] == n else np.broadcast_to(total, (len(W), n))

    @property
    def width(self) -> int:
        """How many numbers a product reads of each row."""
        return sum(
            part.values.shape[1] if isinstance(part, Coded) else where.stop - where.start
            for where, part in self.columns
        )

    def adjoint(self, S: Array) -> Array:
        """Return S X, ``(k, p)``, from S ``(k, rows)``."""
        if len(self.columns) == 1:
            return self.columns[0][1].adjoint(S)
        found = np.empty((len(S), self.n_coefficients))
        for where, part in self.columns:
            found[:, where] = part.adjoint(S)
        return found


def unpacked(triangles: Array, p: int) -> Array:
    """Return symmetric matrices ``(k, p, p)`` from their lower triangles, row by row.

    >>> unpacked(np.array([[1.0, 2.0, 3.0]]), 2).tolist()
    [[[1.0, 2.0], [2.0, 3.0]]]
    """
    found = np.empty((len(triangles), p, p))
    i, j = np.tril_indices(p)
    found[:, i, j] = found[:, j, i] = triangles
    return found


def weighted_gram(X: Array, weights: Array | None, single: bool = False) -> Array:
    """X' diag(weights) X; half the work where no weight is negative.

    >>> weighted_gram(np.array([[1.0, 2.0], [1.0, 4.0]]), np.array([1.0, 2.0])).round(12).tolist()
    [[3.0, 10.0], [10.0, 36.0]]
    """
    # numpy hands a product with the own transpose to dsyrk.
    if weights is None:
        return X.T @ X
    if weights.size and weights.min() < 0.0:
        return X.T @ (weights[:, None] * X)
    root = np.sqrt(weights)[:, None]
    if not single:
        scaled = root * X
        return scaled.T @ scaled
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = np.multiply(root, X, dtype=np.float32, casting="same_kind")
        return scaled.T @ scaled
