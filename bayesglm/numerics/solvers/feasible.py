"""Coefficients that keep every linear predictor well inside an interval.

With eta = X w + offset, ends low and high, and a centre c between them, the linear program

    maximise t <= 1    such that    eta >= low + t (c - low)    and    eta <= high - t (high - c)

says whether there are such w: there are where t > 0. It sees some rows only, joined by those that
its answer takes furthest out, until it takes none.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

type Array = NDArray[np.float64]
type Block = tuple[Array, Array]  # X of some rows, and their offset

_LEAST = 1e-9  # of t, down to which rounding may have made it
_FEW = 200  # rows that are seen together at the least: chosen


class Interval(NamedTuple):
    """An open interval of eta, one end of which may be infinite, and a place inside."""

    low: float
    high: float
    centre: float


class Inside(NamedTuple):
    """Coefficients ``(p,)``, or None where there are none, and the row that stands in the way."""

    w: Array | None
    row: int = -1


def inside(blocks: Callable[[], Iterable[Block]], interval: Interval, positive: Array) -> Inside:
    """Return coefficients, those that are ``positive (p,)`` not below zero.

    ``blocks()`` gives X and the offset of all rows, block by block, afresh at each call.

    >>> X, offset = np.array([[1.0, 0.0], [1.0, 2.0], [1.0, -2.0]]), np.zeros(3)
    >>> found = inside(lambda: [(X, offset)], Interval(0.0, 1.0, 0.5), np.zeros(2, dtype=bool))
    >>> bool(np.all((X @ found.w > 0.0) & (X @ found.w < 1.0)))
    True
    >>> inside(lambda: [(X, offset + 2.0 * X[:, 1])], Interval(0.0, 1.0, 0.5), X[0] == 0.0).row
    1
    """
    n = sum(len(offset) for _, offset in blocks())
    batch = max(_FEW, 2 * len(positive))
    chosen = np.arange(n)[:: -(-n // batch)]
    seen = np.zeros(n, dtype=bool)
    sides: list[tuple[Array, Array]] = []  # -(signed X, room) (w, t) <= distance of the offset
    owners: list[Array] = []
    while True:
        seen[chosen] = True
        taken = [
            (X[here], offset[here])
            for (X, offset), here in _with_places(blocks, np.isin(np.arange(n), chosen))
        ]
        X, offset = (np.concatenate(parts) for parts in zip(*taken, strict=True))
        for sign, end in ((1.0, interval.low), (-1.0, interval.high)):
            if np.isfinite(end):
                room = sign * (interval.centre - end)
                lines = np.column_stack((-sign * X, np.full(len(X), room)))
                sides.append((lines, sign * (offset - end)))
                owners.append(np.sort(chosen))
        program = linprog(
            -np.eye(len(positive) + 1)[-1],
            A_ub=np.concatenate([lines for lines, _ in sides]),
            b_ub=np.concatenate([most for _, most in sides]),
            bounds=[*((0.0 if low else None, None) for low in positive), (None, 1.0)],
            method="highs",
        )
        if program.x is None:
            return Inside(None, int(chosen[0]))
        *coefficients, t = program.x
        if t <= _LEAST:
            held = np.concatenate(owners)[np.abs(program.ineqlin.marginals) > 0.0]
            return Inside(None, int(held.min(initial=n)) if len(held) else int(chosen[0]))
        w = np.array(coefficients)
        eta = np.concatenate([X @ w + offset for X, offset in blocks()])
        margin = np.full(n, np.inf)
        for sign, end in ((1.0, interval.low), (-1.0, interval.high)):
            if np.isfinite(end):
                room = sign * (interval.centre - end)
                margin = np.minimum(margin, sign * (eta - end) / room)
        out = np.flatnonzero((margin < 0.5 * t) & ~seen)
        if not len(out):
            return (
                Inside(w) if margin.min(initial=1.0) > 0.0 else Inside(None, int(margin.argmin()))
            )
        chosen = out[np.argsort(margin[out], kind="stable")[:batch]]


def _with_places(
    blocks: Callable[[], Iterable[Block]], mask: NDArray[np.bool_]
) -> Iterable[tuple[Block, NDArray[np.bool_]]]:
    start = 0
    for block in blocks():
        stop = start + len(block[1])
        yield block, mask[start:stop]
        start = stop
