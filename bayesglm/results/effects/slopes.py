"""Slopes: derivatives of predictions with respect to predictors, as a tidy table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bayesglm.errors import DataError, ModelError
from bayesglm.results.effects.asked import asked_of
from bayesglm.results.effects.changed import moved, quietly
from bayesglm.results.effects.columns import Column, column_of
from bayesglm.results.effects.comparisons import COMPARISONS, compared
from bayesglm.results.effects.contrasts import contrasts_of, named_of
from bayesglm.results.effects.fitted import Fitted, Laid, opened
from bayesglm.results.effects.grids import Grid, grid_of
from bayesglm.results.effects.rows import Quantity, Rate
from bayesglm.results.effects.tables import table_of, told_of
from bayesglm.spec.hints import closest, is_among, shown

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

Array = np.ndarray
# Half the distance of the two values between which a slope is a difference, in sds of the
# predictor. For a prediction with derivatives of order 1 per sd the error is h^2 / 6 = 7e-11, and
# that of rounding 1e-16 / h = 5e-12.
HALF_STEP = 2e-5


class Slope(NamedTuple):
    """A slope or an elasticity: dy/dx times x, by y, and how it is written."""

    of: Callable[[Array, Array, Array | float], Array]
    words: str
    reads_x: bool
    of_averages: bool


SLOPES = {
    "dydx": Slope(lambda slope, y, x: slope, "dY/dX", False, True),
    "eyex": Slope(lambda slope, y, x: slope * x / y, "eY/eX", True, False),
    "eydx": Slope(lambda slope, y, x: slope / y, "eY/dX", False, False),
    "dyex": Slope(lambda slope, y, x: slope * x, "dY/eX", True, False),
}


def slopes(
    fit: xr.DataTree,
    variables: Any = None,
    *,
    grid: Any = None,
    by: Any = None,
    slope: str = "dydx",
    kind: str = "mean",
    hypothesis: Any = None,
    new_levels: str = "raise",
    groups: str = "own",
    level: float = 0.94,
    draws: bool = False,
) -> pd.DataFrame:
    """Slopes."""
    asked = asked_of(fit, kind, by, hypothesis, (groups, new_levels), level, draws)
    if not is_among(slope, SLOPES):
        raise ModelError(
            f"unknown slope {shown(slope)}; there are {', '.join(SLOPES)}.{closest(slope, SLOPES)}"
        )
    fitted = opened(fit, asked)
    columns = [column_of(fitted, name) for name in _names(fitted, variables)]
    rows = grid_of(fitted, grid)
    every = [one for column in columns for one in sloped(fitted, rows, column, SLOPES[slope])]
    return table_of(fitted, list(told_of(fitted, rows, every)))


def _names(fitted: Fitted, variables: Any) -> list[str]:
    named = named_of(fitted, variables)
    changed = [name for name, change in named.items() if change is not None]
    if changed:
        raise DataError(
            f"a slope is a derivative, and {changed[0]!r} has no step to change by; name the "
            "variables alone, or take comparisons(fit, variables)."
        )
    return list(named)


def sloped(fitted: Fitted, grid: Grid, column: Column, slope: Slope) -> Iterator[Quantity]:
    """Return the slope of a predictor of numbers; of labels, differences to the reference."""
    if column.levels is not None:
        changes = contrasts_of(fitted, column.name)
        yield from compared(fitted, grid, changes, COMPARISONS["difference"])
        return
    name, half = column.name, half_step(column)

    def states() -> tuple[Laid, Laid]:
        low, high = (quietly(partial(moved, fitted, grid.laid, name, by)) for by in (-half, half))
        return low, high

    def of(each: list[Array], x: Array | float) -> Array:
        low, high = each
        return slope.of((high - low) / (2.0 * half), 0.5 * (high + low), x)

    x = grid.laid.column(name) if slope.reads_x else None
    if slope.reads_x and x is None:
        raise DataError(
            f"{name!r} has several values for each sample, and an elasticity in it is none; take "
            "slope='dydx'."
        )
    names, rate = {"term": name, "contrast": slope.words}, Rate(slope.of, half)
    yield Quantity(names, states, of, x, slope.of_averages, rate)


def half_step(column: Column) -> float:
    """Return half the distance of the values between which the slope is a difference."""
    spread = float(np.std(column.values)) or float(np.abs(column.values).max()) or 1.0
    return HALF_STEP * spread
