"""Columns of events: a series of them, or their times laid on the samples."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from bayesglm.design.blocks import Block
from bayesglm.design.clock import seconds
from bayesglm.design.factors import on_levels
from bayesglm.design.readings import Readings
from bayesglm.design.terms.lagged import along_lags
from bayesglm.design.variables import coded_labels, numbers, place, require
from bayesglm.errors import DataError, tell
from bayesglm.spec.terms.event import AMPLITUDE, EVENTS, TRIALS, TYPES, Event

Array = np.ndarray
ROUNDING = 1e-6  # of a step, by which a time may miss the bin that it begins


class Series(NamedTuple):
    """Events on the samples ``(samples, types)``, the size of each event, and the types' labels."""

    signal: Array
    sizes: Array
    shape: tuple[int, ...]
    coords: dict[str, Array]
    levels: tuple[Any, ...] | None = None


def event_block(term: Event, readings: Readings) -> Block:
    """Lay events at each lag; of events of several types each has columns of its own."""
    variable = require(readings.dataset, term.variable, EVENTS)
    lay = _series if readings.dim in variable.dims else _of_times
    series = lay(term, variable, readings)
    sizes = series.sizes
    if not sizes.any() and not readings.is_new:
        raise DataError(
            f"the variable {term.variable!r} of term {term.label!r} holds no event; remove the "
            "term, or give data in which some occur."
        )
    return replace(
        along_lags(term, series.signal, series.shape, series.coords, readings),
        zero_beyond=True,
        unit=float(np.sqrt(np.square(sizes).mean())) if sizes.any() else 1.0,
        unordered=tuple(dim for dim in series.coords if dim.startswith(f"{term.label}_")),
        settles={} if series.levels is None else {"levels": series.levels},
    )


def _series(term: Event, variable: xr.DataArray, readings: Readings) -> Series:
    """Read a series of events, with an amplitude for each sample where one is named."""
    for field in ("by", "trial"):
        name = getattr(term, field)
        if name is not None:
            raise DataError(
                f"term {term.label!r} says {field}={name!r} of times of events, and "
                f"{term.variable!r} is a series over {readings.dim!r}, which has its trials, and "
                "its types along a further dim; leave it out."
            )
    values, dims = readings.values(term.variable, EVENTS)
    signal = values.reshape(len(values), -1)
    if term.amplitude is not None:
        amplitude, more = readings.values(term.amplitude, AMPLITUDE)
        if more:
            raise DataError(
                f"amplitude {term.amplitude!r} has further dims {more}; give one value per sample."
            )
        signal = signal * amplitude[:, None]
    coords = readings.coords(term.variable, dims)
    return Series(signal, signal[signal != 0.0], values.shape[1:], coords)


def _of_times(term: Event, variable: xr.DataArray, readings: Readings) -> Series:
    """Count events in the samples in which they lie, times their amplitudes, type by type."""
    if variable.ndim != 1:
        raise DataError(
            f"events {term.variable!r} have the dims {tuple(variable.dims)}; give a series over "
            f"{readings.dim!r}, or times along one dim of their own."
        )
    samples = _samples_of(term, variable, readings)
    amplitude = np.ones(len(samples))
    if term.amplitude is not None:
        amplitude = numbers(
            _beside(term, term.amplitude, AMPLITUDE, variable, readings),
            str(variable.dims[0]),
            AMPLITUDE,
            readings.dataset,
        )
    codes, coords, levels = np.zeros(len(samples), dtype=np.intp), {}, None
    if term.by is not None:
        types = _beside(term, term.by, TYPES, variable, readings)
        observed, codes = coded_labels(types, TYPES, readings.dataset)
        known = term.levels or tuple(observed.tolist())
        labels, codes = on_levels(known, observed, codes, term.by, term.label, readings)
        coords, levels = {f"{term.label}_type": labels}, known
    shape = tuple(map(len, coords.values()))
    signal = np.zeros((readings.clock.n_samples, *(shape or (1,))))
    inside = samples >= 0
    np.add.at(signal, (samples[inside], codes[inside]), amplitude[inside])
    return Series(signal, amplitude[inside], shape, coords, levels)


def _beside(
    term: Event, name: str, role: str, variable: xr.DataArray, readings: Readings
) -> xr.DataArray:
    """Return a variable with a value for each event."""
    other = require(readings.dataset, name, role)
    if other.dims != variable.dims:
        raise DataError(
            f"{role} {name!r} of term {term.label!r} has the dims {tuple(other.dims)}, and the "
            f"events {term.variable!r} {tuple(variable.dims)}; give one value for each event."
        )
    return other


def _samples_of(term: Event, variable: xr.DataArray, readings: Readings) -> Array:
    """Return the sample of each event, the one whose time is nearest; -1 between trials.

    Raises DataError where events lie before the recording or after it.
    """
    clock, dataset = readings.clock, readings.dataset
    if "time" not in dataset.variables or clock.step is None:
        raise DataError(
            f"events {term.variable!r} of term {term.label!r} are times, and the data have no "
            f"'time' of the samples; give one, or a series of events over {readings.dim!r}."
        )
    moments = require(dataset, "time", "time of the samples")
    times, events = _on_one_clock(term, moments, variable)
    first = np.unique(clock.start)
    if term.trial is not None:
        own = _trials_of_events(term, variable, readings, first)
    elif np.any(np.diff(times[first]) <= 0.0) or np.any(np.diff(times) <= 0.0):
        raise DataError(
            f"events {term.variable!r} of term {term.label!r} are times, and times of the samples "
            "begin anew in each trial; name the variable that holds each event's trial: trial=."
        )
    else:
        begin = times[first] - (0.5 + ROUNDING) * clock.step
        own = np.searchsorted(begin, events, side="right") - 1
    samples, inside = _nearest(times, events, first, clock.stop[first], own, clock.step)
    last = times[-1] + (0.5 - ROUNDING) * clock.step
    outside = ~inside if term.trial is not None else (own < 0) | (events >= last)
    if outside.any():
        where = (
            "outside their trials"
            if term.trial is not None
            else (f"outside the recording, which goes from {times[0]:.6g} to {times[-1]:.6g} s")
        )
        raise DataError(
            f"{int(outside.sum())} of {len(events)} events of {term.variable!r} lie {where}, the "
            f"first at {place(outside, variable.dims, dataset)} ({events[outside][0]:.6g} s); "
            "leave them out, or give times on the clock of the samples."
        )
    if not inside.all():
        tell(
            f"{int((~inside).sum())} of {len(events)} events of {term.variable!r} lie between "
            f"trials, the first at {place(~inside, variable.dims, dataset)}; they are not seen, "
            "since no kernel reaches from one trial into another."
        )
    return np.where(inside, samples, -1)


def _nearest(
    times: Array, events: Array, first: Array, stop: Array, own: Array, step: float
) -> tuple[Array, Array]:
    """Return the sample of the trial ``own`` nearest to each event, and whether it has one.

    Between samples the border is halfway; before the first and after the last, half a step away.
    """
    samples, inside = np.zeros(len(events), dtype=np.intp), np.zeros(len(events), dtype=bool)
    order = np.argsort(own, kind="stable")
    ends = np.searchsorted(own[order], np.arange(len(first) + 1))
    for k in np.flatnonzero(np.diff(ends)):
        which, moments = order[ends[k] : ends[k + 1]], times[first[k] : stop[k]]
        edges = moments[:1] - 0.5 * step, moments[-1:] + 0.5 * step
        halfway = 0.5 * (moments[1:] + moments[:-1])
        borders = np.concatenate([edges[0], halfway, edges[1]]) - ROUNDING * step
        at = np.searchsorted(borders, events[which], side="right") - 1
        samples[which] = first[k] + at
        inside[which] = (at >= 0) & (at < len(moments))
    return samples, inside


def _on_one_clock(
    term: Event, moments: xr.DataArray, variable: xr.DataArray
) -> tuple[Array, Array]:
    """Return times of samples and of events in seconds, of dates both from the first sample on."""
    dated = moments.dtype.kind == "M"
    if dated != (variable.dtype.kind == "M"):
        raise DataError(
            f"the times of samples are {'dates' if dated else 'numbers'} and events "
            f"{term.variable!r} of term {term.label!r} are not; give both on one clock."
        )
    missing = variable.isnull().values
    if missing.any():
        raise DataError(
            f"events {term.variable!r} hold {int(missing.sum())} missing times, the first at "
            f"{place(missing, variable.dims, None)}; leave those events out."
        )
    if dated:
        start, second = moments.values[0], np.timedelta64(1, "s")
        return (moments.values - start) / second, (variable.values - start) / second
    if "units" not in variable.attrs and "units" in moments.attrs:
        variable = variable.assign_attrs(units=moments.attrs["units"])
    every = (
        [seconds(one) for one in (moments, variable)]
        if len(variable)
        else [seconds(moments), np.zeros(0)]
    )
    if every[0] is None or every[1] is None:
        raise DataError(
            f"events {term.variable!r} of term {term.label!r} are on a dim of their own, and hold "
            "no times; give seconds as numbers, or a value for each sample."
        )
    return every[0], every[1]


def _trials_of_events(
    term: Event, variable: xr.DataArray, readings: Readings, first: Array
) -> Array:
    """Return the number of each event's trial among those of the samples."""
    assert term.trial is not None
    if "trial" not in readings.dataset.variables:
        raise DataError(
            f"term {term.label!r} says trial={term.trial!r}, and the samples have no coordinate "
            "'trial'; leave it out, or give one."
        )
    labels = readings.dataset["trial"].values[first].tolist()
    numbers_of = {label: k for k, label in enumerate(labels)}
    given = _beside(term, term.trial, TRIALS, variable, readings).values.tolist()
    unknown = np.array([label not in numbers_of for label in given], dtype=bool)
    if unknown.any():
        raise DataError(
            f"{int(unknown.sum())} events of {term.variable!r} are of trials that the samples do "
            f"not have, the first at {place(unknown, variable.dims, readings.dataset)} "
            f"({given[int(np.argmax(unknown))]!r}); leave them out."
        )
    return np.array([numbers_of[label] for label in given], dtype=np.intp)
