"""Fits as DataTrees in ArviZ's schema: the only place where they are built and opened again."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np
import xarray as xr

from bayesglm.design.design import Plan
from bayesglm.design.door import SAMPLE_DIM
from bayesglm.errors import DataError
from bayesglm.inference.draws import Draws, blank
from bayesglm.inference.modes.path import Point
from bayesglm.inference.problem.problem import Problem, open_again
from bayesglm.inference.problem.samples import (
    labels_of,
    pairing_attrs,
    pairing_coords,
    sample_coords,
)
from bayesglm.numerics.density.pointwise import pointwise
from bayesglm.spec.model import GLM

Array = np.ndarray
COPIED = 1_000_000  # numbers of a variable; a larger one is referred to, not copied into the tree
STORED_LOG_LIKELIHOOD = 2e7  # values; more are streamed by loo, or stored on request


def map_tree(problems: list[Problem], thetas: list[Array], attrs: dict[str, Any]) -> xr.DataTree:
    """Make the tree of a MAP estimate."""
    groups = {"map": parameters(problems, thetas, ())}
    return _tree(problems, groups, attrs)


def path_tree(
    problems: list[Problem],
    points: list[list[Point]],
    coords: dict[str, Array],
    attrs: dict[str, Any],
    began: float,
) -> xr.DataTree:
    """Make the tree of a path: a list of points along ``scale`` for every neuron."""
    lead = ("scale",)
    along = {name: (lead, values) for name, values in coords.items()}
    thetas = [np.stack([point.solution.x for point in own]) for own in points]
    groups = {"path": parameters(problems, thetas, lead).assign_coords(along)}
    if all(point.sd is not None for own in points for point in own):
        n = problems[0].natural.n_coefficients
        sds = [np.full_like(theta, np.nan) for theta in thetas]
        for sd, own in zip(sds, points, strict=True):
            sd[:, :n] = [point.sd for point in own]
        named = parameters(problems, sds, lead).assign_coords(along)
        dispersions = [name for name, where in problems[0].places.items() if where.start >= n]
        groups["sd"] = named.drop_vars(dispersions)
    groups["statistics"] = _path_statistics(problems, points).assign_coords(along)
    attrs["solver"] = ", ".join(dict.fromkeys(p.solution.solver for own in points for p in own))
    attrs["wall_time_s"] = time.perf_counter() - began
    return _tree(problems, groups, attrs)


def _path_statistics(problems: list[Problem], points: list[list[Point]]) -> xr.Dataset:
    population = problems[0].plan.population
    first = int(problems[0].design.predictors.intercept)
    n = problems[0].natural.n_coefficients

    def along(value: Callable[[Point], float]) -> Any:
        values = np.array([[value(point) for point in own] for own in points])
        return ("scale", values[0]) if population is None else (("scale", population), values.T)

    def log_likelihood(point: Point) -> float:
        return point.solution.value - point.log_prior

    variables = {
        "log_posterior": along(lambda point: point.solution.value),
        "log_likelihood": along(log_likelihood),
        "deviance": along(lambda point: 2.0 * (point.saturated - log_likelihood(point))),
        "edf": along(lambda point: point.edf),
        "n_nonzero": along(lambda point: int(np.count_nonzero(point.solution.x[first:n]))),
        "gradient_norm": along(lambda point: point.solution.gradient_norm),
        "n_iter": along(lambda point: point.solution.n_iter),
    }
    coords = {} if population is None else {population: labels_of(problems)}
    return xr.Dataset(variables, coords=coords)


def posterior_tree(
    problems: list[Problem], made: list[Draws], seed: int, began: float
) -> xr.DataTree:
    """Make the tree of a posterior; ``began`` is when the work started (`time.perf_counter`)."""
    lead, shapes = ("chain", "draw"), zip(*(one.lp.shape for one in made), strict=True)
    chains, draws = map(max, shapes)
    made = [one.padded(chains, draws) for one in made]
    groups = {"posterior": parameters(problems, [one.theta for one in made], lead)}
    groups["sample_stats"] = _sample_stats(problems, made)
    n_values = made[0].lp.size * len(problems) * problems[0].design.n_rows
    if n_values <= STORED_LOG_LIKELIHOOD:
        groups["log_likelihood"] = log_likelihood(problems, [one.theta for one in made])
    methods = list(dict.fromkeys(one.method for one in made))
    reasons = list(dict.fromkeys(one.why for one in made))
    attrs: dict[str, Any] = {
        "method": "+".join(methods),
        "why": reasons[0] if len(reasons) == 1 else _reasons(problems, made),
        "seed": seed,
    }
    modes = [one.log_posterior for one in made if one.log_posterior is not None]
    if len(modes) == len(made):
        attrs["log_posterior"] = sum(modes)
        attrs["gradient_norm"] = max(one.solution["gradient_norm"] for one in made)
        attrs["n_iter"] = max(one.solution["n_iter"] for one in made)
        attrs["solver"] = made[0].solution["solver"]
    gaussians = [one.gaussian for one in made if one.gaussian is not None]
    if len(gaussians) == len(made):
        groups |= _laplace_groups(problems, made)
        attrs["khat"] = max(gaussian.khat for gaussian in gaussians)
        attrs["importance_ess"] = min(gaussian.ess for gaussian in gaussians)
        attrs["accepted"] = int(all(gaussian.accepted for gaussian in gaussians))
    attrs |= _checks(made)
    attrs["wall_time_s"] = time.perf_counter() - began
    return _tree(problems, groups, attrs)


def _checks(made: list[Draws]) -> dict[str, float]:
    """Return the worst of every check over the neurons that stood it."""
    worst: dict[str, Callable[[list[float]], float]] = {
        "n_divergent": sum,
        "max_rhat": max,
        "min_ess": min,
    }
    found = {name: [one.checks[name] for one in made if name in one.checks] for name in worst}
    return {name: worst[name](values) for name, values in found.items() if values}


def _reasons(problems: list[Problem], made: list[Draws]) -> str:
    return "; ".join(
        f"{p.where.strip(' ()')}: {one.why}" for p, one in zip(problems, made, strict=True)
    )


def model_of(fit: xr.DataTree) -> GLM:
    """Return the model of a fit, its default priors resolved."""
    if not isinstance(fit, xr.DataTree) or "model" not in fit.attrs:
        raise DataError(
            f"a fit is needed (the DataTree of fit, fit_map, ...), got {type(fit).__name__!r}."
        )
    return GLM.from_json(fit.attrs["model"])


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


def reopen(fit: xr.DataTree) -> list[Problem]:
    """Make the problems of a fit again, from the tree alone."""
    return open_again(model_of(fit), stored_data(fit))


def stored_data(fit: xr.DataTree) -> xr.Dataset:
    """Return the data that the model names, as the fit stored them, on all their samples."""
    _model_of_whole(fit)
    dataset = fit["constant_data"].to_dataset()
    return dataset.assign_attrs({SAMPLE_DIM: fit.attrs[SAMPLE_DIM]})


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
    missing = [term.label for term in model.terms if term.label not in group]
    if missing:
        raise DataError(f"the {name} lacks the term {missing[0]!r}; give the fit whole.")
    for dim in ("chain", "draw") if name == "posterior" else ():
        if not group.sizes.get(dim):
            raise DataError(
                f"the posterior has no {dim}s along a dim {dim!r}; of a part of them keep the "
                f"dim, as fit.isel({dim}=[0]) does."
            )
    return group


def thetas_of(fit: xr.DataTree, problems: list[Problem]) -> list[Array]:
    """Return every neuron's draws as ``(draws, size)`` unconstrained vectors (MAP: one)."""
    return thetas_from(parameter_group(fit), problems)


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


def parameters(
    problems: list[Problem], thetas: Sequence[Array], lead: tuple[str, ...]
) -> xr.Dataset:
    """Name the entries of theta: one variable per term, dispersions on their natural scale."""
    first, plan = problems[0], problems[0].plan
    population = () if plan.population is None else (plan.population,)
    variables, coords = {}, _lead_coords(lead, thetas[0].shape)
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
    return _dataset(variables, coords)


def log_likelihood(problems: list[Problem], thetas: list[Array]) -> xr.Dataset:
    """Return the pointwise log likelihood over ``(chain, draw, sample[, neuron])``.

    Frequency weights are in it: a row of weight 2 counts as its two copies, left out together.
    """
    plan = problems[0].plan
    lead = thetas[0].shape[:2]
    values = [
        pointwise(problem.natural, theta.reshape(-1, theta.shape[-1])).reshape(*lead, -1)
        for problem, theta in zip(problems, thetas, strict=True)
    ]
    dims = ("chain", "draw", plan.sample_dim)
    name = plan.model.response
    coords = _lead_coords(("chain", "draw"), lead) | pairing_coords(problems)
    attrs = pairing_attrs(problems)
    if plan.population is None:
        return _dataset({name: (dims, values[0], attrs)}, coords)
    stacked = np.stack(values, axis=-1)
    return _dataset({name: ((*dims, plan.population), stacked, attrs)}, coords)


def _dataset(variables: dict[str, Any], coords: dict[str, Any]) -> xr.Dataset:
    """Make the Dataset that xr.Dataset makes, without its search for labels that do not fit."""
    made = xr.Coordinates({**coords, **variables}).to_dataset()
    return made.reset_coords(list(variables))


def _blocks(problem: Problem) -> dict[str, Any]:
    """Return by name what has the shape, dims and coords of parameters; numbers have none."""
    return {block.name: block for block in problem.design.predictors.blocks} | problem.learned


def _lead_coords(lead: tuple[str, ...], shape: tuple[int, ...]) -> dict[str, Any]:
    return {dim: np.arange(size) for dim, size in zip(lead, shape[: len(lead)], strict=True)}


def _sample_stats(problems: list[Problem], made: list[Draws]) -> xr.Dataset:
    plan, lead = problems[0].plan, ("chain", "draw")
    coords = _lead_coords(lead, made[0].lp.shape)
    # One sampler that ran over all neurons together has one set of statistics.
    together = all(one.stats is made[0].stats for one in made)
    variables: dict[str, Any] = {}
    for name, values in {name: v for one in made for name, v in one.stats.items()}.items():
        if together:
            variables[name] = (lead, values)
            continue
        none = np.full_like(values, blank(values))
        each = [one.stats.get(name, none) for one in made]
        variables[name] = ((*lead, plan.population), np.stack(each, axis=-1))
    if plan.population is None:
        return _dataset(variables | {"lp": (lead, made[0].lp)}, coords)
    coords[plan.population] = labels_of(problems)
    variables["lp"] = ((*lead, plan.population), np.stack([one.lp for one in made], axis=-1))
    variables["method"] = (plan.population, np.array([one.method for one in made]))
    return _dataset(variables, coords)


def _laplace_groups(problems: list[Problem], made: list[Draws]) -> dict[str, xr.Dataset]:
    """Return ``laplace`` and ``proposal``; free dispersions stand there as their logarithm."""
    gaussians = [one.gaussian for one in made]
    labels = _parameter_labels(problems[0])
    arrays = {
        "mode": np.stack([g.mode for g in gaussians if g]),
        "sd": np.stack([np.sqrt(np.diag(g.covariance)) for g in gaussians if g]),
        "covariance": np.stack([g.covariance for g in gaussians if g]),
        "khat": np.array([g.khat for g in gaussians if g]),
        "importance_ess": np.array([g.ess for g in gaussians if g]),
    }
    dims = {
        "mode": ("parameter",),
        "sd": ("parameter",),
        "covariance": ("parameter", "parameter_other"),
        "khat": (),
        "importance_ess": (),
    }
    coords: dict[str, Any] = {"parameter": labels, "parameter_other": labels}
    plan = problems[0].plan
    raw = parameters(problems, [g.raw for g in gaussians if g], ("chain", "draw"))
    log_p = np.stack([g.log_p for g in gaussians if g], axis=-1)
    log_q = np.stack([g.log_q for g in gaussians if g], axis=-1)
    lead: tuple[str, ...] = ("chain", "draw")
    if plan.population is None:
        arrays = {name: value[0] for name, value in arrays.items()}
        log_p, log_q = log_p[..., 0], log_q[..., 0]
    else:
        dims = {name: (plan.population, *value) for name, value in dims.items()}
        coords[plan.population] = labels_of(problems)
        lead = (*lead, plan.population)
    laplace = _dataset({name: (dims[name], value) for name, value in arrays.items()}, coords)
    return {
        "laplace": laplace,
        "proposal": raw.assign(log_p=(lead, log_p), log_q=(lead, log_q)),
    }


def _parameter_labels(problem: Problem) -> list[str]:
    n = problem.natural.n_coefficients
    labels = problem.labels()
    return labels[:n] + [f"log {name}" for name in labels[n:]]


def _kept(dataset: xr.Dataset) -> xr.Dataset:
    """Copy the data of a fit, which must not change when the user's own arrays do, unless large."""
    values = {name: _copied(dataset.variables[name].values) for name in dataset.data_vars}
    return dataset.copy(deep=True, data=values)


def _copied(values: Array) -> Array:
    """Copy an array unless it is large; bools out of objects, as which no file holds them."""
    if values.dtype.kind == "O" and all(isinstance(one, (bool, np.bool_)) for one in values.flat):
        return values.astype(bool)
    return values if values.size > COPIED else values.copy()


def _tree(
    problems: list[Problem], groups: dict[str, xr.Dataset], attrs: dict[str, Any]
) -> xr.DataTree:
    plan = problems[0].plan
    groups["observed_data"] = _observed(problems)
    groups["constant_data"] = _kept(plan.dataset)
    tree = xr.DataTree(_dataset({}, {}))
    # DataTree.from_dict would copy and align every group once more.
    tree.children = {name: xr.DataTree(value) for name, value in groups.items()}
    tree.attrs = {
        "model": plan.model.to_json(),
        **attrs,
        "bayesglm_version": _version(),
        "n_samples": plan.designs[0].predictors.n_samples,
        "n_dropped": plan.n_dropped,
        SAMPLE_DIM: plan.sample_dim,
        "population": plan.population or "",
    }
    if plan.step is not None:
        tree.attrs["sample_step_s"] = plan.step
    return tree


@cache
def _version() -> str:
    return version("bayesglm")


def _observed(problems: list[Problem]) -> xr.Dataset:
    plan: Plan = problems[0].plan
    rows = problems[0].design.predictors.rows
    values = np.stack([problem.design.y[rows] for problem in problems], axis=-1)
    name, dim = plan.model.response, plan.sample_dim
    coords = sample_coords(problems)
    if plan.population is None:
        return _dataset({name: (dim, values[:, 0])}, coords)
    return _dataset({name: ((dim, plan.population), values)}, coords)
