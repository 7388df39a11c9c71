"""Log likelihoods of many coefficients near one point, in single precision where that is enough.

Of a canonical link log p(y | w) = sum of weight (y eta - n b(eta)) + constant, with eta = offset +
X w. What the cumulants b change by as w moves away from an anchor is summed in single precision
(`changes`); the linear part, and the value at the anchor, are taken in double precision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from bayesglm.numerics.density.likelihood import Rowwise, block_rows
from bayesglm.numerics.density.together import run_slopes
from bayesglm.numerics.families.changes import Change, Changes
from bayesglm.numerics.rows.columns import Columns
from bayesglm.numerics.rows.entries import Entries, apart
from bayesglm.numerics.rows.rows import Rows, span

Array = np.ndarray
SINGLE = np.float32
ROWS = 1024  # of a block
NUMBERS = 1 << 19  # of a block of rows times draws, which stay in the cache
FEW = 2_000_000  # linear predictors, up to which there is too little to gain
CHECKED = 16  # draws that are computed in both
PRECISE = 1e-3  # what rounding may change of a log likelihood
MANY = 200_000_000  # linear predictors, from which on compiled code is worth its start: chosen


class SingleRows(NamedTuple):
    """Rows in single precision, and what moves from their eta at the anchor change.

    ``plain`` are the columns that are laid out, side by side with the start of `Change`, and
    ``where`` in w they belong; the start stands for one more coefficient, which is 1.
    """

    plain: Array
    where: Any
    others: Sequence[tuple[slice, Columns]]
    change: Change

    def apart(self) -> tuple[SingleRows, Entries | None]:
        """Return rows without the columns that are mostly zeros, and the entries of these."""
        where = self.where
        where = np.arange(where.start, where.stop) if isinstance(where, slice) else where
        plain, rest, entries = apart(self.plain, where)
        return self._replace(plain=plain, where=rest), entries

    def moved(self, away: Array, room: Array) -> Array:
        """Return the moves ``(rows, k)`` that `_away` make, written to ``room``."""
        np.matmul(self.plain, away[self.where], out=room)
        for where, part in self.others:
            room += part.single(away[where])
        return room

    def take_adjoint(self, means: Array, gradients: Array) -> None:
        """Take means' X, of means ``(rows, k)``, from gradients ``(k, p + 1)``, in place."""
        gradients[:, self.where] -= means.T @ self.plain
        for where, part in self.others:
            gradients[:, where] -= part.adjoint(means.T)


def _in_single(
    changes: Changes, rows: Rows, anchor: Array, is_laid: Callable[[Columns], bool]
) -> SingleRows:
    """Return rows in single precision, of which those columns are laid out that ``is_laid``."""
    eta = rows.times(anchor[None])[0] + rows.offset
    change = changes.at(eta, rows.trials, rows.weights)
    laid = [(where, part) for where, part in rows.columns if is_laid(part)]
    others = [(where, part.for_single()) for where, part in rows.columns if not is_laid(part)]
    places = [np.arange(where.start, where.stop) for where, _ in laid]
    if change.start is not None:
        places.append(np.array([rows.n_coefficients]))
    at = np.concatenate(places) if places else np.zeros(0, dtype=np.intp)
    plain, stop = np.empty((len(rows), len(at)), dtype=SINGLE, order="F"), 0
    for _, part in laid:
        start, stop = stop, stop + part.n_columns
        part.dense(plain[:, start:stop])
    if change.start is not None:
        plain[:, -1] = change.start
    return SingleRows(plain, span(at), others, change)


def _laid_for_many(columns: Columns) -> bool:
    return columns.laid_for_many


def _laid_for_one(columns: Columns) -> bool:
    return columns.laid_for_one


def _away(changes: Changes, away: Array) -> Array:
    """Return moves of w ``(k, p)``, of which eta's are in the unit of `Changes`, ``(p + 1, k)``."""
    found = np.empty((away.shape[1] + 1, len(away)), dtype=SINGLE)
    found[:-1] = changes.unit * away.T
    found[-1] = 1.0
    return found


@dataclass(frozen=True)
class Near:
    """A likelihood for coefficients near ``anchor``, where it is ``value``.

    ``pull`` is the slope of its linear part, X' (weight y).
    """

    rowwise: Rowwise
    changes: Changes
    anchor: Array
    value: float
    pull: Array

    def values(self, W: Array, phi: list) -> Array:
        """Return the log likelihoods ``(k,)`` at many w ``(k, p)``.

        In double precision where the first of them say that single is not enough.
        """
        if len(W) * self.rowwise.source.n_rows < FEW:
            return self.rowwise.values(W, phi)
        away = W - self.anchor
        single = _away(self.changes, away)

        def work(run: Iterable[Rows]) -> Array:
            total, room = np.zeros(len(W)), np.empty(NUMBERS, dtype=SINGLE)
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                for rows in run:
                    self._add(rows, single, total, room)
            return total

        found = self.value + away @ self.pull - sum(self.rowwise.source.reduce(work, ROWS))
        exact = self.rowwise.values(W[:CHECKED], phi)
        if not np.all(np.abs(found[:CHECKED] - exact) < PRECISE):
            return self.rowwise.values(W, phi)
        lost = ~np.isfinite(found)
        if lost.any():
            found[lost] = self.rowwise.values(W[lost], phi)
        return found

    def averages(self, W: Array, shares: Array) -> Array:
        """Return log mean densities ``(k, rows)`` of each row over w, by ``shares (k, draws)``.

        In double precision of rows for which single is not enough.
        """
        rowwise, k = self.rowwise, len(shares)
        averages = np.empty((k, rowwise.source.n_rows))
        single = _away(self.changes, W - self.anchor)
        weights = shares.astype(SINGLE)

        def work(run: Iterable[Rows]) -> None:
            room = np.empty(NUMBERS, dtype=SINGLE)
            for rows in run:
                with np.errstate(all="ignore"):
                    ratios = self._ratios(rows, single, weights, room)
                    level = rowwise.pointwise(rows, self.anchor[None], [])[0]
                    own = np.log(ratios) + level
                if not np.isfinite(own).all():
                    own = log_averages(rowwise.pointwise(rows, W, []), shares)
                averages[:, rows.place] = own

        rowwise.source.reduce(work, ROWS)
        return averages

    def _ratios(self, rows: Rows, away: Array, weights: Array, room: Array) -> Array:
        """Return mean ratios ``(k, rows)`` of densities to those at the anchor."""
        block = _in_single(self.changes, rows, self.anchor, _laid_for_many)
        total = np.zeros((len(weights), len(rows)))
        step = len(room) // max(len(rows), 1)
        for start in range(0, weights.shape[1], step):
            own = away[:, start : start + step]
            own_room = room[: len(rows) * own.shape[1]].reshape(len(rows), own.shape[1])
            ratios = block.change.ratios(rows.y, block.moved(own, own_room))
            for line, share in zip(total, weights, strict=True):  # faster than one product of few
                line += ratios @ share[start : start + step]
        return total

    def _add(self, rows: Rows, away: Array, total: Array, room: Array) -> None:
        """Add what the cumulants of some rows change by."""
        block, entries = _in_single(self.changes, rows, self.anchor, _laid_for_many), None
        if len(total) * self.rowwise.source.n_rows > MANY:
            block, entries = block.apart()
        step = len(room) // max(len(rows), 1)
        for start in range(0, len(total), step):
            some = slice(start, start + step)
            own = away[:, some]
            own_room = room[: len(rows) * own.shape[1]].reshape(len(rows), own.shape[1])
            moves = block.moved(own, own_room)
            if entries is not None:
                entries.add(own, moves)
            total[some] += block.change.sums(moves)


def log_averages(values: Array, shares: Array) -> Array:
    """Return log mean exp ``(k, rows)`` of values ``(draws, rows)`` by shares ``(k, draws)``."""
    most = values.max(axis=0)
    anchor = np.where(np.isneginf(most), 0.0, most)
    with np.errstate(divide="ignore"):
        return anchor + np.log(shares @ np.exp(values - anchor))


def near(rowwise: Rowwise, anchor: Array) -> Near | None:
    """Return the likelihood near coefficients, or None where a family has no short form.

    >>> from bayesglm.numerics.families.table import FAMILIES
    >>> from bayesglm.numerics.rows.source import Source
    >>> source = Source.of(np.ones((3, 1)), y=np.array([0.0, 1.0, 5.0]))
    >>> near(Rowwise(source, FAMILIES["poisson", "log"]), np.zeros(1)).pull.tolist()
    [6.0]
    """
    changes = rowwise.family.changes
    if changes is None:
        return None

    def work(run: Iterable[Rows]) -> Array:
        pull = np.zeros(len(anchor))
        for rows in run:
            weighted = rows.y if rows.weights is None else rows.weights * rows.y
            pull += rows.adjoint(weighted[None])[0]
        return pull

    pull = sum(rowwise.source.reduce(work, block_rows(rowwise.width)), np.zeros(len(anchor)))
    return Near(rowwise, changes, anchor, rowwise.value(anchor, []), pull)


class Single(NamedTuple):
    """The same with gradients, of rows that are held.

    ``value`` and ``gradient`` are those at the anchor.
    """

    changes: Changes
    anchor: Array
    value: float
    gradient: Array
    pull: Array
    blocks: Sequence[SingleRows]

    def slopes(self, W: Array) -> tuple[Array, Array]:
        """Return values ``(k,)`` and gradients ``(k, p)`` at w ``(k, p)``.

        They are not finite where they leave single precision.
        """
        away = W - self.anchor
        single = _away(self.changes, away)
        values, gradients = self.value + away @ self.pull, np.empty((len(W), W.shape[1] + 1))
        gradients[:, :-1] = self.gradient
        for block in self.blocks:
            step = max(1, NUMBERS // max(len(block.plain), 1))
            for start in range(0, len(W), step):
                some = slice(start, min(start + step, len(W)))
                # Line by line in memory, so that few lines are no slower each than many.
                room = np.empty((some.stop - start, len(block.plain)), dtype=SINGLE).T
                change, means = block.change.slopes(block.moved(single[:, some], room))
                values[some] -= change
                block.take_adjoint(means, gradients[some])
        return values, gradients[:, :-1]


def in_single(
    rowwise: Rowwise, held: Sequence[Rows], anchor: Array, typical: Array
) -> Single | None:
    """Return the likelihood near coefficients, or None where single precision is not enough.

    ``held`` are all rows of the likelihood, which are kept. Single precision is not enough if a
    family has no short form, or rounding changes the likelihood at typical coefficients ``(k, p)``.
    """
    made = near(rowwise, anchor)
    if made is None:
        return None
    gradient = run_slopes(rowwise.family, held, anchor[None], [])[1][0]
    with np.errstate(all="ignore"):
        blocks = [_in_single(made.changes, rows, anchor, _laid_for_one) for rows in held]
        single = Single(made.changes, anchor, made.value, gradient, made.pull, blocks)
        found = single.slopes(typical)[0]
    exact = rowwise.values(typical, [])
    return single if np.all(np.abs(found - exact) < PRECISE) else None
