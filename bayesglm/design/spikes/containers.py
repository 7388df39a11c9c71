"""Files and objects that hold a whole recording: NWB files, and Neo's segments."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bayesglm.design.spikes.kinds import is_kind
from bayesglm.design.spikes.trains import is_population
from bayesglm.errors import DataError
from bayesglm.spec.hints import closest

SPIKES = "spikes"  # name of the variable of a container's units
OF_SAMPLES = ("time", "trial", "unit")  # names that samples and units have
INSTALL = "pip install 'bayesglm[neuro]'"


@dataclass(frozen=True, eq=False)
class Container:
    """What a recording holds: entries by name, and its tables of intervals by name."""

    entries: dict[str, Any]
    intervals: dict[str, Any]

    def epochs(self, given: Any) -> Any:
        """Return the intervals that a name says, anything else as it is."""
        if not isinstance(given, str):
            return given
        if given not in self.intervals:
            known = list(self.intervals)
            raise DataError(
                f"epochs={given!r} names no intervals of the recording, which has "
                f"{', '.join(map(repr, known)) or 'none'}.{closest(given, known)}"
            )
        return self.intervals[given]


def is_container(data: Any) -> bool:
    """Say whether data are one object, or a path, that holds a whole recording."""
    return (
        _is_path(data)
        or is_population(data)
        or is_kind(data, "pynwb", "NWBFile")
        or is_kind(data, "pynapple", "NWBFile")
        or is_kind(data, "neo", "Segment", "Block")
    )


def _is_path(data: Any) -> bool:
    return isinstance(data, (str, os.PathLike)) and Path(data).suffix.lower() == ".nwb"


def open_container(data: Any) -> Container | None:
    """Return what is in an NWB file (a path, pynwb's or pynapple's object), a segment or units.

    None for anything else.
    """
    if _is_path(data):
        return _of_file(_opened(Path(data)))
    if is_kind(data, "pynwb", "NWBFile"):
        return _of_file(data)
    if is_kind(data, "neo", "Segment"):
        return _of_segment(data)
    if is_kind(data, "pynapple", "NWBFile"):
        return _of_loaded(data)
    if is_population(data):
        return Container({SPIKES: data}, {})
    if is_kind(data, "neo", "Block"):
        raise DataError(
            f"data are a Block of Neo's, of {len(data.segments)} segments; say which: "
            "block.segments[0]."
        )
    return None


def _opened(path: Path) -> Any:
    """Open an NWB file, which stays open while variables are read from it.

    With the last of these h5py closes it, of which nothing need be told.
    """
    if not path.is_file():
        raise DataError(f"there is no file {str(path)!r}.")
    try:
        from pynwb import NWBHDF5IO
    except ImportError as error:
        raise DataError(
            f"NWB files are read by pynwb, which is not installed: {INSTALL}."
        ) from error
    try:
        silent = type("Opened", (NWBHDF5IO,), {"__del__": lambda opened: None})
        return silent(str(path), mode="r").read()
    except Exception as error:
        raise DataError(f"{str(path)!r} cannot be read as an NWB file: {error}.") from error


def _of_file(file: Any) -> Container:
    """Return units, series, events and intervals of an NWB file."""
    series = [*file.stimulus.values(), *file.acquisition.values()]
    for module in file.processing.values():
        series += module.data_interfaces.values()
    entries: dict[str, Any] = {} if file.units is None else {SPIKES: file.units}
    for one in _series_in(series):
        entries[_free(one.name, entries)] = one
    for name, table in dict(getattr(file, "events", None) or {}).items():
        entries[_free(name, entries)] = table
    intervals = dict(file.intervals or {})
    for name in ("trials", "epochs"):
        if getattr(file, name) is not None:
            intervals[name] = getattr(file, name)
    return Container(entries, intervals)


def _series_in(objects: Iterable[Any]) -> Iterable[Any]:
    """Yield the time series among objects of an NWB file, and those in their collections."""
    for one in objects:
        if is_kind(one, "pynwb", "TimeSeries"):
            if not is_kind(one, "pynwb", "ImageSeries") or one.external_file is None:
                yield one
        elif hasattr(one, "children"):
            yield from _series_in(one.children)


def _of_loaded(file: Any) -> Container:
    """Return what pynapple reads of a file, its units under the name of spikes."""
    every = {name: file[name] for name in file}
    is_interval = {name: is_kind(one, "pynapple", "IntervalSet") for name, one in every.items()}
    entries: dict[str, Any] = {}
    for name, one in every.items():
        if not is_interval[name] and one.__class__.__module__.startswith("pynapple"):
            entries[_free(SPIKES if name == "units" else name, entries)] = one
    return Container(entries, {name: every[name] for name in every if is_interval[name]})


def _of_segment(segment: Any) -> Container:
    """Return spike trains, signals, events and epochs of a segment of Neo's."""
    entries: dict[str, Any] = {}
    if len(segment.spiketrains):
        entries[SPIKES] = segment.spiketrains
    for kind in ("analogsignals", "irregularlysampledsignals", "events"):
        for k, one in enumerate(getattr(segment, kind)):
            entries[_free(one.name or f"{kind.removesuffix('s')}_{k}", entries)] = one
    intervals: dict[str, Any] = {}
    for k, one in enumerate(segment.epochs):
        intervals[_free(one.name or f"epoch_{k}", intervals)] = one
    return Container(entries, intervals)


def _free(name: str, taken: dict[str, Any]) -> str:
    """Return a name without spaces and slashes, numbered where it is taken."""
    free = str(name).strip().replace(" ", "_").replace("/", "_")
    others = {*taken, *OF_SAMPLES}
    numbered = (f"{free}_{k}" for k in range(1, len(others) + 1))
    return free if free not in others else next(one for one in numbered if one not in others)
