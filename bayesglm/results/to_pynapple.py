"""Results as pynapple's objects, with the epochs of the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.design.clock import seconds
from bayesglm.design.labels import coords_over
from bayesglm.errors import DataError

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
APART = 1e-6  # seconds that pynapple leaves between epochs which touch
GAP = 1.5  # steps from which on two samples are not of one epoch


def to_pynapple(result: xr.Dataset | xr.DataArray) -> Any:
    """Return what lies on time, predictions say, as time series of pynapple.

    Parameters
    ----------
    result : xarray.DataArray or xarray.Dataset
        What `predict`, `as_dataset` and `bin_spikes` give. Its samples have a ``time`` in seconds,
        which rises, and a ``trial`` where there are trials.

    Returns
    -------
    pynapple.Tsd, TsdFrame or TsdTensor, or a dict of them by name
        Of a DataArray its series, of a Dataset those of all variables on time. Units, or other
        labels of a second dim, are the columns; draws are further dims, after time. The time
        support is a stretch for each trial, its label in the metadata ``trial``, or for each run of
        samples without a gap.

    Raises
    ------
    DataError
        Nothing that lies on time; times that go back (trials on a clock of their own have no one
        time); pynapple not installed.

    Examples
    --------
    >>> import bayesglm as bg
    >>> spikes, trials = {"a": [0.12, 0.31, 0.33]}, {"go": (0, 0.2), "no": (0.3, 0.5)}
    >>> data = bg.as_dataset({"spikes": spikes}, bin_size=0.1, epochs=trials)
    >>> counts = bg.to_pynapple(data["spikes"].sel(unit="a"))
    >>> counts.d.tolist(), list(counts.time_support["trial"])
    ([0, 1, 2, 0], ['go', 'no'])
    """
    import xarray as xr

    if not isinstance(result, (xr.Dataset, xr.DataArray)):
        raise DataError(
            f"a {type(result).__name__} does not lie on time; give a Dataset or a DataArray, such "
            "as predict(fit) returns, or one group of a tree: fit['observed_data'].to_dataset()."
        )
    if isinstance(result, xr.Dataset):
        dim = _dim_of_time(result)
        names = [name for name in result.data_vars if dim in result[name].dims]
        if not names:
            raise DataError(f"no variable lies on {dim!r}; give predictions, or binned data.")
        return {str(name): to_pynapple(result[name]) for name in names}
    return _series(result, _dim_of_time(result))


def _dim_of_time(result: xr.Dataset | xr.DataArray) -> str:
    if "time" not in result.coords or result.coords["time"].ndim != 1:
        raise DataError(
            "the result has no coordinate 'time', by which pynapple orders its samples; say "
            "bin_size= to as_dataset before the fit."
        )
    return str(result.coords["time"].dims[0])


def _series(result: xr.DataArray, dim: str) -> Any:
    try:
        import pynapple
    except ImportError as error:
        raise DataError("pynapple is not installed: pip install 'bayesglm[neuro]'.") from error
    ordered = result.transpose(dim, ...)
    times = seconds(ordered.coords["time"], "pynapple orders samples by it")
    assert times is not None
    support = _support(ordered, dim, times)
    metadata = {} if support[2] is None else {"trial": support[2]}
    epochs = pynapple.IntervalSet(support[0], support[1], metadata=metadata)
    values = np.asarray(ordered.values)
    if values.ndim == 1:
        return pynapple.Tsd(t=times, d=values, time_support=epochs)
    if values.ndim > 2:
        return pynapple.TsdTensor(t=times, d=values, time_support=epochs)
    columns = ordered.coords.get(str(ordered.dims[1]))
    labels = np.arange(values.shape[1]) if columns is None else columns.values
    return pynapple.TsdFrame(t=times, d=values, time_support=epochs, columns=labels)


def _support(result: xr.DataArray, dim: str, times: Array) -> tuple[Array, Array, Array | None]:
    """Return starts and ends of the stretches that samples fill, and the trial of each."""
    steps = np.diff(times)
    if not len(times) or np.any(steps <= 0):
        k = int(np.argmax(steps <= 0)) if len(times) else 0
        raise DataError(
            "times must rise from sample to sample, and "
            + (f"do not from {times[k]:.9g} s on; " if len(times) else "there are none; ")
            + "trials on clocks of their own are given to pynapple one by one."
        )
    trial = coords_over(result, dim).get("trial")
    step = float(np.median(steps)) if len(steps) else 1.0
    cut = steps > GAP * step if trial is None else trial.values[1:] != trial.values[:-1]
    first = np.flatnonzero(np.r_[True, cut])
    last = np.r_[first[1:], len(times)] - 1
    start, stop = times[first] - 0.5 * step, times[last] + 0.5 * step
    stop[:-1] = np.minimum(stop[:-1], start[1:] - APART)
    return start, stop, None if trial is None else trial.values[first]
