"""What tells the samples of a fit apart, and what was observed at each: all that pairs two fits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesglm.design.labels import coords_over
from bayesglm.design.response_levels import as_labels, told_apart
from bayesglm.inference.problem.problem import Problem
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.model import GLM
from bayesglm.spec.names import (
    INTERVAL,
    N_JOINT,
    OBSERVED,
    POSITION,
    TRIALS,
    WEIGHTS,
    WHICH_JOINT,
)

Array = np.ndarray
LARGEST = 2.0**53  # up to which floats hold all whole numbers
DENSITIES, PROBABILITIES = "densities", "probabilities"  # what a log likelihood is made of


def sample_coords(problems: list[Problem]) -> dict[str, Any]:
    """Return the coordinates of the samples in use (and of the neurons).

    Samples without labels of their own are labelled by their positions in the data.
    """
    plan, rows = problems[0].plan, problems[0].design.predictors.rows
    dim = plan.sample_dim
    coords: dict[str, Any] = {
        name: (dim, coordinate.values[rows], coordinate.attrs)
        for name, coordinate in coords_over(plan.dataset, dim).items()
    }
    if plan.population is not None:
        coords[plan.population] = labels_of(problems)
    if dim not in coords:
        coords[dim] = rows
    return coords


def labels_of(problems: list[Problem]) -> Array:
    """Return the labels of a population's neurons."""
    labels = problems[0].plan.labels
    assert labels is not None
    return labels[[problem.neuron for problem in problems]]


def pairing_coords(problems: list[Problem]) -> dict[str, Any]:
    """Return `sample_coords`, and responses, trials and weights, which paired samples must share.

    Of censored responses they share what was seen of each.

    Where labels are not unique, the samples' positions in the data are there as well.
    """
    plan, rows = problems[0].plan, problems[0].design.predictors.rows
    dim, coords = plan.sample_dim, sample_coords(problems)
    dims = (dim,) if plan.population is None else (dim, plan.population)

    def per_sample(columns: list[Array]) -> Any:
        values = np.stack([column[rows] for column in columns], axis=-1)
        return (dims, values if plan.population is not None else values[..., 0])

    coords[OBSERVED] = per_sample([told_apart(plan.model, one.design.y) for one in problems])
    designs = [problem.design for problem in problems]
    counts = {TRIALS: [d.predictors.trials for d in designs], WEIGHTS: [d.weights for d in designs]}
    for name, every in counts.items():
        columns = [one for one in every if one is not None]
        if columns:
            coords[name] = per_sample(columns)
    if plan.model.censored is not None:
        coords[INTERVAL] = per_sample([_intervals(one.seen) for one in designs])
    if dim in plan.dataset.coords and not pd.Index(coords[dim][1]).is_unique:
        coords[POSITION] = (dim, rows)
    return coords


def responses_of(problems: list[Problem]) -> tuple[tuple[str, ...], Array, dict[str, Array]]:
    """Return dims and values of the responses in use, as the data have them, and their levels."""
    plan, rows = problems[0].plan, problems[0].design.predictors.rows
    if FAMILY_NAMES[plan.model.family].counts_levels:
        dim = f"{plan.model.response}_level"
        levels = np.array(plan.model.levels)
        values = in_whole_numbers(plan.model, problems[0].design.y[:, rows].T)
        return (plan.sample_dim, dim), values, {dim: levels}
    values = in_their_kind(plan.model, np.stack([one.design.y[rows] for one in problems], axis=-1))
    if plan.population is None:
        return (plan.sample_dim,), values[:, 0], {}
    return (plan.sample_dim, plan.population), values, {}


def in_their_kind(model: GLM, values: Array) -> Array:
    """Return responses as labels, whole numbers or floats, whichever they are."""
    return in_whole_numbers(model, as_labels(model, values))


def in_whole_numbers(model: GLM, values: Array) -> Array:
    """Return counts as integers, by which ArviZ knows them; floats where one is none."""
    if not FAMILY_NAMES[model.family].discrete or values.dtype.kind != "f":
        return values
    ends = values.min(initial=0.0), values.max(initial=0.0)
    if not all(abs(end) < LARGEST for end in ends):  # NaN is not
        return values
    whole = values.astype(np.int64)
    return whole if np.array_equal(whole, values) else values


def _intervals(seen: Any) -> Array:
    """Write the interval that was seen of each response, nothing where it was exact."""
    words = np.full(len(seen), "", dtype=object)
    for k in np.flatnonzero(seen["below"] != seen["upto"]):
        words[k] = f"({seen['below'][k]:.6g}, {seen['upto'][k]:.6g}]"
    return words.astype(str)


def pairing_attrs(problems: list[Problem]) -> dict[str, Any]:
    """Return, as attributes, what else has to be known of samples that are to be paired."""
    plan = problems[0].plan
    return {
        "response": plan.model.response,
        "measure": PROBABILITIES if FAMILY_NAMES[plan.model.family].discrete else DENSITIES,
        "labelled": int(plan.sample_dim in plan.dataset.coords),
        "n_samples": plan.designs[0].predictors.n_samples,
    }


def labelled(problems: list[Problem], values: Array, name: str) -> xr.DataArray:
    """Return values ``(row, neuron)`` with all that pairs them with those of another fit."""
    plan = problems[0].plan
    dims = (plan.sample_dim, *(() if plan.population is None else (plan.population,)))
    values = values if plan.population is not None else values[..., 0]
    coords, attrs = pairing_coords(problems), pairing_attrs(problems)
    return xr.DataArray(values, dims=dims, coords=coords, name=name, attrs=attrs)


def joint_samples(
    problem: Problem, codes: Array, first: Array, horizon: int = 1
) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return how many rows each joint score is of, and which; and, as attributes, what tells these.

    ``codes`` number the rows' sets; each score is of ``horizon`` sets, its ``first`` and those that
    follow. Which rows they are is a sum of hashes of their labels, so that their order is free.
    """
    predictors = problem.design.predictors
    hashes, names = _identities(problem)
    counts, sums = np.zeros((2, int(codes.max()) + 1), dtype=np.uint64)
    np.add.at(counts, codes, np.uint64(1))
    np.add.at(sums, codes, hashes)
    windows = first[:, None] + np.arange(horizon)
    carried = {
        N_JOINT: counts[windows].sum(axis=1).astype(np.int64),
        WHICH_JOINT: np.array([f"{one:016x}" for one in sums[windows].sum(axis=1)]),
    }
    attrs = {
        "known_by": ", ".join(names),
        "n_incomplete": predictors.n_incomplete,
        "n_missing": predictors.n_missing,
    }
    return carried, attrs


def _identities(problem: Problem) -> tuple[Array, list[str]]:
    """Return a hash of what tells each row in use apart, and the names of that; none: positions."""
    plan, predictors = problem.plan, problem.design.predictors
    coords = coords_over(plan.dataset, plan.sample_dim)
    every = sorted(coords)
    for names in (["time"], [plan.sample_dim], every):
        if names and all(name in coords for name in names):
            columns = [_hashes(coords[name].values) for name in names]
            index = columns[0] if len(columns) == 1 else _mixed(columns)
            if pd.Index(index).is_unique:
                return index[predictors.rows], names
    return _hashes(np.arange(predictors.n_samples))[predictors.rows], []


def _mixed(columns: list[Array]) -> Array:
    """Return one hash of several of each row."""
    total = columns[0]
    for one in columns[1:]:
        total = total * np.uint64(1_000_003) ^ one
    return total


def _hashes(values: Array) -> Array:
    """Return hashes of labels, the same of a number in any type."""
    if values.dtype.kind in "mM":
        values = values.astype(f"{values.dtype.kind}8[ns]").view(np.int64)
    plain = values.astype(np.float64 if values.dtype.kind in "biuf" else object)
    return pd.util.hash_array(plain)
