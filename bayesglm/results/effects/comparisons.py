"""Comparisons: what predictions do when a predictor changes, as a tidy table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bayesglm.errors import ModelError, tell
from bayesglm.results.effects.asked import asked_of
from bayesglm.results.effects.changed import moved, with_value
from bayesglm.results.effects.contrasts import Contrast, contrasts_of
from bayesglm.results.effects.fitted import Fitted, Laid, opened
from bayesglm.results.effects.grids import Grid, grid_of
from bayesglm.results.effects.rows import Quantity
from bayesglm.results.effects.tables import table_of, told_of
from bayesglm.spec.hints import closest, is_among, shown

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

Array = np.ndarray


class Comparison(NamedTuple):
    """How a high prediction is held against a low one, and how that is written.

    ``needs`` says in words what predictions must be, ``fits`` which are so; ``divides`` whether the
    low one is a divisor, whose sign matters.
    """

    of: Callable[[Array, Array], Array]
    words: str
    needs: str = ""
    fits: Callable[[Array], Array] | None = None
    divides: bool = False


def _log_odds(p: Array) -> Array:
    return np.log(p) - np.log1p(-p)


POSITIVE, CHANCES = "positive", "chances, between 0 and 1"
COMPARISONS = {
    "difference": Comparison(lambda high, low: high - low, "{1} - {0}"),
    "ratio": Comparison(lambda high, low: high / low, "{1} / {0}", divides=True),
    "lnratio": Comparison(
        lambda high, low: np.log(high) - np.log(low), "ln({1} / {0})", POSITIVE, lambda y: y >= 0.0
    ),
    "lnor": Comparison(
        lambda high, low: _log_odds(high) - _log_odds(low),
        "ln(odds({1}) / odds({0}))",
        CHANCES,
        lambda y: (y >= 0.0) & (y <= 1.0),
    ),
    "lift": Comparison(lambda high, low: (high - low) / low, "lift({1}, {0})", divides=True),
}


def comparisons(
    fit: xr.DataTree,
    variables: Any = None,
    *,
    grid: Any = None,
    by: Any = None,
    comparison: str = "difference",
    kind: str = "mean",
    hypothesis: Any = None,
    new_levels: str = "raise",
    groups: str = "own",
    level: float = 0.94,
    draws: bool = False,
) -> pd.DataFrame:
    """Tell what predictions do when a predictor changes: differences, ratios, odds ratios.

    Parameters
    ----------
    fit : xarray.DataTree
        Any fit of this package.
    variables : str, list of str, or mapping of names to changes, optional
        What changes, each by itself: all predictors by default, but factors of groups. Numbers
        change by 1 (those that are all 0 or 1 from 0 to 1), by another step, ``{"age": 10}``, from
        one value to another, ``{"age": (30, 50)}``, or by their spread in the data: ``"sd"``,
        ``"2sd"`` around each value, ``"iqr"``, ``"minmax"``. Labels change from the reference to
        each other level (``"reference"``), between all (``"pairwise"``), from each to the next
        (``"sequential"``), with ``rev`` in front the other way round, from the first to the last
        (``"minmax"``), or from one to another, ``{"plan": ("a", "b")}``.
    grid : DataFrame, Dataset or mapping, optional
        The rows in which it changes, by default those of the fit. Of a model with lags the whole
        series changes.
    by : True, str or list of str, optional
        True averages over all rows, names within each combination of values of these columns; by
        default each row stands by itself. Ratios and odds are those of averaged predictions.
    comparison : {"difference", "ratio", "lnratio", "lnor", "lift"}
        How the high prediction is held against the low one: high - low, high / low, its logarithm,
        the logarithm of the ratio of their odds, or (high - low) / low.
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
        A row for each change, of each level of a response of labels or counts of levels (column
        ``group``, or ``<response>_level`` where a variable is called group) and of each unit of a
        population (column of its dim). ``term`` is what changes, ``contrast`` how: ``"+1"``, or
        ``"b - a"`` from a to b. ``estimate`` is the posterior median, ``conf_low`` and
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
        A variable that is no predictor, or that cannot change so; a grid that lacks what the model
        reads, or a column of ``by``; a hypothesis that is no arithmetic of rows; draws of a MAP, or
        more of them than the memory holds.
    ModelError
        An unknown word for ``kind``, ``comparison``, ``groups`` or ``new_levels``.

    Warns
    -----
    BayesGLMWarning
        Ratios to predictions that are positive in some draws and negative in others.

    Notes
    -----
    An average counts each row by its frequency weight, and by its number of trials: rows that stand
    twice, or trials that have a row each, give the same. It is taken within each draw, and the
    interval is that of averages. Differences are causal effects only where nothing else moves both
    predictor and response (g-computation). A change of a predictor of a history model leaves the
    recorded past as it is. Large averages are made as those of `predictions`.

    Examples
    --------
    >>> import bayesglm as bg
    >>> data = {"y": [2, 0, 3, 1, 4, 1], "x": [0.1, -0.9, 1.2, -0.3, 0.8, 0.2], "g": list("abaabb")}
    >>> model = bg.GLM("y", ["x", "g"], family="poisson", prior=bg.Normal(1.0))
    >>> fit = bg.fit_map(model, data)
    >>> bg.comparisons(fit, by=True)[["term", "contrast", "estimate"]]
      term contrast estimate
    0    x       +1    2.424
    1    g    b - a  0.08295
    >>> bg.comparisons(fit, "x", by=True, comparison="ratio")["estimate"].round(4).tolist()
    [2.3221]
    """
    asked = asked_of(fit, kind, by, hypothesis, (groups, new_levels), level, draws)
    if not is_among(comparison, COMPARISONS):
        raise ModelError(
            f"unknown comparison {shown(comparison)}; there are {', '.join(COMPARISONS)}."
            f"{closest(comparison, COMPARISONS)}"
        )
    fitted = opened(fit, asked)
    if fitted.units[0].is_angle and comparison != "difference":
        raise ModelError(
            f"comparison={comparison!r}: predictions are angles, which have no ratios; take "
            "comparison='difference'."
        )
    changes = contrasts_of(fitted, variables)
    rows = grid_of(fitted, grid)
    every = list(compared(fitted, rows, changes, COMPARISONS[comparison]))
    return table_of(fitted, list(told_of(fitted, rows, every)))


def compared(
    fitted: Fitted, grid: Grid, changes: list[Contrast], comparison: Comparison
) -> Iterator[Quantity]:
    """Run through changes as quantities of rows."""
    of = around if fitted.units[0].is_angle else comparison.of
    known: dict[tuple[str, Any], Laid] = {}
    for change in changes:
        yield Quantity(
            {"term": change.variable, "contrast": _words(change, comparison)},
            partial(states_of, fitted, grid.laid, change, known),
            partial(_held_against, of),
            look_at=partial(_look_at, comparison, change.variable),
        )


def _held_against(
    of: Callable[[Array, Array], Array], each: list[Array], x: Array | float
) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return of(each[1], each[0])


def around(high: Array, low: Array) -> Array:
    """Return the difference of angles, between -pi and pi."""
    return np.angle(np.exp(1j * (high - low)))


def _words(change: Contrast, comparison: Comparison) -> str:
    return change.label or comparison.words.format(*change.words)


def _look_at(comparison: Comparison, variable: str, each: list[Array]) -> None:
    """Tell, or refuse, where a comparison of predictions makes no sense."""
    low = each[0]
    fits = comparison.fits
    if fits is not None and not all(fits(one[np.isfinite(one)]).all() for one in each):
        raise ModelError(
            f"what is compared as {comparison.words.format('low', 'high')} must be "
            f"{comparison.needs}, and predictions where {variable!r} changes are not; take "
            "comparison='difference'."
        )
    changes = (low > 0.0).any(axis=0) & (low < 0.0).any(axis=0)
    if comparison.divides and changes.any():
        tell(
            f"the prediction that others are divided by, where {variable!r} is low, is positive in "
            f"some draws and negative in others ({int(changes.sum())} of {changes.size} "
            "estimates): the ratio has no sign there; take comparison='difference'."
        )


def states_of(
    fitted: Fitted, laid: Laid, change: Contrast, known: dict[tuple[str, Any], Laid]
) -> tuple[Laid, Laid]:
    """Return the rows in the low and the high state; of one variable they are laid once."""
    for key in [key for key in known if key[0] != change.variable]:
        del known[key]
    put = moved if change.moves else with_value
    for value in (change.low, change.high):
        if (change.variable, value) not in known:
            known[change.variable, value] = put(fitted, laid, change.variable, value)
    return known[change.variable, change.low], known[change.variable, change.high]
