"""Objects of other libraries, told by the names of their classes, so that none is imported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bayesglm.errors import DataError
from bayesglm.spec.hints import shown

Array = np.ndarray
SPAN = np.timedelta64(1, "s")


def is_kind(value: Any, library: str, *names: str) -> bool:
    """Say whether a value is of a class of a library, or of one derived from it.

    >>> is_kind(np.float64(1.0), "numpy", "floating"), is_kind(1.0, "numpy", "floating")
    (True, False)
    """
    return any(
        one.__name__ in names and one.__module__.partition(".")[0] == library
        for one in type(value).__mro__
    )


def is_of(value: Any, *libraries: str) -> bool:
    """Say whether a value is of a class of one of some libraries, or of one derived from it.

    >>> is_of(np.float64(1.0), "neo", "numpy"), is_of(1.0, "neo", "numpy")
    (True, False)
    """
    return any(one.__module__.partition(".")[0] in libraries for one in type(value).__mro__)


def in_seconds(what: str, given: Any, unit: float = 1.0) -> Array:
    """Return moments as finite seconds, whatever held them; ``unit`` is theirs, in seconds.

    Quantities and spans of time know their own. Raises DataError for anything else, or where
    one is missing, and names the first.
    """
    if hasattr(given, "rescale"):
        try:
            given = given.rescale("s").magnitude
        except ValueError as error:
            raise DataError(f"{what} are no times: {error}.") from error
    try:
        times = np.asarray(given)
    except ValueError as error:
        raise DataError(f"{what} cannot be read as times: {error}.") from error
    if times.dtype.kind == "m":
        times, unit = times / SPAN, 1.0
    if times.ndim != 1:
        raise DataError(f"{what} have the shape {times.shape}; give one time for each.")
    if not len(times):
        return np.empty(0)
    if times.dtype.kind not in "iuf":
        raise DataError(
            f"{what} are no seconds (the first is {shown(times[0])}); give numbers, counted from "
            "the start of the recording."
        )
    times = times.astype(np.float64, copy=False)
    bad = ~np.isfinite(times)
    if bad.any():
        raise DataError(
            f"{what} hold {int(bad.sum())} missing or infinite times, the first at place "
            f"{int(np.argmax(bad))}; remove them."
        )
    return times if unit == 1.0 else times * unit


def plain_columns(columns: Mapping[str, Any], n: int) -> dict[str, Array]:
    """Return the columns of a table that hold one number, truth value or word a row."""
    plain = {}
    for name, column in columns.items():
        try:
            values = np.asarray(column)
        except ValueError:
            continue
        words = values.dtype.kind in "OUT" and all(isinstance(one, str) for one in values.tolist())
        if values.shape == (n,) and (words or values.dtype.kind in "biuf"):
            plain[str(name)] = values.astype(object) if words else values
    return plain


def table_columns(table: Any, without: tuple[str, ...]) -> dict[str, Array]:
    """Return the plain columns of a table of an NWB file."""
    names = [name for name in table.colnames if name not in without]
    flat = {name: table[name] for name in names if type(table[name]).__name__ == "VectorData"}
    return plain_columns({name: one.data[:] for name, one in flat.items()}, len(table))
