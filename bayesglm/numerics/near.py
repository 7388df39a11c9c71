"""Log likelihoods of many coefficients near one point, in single precision where that is enough.

Of a canonical link log p(y | w) = sum of weight (y eta - n b(eta)) + constant, with eta = offset +
X w. Away from the anchor by d = X (w - anchor) the cumulants change by

    log(1 + p (e^d - 1))    logit, p the probability at the anchor
    mu (e^d - 1)            log, mu the mean at the anchor

Both are as small as d, and right to 6e-8 of it in single precision; the linear part, and the value
at the anchor, are taken in double precision.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bayesglm.numerics.families import Change, Family
from bayesglm.numerics.likelihood import CELLS, Rowwise, slopes
from bayesglm.numerics.parallel import share_out
from bayesglm.numerics.rows import Rows

Array = np.ndarray
SINGLE = np.float32
ROWS = 1024  # of a block
NUMBERS = 1 << 19  # of a block of rows times draws, which stay in the cache
FEW = 2_000_000  # linear predictors, up to which there is too little to gain
CHECKED = 16  # draws that are computed in both
PRECISE = 1e-3  # what rounding may change of a log likelihood


@dataclass(frozen=True)
class Near:
    """A likelihood for coefficients near ``anchor``, where it is ``value``.

    ``pull`` is the slope of its linear part, X' (weight y).
    """

    rowwise: Rowwise
    anchor: Array
    value: float
    pull: Array
    n_rows: int

    def values(self, W: Array, phi: list) -> Array:
        """Return the log likelihoods ``(k,)`` at many w ``(k, p)``.

        In double precision where the first of them say that single is not enough.
        """
        if len(W) * self.n_rows < FEW:
            return self.rowwise.values(W, phi)
        away = W - self.anchor
        single = np.ascontiguousarray(away.T, dtype=SINGLE)

        def work(run: Sequence[Rows]) -> Array:
            total = np.zeros(len(W))
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                for rows in run:
                    self._add(rows, single, total)
            return total

        found = self.value + away @ self.pull - sum(share_out(self.rowwise.blocks(ROWS), work))
        exact = self.rowwise.values(W[:CHECKED], phi)
        if not np.all(np.abs(found[:CHECKED] - exact) < PRECISE):
            return self.rowwise.values(W, phi)
        lost = ~np.isfinite(found)
        if lost.any():
            found[lost] = self.rowwise.values(W[lost], phi)
        return found

    def _add(self, rows: Rows, away: Array, total: Array) -> None:
        """Add what the cumulants of some rows change by."""
        sums = _change(self.rowwise.family, rows, self.anchor).sums
        step = max(1, NUMBERS // max(len(rows), 1))
        for start in range(0, len(total), step):
            some = slice(start, start + step)
            total[some] += sums(rows.single(away[:, some]))


def near(rowwise: Rowwise, anchor: Array) -> Near | None:
    """Return the likelihood near coefficients, or None where a family has no short form.

    >>> from bayesglm.numerics.families import FAMILIES
    >>> rows = Rows.of(np.ones((3, 1)), y=np.array([0.0, 1.0, 5.0]))
    >>> near(Rowwise(lambda size: [rows], FAMILIES["poisson", "log"]), np.zeros(1)).pull.tolist()
    [6.0]
    """
    if rowwise.family.change is None:
        return None

    def work(run: Sequence[Rows]) -> tuple[Array, int]:
        pull, n = np.zeros(len(anchor)), 0
        for rows in run:
            weighted = rows.y if rows.weights is None else rows.weights * rows.y
            pull += rows.adjoint(weighted[None])[0]
            n += len(rows)
        return pull, n

    found = share_out(rowwise.blocks(CELLS), work)
    pull = sum((one for one, _ in found), np.zeros(len(anchor)))
    return Near(rowwise, anchor, rowwise.value(anchor, []), pull, sum(n for _, n in found))


class Block(NamedTuple):
    """Rows whose columns are in single precision, and `Change.slope` of their eta."""

    rows: Rows
    slope: Callable[[Array], tuple[float, Array]]


class Single(NamedTuple):
    """The same for one w at a time, with its gradient, of rows that are held.

    ``value`` and ``gradient`` are those at the anchor.
    """

    anchor: Array
    value: float
    gradient: Array
    pull: Array
    blocks: Sequence[Block]

    def slope(self, w: Array) -> tuple[float, Array]:
        """Return value and gradient at one w; not finite where they leave single precision."""
        away = w - self.anchor
        single = away.astype(SINGLE)[:, None]
        value, gradient = self.value + float(self.pull @ away), self.gradient.copy()
        for rows, slope in self.blocks:
            change, means = slope(rows.single(single)[:, 0])
            value -= change
            gradient -= rows.adjoint(means[None])[0]
        return value, gradient


def in_single(family: Family, held: Sequence[Rows], anchor: Array, typical: Array) -> Single | None:
    """Return the likelihood near coefficients, or None where single precision is not enough.

    Which it is not if a family has no short form, or rounding changes the likelihood at typical
    coefficients ``(k, p)``.
    """
    rowwise = Rowwise(lambda size: held, family)
    made = near(rowwise, anchor)
    if made is None:
        return None
    blocks = [Block(rows.in_single(), _change(family, rows, anchor).slope) for rows in held]
    gradient = slopes(family, rowwise.blocks, anchor[None], [])[1][0]
    single = Single(anchor, made.value, gradient, made.pull, blocks)
    with np.errstate(all="ignore"):
        found = np.array([single.slope(w)[0] for w in typical])
    exact = rowwise.values(typical, [])
    return single if np.all(np.abs(found - exact) < PRECISE) else None


def _change(family: Family, rows: Rows, anchor: Array) -> Change:
    """Return what moves away from the anchor change in some rows."""
    assert family.change is not None
    eta = rows.times(anchor[None])[0] + rows.offset
    return family.change(eta, rows.trials, rows.weights)
