"""Spike times: of one train or of many units, from whatever holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np
import pandas as pd

from bayesglm.design.clock import unit_in_seconds
from bayesglm.design.labels import in_words, plain_labels
from bayesglm.design.spikes.extents import intersection
from bayesglm.design.spikes.kinds import in_seconds, is_kind, plain_columns, table_columns
from bayesglm.design.timed import foreign_times, holds_times_only, is_foreign
from bayesglm.errors import DataError
from bayesglm.spec.hints import shown
from bayesglm.spec.names import first_repeat

Array = np.ndarray
SINGLE = (np.dtype(np.float16), np.dtype(np.float32))


@dataclass(frozen=True, eq=False)
class SpikeTimes:
    """Spike times among the data of `as_dataset`, which are counted in bins.

    Plain arrays there are values of the samples; this says that they are times.

    Parameters
    ----------
    times : array, list of arrays, or mapping of units to arrays
        The times of one train, or of several units, in any order.
    units : str
        The unit of the times: ``"s"``, ``"ms"``, ``"us"``; ``"30000 Hz"`` of sample numbers.

    Raises
    ------
    DataError
        Where the unit is none of time.

    Examples
    --------
    >>> import bayesglm as bg
    >>> times = bg.SpikeTimes({"a": [1.0, 12.0, 13.5], "b": [7.0]}, units="ms")
    >>> data = bg.as_dataset({"spikes": times}, bin_size=0.005, epochs=(0.0, 0.015))
    >>> data["spikes"].sel(unit="a").values.tolist()
    [1, 0, 2]
    """

    times: Any
    units: str = "s"

    def __post_init__(self) -> None:
        if not isinstance(self.units, str) or self.seconds is None:
            raise DataError(
                f"units={self.units!r} of spike times are no unit of time; write 's', 'ms', 'us', "
                "or '30000 Hz' of sample numbers."
            )

    @property
    def seconds(self) -> float | None:
        """One unit in seconds."""
        rate = self.units.strip().removesuffix("Hz")
        if rate != self.units.strip():
            try:
                return 1.0 / float(rate)
            except (ValueError, ZeroDivisionError):
                return None
        return unit_in_seconds(self.units)

    def __repr__(self) -> str:
        return f"SpikeTimes({shown(self.times)}, units={self.units!r})"


@dataclass(frozen=True, eq=False)
class Trains:
    """Spike times in seconds, sorted, a train each unit; ``labels`` are None of a single train."""

    times: tuple[Array, ...]
    labels: Array | None
    columns: Mapping[str, Array] = field(default_factory=dict)  # what else is known of each unit
    extent: Array | None = None  # stretches (start, stop) in which spikes were recorded
    may_be_events: bool = False
    good_to: float = 0.0  # seconds, to which their numbers tell times apart, if not in double


def is_population(value: Any) -> bool:
    """Say whether a value is an object that holds the spike times of units."""
    return (
        isinstance(value, SpikeTimes)
        or is_kind(value, "pynapple", "TsGroup")
        or is_kind(value, "neo", "SpikeTrainList")
        or is_kind(value, "pynwb", "Units")
    )


def read_trains(name: str, value: Any) -> Trains | None:
    """Return the spike times that an entry of the data holds; None where it holds none.

    Plain arrays, and lists of arrays of one length, are values.
    """
    what = f"times of {name!r}"
    if isinstance(value, SpikeTimes):
        assert value.seconds is not None
        return _of_any(what, value.times, value.seconds)
    if is_kind(value, "pynapple", "TsGroup"):
        return _of_group(what, value)
    if is_kind(value, "pynapple", "Ts"):
        times = _sorted(what, value.t)
        extent = _said_extent(value.time_support, times)
        return Trains((times,), None, extent=extent, may_be_events=True)
    if is_kind(value, "neo", "SpikeTrain"):
        return Trains((_sorted(what, value.times),), None, extent=_neo_extent(what, [value]))
    if is_kind(value, "neo", "SpikeTrainList"):
        return _of_any(what, list(value), 1.0)
    if is_kind(value, "pynwb", "Units"):
        return _of_table(what, value)
    if isinstance(value, Mapping) or is_ragged(value):
        return _of_any(what, value, 1.0)
    if is_foreign(value) and holds_times_only(value):
        return _of_any(what, foreign_times(value), 1.0)
    return None


def is_ragged(value: Any) -> bool:
    """Say whether a list holds trains: Neo's, or arrays of times that differ in length."""
    if not isinstance(value, (list, tuple)) or not len(value):
        return False
    if all(is_kind(one, "neo", "SpikeTrain") or is_kind(one, "pynapple", "Ts") for one in value):
        return True
    lengths = {len(one) if isinstance(one, (list, tuple, np.ndarray)) else -1 for one in value}
    return len(lengths) > 1 and -1 not in lengths


def _of_any(what: str, times: Any, unit: float) -> Trains:
    """Return the trains of a mapping, a list of trains, or the times of one."""
    if isinstance(times, Mapping):
        labels, trains = in_words(plain_labels(pd.Index(list(times)))), list(times.values())
    elif isinstance(times, (list, tuple)) and times and (np.ndim(times[0]) or _has_t(times[0])):
        labels, trains = _names(times), list(times)
    else:
        return Trains((_sorted(what, times, unit),), None, good_to=_good_to([times]) * unit)
    if not trains:
        raise DataError(f"{what}: there are no units; leave the entry out.")
    if len(set(map(str, labels.tolist()))) < len(labels):
        raise DataError(f"{what}: two units have one name, written out; rename one.")
    every = tuple(
        _sorted(f"{what}, unit {label!r},", one.t if _has_t(one) else one, unit)
        for label, one in zip(labels.tolist(), trains, strict=True)
    )
    of_neo = all(is_kind(one, "neo", "SpikeTrain") for one in trains)
    extent = _neo_extent(what, trains) if of_neo else None
    return Trains(every, labels, extent=extent, good_to=_good_to(trains) * unit)


def _good_to(trains: list[Any]) -> float:
    """Return how far apart numbers of less than double precision are at the largest time."""
    arrays = [np.abs(one) for one in trains if getattr(one, "dtype", None) in SINGLE and len(one)]
    return max((float(np.spacing(one.max())) for one in arrays), default=0.0)


def _has_t(value: Any) -> bool:
    return is_kind(value, "pynapple", "Ts")


def _names(trains: Any) -> Array:
    """Return the names of a list's trains where each has one of its own, else their numbers."""
    names = [getattr(one, "name", None) for one in trains]
    if all(isinstance(one, str) and one for one in names) and first_repeat(names) is None:
        return np.array(names, dtype=object)
    return np.arange(len(trains))


def _sorted(what: str, times: Any, unit: float = 1.0) -> Array:
    """Return times in seconds in their order; sorted times are not copied."""
    seconds = in_seconds(what, times, unit)
    return seconds if np.all(seconds[1:] >= seconds[:-1]) else np.sort(seconds)


def _of_group(what: str, group: Any) -> Trains:
    """Return the trains of pynapple's TsGroup, whose times are sorted."""
    labels = in_words(plain_labels(np.asarray(group.index)))
    trains = tuple(
        _sorted(f"{what}, unit {label!r},", group[label].t) for label in group.index.tolist()
    )
    columns = {name: one for name, one in dict(group.metadata).items() if name != "rate"}
    extent = _said_extent(group.time_support, np.concatenate(trains) if trains else np.empty(0))
    return Trains(trains, labels, plain_columns(columns, len(trains)), extent)


def _said_extent(support: Any, times: Array) -> Array | None:
    """Return pynapple's time support, but where it only begins and ends with spikes.

    That is the support of trains for which nobody said one.
    """
    stretches = np.asarray(support.values, dtype=np.float64)
    return None if np.isin(stretches, times).all() else stretches


def _neo_extent(what: str, trains: list[Any]) -> Array:
    """Return the time in which all of Neo's trains were recorded."""
    start, stop = (
        np.concatenate([in_seconds(what, np.atleast_1d(getattr(one, end))) for one in trains])
        for end in ("t_start", "t_stop")
    )
    return np.array([[start.max(), stop.min()]])


def _of_table(what: str, units: Any) -> Trains:
    """Return the trains of a table of units of an NWB file, read in one go."""
    if "spike_times" not in units.colnames:
        raise DataError(f"{what}: the table of units has no column 'spike_times'.")
    index = units["spike_times"]
    ends = np.asarray(index.data[:], dtype=np.int64)
    given = np.asarray(index.target.data[:])
    every = given.astype(np.float64, copy=False)
    labels = np.asarray(units.id[:])
    trains = tuple(
        _sorted(f"{what}, unit {label!r},", train)
        for label, train in zip(labels.tolist(), np.split(every, ends)[: len(ends)], strict=True)
    )
    extent = _observed(units) if "obs_intervals" in units.colnames else None
    columns = table_columns(units, ("spike_times",))
    return Trains(trains, labels, columns, extent, good_to=_good_to([given]))


def _observed(units: Any) -> Array:
    """Return the stretches in which all units of an NWB file were observed."""
    index = units["obs_intervals"]
    ends = np.asarray(index.data[:], dtype=np.int64)
    every = np.asarray(index.target.data[:], dtype=np.float64).reshape(-1, 2)
    return reduce(intersection, np.split(every, ends)[: len(ends)])
