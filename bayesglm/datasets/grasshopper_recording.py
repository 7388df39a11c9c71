"""The bundled recording of a grasshopper's auditory receptor neuron."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bayesglm.errors import DataError

if TYPE_CHECKING:
    import xarray as xr


def grasshopper(recording: int = 1) -> xr.Dataset:
    """Load ten seconds of a grasshopper's auditory receptor hearing noise, in 1 ms bins.

    A pure tone at the cell's preferred frequency was modulated by Gaussian white noise up to
    200 Hz (recording 1, 929 spikes) or 800 Hz (recording 2, 868 spikes). Data of Rokem et al.
    (2006), J Neurophysiol 95:2541-2552, as distributed with nitime (BSD-3; the notice is beside
    the file).

    Parameters
    ----------
    recording : {1, 2}

    Returns
    -------
    xarray.Dataset
        Dim ``time`` (10,000 bins; s, at the bins' centres). ``stimulus``: mean sound envelope in
        the bin, dB SPL. ``spikes``: spikes in the bin, at most 1.

    Raises
    ------
    DataError
        Any other recording.

    Examples
    --------
    >>> import bayesglm as bg
    >>> ds = bg.datasets.grasshopper()
    >>> ds.sizes["time"], int(ds["spikes"].sum())
    (10000, 929)
    """
    import xarray as xr

    if recording not in (1, 2):
        raise DataError(f"recording must be 1 or 2, got {recording!r}.")
    path = Path(__file__).with_name("grasshopper.nc")
    with xr.open_dataset(path, engine="h5netcdf") as both:
        one = both.sel(recording=recording).load()
    return (
        one.assign(
            stimulus=one["stimulus"].astype(float, keep_attrs=True),
            spikes=one["spikes"].astype(int, keep_attrs=True),
        )
        .drop_vars("cutoff")
        .assign_attrs(cutoff_hz=int(one["cutoff"]))
    )
