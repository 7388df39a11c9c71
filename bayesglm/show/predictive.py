"""Predictions against observations: the numbers that a report's figures show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayesglm.design.clock import seconds
from bayesglm.design.response_levels import as_numbers
from bayesglm.inference.tree.opened import EFFECTS, model_of, parameter_group, reopen
from bayesglm.results.check_calibration import equal_bins
from bayesglm.results.predict import predict
from bayesglm.show.figures import is_event_train
from bayesglm.show.units import ONE_OF, mean_of, unit_of_step
from bayesglm.spec.families import FAMILY_NAMES

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
PREDICTIVE_DRAWS = 200  # posterior draws that are predicted from: bands need no more; chosen
BAND = (0.03, 0.97)  # quantiles: 94% equal-tailed, as everywhere in the package
STRETCH = 300  # samples in the middle of the data that are shown along time


@dataclass(frozen=True)
class Predictive:
    """Predicted against observed, along a stretch of time and in bins of the prediction.

    ``unit`` is that along time; ``binned`` says what is predicted and observed in bins.
    """

    time: Array | None
    observed: Array
    stretch: tuple[Array, Array, Array]
    bins: tuple[Array, Array, Array, Array]
    unit: str
    binned: str


def thin(fit: xr.DataTree, draws: int) -> xr.DataTree:
    """Return the fit with about ``draws`` posterior draws at most, evenly spaced; a MAP repeated.

    Responses drawn from a MAP again and again are what it predicts, given its estimates.
    """
    import xarray as xr

    if "posterior" in fit.children:
        posterior = fit["posterior"].to_dataset()
        step = max(1, posterior.sizes["chain"] * posterior.sizes["draw"] // draws)
        kept = {"posterior": posterior.isel(draw=slice(None, None, step))}
    else:
        again = {"chain": np.arange(1), "draw": np.arange(draws)}
        kept = {"posterior": parameter_group(fit).expand_dims(again)}
    for name in ("constant_data", EFFECTS):
        if name in fit.children:
            kept[name] = fit[name].to_dataset()
    tree = xr.DataTree.from_dict({f"/{name}": value for name, value in kept.items()})
    tree.attrs = fit.attrs
    return tree


def predictive(fit: xr.DataTree, seed: int = 0) -> Predictive:
    """Compare a fit's predictions with its observations (the first neuron of a population)."""
    model = model_of(fit)
    response = model.response
    few = thin(fit, PREDICTIVE_DRAWS)
    observed = fit["observed_data"].to_dataset()[response]
    dim = str(observed.dims[0])
    rows = fit_rows(fit)
    predicted = predict(few)[response]
    simulated = predict(few, kind="response", seed=seed)[response]
    level = f"{response}_level"
    has_levels = level in predicted.dims
    mean = _level_by_level(predicted, level, dim, rows)
    drawn = _level_by_level(simulated, level, dim, rows)
    if level in observed.dims:
        y = observed.transpose(level, dim).values.reshape(-1)
    else:
        y = observed.values if observed.ndim == 1 else observed.values[:, 0]
        y, drawn = as_numbers(model, y), as_numbers(model, drawn)
        if has_levels:  # each level's share, and whether it is this that occurs
            k = np.arange(predicted.sizes[level])[:, None]
            y = (y == k).astype(float).reshape(-1)
            drawn = (drawn[:, None] == k).astype(float).reshape(len(drawn), -1)
    order = equal_bins(mean.mean(axis=0))
    spread = np.array([np.quantile(drawn[:, part].mean(axis=1), BAND) for part in order])
    bins = (
        np.array([mean[:, part].mean() for part in order]),
        np.array([y[part].mean() for part in order]),
        spread[:, 0],
        spread[:, 1],
    )
    step = fit.attrs.get("sample_step_s")
    plain = step is not None and "trial" not in observed.coords and len(y) > 50 and not has_levels
    middle = max(0, (len(y) - STRETCH) // 2)
    part = slice(middle, middle + STRETCH)
    binned = (
        f"share of each {response}" if has_levels else mean_of(response, FAMILY_NAMES[model.family])
    )
    scale, unit = 1.0, binned
    if step is not None and plain and FAMILY_NAMES[model_of(fit).family].counts:
        name, size = unit_of_step(step)
        scale, unit = size / step, f"predicted rate ({response} per {ONE_OF.get(name, name)})"
    shown = mean[:, part] * scale
    seen = y[part] if is_event_train(y[part]) else y[part] * scale
    lower, upper = np.quantile(shown, BAND, axis=0)
    return Predictive(
        seconds(observed["time"][part]) if plain else None,
        seen,
        (shown.mean(axis=0), lower, upper),
        bins,
        unit,
        binned,
    )


def fit_rows(fit: xr.DataTree) -> Array:
    """Return the positions, among all samples, of those in use."""
    return reopen(fit)[0].design.predictors.rows


def _level_by_level(predicted: xr.DataArray, level: str, dim: str, rows: Array) -> Array:
    """Return predictions for some samples as ``(draws, samples)``, one level after the other."""
    if level not in predicted.dims:
        return _matrix(predicted, dim)[:, rows]
    each = [predicted.isel({level: k}) for k in range(predicted.sizes[level])]
    return np.concatenate([_matrix(one, dim)[:, rows] for one in each], axis=1)


def _matrix(predicted: xr.DataArray, dim: str) -> Array:
    """Return predictions of the first neuron as ``(draws, samples)``."""
    lead = [d for d in ("chain", "draw") if d in predicted.dims]
    others = {d: 0 for d in predicted.dims if d not in (*lead, dim)}
    values = predicted.isel(others).transpose(*lead, dim).values
    return values.reshape(-1, values.shape[-1])
