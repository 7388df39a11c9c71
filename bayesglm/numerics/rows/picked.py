"""Columns that are picked among others, which are multiplied as a whole."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple

import numpy as np

from bayesglm.numerics.rows.columns import (
    Columns,
    cross_by_matrix,
    weighted_gram,
    written,
)

Array = np.ndarray


@dataclass(frozen=True)
class Picked:
    """Some of the columns of others, by their numbers, in the order of these.

    >>> from bayesglm.numerics.rows.dense import Dense
    >>> Picked(Dense(np.array([[1.0, 2.0, 3.0]])), np.array([2, 0])).dense().tolist()
    [[3.0, 1.0]]
    """

    inner: Columns
    numbers: Array

    crosses: ClassVar[bool] = False

    @property
    def n_columns(self) -> int:
        return len(self.numbers)

    @property
    def width(self) -> int:
        return self.inner.width

    @property
    def laid_for_one(self) -> bool:
        return self.inner.laid_for_one

    @property
    def laid_for_many(self) -> bool:
        return self.inner.laid_for_many

    def times(self, W: Array) -> Array:
        return self.inner.times(among(W, self.numbers, self.inner.n_columns))

    def adjoint(self, S: Array) -> Array:
        return self.inner.adjoint(S)[:, self.numbers]

    def dense(self, out: Array | None = None) -> Array:
        return written(self.inner.dense()[:, self.numbers], out)

    def gram(self, weights: Array | None, single: bool = False) -> Array:
        return weighted_gram(self.dense(), weights, single)

    def cross(self, other: Columns, weights: Array) -> Array:
        return cross_by_matrix(self.dense(), other, weights)

    def sums(self, codes: Array, n_codes: int, s: Array) -> Array:
        return self.inner.sums(codes, n_codes, s)[:, self.numbers]

    def single(self, W: Array) -> Array:
        return self.inner.single(among(W.T, self.numbers, self.inner.n_columns).T)

    def for_single(self) -> Picked:
        return replace(self, inner=self.inner.for_single())


class PickedPanel(NamedTuple):
    """Columns of which each of several members picks as many as the others.

    What a member does not pick has the coefficient zero, so that one product serves all members.

    >>> from bayesglm.numerics.rows.dense import Dense
    >>> panel = PickedPanel(Dense(np.array([[1.0, 10.0]])), np.array([[1], [0]]))
    >>> panel.times(np.array([[2.0], [3.0]])).tolist(), panel.adjoint(np.ones((2, 1))).tolist()
    ([[20.0], [3.0]], [[10.0], [1.0]])
    """

    inner: Columns
    numbers: Array  # (members, columns)

    def times(self, W: Array) -> Array:
        """Return the products ``(members, rows)`` of each member's coefficients with its columns.

        W is ``(members, columns)``.
        """
        return self.inner.times(among(W, self.numbers, self.inner.n_columns))

    def adjoint(self, S: Array) -> Array:
        """Return the products ``(members, columns)`` of lines ``(members, rows)`` and columns."""
        return np.take_along_axis(self.inner.adjoint(S), self.numbers, axis=1)

    def member(self, k: int) -> list[Columns]:
        """Return what one member reads."""
        return [Picked(self.inner, self.numbers[k])]

    def together(self) -> tuple[Columns, Array]:
        """Return the columns of all members, and which each reads ``(members, columns)``."""
        return self.inner, self.numbers


def among(W: Array, numbers: Array, n: int) -> Array:
    """Return lines ``(k, n)`` with those of W at some numbers, one list or one a line, else zero.

    >>> among(np.array([[1.0, 2.0]]), np.array([2, 0]), 3).tolist()
    [[2.0, 0.0, 1.0]]
    """
    spread = np.zeros((len(W), n), dtype=W.dtype)
    np.put_along_axis(spread, np.broadcast_to(numbers, W.shape), W, axis=1)
    return spread
