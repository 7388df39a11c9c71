"""Events: times on a dim of their own, which kernels around them read."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from bayesglm.design.spikes.kinds import in_seconds, is_kind, plain_columns, table_columns

Array = np.ndarray


def read_events(name: str, value: Any) -> xr.DataArray | None:
    """Return events as times in seconds along ``<name>_event``; what is known of each beside them.

    They are Neo's ``Event``, or a table of events or a series of annotations of an NWB file. None
    for anything else.
    """
    columns: dict[str, Array] = {}
    if is_kind(value, "neo", "Event"):
        given, columns = value.times, {"label": np.asarray(value.labels)}
    elif is_kind(value, "pynwb", "AnnotationSeries"):
        given, columns = value.timestamps[:], {"label": np.asarray(value.data[:])}
    elif is_kind(value, "pynwb", "EventsTable"):
        given, columns = value["timestamp"].data[:], table_columns(value, ("timestamp",))
    else:
        return None
    dim = f"{name}_event"
    times = in_seconds(f"times of {name!r}", given)
    plain = plain_columns(columns, len(times))
    coords = {f"{name}_{key}": (dim, one) for key, one in plain.items()}
    return xr.DataArray(times, dims=dim, coords=coords, attrs={"units": "s"})
