"""Marginals of the effects of very many levels: as they are kept, or from draws, lot by lot."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from bayesglm.inference.draws import PROBS
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.kept import Kept
from bayesglm.inference.tree.opened import EFFECTS, kept_of, reopen

Array = np.ndarray


def with_redrawn(fit: xr.DataTree, group: xr.Dataset) -> xr.Dataset:
    """Return a posterior with the means of effects that are redrawn, which have no draws in it."""
    if EFFECTS not in fit.children:
        return group
    effects = fit[EFFECTS].to_dataset()
    name = str(effects.attrs["group"])
    return group.assign({name: effects[f"{name}_mean"].drop_attrs()})


def marginals(fit: xr.DataTree, level: float, is_ratio: bool) -> dict[str, Array]:
    """Return mean, sd, lower and upper ends and median of every effect that is redrawn, flat.

    With ``is_ratio`` those of exp of the effects.
    """
    tail = (1.0 - level) / 2.0
    effects = fit[EFFECTS].to_dataset()
    name = str(effects.attrs["group"])
    like = effects[f"{name}_mean"]
    every: tuple[Array, ...]
    if not is_ratio and np.isclose([tail, 1.0 - tail], [PROBS[0], PROBS[-1]]).all():
        quantiles = effects[f"{name}_quantile"].transpose("quantile", *like.dims).values
        lower, middle, upper = (quantiles[PROBS.index(p)] for p in (PROBS[0], 0.5, PROBS[-1]))
        told = (like.values, effects[f"{name}_sd"].transpose(*like.dims).values)
        every = (*told, lower, upper, middle)
    else:
        problems = reopen(fit)
        each = [_of_draws(kept, tail, is_ratio) for kept in kept_of(fit, problems)]
        every = tuple(np.stack(one) for one in zip(*each, strict=True))
    names = ("mean", "sd", "lower", "upper", "median")
    return {key: np.ravel(values) for key, values in zip(names, every, strict=True)}


def _of_draws(kept: Kept, tail: float, is_ratio: bool) -> list[Array]:
    """Return them of one neuron ``(effects, levels)`` each."""
    lots = []
    _, kept = kept.finished
    for part in kept.parts():
        own = effects_in(kept, part.problem, part.theta)
        own = np.exp(own) if is_ratio else own
        quantiles = np.quantile(own, [tail, 1.0 - tail, 0.5], axis=0)
        lots.append([own.mean(axis=0), own.std(axis=0, ddof=1), *quantiles])
    return [np.concatenate(one, axis=-1) for one in zip(*lots, strict=True)]


def effects_in(kept: Kept, problem: Problem, theta: Array) -> Array:
    """Return the effects ``(draws, k, levels)`` in the thetas of a lot."""
    own = theta[:, problem.places[str(kept.redrawn)]]
    return own.reshape(len(own), kept.shape[0], -1)


def checks_of_redrawn(fit: xr.DataTree, n: int) -> dict[str, Array]:
    """Return what the checks of the top say of effects that are drawn exactly given it."""
    known: dict[Any, Any] = dict(fit.attrs)
    ess = known.get("importance_ess", known.get("min_ess", np.nan))
    name, value = "r_hat", known.get("max_rhat", np.nan)
    if "laplace" in fit.children:
        name, value = "khat", known.get("khat", np.nan)
    return {"ess": np.full(n, float(ess)), name: np.full(n, float(value))}
