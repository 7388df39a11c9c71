"""Which label a fit would tell over the plane of two predictors, and how sure it is of that."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from bayesglm.errors import DataError, ModelError
from bayesglm.results.effects.asked import asked_of
from bayesglm.results.effects.columns import column_of, predictors_of, refuse_lags
from bayesglm.results.effects.fitted import Fitted, opened
from bayesglm.results.predict import predict
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.hints import closest, is_among, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

Array = np.ndarray
SURE = 0.97  # share of the draws that agree, beyond which a cell is outside the boundary's band
SIDE = 61  # cells of a side
MOST_TOLD = 4_000_000  # probabilities (draws by cells by labels) that are held at once


@dataclass(frozen=True)
class Axis:
    """One of the two predictors: a variable, or one feature of it at ``at``; its data and cells."""

    name: str
    variable: str
    at: tuple[int, ...]
    values: Array
    cells: Array


@dataclass(frozen=True)
class Decision:
    """Probabilities ``(SIDE, SIDE, levels)``, cells along x first, and how many draws agree.

    ``shares`` of the same shape are those of the draws in which each label is the likeliest; None
    of a MAP. ``labels`` are those of the response, ``observed`` (the place of) that of each sample.
    """

    x: Axis
    y: Axis
    response: str
    labels: tuple[Any, ...]
    observed: Array
    probability: Array
    shares: Array | None
    n_held: int


def decision_of(fit: xr.DataTree, predictors: Any) -> Decision:
    """Tell labels over the plane; raises as `plot_decision` says."""
    fitted = opened(fit, asked_of(fit, "mean", None, None, ("own", "raise"), 0.94, False))
    model = fitted.plan.model
    labels = FAMILY_NAMES[model.family].labels
    if labels is None or labels.counted:
        raise ModelError(
            f"plot_decision draws choices, and {model.family} responses {model.response!r} have no "
            "labels; for a mean along a predictor write plot_effects."
        )
    if fitted.plan.population:
        raise DataError(
            "plot_decision draws one response; choose one of the population before the fit: "
            f"data.isel({fitted.plan.population}=0)."
        )
    refuse_lags(model, "the cells of a plane have none; plot_kernels draws what they do.")
    x, y = _axes(fitted, predictors)
    probability, shares = _probabilities(fit, fitted, x, y)
    names, observed = _observed(fitted)
    n_held = sum(
        int(np.prod(column_of(fitted, name).values.shape[1:], dtype=int))
        for name in predictors_of(model)
    )
    return Decision(x, y, model.response, names, observed, probability, shares, n_held - 2)


def _features(fitted: Fitted) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return every predictor that is a number, by its words: a variable, or a feature of one."""
    found: dict[str, tuple[str, tuple[int, ...]]] = {}
    dataset, dim = fitted.observed.dataset, fitted.observed.dim
    for name in predictors_of(fitted.plan.model):
        column = column_of(fitted, name)
        if column.levels is not None:
            continue
        dims = [one for one in dataset.variables[name].dims if one != dim]
        for at in np.ndindex(column.values.shape[1:]):
            words = [
                str(dataset[one].values[k]) if one in dataset.coords else str(k)
                for one, k in zip(dims, at, strict=True)
            ]
            found[f"{name}[{', '.join(words)}]" if words else name] = (name, at)
    return found


def _axes(fitted: Fitted, predictors: Any) -> tuple[Axis, Axis]:
    features = _features(fitted)
    every = list(features)
    few = ", ".join(every[:6]) + (", ..." if len(every) > 6 else "")
    if predictors is None:
        known = fitted.plan.model.offset
        free = [name for name, (variable, _) in features.items() if variable != known]
        if len(free) != 2:
            remedy = (
                f": name two of {few}, as predictors=({free[0]!r}, {free[-1]!r})"
                if len(free) > 2
                else "; plot_effects draws probabilities along one"
            )
            raise DataError(
                "a plane has two predictors that are numbers, and the terms of the model read "
                f"{len(free)}{remedy}."
            )
        predictors = tuple(free)
    pair: Sequence[Any] = predictors if isinstance(predictors, (tuple, list)) else ()
    names = [re.sub(r"\s+", " ", one) if isinstance(one, str) else one for one in pair]
    if len(names) != 2 or names[0] == names[1]:
        raise DataError(
            f"predictors must be two different names of {few or 'numbers'}; got "
            f"{shown(predictors)}."
        )
    for name in names:
        if not is_among(name, every):
            raise DataError(
                f"the model reads no number {shown(name)}; there are {few or 'none'}."
                f"{closest(name, every)}"
            )
    first, second = (_axis(fitted, name, *features[name]) for name in names)
    return first, second


def _axis(fitted: Fitted, name: str, variable: str, at: tuple[int, ...]) -> Axis:
    values = column_of(fitted, variable).values
    values = values.reshape(len(values), -1)[:, _flat_place(values, at)]
    low, high = float(values.min()), float(values.max())
    if not low < high:
        raise DataError(f"{name!r} is {low:g} in all samples, so that nothing changes along it.")
    return Axis(name, variable, at, values, np.linspace(low, high, SIDE))


def _flat_place(values: Array, at: tuple[int, ...]) -> int:
    """Return the place of a feature among all of a sample, laid in a row."""
    return int(np.ravel_multi_index(at, values.shape[1:])) if at else 0


def _probabilities(
    fit: xr.DataTree, fitted: Fitted, x: Axis, y: Axis
) -> tuple[Array, Array | None]:
    """Return probabilities ``(SIDE, SIDE, levels)``, and the shares of draws that tell each."""
    model = fitted.plan.model
    grid = _grid(fitted, x, y)
    dim, level = fitted.observed.dim, f"{model.response}_level"
    groups = "average" if any(term.facts.of_levels for term in model.every_term) else "own"
    n_levels = max(len(model.levels or ()), 2)
    block = max(1, MOST_TOLD // (fitted.units[0].n_draws * n_levels))
    probability, shares = [], []
    for start in range(0, grid.sizes[dim], block):
        rows = grid.isel({dim: slice(start, start + block)})
        told = predict(fit, rows, groups=groups)[model.response]
        draw = [one for one in ("chain", "draw") if one in told.dims]
        tail = [level] if level in told.dims else []
        values = told.transpose(*draw, dim, *tail).values
        values = values.reshape(-1, rows.sizes[dim], *values.shape[len(draw) + 1 :])
        if not tail:
            values = np.stack([1.0 - values, values], axis=-1)
        probability.append(values.mean(axis=0))
        likeliest = values.argmax(axis=-1)
        shares.append(
            np.stack([(likeliest == k).mean(axis=0) for k in range(values.shape[-1])], axis=-1)
        )
    means, told_by = (np.concatenate(one).reshape(SIDE, SIDE, -1) for one in (probability, shares))
    return means, None if fitted.is_map else told_by


def _grid(fitted: Fitted, x: Axis, y: Axis) -> xr.Dataset:
    """Return the cells as samples, x slowest: the two as they go, all else held."""
    laid = fitted.observed
    first, second = (one.ravel() for one in np.meshgrid(x.cells, y.cells, indexing="ij"))
    columns: dict[str, Any] = {}
    for name in predictors_of(fitted.plan.model):
        column = column_of(fitted, name)
        dims = [one for one in laid.dataset.variables[name].dims if one != laid.dim]
        if column.levels is not None:
            columns[name] = (laid.dim, np.repeat(np.array([column.mode()]), len(first)))
            continue
        means = np.average(column.values, axis=0, weights=column.weights)
        values = np.repeat(np.asarray(means)[None], len(first), axis=0)
        for axis, cells in ((x, first), (y, second)):
            if axis.variable == name:
                values.reshape(len(first), -1)[:, _flat_place(values, axis.at)] = cells
        columns[name] = ((laid.dim, *dims), values)
    kept = {dim: laid.dataset[dim] for dim in laid.dataset.dims if dim in laid.dataset.coords}
    return xr.Dataset(columns, coords={k: v for k, v in kept.items() if k != laid.dim})


def _observed(fitted: Fitted) -> tuple[tuple[Any, ...], Array]:
    """Return the response's labels, and the place among them of each sample's."""
    model, laid = fitted.plan.model, fitted.observed
    values = laid.column(model.response)
    assert values is not None
    labels = tuple(model.levels) if model.levels is not None else (0, 1)
    place = {label: k for k, label in enumerate(labels)}
    return labels, np.array([place[one] for one in values.tolist()])
