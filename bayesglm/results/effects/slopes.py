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
from bayesglm.results.effects.comparisons import COMPARISONS, around, compared
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
    """Tell the slopes of predictions: how steeply they rise with a predictor, and elasticities.

    Parameters
    ----------
    fit : xarray.DataTree
        Any fit of this package.
    variables : str or list of str, optional
        Predictors, all by default but factors of groups. Of labels, and truth values, there are
        differences to the reference, as `comparisons` has them.
    grid : DataFrame, Dataset or mapping, optional
        The rows at which slopes are taken, by default those of the fit.
    by : True, str or list of str, optional
        True averages over all rows, names within each combination of values of these columns; by
        default each row stands by itself.
    slope : {"dydx", "eyex", "eydx", "dyex"}
        dy/dx; the elasticity dy/dx x/y, by how many percent y rises where x does by one; dy/dx / y,
        or dy/dx x.
    kind : {"mean", "linear"} or a dispersion's name
        ``"mean"`` is E[y], of counts out of trials the chance of each trial, of labels the
        probability of each level, of counts of levels the share of each; ``"linear"`` is eta; a
        dispersion, ``"sigma"`` say, is that of each row.
    hypothesis : str or list of str, optional
        What is computed of the estimates, draw by draw: an equation, ``"b1 - 2 * b0 = 0"``, whose
        estimate is the left side less the right; an inequality, ``"b1 > b0"``; or all differences
        of a kind, ``"reference"`` (to the first row), ``"sequential"`` (to the row before) and
        ``"pairwise"``, with ``rev`` in front the other way round, and as ``"ratio ~ pairwise"``
        ratios. Rows are ``b0``, ``b1``, ... as marginaleffects for Python counts them, or bear the
        name by which they differ where that is an identifier: ``"south - north"``.
    new_levels : {"raise", "sample", "zero"}
        What a level of a `Group` is that the fit has not seen, as in `predict`; draws of
        ``"sample"`` have the seed 0.
    groups : {"own", "average", "zero"}
        Whose effects of levels are read, as in `predict`: of each row's level, the mean over all
        levels that there might be, or none.
    level : float
        Probability of the intervals, equal-tailed.
    draws : bool
        Whether there is a row for each draw of each estimate, in place of intervals.

    Returns
    -------
    pandas.DataFrame
        A row for each slope, of each level of a response of labels or counts of levels (column
        ``group``, or ``<response>_level`` where a variable is called group) and of each unit of a
        population (column of its dim). ``term`` is the predictor, ``contrast`` ``"dY/dX"``.
        ``estimate`` is the posterior median, ``conf_low`` and ``conf_high`` are the ends of the
        interval; of a MAP ``estimate`` is the value at the mode, and the ends are NaN. With ``by``
        the values of its columns stand before them, else ``rowid`` first and the columns of the row
        after them; a column called as one of these becomes ``grid_<name>``. With ``draws=True``
        there are ``chain`` and ``draw`` in place of the interval. With ``hypothesis`` a row for
        each, ``term`` being its words, and ``probability``: that the inequality holds, else that
        the estimate is above zero (of a ratio above one).

    Raises
    ------
    DataError
        A variable that is no predictor, or with a step to change by; a grid that lacks what the
        model reads, or a column of ``by``; a hypothesis that is no arithmetic of rows; draws of a
        MAP, or more of them than the memory holds.
    ModelError
        An unknown word for ``kind``, ``slope``, ``groups`` or ``new_levels``.

    Notes
    -----
    A slope is (f(x + h) - f(x - h)) / 2h with h = 2e-5 sd(x): its error is h^2 / 6 times the third
    derivative, 7e-11 of one that changes by itself within an sd, and that of rounding 5e-12. An
    average counts each row by its frequency weight, and by its number of trials: rows that stand
    twice, or trials that have a row each, give the same. It is taken within each draw, and the
    interval is that of averages. Elasticities are averaged as they are in each row. Large averages
    are made as those of `predictions`, of the derivative of the mean by eta times that of eta.

    Examples
    --------
    >>> import bayesglm as bg
    >>> data = {"y": [2, 0, 3, 1, 4, 1], "x": [0.1, -0.9, 1.2, -0.3, 0.8, 0.2]}
    >>> fit = bg.fit_map(bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0)), data)
    >>> slope = bg.slopes(fit, "x", by=True).loc[0, "estimate"].item()
    >>> at_means = float(fit["map"]["x"]) * bg.predictions(fit, by=True).loc[0, "estimate"].item()
    >>> abs(slope / at_means - 1.0) < 1e-8
    True
    """
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
    name, half, is_angle = column.name, half_step(column), fitted.units[0].is_angle

    def states() -> tuple[Laid, Laid]:
        low, high = (quietly(partial(moved, fitted, grid.laid, name, by)) for by in (-half, half))
        return low, high

    def of(each: list[Array], x: Array | float) -> Array:
        low, high = each
        change = around(high, low) if is_angle else high - low
        return slope.of(change / (2.0 * half), 0.5 * (high + low), x)

    x = grid.laid.column(name) if slope.reads_x else None
    if slope.reads_x and x is None:
        raise DataError(
            f"{name!r} has several values for each sample, and an elasticity in it is none; take "
            "slope='dydx'."
        )
    names, rate = {"term": name, "contrast": slope.words}, Rate(slope.of, half)
    yield Quantity(names, states, of, x, slope.of_averages and not is_angle, rate)


def half_step(column: Column) -> float:
    """Return half the distance of the values between which the slope is a difference."""
    spread = float(np.std(column.values)) or float(np.abs(column.values).max()) or 1.0
    return HALF_STEP * spread
