"""A model laid on data: the door is opened, all that the model names checked, and designs made."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr

from bayesglm.design.checks import check_names, look_at_identifiers
from bayesglm.design.design import Design, Plan
from bayesglm.design.door import as_dataset, response_as_variable, sample_dim_of, samples_first
from bayesglm.design.factors import with_plain_categories
from bayesglm.design.gaps import filled, find_gaps, read_by, with_plain_gaps
from bayesglm.design.labels import plainly_labelled
from bayesglm.design.members import share_columns
from bayesglm.design.offsets import look_at_offset
from bayesglm.design.predictors import lay_beside, lay_predictors
from bayesglm.design.readings import Readings, clock_of, labels_along
from bayesglm.design.response_levels import read_response, settle_levels
from bayesglm.design.responses import check_response, look_at_events, silent_of
from bayesglm.design.roles import counted_samples, weights_of
from bayesglm.design.seen import check_seen, ends_of
from bayesglm.design.settling import settle_terms
from bayesglm.design.variables import require
from bayesglm.errors import DataError, tell
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.given import check_is_model
from bayesglm.spec.model import GLM

Array = np.ndarray
MOST_NAMED = 10  # silent units that a warning names: chosen


def plan_fit(model: GLM, data: object) -> Plan:
    """Lay a model on data for the first time, and tell what looks like a mistake in them."""
    plan = lay(model, data)
    look_at_offset(plan)
    look_at_identifiers(plan)
    look_at_events(plan)
    return plan


def lay(model: GLM, data: object) -> Plan:
    """Open the door for the data and lay the model on them, checking all that it names."""
    check_is_model(model, data)
    dataset = as_dataset(data)
    response = require(dataset, model.response, "response")
    dim = sample_dim_of(dataset, model.response)
    if response.name in dataset.dims:
        raise DataError(
            f"response {model.response!r} is a dim of the data, whose labels are no measurements; "
            "give the responses as a variable of another name."
        )
    whole = dataset = response_as_variable(as_dataset(dataset, dim), model.response)
    given = model
    check_names(model, dataset)
    roles = _roles(model)
    for name in model.variables:
        if name not in dataset.variables:
            require(dataset, name, roles[name])
    clock = clock_of(model, dataset, dim)
    dataset = _storable(samples_first(dataset[list(model.variables)], dim))
    gaps = find_gaps(model, dataset, dim, read_by(model, is_new=False))
    stored, dataset = dataset, filled(model, dataset, dim, gaps)
    response = dataset[model.response]
    of_levels = FAMILY_NAMES[model.family].counts_levels
    extra = [str(other) for other in response.dims if other != dim]
    if len(extra) > 1 and not of_levels:
        raise DataError(
            f"response {model.response!r} has the dims {tuple(response.dims)}; at most one dim "
            f"(neurons) may stand beside {dim!r}. Select one of {extra}."
        )
    model = settle_levels(settle_terms(model, dataset), response, dim, dataset)
    values = read_response(model, response, dim, dataset)
    stored = with_plain_gaps(with_plain_categories(stored), gaps)
    population = extra[0] if extra and not of_levels else None
    labels = None
    if population is not None:
        if not response.sizes[population]:
            raise DataError(f"the population dim {population!r} of {model.response!r} is empty.")
        labels = labels_along(dataset, population)
    columns = values[None] if of_levels else values.reshape(len(values), -1).T
    columns = np.ascontiguousarray(columns)
    panel = None if population is None else columns.T
    every = [
        Readings(dataset, dim, clock, population, neuron, y, gaps=gaps, panel=panel)
        for neuron, y in enumerate(columns)
    ]
    designs = _designs(model, every, columns)
    silent = silent_of(model, designs)
    if silent:
        assert population is not None
        assert labels is not None
        others = _without(whole, given.response, population, labels, silent)
        return replace(lay(given, others), silent=tuple(str(labels[k]) for k in silent))
    plan = Plan(model, stored, dim, population, labels, designs, clock.step)
    for neuron, design in enumerate(designs):
        check_response(plan, neuron, design)
        check_seen(plan, neuron, design)
    return plan


def _without(
    dataset: xr.Dataset, response: str, population: str, labels: Array, silent: list[int]
) -> xr.Dataset:
    """Return the data without neurons that never vary, and tell which these are.

    The others keep their labels, or their positions as labels.
    """
    named = ", ".join(str(labels[k]) for k in silent[:MOST_NAMED])
    more = f" and {len(silent) - MOST_NAMED} more" if len(silent) > MOST_NAMED else ""
    tell(
        f"response {response!r}: {len(silent)} of {len(labels)} along {population!r} never vary "
        f"over the samples in use ({named}{more}): silent units, of which nothing can be learnt "
        "under a flat intercept. They are left out, as targets and as sources, and the others are "
        "fitted; a proper prior (intercept=Normal(...)) keeps them."
    )
    kept = np.delete(np.arange(len(labels)), silent)
    return dataset.assign_coords({population: labels}).isel({population: kept})


def _designs(model: GLM, every: list[Readings], columns: Array) -> tuple[Design, ...]:
    """Return the design of each neuron; what is not a neuron's own is that of the first."""
    dataset, dim = every[0].dataset, every[0].dim
    predictors = lay_predictors(model, every[0], counted_samples(model, dataset, dim))
    seen = ends_of(model, every[0], columns[0], predictors.bounds)
    panel, weights = columns if seen is None else None, weights_of(model, every[0])
    first = Design(predictors, columns[0], weights, panel, 0, seen)
    designs = [first]
    for neuron, (readings, y) in enumerate(zip(every[1:], columns[1:], strict=True), start=1):
        predictors = lay_beside(model, readings, first.predictors)
        own = readings.is_own([model.weights])
        weights = weights_of(model, readings) if own else first.weights
        seen = ends_of(model, readings, y, predictors.bounds)
        designs.append(Design(predictors, y, weights, panel, neuron, seen))
    if share_columns(designs):
        return tuple(designs)
    n = len(designs)
    return tuple(replace(one, predictors=replace(one.predictors, copies=n)) for one in designs)


def _storable(dataset: xr.Dataset) -> xr.Dataset:
    """Return what files can hold: units and long names of all attributes, and plain labels."""
    dataset = dataset.copy()
    dataset.attrs = {}
    for variable in dataset.variables.values():
        variable.attrs = {
            key: value
            for key, value in variable.attrs.items()
            if key in ("units", "long_name") and isinstance(value, str)
        }
    return plainly_labelled(dataset)


def _roles(model: GLM) -> dict[str, str]:
    """Return what each variable is that the model reads beside the response."""
    roles = {variable: role for role, variable in reversed(model.roles.items())}
    of_terms = [one for term in reversed(model.every_term) for one in term.roles.items()]
    return dict(of_terms) | roles
