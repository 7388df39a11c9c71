"""The groups that every fit holds: parameters, data, log likelihood; and the tree of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np
import xarray as xr

from bayesglm.design.door import SAMPLE_DIM
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.problem.samples import (
    pairing_attrs,
    pairing_coords,
    responses_of,
    sample_coords,
)
from bayesglm.inference.tree.fit import Fit
from bayesglm.inference.tree.kept import Kept
from bayesglm.inference.tree.named import lead_coords, named_dataset

Array = np.ndarray
SILENT = "silent_units"  # the attribute that lists, as JSON, units that were left out: never vary
COPIED = 1_000_000  # numbers of a variable; a larger one is referred to, not copied into the tree


def tree_of(
    problems: list[Problem], groups: dict[str, xr.Dataset], attrs: dict[str, Any]
) -> xr.DataTree:
    plan = problems[0].plan
    groups["observed_data"] = _observed(problems)
    groups["constant_data"] = _kept(plan.dataset)
    tree = Fit(named_dataset({}, {}))
    # DataTree.from_dict would copy and align every group once more.
    tree.children = {name: Fit(value) for name, value in groups.items()}
    tree.attrs = {
        "model": plan.model.to_json(),
        **attrs,
        "bayesglm_version": _version(),
        "n_samples": plan.designs[0].predictors.n_samples,
        "n_dropped": plan.n_dropped,
        "n_missing": plan.n_missing,
        SAMPLE_DIM: plan.sample_dim,
        "population": plan.population or "",
    }
    if plan.step is not None:
        tree.attrs["sample_step_s"] = plan.step
    if plan.silent:
        tree.attrs[SILENT] = json.dumps(plan.silent)
    return tree


@cache
def _version() -> str:
    return version("bayesglm")


def _observed(problems: list[Problem]) -> xr.Dataset:
    dims, values, levels = responses_of(problems)
    name = problems[0].plan.model.response
    return named_dataset({name: (dims, values)}, sample_coords(problems) | levels)


def _kept(dataset: xr.Dataset) -> xr.Dataset:
    """Copy the data of a fit, which must not change when the user's own arrays do, unless large."""
    values = {name: _copied(dataset.variables[name].values) for name in dataset.data_vars}
    return dataset.copy(deep=True, data=values)


def _copied(values: Array) -> Array:
    """Copy an array unless it is large; bools out of objects, as which no file holds them."""
    if values.dtype.kind == "O" and all(isinstance(one, (bool, np.bool_)) for one in values.flat):
        return values.astype(bool)
    return values if values.size > COPIED else values.copy()


def log_likelihood(
    problems: list[Problem], kept: Sequence[Kept], lead: tuple[int, int]
) -> xr.Dataset:
    """Return the pointwise log likelihood over ``(chain, draw, sample[, neuron])``.

    Frequency weights are in it: a row of weight 2 counts as its two copies, left out together.
    ``lead`` are the numbers of chains and of draws. Effects of levels of one row each are
    integrated out.
    """
    plan = problems[0].plan
    values = [one.log_likelihood().reshape(*lead, -1) for one in kept]
    dims = ("chain", "draw", plan.sample_dim)
    name = plan.model.response
    coords = lead_coords(("chain", "draw"), lead) | pairing_coords(problems)
    attrs = pairing_attrs(problems)
    if plan.population is None:
        return named_dataset({name: (dims, values[0], attrs)}, coords)
    stacked = np.stack(values, axis=-1)
    return named_dataset({name: ((*dims, plan.population), stacked, attrs)}, coords)
