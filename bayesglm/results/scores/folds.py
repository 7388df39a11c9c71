"""Folds: which rows are left out together, at random, by groups, or in blocks of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from bayesglm.design.clock import ask_for_time, seconds
from bayesglm.design.door import as_dataset
from bayesglm.design.labels import coords_over
from bayesglm.design.variables import require
from bayesglm.errors import DataError, tell
from bayesglm.inference.problem.asked import whole_number
from bayesglm.inference.problem.problem import Problem
from bayesglm.spec.hints import shown

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray


@dataclass(frozen=True)
class _Folding:
    n: int
    folds: int
    rng: np.random.Generator

    def at_random(self) -> Array:
        """Deal rows (or groups) to folds of equal size."""
        return self.rng.permutation(np.arange(self.n) % self.folds)


def check_folds(by: Any, folds: Any) -> int:
    """Return the number of folds; DataError unless they can be, by something that has a name."""
    folds = whole_number("folds", folds, 2)
    check_by(by)
    return folds


def check_by(by: Any) -> None:
    """Raise DataError unless what is left out has a name, if anything is."""
    if by is not None and not isinstance(by, str):
        raise DataError(
            "by must be 'time', or the name of a coordinate or variable ('trial', say), got "
            f"{shown(by)}."
        )


class Sets(NamedTuple):
    """Rows that are left out, and scored, together: their label, and each kept row's number."""

    labels: Array
    codes: Array


def sets_by(problem: Problem, data: Any, by: str | None) -> Sets | None:
    """Return the rows of each label of ``by``; None where that makes no such sets, of time say."""
    dim, rows = problem.plan.sample_dim, problem.design.predictors.rows
    if by is None or by in (dim, "time"):
        return None
    values = require(as_dataset(data), by, "by")
    if values.dims != (dim,):
        raise DataError(f"by={by!r} has the dims {values.dims}; it must have one value per sample.")
    labels, codes = np.unique(_labels(values, rows, f"by={by!r}"), return_inverse=True)
    if len(labels) < 2:
        raise DataError(f"by={by!r} has one value only; there is nothing to leave out.")
    return Sets(labels, codes)


def deal_folds(problem: Problem, data: Any, by: str | None, folds: int, seed: int) -> Array:
    """Return the fold of every kept row."""
    folds = check_folds(by, folds)
    rows, dim = problem.design.predictors.rows, problem.plan.sample_dim
    rng = np.random.default_rng(seed)
    if by is None or by in (dim, "time"):
        if len(rows) < folds:
            raise DataError(f"{len(rows)} samples cannot make {folds} folds; use fewer folds.")
        if by is None:
            return _Folding(len(rows), folds, rng).at_random()
        coords = coords_over(problem.plan.dataset, dim)
        if by == "time" and "time" in coords:
            return _blocks_of_time(coords["time"], coords.get("trial"), rows, folds)
        if by != dim:
            ask_for_time(as_dataset(data), dim, f"by={by!r}")
            tell(
                "the data have no 'time', so by='time' leaves out blocks of rows in their order; "
                "give the data their time, or sort them by it."
            )
        return np.arange(len(rows)) * folds // len(rows)
    sets = sets_by(problem, data, by)
    assert sets is not None
    n = len(sets.labels)
    return _Folding(n, min(folds, n), rng).at_random()[sets.codes]


def _blocks_of_time(
    time: xr.DataArray, trial: xr.DataArray | None, rows: Array, folds: int
) -> Array:
    """Cut the rows into blocks of time; samples of one moment share a fold."""
    of_row, n = moments_of_rows(time, trial, rows, "by='time'"), len(rows)
    position = np.searchsorted(np.sort(of_row), of_row)
    blocks = np.unique(position * folds // n, return_inverse=True)[1]
    if not blocks.any():
        raise DataError("all samples have the same 'time'; there is nothing to leave out.")
    return blocks


def moments_of_rows(
    moments: xr.DataArray, trial: xr.DataArray | None, rows: Array, what: str
) -> Array:
    """Return the number of each row's moment, in the order of time; ``what`` needs it.

    If time starts anew in each trial, they go trial by trial, in the order of their first times,
    then of their labels.
    """
    # The unit of numbers does not matter for their order.
    every = seconds(moments.drop_attrs(), f"{what} needs the time of each sample")
    assert every is not None
    time, n = every[rows], len(rows)
    group: Array = np.zeros(n, dtype=np.intp)
    if trial is not None and len(np.unique(time)) < n:
        names, group = np.unique(
            _labels(trial, rows, "the coordinate 'trial'"), return_inverse=True
        )
        first = np.full(len(names), np.inf)
        np.minimum.at(first, group, time)
        place = np.empty(len(names), dtype=np.intp)
        place[np.lexsort((np.arange(len(names)), first))] = np.arange(len(names))
        group = place[group]
    order = np.lexsort((time, group))
    fresh = np.r_[False, (np.diff(time[order]) != 0) | (np.diff(group[order]) != 0)]
    of_row = np.empty(n, dtype=np.intp)
    of_row[order] = np.cumsum(fresh)
    return of_row


def _labels(variable: xr.DataArray, rows: Array, what: str) -> Array:
    """Return labels of some rows, checked to be there and of one kind."""
    values, dim = np.asarray(variable.values), variable.dims[0]
    missing = np.flatnonzero(pd.isna(values[rows]))
    if len(missing):
        raise DataError(
            f"{what} lacks {len(missing)} labels, the first at {dim}={rows[missing[0]]}; fill them "
            "in, or remove those samples."
        )
    values = values[rows]
    if values.dtype.kind != "O":
        return values
    words = np.array([isinstance(value, str) for value in values])
    other = np.flatnonzero(words != words[0])
    try:
        if len(other):
            raise TypeError
        np.sort(values)
    except TypeError as error:
        k = other[0] if len(other) else 0
        raise DataError(
            f"{what} holds labels of several kinds, which cannot be put in order: {values[k]!r} at "
            f"{dim}={rows[k]} beside {values[0]!r} at {dim}={rows[0]}; turn them all into words, "
            "or number them."
        ) from error
    return values
