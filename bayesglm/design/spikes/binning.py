"""Spike times to counts, the verb."""

from __future__ import annotations

from typing import Any

import xarray as xr

from bayesglm.design.spikes.counts import count
from bayesglm.design.spikes.epochs import read_epochs
from bayesglm.design.spikes.grid import check_bin_size, lay_grid
from bayesglm.design.spikes.kinds import is_of
from bayesglm.design.spikes.trains import SpikeTimes, read_trains
from bayesglm.errors import DataError


def bin_spikes(times: Any, bin_size: float, start: float, stop: float) -> xr.DataArray:
    """Count spikes in bins of equal size.

    Parameters
    ----------
    times : array, mapping of units to arrays, list of arrays, or an object that holds spike times
        Seconds, in any order; pynapple's, Neo's and NWB's objects, and `SpikeTimes`, which says
        other units of time.
    bin_size : float
        Seconds of a bin.
    start, stop : float
        Seconds from which and up to which bins are laid. Bin k holds the spikes with
        ``start + k * bin_size <= t < start + (k + 1) * bin_size``; a time within 1.5e-9 s of an
        edge is at this edge, so that no spike moves by how floats round. Only whole bins are laid.

    Returns
    -------
    xarray.DataArray
        Small unsigned integers over ``time`` (the middle of each bin), and ``unit`` where there are
        units. Attributes say how many spikes lie outside.

    Raises
    ------
    DataError
        Times that are no numbers or not finite; spikes all before ``start`` or all after ``stop``;
        no whole bin.

    Examples
    --------
    >>> import bayesglm as bg
    >>> counts = bg.bin_spikes({"a": [0.1, 0.3], "b": [0.25, 0.28, 0.95]}, 0.1, 0.0, 0.5)
    >>> counts.sel(unit="a").values.tolist(), counts.sel(unit="b").values.tolist()
    ([0, 1, 0, 1, 0], [0, 0, 2, 0, 0])
    >>> counts.attrs["n_outside"]
    1
    """
    size = check_bin_size(bin_size)
    held = isinstance(times, SpikeTimes) or is_of(times, "pynapple", "neo", "pynwb")
    trains = read_trains("spikes", times if held else SpikeTimes(times))
    if trains is None:
        raise DataError(f"times of type {type(times).__name__!r} are no spike times.")
    grid = lay_grid(read_epochs((start, stop), "start and stop"), size)
    counts = count("spikes", trains, grid, "time", "unit")
    return counts.load().assign_coords(time=grid.centres()).rename("spikes")
