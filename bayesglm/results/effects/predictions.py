"""Predictions as a tidy table, row by row or averaged, with intervals from the posterior."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bayesglm.results.effects.asked import asked_of
from bayesglm.results.effects.fitted import opened
from bayesglm.results.effects.grids import grid_of
from bayesglm.results.effects.rows import Quantity
from bayesglm.results.effects.tables import laid_once, table_of, told_of

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


def predictions(
    fit: xr.DataTree,
    grid: Any = None,
    *,
    by: Any = None,
    kind: str = "mean",
    hypothesis: Any = None,
    new_levels: str = "raise",
    groups: str = "own",
    level: float = 0.94,
    draws: bool = False,
) -> pd.DataFrame:
    """Predict the response on rows of a grid, or averaged over them, with intervals.

    Parameters
    ----------
    fit : xarray.DataTree
        Any fit of this package.
    grid : DataFrame, Dataset or mapping, optional
        The rows, with all predictors: of `datagrid`, say, or new data; by default the rows of the
        fit.
    by : True, str or list of str, optional
        True averages over all rows, names within each combination of values of these columns; by
        default each row stands by itself.
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
        A row for each prediction, of each level of a response of labels or counts of levels (column
        ``group``, or ``<response>_level`` where a variable is called group) and of each unit of a
        population (column of its dim). ``estimate`` is the posterior median, ``conf_low`` and
        ``conf_high`` are the ends of the interval; of a MAP ``estimate`` is the value at the mode,
        and the ends are NaN. With ``by`` the values of its columns stand before them, else
        ``rowid`` first and the columns of the row after them; a column called as one of these
        becomes ``grid_<name>``. With ``draws=True`` there are ``chain`` and ``draw`` in place of
        the interval. With ``hypothesis`` a row for each, ``term`` being its words, and
        ``probability``: that the inequality holds, else that the estimate is above zero (of a ratio
        above one).

    Raises
    ------
    DataError
        A grid that the model cannot be laid on; a grid that lacks what the model reads, or a column
        of ``by``; a hypothesis that is no arithmetic of rows; draws of a MAP, or more of them than
        the memory holds.
    ModelError
        An unknown word for ``kind``, ``groups`` or ``new_levels``.

    Notes
    -----
    An average counts each row by its frequency weight, and by its number of trials: rows that stand
    twice, or trials that have a row each, give the same. It is taken within each draw, and the
    interval is that of averages. Where rows times draws are 4e6 or more, averages of means
    without further parameters are made by polynomials in the draws, which are within a thousandth
    of a posterior sd (measured at 1e-4), or else row by row. Names and defaults are those of
    marginaleffects (Arel-Bundock, Greifer & Heiss 2024, Journal of Statistical Software 111:9).

    Examples
    --------
    >>> import bayesglm as bg
    >>> data = {"y": [2, 0, 3, 1, 4, 1], "x": [0.1, -0.9, 1.2, -0.3, 0.8, 0.2], "g": list("abaabb")}
    >>> model = bg.GLM("y", ["x", "g"], family="poisson", prior=bg.Normal(1.0))
    >>> fit = bg.fit_map(model, data)
    >>> bg.predictions(fit, bg.datagrid(fit, x=[0, 1]))[["x", "estimate"]]
       x estimate
    0  0    1.311
    1  1    3.043
    >>> bg.predictions(fit, by="g")[["g", "estimate"]]
       g estimate
    0  a    2.015
    1  b    1.652
    """
    asked = asked_of(fit, kind, by, hypothesis, (groups, new_levels), level, draws)
    fitted = opened(fit, asked)
    rows = grid_of(fitted, grid)
    quantity = Quantity({}, laid_once(rows.laid), lambda each, _: each[0])
    return table_of(fitted, list(told_of(fitted, rows, [quantity])))
