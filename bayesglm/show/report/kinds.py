"""What the data of a report are: told by facts of its models and stored data, never by names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from bayesglm.design.clock import read_clock, seconds
from bayesglm.design.response_levels import as_numbers
from bayesglm.design.variables import holds_labels
from bayesglm.inference.tree.opened import model_of, stored_data
from bayesglm.show.units import unit_of_lags
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.seen import seen_roles
from bayesglm.spec.terms.event import EVENTS, TRIALS, TYPES
from bayesglm.spec.terms.term import FACTOR

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from bayesglm.spec.model import GLM

Array = np.ndarray
Layout = Literal["series", "trials", "rows"]
Holds = Literal["numbers", "counts", "yes or no", "levels", "times"]
RESPONSE, GROUP = "response", "group"  # what variables are, beside their roles in a model
MOST_SHARED = 0.2  # of bins may hold several events each, where events are ticks: chosen
OF_EVENTS = (EVENTS, TYPES, TRIALS)  # parts of variables on dims of their own, beside samples


@dataclass(frozen=True)
class Variable:
    """A variable of the data: what it is to the models, what it holds, and its values as given."""

    name: str
    part: str
    holds: Holds
    values: xr.DataArray
    unit: str = ""

    @cached_property
    def numbers(self) -> Array:
        """The values as floats, missing ones NaN; of levels their codes."""
        import pandas as pd

        values = np.asarray(self.values.values)
        if self.holds == "levels":
            codes = pd.Categorical(values.reshape(-1), self.levels).codes.astype(float)
            return np.where(codes < 0, np.nan, codes).reshape(values.shape)
        return values.astype(float)

    @cached_property
    def levels(self) -> pd.Index:
        """The levels that occur, in the order of the categories, or sorted."""
        import pandas as pd

        array = pd.Series(self.values.values.reshape(-1)).dropna()
        own = getattr(array.dtype, "categories", None)
        if own is not None:
            return own[own.isin(array.unique())]
        return pd.Index(sorted(array.unique(), key=lambda one: (str(type(one)), one)))


@dataclass(frozen=True)
class Data:
    """What the fits of a report were made from: the samples that the first one stored.

    Variables that only other fits read stand with them where their samples are the same.
    """

    model: GLM
    models: tuple[GLM, ...]
    dataset: xr.Dataset
    dim: str
    population: str
    variables: tuple[Variable, ...]

    @staticmethod
    def of(fits: Mapping[str, xr.DataTree]) -> Data:
        """Read the data and what each of their variables is to any of the models."""
        first = next(iter(fits.values()))
        models = tuple(model_of(fit) for fit in fits.values())
        dataset, dim = stored_data(first), first.attrs["sample_dim"]
        for fit in fits.values():
            other = stored_data(fit)
            if other.sizes.get(dim) == dataset.sizes[dim]:
                more = {name: v for name, v in other.data_vars.items() if name not in dataset}
                dataset = dataset.assign({name: v.variable for name, v in more.items()})
        parts = _parts(models)
        kept = {name: part for name, part in parts.items() if name in dataset.data_vars}
        variables = tuple(_variable(dataset, models[0], *one) for one in kept.items())
        return Data(models[0], models, dataset, dim, first.attrs["population"] or "", variables)

    @cached_property
    def response(self) -> Variable:
        """The response."""
        return next(one for one in self.variables if one.part == RESPONSE)

    @cached_property
    def observed(self) -> Array:
        """The responses as numbers ``(sample[, unit or level])``, missing ones NaN."""
        own = self.response.values
        rest = [one for one in own.dims if one != self.dim]
        values = own.transpose(self.dim, *rest).values
        return np.asarray(as_numbers(self.model, values), dtype=float)

    @cached_property
    def time(self) -> Array | None:
        """The times of the samples in seconds, where they rise within each trial."""
        if "time" not in self.dataset.variables:
            return None
        time = seconds(self.dataset["time"])
        if time is None or len(time) < 2:
            return None
        inside = np.diff(self.start_of) == 0
        return time if inside.any() and np.all(np.diff(time)[inside] > 0.0) else None

    @cached_property
    def start_of(self) -> Array:
        """The first sample of each sample's trial; of data without trials the first of all."""
        return read_clock(self.dataset, self.dim, None).start

    @cached_property
    def layout(self) -> Layout:
        """How samples stand to one another: in time, in trials, or each by itself.

        Rows that are told by years are rows, where no model reads others' and times repeat.
        """
        is_lagged = any(term.is_lagged for model in self.models for term in model.every_term)
        if not is_lagged and self.time is None:
            return "rows"
        n_trials = len(np.unique(self.start_of))
        return "trials" if 1 < n_trials < len(self.start_of) else "series"

    @cached_property
    def step(self) -> tuple[float, str]:
        """The step from sample to sample, and its unit; 1 sample where the data have no time."""
        if self.time is None:
            return 1.0, "samples"
        inside = np.diff(self.start_of) == 0
        step = float(np.median(np.diff(self.time)[inside]))
        unit, size = unit_of_lags(np.array([0.0, step]))
        return float(f"{step / size:.6g}"), unit

    @cached_property
    def are_events(self) -> bool:
        """Whether the response counts events in time, so few to a bin that each can be a tick."""
        seen = self.observed[np.isfinite(self.observed)]
        counts = FAMILY_NAMES[self.model.family].counts_events and self.model.trials is None
        is_sparse = seen.size > 0 and float((seen > 1.0).mean()) <= MOST_SHARED
        return bool(counts and self.layout != "rows" and is_sparse)

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """The variables whose levels have effects that share a scale."""
        return tuple(one.name for one in self.variables if one.part == GROUP)

    @cached_property
    def units(self) -> tuple[str, ...]:
        """The labels of a population's members."""
        if not self.population:
            return ()
        return tuple(map(str, self.dataset[self.population].values.tolist()))

    @cached_property
    def scalars(self) -> tuple[Variable, ...]:
        """The variables beside the response that have one value for each sample."""
        return tuple(
            one
            for one in self.variables
            if one.part != RESPONSE and one.values.dims == (self.dim,) and one.holds != "times"
        )

    @cached_property
    def words(self) -> str:
        """What the data are, in a sentence without its full stop."""
        n, what = len(self.start_of), _what(self)
        step, unit = self.step
        of = f" of {len(self.units):,} responses along {self.population!r}" if self.units else ""
        every = f"a sample every {step:g} {unit}" if self.time is not None else "samples in order"
        if self.layout == "series":
            return f"A recording in time{of}: {what} in {n:,} samples, {every}"
        if self.layout == "trials":
            trials = f"{len(np.unique(self.start_of)):,} trials"
            return f"A recording in {trials}{of}: {what} in {n:,} samples, {every}"
        inside = "".join(
            f", in {len(one.levels):,} groups by {name!r}"
            for name in self.groups
            for one in self.variables
            if one.name == name
        )
        return f"A table{of} of {n:,} rows, each a sample by itself{inside}: {what}"


def _what(data: Data) -> str:
    """Say what is observed."""
    words = FAMILY_NAMES[data.model.family]
    name = repr(data.model.response)
    if data.are_events:
        return f"counts of events {name}"
    if words.labels is not None and words.labels.counted:
        return f"counts of the levels of {name}"
    if words.labels is not None:
        return f"{name}, which is {'yes or no' if words.labels.most == 2 else 'one of some labels'}"
    if data.model.trials is not None:
        return f"{name} of {data.model.trials!r} trials"
    if words.counts:
        return f"counts {name}"
    return f"{name}, {'an angle' if words.circular else 'a number'}"


def _parts(models: tuple[GLM, ...]) -> dict[str, str]:
    """Return what each variable is, the response first."""
    parts: dict[str, str] = {models[0].response: RESPONSE}
    for model in models:
        for term in model.every_term:
            for name, role in term.roles.items():
                is_group = role == FACTOR and term.facts.of_levels
                if is_group:
                    parts[name] = GROUP
                else:
                    parts.setdefault(name, role)
        for role, name in (model.roles | seen_roles(model)).items():
            parts.setdefault(name, role)
    return parts


def _variable(dataset: xr.Dataset, model: GLM, name: str, part: str) -> Variable:
    values = dataset[name].drop_vars(list(dataset[name].coords))
    unit = values.attrs.get("units", "")
    holds = _holds(values, part, model, dataset.attrs["sample_dim"] not in values.dims)
    return Variable(name, part, holds, values, unit if isinstance(unit, str) else "")


def _holds(values: xr.DataArray, part: str, model: GLM, is_apart: bool) -> Holds:
    """Say what values are; ``is_apart`` says that they do not lie along the samples."""
    words = FAMILY_NAMES[model.family]
    if part == RESPONSE:
        if words.labels is not None and not words.labels.counted:
            return "yes or no" if words.labels.most == 2 else "levels"
        return "counts" if words.discrete else "numbers"
    if part in OF_EVENTS and is_apart:
        return "times"
    if part in (FACTOR, GROUP) or holds_labels(values.variable):
        return "levels"
    if values.dtype.kind == "b":
        return "yes or no"
    if values.dtype.kind in "mM":
        return "times"
    seen = values.values[:1000]
    return "yes or no" if np.isin(seen, (0.0, 1.0)).all() and _is_binary(values) else "numbers"


def _is_binary(values: xr.DataArray) -> bool:
    numbers = values.values
    return bool((np.isin(numbers, (0.0, 1.0)) | np.isnan(numbers.astype(float))).all())
