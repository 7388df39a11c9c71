"""What columns of a block of rows must be able to do, and what can be done with their matrix.

Each class of columns says for itself which products it has a way of its own for. Rows, densities
and solvers ask no further what kind they are.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

Array = np.ndarray


class Columns(Protocol):
    """Some columns X of a block of rows, as a matrix or as factors of products with it."""

    @property
    def n_columns(self) -> int:
        """How many columns."""

    @property
    def width(self) -> int:
        """How many numbers a product reads of each row."""

    @property
    def laid_for_one(self) -> bool:
        """Whether products with one vector are fastest with the matrix laid out and held."""

    @property
    def laid_for_many(self) -> bool:
        """Whether those with many vectors are fastest with the matrix, laid out for them."""

    @property
    def crosses(self) -> bool:
        """Whether `cross` is a way of its own, which forms no matrix of these columns."""

    def times(self, W: Array) -> Array:
        """Return W X', ``(k, rows)``, from W ``(k, columns)``; ``(k, 1)`` where rows are equal."""

    def adjoint(self, S: Array) -> Array:
        """Return S X, ``(k, columns)``, from S ``(k, rows)``."""

    def dense(self, out: Array | None = None) -> Array:
        """Return X itself, ``(rows, columns)``, written to ``out`` if given."""

    def gram(self, weights: Array | None, single: bool = False) -> Array:
        """Return X' diag(weights) X; where ``single``, single precision is enough."""

    def cross(self, other: Columns, weights: Array) -> Array:
        """Return X' diag(weights) Z with columns Z."""

    def sums(self, codes: Array, n_codes: int, s: Array) -> Array:
        """Return ``(n_codes, columns)`` the sums of diag(s) X over the rows of each code."""

    def single(self, W: Array) -> Array:
        """Return a new X W ``(rows, k)`` in single precision, from W ``(columns, k)`` in it."""

    def for_single(self) -> Columns:
        """Return the columns made ready to be asked for `single`, and their `adjoint`, often."""


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


def cross_gram(one: Columns, other: Columns, weights: Array) -> Array:
    """Return X' diag(weights) Z of two sets of columns, by whichever of them has a way of its own.

    >>> from bayesglm.numerics.rows.dense import Dense, Ones
    >>> cross_gram(Dense(np.array([[1.0], [3.0]])), Ones(2), np.array([2.0, 1.0])).tolist()
    [[5.0]]
    """
    if other.crosses and not one.crosses:
        return other.cross(one, weights).T
    return one.cross(other, weights)


def cross_by_matrix(X: Array, other: Columns, weights: Array) -> Array:
    """Return X' diag(weights) Z from both matrices."""
    return X.T @ (weights[:, None] * other.dense())


def sums_of(X: Array, codes: Array, n_codes: int, s: Array) -> Array:
    """Return ``(n_codes, columns)`` the sums of diag(s) X over the rows of each code.

    >>> sums_of(np.array([[1.0], [2.0], [4.0]]), np.array([0, 1, 0]), 2, np.ones(3)).tolist()
    [[5.0], [2.0]]
    """
    totals = np.empty((n_codes, X.shape[1]))
    for k, column in enumerate(X.T):
        totals[:, k] = np.bincount(codes, s * column, n_codes)
    return totals


def written(X: Array, out: Array | None) -> Array:
    """Return X, or ``out`` with X written to it."""
    if out is None:
        return X
    out[...] = X
    return out
