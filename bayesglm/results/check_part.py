"""What one part of a check says of one unit, and how the parts of all units are put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bayesglm.numerics.summaries import quantiles_of

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray


class Checked(NamedTuple):
    """Variables of one unit with their dims, coordinates of these, and what must be told."""

    variables: Mapping[str, tuple[tuple[str, ...], Any]]
    coords: Mapping[str, Any] = {}
    attrs: Mapping[str, Any] = {}


def with_band(
    name: str, dims: tuple[str, ...], draws: Array, prob: float
) -> dict[str, tuple[tuple[str, ...], Any]]:
    """Return the mean over draws ``(draws, ...)`` by name, and its band; of one draw it alone."""
    told = {name: (dims, draws.mean(axis=0))}
    if len(draws) > 1:
        lower, upper = quantiles_of(draws, np.array([0.5 - prob / 2, 0.5 + prob / 2]))
        told |= {f"{name}_lower": (dims, lower), f"{name}_upper": (dims, upper)}
    return told


def put_together(
    every: Sequence[Checked], population: str | None, labels: Array | None, ragged: str | None
) -> xr.Dataset:
    """Return a part of all units: variables of any of them, NaN of those that have none.

    Along the ``ragged`` dim those of fewer entries end in NaN.
    """
    import xarray as xr

    first = every[0]
    if population is None:
        return xr.Dataset(dict(first.variables), dict(first.coords), dict(first.attrs))
    most = max(_length(one, ragged) for one in every)
    union = {name: variable for one in every for name, variable in one.variables.items()}
    variables: dict[str, Any] = {}
    for name, (dims, values) in union.items():
        absent = dims, np.full(np.shape(values), np.nan)
        columns = [
            _padded(dims, np.asarray(one.variables.get(name, absent)[1]), ragged, most)
            for one in every
        ]
        variables[name] = ((population, *dims), np.stack(columns))
    coords = {name: one for unit in every for name, one in unit.coords.items() if name != ragged}
    return xr.Dataset(variables, {**coords, population: labels}, dict(first.attrs))


def _length(one: Checked, ragged: str | None) -> int:
    lengths = [
        np.shape(values)[dims.index(ragged)]
        for dims, values in one.variables.values()
        if ragged in dims
    ]
    return max(lengths, default=0)


def _padded(dims: tuple[str, ...], values: Array, ragged: str | None, most: int) -> Array:
    if ragged not in dims:
        return values
    axis = dims.index(ragged)
    missing = most - values.shape[axis]
    if not missing:
        return values
    widths = [(0, missing if k == axis else 0) for k in range(values.ndim)]
    return np.pad(values.astype(np.float64), widths, constant_values=np.nan)
