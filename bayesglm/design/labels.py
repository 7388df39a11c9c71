"""The labels of samples: what a pandas index says of them, in kinds that every file can hold."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from pandas.api.types import infer_dtype

from bayesglm.errors import DataError
from bayesglm.spec.families import dispersion_names
from bayesglm.spec.model_names import RESERVED
from bayesglm.spec.names import fault_of, is_storable

Array = np.ndarray
COORDINATES = ("time", "trial")
MOMENTS = ("datetime64", "datetime", "date")
SPANS = ("timedelta64", "timedelta")
IN_USE = ("standard", "gregorian", "proleptic_gregorian")  # calendars, as cftime names them
NUMBERS = ("integer", "floating", "mixed-integer-float")


def index_labels(index: pd.Index, dim: str, columns: Container[str]) -> dict[str, Any]:
    """Return the coordinates of the samples that a pandas index gives them.

    The labels of an index of one level stand under the sample dim; each level stands under its
    own name, or a number where it has none. A default index, 0 to n - 1, says no more than the
    order of the samples.
    """
    for name in index.names:
        if name in COORDINATES and name in columns:
            raise DataError(
                f"the DataFrame has {name!r} both as a column and as a level of its index; drop "
                "one (reset_index(drop=True), say)."
            )
    if index.nlevels == 1:
        if index.name is None and index.equals(pd.RangeIndex(len(index))):
            return {}
        labels = in_words(plain_labels(index))
        name = str(index.name)
        named = _usable(index.name) and name not in columns and name != dim
        return {dim: labels} | ({name: labels} if named else {})
    levels: dict[str, Any] = {}
    for k, level in enumerate(index.names):
        name = str(level) if _usable(level) else f"level_{k}"
        taken = name in columns or name in levels or name == dim
        levels[f"{name}_{k}" if taken else name] = in_words(plain_labels(index.get_level_values(k)))
    return levels


def _usable(name: Any) -> bool:
    """Say whether a level's name can be a coordinate's; files keep none with a space."""
    if name is None or str(name) in RESERVED | dispersion_names() or " " in str(name):
        return False
    return fault_of(str(name)) is None


def coords_over(data: xr.Dataset | xr.DataArray, dim: str) -> dict[str, xr.DataArray]:
    """Return the coordinates that have one value for each place along a dim, and no other dim."""
    return {str(name): one for name, one in data.coords.items() if one.dims == (dim,)}


def held_by(variable: xr.Variable) -> Any:
    """Return the values of one dim; as an index, which keeps zones, where they are pandas' own."""
    own = not isinstance(variable.dtype, np.dtype) and variable.ndim == 1
    return variable.to_index() if own else variable.values


def plain_labels(labels: Any) -> Array:
    """Return labels of one kind as numbers, dates (of UTC) or spans of time, whatever held them.

    Words, and labels of several kinds, are left as objects.
    """
    dtype = getattr(labels, "dtype", None)
    if isinstance(dtype, pd.PeriodDtype):
        return pd.PeriodIndex(labels).to_timestamp().to_numpy()
    if isinstance(dtype, pd.DatetimeTZDtype):
        return pd.DatetimeIndex(labels).tz_convert("UTC").tz_localize(None).to_numpy()
    values = np.asarray(labels)
    if values.dtype.kind != "O" or values.ndim != 1:
        return values
    kind, missing = infer_dtype(values, skipna=True), pd.isna(values)
    if kind not in NUMBERS and is_calendar(values):
        return _as_dates(values)
    try:
        if kind in MOMENTS:
            return pd.to_datetime(values, utc=True).tz_localize(None).to_numpy()
        if kind in SPANS:
            return pd.to_timedelta(values).to_numpy()
        if kind == "period":
            return pd.PeriodIndex(values).to_timestamp().to_numpy()
        if kind == "integer" and not missing.any():
            return values.astype(np.int64)
        if kind in NUMBERS:
            return np.where(missing, np.nan, values).astype(np.float64)
    except (ValueError, TypeError, OverflowError):
        return values
    return values.astype(bool) if kind == "boolean" and not missing.any() else values


def in_words(values: Array) -> Array:
    """Return labels of one kind as they are, all others as words, which files can hold."""
    if values.dtype.kind in "cV":
        return np.array([str(value) for value in values], dtype=object)
    if values.dtype.kind not in "OU" or is_calendar(values):
        return values
    plain = values.dtype.kind == "U" or infer_dtype(values, skipna=False) == "string"
    words = values if plain else np.array([str(value) for value in values], dtype=object)
    if is_storable("".join(words.tolist())):
        return words
    return np.array([word.encode("unicode_escape").decode() for word in words], dtype=object)


def plainly_labelled(dataset: xr.Dataset) -> xr.Dataset:
    """Return the Dataset with coordinates that files can hold, whatever held their labels."""
    plain: dict[str, Any] = {}
    for name, coordinate in dataset.coords.items():
        own = not isinstance(coordinate.dtype, np.dtype)
        if coordinate.ndim == 1 and (own or coordinate.dtype.kind in "OUcV"):
            values = held_by(coordinate.variable)
            labels = in_words(plain_labels(values))
            if labels is not values:
                plain[str(name)] = (coordinate.dims, labels, coordinate.attrs)
    return dataset.assign_coords(plain) if plain else dataset


def same_labels(one: Array, other: Array) -> bool:
    """Say whether labels are the same in the same order; one that is missing equals another."""
    # pandas has no index of half precision.
    both = (x.astype(np.float64) if x.dtype == np.float16 else x for x in (one, other))
    first, second = map(pd.Index, both)
    return first.equals(second)


def _as_dates(values: Array) -> Array:
    """Return cftime's dates of the calendar in use as numpy's, those of other calendars as is."""
    if any(value.calendar not in IN_USE for value in values):
        return values
    return np.array([value.isoformat() for value in values], dtype="datetime64[us]")


def is_calendar(values: Array) -> bool:
    """Say whether objects are dates of a calendar of their own (cftime's), which files can hold."""
    return len(values) > 0 and all(hasattr(value, "calendar") for value in values)
