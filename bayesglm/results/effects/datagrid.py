"""Grids of predictors: chosen values of some, and typical ones of all others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayesglm.errors import DataError, ModelError
from bayesglm.results.effects.asked import asked_of
from bayesglm.results.effects.columns import Column, column_of, predictors_of, refuse_lags
from bayesglm.results.effects.fitted import Fitted, opened
from bayesglm.spec.hints import closest, is_among, is_unordered, shown

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
KINDS = ("typical", "balanced", "counterfactual")
OWN = ("chosen", "mean_or_mode")
MOST_ROWS = 50_000_000  # of a grid: chosen, beyond any that is meant


def datagrid(
    fit: xr.DataTree,
    at: Mapping[str, Any] | None = None,
    *,
    kind: str = "typical",
    **variables: Any,
) -> pd.DataFrame:
    """Lay out values of predictors, in all combinations, for `predictions` and its siblings.

    Parameters
    ----------
    fit : xarray.DataTree
        Any fit of this package.
    at : mapping of names to values, optional
        The same as ``variables``, for names that are no identifiers.
    kind : {"typical", "balanced", "counterfactual"}
        What the predictors have that are not named: ``"typical"`` their mean, or the most frequent
        value of labels, of truth values and of numbers that are all 0 or 1 (marginaleffects:
        ``mean_or_mode``); ``"balanced"`` means, and each label in turn, in all combinations;
        ``"counterfactual"`` all the rows of the data, once for each combination of the values that
        are named.
    **variables
        Values of predictors by name: one value, a list of them, or a function of the predictor's
        column in the data of the fit that returns such.

    Returns
    -------
    pandas.DataFrame
        A column for each predictor, those named first, and of exposure and offset; a row for each
        combination, the first name changing slowest. A counterfactual grid has the weights and the
        numbers of trials of its rows, too.

    Raises
    ------
    DataError
        A name that is no predictor of the fit; no values; a model with lags, whose samples say
        nothing without those before them; predictors with several values for each sample.
    ModelError
        An unknown kind.

    Notes
    -----
    Means and modes are those of the rows that the fit used, each counted by its frequency weight
    and its number of trials.

    Examples
    --------
    >>> import bayesglm as bg
    >>> data = {"y": [0, 1, 1, 0, 1, 0], "age": [30, 50, 60, 20, 40, 40], "plan": list("aababa")}
    >>> fit = bg.fit_map(bg.GLM("y", ["age", "plan"], family="bernoulli", prior=bg.ridge(1)), data)
    >>> bg.datagrid(fit, age=[30, 50])
       age plan
    0   30    a
    1   50    a
    >>> len(bg.datagrid(fit, plan=["a", "b"], kind="counterfactual"))
    12
    """
    if not is_among(kind, KINDS):
        hint = " Write kind='typical'." if kind in OWN else closest(kind, KINDS)
        raise ModelError(f"unknown kind {shown(kind)}; grids are {', '.join(KINDS)}.{hint}")
    fitted = opened(fit, asked_of(fit, "mean", None, None, ("own", "raise"), 0.94, False))
    refuse_lags(
        fitted.plan.model,
        "the rows of a grid have none; leave grid= out, so that the observed series changes as a "
        "whole, or give series as grid=.",
    )
    chosen = _chosen(fitted, at, variables)
    if kind == "counterfactual":
        return _counterfactual(fitted, chosen)
    names = [name for name in predictors_of(fitted.plan.model) if name not in chosen]
    for name in names:
        column = _flat(column_of(fitted, name))
        is_label = column.levels is not None or column.is_binary
        if is_label and kind == "balanced":
            chosen[name] = list(column.levels or (0, 1))
        else:
            chosen[name] = [column.mode() if is_label else column.mean()]
    return _crossed(chosen)


def _chosen(
    fitted: Fitted, at: Mapping[str, Any] | None, variables: Mapping[str, Any]
) -> dict[str, list[Any]]:
    """Return the values that were named, each variable's as a list; DataError where they cannot."""
    if at is not None and not isinstance(at, Mapping):
        raise DataError(f"at must be a mapping of names to values, got {shown(at)}.")
    both = [name for name in at or {} if name in variables]
    if both:
        raise DataError(f"{both[0]!r} is named twice, in at= and by itself; name it once.")
    chosen = {}
    for name, given in {**(at or {}), **variables}.items():
        column = _flat(column_of(fitted, name))
        values = _listed(given(column.values) if callable(given) else given)
        if not len(values):
            raise DataError(f"{name!r} has no values in the grid; give one or more.")
        if pd.isna(np.array(values, dtype=object)).any():
            raise DataError(f"{name!r} has a missing value in the grid; leave it out.")
        chosen[name] = values
    return chosen


def _listed(given: Any) -> list[Any]:
    """Return values as a list: of one alone a list of that."""
    if isinstance(given, str) or np.ndim(given) == 0:
        if is_unordered(given):
            raise DataError(f"values of a grid stand in an order, got {shown(given)}; give a list.")
        return [given.item() if isinstance(given, np.generic) else given]
    return np.asarray(given).reshape(-1).tolist() if isinstance(given, np.ndarray) else list(given)


def _flat(column: Column) -> Column:
    if not column.is_flat:
        raise _not_flat(column.name)
    return column


def _not_flat(name: str) -> DataError:
    return DataError(
        f"{name!r} has several values for each sample (images, or one for each unit), which no "
        "table holds; give the data themselves as grid=."
    )


def _crossed(values: Mapping[str, list[Any]]) -> pd.DataFrame:
    """Return all combinations, the first name changing slowest."""
    sizes = [len(one) for one in values.values()]
    n = int(np.prod(sizes, dtype=object)) if sizes else 1
    if n > MOST_ROWS:
        raise DataError(
            f"the grid has {n:,} rows, all combinations of {len(sizes)} variables; name fewer "
            "values, or typical ones of some."
        )
    columns, step = {}, n
    for name, one in values.items():  # numpy's own crossing takes 64 of them at most
        step = step // len(one) if n else 1
        at = np.arange(n) // step % max(len(one), 1)
        columns[name] = pd.Series(one).iloc[at].to_numpy()
    return pd.DataFrame(columns, index=pd.RangeIndex(n))


def _counterfactual(fitted: Fitted, chosen: Mapping[str, list[Any]]) -> pd.DataFrame:
    """Return all rows of the data for each combination of the values that are named."""
    model, laid = fitted.plan.model, fitted.observed
    names = [*predictors_of(model), model.weights, model.trials]
    rest = {
        name: _values(fitted, name) for name in names if name is not None and name not in chosen
    }
    combinations, n = _crossed(chosen), len(laid.rows)
    if len(combinations) * n > MOST_ROWS:
        raise DataError(
            f"the grid has {len(combinations) * n:,} rows, {n:,} for each of {len(combinations):,} "
            "combinations; name fewer values."
        )
    at = np.repeat(np.arange(len(combinations)), n)
    columns = {name: combinations[name].to_numpy()[at] for name in chosen}
    columns |= {name: np.tile(one, len(combinations)) for name, one in rest.items()}
    return pd.DataFrame(columns)


def _values(fitted: Fitted, name: str) -> Array:
    """Return the values that the data have of a variable, one for each sample."""
    values = fitted.observed.column(name)
    if values is None:
        raise _not_flat(name)
    return values
