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
    """Predict."""
    asked = asked_of(fit, kind, by, hypothesis, (groups, new_levels), level, draws)
    fitted = opened(fit, asked)
    rows = grid_of(fitted, grid)
    quantity = Quantity({}, laid_once(rows.laid), lambda each, _: each[0])
    return table_of(fitted, list(told_of(fitted, rows, [quantity])))
