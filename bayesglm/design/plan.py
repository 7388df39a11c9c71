"""A model laid on data: the door is opened, all that the model names checked, and designs made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import xarray as xr

from bayesglm.design.blocks import Source, build_block
from bayesglm.design.clock import ask_for_time, read_clock
from bayesglm.design.design import Design, Plan, Predictors, family_of
from bayesglm.design.door import as_dataset, sample_dim_of, samples_first
from bayesglm.design.labels import held_by, in_words, plain_labels
from bayesglm.design.offsets import look_at_offset
from bayesglm.design.variables import numbers, place, require
from bayesglm.errors import DataError, ModelError
from bayesglm.numerics.families.family import FAMILIES
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.model import GLM, RESERVED, check_is_model
from bayesglm.spec.names import fault_of
from bayesglm.spec.priors import Flat, learned_scale

Array = np.ndarray
RESERVED_DIMS = (RESERVED - {"sample"}) | {"parameter", "parameter_other"}
OF_LEARNED = ("scale", "local", "slab")  # parameters beside coefficients whose scale is learned


def plan_fit(model: GLM, data: object) -> Plan:
    """Lay a model on data for the first time, and tell what looks like a mistake in them."""
    plan = lay(model, data)
    look_at_offset(plan)
    return plan


def lay(model: GLM, data: object) -> Plan:
    """Open the door for the data and lay the model on them, checking all that it names."""
    check_is_model(model, data)
    dataset = as_dataset(data)
    response = require(dataset, model.response, "response")
    if response.name not in dataset.data_vars:
        raise DataError(f"response {model.response!r} is a coordinate, not a variable.")
    dim = sample_dim_of(dataset, model.response)
    dataset = as_dataset(dataset, dim)
    response = dataset[model.response]
    _check_dims(model, dataset)
    roles = _roles(model)
    for name in model.variables:
        if name not in dataset.variables:
            require(dataset, name, roles.get(name, "predictor"))
    lagged = _lagged_label(model)
    if lagged is not None:
        ask_for_time(dataset, dim, f"term {lagged!r}", model.variables)
    clock = read_clock(dataset, dim, lagged)
    dataset = _storable(samples_first(dataset[list(model.variables)], dim))
    extra = [str(other) for other in response.dims if other != dim]
    if len(extra) > 1:
        raise DataError(
            f"response {model.response!r} has the dims {tuple(response.dims)}; at most one dim "
            f"(neurons) may stand beside {dim!r}. Select one of {extra}."
        )
    values = numbers(response, dim, "response", dataset)
    population = extra[0] if extra else None
    labels = None
    if population is not None:
        if not response.sizes[population]:
            raise DataError(f"the population dim {population!r} of {model.response!r} is empty.")
        labels = _labels(dataset, population)
    columns = np.ascontiguousarray(values.reshape(len(values), -1).T)
    shared = not model.has_history and not any(
        population in dataset.variables[name].dims
        for name in model.variables
        if name != model.response
    )
    counted = _counted(model, dataset, dim)
    designs: list[Design] = []
    for neuron, y in enumerate(columns):
        source = Source(dataset, dim, clock, population, neuron, y)
        if designs and shared:
            designs.append(replace(designs[0], y=y, neuron=neuron))
        else:
            predictors = _predictors(model, source, counted)
            predictors = replace(predictors, copies=1 if shared else len(columns))
            designs.append(Design(predictors, y, _weights(model, source), columns, neuron))
    plan = Plan(model, dataset, dim, population, labels, tuple(designs), clock.step)
    for neuron, design in enumerate(designs):
        _check_response(plan, neuron, design)
    return plan


def plan_prediction(
    model: GLM,
    data: object,
    population: str | None,
    n_neurons: int,
    levels: Mapping[str, Array] = MappingProxyType({}),
) -> tuple[xr.Dataset, str, tuple[Predictors, ...]]:
    """Lay the model's predictors on new data, which may lack response and weights.

    ``levels`` are those of the fit, of each term of a factor.
    """
    dataset = as_dataset(data)
    first = next((name for term in model.terms for name in term.variables), model.response)
    dim = sample_dim_of(dataset, first)
    dataset = _plainly_labelled(as_dataset(dataset, dim))
    _check_dims(model, dataset)
    if population is not None and dataset.sizes.get(population, n_neurons) != n_neurons:
        raise DataError(
            f"the new data have {dataset.sizes[population]} along {population!r}, but the fit has "
            f"{n_neurons}; give new data of the same {population!r}."
        )
    lagged = _lagged_label(model)
    if lagged is not None:
        ask_for_time(dataset, dim, f"term {lagged!r}", model.variables)
    clock = read_clock(dataset, dim, lagged)
    every = []
    for neuron in range(n_neurons):
        index = neuron if population is not None else None
        y = None
        if model.has_history:
            response = require(dataset, model.response, "response (for its history)")
            if population is not None:
                response = response.isel({population: neuron})
            y = numbers(response, dim, "response", dataset)
        source = Source(dataset, dim, clock, population, index, y, levels)
        every.append(_predictors(model, source, None))
    return dataset, dim, tuple(every)


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
    return _plainly_labelled(dataset)


def _plainly_labelled(dataset: xr.Dataset) -> xr.Dataset:
    """Return the Dataset with coordinates that files can hold, whatever held their labels."""
    plain: dict[str, Any] = {}
    for name, coordinate in dataset.coords.items():
        own = not isinstance(coordinate.dtype, np.dtype)
        if coordinate.ndim == 1 and (own or coordinate.dtype.kind in "OUcV"):
            values = held_by(coordinate.variable)
            labels = in_words(plain_labels(values))
            if labels is not values:
                plain[str(name)] = (coordinate.dims, labels, coordinate.attrs)
    return dataset.assign_coords(plain) if plain else dataset


def _roles(model: GLM) -> dict[str, str]:
    roles = {variable: role for role, variable in reversed(model.roles.items())}
    of_terms = [one for term in reversed(model.terms) for one in term.roles.items()]
    return dict(of_terms) | roles


def _lagged_label(model: GLM) -> str | None:
    return next((term.label for term in model.terms if term.is_lagged), None)


def _labels(dataset: xr.Dataset, dim: str) -> Array:
    return dataset[dim].values if dim in dataset.coords else np.arange(dataset.sizes[dim])


def _check_dims(model: GLM, dataset: xr.Dataset) -> None:
    dims = {str(dim) for dim in dataset.dims}
    named = dataset[[name for name in model.variables if name in dataset.variables]]
    own = RESERVED_DIMS | set(FAMILY_NAMES[model.family].dispersions)
    for what, names in (("dim", named.dims), ("coordinate", named.coords)):
        for name in map(str, names):
            fault = "a fit needs the name itself" if name in own else fault_of(name)
            if fault:
                raise ModelError(
                    f"the {what} {name!r} of the data cannot keep its name: {fault}; rename it: "
                    f"data.rename({{{name!r}: '...'}})."
                )
    for name in (term.label for term in model.terms):
        if name in dims:
            raise ModelError(
                f"term {name!r} is named like a dim of the data; give it another name=, for "
                f"example name='{name}_effect'."
            )
    if model.response in dims:
        raise ModelError(f"response {model.response!r} is named like a dim; rename the variable.")
    for term in model.terms:
        with_lags = [
            name
            for name in term.variables
            if term.is_lagged and "lag" in named.variables.get(name, named).dims
        ]
        if with_lags:
            raise ModelError(
                f"term {term.label!r} has lags of its own, and its predictor {with_lags[0]!r} a "
                "dim 'lag' already; rename that dim, or use Linear for columns lagged beforehand."
            )
        own_names = {f"{term.label}_{suffix}": "dim" for suffix in term.own_dims}
        prior = model.prior_of(term) or term.default_prior(1.0)
        if learned_scale(prior) is not None:
            own_names |= {f"{term.label}_{suffix}": "name" for suffix in OF_LEARNED}
        for name in dims & own_names.keys():
            raise ModelError(
                f"term {term.label!r} needs the {own_names[name]} {name!r}, which the data have "
                "already; give the term another name=."
            )


def _predictors(model: GLM, source: Source, counted: Array | None) -> Predictors:
    offset = _offset(model, source)
    trials = _row_values(model, source, "trials")
    blocks = tuple(build_block(term, source) for term in model.terms)
    n = source.clock.n_samples
    keep = np.ones(n, dtype=bool)
    if model.edges == "drop":
        for block in blocks:
            keep &= block.complete()
    n_incomplete = n - int(keep.sum())
    rows = np.flatnonzero(keep if counted is None else keep & counted)
    lagged = [block for block in blocks if block.lags is not None]
    if not keep.any() and lagged:
        longest = max(lagged, key=lambda block: block.size)
        assert longest.lags is not None
        raise DataError(
            f"no sample has a full past: term {longest.name!r} reaches from lag "
            f"{longest.lags[0]} to {longest.lags[-1]}, and no trial of the {n} samples is long "
            "enough. Use fewer lags, more samples, or edges='zero'."
        )
    if not len(rows):
        zero = " or ".join(
            f"{role} {getattr(model, role)!r}"
            for role in ("weights", "trials")
            if getattr(model, role)
        )
        raise DataError(f"{zero} are zero for every sample in use; no sample counts.")
    return Predictors(blocks, model.intercept is not None, rows, n, n_incomplete, offset, trials)


def _row_values(model: GLM, source: Source, role: str) -> Array | None:
    name = getattr(model, role)
    if name is None:
        return None
    values, dims = source.values(name, role)
    if dims:
        raise DataError(f"{role} {name!r} has further dims {dims}; give one value per sample.")
    if role == "trials":
        bad = (values < 0) | (values != np.floor(values))
        if bad.any():
            raise DataError(
                f"trials {name!r} must be whole numbers of at least 0; {int(bad.sum())} are not, "
                f"the first at {place(bad, (source.dim,), source.dataset)} ({values[bad][0]:g})."
            )
    return values


def _offset(model: GLM, source: Source) -> Array | None:
    """Return the part of eta that is known: the offset, and the logarithm of the exposure."""
    offset = _row_values(model, source, "offset")
    exposure = _row_values(model, source, "exposure")
    if exposure is None:
        return offset
    bad = exposure <= 0
    if bad.any():
        raise DataError(
            f"exposure {model.exposure!r} must be positive, since its logarithm is an offset; "
            f"{int(bad.sum())} values are not, the first at "
            f"{place(bad, (source.dim,), source.dataset)} ({exposure[bad][0]:g}). Remove "
            "those samples: where there is no exposure nothing can be counted."
        )
    return np.log(exposure) if offset is None else offset + np.log(exposure)


def _weights(model: GLM, source: Source) -> Array | None:
    weights = _row_values(model, source, "weights")
    if weights is None:
        return None
    bad = weights < 0
    if bad.any():
        raise DataError(
            f"weights {model.weights!r} must be at least 0; {int(bad.sum())} are negative, the "
            f"first at {place(bad, (source.dim,), source.dataset)} ({weights[bad][0]:g})."
        )
    return weights


def _counted(model: GLM, dataset: xr.Dataset, dim: str) -> Array | None:
    """Return which samples count for any neuron; those without weight or trials are not there."""
    counted = None
    for role in ("weights", "trials"):
        name = getattr(model, role)
        if name is not None:
            values = numbers(require(dataset, name, role), dim, role, dataset)
            own = (values > 0).reshape(len(values), -1).any(axis=1)
            counted = own if counted is None else counted & own
    return counted


def _check_response(plan: Plan, neuron: int, design: Design) -> None:
    model, y, trials = plan.model, design.y, design.predictors.trials
    family = family_of(model)
    where = plan.name_of(neuron)
    bad = ~np.broadcast_to(family.valid(y, trials), y.shape)
    if bad.any():
        other = _better_family(model.family, y)
        raise DataError(
            f"response {model.response!r}{where}: a {model.family} response takes "
            f"{family.support}; {int(bad.sum())} values are not, the first at "
            f"{place(bad, (plan.sample_dim,), plan.dataset)} ({y[bad][0]:g})"
            f"{_of_trials(trials, bad)}.{other}"
        )
    rows = design.predictors.rows
    shares = y[rows] if trials is None else y[rows] / np.maximum(trials[rows], 1)
    counted = np.ones(len(rows), bool) if design.weights is None else design.weights[rows] > 0
    if not counted.any():
        raise DataError(
            f"weights {model.weights!r}{where} are zero for every sample in use; no sample counts."
        )
    if np.ptp(shares[counted]) == 0 and _needs_variation(model):
        raise DataError(
            f"response {model.response!r}{where} does not vary: all {int(counted.sum())} samples "
            f"in use are {shares[counted][0]:g}, so nothing can be learnt with a flat intercept or "
            "an unknown dispersion. Give more data, or a proper prior (intercept=Normal(...))."
        )


def _needs_variation(model: GLM) -> bool:
    learned = bool(family_of(model).dispersions) and not isinstance(
        model.dispersion, (float, tuple)
    )
    return learned or isinstance(model.intercept, Flat)


def _of_trials(trials: Array | None, bad: Array) -> str:
    return "" if trials is None else f" of {np.broadcast_to(trials, bad.shape)[bad][0]:g} trials"


def _better_family(family: str, y: Array) -> str:
    others = {name: of for name, of in FAMILY_NAMES.items() if not of.needs_trials}
    # Of those that fit, one of counts says more.
    for other in sorted(others, key=lambda name: not others[name].discrete):
        if other != family and np.all(FAMILIES[other, others[other].links[0]].valid(y, None)):
            return f" Did you mean family={other!r}?"
    return ""
