"""Effects row by row, and averaged over rows: draws of some rows at a time, never of all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from bayesglm.results.effects.fitted import Laid, State, Unit
from bayesglm.results.effects.grids import Grid

Array = np.ndarray
TOGETHER = 1_000_000  # predictions (8 bytes each) of a state that are held at a time: chosen


type Number = Callable[[list[Array], Array | float], Array]


class Rate(NamedTuple):
    """A quantity that is a derivative: a function of dy/dx, y and x, linear in the first.

    The two states of the quantity lie ``half`` to each side of x.
    """

    of: Callable[[Array, Array, Array | float], Array]
    half: float


class Quantity(NamedTuple):
    """What is told of rows: a function of what is predicted of them in some states.

    - `names`: what it is called: its term and contrast; nothing of predictions themselves.
    - `states`: lays the data of each state, which are those of the grid but for what changes.
    - `of`: the number that is told, of predictions ``(draws, rows[, levels])`` in each state, and
      of the value of the variable in each row.
    - `x`: that value in each row in use, where it is read.
    - `of_averages`: whether an average is that number of averaged predictions, or else the average
      of the numbers of rows.
    - `rate`: what it is where it is a derivative.
    - `look_at`: is shown the predictions of which a number is told, and tells what is odd in them.
    """

    names: dict[str, str]
    states: Callable[[], tuple[Laid, ...]]
    of: Number
    x: Array | None = None
    of_averages: bool = True
    rate: Rate | None = None
    look_at: Callable[[list[Array]], None] | None = None


def parts_of(unit: Unit, n_rows: int) -> Iterator[slice]:
    """Cut rows into parts of which so many draws are held at a time."""
    size = max(16, TOGETHER // max(1, unit.n_draws * max(1, unit.family.n_levels)))
    for start in range(0, n_rows, size):
        yield slice(start, min(start + size, n_rows))


def row_by_row(
    unit: Unit, quantity: Quantity, states: list[State], grid: Grid
) -> Iterator[tuple[slice, Array]]:
    """Run through the rows of a grid: which they are, and the draws of each, rows second."""
    for part in parts_of(unit, len(grid.rows)):
        rows = grid.rows[part]
        each = [unit.predicted(state, rows) for state in states]
        if quantity.look_at is not None:
            quantity.look_at(each)
        yield part, quantity.of(each, _values(quantity.x, rows, each[0]))


def mean_over_rows(
    unit: Unit, grid: Grid, states: list[State], of: Number | None = None, x: Array | None = None
) -> Array:
    """Return means ``(draws, groups[, levels])`` over the rows of each group.

    Without ``of`` they are those of predictions in one state: of angles the direction of the mean
    on the circle.
    """
    groups = grid.groups
    assert groups is not None
    totals = np.bincount(groups.codes, grid.weights, minlength=len(groups))
    sums: Array | None = None
    is_angle = of is None and unit.is_angle
    for part in parts_of(unit, len(grid.rows)):
        rows = grid.rows[part]
        each = [unit.predicted(state, rows) for state in states]
        values = each[0] if of is None else of(each, _values(x, rows, each[0]))
        values = np.exp(1j * values) if is_angle else values
        present, local = np.unique(groups.codes[part], return_inverse=True)
        shares = np.zeros((len(rows), len(present)))
        shares[np.arange(len(rows)), local] = grid.weights[part] / totals[groups.codes[part]]
        if sums is None:
            sums = np.zeros((len(values), len(groups), *values.shape[2:]), dtype=values.dtype)
        own = np.tensordot(values, shares, axes=(1, 0))  # (draws[, levels], groups)
        sums[:, present] += np.moveaxis(own, -1, 1)
    assert sums is not None
    return np.angle(sums) if is_angle else sums


def _values(x: Array | None, rows: Array, like: Array) -> Array | float:
    """Return the value of a variable in some rows, beside predictions of these."""
    return 0.0 if x is None else x[rows].reshape(-1, *(like.ndim - 2) * [1])
