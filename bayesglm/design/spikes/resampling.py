"""Signals brought into bins: the mean of their samples there, or the sample that stands for one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from bayesglm.design.spikes.formed import Formed, taken
from bayesglm.design.spikes.grid import Grid, whole_bins
from bayesglm.design.spikes.signals import Signal, ends_of
from bayesglm.errors import DataError

Array = np.ndarray
WAYS = ("mean", "previous", "nearest", "linear")
AT_ONCE = 2**21  # values of a signal that are read at a time
SLOWER = 1.5  # steps a bin from which on a signal is slower than the bins
SAYS = {
    "mean": "mean of the samples in each bin",
    "previous": "last sample up to the middle of each bin",
    "nearest": "sample nearest to the middle of each bin",
    "linear": "on the line between the samples about the middle of each bin",
}


def way_of(signal: Signal, grid: Grid) -> str:
    """Return how a signal comes into bins where nobody says it.

    Numbers become the mean of the samples in each bin; those that are slower than the bins are held
    until the next sample; words and categories become the sample nearest to the middle.
    """
    if not signal.holds_amounts:
        return "nearest"
    return "mean" if signal.samples.step <= SLOWER * grid.size else "previous"


def resample(signal: Signal, grid: Grid, chosen: str) -> tuple[Formed, dict[str, Any]]:
    """Return a signal in bins, formed where it is read, and what to say of it."""
    steps = signal.samples.step / grid.size
    if chosen in ("mean", "linear") and not signal.holds_amounts:
        raise DataError(
            f"{signal.name!r} holds labels, of which there is no {chosen}; leave resample out for "
            "it, or say 'nearest' or 'previous'."
        )
    fault = fault_of_cover(signal, grid)
    if fault:
        raise DataError(
            f"{fault}. Give all in seconds of one clock, and as epochs= the stretches in which "
            "everything was recorded; they become trials that no lag crosses."
        )
    attrs: dict[str, Any] = {"resampled": f"{SAYS[chosen]}; {1 / steps:.4g} samples a bin"}
    if signal.units:
        attrs["units"] = signal.units
    dtype = _dtype_of(signal, chosen)
    shape = (grid.n_bins, *signal.values.shape[1:])

    def form(part: slice, key: tuple[Any, ...]) -> Array:
        kept = taken(np.empty((0, *shape[1:])), key).shape[1:]
        laid = np.empty((part.stop - part.start, *kept), dtype)
        first = 0
        for block in _blocks(replace(signal, key=key), grid, part, chosen, max(1, math.prod(kept))):
            laid[first : first + len(block)] = block
            first += len(block)
        return laid

    return Formed(shape, dtype, form), attrs


def _dtype_of(signal: Signal, way: str) -> np.dtype:
    """Return the kind of the values in bins: means of numbers are floats, single if these are."""
    if not signal.holds_numbers:
        return np.dtype(object)
    given = np.dtype(signal.values.dtype)
    if way in ("mean", "linear") or signal.is_scaled:
        return np.dtype(np.float32 if given in (np.float16, np.float32) else np.float64)
    return given


def fault_of_cover(signal: Signal, grid: Grid) -> str:
    """Say for which bins a signal has no sample; nothing where it covers all epochs."""
    samples, starts, stops = signal.samples, grid.epochs.start, grid.stops
    near = max(samples.step if np.isfinite(samples.step) else 0.0, grid.size) + grid.slack
    first, last = ends_of(samples)
    bad = (first > starts + near) | (last + SLOWER * near < stops)
    if bad.any():
        k = int(np.argmax(bad))
        return (
            f"{signal.name!r} does not cover {int(bad.sum())} of {len(starts)} epochs: its samples "
            f"lie from {first:.6g} to {last:.6g} s, and the epoch at place {k} from "
            f"{starts[k]:.6g} to {stops[k]:.6g} s"
        )
    for k, (start, stop) in enumerate(zip(starts, stops, strict=True)):
        gap = samples.gap(start, stop, grid.size)
        if gap is not None:
            return (
                f"{signal.name!r} has no samples from {gap[0]:.6g} to {gap[1]:.6g} s, inside the "
                f"epoch at place {k} ({start:.6g} to {stop:.6g} s)"
            )
    return ""


def _blocks(signal: Signal, grid: Grid, part: slice, way: str, width: int) -> Iterator[Array]:
    """Yield a range of bins of ``width`` values in order, from few samples at a time."""
    a_bin = max(1.0, grid.size / signal.samples.step) * width
    size = max(1, int(AT_ONCE / a_bin))
    for epoch, first, last in grid.runs(part):
        for low in range(first, last, size):
            high = min(low + size, last)
            start = float(grid.epochs.start[epoch]) + low * grid.size
            yield IN_BINS[way](signal, grid, start, high - low)


def _means(signal: Signal, grid: Grid, start: float, n: int) -> Array:
    """Return the mean of the samples in each of n bins, or the last before where there is none."""
    low = signal.samples.before(start - grid.slack)
    high = signal.samples.before(start + n * grid.size)
    places = whole_bins(signal.samples.at(low, high) - start, grid.size, grid.slack)
    ends = low + np.searchsorted(places, np.arange(n + 1))
    counts, last = np.diff(ends), ends[1:] - 1
    if counts.max() <= 1:
        return _at(signal, last)
    values = signal.read(int(ends[0]), int(ends[-1]))
    some = counts > 0
    kind = np.result_type(values.dtype, np.float64)
    sums = np.add.reduceat(values, ends[:-1][some] - ends[0], axis=0, dtype=kind)
    means = np.empty((n, *sums.shape[1:]))
    means[some] = sums / counts[some].reshape(-1, *[1] * (sums.ndim - 1))
    if not some.all():
        means[~some] = _at(signal, last[~some])
    return means


def _at(signal: Signal, places: Array) -> Array:
    """Return the values of samples in order, the first for places before it."""
    places = np.clip(places, 0, signal.samples.n - 1)
    first = int(places.min())
    return signal.read(first, int(places.max()) + 1)[places - first]


def _about(signal: Signal, grid: Grid, start: float, n: int) -> tuple[Array, Array, Array]:
    """Return the middles of bins, and the numbers of the samples up to and after each."""
    middles = start + (np.arange(n) + 0.5) * grid.size
    low = max(signal.samples.before(middles[0]) - 1, 0)
    high = min(signal.samples.before(middles[-1] + grid.slack) + 1, signal.samples.n)
    times = signal.samples.at(low, high)
    previous = low + np.searchsorted(times, middles + grid.slack, side="right") - 1
    return middles, previous, np.minimum(previous + 1, signal.samples.n - 1)


def _times_at(signal: Signal, places: Array) -> Array:
    first = int(places.min())
    return signal.samples.at(first, int(places.max()) + 1)[places - first]


def _previous(signal: Signal, grid: Grid, start: float, n: int) -> Array:
    return _at(signal, _about(signal, grid, start, n)[1])


def _nearest(signal: Signal, grid: Grid, start: float, n: int) -> Array:
    middles, previous, following = _about(signal, grid, start, n)
    previous = np.maximum(previous, 0)
    before, after = _times_at(signal, previous), _times_at(signal, following)
    # Of two samples that are equally far, but for rounding, the earlier.
    is_after = after - middles < middles - before - grid.slack
    return _at(signal, np.where(is_after, following, previous))


def _linear(signal: Signal, grid: Grid, start: float, n: int) -> Array:
    middles, previous, following = _about(signal, grid, start, n)
    previous = np.maximum(previous, 0)
    low, high = _times_at(signal, previous), _times_at(signal, following)
    share = np.clip((middles - low) / np.where(high > low, high - low, 1.0), 0.0, 1.0)
    below, above = _at(signal, previous), _at(signal, following)
    share = share.reshape(-1, *[1] * (below.ndim - 1))
    return below * (1.0 - share) + above * share


IN_BINS = {"mean": _means, "previous": _previous, "nearest": _nearest, "linear": _linear}
