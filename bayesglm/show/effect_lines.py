"""Predictions along one variable, split by others: the numbers that a picture of effects shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.design.readings import OfGroups
from bayesglm.errors import DataError
from bayesglm.inference.tree.opened import model_of
from bayesglm.results.effects.asked import Asked
from bayesglm.results.effects.columns import Column, column_of
from bayesglm.results.effects.datagrid import datagrid
from bayesglm.results.effects.fitted import Fitted, opened
from bayesglm.results.effects.predictions import predictions
from bayesglm.results.effects.tables import level_name
from bayesglm.show.figures import not_drawn
from bayesglm.show.text import plain
from bayesglm.spec.hints import is_unordered, shown
from bayesglm.spec.terms.term import FACTOR

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from bayesglm.spec.model import GLM

Array = np.ndarray
PLACES = 101  # along a variable of numbers: chosen
FEW = 6  # distinct numbers, up to which they are drawn one by one, as labels are
MOST_LEVELS = 24  # along a factor
MOST_SPLITS = 6  # of a variable that the lines are split by: as many as there are colours
QUARTILES = (0.25, 0.5, 0.75)  # at which a variable of many numbers splits the lines
MOST_HELD = 8  # variables are named that are held
CHOOSES = "at={...} chooses"
LINES_END = "Lines end where their samples do."
NO_SAMPLES = "Levels that occur in no sample together are not drawn."


@dataclass(frozen=True)
class Along:
    """A variable with the values of it that are drawn, and its column of the data.

    ``left_out`` are labels that the data hold and no one draws. ``is_line`` says that neighbours
    are joined: of numbers that are many. ``is_between`` says that samples lie between the values
    of a variable that splits the lines.
    """

    column: Column
    unit: str
    values: tuple[Any, ...]
    left_out: tuple[Any, ...]
    is_line: bool
    is_between: bool

    @property
    def name(self) -> str:
        """The variable's name."""
        return self.column.name

    @property
    def words(self) -> list[str]:
        """The values as they are written."""
        return [in_words(one) for one in self.values]

    @property
    def label(self) -> str:
        """The name of its axis."""
        return f"{plain(self.name)} ({plain(self.unit)})" if self.unit else plain(self.name)

    def places(self) -> Array:
        """Return for every sample the place of its value, -1 where it is none that is drawn."""
        places = np.full(len(self.column.values), -1, dtype=np.intp)
        for k, value in enumerate(self.values):
            places[self.column.values == value] = k
        return places


@dataclass(frozen=True)
class Lines:
    """Predictions along ``x``, and what tells the lines apart.

    ``table`` has a row for each: ``x``, ``level``, ``unit`` and a column for each of ``splits``
    hold their places among the values; ``estimate``, ``conf_low`` and ``conf_high`` the numbers;
    ``within`` says whether samples of those levels reach so far, or nobody asked that they do.
    ``levels`` are those of the response, if any; ``held`` says where the other predictors stand.
    """

    fitted: Fitted
    kind: str
    x: Along
    splits: tuple[Along, ...]
    levels: tuple[str, ...]
    grid: pd.DataFrame
    table: pd.DataFrame
    held: str

    @property
    def model(self) -> GLM:
        """The model of the fit."""
        return self.fitted.plan.model

    @property
    def is_map(self) -> bool:
        """Whether the fit is a mode, which has no intervals."""
        return self.fitted.is_map

    @property
    def notes(self) -> list[str]:
        """What is not drawn."""
        each = [not_drawn(one.name, one.left_out, CHOOSES) for one in (self.x, *self.splits)]
        if not self.table["within"].all():
            each.append(LINES_END if self.x.is_line else NO_SAMPLES)
        return [*filter(None, each)]


def in_words(value: Any) -> str:
    """Write a value of a predictor.

    >>> in_words(3.0), in_words(0.123456), in_words("North")
    ('3', '0.1235', 'North')
    """
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def lines_of(
    fit: xr.DataTree,
    variable: str,
    by: Any = None,
    at: Mapping[str, Any] | None = None,
    kind: str = "mean",
    groups: str | None = None,
) -> Lines:
    """Predict along a variable, the others held where `datagrid` has them or where ``at`` says.

    Raises DataError where the variable has no value of each sample, or the model reads the past.
    """
    import pandas as pd

    model = model_of(fit)
    _check_no_lags(model)
    fitted = opened(fit, Asked("mean", None, OfGroups("own", "raise"), 0.94, False, None))
    if at is not None and not isinstance(at, Mapping):
        raise DataError(f"at must be a mapping of names to values, got {shown(at)}.")
    names, held = _names(variable, by), dict(at or {})
    is_asked = variable in held
    x, *splits = (
        _along(fitted, name, held.pop(name, None), MOST_SPLITS if k else MOST_LEVELS)
        for k, name in enumerate(names)
    )
    _check_held(held)
    grid = datagrid(fit, {one.name: list(one.values) for one in (x, *splits)} | held)
    of_groups = _of_groups(model, names) if groups is None else groups
    told = predictions(fit, grid, kind=kind, groups=of_groups)
    row = told["rowid"].to_numpy()
    places = {
        "x" if one is x else one.name: _places(grid[one.name], one.values)[row]
        for one in (x, *splits)
    }
    levels = tuple(dict.fromkeys(map(str, told.get(level_name(fitted), ()))))
    n_units = max(1, len(fitted.problems))
    table = pd.DataFrame(
        places
        | {
            "level": np.arange(len(told)) % max(1, len(levels)),
            "unit": np.arange(len(told)) // (len(told) // n_units),
        }
        | {name: told[name].to_numpy() for name in ("estimate", "conf_low", "conf_high")}
    )
    table["within"] = is_asked or _within(table, x, splits)
    where = _where(grid, names, model, of_groups)
    return Lines(fitted, kind, x, tuple(splits), levels, grid, table, where)


def _check_no_lags(model: GLM) -> None:
    """Raise DataError where a prediction needs the samples around it, which a grid has not."""
    lagged = [one.label for one in model.every_term if one.is_lagged or one.reads_response]
    if lagged:
        raise DataError(
            f"the terms {', '.join(map(repr, lagged))} of this fit read samples before or after "
            "each, and along one variable there are none. Draw their kernels with "
            "plot_kernels(fit), the predictions over time with plot_rate(fit), or tell what a "
            "change of a whole series does with comparisons(fit, variables, by=True)."
        )


def _names(variable: Any, by: Any) -> list[str]:
    """Return the variables that are drawn, the one along the axis first."""
    others = [] if by is None else [by] if isinstance(by, str) else by
    if not isinstance(others, (list, tuple)) or is_unordered(others):
        raise DataError(f"by= names variables that split the lines, in a list; got {shown(by)}.")
    names = [variable, *others]
    twice = [name for k, name in enumerate(names) if name in names[:k]]
    if twice:
        raise DataError(f"{shown(twice[0])} is drawn twice; name another variable in by=.")
    return names


def _along(fitted: Fitted, name: str, given: Any, most: int) -> Along:
    """Return a variable with the values to draw: those given, or such as the data have."""
    column = column_of(fitted, name)
    if not column.is_flat:
        raise DataError(
            f"{name!r} has several values for each sample, {column.values.shape[1:]}, and no line "
            "goes along it; draw its coefficients with plot_kernels(fit) or plot_posterior(fit)."
        )
    values, left_out, is_many = _values(column, given, most)
    unit = str(fitted.stored[name].attrs.get("units", ""))
    is_along = most == MOST_LEVELS
    is_line, is_between = is_many and is_along and len(values) > FEW, is_many and not is_along
    return Along(column, unit, tuple(values), tuple(left_out), is_line, is_between)


def _values(column: Column, given: Any, most: int) -> tuple[Sequence[Any], Sequence[Any], bool]:
    """Return values to draw, labels not drawn, and whether these are some of many numbers."""
    is_many = column.levels is None and len(np.unique(column.values)) > FEW
    if given is not None:
        values = [given] if isinstance(given, str) or np.ndim(given) == 0 else list(given)
        values = [one.item() if isinstance(one, np.generic) else one for one in values]
        if len(set(values)) < len(values):
            raise DataError(f"at= has a value of {column.name!r} twice; give each once.")
        return sorted(values) if is_many else values, (), is_many
    if column.levels is not None:
        number = {
            level: float(np.sum(column.weights[column.values == level])) for level in column.levels
        }
        kept = sorted(number, key=lambda level: -number[level])[:most]
        order = [level for level in column.levels if level in kept]
        return order, [level for level in column.levels if level not in kept], False
    if not is_many:
        return np.unique(column.values).tolist(), (), False
    if most == MOST_LEVELS:
        return np.linspace(column.values.min(), column.values.max(), PLACES).tolist(), (), True
    return list(dict.fromkeys(column.quantile(share) for share in QUARTILES)), (), True


def _within(table: pd.DataFrame, x: Along, splits: Sequence[Along]) -> Array:
    """Say which predictions lie among the samples that have the same levels of the splits."""
    places, counts = x.places(), x.column.weights > 0.0
    own = [one for one in splits if not one.is_between]
    within = np.zeros(len(table), dtype=bool)
    for labels in {tuple(row) for row in table[[one.name for one in own]].to_numpy().tolist()}:
        rows, same = np.ones(len(table), dtype=bool), counts.copy()
        for one, place in zip(own, labels, strict=True):
            rows &= (table[one.name] == place).to_numpy()
            same &= one.places() == place
        if not same.any():
            continue
        if x.is_line:
            at = np.array(x.values)[table["x"]]
            ends = x.column.values[same].min(), x.column.values[same].max()
            within |= rows & (at >= ends[0]) & (at <= ends[1])
        else:
            within |= rows & np.isin(table["x"], places[same])
    return within


def _check_held(held: Mapping[str, Any]) -> None:
    """Raise DataError where a variable is held at several values, which would be lines in one."""
    for name, value in held.items():
        if not isinstance(value, str) and np.ndim(value) > 0:
            raise DataError(
                f"at= holds {name!r} at {len(value)} values; give one, or split the lines by "
                f"it, by={name!r}."
            )


def _places(column: pd.Series, values: Sequence[Any]) -> Array:
    """Return the places of the values in a column."""
    place = {value: k for k, value in enumerate(values)}
    return np.array([place[value] for value in column.tolist()], dtype=np.intp)


def _of_groups(model: GLM, names: Sequence[str]) -> str:
    """Return whose effects are read where nobody says: of levels that are drawn, else averaged."""
    factors = _group_factors(model)
    return "average" if factors and not factors & set(names) else "own"


def _group_factors(model: GLM) -> set[str]:
    """Return the factors of groups."""
    return {
        name
        for term in model.every_term
        if term.facts.of_levels
        for name, role in term.roles.items()
        if role == FACTOR
    }


def _where(grid: pd.DataFrame, drawn: Sequence[str], model: GLM, groups: str) -> str:
    """Say where the predictors stand that are not drawn."""
    factors = _group_factors(model) - set(drawn)
    apart = set(drawn) | (set() if groups == "own" else factors)
    held = [
        f"{plain(name, 20)} {plain(in_words(grid[name].iloc[0]), 20)}"
        for name in grid
        if name not in apart
    ]
    more = f" and {len(held) - MOST_HELD} more" if len(held) > MOST_HELD else ""
    told = f"Held: {', '.join(held[:MOST_HELD])}{more}." if held else ""
    names = ", ".join(plain(name, 20) for name in sorted(factors))
    if factors and groups != "own":
        of_levels = "averaged over all levels" if groups == "average" else "without the effects"
        told = f"{told} {of_levels.capitalize()} of {names}.".strip()
    return told
