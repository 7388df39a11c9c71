"""Blocks of rows: products with the design, without forming it where that is cheaper.

A block's linear predictor is the sum of the products of its parts, each with its own run of
coefficients. Coefficients are rows, ``(k, p)``, and so are linear predictors, ``(k, rows)``: one
product serves one model or many that share a design.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np

from bayesglm.numerics.rows.columns import Columns, cross_gram
from bayesglm.numerics.rows.dense import Dense, side_by_side
from bayesglm.numerics.rows.events import OwnHeard
from bayesglm.numerics.rows.panel import Panel
from bayesglm.numerics.rows.picked import PickedPanel
from bayesglm.numerics.rows.sharing import Sharing

Array = np.ndarray
type Own = Panel | PickedPanel | OwnHeard  # columns of which each of several members reads some


def span(numbers: Array) -> Any:
    """Return numbers as a slice where each is the next of the last, else as they are.

    >>> span(np.array([2, 3, 4])), span(np.array([2, 4, 3, 5])).tolist()
    (slice(2, 5, None), [2, 4, 3, 5])
    """
    n = len(numbers)
    if n and numbers[-1] - numbers[0] == n - 1 and bool((np.diff(numbers) == 1).all()):
        return slice(int(numbers[0]), int(numbers[-1]) + 1)
    return numbers


class _Piece(NamedTuple):
    """Columns of which a Gram matrix is made, where they stand in it, and which are kept."""

    columns: Columns
    places: Any  # a slice or numbers
    keep: Array | None = None


@dataclass(frozen=True)
class Rows:
    """A block of rows: all that a likelihood needs to know of them.

    ``parts`` makes, when first needed, the columns with the places of their coefficients. The
    responses are those of one model ``(rows,)`` or of many ``(k, rows)``; ``lines`` picks some of
    them each time that they are read, so that no copies pile up. ``first`` is the number of the
    first row among all of its source. With ``panels``, each line of coefficients reads columns of
    its own as well: all but products are then those of one `member`. ``channels`` are the runs of
    coefficients that belong to each of several linear predictors; None where there is one. With
    ``sharing``, the columns are those of each of several linear predictors: to the rows'
    own products coefficients are then lines, one for each of these.

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
    panels: Callable[[], Sequence[tuple[slice, Own]]] | None = None
    channels: tuple[slice, ...] | None = None
    sharing: Sharing | None = None

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
    def size(self) -> int:
        """Number of coefficients of all linear predictors."""
        return self.n_coefficients if self.sharing is None else self.sharing.size

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
        """The columns that all lines of coefficients read, part by part."""
        return self.parts()

    @cached_property
    def _own(self) -> Sequence[tuple[slice, Own]]:
        return () if self.panels is None else self.panels()

    @property
    def _every(self) -> Sequence[tuple[slice, Columns | Own]]:
        return (*self.columns, *self._own)

    def member(self, k: int) -> Rows:
        """Return the rows with the columns that the k-th line of coefficients reads."""
        if self.panels is None:
            return self
        parts = list(self.columns)
        for where, panel in self._own:
            stop = where.start
            for columns in panel.member(k):
                start, stop = stop, stop + columns.n_columns
                parts.append((slice(start, stop), columns))
        parts.sort(key=lambda part: part[0].start)
        return replace(self, parts=lambda: parts, panels=None)

    def together(self) -> tuple[Columns, Array]:
        """Return the columns of all members side by side, and which each reads ``(members, p)``."""
        laid = [part for _, part in self.columns]
        numbers = np.empty((len(self.y), self.n_coefficients), dtype=np.intp)
        stop = 0
        for where, part in self.columns:
            start, stop = stop, stop + part.n_columns
            numbers[:, where] = np.arange(start, stop)
        for where, panel in self._own:
            columns, own = panel.together()
            laid.append(columns)
            numbers[:, where] = stop + own
            stop += columns.n_columns
        return side_by_side(laid, len(self)), numbers

    @cached_property
    def by_channel(self) -> list[Rows]:
        """The rows with the columns of each channel alone."""
        assert self.channels is not None
        split = []
        for run in self.channels:
            own = [
                (slice(where.start - run.start, where.stop - run.start), part)
                for where, part in self.columns
                if run.start <= where.start and where.stop <= run.stop
            ]
            size = run.stop - run.start
            split.append(
                replace(self, parts=partial(_given, own), n_coefficients=size, channels=None)
            )
        return split

    @cached_property
    def X(self) -> Array:
        """The rows' part of the design, ``(rows, p)``."""
        if len(self.columns) == 1:
            return self.columns[0][1].dense()
        X = np.empty((len(self), self.n_coefficients))
        for where, part in self.columns:
            part.dense(X[:, where])
        return X

    def _beside(self, n_lines: int) -> Sequence[tuple[Any, Columns | Own]]:
        """Return the columns as products with so many lines of coefficients are fastest.

        For more lines than rows, those that are laid out for many are one matrix.
        """
        laid = [(where, part) for where, part in self.columns if part.laid_for_many]
        if n_lines <= len(self) or len(laid) < 2:
            return self._every
        places = span(np.concatenate([np.arange(where.start, where.stop) for where, _ in laid]))
        matrix = side_by_side([part for _, part in laid], len(self))
        others = [(where, part) for where, part in self.columns if not part.laid_for_many]
        return ((places, matrix), *others, *self._own)

    def times(self, W: Array) -> Array:
        """Return W X', ``(k, rows)``, from W ``(k, p)``."""
        n, total, is_own = len(self), None, False
        for where, part in self._beside(len(W)):
            product = part.times(W[:, where])
            if total is None:
                total = product
            elif is_own and total.shape[1] == n:
                total += product
            else:
                total, is_own = total + product, True
        if total is None:
            return np.zeros((len(W), n))
        return total if total.shape[1] == n else np.broadcast_to(total, (len(W), n))

    def adjoint(self, S: Array) -> Array:
        """Return S X, ``(k, p)``, from S ``(k, rows)``."""
        every = self._every
        if len(every) == 1:
            return every[0][1].adjoint(S)
        products = np.empty((len(S), self.n_coefficients))
        for where, part in every:
            products[:, where] = part.adjoint(S)
        return products

    @property
    def all_laid(self) -> bool:
        """Whether all columns are as fast to read laid out as a matrix."""
        return all(part.laid_for_one for _, part in self.columns)

    @property
    def width(self) -> int:
        """How many numbers a product reads of each row."""
        return sum(part.width for _, part in self.columns)

    @cached_property
    def _pieces(self) -> list[_Piece]:
        """The columns as Gram matrices are made of them: their matrices side by side, if several.

        Those with a way of their own to meet others stand apart.
        """
        apart = [_Piece(part, where) for where, part in self.columns if part.crosses]
        beside = [(where, part) for where, part in self.columns if not part.crosses]
        if not beside:
            return apart
        places = np.concatenate([np.arange(where.start, where.stop) for where, _ in beside])
        columns = side_by_side([part for _, part in beside], len(self))
        return [_Piece(columns, span(places)), *apart]

    def gram(
        self, weights: Array | None, members: Array | None = None, single: bool = False
    ) -> Array:
        """Return X' diag(weights) X, of some columns if not of all; in single precision if said."""
        if members is None:
            pieces, size = self._pieces, self.n_coefficients
        else:
            pieces, size = _picked(self._pieces, members, self.n_coefficients), len(members)
        if len(pieces) == 1 and pieces[0].keep is None and isinstance(pieces[0].places, slice):
            return pieces[0].columns.gram(weights, single)
        product = np.empty((size, size))
        heavy = np.ones(len(self)) if weights is None else weights
        for k, piece in enumerate(pieces):
            own = piece.columns.gram(weights, single)
            product[_grid(piece.places, piece.places)] = _kept(own, piece, piece)
            for other in pieces[:k]:
                across = _kept(cross_gram(piece.columns, other.columns, heavy), piece, other)
                product[_grid(piece.places, other.places)] = across
                product[_grid(other.places, piece.places)] = across.T
        return product

    def across(self, other: Rows, weights: Array) -> Array:
        """Return X' diag(weights) Z, Z being the columns that other rows have of the same rows."""
        product = np.empty((self.n_coefficients, other.n_coefficients))
        for piece in self._pieces:
            for theirs in other._pieces:
                product[_grid(piece.places, theirs.places)] = cross_gram(
                    piece.columns, theirs.columns, weights
                )
        return product

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


def _given[Parts](parts: Parts) -> Parts:
    return parts


def _picked(pieces: list[_Piece], members: Array, p: int) -> list[_Piece]:
    """Return what is left of the pieces where only some of p columns are asked for."""
    order = np.full(p, -1)
    order[members] = np.arange(len(members))
    picked = []
    for columns, places, _ in pieces:
        at = order[places]
        keep = np.flatnonzero(at >= 0)
        if not len(keep):
            continue
        at = at[keep]
        if np.all(np.diff(at) == 1):
            at = slice(int(at[0]), int(at[-1]) + 1)
        if columns.crosses:
            picked.append(_Piece(columns, at, keep))
        else:
            picked.append(_Piece(Dense(columns.dense()[:, span(keep)]), at))
    return picked


def _grid(rows: Any, columns: Any) -> Any:
    """Return the index of some rows and columns of a matrix, each a slice or numbers."""
    if isinstance(rows, slice) and isinstance(columns, slice):
        return rows, columns
    rows, columns = (
        np.arange(one.start, one.stop) if isinstance(one, slice) else one for one in (rows, columns)
    )
    return np.ix_(rows, columns)


def _kept(product: Array, piece: _Piece, other: _Piece) -> Array:
    """Return what is kept of the rows and columns of a product of two pieces."""
    product = product if piece.keep is None else product[piece.keep]
    return product if other.keep is None else product[:, other.keep]


def unpacked(triangles: Array, p: int) -> Array:
    """Return symmetric matrices ``(k, p, p)`` from their lower triangles, row by row.

    >>> unpacked(np.array([[1.0, 2.0, 3.0]]), 2).tolist()
    [[[1.0, 2.0], [2.0, 3.0]]]
    """
    square = np.empty((len(triangles), p, p))
    i, j = np.tril_indices(p)
    square[:, i, j] = square[:, j, i] = triangles
    return square
