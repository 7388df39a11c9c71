"""Averages of quantities over rows: by polynomials in the draws where rows and draws are many.

A row's function of its linear predictor is then replaced by a polynomial (see `expanded`), by which
no estimate is wrong by more than a thousandth of its posterior sd; else each row is predicted for
each draw.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from bayesglm.results.effects.expanded import (
    Draws,
    Expansion,
    Function,
    Piece,
    degree_for,
    expanded,
    rows_together,
)
from bayesglm.results.effects.fitted import Laid, State, Unit
from bayesglm.results.effects.grids import Grid, Groups
from bayesglm.results.effects.rows import Quantity, mean_over_rows
from bayesglm.results.populations import Effects

Array = np.ndarray
MOST_ERROR = 1e-3  # of averages, in posterior sds: chosen, 4,000 draws tell a mean to 16e-3
WORTH = 4_000_000  # rows times draws, from which on polynomials are tried: chosen, 0.05 s
MOST_COLUMNS = 60  # of a design: chosen, of more there are too many products even of degree two
PILOT = 64  # rows that tell how large errors may be: chosen
ROWS_OF_GROUP = 500  # on average, that polynomials of each group's own are worth: chosen
NUDGE = 1e-2  # of the reach of a row, step of derivatives: error of order its fourth power
LEAST_NUDGE = 1e-6
SMALL = 1e-6  # relative error of an average, by which is found what it does to a number of it


@dataclass(frozen=True)
class Averages:
    """Averages over the rows of one grid for one unit, of which those of states are remembered.

    ``held`` has them by the identity of data, which stay alive beside them.
    """

    unit: Unit
    grid: Grid
    held: dict[int, tuple[Laid, Array]] = field(default_factory=dict)
    expansions: dict[int, tuple[Laid, int, Expansion]] = field(default_factory=dict)

    @property
    def groups(self) -> Groups:
        """The rows that are averaged together."""
        assert self.grid.groups is not None
        return self.grid.groups


def averaged(averages: Averages, quantity: Quantity, every: tuple[Laid, ...]) -> Array:
    """Return averages ``(draws, groups[, levels])`` of what the rows of a grid have."""
    unit, grid = averages.unit, averages.grid
    states = [unit.state(laid) for laid in every]
    if _is_worth(averages, states, every):
        values = _by_polynomials(averages, quantity, every, states)
        if values is not None:
            return values
    if not quantity.of_averages:
        return mean_over_rows(unit, grid, states, quantity.of, quantity.x)
    each = []
    for laid, state in zip(every, states, strict=True):
        if id(laid) not in averages.held:
            value = mean_over_rows(unit, grid, [state])
            averages.held[id(laid)] = laid, value
        each.append(averages.held[id(laid)][1])
    if quantity.look_at is not None:
        quantity.look_at(each)
    return quantity.of(each, 0.0)


def forgetting(averages: Averages, laid: Laid) -> None:
    """Forget the averages of all states but one."""
    for held in (averages.held, averages.expansions):
        for key in [key for key in held if key != id(laid)]:
            del held[key]


def _is_worth(averages: Averages, states: list[State], every: tuple[Laid, ...]) -> bool:
    """Say whether the rows are many, and a function of one linear predictor without parameters."""
    unit, n = averages.unit, len(averages.grid.rows)
    predictors = every[0].every[unit.k]
    return (
        n * unit.n_draws >= WORTH
        and n >= ROWS_OF_GROUP * len(averages.groups)
        and unit.kept.redrawn is None
        and all(type(state.effects) is Effects for state in states)
        and len(unit.family.channels) == 1
        and not unit.family.n_levels
        and not unit.is_angle
        and predictors.bounds is None
        and predictors.n_columns <= MOST_COLUMNS
        and unit.asked.kind in ("mean", "linear")
        and (unit.asked.kind == "linear" or _is_of_eta_alone(unit))
    )


def _is_of_eta_alone(unit: Unit) -> bool:
    """Say whether the mean is the same for all dispersions that the draws have."""
    problem, theta = unit.problem, unit.kept.theta
    phi = [np.atleast_1d(one)[:, None] for one in problem.natural.phi(theta)]
    eta = np.broadcast_to(unit.family.domain.inside, (1, unit.n_draws, 1))
    mean = np.broadcast_to(unit.family.mean(eta, phi, None), (unit.n_draws, 1))
    return bool(np.ptp(mean) == 0.0)


def _by_polynomials(
    averages: Averages, quantity: Quantity, every: tuple[Laid, ...], states: list[State]
) -> Array | None:
    """Return averages ``(draws, groups)``; None where they might be wrong by too much."""
    unit, pilot = averages.unit, _pilot(averages.grid)
    if quantity.rate is not None:
        some = mean_over_rows(unit, pilot, states, quantity.of, quantity.x)
        most = 0.5 * MOST_ERROR * float(some.std())
        made = _rate(averages, quantity, states, pilot, most)
        return None if made is None else _if_right(made.sums, made.error)
    each = [mean_over_rows(unit, pilot, [state]) for state in states]
    value = quantity.of(each, 0.0)
    small = [SMALL * float(np.abs(one).max()) for one in each]
    moved = float(_moved_by(quantity, each, value, small).max())
    if not 0.0 < moved < np.inf:
        return None
    expansions = []
    for laid, state, one in zip(every, states, small, strict=True):
        most = 0.5 * MOST_ERROR * float(value.std()) / moved * one
        expansion = _of_state(averages, laid, state, pilot, most)
        if expansion is None:
            return None
        expansions.append(expansion)
    sums = [one.sums for one in expansions]
    if quantity.look_at is not None:
        quantity.look_at(sums)
    final = quantity.of(sums, 0.0)
    return _if_right(final, _moved_by(quantity, sums, final, [one.error for one in expansions]))


def _if_right(values: Array, error: Array) -> Array | None:
    """Return values ``(draws, groups)`` whose error is small beside what they vary by."""
    with np.errstate(invalid="ignore"):
        rounding = 1e-14 * np.abs(values).max(axis=0)
        return values if (error <= MOST_ERROR * values.std(axis=0) + rounding).all() else None


def _moved_by(quantity: Quantity, each: list[Array], value: Array, errors: list) -> Array:
    """Return how far a number moves where what it is of moves by errors, summed."""
    total = np.zeros(value.shape[1:])
    for k, error in enumerate(errors):
        for sign in (-1.0, 1.0):
            moved = [one + (sign * error if j == k else 0.0) for j, one in enumerate(each)]
            total += 0.5 * np.abs(quantity.of(moved, 0.0) - value).max(axis=0)
    return total


def _pilot(grid: Grid) -> Grid:
    """Return some rows of a grid, evenly spaced, as one group."""
    assert grid.groups is not None
    at = np.linspace(0, len(grid.rows) - 1, min(PILOT, len(grid.rows))).astype(np.intp)
    groups = Groups(grid.groups.labels.iloc[:1], np.zeros(len(at), dtype=np.intp))
    return grid._replace(rows=grid.rows[at], weights=grid.weights[at], groups=groups)


def _of_state(
    averages: Averages, laid: Laid, state: State, pilot: Grid, most_error: float
) -> Expansion | None:
    """Return averages of predictions in one state, remembered unless they are not right enough."""
    draws = _draws_of(averages.unit)
    f = _function(averages.unit)
    rows, shares = _shares(pilot)[0]
    degree = degree_for(f, _piece(state, rows, shares[:, None]), draws, most_error)
    if degree is None:
        return None
    known = averages.expansions.get(id(laid))
    if known is not None and known[1] >= degree:
        return known[2]
    size = rows_together(draws, degree)
    made = [
        expanded(f, _pieces(state, rows, shares, size), draws, degree, 1)
        for rows, shares in _shares(averages.grid)
    ]
    expansion = Expansion(
        np.concatenate([one.sums for one in made], axis=1),
        np.concatenate([one.error for one in made]),
    )
    averages.expansions[id(laid)] = laid, degree, expansion
    return expansion


def _rate(
    averages: Averages, quantity: Quantity, states: list[State], pilot: Grid, most_error: float
) -> Expansion | None:
    """Return averages of a derivative: that of eta, a product with w, times what eta does."""
    unit, rate = averages.unit, quantity.rate
    assert rate is not None
    draws, function = _draws_of(unit), _function(unit)
    w = unit.kept.theta[:, : unit.problem.natural.n_coefficients]
    largest = np.abs(w).max(axis=0)

    def f(eta: Array, reach: Array) -> Array:
        step = np.maximum(NUDGE * reach, LEAST_NUDGE)
        near, far = (
            function(eta + k * step, reach) - function(eta - k * step, reach) for k in (1.0, 2.0)
        )
        return rate.of((8.0 * near - far) / (12.0 * step), function(eta, reach), 1.0)

    def piece(rows: Array, shares: Array) -> Piece:
        low, high = (_piece(state, rows, shares[:, None]) for state in states)
        multiplied = shares if quantity.x is None else shares * quantity.x[rows]
        turned = (high.X - low.X) / (2.0 * rate.half) * multiplied[:, None]
        return Piece(0.5 * (low.X + high.X), 0.5 * (low.offset + high.offset), turned)

    some = piece(*_shares(pilot)[0])
    degree = degree_for(f, some._replace(weights=some.weights * largest), draws, most_error)
    if degree is None:
        return None
    size, sums, errors = rows_together(draws, degree), [], []
    for rows, shares in _shares(averages.grid):
        pieces = (
            piece(rows[at : at + size], shares[at : at + size]) for at in range(0, len(rows), size)
        )
        made = expanded(f, pieces, draws, degree, w.shape[1])
        sums.append((made.sums * w).sum(axis=1))
        errors.append(made.error @ largest)
    return Expansion(np.stack(sums, axis=1), np.array(errors))


def _function(unit: Unit) -> Function:
    """Return what is predicted of a linear predictor; NaN outside the domain of the link."""
    family = unit.family
    if unit.asked.kind == "linear":
        return lambda eta, _: eta
    phi = [np.atleast_1d(one)[:1, None] for one in unit.problem.natural.phi(unit.kept.theta)]

    def mean(eta: Array, reach: Array) -> Array:
        inside = family.domain.holds(eta)
        kept = eta if inside.all() else np.where(inside, eta, family.domain.inside)
        with np.errstate(over="ignore"):
            return np.where(inside, family.mean(kept[None], phi, None), np.nan)

    return mean


def _draws_of(unit: Unit) -> Draws:
    return Draws.of(unit.kept.theta[:, : unit.problem.natural.n_coefficients])


def _shares(grid: Grid) -> list[tuple[Array, Array]]:
    """Return the rows of each group, and the share of its average that each row has."""
    assert grid.groups is not None
    codes = grid.groups.codes
    order = np.argsort(codes, kind="stable")
    edges = np.searchsorted(codes[order], np.arange(len(grid.groups) + 1))
    every = []
    for start, stop in pairwise(edges):
        at = order[start:stop]
        weights = grid.weights[at]
        every.append((grid.rows[at], weights / weights.sum()))
    return every


def _pieces(state: State, rows: Array, shares: Array, size: int) -> Iterator[Piece]:
    for at in range(0, len(rows), size):
        yield _piece(state, rows[at : at + size], shares[at : at + size, None])


def _piece(state: State, rows: Array, weights: Array) -> Piece:
    """Return some of the rows in use with their columns."""
    predictors = state.predictors
    own = replace(predictors, rows=predictors.rows[rows])
    offset = 0.0 if predictors.offset is None else predictors.offset[own.rows]
    return Piece(own.columns(slice(0, len(rows))), offset, weights)
