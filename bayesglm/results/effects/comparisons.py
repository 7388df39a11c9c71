"""Comparisons: what predictions do when a predictor changes, as a tidy table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bayesglm.errors import ModelError
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
    """How a high prediction is held against a low one, and how that is written."""

    of: Callable[[Array, Array], Array]
    words: str


def _log_odds(p: Array) -> Array:
    return np.log(p) - np.log1p(-p)


COMPARISONS = {
    "difference": Comparison(lambda high, low: high - low, "{1} - {0}"),
    "ratio": Comparison(lambda high, low: high / low, "{1} / {0}"),
    "lnratio": Comparison(lambda high, low: np.log(high / low), "ln({1} / {0})"),
    "lnor": Comparison(
        lambda high, low: _log_odds(high) - _log_odds(low), "ln(odds({1}) / odds({0}))"
    ),
    "lift": Comparison(lambda high, low: (high - low) / low, "lift({1}, {0})"),
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
    """Compare."""
    asked = asked_of(fit, kind, by, hypothesis, (groups, new_levels), level, draws)
    if not is_among(comparison, COMPARISONS):
        raise ModelError(
            f"unknown comparison {shown(comparison)}; there are {', '.join(COMPARISONS)}."
            f"{closest(comparison, COMPARISONS)}"
        )
    fitted = opened(fit, asked)
    changes = contrasts_of(fitted, variables)
    rows = grid_of(fitted, grid)
    every = list(compared(fitted, rows, changes, COMPARISONS[comparison]))
    return table_of(fitted, list(told_of(fitted, rows, every)))


def compared(
    fitted: Fitted, grid: Grid, changes: list[Contrast], comparison: Comparison
) -> Iterator[Quantity]:
    """Run through changes as quantities of rows; what a variable's share is laid once."""
    laid: dict[tuple[str, Any], Laid] = {}
    for change in changes:
        laid = {key: one for key, one in laid.items() if key[0] == change.variable}
        words = change.label or comparison.words.format(*change.words)
        yield Quantity(
            {"term": change.variable, "contrast": words},
            partial(states_of, fitted, grid.laid, change, laid),
            lambda each, _: comparison.of(each[1], each[0]),
        )


def states_of(
    fitted: Fitted, laid: Laid, change: Contrast, known: dict[tuple[str, Any], Laid]
) -> tuple[Laid, Laid]:
    """Return the rows in the low and the high state, of those known as they are."""
    put = moved if change.moves else with_value
    for value in (change.low, change.high):
        if (change.variable, value) not in known:
            known[change.variable, value] = put(fitted, laid, change.variable, value)
    return known[change.variable, change.low], known[change.variable, change.high]
