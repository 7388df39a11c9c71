"""Columns of lags times a basis: kernels made of few functions, whose lags are not laid out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Protocol

import numpy as np

from bayesglm.numerics.rows.columns import (
    Columns,
    cross_by_matrix,
    sums_of,
    weighted_gram,
    written,
)
from bayesglm.numerics.rows.dense import Dense

Array = np.ndarray


class OfLags(Columns, Protocol):
    """Columns of lags, lag-major, which are asked for products with functions ``(lags, m)``.

    Of these each has a column for every feature of the signal, function-major.
    """

    def times_of(self, W: Array, functions: Array) -> Array:
        """Return what `times` does, of W ``(k, functions x features)``."""

    def adjoint_of(self, S: Array, functions: Array) -> Array:
        """Return what `adjoint` does, ``(k, functions x features)``."""

    def dense_of(self, functions: Array) -> Array:
        """Return the columns ``(rows, functions x features)``."""


@dataclass(frozen=True)
class Projected:
    """Columns of lags times ``functions (lags, m)``, for each of ``n_features`` features.

    Products with a few vectors go through the lags; what asks for the matrix, or multiplies more
    vectors than there are functions, forms it once, ``(rows, m x features)``.

    >>> from bayesglm.numerics.rows.lagged import Windows
    >>> lags = Windows((np.array([[1.0], [2.0], [4.0]]),), 2)
    >>> Projected(lags, np.array([[1.0], [10.0]])).dense().tolist()
    [[12.0], [24.0]]
    """

    inner: OfLags
    functions: Array
    n_features: int = 1

    laid_for_one: ClassVar[bool] = True
    laid_for_many: ClassVar[bool] = True
    crosses: ClassVar[bool] = False

    @property
    def n_columns(self) -> int:
        return self.functions.shape[1] * self.n_features

    @property
    def width(self) -> int:
        return self.inner.width

    @cached_property
    def _matrix(self) -> Array:
        return self.inner.dense_of(self.functions)

    def _formed(self, n_lines: int) -> bool:
        return "_matrix" in vars(self) or n_lines >= self.functions.shape[1]

    def times(self, W: Array) -> Array:
        if self._formed(len(W)):
            return W @ self._matrix.T
        return self.inner.times_of(W, self.functions)

    def adjoint(self, S: Array) -> Array:
        if self._formed(len(S)):
            return S @ self._matrix
        return self.inner.adjoint_of(S, self.functions)

    def dense(self, out: Array | None = None) -> Array:
        return written(self._matrix, out)

    def gram(self, weights: Array | None, single: bool = False) -> Array:
        return weighted_gram(self._matrix, weights, single)

    def cross(self, other: Columns, weights: Array) -> Array:
        return cross_by_matrix(self._matrix, other, weights)

    def sums(self, codes: Array, n_codes: int, s: Array) -> Array:
        return sums_of(self._matrix, codes, n_codes, s)

    def single(self, W: Array) -> Array:
        return self._matrix.astype(np.float32) @ W

    def for_single(self) -> Columns:
        return Dense(self._matrix.astype(np.float32))
