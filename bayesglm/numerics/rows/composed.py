"""Columns made of other columns: multiplied row by row, or held to a sum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from bayesglm.numerics.rows.columns import (
    Columns,
    cross_by_matrix,
    cross_gram,
    weighted_gram,
    written,
)
from bayesglm.numerics.theta.waves import Waves
from bayesglm.numerics.theta.zero_sum import free_shape, gathered, spread

Array = np.ndarray


@dataclass(frozen=True)
class Products:
    """All products of a column of one and a column of another, the first-major: x_i z_j.

    Products with them go through one column of the narrower after the other.

    >>> from bayesglm.numerics.rows.dense import Dense
    >>> one, other = Dense(np.array([[2.0, 3.0]])), Dense(np.array([[5.0, 7.0]]))
    >>> Products(one, other).dense().tolist()
    [[10.0, 14.0, 15.0, 21.0]]
    """

    one: Columns
    other: Columns

    laid_for_one: ClassVar[bool] = False
    laid_for_many: ClassVar[bool] = False

    @property
    def n_columns(self) -> int:
        return self.one.n_columns * self.other.n_columns

    @property
    def width(self) -> int:
        return self.one.width * self.other.width

    def times(self, W: Array) -> Array:
        narrow, wide = self._sides()
        pairs = zip(narrow.dense().T, self._apart(W), strict=True)
        return sum(column * wide.times(part) for column, part in pairs)

    def adjoint(self, S: Array) -> Array:
        narrow, wide = self._sides()
        return self._joined([wide.adjoint(S * column) for column in narrow.dense().T])

    def dense(self, out: Array | None = None) -> Array:
        X = self.one.dense()[:, :, None] * self.other.dense()[:, None, :]
        return written(X.reshape(len(X), self.n_columns), out)

    def gram(self, weights: Array | None, single: bool = False) -> Array:
        narrow, wide = self._sides()
        columns = narrow.dense().T
        if not self.crosses:
            return weighted_gram(self.dense(), weights, single)
        heavy = columns if weights is None else weights * columns
        return self._joined([self._joined([wide.gram(a * b) for b in columns]).T for a in heavy]).T

    @property
    def crosses(self) -> bool:
        return self._sides()[1].crosses

    def cross(self, other: Columns, weights: Array) -> Array:
        narrow, wide = self._sides()
        columns = narrow.dense().T
        return self._joined([cross_gram(wide, other, weights * one).T for one in columns]).T

    def sums(self, codes: Array, n_codes: int, s: Array) -> Array:
        narrow, wide = self._sides()
        return self._joined([wide.sums(codes, n_codes, s * one) for one in narrow.dense().T])

    def single(self, W: Array) -> Array:
        narrow, wide = self._sides()
        columns = narrow.dense().astype(np.float32, copy=False).T
        parts = self._apart(W.T)
        return sum(
            column[:, None] * wide.single(np.ascontiguousarray(part.T))
            for column, part in zip(columns, parts, strict=True)
        )

    def for_single(self) -> Products:
        return Products(self.one.for_single(), self.other.for_single())

    def _sides(self) -> tuple[Columns, Columns]:
        """Return the narrower and the wider of the two."""
        return (self.one, self.other) if self._first_is_narrow else (self.other, self.one)

    @property
    def _first_is_narrow(self) -> bool:
        return self.one.n_columns <= self.other.n_columns

    def _apart(self, W: Array) -> Array:
        """Return ``(narrow columns, k, wide columns)`` from W ``(k, columns)``."""
        by_pair = W.reshape(len(W), self.one.n_columns, self.other.n_columns)
        return by_pair.transpose((1, 0, 2) if self._first_is_narrow else (2, 0, 1))

    def _joined(self, parts: Sequence[Array]) -> Array:
        """Return ``(k, columns)`` from ``(k, wide columns)`` of each column of the narrower."""
        by_pair = np.stack(parts, axis=1 if self._first_is_narrow else 2)
        return by_pair.reshape(len(by_pair), -1)


@dataclass(frozen=True)
class Deviations:
    """Columns of an array of coefficients that sum to zero along some axes, by their free numbers.

    >>> from bayesglm.numerics.rows.dense import Dense
    >>> Deviations(Dense(np.array([[1.0, 0.0]])), (2,), (0,)).dense().round(4).tolist()
    [[0.7071]]
    """

    inner: Columns
    shape: tuple[int, ...]
    axes: tuple[int, ...]

    laid_for_one: ClassVar[bool] = False
    laid_for_many: ClassVar[bool] = False

    @property
    def n_columns(self) -> int:
        return int(np.prod(free_shape(self.shape, self.axes), dtype=int))

    @property
    def width(self) -> int:
        return self.inner.width

    @property
    def crosses(self) -> bool:
        return self.inner.crosses

    def times(self, W: Array) -> Array:
        return self.inner.times(spread(W, self.shape, self.axes))

    def adjoint(self, S: Array) -> Array:
        return self._gathered(self.inner.adjoint(S))

    def dense(self, out: Array | None = None) -> Array:
        return written(self._gathered(self.inner.dense()), out)

    def gram(self, weights: Array | None, single: bool = False) -> Array:
        return self._gathered(self._gathered(self.inner.gram(weights, single)).T)

    def cross(self, other: Columns, weights: Array) -> Array:
        return self._gathered(cross_gram(self.inner, other, weights).T).T

    def sums(self, codes: Array, n_codes: int, s: Array) -> Array:
        return self._gathered(self.inner.sums(codes, n_codes, s))

    def single(self, W: Array) -> Array:
        whole = spread(W.T, self.shape, self.axes).astype(np.float32, copy=False)
        return self.inner.single(np.ascontiguousarray(whole.T))

    def for_single(self) -> Deviations:
        return replace(self, inner=self.inner.for_single())

    def _gathered(self, products: Array) -> Array:
        return gathered(products, self.shape, self.axes)


@dataclass(frozen=True)
class Waved:
    """Columns of an array of coefficients that is a sum of waves, by the amplitudes of these.

    >>> from bayesglm.numerics.rows.dense import Dense
    >>> waves = Waves((2,), (0,), (np.array([[0.6], [0.8]]),), np.array([0]))
    >>> Waved(Dense(np.array([[1.0, 2.0]])), waves).dense().round(12).tolist()
    [[2.2]]
    """

    inner: Columns
    waves: Waves

    laid_for_one: ClassVar[bool] = True
    laid_for_many: ClassVar[bool] = True
    crosses: ClassVar[bool] = False

    @property
    def n_columns(self) -> int:
        return self.waves.size

    @property
    def width(self) -> int:
        return self.inner.width

    def times(self, W: Array) -> Array:
        return self.inner.times(self.waves.spread(W))

    def adjoint(self, S: Array) -> Array:
        return self.waves.gathered(self.inner.adjoint(S))

    def dense(self, out: Array | None = None) -> Array:
        return written(self.waves.gathered(self.inner.dense()), out)

    def gram(self, weights: Array | None, single: bool = False) -> Array:
        return weighted_gram(self.dense(), weights, single)

    def cross(self, other: Columns, weights: Array) -> Array:
        return cross_by_matrix(self.dense(), other, weights)

    def sums(self, codes: Array, n_codes: int, s: Array) -> Array:
        return self.waves.gathered(self.inner.sums(codes, n_codes, s))

    def single(self, W: Array) -> Array:
        whole = self.waves.spread(W.T).astype(np.float32, copy=False)
        return self.inner.single(np.ascontiguousarray(whole.T))

    def for_single(self) -> Waved:
        return replace(self, inner=self.inner.for_single())
