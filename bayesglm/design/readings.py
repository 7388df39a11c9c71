"""What builders of columns read: checked data, one neuron's response, its trials and time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from bayesglm.design.clock import Clock, ask_for_time, read_clock
from bayesglm.design.variables import numbers, place, require
from bayesglm.errors import DataError
from bayesglm.spec.model import GLM
from bayesglm.spec.terms.term import FACTOR, SLOPE, Term

Array = np.ndarray


class OfGroups(NamedTuple):
    """What is asked of the effects of groups: those of each sample's level, their mean, or none.

    ``groups`` is "own", "average" or "zero"; ``new_levels``, what a level is that the model has not
    seen: "raise", "sample" or "zero".
    """

    groups: str = "own"
    new_levels: str = "raise"

    @property
    def reads_factors(self) -> bool:
        """Whether it matters of which level a sample is."""
        return self.groups == "own"

    @property
    def reads_slopes(self) -> bool:
        """Whether it matters what multiplies the effects."""
        return self.groups != "zero"

    def reads(self, term: Term) -> list[str]:
        """Return the variables that a term reads."""
        if not term.facts.of_levels:
            return list(term.variables)
        used = {FACTOR: self.reads_factors, SLOPE: self.reads_slopes}
        return [name for name, role in term.roles.items() if used[role]]


OWN = OfGroups()


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
    of_groups: OfGroups = OWN
    panel: Array | None = None  # the responses of all neurons ``(samples, neurons)``

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

    @property
    def labels(self) -> Array:
        """The labels of the population's neurons, positions where they have none."""
        assert self.population is not None
        return labels_along(self.dataset, self.population)

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


def labels_along(dataset: xr.Dataset, dim: str) -> Array:
    """Return the labels of a dim, positions where it has none."""
    return dataset[dim].values if dim in dataset.coords else np.arange(dataset.sizes[dim])


def clock_of(model: GLM, dataset: xr.Dataset, dim: str) -> Clock:
    """Read the trials and time of the samples, regular ones where a term of the model has lags."""
    lagged = next((term.label for term in model.every_term if term.is_lagged), None)
    if lagged is not None:
        ask_for_time(dataset, dim, f"term {lagged!r}", model.variables)
    return read_clock(dataset, dim, lagged)
