"""The rows on which effects are told: what each counts, and within which of them is averaged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from bayesglm.design.door import as_dataset
from bayesglm.errors import DataError, tell
from bayesglm.results.effects.fitted import Fitted, Laid
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.hints import closest

if TYPE_CHECKING:
    from bayesglm.spec.model import GLM

Array = np.ndarray


class Groups(NamedTuple):
    """Rows that are averaged together: the values that they share, and each row's number."""

    labels: pd.DataFrame
    codes: Array

    def __len__(self) -> int:
        return len(self.labels)


class Grid(NamedTuple):
    """Rows on which a model is laid, with how often each counts in averages.

    ``rows`` are those in use that count at all, by their number among those in use; ``table`` has
    their values of all that has one for each sample, ``groups`` those that are averaged together,
    None where each stands by itself.
    """

    laid: Laid
    rows: Array
    weights: Array
    table: pd.DataFrame
    groups: Groups | None


def grid_of(fitted: Fitted, given: Any) -> Grid:
    """Read the rows that were given, those of the fit by default.

    Raises DataError where the model cannot be laid on them, or they lack what is averaged within.
    """
    model = fitted.plan.model
    laid = fitted.observed if given is None else fitted.lay(as_dataset(given))
    if given is not None and laid.every[0].n_missing:
        tell(
            f"{laid.every[0].n_missing} of {laid.every[0].n_samples} rows of the grid lack a value "
            "that the model reads; they are left out, as the model says (missing='drop')."
        )
    weights = row_weights(model, laid)
    rows = np.flatnonzero(weights > 0.0)
    if not len(rows):
        raise DataError("no row of the grid counts: all weights, or numbers of trials, are zero.")
    table = _table(model, laid).iloc[rows].reset_index(drop=True)
    by = fitted.asked.by
    groups = None if by is None else groups_of(table, by, given is None)
    return Grid(laid, rows, weights[rows], table, groups)


def row_weights(model: GLM, laid: Laid) -> Array:
    """Return how often each row in use counts: its frequency weight, times its trials."""
    weights = np.ones(len(laid.rows))
    if model.weights is not None:
        own = laid.column(model.weights)
        weights *= 1.0 if own is None else own
    trials = laid.every[0].trials
    return weights if trials is None else weights * trials[laid.rows]


def _table(model: GLM, laid: Laid) -> pd.DataFrame:
    """Return what has one value for each sample, but the response and what counts rows."""
    unread = {model.response, model.weights, model.trials}
    if FAMILY_NAMES[model.family].counts_levels:
        unread |= {model.trials}
    names = [*laid.dataset.data_vars, *laid.dataset.coords]
    columns = {
        str(name): column
        for name in names
        if name not in unread and (column := laid.column(str(name))) is not None
    }
    return pd.DataFrame(columns, index=pd.RangeIndex(len(laid.rows)))


def groups_of(table: pd.DataFrame, by: Sequence[str], is_observed: bool) -> Groups:
    """Return the rows that have the same values of some columns, in the order of these."""
    n = len(table)
    if not by:
        return Groups(pd.DataFrame(index=range(1)), np.zeros(n, dtype=np.intp))
    for name in by:
        if name not in table:
            remedy = (
                "; a variable that the model does not read is not kept by the fit: give the data "
                "as grid="
                if is_observed
                else ""
            )
            raise DataError(
                f"by={name!r} is no column of the rows, which have "
                f"{', '.join(map(repr, table.columns)) or 'none'}{remedy}."
                f"{closest(name, table.columns)}"
            )
        missing = pd.isna(table[name])
        if missing.any():
            raise DataError(
                f"by={name!r} lacks {int(missing.sum())} values, the first in row "
                f"{int(np.argmax(missing))}; leave those rows out, or give them a value."
            )
    grouped = table.groupby(list(by), sort=True, observed=True)
    codes = grouped.ngroup().to_numpy(dtype=np.intp)
    _, first = np.unique(codes, return_index=True)
    return Groups(table[list(by)].iloc[first].reset_index(drop=True), codes)
