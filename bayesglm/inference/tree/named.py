"""The entries of theta under their names, and back: Datasets of parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.problem.samples import (
    labels_of,
)

Array = np.ndarray


def parameters(
    problems: list[Problem], thetas: Sequence[Array], lead: tuple[str, ...]
) -> xr.Dataset:
    """Name the entries of theta, one variable per parameter, all as their natural values."""
    every = [
        {one.name: one.natural(theta) for one in problem.natural.registry.free}
        for problem, theta in zip(problems, thetas, strict=True)
    ]
    return of_names(problems, every, lead, thetas[0].shape)


def of_names(
    problems: list[Problem],
    every: Sequence[Mapping[str, Array]],
    lead: tuple[str, ...],
    shape: tuple[int, ...],
) -> xr.Dataset:
    """Return the Dataset of numbers ``(*lead, values)`` of parameters, by name for every neuron.

    ``shape`` begins with the sizes of the leading dims.
    """
    first, plan = problems[0], problems[0].plan
    population = () if plan.population is None else (plan.population,)
    variables, coords = {}, lead_coords(lead, shape)
    if plan.population is not None:
        coords[plan.population] = labels_of(problems)
    for one in first.natural.registry.free:
        if one.name not in every[0]:
            continue
        own = [problem.natural.registry.named(one.name) for problem in problems]
        each = [of.spread(values[one.name]) for of, values in zip(own, every, strict=True)]
        own_population = () if one.common else population
        values = np.stack(each, axis=len(lead)) if own_population else each[0]
        variables[one.name] = ((*lead, *own_population, *one.dims), values)
        coords.update(one.whole_coords)
    return named_dataset(variables, coords)


def thetas_from(group: xr.Dataset, problems: list[Problem]) -> list[Array]:
    """Flatten a Dataset of parameters, as `parameters` makes it, per neuron."""
    lead = [dim for dim in ("chain", "draw") if dim in group.dims]
    found = []
    variables = dict(group.variables)  # each bare: its coordinates would be looked for among all
    for k, problem in enumerate(problems):
        theta = np.empty((*(group.sizes[dim] for dim in lead), problem.natural.size))
        population = problem.plan.population
        for one in problem.natural.registry.free:
            variable = variables[one.name]
            if population in variable.dims:
                variable = variable.isel({population: k})
            values = variable.transpose(*lead, *one.dims).values
            theta[..., one.place] = one.transform.inner(one.gathered(values))
        found.append(theta.reshape(math.prod(theta.shape[:-1]), problem.natural.size))
    return found


def lead_coords(lead: tuple[str, ...], shape: tuple[int, ...]) -> dict[str, Any]:
    return {dim: np.arange(size) for dim, size in zip(lead, shape[: len(lead)], strict=True)}


def named_dataset(variables: dict[str, Any], coords: dict[str, Any]) -> xr.Dataset:
    """Make the Dataset that xr.Dataset makes, without its search for labels that do not fit."""
    made = xr.Coordinates({**coords, **variables}).to_dataset()
    return made.reset_coords(list(variables))
