"""Predictions on the data of a fit, or on new data, from the fit alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.design.design import Predictors, plan_prediction
from bayesglm.errors import DataError, ModelError
from bayesglm.inference.problem import Problem
from bayesglm.inference.tree import parameter_group, reopen, stored_data, thetas_of
from bayesglm.spec.noun import near

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
KINDS = ("mean", "response", "linear")


def predict(fit: xr.DataTree, data: Any = None, kind: str = "mean", seed: int = 0) -> xr.Dataset:
    """Predict the response for every posterior draw (or at the MAP), on the data's own samples.

    Parameters
    ----------
    fit : xarray.DataTree
        Any fit of this package.
    data : Dataset, DataFrame or mapping, optional
        New data with the predictors, offset and trials (weights and, without a history term, the
        response are not needed); the data of the fit by default.
    kind : {"mean", "response", "linear"}
        ``"mean"`` is E[y], the binomial's expected count; ``"response"`` draws new responses;
        ``"linear"`` is eta. With a history term the predictions are one step ahead, given the
        recorded past.
    seed : int
        Seed of ``"response"``.

    Returns
    -------
    xarray.Dataset
        One variable under the response's name: ``([chain, draw,] sample[, neuron])``, NaN where
        a full past is missing.

    Raises
    ------
    DataError
        New data that lack a variable, whose labels differ from those of the fit, or with a level
        of a factor that the fit has not seen.
    ModelError
        An unknown ``kind``.

    Examples
    --------
    >>> import bayesglm as bg
    >>> data = {"y": [2, 0, 3, 1, 4, 1], "x": [0.1, -0.9, 1.2, -0.3, 0.8, 0.2]}
    >>> found = bg.fit_map(bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0)), data)
    >>> bg.predict(found, {"x": [0.0, 1.0]})["y"].round(2).values
    array([1.34, 3.1 ])
    """
    if kind not in KINDS:
        raise ModelError(
            f"unknown kind {kind!r}; predict knows {', '.join(KINDS)}.{near(kind, KINDS)}"
        )
    problems = reopen(fit)
    plan = problems[0].plan
    given = stored_data(fit) if data is None else data
    levels = {
        block.name: block.coords[f"{block.name}_level"]
        for block in problems[0].design.predictors.blocks
        if block.codes is not None
    }
    dataset, dim, every = plan_prediction(plan.model, given, plan.population, len(problems), levels)
    _check_same_neurons(problems, dataset)
    _check_same_coefficients(problems, every)
    group = parameter_group(fit)
    lead = tuple(name for name in ("chain", "draw") if name in group.dims)
    shape = tuple(group.sizes[name] for name in lead)
    streams = np.random.default_rng(seed).spawn(len(problems))
    values = np.full((*shape, len(problems), dataset.sizes[dim]), np.nan)
    for k, (problem, theta) in enumerate(zip(problems, thetas_of(fit, problems), strict=True)):
        found = _predict(problem, every[k], theta, kind, streams[k])
        values[..., k, every[k].rows] = found.reshape(*shape, -1)
    return _as_dataset(values, problems, dataset, dim, lead, group)


def _as_dataset(
    values: Array,
    problems: list[Problem],
    dataset: xr.Dataset,
    dim: str,
    lead: tuple[str, ...],
    group: xr.Dataset,
) -> xr.Dataset:
    import xarray as xr

    plan = problems[0].plan
    coords: dict[str, Any] = {name: group[name] for name in lead}
    coords |= {str(k): c for k, c in dataset.coords.items() if c.dims == (dim,)}
    if plan.population is None:
        values, dims = values[..., 0, :], (*lead, dim)
    else:
        values, dims = np.swapaxes(values, -1, -2), (*lead, dim, plan.population)
        coords[plan.population] = plan.labels
    return xr.Dataset({plan.model.response: (dims, values)}, coords=coords)


def _predict(
    problem: Problem, predictors: Predictors, theta: Array, kind: str, rng: np.random.Generator
) -> Array:
    """Return ``(draws, kept rows)``."""
    objective = problem.natural
    w = theta[:, : objective.n_coefficients]
    phi = [np.atleast_1d(value)[:, None] for value in objective.phi(theta)]
    found = np.empty((len(theta), len(predictors.rows)))
    size = max(16, 2_000_000 // len(theta))
    for start in range(0, len(predictors.rows), size):
        part = slice(start, start + size)
        rows = predictors.rows[part]
        eta = predictors.block(part).times(w)
        if predictors.offset is not None:
            eta = eta + predictors.offset[rows]
        trials = None if predictors.trials is None else predictors.trials[rows]
        if kind == "linear":
            found[:, part] = eta
        elif kind == "mean":
            found[:, part] = objective.family.mean(eta, phi, trials)
        else:
            found[:, part] = objective.family.draw(rng, eta, phi, trials)
    return found


def _check_same_neurons(problems: list[Problem], dataset: xr.Dataset) -> None:
    plan = problems[0].plan
    if plan.labels is None or plan.population not in dataset.coords:
        return
    if not np.array_equal(dataset[plan.population].values, plan.labels):
        raise DataError(
            f"the labels of dim {plan.population!r} of the new data differ from those of the fit; "
            "bring the new data into the same order."
        )


def _check_same_coefficients(problems: list[Problem], every: tuple[Predictors, ...]) -> None:
    for problem, predictors in zip(problems, every, strict=True):
        for old, new in zip(problem.design.predictors.blocks, predictors.blocks, strict=True):
            if old.shape != new.shape:
                raise DataError(
                    f"predictor {old.name!r} of the new data has coefficients of shape "
                    f"{new.shape}, but the fit's have {old.shape} over {old.dims}; give new data "
                    "of the same features and sampling rate."
                )
            for dim in old.dims:
                if not np.array_equal(old.coords[dim], new.coords[dim]):
                    raise DataError(
                        f"the labels of dim {dim!r} of predictor {old.name!r} differ from those "
                        "of the fit; bring the new data into the same order."
                    )
            if old.step and new.step and abs(old.step - new.step) > 1e-6 * old.step:
                raise DataError(
                    f"the new data are sampled every {new.step:.6g} s and the fit's every "
                    f"{old.step:.6g} s, so lags of {old.name!r} mean another time; resample."
                )
