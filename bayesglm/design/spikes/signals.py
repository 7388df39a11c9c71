"""Signals with times of their own: where their samples lie, and what holds their values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesglm.design.clock import seconds
from bayesglm.design.spikes.formed import taken
from bayesglm.design.spikes.kinds import in_seconds, is_kind
from bayesglm.design.timed import plain_values, times_of
from bayesglm.design.variables import is_category
from bayesglm.errors import DataError

Array = np.ndarray
REGULAR = 1e-6  # of a step, to which regular times are
MISSED = 5.0  # steps without a sample from which on a signal has a gap


@dataclass(frozen=True, eq=False)
class Stamped:
    """Samples at times that are written down, in order."""

    times: Array

    @property
    def n(self) -> int:
        """Number of samples."""
        return len(self.times)

    @cached_property
    def step(self) -> float:
        """Seconds from a sample to the next, the median; infinite of a single one."""
        return float(np.median(np.diff(self.times))) if self.n > 1 else np.inf

    def at(self, first: int, last: int) -> Array:
        """Return the times of samples ``first`` to ``last - 1``."""
        return self.times[first:last]

    def before(self, moment: float) -> int:
        """Return how many samples lie before a moment."""
        return int(np.searchsorted(self.times, moment))

    def gap(self, start: float, stop: float, size: float) -> tuple[float, float] | None:
        """Return the first stretch of an epoch without samples for several steps and a whole bin.

        Bins of ``size`` seconds are laid from ``start``.
        """
        low, high = self.before(start), self.before(stop)
        times = np.r_[self.times[max(low - 1, 0) : high + 1], [] if high < self.n else [stop]]
        bins = np.floor(np.clip((times - start) / size, -1.0, (stop - start) / size) + 1e-6)
        wide = (np.diff(times) > MISSED * self.step) & (np.diff(bins) >= 2)
        k = int(np.argmax(wide)) if wide.any() else None
        return None if k is None else (float(times[k]), float(times[k + 1]))


@dataclass(frozen=True)
class Regular:
    """Samples at ``start + k step``, whose times are never written down."""

    start: float
    step: float
    n: int

    def at(self, first: int, last: int) -> Array:
        """Return the times of samples ``first`` to ``last - 1``."""
        return self.start + np.arange(first, last) * self.step

    def before(self, moment: float) -> int:
        """Return how many samples lie before a moment."""
        guess = int(np.clip(np.floor((moment - self.start) / self.step) - 1, 0, self.n))
        return guess + int(np.searchsorted(self.at(guess, min(guess + 4, self.n)), moment))

    def gap(self, start: float, stop: float, size: float) -> None:
        """Return None: regular samples have no gaps."""


type Samples = Stamped | Regular


def ends_of(samples: Samples) -> tuple[float, float]:
    """Return the times of the first and the last sample."""
    return float(samples.at(0, 1)[0]), float(samples.at(samples.n - 1, samples.n)[0])


@dataclass(frozen=True, eq=False)
class Signal:
    """Values at times: ``values`` has a shape, a dtype and slices; h5py's do."""

    name: str
    samples: Samples
    values: Any
    dims: tuple[str, ...] = ()
    coords: Mapping[str, Any] = field(default_factory=dict)
    units: str | None = None
    factor: Any = 1.0  # of the values to be in their units, also one for each channel
    shift: float = 0.0
    stretches: Array | None = None  # in which the library says that there are samples
    of_labels: bool = False  # whether its numbers are no amounts
    key: tuple[Any, ...] = ()  # which places of its further dims are meant; all by default

    @property
    def holds_amounts(self) -> bool:
        """Whether means of its values mean something: numbers, not words or categories."""
        return self.holds_numbers and not self.of_labels

    @property
    def holds_numbers(self) -> bool:
        """Whether its values are numbers or truth values."""
        return not is_category(self.values.dtype) and self.values.dtype.kind in "biuf"

    @property
    def is_scaled(self) -> bool:
        """Whether what is held is not yet in its units."""
        return bool(np.any(self.factor != 1.0)) or self.shift != 0.0

    def extent(self, bin_size: float) -> Array:
        """Return the time of its samples; each lasts a step, or is the middle of a bin of one."""
        if self.stretches is not None:
            return self.stretches
        step = self.samples.step if np.isfinite(self.samples.step) else bin_size
        first, last = ends_of(self.samples)
        shift = 0.5 * step if abs(step - bin_size) <= REGULAR * bin_size else 0.0
        return np.array([[first - shift, last + step - shift]])

    def read(self, first: int, last: int) -> Array:
        """Return the values of a range of samples, in their units."""
        if not any(isinstance(one, np.ndarray) for one in self.key):
            values = self.values[(slice(first, last), *self.key)]  # which h5py can do as well
        else:
            values = taken(self.values[first:last], self.key)
        if is_category(values.dtype):
            return np.asarray(values, dtype=object)
        values = np.asarray(values)
        if not self.is_scaled:
            return values
        every = np.broadcast_to(self.factor, (1, *self.values.shape[1:]))
        return values * taken(every, self.key) + self.shift


def read_signal(name: str, value: Any, dim: str) -> Signal | None:
    """Return the signal that an entry of the data is; None where it has no times of its own."""
    what = f"times of {name!r}"
    if is_kind(value, "pynapple", "Tsd", "TsdFrame", "TsdTensor"):
        support = _said_extent(value.time_support, np.asarray(value.t))
        dims, coords = _features(name, value.d.ndim - 1, getattr(value, "columns", None))
        return _stamped(name, value.t, value.d, dims, coords, stretches=support)
    if is_kind(value, "neo", "AnalogSignal"):
        start, step = (
            float(in_seconds(what, np.atleast_1d(one))[0])
            for one in (value.t_start, value.sampling_period)
        )
        return _of_neo(name, value, Regular(start, step, len(value)))
    if is_kind(value, "neo", "IrregularlySampledSignal"):
        return _of_neo(name, value, _in_order(name, in_seconds(what, value.times)))
    if is_kind(value, "pynwb", "TimeSeries"):
        return _of_nwb(name, value)
    if isinstance(value, (xr.DataArray, pd.Series, pd.DataFrame)):
        return _labelled(name, value, dim)
    times = times_of(name, value, dim) if name not in ("time", "trial") else None
    if times is None or not len(times):
        return None
    values = plain_values(name, value, len(times), dim)
    columns = getattr(value, "columns", None)
    dims, coords = _features(name, values.ndim - 1, columns)
    return _stamped(name, times, np.asarray(values), dims, coords)


def _said_extent(support: Any, times: Array) -> Array | None:
    """Return pynapple's time support, but where it is one that only ends with the samples."""
    stretches = np.asarray(support.values, dtype=np.float64)
    by_default = len(stretches) == 1 and np.isin(stretches, times).all()
    return None if by_default else stretches


def _stamped(name: str, times: Any, values: Any, dims: Any, coords: Any, **more: Any) -> Signal:
    samples = _in_order(name, in_seconds(f"times of {name!r}", times))
    return Signal(name, samples, values, tuple(dims), coords, **more)


def _in_order(name: str, times: Array) -> Stamped:
    if not len(times):
        raise DataError(f"{name!r} has no samples.")
    falls = np.diff(times) < 0
    if falls.any():
        k = int(np.argmax(falls))
        raise DataError(
            f"times of {name!r} go back at {int(falls.sum())} places, first from {times[k]:.9g} s "
            f"to {times[k + 1]:.9g} s at sample {k + 1}; sort its samples by time."
        )
    return Stamped(times)


def _features(name: str, n: int, columns: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return names of the dims beside the samples, and the labels of the first."""
    dims = tuple(f"{name}_dim_{k}" for k in range(n))
    coords = {} if columns is None or n != 1 else {dims[0]: [str(one) for one in columns]}
    return dims, coords


def _of_neo(name: str, value: Any, samples: Samples) -> Signal:
    """Return a signal of Neo's, of which one channel has no dim of channels."""
    values = np.asarray(value.magnitude)
    values = values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
    labels = value.array_annotations.get("channel_names")
    dims, coords = _features(name, values.ndim - 1, labels)
    return Signal(name, samples, values, dims, coords, value.dimensionality.string)


def _of_nwb(name: str, series: Any) -> Signal:
    """Return a series of an NWB file, whose values are read where they are needed."""
    values = series.data
    if not hasattr(values, "dtype"):
        values = np.asarray(values)
    dims, coords = _features(name, len(values.shape) - 1, None)
    if series.timestamps is None:
        step = 1.0 / float(series.rate)
        samples: Samples = Regular(float(series.starting_time or 0.0), step, len(values))
    else:
        samples = _in_order(name, in_seconds(f"times of {name!r}", series.timestamps[:]))
    if samples.n != len(values) or not samples.n:
        raise DataError(f"{name!r} has {samples.n} times and {len(values)} values in the file.")
    of_channels = getattr(series, "channel_conversion", None)
    each = 1.0 if of_channels is None else np.asarray(of_channels)
    factor, shift = float(series.conversion) * each, float(series.offset)
    signal = Signal(name, samples, values, dims, coords, series.unit, factor, shift)
    # The numbers of an IndexSeries are those of images.
    return replace(signal, of_labels=is_kind(series, "pynwb", "IndexSeries"))


def _labelled(name: str, value: Any, dim: str) -> Signal | None:
    """Return a labelled array or frame as a signal where its labels are times in seconds."""
    if isinstance(value, xr.DataArray):
        at = "time" if "time" in value.dims else dim
        times = times_of(name, value, at)
        if times is None and "time" in value.coords and value.coords["time"].ndim == 1:
            times = seconds(
                value.coords["time"], f"samples of {name!r} are brought into bins by it"
            )
    else:
        at, times = dim, times_of(name, value, dim)
        if times is None and value.index.dtype.kind == "f":
            times = value.index.to_numpy()
    if times is None:
        return None
    if times.dtype.kind == "M":
        raise DataError(
            f"times of {name!r} are dates, and bins are counted in seconds; give seconds from the "
            "start of the recording."
        )
    if isinstance(value, xr.DataArray):
        value = value.transpose(at, ...)
        dims = tuple(map(str, value.dims[1:]))
        coords = {key: one.variable for key, one in value.coords.items() if at not in one.dims}
        units = value.attrs.get("units")
        return _stamped(name, times, value.values, dims, coords, units=units)
    if isinstance(value, pd.Series):
        values = value.array if is_category(value.dtype) else value.to_numpy()
        return _stamped(name, times, values, (), {})
    dims, coords = _features(name, 1, value.columns)
    return _stamped(name, times, value.to_numpy(), dims, coords)
