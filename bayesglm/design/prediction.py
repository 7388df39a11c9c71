"""A fitted model laid on new data, which may lack response and weights."""

from __future__ import annotations

import numpy as np
import xarray as xr

from bayesglm.design.checks import check_names
from bayesglm.design.design import Predictors
from bayesglm.design.door import as_dataset, response_as_variable, sample_dim_of
from bayesglm.design.gaps import filled, find_gaps, read_by
from bayesglm.design.labels import plainly_labelled
from bayesglm.design.predictors import lay_beside, lay_predictors
from bayesglm.design.readings import OWN, OfGroups, Readings, clock_of, labels_along
from bayesglm.design.response_levels import read_response
from bayesglm.design.variables import require
from bayesglm.errors import DataError
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.model import GLM

Array = np.ndarray


def _counts_are_trials(model: GLM, dataset: xr.Dataset) -> bool:
    """Say whether new data tell the numbers of trials by the counts of levels in them."""
    of_levels = FAMILY_NAMES[model.family].counts_levels
    return of_levels and model.trials is None and model.response in dataset.variables


def _responses(model: GLM, dataset: xr.Dataset, dim: str, population: str | None) -> Array | None:
    """Return the responses that a model reads of new data: those of a population a line each."""
    if not (model.has_history or _counts_are_trials(model, dataset)):
        return None
    response = require(dataset, model.response, "response (for its history)")
    if population is not None and population not in response.dims:
        raise DataError(
            f"response {model.response!r} of the new data lacks the dim {population!r}, whose past "
            "the model reads; give the responses of all that were fitted."
        )
    values = read_response(model, response, dim, dataset)
    return values if population is None else np.ascontiguousarray(values.T)


def _of_the_fit(dataset: xr.Dataset, population: str, labels: Array) -> xr.Dataset:
    """Return the members of a fit, by their labels, of new data that have more of them.

    Data without labels have those of the fit as positions.
    """
    given = labels_along(dataset, population)
    places = {label: k for k, label in enumerate(given.tolist())}
    wanted = labels.tolist()
    if len(places) < len(given) or not all(label in places for label in wanted):
        return dataset
    if len(given) == len(wanted):
        return dataset
    order = [places[label] for label in wanted]
    return dataset.assign_coords({population: given}).isel({population: order})


def plan_prediction(
    model: GLM,
    data: object,
    population: str | None,
    n_neurons: int,
    of_groups: OfGroups = OWN,
    labels: Array | None = None,
) -> tuple[xr.Dataset, str, tuple[Predictors, ...]]:
    """Lay the predictors of a fitted model on new data, which may lack response and weights.

    Of a larger population those of the ``labels`` are taken, in their order: some may have been
    silent in the fit.
    """
    dataset = as_dataset(data)
    named = (name for term in model.every_term for name in of_groups.reads(term))
    first = next(named, model.response)
    dim = sample_dim_of(dataset, first)
    dataset = response_as_variable(plainly_labelled(as_dataset(dataset, dim)), model.response)
    check_names(model, dataset)
    if population is not None and labels is not None and population in dataset.dims:
        dataset = _of_the_fit(dataset, population, labels)
    if population is not None and dataset.sizes.get(population, n_neurons) != n_neurons:
        raise DataError(
            f"the new data have {dataset.sizes[population]} along {population!r}, but the fit has "
            f"{n_neurons}; give new data of the same {population!r}."
        )
    clock = clock_of(model, dataset, dim)
    known = dataset[[name for name in model.variables if name in dataset.variables]]
    gaps = find_gaps(model, dataset, dim, read_by(model, is_new=True, of_groups=of_groups))
    whole = filled(model, known, dim, gaps)
    every: list[Predictors] = []
    responses = _responses(model, whole, dim, population)
    panel = None if responses is None or population is None else responses.T
    for neuron in range(n_neurons):
        index = neuron if population is not None else None
        y = responses if responses is None or index is None else responses[index]
        readings = Readings(whole, dim, clock, population, index, y, True, gaps, of_groups, panel)
        if every:
            every.append(lay_beside(model, readings, every[0]))
        else:
            every.append(lay_predictors(model, readings, None))
    return dataset, dim, tuple(every)
