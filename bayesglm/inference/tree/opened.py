"""Fits opened again: model, data, problems and draws, from the tree alone."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import xarray as xr

from bayesglm.design.door import SAMPLE_DIM
from bayesglm.errors import DataError
from bayesglm.inference.problem.problem import Problem, open_again
from bayesglm.inference.tree.kept import Kept, block_number
from bayesglm.inference.tree.named import thetas_from
from bayesglm.spec.hints import shown
from bayesglm.spec.model import GLM
from bayesglm.spec.terms.coupling import SOURCE

Array = np.ndarray
PARAMETERS = ("posterior", "map", "prior")  # the groups that hold them, of which a tree has one
PROJECTION = "projection"  # the group of the path along which draws were projected
EFFECTS = "effects"  # the group of the tree with the marginals of effects that are redrawn


def is_fit(value: Any) -> bool:
    """Say whether something is the tree of a fit."""
    return isinstance(value, xr.DataTree) and "model" in value.attrs


def is_projected(fit: Any) -> bool:
    """Say whether the draws of a fit are projections, and no posterior of its own priors."""
    return is_fit(fit) and PROJECTION in fit.children


def are_named(fits: Any, least: int) -> bool:
    """Say whether fits, or scores, are given by names, so many at least; a fit itself is none."""
    return isinstance(fits, Mapping) and len(fits) >= least and not is_fit(fits)


def model_of(fit: xr.DataTree) -> GLM:
    """Return the model of a fit, with all that its data decided: default priors, levels."""
    if not is_fit(fit):
        remedy = "; write fit(model, data) first" if isinstance(fit, GLM) else ""
        raise DataError(
            f"a fit is needed (the DataTree of fit, fit_map, ...), got {type(fit).__name__!r}"
            f"{remedy}."
        )
    text = fit.attrs["model"]
    return _said_by(text) if isinstance(text, str) else GLM.from_json(text)


@lru_cache(maxsize=8)  # models of fits that are in use at a time; few, since levels may be many
def _said_by(text: str) -> GLM:
    """Read a model from its text once; a verb asks for it several times, and models are frozen."""
    return GLM.from_json(text)


def _model_of_whole(fit: xr.DataTree) -> GLM:
    """Return the model of a tree that holds what a fit needs to be opened; raises DataError."""
    model = model_of(fit)
    missing = [name for name in (SAMPLE_DIM, "population") if name not in fit.attrs]
    if "constant_data" not in fit.children:
        missing.append("constant_data")
    if missing:
        raise DataError(
            f"the tree lacks {', '.join(missing)}, which every fit holds; give the tree of fit, "
            "fit_map, ... whole, with its groups and attributes."
        )
    return model


def group_redrawn(fit: xr.DataTree) -> str | None:
    """Name the group of a fit's model whose effects are redrawn, if there is one."""
    return str(fit[EFFECTS].attrs["group"]) if EFFECTS in fit.children else None


def reopen(fit: xr.DataTree) -> list[Problem]:
    """Make the problems of a fit again, from the tree alone."""
    return open_again(model_of(fit), stored_data(fit))


def stored_data(fit: xr.DataTree) -> xr.Dataset:
    """Return the data that the model names, as the fit stored them, on all their samples."""
    _check_sources(fit, _model_of_whole(fit))
    dataset = fit["constant_data"].to_dataset()
    return dataset.assign_attrs({SAMPLE_DIM: fit.attrs[SAMPLE_DIM]})


def _check_sources(fit: xr.DataTree, model: GLM) -> None:
    """Raise DataError where coefficients are of sources whose responses the fit lacks.

    Of a coupled population no part can be opened: each member reads all others.
    """
    coupled = [term.label for term in model.every_term if SOURCE in term.facts.common_dims]
    population = fit.attrs["population"]
    kept = [fit[name].coords for name in PARAMETERS if name in fit.children]
    if not coupled or not kept or not {population, SOURCE} <= set(kept[0]):
        return
    labels, sources = (np.atleast_1d(kept[0][dim].values).tolist() for dim in (population, SOURCE))
    if labels == sources and population in kept[0].dims:
        return
    lost = [one for one in sources if one not in labels]
    fault = f"without {shown(lost)}" if lost else "whose order is not that of the sources"
    raise DataError(
        f"the fit is a part of its population along {population!r}, {fault}, and its term "
        f"{coupled[0]!r} reads the past of all; give the fit whole, and choose of what comes back, "
        f"as predict(fit).isel({population}=[...]) does; "
        "plot_kernels and plot_rate take units=[...]."
    )


def parameter_group(fit: xr.DataTree) -> xr.Dataset:
    """Return the Dataset with the parameters: the posterior, or the MAP."""
    model = _model_of_whole(fit)
    name = next((name for name in ("posterior", "map") if name in fit.children), None)
    if name is None:
        raise DataError(
            f"the tree holds neither a posterior nor a MAP, only {', '.join(fit.children)}; give "
            "what fit, fit_map, ... return, not what prior_path or tune_prior do."
        )
    group = fit[name].to_dataset()
    redrawn = group_redrawn(fit)
    labels = [term.label for term in model.every_term if term.label != redrawn]
    missing = [label for label in labels if label not in group]
    if missing:
        raise DataError(f"the {name} lacks the term {missing[0]!r}; give the fit whole.")
    for dim in ("chain", "draw") if name == "posterior" else ():
        if not group.sizes.get(dim):
            raise DataError(
                f"the posterior has no {dim}s along a dim {dim!r}; of a part of them keep the "
                f"dim, as fit.isel({dim}=[0]) does."
            )
    return group


def kept_of(fit: xr.DataTree, problems: list[Problem]) -> list[Kept]:
    """Return every neuron's draws of its natural density (MAP: one), as the fit keeps them."""
    group, redrawn = parameter_group(fit), group_redrawn(fit)
    if redrawn is None:
        pairs = zip(problems, thetas_from(group, problems), strict=True)
        return [Kept(problem, _checked(theta, problem, group)) for problem, theta in pairs]
    named = [Kept(problem, np.zeros((0, 0)), redrawn).one_level() for problem in problems]
    block = named[0].design.predictors.named[block_number(named[0], redrawn)]
    lead = {dim: group.sizes[dim] for dim in ("chain", "draw")}
    population = problems[0].plan.population
    shape = (*lead.values(), *([] if population is None else [len(problems)]), *block.shape)
    dims = (*lead, *([] if population is None else [population]), *block.dims)
    thetas = thetas_from(group.assign({redrawn: (dims, np.zeros(shape))}), named)
    means = fit[EFFECTS].to_dataset()[f"{redrawn}_mean"]
    kept = []
    for k, (problem, one, theta) in enumerate(zip(problems, named, thetas, strict=True)):
        own = means if population is None else means.isel({population: k})
        top = np.delete(_checked(theta, one, group), one.places[redrawn], axis=1)
        mean = own.transpose(*block.dims).values.ravel()
        seed = (int(fit.attrs.get("seed", 0)), problem.neuron)
        acceptance = float(fit.attrs.get("level_acceptance", 0.0))
        kept.append(Kept(problem, top, redrawn, mean, seed, acceptance))
    return kept


def _checked(theta: Array, problem: Problem, group: xr.Dataset) -> Array:
    """Return draws ``(draws, size)``; DataError where one lacks a part of its parameters.

    Those that an interruption left out lack all.
    """
    lost = np.isnan(theta)
    torn = lost.any(axis=1) & ~lost.all(axis=1)
    if torn.any():
        first = int(np.argmax(torn))
        free = problem.natural.registry.free
        name = next(one.name for one in free if lost[first, one.place].any())
        where = ""
        if "draw" in group.sizes:
            chain, draw = divmod(first, group.sizes["draw"])
            where = f" at chain {chain}, draw {draw}"
        raise DataError(
            f"{name!r} is NaN{where}, where other parameters are not (draws like this: "
            f"{int(torn.sum())}): the tree was changed, or damaged. Fit again, or keep the other "
            "draws, as fit.isel(draw=[...]) does."
        )
    return theta
