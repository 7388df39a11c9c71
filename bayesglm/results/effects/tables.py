"""Tidy tables of effects: a row for each estimate, or for each of its draws."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from bayesglm.errors import DataError, tell
from bayesglm.inference.tree.shown import Shown
from bayesglm.numerics.memory import free_memory
from bayesglm.numerics.summaries import quantiles_of
from bayesglm.results.effects.asked import Asked
from bayesglm.results.effects.averages import Averages, averaged, forgetting
from bayesglm.results.effects.fitted import Fitted, Laid, Unit
from bayesglm.results.effects.grids import Grid
from bayesglm.results.effects.hypotheses import hypotheses_of
from bayesglm.results.effects.rows import Quantity, row_by_row

Array = np.ndarray
ESTIMATE, LOW, HIGH = "estimate", "conf_low", "conf_high"
NUMBERS = (ESTIMATE, LOW, HIGH)
OWN = ("rowid", "term", "contrast", *NUMBERS, "chain", "draw")  # columns of every such table
PROBABILITY = "probability"  # of hypotheses
LEVEL = "group"  # the column of the levels of a response, as marginaleffects calls it


@dataclass(frozen=True)
class Told:
    """Estimates of one quantity of one unit: what they are of, and their numbers.

    ``labels`` has a row for each estimate, ``beside`` more columns of these that say less.
    ``numbers`` are ``(draws, estimates)``, or ``(3, estimates)``: the estimate and its interval.
    """

    unit: Unit
    labels: pd.DataFrame
    beside: pd.DataFrame
    numbers: Array


def told_of(fitted: Fitted, grid: Grid, quantities: Iterable[Quantity]) -> Iterator[Told]:
    """Run through quantities, of every unit, on the rows of a grid."""
    held = [Averages(unit, grid) for unit in fitted.units]
    term = None
    for quantity in quantities:
        if quantity.names.get("term") != term:
            term = quantity.names.get("term")
            for averages in held:
                forgetting(averages, grid.laid)
        every = quantity.states()
        for averages in held:
            numbers = _numbers(fitted, averages, quantity, every)
            labels, beside = _labels(fitted, averages.unit, quantity, grid)
            yield Told(averages.unit, labels, beside, numbers)


def _numbers(
    fitted: Fitted, averages: Averages, quantity: Quantity, every: tuple[Laid, ...]
) -> Array:
    """Return the draws of estimates, or the estimates with their intervals, levels last."""
    asked, levels = fitted.asked, len(fitted.levels or [0])
    unit, grid = averages.unit, averages.grid
    if grid.groups is not None:
        room(unit.n_draws, len(grid.groups) * levels)
        draws = averaged(averages, quantity, every).reshape(unit.n_draws, -1)
        return draws if asked.holds_draws else estimates_of(draws, asked.level, fitted.is_map)
    n = unit.n_draws if asked.holds_draws else len(NUMBERS)
    numbers, states = room(n, len(grid.rows) * levels), [unit.state(laid) for laid in every]
    for part, draws in row_by_row(unit, quantity, states, grid):
        flat = draws.reshape(unit.n_draws, -1)
        place = slice(part.start * levels, part.stop * levels)
        numbers[:, place] = (
            flat if asked.holds_draws else estimates_of(flat, asked.level, fitted.is_map)
        )
    return numbers


def room(n_draws: int, n_estimates: int) -> Array:
    """Return an array for numbers not yet made; DataError where they are more than the memory."""
    if 8.0 * 3 * n_draws * n_estimates > free_memory():
        raise DataError(
            f"{n_estimates:,} estimates with {n_draws:,} numbers each are more than the memory "
            "that is free holds; average them (by=), take fewer rows (grid=), or leave out "
            "draws=True and hypothesis=."
        )
    return np.full((n_draws, n_estimates), np.nan)


def estimates_of(draws: Array, level: float, is_map: bool) -> Array:
    """Return medians and ends of equal-tailed intervals of draws, ``(3, estimates)``.

    A MAP has no intervals.
    """
    if is_map:
        return np.concatenate([draws, np.full((2, draws.shape[1]), np.nan)])
    tail = (1.0 - level) / 2.0
    return quantiles_of(draws, np.array([0.5, tail, 1.0 - tail]))


def _labels(
    fitted: Fitted, unit: Unit, quantity: Quantity, grid: Grid
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return what estimates are of, levels of the response within rows or groups."""
    plan, levels = fitted.plan, fitted.levels
    table = grid.table if grid.groups is None else grid.groups.labels
    table = table.rename(columns=lambda name: column_name(fitted, str(name)))
    repeated = table.iloc[np.repeat(np.arange(len(table)), len(levels or [0]))]
    repeated = repeated.reset_index(drop=True)
    labels = pd.DataFrame(dict(quantity.names), index=repeated.index)
    if grid.groups is None:
        labels.insert(0, "rowid", np.repeat(np.arange(len(table)), len(levels or [0])))
    if plan.population is not None and plan.labels is not None:
        labels[plan.population] = plan.labels[unit.k]
    if levels is not None:
        labels[level_name(fitted)] = np.tile(np.array(levels), len(table))
    if grid.groups is None:
        return labels, repeated
    return pd.concat([labels, repeated], axis=1), pd.DataFrame(index=repeated.index)


def level_name(fitted: Fitted) -> str:
    """Return the name of the column of the response's levels, which no variable has."""
    model = fitted.plan.model
    return f"{model.response}_level" if LEVEL in model.variables else LEVEL


def column_name(fitted: Fitted, name: str) -> str:
    """Return the name of a column of the grid, which is not that of a column of every table."""
    own = {*OWN, fitted.plan.population}
    own |= {level_name(fitted)} if fitted.levels is not None else set()
    return f"grid_{name}" if name in own else name


def table_of(fitted: Fitted, told: list[Told]) -> Shown:
    """Return a row for each estimate, or each hypothesis about these, or for each draw of each."""
    asked = fitted.asked
    if asked.draws and fitted.is_map:
        raise DataError(
            "a MAP is one number for each estimate, and has no draws; give a posterior (of fit or "
            "fit_mcmc), or leave draws=True out."
        )
    probabilities = None
    if asked.hypothesis is not None:
        told, probabilities = _of_hypotheses(fitted, told)
    if asked.draws:
        return _shown(pd.concat([_drawn(fitted, one) for one in told], ignore_index=True), fitted)
    tables, lost = [], 0
    for one in told:
        numbers = one.numbers
        if len(numbers) != len(NUMBERS) or asked.holds_draws:
            numbers = estimates_of(numbers, asked.level, fitted.is_map)
        lost += int(np.isnan(numbers[0]).sum())
        columns = pd.DataFrame(dict(zip(NUMBERS, numbers, strict=True)))
        if probabilities is not None:
            columns[PROBABILITY] = probabilities
        tables.append(pd.concat([one.labels, columns, one.beside], axis=1))
    table = pd.concat(tables, ignore_index=True)
    if lost:
        tell(
            f"{lost} of {len(table)} estimates of {fitted.plan.model.response!r} are NaN: linear "
            "predictors leave the domain of the link in some draws, or what is computed of them is "
            "no number. Stay nearer to the data of the fit, or take kind='linear'."
        )
    return _shown(table, fitted)


def _of_hypotheses(fitted: Fitted, told: list[Told]) -> tuple[list[Told], Array]:
    """Return hypotheses in the place of estimates, and the probability of each."""
    numbers = told[0].unit.numbers
    for one in told[1:]:
        numbers = np.intersect1d(numbers, one.unit.numbers)
    draws = np.concatenate(
        [one.numbers[np.searchsorted(one.unit.numbers, numbers)] for one in told], axis=1
    )
    labels = pd.concat(
        [pd.concat([one.labels, one.beside], axis=1) for one in told], ignore_index=True
    )
    every = hypotheses_of(fitted.asked.hypothesis, draws, names_of(labels))
    values = np.stack([one.draws for one in every], axis=1)
    shares = np.array([np.nan if fitted.is_map else float(one.holds.mean()) for one in every])
    words = pd.DataFrame({"term": [one.words for one in every]})
    unit = replace(told[0].unit, numbers=numbers)
    return [Told(unit, words, pd.DataFrame(index=words.index), values)], shares


def names_of(labels: pd.DataFrame) -> list[str | None]:
    """Return a name of each estimate, by the columns whose values differ; None where several share.

    >>> names_of(pd.DataFrame({"term": ["x", "x"], "region": ["north", "south"]}))
    ['north', 'south']
    """
    told = [
        name for name in labels if name != "rowid" and labels[name].nunique(dropna=False) > 1
    ] or [name for name in labels if name == "term"]
    if not told:
        return [None] * len(labels)
    words = [" ".join(map(str, row)) for row in labels[told].itertuples(index=False)]
    counts = Counter(words)
    return [one if counts[one] == 1 else None for one in words]


def _drawn(fitted: Fitted, told: Told) -> pd.DataFrame:
    """Return a row for each draw of each estimate."""
    n_draws, n = told.numbers.shape
    at = np.repeat(np.arange(n), n_draws)
    numbers: dict[str, Any] = {
        name: np.tile(one[told.unit.numbers], n) for name, one in fitted.lead.items()
    }
    numbers[ESTIMATE] = told.numbers.T.ravel()
    frames = [told.labels.iloc[at], pd.DataFrame(numbers), told.beside.iloc[at]]
    return pd.concat([one.reset_index(drop=True) for one in frames], axis=1)


def _shown(table: pd.DataFrame, fitted: Fitted) -> Shown:
    """Return a table that reads well, with what was asked in its attributes."""
    shown = Shown(table)
    asked: Asked = fitted.asked
    shown.attrs = {"kind": asked.kind, "level": asked.level, "is_map": fitted.is_map}
    return shown


def laid_once(laid: Laid) -> Any:
    """Return a function that gives data that are laid already."""
    return lambda: (laid,)
