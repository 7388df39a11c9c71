"""Python objects as JSON text and back: labels and attributes that no type of array holds.

None, bools, whole numbers, floats and strings are JSON's own; another object is ``{kind: parts}``,
and one of no known kind is kept as its text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta, timezone
from fractions import Fraction
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import pandas as pd


def to_text(value: Any) -> str:
    """Write an object as JSON text in ASCII, which any file holds."""
    return json.dumps(_plain(value))


def from_text(text: str) -> Any:
    """Read what `to_text` wrote; ValueError, TypeError or KeyError where it is something else."""
    return _object(json.loads(text))


class Kind(NamedTuple):
    """How the objects of one kind are taken to parts, and put together again."""

    name: str
    of: tuple[type, ...]
    parts: Callable[[Any], Any]
    whole: Callable[[Any], Any]


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, str, float)):
        return value
    for kind in KINDS:
        if isinstance(value, kind.of):
            return {kind.name: kind.parts(value)}
    if isinstance(value, (int, np.integer, np.bool_)):
        return bool(value) if isinstance(value, np.bool_) else int(value)
    # Other numbers (numpy's, decimal types) are read as floats by whatever computes with them.
    return float(value) if isinstance(value, Real) else {"text": str(value)}


def _object(plain: Any) -> Any:
    if isinstance(plain, list):
        raise ValueError("a list without its kind")
    if not isinstance(plain, dict):
        return plain
    ((name, parts),) = plain.items()
    return WHOLE[name](parts)


def _moment(value: Any) -> list:
    """Take a time of numpy to a whole number and its unit."""
    return [int(value.astype(np.int64)), np.datetime_data(value.dtype)[0]]


def _zone(value: pd.Timestamp) -> Any:
    """Name a time zone; its offset in seconds where it has no name."""
    name = getattr(value.tz, "key", None) or getattr(value.tz, "zone", None)
    offset = value.utcoffset()
    return name if name or offset is None else offset.total_seconds()


def _timestamp(parts: Any) -> pd.Timestamp:
    moment = pd.Timestamp(np.datetime64(*parts[:2]))
    zone = parts[2]
    if zone is None:
        return moment
    zone = zone if isinstance(zone, str) else timezone(timedelta(seconds=zone))
    return moment.tz_localize("UTC").tz_convert(zone)


def _array_parts(array: np.ndarray) -> list:
    if array.dtype.kind in "mM":
        array, kind = array.view(np.int64), str(array.dtype)
    else:
        kind = str(array.dtype) if array.dtype.kind in "biufcSU" else "object"
    return [kind, list(array.shape), [_plain(one) for one in array.reshape(-1).tolist()]]


def _array(parts: Any) -> np.ndarray:
    dtype = np.dtype(parts[0])
    flat = np.empty(len(parts[2]), np.int64 if dtype.kind in "mM" else dtype)
    for k, part in enumerate(parts[2]):
        flat[k] = _object(part)
    return flat.view(dtype).reshape(parts[1])


def _each(values: Any) -> list:
    return [_plain(value) for value in values]


def _all(parts: Any) -> tuple:
    return tuple(_object(part) for part in parts)


# Kinds that are kinds of others come before these: a Timestamp is a datetime, NaT is too.
KINDS = (
    Kind("NaT", (type(pd.NaT),), lambda _: 0, lambda _: pd.NaT),
    Kind("NA", (type(pd.NA),), lambda _: 0, lambda _: pd.NA),
    Kind("complex", (complex,), lambda z: [z.real, z.imag], lambda parts: complex(*parts)),
    Kind("datetime64", (np.datetime64,), _moment, lambda parts: np.datetime64(*parts)),
    Kind("timedelta64", (np.timedelta64,), _moment, lambda parts: np.timedelta64(*parts)),
    Kind("timestamp", (pd.Timestamp,), lambda t: [*_moment(t.asm8), _zone(t)], _timestamp),
    Kind(
        "pandas_timedelta",
        (pd.Timedelta,),
        lambda t: _moment(t.asm8),
        lambda parts: pd.Timedelta(np.timedelta64(*parts)),
    ),
    Kind("datetime", (datetime,), datetime.isoformat, datetime.fromisoformat),
    Kind("date", (date,), date.isoformat, date.fromisoformat),
    Kind("time", (time,), time.isoformat, time.fromisoformat),
    Kind(
        "timedelta",
        (timedelta,),
        lambda t: [t.days, t.seconds, t.microseconds],
        lambda parts: timedelta(*parts),
    ),
    Kind(
        "period",
        (pd.Period,),
        lambda p: [p.ordinal, p.freqstr],
        lambda parts: pd.Period(ordinal=parts[0], freq=parts[1]),
    ),
    Kind(
        "interval",
        (pd.Interval,),
        lambda i: [_plain(i.left), _plain(i.right), i.closed],
        lambda parts: pd.Interval(_object(parts[0]), _object(parts[1]), parts[2]),
    ),
    Kind(
        "bytes",
        (bytes,),
        lambda value: value.decode("latin-1"),
        lambda text: text.encode("latin-1"),
    ),
    Kind(
        "fraction",
        (Fraction,),
        lambda value: [value.numerator, value.denominator],
        lambda parts: Fraction(*parts),
    ),
    Kind("tuple", (tuple,), _each, _all),
    Kind("list", (list,), _each, lambda parts: list(_all(parts))),
    Kind("frozenset", (frozenset, set), _each, lambda parts: frozenset(_all(parts))),
    Kind(
        "mapping",
        (Mapping,),
        lambda items: [[_plain(key), _plain(value)] for key, value in items.items()],
        lambda parts: {_object(key): _object(value) for key, value in parts},
    ),
    Kind("array", (np.ndarray,), _array_parts, _array),
)
WHOLE: dict[str, Callable[[Any], Any]] = {
    **{kind.name: kind.whole for kind in KINDS},
    "text": str,
}
