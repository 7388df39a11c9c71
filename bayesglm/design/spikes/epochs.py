"""Epochs: stretches of time that become trials, from whatever says them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from bayesglm.design.labels import in_words, plain_labels
from bayesglm.design.spikes.kinds import in_seconds, is_kind, plain_columns, table_columns
from bayesglm.errors import DataError, tell
from bayesglm.spec.hints import shown
from bayesglm.spec.names import first_repeat

Array = np.ndarray
BOUNDS = (("start", "stop"), ("start", "end"), ("start_time", "stop_time"))  # names of columns
TOUCHING = 3e-9  # seconds by which epochs that touch may overlap, as their ends are rounded
CUT = 1e-6  # seconds that pynapple takes off an epoch which ends where the next begins


@dataclass(frozen=True, eq=False)
class Epochs:
    """Stretches ``[start, stop)`` in seconds, in order of time, none over another.

    ``labels`` are None where they are parts of one recording that nobody called trials.
    """

    start: Array
    stop: Array
    labels: Array | None = None
    columns: Mapping[str, Array] = field(default_factory=dict)  # what else is known of each


def is_epochs(value: Any) -> bool:
    """Say whether a value is an object of a library that holds stretches of time."""
    return (
        is_kind(value, "pynapple", "IntervalSet")
        or is_kind(value, "neo", "Epoch")
        or is_kind(value, "pynwb", "TimeIntervals")
    )


def read_epochs(given: Any, what: str = "epochs", are_trials: bool = False) -> Epochs:
    """Return stretches of time, sorted, with the labels and the columns that came with them.

    They are pynapple's IntervalSet, Neo's Epoch, a table of intervals of an NWB file, a DataFrame
    with columns ``start`` and ``stop`` (or ``end``; labels are its column ``trial``, or its index),
    a mapping of labels to ``(start, stop)``, one such pair, or an array of them. Raises DataError
    for anything else, and where stretches have no length, or overlap. Tells where trials were not
    in order of time.
    """
    start, stop, labels, columns = _parts(given, what)
    start, stop = in_seconds(f"starts of {what}", start), in_seconds(f"ends of {what}", stop)
    labels = in_words(plain_labels(labels))
    if not len(start):
        raise DataError(f"{what} are empty; give at least one stretch of time.")
    if not np.all(stop > start):
        k = int(np.argmin(stop > start))
        raise DataError(
            f"{what}: {int((stop <= start).sum())} end before they begin or have no length, the "
            f"first is {labels.tolist()[k]!r} ({start[k]:.6g} to {stop[k]:.6g} s)."
        )
    again = first_repeat(labels.tolist())
    if again is not None:
        raise DataError(f"{what}: the label {again!r} occurs twice; give each trial its own.")
    order = np.argsort(start, kind="stable")
    if are_trials and np.any(np.diff(order) < 0):
        tell(
            f"{what} are not in order of time, and their trials are put into it: the first is "
            f"{labels.tolist()[order[0]]!r}, given at place {order[0]}. Values in the order that "
            "was given would belong to other trials; give them as columns of a DataFrame of epochs."
        )
    start, stop, labels = start[order], stop[order], labels[order]
    over = stop[:-1] - start[1:]
    if np.any(over > TOUCHING):
        k, told = int(np.argmax(over > TOUCHING)), labels.tolist()
        raise DataError(
            f"{what} overlap at {int((over > TOUCHING).sum())} places, the first by "
            f"{over[k]:.6g} s: {told[k]!r} ends at {stop[k]:.9g} s and {told[k + 1]!r} begins "
            f"at {start[k + 1]:.9g} s, so that samples would count twice. Cut or leave out some."
        )
    return Epochs(start, stop, labels, {name: one[order] for name, one in columns.items()})


def _parts(given: Any, what: str) -> tuple[Any, Any, Array, dict[str, Array]]:
    """Return starts, ends, labels and further columns of whatever holds stretches of time."""
    if is_kind(given, "pynapple", "IntervalSet"):
        columns = plain_columns(dict(given.metadata), len(given))
        start, stop = given.start, np.array(given.end)
        was_cut = np.abs(start[1:] - stop[:-1] - CUT) < TOUCHING
        stop[:-1][was_cut] = start[1:][was_cut]
        return start, stop, np.asarray(given.index), columns
    if is_kind(given, "neo", "Epoch"):
        start = in_seconds(f"starts of {what}", given.times)
        columns = plain_columns({"label": given.labels}, len(start))
        stop = start + in_seconds(f"durations of {what}", given.durations)
        return start, stop, np.arange(len(start)), columns
    if is_kind(given, "pynwb", "TimeIntervals"):
        columns = table_columns(given, ("start_time", "stop_time"))
        start, stop = (given[name].data[:] for name in ("start_time", "stop_time"))
        return start, stop, np.asarray(given.id[:]), columns
    if isinstance(given, pd.DataFrame):
        return _of_frame(given, what)
    if isinstance(given, Mapping):
        pairs = _pairs(list(given.values()), what)
        return pairs[:, 0], pairs[:, 1], np.asarray(pd.Index(list(given))), {}
    pairs = _pairs(given, what)
    return pairs[:, 0], pairs[:, 1], np.arange(len(pairs)), {}


def _of_frame(frame: pd.DataFrame, what: str) -> tuple[Any, Any, Array, dict[str, Array]]:
    for names in BOUNDS:
        if set(names) <= set(frame.columns):
            start, stop = (frame[name].to_numpy() for name in names)
            others = plain_columns(dict(frame.drop(columns=list(names))), len(frame))
            labels = others.pop("trial", frame.index)
            return start, stop, np.asarray(labels), others
    raise DataError(f"{what} are a DataFrame without the columns 'start' and 'stop'; name them so.")


def _pairs(given: Any, what: str) -> Array:
    try:
        pairs = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        pairs = np.zeros(())
    pairs = pairs[None] if pairs.shape == (2,) else pairs
    if not pairs.size:
        return np.empty((0, 2))
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise DataError(
            f"{what} must be pairs (start, stop) in seconds, a mapping of labels to such pairs, a "
            "DataFrame with the columns 'start' and 'stop', or pynapple's, Neo's or NWB's "
            f"intervals; got {shown(given)}."
        )
    return pairs
