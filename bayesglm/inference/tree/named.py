"""The entries of theta under their names, and back: Datasets of parameters."""

from __future__ import annotations

import math
from collections.abc import Sequence
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
    """Name the entries of theta: one variable per term, dispersions on their natural scale."""
    first, plan = problems[0], problems[0].plan
    population = () if plan.population is None else (plan.population,)
    variables, coords = {}, lead_coords(lead, thetas[0].shape)
    if plan.population is not None:
        coords[plan.population] = labels_of(problems)
    blocks = _blocks(first)
    for name, where in first.places.items():
        block = blocks.get(name)
        shape, dims = ((), ()) if block is None else (block.shape, block.dims)
        stacked = np.stack([theta[..., where] for theta in thetas], axis=len(lead))
        values = stacked.reshape(*stacked.shape[:-1], *shape)
        if where.start >= first.natural.n_coefficients:
            values = np.exp(values)
        if not population:
            values = values[(slice(None),) * len(lead) + (0,)]
        variables[name] = ((*lead, *population, *dims), values)
        if block is not None:
            coords.update({dim: block.coords[dim] for dim in dims})
    return named_dataset(variables, coords)


def thetas_from(group: xr.Dataset, problems: list[Problem]) -> list[Array]:
    """Flatten a Dataset of parameters, as `parameters` makes it, per neuron."""
    lead = [dim for dim in ("chain", "draw") if dim in group.dims]
    found = []
    variables = dict(group.variables)  # each bare: its coordinates would be looked for among all
    for k, problem in enumerate(problems):
        theta = np.empty((*(group.sizes[dim] for dim in lead), problem.natural.size))
        population, blocks = problem.plan.population, _blocks(problem)
        for name, where in problem.places.items():
            variable = variables[name]
            variable = variable if population is None else variable.isel({population: k})
            block = blocks.get(name)
            values = variable.transpose(*lead, *(block.dims if block else ())).values
            theta[..., where] = values.reshape(*theta.shape[:-1], -1)
        n = problem.natural.n_coefficients
        theta[..., n:] = np.log(theta[..., n:])
        found.append(theta.reshape(math.prod(theta.shape[:-1]), problem.natural.size))
    return found


def _blocks(problem: Problem) -> dict[str, Any]:
    """Return by name what has the shape, dims and coords of parameters; numbers have none."""
    return {block.name: block for block in problem.design.predictors.blocks} | problem.learned


def lead_coords(lead: tuple[str, ...], shape: tuple[int, ...]) -> dict[str, Any]:
    return {dim: np.arange(size) for dim, size in zip(lead, shape[: len(lead)], strict=True)}


def named_dataset(variables: dict[str, Any], coords: dict[str, Any]) -> xr.Dataset:
    """Make the Dataset that xr.Dataset makes, without its search for labels that do not fit."""
    made = xr.Coordinates({**coords, **variables}).to_dataset()
    return made.reset_coords(list(variables))
