"""Time: recognised by its type, read in seconds, and cut into trials that no lag crosses."""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from pandas.api.types import infer_dtype

from bayesglm.design.labels import (
    MOMENTS,
    SPANS,
    coords_over,
    held_by,
    is_calendar,
    plain_labels,
    same_labels,
)
from bayesglm.design.variables import LARGEST, kind_of, place
from bayesglm.errors import DataError
from bayesglm.spec.names import first_repeat

Array = np.ndarray
SYMBOLS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0}
SYMBOLS |= {"h": 3600.0, "hr": 3600.0, "d": 86400.0, "D": 86400.0, "S": 1.0, "H": 3600.0}
WORDS = {
    "nanosecond": 1e-9,
    "nanosec": 1e-9,
    "microsecond": 1e-6,
    "microsec": 1e-6,
    "usec": 1e-6,
    "millisecond": 1e-3,
    "millisec": 1e-3,
    "msec": 1e-3,
    "second": 1.0,
    "sec": 1.0,
    "minute": 60.0,
    "min": 60.0,
    "hour": 3600.0,
    "hr": 3600.0,
    "day": 86400.0,
}
UNIT = re.compile(r"\s*(?P<number>[0-9.]+(?:[eE][-+]?[0-9]+)?)?\s*(?P<word>[^\W\d_]+)\s*")
SOUNDS_LIKE_TIME = ("times", "timestamp", "timestamps", "date", "dates", "datetime")


def with_time(dataset: xr.Dataset, dim: str) -> xr.Dataset:
    """Give the samples the coordinate ``time`` where one of their variables is their time.

    That is a date or a span of time on the sample dim, whatever its name: a coordinate, else a
    variable, if there is but one; or else a variable named time, however it is capitalised.
    """
    if "time" in dataset.variables or ("time" in dataset.dims and dim != "time"):
        return dataset
    for names in (times_among(dataset, dim, dataset.coords), times_among(dataset, dim)):
        if len(names) == 1:
            return _named_time(dataset, dim, names[0])
        if names:
            return dataset
    alike = [
        str(name)
        for name, variable in dataset.variables.items()
        if str(name).casefold() == "time" and variable.dims == (dim,)
    ]
    return _named_time(dataset, dim, alike[0]) if len(alike) == 1 else dataset


def _named_time(dataset: xr.Dataset, dim: str, name: str) -> xr.Dataset:
    variable = dataset.variables[name]
    return dataset.assign_coords(time=(dim, plain_labels(held_by(variable)), variable.attrs))


def times_among(dataset: xr.Dataset, dim: str, names: Any = None) -> list[str]:
    """Return the variables that are times by their type, each once whatever names it has."""
    times: dict[str, Array] = {}
    for name in dataset.data_vars if names is None else names:
        variable = dataset.variables[name]
        if variable.dims != (dim,) or not _is_time(variable):
            continue
        values = plain_labels(held_by(variable))
        if not any(same_labels(values, other) for other in times.values()):
            times[str(name)] = values
    return list(times)


def _is_time(variable: xr.Variable) -> bool:
    if isinstance(variable.dtype, (pd.DatetimeTZDtype, pd.PeriodDtype)):
        return True
    if variable.dtype.kind != "O":
        return variable.dtype.kind in "mM"
    kind = infer_dtype(variable.values, skipna=True)
    return kind in (*MOMENTS, *SPANS, "period") or is_calendar(variable.values)


def ask_for_time(
    dataset: xr.Dataset, dim: str, needed: str, predictors: Container[str] = ()
) -> None:
    """Raise DataError where ``needed`` needs the time, and only the user can say which it is."""
    if "time" in dataset.variables:
        return
    several = times_among(dataset, dim, dataset.coords) or times_among(dataset, dim)
    if len(several) > 1:
        raise DataError(
            f"{needed} needs to know the time of the samples, and the data have several: "
            f"{', '.join(map(repr, several))}. Rename the one that is meant to 'time'."
        )
    for name, variable in dataset.variables.items():
        sounds = str(name).casefold() in SOUNDS_LIKE_TIME and name not in predictors
        if sounds and variable.dims == (dim,):
            raise DataError(
                f"{needed} needs to know the time of the samples, and {str(name)!r} sounds like "
                f"it, but holds {_what(variable)}. Turn it into dates or into seconds, and name "
                "it 'time'; or drop it, if the samples are regular without it."
            )


def _what(variable: xr.Variable) -> str:
    return "plain numbers" if variable.dtype.kind in "iufb" else kind_of(np.asarray(variable))


@dataclass(frozen=True)
class Clock:
    """Where each sample lies in its trial: lags never cross ``[start, stop)`` of its segment."""

    start: Array
    stop: Array
    step: float | None

    @property
    def n_samples(self) -> int:
        """Number of samples."""
        return len(self.start)


def read_clock(dataset: xr.Dataset, dim: str, lagged: str | None) -> Clock:
    """Read trials and time; ``lagged`` names a term that needs both to be in order."""
    n = dataset.sizes[dim]
    starts = np.zeros(1, dtype=np.intp)
    coords = coords_over(dataset, dim)
    if "trial" in coords:
        trial = _trials(coords["trial"], lagged)
        starts = np.flatnonzero(np.r_[True, trial[1:] != trial[:-1]])
        if lagged and len(set(trial[starts].tolist())) < len(starts):
            again = first_repeat(trial[starts].tolist())
            raise DataError(
                f"trial {again!r} stands in two separate runs of samples; term {lagged!r} needs "
                "the samples of a trial together and in order of time. Sort the data by trial."
            )
    stops = np.r_[starts[1:], n]
    lengths = stops - starts
    step = _time_step(coords["time"], starts, lagged) if "time" in coords else None
    return Clock(np.repeat(starts, lengths), np.repeat(stops, lengths), step)


def _trials(variable: xr.DataArray, lagged: str | None) -> Array:
    """Return the label of every sample's trial; None where one is missing and nothing is lagged."""
    missing = variable.isnull().values
    if lagged and missing.any():
        raise DataError(
            f"the coordinate 'trial' is missing at {int(missing.sum())} samples, the first at "
            f"{place(missing, variable.dims, None)}, but term {lagged!r} needs to know the "
            "trial of each; fill it in, or remove those samples."
        )
    if not missing.any():
        return variable.values
    labels = variable.values.astype(object)
    labels[missing] = None
    return labels


def _time_step(moments: xr.DataArray, starts: Array, lagged: str | None) -> float | None:
    dim = moments.dims[0]
    time = seconds(moments, f"term {lagged!r} needs regular times" if lagged else None)
    if time is None:
        return None
    steps = np.diff(time)
    inside = np.ones(len(steps), dtype=bool)
    inside[starts[1:] - 1] = False
    if not inside.any():
        return None
    step = float(np.median(steps[inside]))
    if not lagged:
        return step if np.all(steps[inside] > 0) else None
    # A time of 1e4 s in float64 is itself only good to 1e-12 s; allow for that rounding.
    tolerance = 1e-6 * abs(step) + 4 * np.finfo(float).eps * np.abs(time).max()
    wrong = inside & ~(np.abs(steps - step) <= tolerance) if step > 0 else inside & ~(steps > 0)
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"term {lagged!r} needs regular, increasing time, but from {dim}={first} to "
            f"{dim}={first + 1} the 'time' changes by {steps[first]:.6g} s (elsewhere "
            f"{step:.6g} s; {int(wrong.sum())} such places). Sort or resample the data, or mark "
            "gaps with a 'trial' coordinate; where each row is one step all the same (months, "
            "days of trade), leave the time out."
        )
    return step


def seconds(variable: xr.DataArray, needed: str | None = None) -> Array | None:
    """Return times in seconds (dates from the first on); None where they are no such thing.

    Raises DataError in place of None where ``needed`` says what needs which times.
    """
    time = variable.values
    fault = ""
    if time.dtype.kind in "mM":
        known = time[~np.isnat(time)]
        time = (
            (time - known[0]) / np.timedelta64(1, "s") if len(known) else np.full(len(time), np.nan)
        )
    elif time.dtype.kind in "iuf":
        unit = variable.attrs.get("units")
        factor = unit_in_seconds(unit) if isinstance(unit, str) and unit.strip() else 1.0
        if factor is None:
            fault = f"has the units {unit!r}, which are no unit of time"
        else:
            time = np.asarray(time, dtype=np.float64) * factor
    elif time.dtype.kind == "O" and is_calendar(time):
        time = np.array([(one - time[0]).total_seconds() for one in time])
    else:
        fault = f"holds {kind_of(time)}"
    if not fault:
        bad = ~(np.abs(time) <= LARGEST)
        if not bad.any():
            return time
        fault = (
            f"holds {int(bad.sum())} missing or infinite values, the first at "
            f"{place(bad, variable.dims, None)}"
        )
        remedy = "fill them in, or remove those samples"
    else:
        remedy = "give seconds as numbers (or units='ms', say), or numpy dates"
    if needed is None:
        return None
    raise DataError(f"the coordinate 'time' {fault}, but {needed}; {remedy}.")


def unit_in_seconds(unit: str) -> float | None:
    """Return a unit of time in seconds, or None where it is none.

    >>> unit_in_seconds("ms"), unit_in_seconds("hours since 2026-01-01"), unit_in_seconds("m")
    (0.001, 3600.0, None)
    """
    known = UNIT.fullmatch(unit.partition(" since ")[0])
    if known is None:
        return None
    word = known["word"]
    size = SYMBOLS.get(word) or WORDS.get(word.lower().removesuffix("s"))
    return None if size is None else float(known["number"] or 1.0) * size
