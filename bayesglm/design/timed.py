"""Entries of a mapping that carry times of their own: aligned when equal, refused when not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesglm.design.clock import seconds, times_among
from bayesglm.design.labels import held_by, plain_labels
from bayesglm.errors import DataError

Array = np.ndarray
TIMES = ("t", "times", "timestamps")  # attributes of pynapple's, Neo's and NWB's objects
VALUES = ("d", "values", "magnitude", "data")
NS = 1e-9  # seconds; to so much pynapple rounds its times
REMEDY = "bring them onto the same samples first (count or average them in the same bins)"


def aligned(data: Mapping[str, Any], dim: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the entries as arrays, and their common time where objects of a library brought it.

    Raises DataError where two entries have times that differ, naming the first of them.
    """
    entries: dict[str, Any] = {}
    every: dict[str, Array] = {}
    brought: Array | None = None
    for key, value in data.items():
        name = str(key)
        own = times_of(name, value, dim)
        if own is None:
            entries[name] = value
            continue
        if every:
            _check_equal(name, own, *next(iter(every.items())))
        every[name] = own
        if is_foreign(value):
            brought = own if brought is None else brought
            entries[name] = plain_values(name, value, len(own), dim)
        elif isinstance(value, xr.DataArray) and dim == "time":
            first = _first_labels(entries, dim)
            entries[name] = value if first is None else value.assign_coords(time=first)
        else:
            entries[name] = value
    if brought is None:
        return entries, {}
    for name, value in entries.items():
        # A float index beside times can be nothing else.
        index = getattr(value, "index", None)
        if name not in every and isinstance(index, pd.Index) and index.dtype.kind == "f":
            _check_equal(name, index.to_numpy(), *next(iter(every.items())))
    known = "time" in entries or _first_labels(entries, dim) is not None
    return entries, {} if known else {"time": brought}


def _first_labels(entries: Mapping[str, Any], dim: str) -> xr.Variable | None:
    """Return the times of the first labelled array, which all others of equal times take over."""
    for value in entries.values():
        labelled = isinstance(value, xr.DataArray) and "time" in value.coords
        if labelled and value["time"].dims == (dim,):
            return value["time"].variable
    return None


def times_of(name: str, value: Any, dim: str) -> Array | None:
    """Return the times that an entry has of its own, in seconds or as dates; None without any."""
    if isinstance(value, xr.DataArray):
        return _labelled_times(value, dim)
    if isinstance(value, (pd.Series, pd.DataFrame)):
        return _index_times(value.index)
    if is_foreign(value):
        return _in_seconds(foreign_times(value))
    if name != "time":
        return None
    try:
        times = np.asarray(value)
    except ValueError:
        return None
    return _in_seconds(plain_labels(times)) if times.ndim == 1 else None


def _labelled_times(value: xr.DataArray, dim: str) -> Array | None:
    if dim not in value.dims:
        return None
    coords = value.coords.to_dataset()
    named = "time" in coords and coords["time"].dims == (dim,)
    names = ["time"] if named else times_among(coords, dim, coords.coords)
    if len(names) != 1:
        return None
    one = coords[names[0]]
    if one.dtype.kind in "iuf":
        return seconds(one)  # in the unit that it names
    return _in_seconds(plain_labels(held_by(one.variable)))


def _index_times(index: pd.Index) -> Array | None:
    for k, name in enumerate(index.names):
        level = plain_labels(index.get_level_values(k))
        if level.dtype.kind in "mM" or name == "time":
            return _in_seconds(level)
    return None


def _in_seconds(times: Array) -> Array | None:
    """Return numbers and spans of time in seconds, dates as they are; None for anything else.

    DataError for spans of years or months, which have no length in seconds.
    """
    if times.dtype.kind == "m":
        unit = np.datetime_data(times.dtype)[0]
        if unit in "YM":
            raise DataError(
                f"times are spans of {'years' if unit == 'Y' else 'months'} ({times.dtype}), which "
                "have no fixed length; give days or seconds, or dates."
            )
        return times / np.timedelta64(1, "s")
    if times.dtype.kind in "iuf":
        return times.astype(np.float64)
    return times if times.dtype.kind == "M" else None


def is_foreign(value: Any) -> bool:
    """Say whether a value is an object of another library with times of its own."""
    if isinstance(value, (list, tuple, str, xr.DataArray, pd.Series, pd.DataFrame)):
        return False
    return type(value) is not np.ndarray and len(foreign_times(value)) > 0


def foreign_times(value: Any) -> Array:
    """Return the times of an object in seconds (or as dates); none where it has no such thing."""
    for name in TIMES:
        times = getattr(value, name, None)
        if times is None or callable(times):
            continue
        if hasattr(times, "rescale"):  # a quantity with units
            times = times.rescale("s").magnitude
        times = times if isinstance(times, pd.Index) else np.asarray(times)
        if times.ndim == 1:
            return plain_labels(times)
    return np.empty(0)


def holds_times_only(value: Any) -> bool:
    """Say whether an object of another library has times and no value at each."""
    return _values(value, foreign_times(value)) is None


def _values(value: Any, times: Array) -> Array | None:
    given = [getattr(value, attribute, None) for attribute in VALUES]
    arrays = [np.asarray(one) for one in given if one is not None and not callable(one)]
    array = next((one for one in arrays if one.ndim and one.dtype.kind != "O"), None)
    if array is None or len(array) != len(times) or np.shares_memory(array, times):
        return None
    return array


def plain_values(name: str, value: Any, n: int, dim: str) -> Any:
    """Return the values of an object with times of its own, without them."""
    array = _values(value, foreign_times(value))
    if array is None:
        raise DataError(
            f"{name!r} holds {n} times ({type(value).__name__}) and no value at each; say "
            "bin_size=, the seconds of a bin in which they are counted."
        )
    columns = getattr(value, "columns", None)
    if array.ndim != 2 or columns is None:
        return array
    feature = f"{name}_dim_0"
    return xr.DataArray(array, dims=(dim, feature), coords={feature: [str(c) for c in columns]})


def _check_equal(name: str, own: Array, first: str, times: Array) -> None:
    """Raise DataError unless two entries have the same times, up to the rounding of seconds."""
    pair = f"{name!r} and {first!r} have times of their own"
    if len(own) != len(times):
        raise DataError(
            f"{pair}, {len(own)} and {len(times)} of them, so they are no samples of each other; "
            f"{REMEDY}."
        )
    if own.dtype.kind != times.dtype.kind:
        dated, counted = (name, first) if own.dtype.kind == "M" else (first, name)
        raise DataError(
            f"{pair}: those of {dated!r} are dates and those of {counted!r} seconds, so they "
            "cannot be brought together; give both as dates, or both as seconds."
        )
    if own.dtype.kind == "M":
        wrong = own != times
    else:
        size = np.abs(times).max(initial=0.0)
        step = np.median(np.abs(np.diff(times))) if len(times) > 1 else np.inf
        tolerance = min(1e-9 * size + NS, 1e-3 * step) + 4 * np.finfo(float).eps * size
        wrong = ~(np.abs(own - times) <= tolerance)
    if wrong.any():
        k = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"{pair}, which differ at {int(wrong.sum())} of {len(own)} samples, first at sample "
            f"{k}: {_told(own[k])} against {_told(times[k])}; {REMEDY}."
        )


def _told(time: Any) -> str:
    return str(time) if isinstance(time, np.datetime64) else f"{time:.9g} s"
