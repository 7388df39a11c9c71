"""Counts of spikes in bins: kept as the bins that hold any, and laid out where they are read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from bayesglm.design.spikes.formed import Formed, formed
from bayesglm.design.spikes.grid import COARSEST, Grid
from bayesglm.design.spikes.intervals import lasted
from bayesglm.design.spikes.trains import Trains
from bayesglm.errors import DataError, tell

Array = np.ndarray
FASTEST = 1000.0  # spikes a second over a whole recording, more than any neuron fires
SLOWEST = 0.05  # spikes a second of the fastest unit, less than any recording is worth
ENOUGH = 50  # spikes from which a rate is judged


@dataclass(frozen=True, eq=False)
class Counted:
    """The bins that hold spikes of one train, and how many; and how many spikes lie in none."""

    bins: Array
    counts: Array
    outside: int


def count(name: str, trains: Trains, grid: Grid, dim: str, unit_dim: str) -> xr.DataArray:
    """Return counts over bins, and units where there are several: small unsigned integers.

    Raises DataError where times and epochs are of different clocks. Tells what looks like a
    mistake: times that occur twice, and rates that only another unit of time explains.
    """
    if trains.extent is not None:
        _check_covers(name, trains.extent, grid)
    every = [_counted(times, grid) for times in trains.times]
    n_spikes = sum(map(len, trains.times))
    outside = sum(one.outside for one in every)
    if n_spikes and outside == n_spikes and trains.extent is None:
        check_clock(name, trains.times, grid)
    _look_at(name, trains, grid, every)
    largest = max((int(one.counts.max(initial=0)) for one in every), default=0)
    dtype = np.min_scalar_type(largest)
    counted = [Counted(one.bins, one.counts.astype(dtype), one.outside) for one in every]
    attrs = {
        "bins": f"spikes in bins of {grid.size:g} s; {outside} of {n_spikes} lie outside",
        "n_outside": outside,
    }
    if trains.labels is None:
        alone = Formed((grid.n_bins,), dtype, lambda part, key: _one(counted[0], part))
        return xr.DataArray(formed((dim,), alone, attrs))

    def form(part: slice, key: tuple[Any, ...]) -> Array:
        units = np.arange(len(counted))[key[0]]
        if units.ndim == 0:
            return _one(counted[int(units)], part)
        laid = np.zeros((part.stop - part.start, len(units)), dtype)
        for k, unit in enumerate(units):
            _lay(counted[unit], part, laid[:, k])
        return laid

    coords: dict[str, Any] = {unit_dim: trains.labels}
    coords |= {f"{unit_dim}_{key}": (unit_dim, one) for key, one in trains.columns.items()}
    array = Formed((grid.n_bins, len(counted)), dtype, form)
    return xr.DataArray(formed((dim, unit_dim), array, attrs), coords=coords)


def _check_covers(name: str, extent: Array, grid: Grid) -> None:
    """Raise DataError where an epoch reaches, by more than a bin, to where nothing was recorded."""
    covered = lasted(grid.stops, extent) - lasted(grid.epochs.start, extent)
    bad = grid.stops - grid.epochs.start - covered > grid.size + grid.slack
    if bad.any():
        k = int(np.argmax(bad))
        raise DataError(
            f"{name!r} was recorded from {extent[0, 0]:.6g} to {extent[-1, 1]:.6g} s"
            f"{' with gaps' if len(extent) > 1 else ''}, as it says itself, which does not cover "
            f"{int(bad.sum())} of {len(bad)} epochs, first the one at place {k} from "
            f"{grid.epochs.start[k]:.6g} to {grid.stops[k]:.6g} s; no spikes there would be taken "
            "for silence. Give epochs inside the recording."
        )


def check_clock(name: str, every: Iterable[Array], grid: Grid) -> None:
    """Raise DataError where times end before the epochs begin, or begin after these end."""
    known = [times for times in every if len(times)]
    first, last = min(times.min() for times in known), max(times.max() for times in known)
    start, stop = grid.epochs.start[0], grid.stops[-1]
    if last < start or first >= stop:
        raise DataError(
            f"{name!r}: its times run from {first:.6g} to {last:.6g} s, and the epochs from "
            f"{start:.6g} to {stop:.6g} s, so that none lies in them. Give all in seconds of one "
            "clock."
        )


def _counted(times: Array, grid: Grid) -> Counted:
    """Count one train; its times are sorted, and so are their bins."""
    bins = grid.bins(times)
    bins = bins[bins >= 0]
    firsts = np.flatnonzero(np.r_[len(bins) > 0, bins[1:] != bins[:-1]])
    counts = np.diff(np.r_[firsts, len(bins)])
    return Counted(bins[firsts], counts, len(times) - len(bins))


def _one(counted: Counted, part: slice) -> Array:
    laid = np.zeros(part.stop - part.start, counted.counts.dtype)
    _lay(counted, part, laid)
    return laid


def _lay(counted: Counted, part: slice, laid: Array) -> None:
    """Write a range of one train's counts."""
    first, last = np.searchsorted(counted.bins, (part.start, part.stop))
    laid[counted.bins[first:last] - part.start] = counted.counts[first:last]


def _look_at(name: str, trains: Trains, grid: Grid, every: list[Counted]) -> None:
    """Tell of times that occur twice and of rates that are implausible, the first unit by name."""
    labels = (
        [""] if trains.labels is None else [f", unit {one!r}," for one in trains.labels.tolist()]
    )
    twice = [int(np.count_nonzero(times[1:] == times[:-1])) for times in trains.times]
    if any(twice) and not trains.may_be_events:
        k, n_units = int(np.flatnonzero(twice)[0]), sum(map(bool, twice))
        others = f" (so have {n_units} units in all)" if n_units > 1 else ""
        tell(
            f"{name!r}{labels[k]} has {twice[k]} spikes at the very time of another{others}, and "
            "each is counted; if a sorter wrote them twice, give numpy.unique of the times."
        )
    if trains.good_to > COARSEST * grid.size:
        tell(
            f"{name!r}: its times are in single precision, good to {trains.good_to:.1g} s only, so "
            f"that spikes may lie in a bin beside theirs, of {grid.size:g} s. Give them in double "
            "precision, as they were recorded."
        )
    duration = float(grid.lengths.sum() * grid.size)
    rates = [float(one.counts.sum()) / duration for one in every]
    k = int(np.argmax(rates)) if rates else 0
    if rates and rates[k] > FASTEST and every[k].counts.sum() >= ENOUGH:
        tell(
            f"{name!r}{labels[k]} fires {rates[k]:.3g} spikes a second, more than a neuron can. "
            "Times are read in seconds; if they are not, say bayesglm.SpikeTimes(times, units=...)."
        )
    if trains.may_be_events:
        return
    spans = [
        len(times) / (times[-1] - times[0])
        for times in trains.times
        if len(times) >= ENOUGH and times[-1] > times[0]
    ]
    if spans and max(spans) < SLOWEST:
        tell(
            f"{name!r}: the fastest unit fires {max(spans):.2g} spikes a second. Times are read in "
            "seconds; if they are milliseconds, say bayesglm.SpikeTimes(times, units='ms')."
        )
