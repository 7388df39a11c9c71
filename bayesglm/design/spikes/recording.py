"""Recordings: spike times, signals and epochs of one clock, brought into the same bins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from bayesglm.design.labels import COORDINATES
from bayesglm.design.spikes.containers import is_container, open_container
from bayesglm.design.spikes.counts import check_clock, count
from bayesglm.design.spikes.epochs import Epochs, is_epochs, read_epochs
from bayesglm.design.spikes.events import read_events
from bayesglm.design.spikes.extents import common_extent, extent_of_times
from bayesglm.design.spikes.formed import Formed, formed
from bayesglm.design.spikes.grid import Grid, check_bin_size, lay_grid
from bayesglm.design.spikes.intervals import share_inside
from bayesglm.design.spikes.kinds import is_of
from bayesglm.design.spikes.resampling import WAYS, fault_of_cover, resample, way_of
from bayesglm.design.spikes.signals import Signal, read_signal
from bayesglm.design.spikes.trains import SpikeTimes, Trains, is_ragged, read_trains
from bayesglm.design.timed import is_foreign
from bayesglm.errors import DataError, tell
from bayesglm.spec.hints import closest, is_among, shown

Array = np.ndarray
LONG_BIN = 1.0  # seconds, of longer bins of spikes than which is asked whether they are meant


@dataclass(frozen=True, eq=False)
class Recording:
    """The entries of a recording, read: each is of one of these kinds, by name."""

    trains: dict[str, Trains]
    signals: dict[str, Signal]
    stretches: dict[str, Epochs]
    events: dict[str, xr.DataArray]
    others: dict[str, Any]  # values of the bins, and what has a dim of its own
    faults: dict[str, str]  # what is wrong with entries of a container, which are left out

    def unit_dim(self, name: str) -> str:
        """Return the dim of the units of a population: ``unit``, where there is but one."""
        several = sum(one.labels is not None for one in self.trains.values()) > 1
        return f"{name}_unit" if several else "unit"


def is_recording(data: Any, bin_size: Any, epochs: Any) -> bool:
    """Say whether data are to be brought into bins.

    They are where epochs are said, where a file or an object holds a whole recording, and where
    bin_size stands beside spike times, or beside objects with times of their own. Arrays, labelled
    arrays and frames alone are values of the samples.
    """
    if epochs is not None or is_container(data):
        return True
    if not isinstance(data, Mapping) or bin_size is None:
        return False
    return any(_has_clock(value) for value in data.values())


def _has_clock(value: Any) -> bool:
    held = isinstance(value, (SpikeTimes, Mapping)) or is_ragged(value) or is_foreign(value)
    return held or is_of(value, "pynapple", "neo", "pynwb")


def read_recording(
    data: Any, dim: str, bin_size: Any, epochs: Any, ways: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Bring the entries of a recording into bins; return them, and the labels of the samples.

    ``ways`` says how signals are brought into bins: a word for all, or by name.
    """
    if bin_size is None:
        raise DataError("spikes and signals are counted in bins; say bin_size=, in seconds.")
    size = check_bin_size(bin_size)
    container = open_container(data)
    if container is None and not isinstance(data, Mapping):
        raise DataError(
            f"data of type {type(data).__name__!r} hold no entries that epochs could cut; give a "
            "mapping of names to spike times, signals and arrays."
        )
    entries = data if container is None else container.entries
    named = {str(name): value for name, value in entries.items()}
    recording = _read(named, dim, container is not None)
    said = epochs if container is None else container.epochs(epochs)
    if isinstance(said, str):
        raise DataError(
            f"epochs={said!r} names intervals of a file, and the data are none; give the intervals."
        )
    stretches = _extent(recording, size, container is not None) if said is None else None
    grid = lay_grid(read_epochs(said, are_trials=True) if stretches is None else stretches, size)
    if recording.trains and size > LONG_BIN:
        tell(
            f"bin_size={size:g} is in seconds: {grid.n_bins} bins, of {size:g} s each, in which "
            f"spikes are counted. If milliseconds were meant, say bin_size={1e-3 * size:g}."
        )
    if container is not None:
        recording = _covering(recording, grid)
    laid = _lay(recording, grid, dim, _ways(ways, recording))
    return laid, _labels(grid, dim)


def _read(entries: Mapping[str, Any], dim: str, leave_out: bool) -> Recording:
    """Read every entry as what it is; with ``leave_out`` signals with a fault are left out."""
    recording = Recording({}, {}, {}, {}, {}, {})
    for name, value in entries.items():
        if name in COORDINATES:
            raise DataError(
                f"the entry {name!r} stands beside spikes or signals with times of their own; bins "
                "have the time of the recording, and trials are said as epochs=."
            )
        events, trains = read_events(name, value), read_trains(name, value)
        if events is not None:
            recording.events[name] = events
        elif trains is not None:
            recording.trains[name] = trains
        elif is_epochs(value):
            recording.stretches[name] = read_epochs(value, repr(name))
        else:
            try:
                signal = read_signal(name, value, dim)
            except DataError as error:
                if not leave_out:
                    raise
                recording.faults[name] = str(error)
                continue
            kind: dict[str, Any] = recording.others if signal is None else recording.signals
            kind[name] = value if signal is None else signal
    return recording


def _extent(recording: Recording, size: float, is_container: bool) -> Epochs:
    """Return from when to when everything was recorded, as the entries say."""
    said = [(name, one.extent(size)) for name, one in recording.signals.items()]
    said += [(name, one.extent) for name, one in recording.trains.items() if one.extent is not None]
    if said:
        return common_extent(said, is_container)
    for value in recording.others.values():
        if not isinstance(value, xr.DataArray) and np.ndim(value):
            return Epochs(np.zeros(1), np.array([_length(value) * size]))
    every = [times for one in recording.trains.values() for times in one.times]
    return common_extent([("spikes", extent_of_times(every, size))], is_container)


def _covering(recording: Recording, grid: Grid) -> Recording:
    """Leave out signals of a container that have a fault or do not cover the epochs, and tell."""
    uncovered = {name: fault_of_cover(one, grid) for name, one in recording.signals.items()}
    faults = recording.faults | {name: fault for name, fault in uncovered.items() if fault}
    if faults:
        tell(
            f"{len(faults)} signals of the recording are left out: "
            f"{', '.join(map(repr, faults))}. The first: {next(iter(faults.values()))}"
        )
    kept = {name: one for name, one in recording.signals.items() if name not in faults}
    return replace(recording, signals=kept)


def _ways(ways: Any, recording: Recording) -> dict[str, str | None]:
    """Return how each signal is brought into bins, as the user says."""
    names = list(recording.signals)
    by_name = ways if isinstance(ways, Mapping) else dict.fromkeys(names, ways)
    for name, way in by_name.items():
        if name not in names:
            raise DataError(
                f"resample names {name!r}, which is no signal with times of its own; these are "
                f"{', '.join(map(repr, names)) or 'none'}.{closest(name, names)}"
            )
        if way is not None and not is_among(way, WAYS):
            raise DataError(
                f"resample={shown(way)} of {name!r} is none of {', '.join(map(repr, WAYS))}."
            )
    return {name: by_name.get(name) for name in names}


def _lay(
    recording: Recording, grid: Grid, dim: str, ways: Mapping[str, str | None]
) -> dict[str, Any]:
    """Return every entry in bins, and what is known of each trial."""
    laid: dict[str, Any] = {}
    for name, trains in recording.trains.items():
        laid[name] = count(name, trains, grid, dim, recording.unit_dim(name))
    laid |= _lay_signals(recording.signals, grid, dim, ways)
    for name, stretches in recording.stretches.items():
        laid[name] = xr.DataArray(formed((dim,), *share_inside(stretches, grid)))
    for name, events in recording.events.items():
        if events.size:
            check_clock(name, [events.values], grid)
        laid[name] = events
    for name, value in recording.others.items():
        _check_length(name, value, grid.n_bins)
        laid[name] = value
    taken: set[Any] = {*laid, *COORDINATES}
    for one in laid.values():
        taken |= {*one.dims, *one.coords} if isinstance(one, xr.DataArray) else set()
    for name, column in grid.epochs.columns.items():
        free = f"trial_{name}" if name in taken else name
        laid.setdefault(free, xr.DataArray(formed((dim,), _of_trials(column, grid), {})))
    return laid


def _lay_signals(
    signals: Mapping[str, Signal], grid: Grid, dim: str, ways: Mapping[str, str | None]
) -> dict[str, xr.DataArray]:
    """Return signals in bins; tell which are held where nobody said how they come into them."""
    laid = {}
    held = []
    for name, signal in signals.items():
        chosen = ways[name] or way_of(signal, grid)
        if ways[name] is None and chosen == "previous":
            held.append(name)
        array, attrs = resample(signal, grid, chosen)
        variable = formed((dim, *signal.dims), array, attrs)
        laid[name] = xr.DataArray(variable, coords=dict(signal.coords))
    if held:
        tell(
            f"{', '.join(map(repr, held))}: fewer samples than bins, so each sample is held until "
            f"the next, as a frame is shown. Say so, resample={{{held[0]!r}: 'previous'}}, or "
            "'linear' of what changes smoothly between its samples."
        )
    return laid


def _of_trials(column: Array, grid: Grid) -> Formed:
    """Return what is known of each trial, at each of its bins."""

    def form(part: slice, key: tuple[Any, ...]) -> Array:
        parts = [np.repeat(column[k : k + 1], last - first) for k, first, last in grid.runs(part)]
        return np.concatenate([column[:0], *parts])

    return Formed((grid.n_bins,), column.dtype, form)


def _check_length(name: str, value: Any, n: int) -> None:
    """Raise DataError where plain values are not as many as there are bins."""
    if isinstance(value, xr.DataArray) or not np.ndim(value):
        return
    given = _length(value)
    if given == n:
        return
    raise DataError(
        f"{name!r} has {given} values without times, and there are {n} bins. Values at times "
        "are an xarray.DataArray with the coordinate 'time', or a pandas Series with times as its "
        f"index; times of spikes or events are bayesglm.SpikeTimes({name})."
    )


def _length(value: Any) -> int:
    return value.shape[0] if hasattr(value, "shape") else len(value)


def _labels(grid: Grid, dim: str) -> dict[str, Any]:
    """Return the time of each bin, its middle, and its trial where there are trials."""
    labels = {"time": grid.centres()}
    if grid.epochs.labels is not None:
        labels["trial"] = np.repeat(grid.epochs.labels, grid.lengths)
    return labels
