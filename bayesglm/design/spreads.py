"""Standard deviations of predictors and responses, by which priors are scaled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from bayesglm.design.blocks import Block
from bayesglm.design.design import Design, Plan
from bayesglm.design.variables import runs
from bayesglm.errors import DataError
from bayesglm.numerics.rows.rows import span

Array = np.ndarray


def check_varies(
    plan: Plan, neuron: int, name: str, sds: Array, label: Callable[[int], str]
) -> None:
    """Raise DataError where a predictor does not vary."""
    if not np.all(sds > 0):
        at = "" if sds.size == 1 else f" (column {label(int(np.argmin(sds)))!r})"
        raise DataError(
            f"predictor {name!r}{at}{plan.name_of(neuron)} is constant over the samples in use, so "
            "no prior can be scaled by it; remove the term or give it a prior=."
        )


def for_neurons(plan: Plan, values: list[Any], shape: tuple[int, ...] = ()) -> Any:
    """Return one number where all agree, else an array that broadcasts to (neuron, *shape)."""
    array = np.array([np.asarray(value, dtype=float).reshape(-1) for value in values])
    if array.shape[1] == 1:
        array = array[:, 0].reshape(-1, *(1 for _ in shape))
    elif shape:
        array = array.reshape(len(array), *shape)
    if np.all(array == array.flat[0]):
        return float(array.flat[0])
    return array if plan.population is not None else array[0]


def sd_of_predictor(block: Block, design: Design) -> Array:
    """Return the sd of a block's signal, one in all or one of each column; that of ones is one.

    Those of a multiplier's multiply it.
    """
    if block.multiplier is not None:
        alone = replace(block, multiplier=None)
        return sd_of_predictor(block.multiplier, design) * sd_of_predictor(alone, design)
    if block.unit is not None:
        return np.full(1, block.unit * block.length)
    if block.n_ones == block.signal.shape[1]:
        return np.ones(1)
    rows, weights = design.predictors.rows, design.weights
    if not block.reads_own_rows:
        rows, weights = np.arange(len(block.signal)), None
    sds = sds_of(block.signal, rows, weights, block.per_column)
    sds[: block.n_ones] = 1.0
    return sds * block.length


def sds_of(values: Array, rows: Array, weights: Array | None, per_column: bool) -> Array:
    """Return the standard deviation of each column of some rows, or of all columns together.

    Each row counts by its weight; 0 where nothing varies. Means and squares of blocks are put
    together as in Chan, Golub & LeVeque 1983, so that no copy of the values is made.
    """
    if weights is not None:
        rows = rows[weights[rows] > 0]
    parts = [span(rows[part]) for part in runs(len(rows), values.shape[1])]
    axis = 0 if per_column else None
    low = np.min([values[part].min(axis) for part in parts], axis=0).astype(float)
    high = np.max([values[part].max(axis) for part in parts], axis=0).astype(float)
    reach = high - low
    scale = np.where(reach > 0, reach, 1.0)
    counts, means, squares = [], [], []
    for part in parts:
        # In units of the range no square leaves the floats; a constant is never a rounding error.
        unit = values[part] - low
        unit /= scale
        counted = np.ones(len(unit)) if weights is None else weights[part]
        mean = _mean(unit, counted, per_column)
        unit -= mean
        unit *= unit
        counts.append(counted.sum())
        means.append(mean)
        squares.append(_mean(unit, counted, per_column))
    between = np.array(means) - np.average(means, axis=0, weights=counts)
    return reach * np.sqrt(np.average(squares + between**2, axis=0, weights=counts))


def _mean(values: Array, weights: Array, per_column: bool) -> Array:
    """Return the mean over rows of each column (or of them all, an array of one)."""
    found = weights @ values / weights.sum()
    return found if per_column else found.mean(keepdims=True)
