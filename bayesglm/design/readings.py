"""What builders of columns read: checked data, one neuron's response, its trials and time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from bayesglm.design.clock import Clock, ask_for_time, read_clock
from bayesglm.design.variables import numbers, place, require
from bayesglm.errors import DataError
from bayesglm.spec.model import GLM

Array = np.ndarray


@dataclass(frozen=True)
class Readings:
    """What builders read: the checked data, the response of one neuron, the trials and time."""

    dataset: xr.Dataset
    dim: str
    clock: Clock
    population: str | None
    neuron: int | None
    response: Array | None
    is_new: bool = False  # whether the model was fitted to other data
    gaps: Mapping[str, Array] = field(default_factory=dict)  # samples that lack values, by variable

    @property
    def whole(self) -> Any:
        """The samples that lack nothing, by which means and knots are settled."""
        if not self.gaps:
            return slice(None)
        return ~np.logical_or.reduce(list(self.gaps.values()))

    def values(self, name: str, role: str) -> tuple[Array, list[str]]:
        """Return a variable's numbers and its feature dims, this neuron's own where it has own."""
        variable = require(self.dataset, name, role)
        if self.population is not None and self.population in variable.dims:
            variable = variable.isel({self.population: self.neuron})
        dims = [str(dim) for dim in variable.dims if dim != self.dim]
        values = numbers(variable, self.dim, role, self.dataset)
        if not values.size:
            empty = next(dim for dim in dims if not variable.sizes[dim])
            raise DataError(f"{role} {name!r} holds no values: its dim {empty!r} is empty.")
        return values, dims

    def is_own(self, names: Iterable[str | None]) -> bool:
        """Say whether one of some variables has numbers of each neuron's own."""
        known = self.dataset.variables
        return any(name is not None and self.population in known[name].dims for name in names)

    def place(self, bad: Array) -> str:
        """Say where the first sample stands of which something is ``bad``."""
        return place(bad, (self.dim,), self.dataset)

    def coords(self, name: str, dims: list[str]) -> dict[str, Array]:
        """Return the labels of a variable's feature dims, positions where it has none."""
        known, sizes = self.dataset.variables, self.dataset.variables[name].sizes
        return {dim: known[dim].values if dim in known else np.arange(sizes[dim]) for dim in dims}


def clock_of(model: GLM, dataset: xr.Dataset, dim: str) -> Clock:
    """Read the trials and time of the samples, regular ones where a term of the model has lags."""
    lagged = next((term.label for term in model.every_term if term.is_lagged), None)
    if lagged is not None:
        ask_for_time(dataset, dim, f"term {lagged!r}", model.variables)
    return read_clock(dataset, dim, lagged)
