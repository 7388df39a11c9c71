"""The tree of a posterior: draws, what the sampler says of them, and importance weights."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from bayesglm.inference.draws import Draws, blank
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.problem.samples import (
    labels_of,
)
from bayesglm.inference.tree.groups import log_likelihood, tree_of
from bayesglm.inference.tree.inclusion import with_inclusion
from bayesglm.inference.tree.named import lead_coords, named_dataset, parameters

Array = np.ndarray
STORED_LOG_LIKELIHOOD = 2e7  # values; more are streamed by loo, or stored on request


def posterior_tree(
    problems: list[Problem], made: list[Draws], seed: int, began: float
) -> xr.DataTree:
    """Make the tree of a posterior; ``began`` is when the work started (`time.perf_counter`)."""
    lead, shapes = ("chain", "draw"), zip(*(one.lp.shape for one in made), strict=True)
    chains, draws = map(max, shapes)
    made = [one.padded(chains, draws) for one in made]
    thetas = _natural(problems, [one.theta for one in made])
    groups = {"posterior": with_inclusion(problems, thetas, parameters(problems, thetas, lead))}
    groups["sample_stats"] = _sample_stats(problems, made)
    n_values = made[0].lp.size * len(problems) * problems[0].design.n_rows
    if n_values <= STORED_LOG_LIKELIHOOD:
        groups["log_likelihood"] = log_likelihood(problems, thetas)
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
    return tree_of(problems, groups, attrs)


def _checks(made: list[Draws]) -> dict[str, float]:
    """Return the worst of every check over the neurons that stood it."""
    worst: dict[str, Callable[[list[float]], float]] = {
        "n_divergent": sum,
        "max_rhat": max,
        "min_ess": min,
        "khat": max,
        "accepted": min,
    }
    found = {name: [one.checks[name] for one in made if name in one.checks] for name in worst}
    return {name: worst[name](values) for name, values in found.items() if values}


def _reasons(problems: list[Problem], made: list[Draws]) -> str:
    return "; ".join(
        f"{p.where.strip(' ()')}: {one.why}" for p, one in zip(problems, made, strict=True)
    )


def _sample_stats(problems: list[Problem], made: list[Draws]) -> xr.Dataset:
    plan, lead = problems[0].plan, ("chain", "draw")
    coords = lead_coords(lead, made[0].lp.shape)
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
        return named_dataset(variables | {"lp": (lead, made[0].lp)}, coords)
    coords[plan.population] = labels_of(problems)
    variables["lp"] = ((*lead, plan.population), np.stack([one.lp for one in made], axis=-1))
    variables["method"] = (plan.population, np.array([one.method for one in made]))
    return named_dataset(variables, coords)


def _laplace_groups(problems: list[Problem], made: list[Draws]) -> dict[str, xr.Dataset]:
    """Return ``laplace``, of the unconstrained scale (log sigma), and ``proposal``."""
    gaussians = [one.gaussian for one in made]
    labels = problems[0].unconstrained.registry.labels()
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
    raws = _natural(problems, [g.raw for g in gaussians if g])
    raw = parameters(problems, raws, ("chain", "draw"))
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
    laplace = named_dataset({name: (dims[name], value) for name, value in arrays.items()}, coords)
    return {
        "laplace": laplace,
        "proposal": raw.assign(log_p=(lead, log_p), log_q=(lead, log_q)),
    }


def _natural(problems: list[Problem], thetas: list[Array]) -> list[Array]:
    """Return unconstrained thetas as those of the natural densities."""
    pairs = zip(problems, thetas, strict=True)
    return [one.unconstrained.registry.natural_coefficients(theta) for one, theta in pairs]
