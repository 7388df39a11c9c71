"""Variables of the checked Dataset as float arrays, with the faults told by name and place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesglm.errors import DataError
from bayesglm.numerics.rows.parallel import share_out
from bayesglm.spec.hints import closest, shown
from bayesglm.spec.names import is_storable

Array = np.ndarray
LARGEST = 1e40
LARGEST_WHOLE = 2.0**53  # beyond, floats no longer tell whole numbers apart
CACHED = 65_536  # numbers; so many are read twice at the price of once
REAL = "biuf"  # kinds of dtype that are real numbers


def require(dataset: xr.Dataset, name: str, role: str) -> xr.DataArray:
    """Return a variable that the model names, without coordinates; or say that it is missing.

    To look for the coordinates of each would take as long as there are variables.
    """
    if name in dataset.variables:
        return xr.DataArray(dataset.variables[name], name=name)
    known = [str(key) for key in (*dataset.data_vars, *dataset.coords)]
    raise DataError(
        f"{role} {name!r} is not in the data; the variables are {', '.join(known)}."
        f"{_sum_of(name, known) or closest(name, known)}"
    )


def _sum_of(name: str, known: list[str]) -> str:
    """Say how the sum of a formula is written whose parts are variables, else nothing."""
    parts = [part.strip() for part in name.split("+")]
    return f" Write a list: {parts!r}." if len(parts) > 1 and set(parts) <= set(known) else ""


def numbers(variable: xr.DataArray, dim: str, role: str, of: xr.Dataset | None = None) -> Array:
    """Return a variable over ``(dim, ...)`` as floats in C order, checked to be finite numbers.

    Predictors of float32 stay float32; all else is float64. What is so already is not copied. The
    labels of the Dataset that it is ``of`` are told with the places of faults.
    """
    name = variable.name
    if dim not in variable.dims:
        raise DataError(
            f"{role} {name!r} has the dims {tuple(variable.dims)} and not the sample dim {dim!r}; "
            "give one value per sample, or say as_dataset(data, sample_dim=...)."
        )
    if is_category(variable.dtype):
        raise DataError(
            f"{role} {name!r} is a categorical variable, whose levels are no amounts; give one "
            f"0/1 column per level (pandas.get_dummies), a Group({name!r}) for a factor, or, if "
            f"the labels are amounts, numbers: .astype(float)."
        )
    ordered = variable.variable.transpose(dim, ...)
    given, dims = ordered.values, ordered.dims
    if given.dtype.kind in REAL:
        single = role == "predictor" and given.dtype == np.float32
        values = _as_floats(given, np.float32 if single else np.float64)
    else:
        values, wrong = _unboxed(given)
        if wrong.any():
            raise DataError(
                f"{role} {name!r} holds {kind_of(given[wrong])} (first: {given[wrong][0]!r} at "
                f"{place(wrong, dims, of)}), not numbers; convert it (a yes/no variable to "
                "0/1, a category to one 0/1 column per level)."
            )
    largest = _largest(values)
    if not largest <= LARGEST:
        raise DataError(f"{role} {name!r} holds {_not_computable(values, dims, of)}")
    if 0 < largest < 1 / LARGEST and role != "offset":
        raise DataError(
            f"{role} {name!r} holds no value beyond {largest:.3g}, too small to be computed with; "
            "rescale it."
        )
    return values


def is_category(dtype: Any) -> bool:
    """Say whether a dtype is pandas' or Arrow's of categories, whatever their kind."""
    if isinstance(dtype, pd.CategoricalDtype):
        return True
    return isinstance(dtype, pd.ArrowDtype) and str(dtype).startswith("dictionary")


def as_category(value: Any) -> pd.Categorical:
    """Return categories as pandas' own, which xarray holds."""
    array = getattr(value, "array", value)
    if isinstance(array.dtype, pd.ArrowDtype):
        array = array.__arrow_array__().to_pandas()
    return pd.Categorical(array)


def factor_labels(dataset: xr.Dataset, name: str, dim: str) -> Array:
    """Return the labels of a factor, one per sample: whole numbers, or words as numpy's strings."""
    variable = require(dataset, name, "factor")
    if variable.dims != (dim,):
        raise DataError(
            f"factor {name!r} has the dims {variable.dims}; give one label per sample, over "
            f"{dim!r}."
        )
    return labels_in(variable, "factor", dataset)


def labels_in(variable: xr.DataArray, role: str, of: xr.Dataset) -> Array:
    """Return labels, none of which is missing: whole numbers, bools, or words as numpy's."""
    name, dims = variable.name, variable.dims
    values = np.asarray(variable.values)
    missing = np.asarray(pd.isna(values))
    if missing.any():
        raise DataError(
            f"{role} {name!r} lacks {int(missing.sum())} labels, the first at "
            f"{place(missing, dims, of)}; remove those samples, or give them a label "
            "of their own."
        )
    wrong = np.zeros(values.shape, dtype=bool)
    if values.dtype.kind in "OT":
        # numpy would turn numbers among words into words.
        flat = values.reshape(-1)
        kind = str if any(isinstance(value, str) for value in flat) else (Real, np.bool_)
        wrong = np.array([not isinstance(value, kind) for value in flat]).reshape(values.shape)
        if kind is str and not wrong.any() and not is_storable("".join(flat.tolist())):
            bad = np.array([not is_storable(value) for value in flat]).reshape(values.shape)
            raise DataError(
                f"{role} {name!r} has {int(bad.sum())} labels that no file can hold (NUL, or half "
                f"of a surrogate pair), the first at {place(bad, dims, of)}; rename those levels."
            )
        if not wrong.any():
            values = np.array(values.tolist())
    if values.dtype.kind == "f":
        wrong = ~((np.abs(values) < LARGEST_WHOLE) & (values == np.floor(values)))
        values = values if wrong.any() else values.astype(np.int64)
    if values.dtype.kind not in "biuU":
        wrong = wrong if wrong.any() else ~wrong
        raise DataError(
            f"{role} {name!r} takes labels that are all words or all whole numbers; "
            f"{int(wrong.sum())} are not, the first at {place(wrong, dims, of)} "
            f"({values[wrong][0]}); turn them all into words, or number the levels."
        )
    return values


def runs(n: int, width: int) -> Iterator[slice]:
    """Cut ``n`` rows of ``width`` numbers into blocks that stay in the processor's cache."""
    size = max(1, CACHED // max(1, width))
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def _largest(values: Array) -> float:
    """Return the largest magnitude of C-ordered numbers; NaN where one is missing."""
    flat = values.reshape(-1)

    def work(parts: Sequence[slice]) -> float:
        largest = 0.0
        for part in parts:
            largest = np.maximum(largest, np.maximum(flat[part].max(), -flat[part].min()))
        return largest

    return float(np.max(share_out(runs(flat.size, 1), work)))


def _not_computable(values: Array, dims: tuple, of: xr.Dataset | None) -> str:
    """Say which values are missing, infinite or too large, and what helps."""
    bad = ~np.isfinite(values)
    if bad.any():
        return (
            f"{int(bad.sum())} missing or infinite values, the first at {place(bad, dims, of)}; "
            "remove those samples, or fill them in knowingly."
        )
    huge = np.abs(values) > LARGEST
    return (
        f"{int(huge.sum())} values beyond {LARGEST:g}, the first at {place(huge, dims, of)}, too "
        "large to be computed with; rescale it."
    )


def place(bad: Array, dims: tuple, of: xr.Dataset | None) -> str:
    """Say where the first True of ``bad`` stands: ``obs=3 (label 'Ann'), neuron=0``.

    The numbers are positions; labels are told where ``of`` has some that are not the positions.
    """
    first = np.argwhere(bad)[0]
    return ", ".join(_position(of, dim, int(k)) for dim, k in zip(dims, first, strict=True))


def _position(of: xr.Dataset | None, dim: str, k: int) -> str:
    label = k if of is None or dim not in of.indexes else of.indexes[dim][k]
    if isinstance(label, (int, np.integer)) and label == k:
        return f"{dim}={k}"
    return f"{dim}={k} (label {shown(label) if isinstance(label, str) else label})"


def _as_floats(values: Array, dtype: type = np.float64) -> Array:
    """Return real numbers as C-ordered floats, without a copy where they are that already."""
    with np.errstate(over="ignore"):
        return np.asarray(values, dtype=dtype, order="C")


def _unboxed(values: Array) -> tuple[Array, Array]:
    """Return numbers out of objects, NaN where one is missing, and which are no numbers."""
    found = np.full(values.shape, np.nan)
    if values.dtype.kind != "O":
        return found, np.ones(values.shape, dtype=bool)
    wrong = np.zeros(values.shape, dtype=bool)
    for index in np.ndindex(values.shape):
        value = values[index]
        if isinstance(value, (Real, np.bool_)):
            found[index] = _float(value)
        else:
            wrong[index] = value is not None and value is not pd.NA
    return found, wrong


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf")


def kind_of(values: Array) -> str:
    """Say in words what values are that are no numbers."""
    first = values.reshape(-1)[0]
    if isinstance(first, str):
        return "text"
    of = type(first).__name__ if values.dtype.kind == "O" else values.dtype
    return {"M": "dates", "m": "time differences"}.get(values.dtype.kind, f"values of type {of}")
