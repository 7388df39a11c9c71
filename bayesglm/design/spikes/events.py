"""Events: times on a dim of their own, which kernels around them read."""

from __future__ import annotations

from typing import Any

import xarray as xr

from bayesglm.design.spikes.kinds import in_seconds, is_kind


def read_events(name: str, value: Any) -> xr.DataArray | None:
    """Return Neo's events as times in seconds along ``<name>_event``, with their labels."""
    if not is_kind(value, "neo", "Event"):
        return None
    dim = f"{name}_event"
    times = in_seconds(f"times of {name!r}", value.times)
    labels = [str(one) for one in value.labels]
    coords = {f"{name}_label": (dim, labels)} if len(labels) == len(times) else {}
    return xr.DataArray(times, dims=dim, coords=coords, attrs={"units": "s"})
