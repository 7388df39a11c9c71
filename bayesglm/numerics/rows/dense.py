"""Columns that are a matrix, and the intercept's column of ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bayesglm.numerics.rows.columns import Columns, cross_by_matrix, sums_of, weighted_gram, written

Array = np.ndarray


@dataclass(frozen=True)
class Dense:
    """Columns as they are."""

    X: Array

    laid_for_one: ClassVar[bool] = True
    laid_for_many: ClassVar[bool] = True
    crosses: ClassVar[bool] = False

    @property
    def n_columns(self) -> int:
        return self.X.shape[1]

    @property
    def width(self) -> int:
        return self.X.shape[1]

    def times(self, W: Array) -> Array:
        return W @ self.X.T

    def adjoint(self, S: Array) -> Array:
        return S @ self.X

    def dense(self, out: Array | None = None) -> Array:
        return written(self.X, out)

    def gram(self, weights: Array | None, single: bool = False) -> Array:
        return weighted_gram(self.X, weights, single)

    def cross(self, other: Columns, weights: Array) -> Array:
        return cross_by_matrix(self.X, other, weights)

    def sums(self, codes: Array, n_codes: int, s: Array) -> Array:
        return sums_of(self.X, codes, n_codes, s)

    def single(self, W: Array) -> Array:
        return self.X.astype(np.float32, copy=False) @ W

    def for_single(self) -> Dense:
        return Dense(self.X.astype(np.float32))


def side_by_side(parts: Sequence[Columns], n: int) -> Columns:
    """Return several sets of columns of n rows as one matrix, one set as it is.

    >>> side_by_side([Ones(2), Dense(np.array([[3.0], [4.0]]))], 2).dense().tolist()
    [[1.0, 3.0], [1.0, 4.0]]
    """
    if len(parts) == 1:
        return parts[0]
    X, stop = np.empty((n, sum(part.n_columns for part in parts)), order="F"), 0
    for part in parts:
        start, stop = stop, stop + part.n_columns
        part.dense(X[:, start:stop])
    return Dense(X)


@dataclass(frozen=True)
class Ones:
    """The intercept's column."""

    n: int

    laid_for_one: ClassVar[bool] = True
    laid_for_many: ClassVar[bool] = True
    crosses: ClassVar[bool] = True
    n_columns: ClassVar[int] = 1
    width: ClassVar[int] = 1

    def times(self, W: Array) -> Array:
        return W  # (k, 1), the same for every row

    def adjoint(self, S: Array) -> Array:
        return S.sum(axis=1, keepdims=True)

    def dense(self, out: Array | None = None) -> Array:
        return written(np.ones((self.n, 1)), out)

    def gram(self, weights: Array | None, single: bool = False) -> Array:
        return np.full((1, 1), float(self.n) if weights is None else weights.sum())

    def cross(self, other: Columns, weights: Array) -> Array:
        return other.adjoint(weights[None])

    def sums(self, codes: Array, n_codes: int, s: Array) -> Array:
        return np.bincount(codes, s, n_codes)[:, None]

    def single(self, W: Array) -> Array:
        return np.repeat(W.astype(np.float32, copy=False), self.n, axis=0)

    def for_single(self) -> Ones:
        return self
