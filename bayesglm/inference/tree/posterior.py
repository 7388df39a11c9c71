"""The tree of a posterior: draws, what the sampler says of them, and importance weights."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import xarray as xr

from bayesglm.inference.draws import Draws, blank
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.problem.samples import (
    labels_of,
)
from bayesglm.inference.tree.certificate import WORST
from bayesglm.inference.tree.effects import Apart, apart, effects_dataset
from bayesglm.inference.tree.factors import with_factors
from bayesglm.inference.tree.groups import log_likelihood, tree_of
from bayesglm.inference.tree.kept import block_number
from bayesglm.inference.tree.named import lead_coords, named_dataset
from bayesglm.inference.tree.opened import EFFECTS

Array = np.ndarray
STORED_LOG_LIKELIHOOD = 2e7  # values; more are streamed by loo, or stored on request


def posterior_tree(
    problems: list[Problem], made: list[Draws], seed: int, began: float
) -> xr.DataTree:
    """Make the tree of a posterior; ``began`` is when the work started (`time.perf_counter`)."""
    chains, draws = map(max, zip(*(one.lp.shape for one in made), strict=True))
    made = [one.padded(chains, draws) for one in made]
    own = apart(problems, made)
    problems, made = own.problems, own.made
    groups = {"posterior": with_factors(problems, own.named(own.thetas))}
    if own.redrawn is not None:
        groups[EFFECTS] = effects_dataset(own.whole, own.redrawn, own.effects)
    groups["sample_stats"] = _sample_stats(problems, made)
    n_values = made[0].lp.size * len(problems) * own.whole[0].design.n_rows
    if n_values <= STORED_LOG_LIKELIHOOD:
        groups["log_likelihood"] = log_likelihood(own.whole, own.kept(seed), (chains, draws))
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
        groups |= _laplace_groups(own)
        attrs["khat"] = max(gaussian.khat for gaussian in gaussians)
        attrs["importance_ess"] = min(gaussian.ess for gaussian in gaussians)
        attrs["accepted"] = int(all(gaussian.accepted for gaussian in gaussians))
    attrs |= _checks(own.whole, made)
    attrs["wall_time_s"] = time.perf_counter() - began
    return tree_of(own.whole, groups, attrs)


def _checks(problems: list[Problem], made: list[Draws]) -> dict[str, Any]:
    """Return the worst of every check over the neurons that stood it, and at which level it is."""
    every = {name: [one.checks[name] for one in made if name in one.checks] for name in WORST}
    worst: dict[str, Any] = {name: WORST[name](values) for name, values in every.items() if values}
    whole = {name: int(worst[name]) for name in ("top_size", "n_nodes") if name in worst}
    by_level = [one for one in made if one.checks.get("levels_of")]
    if not by_level:
        return worst | whole
    last = min(by_level, key=lambda one: one.checks.get("level_acceptance", 1.0))
    name = str(last.checks["levels_of"])
    of_level = {"levels_of": name}
    if "worst_level" in last.checks:
        block = problems[0].design.predictors.blocks[block_number(problems[0], name)]
        label = block.coords[block.dims[-1]][int(last.checks["worst_level"])]
        of_level["worst_level"] = str(label)
    return worst | whole | of_level


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


def _laplace_groups(own: Apart) -> dict[str, xr.Dataset]:
    """Return ``laplace``, of the unconstrained scale (log sigma), and ``proposal``."""
    problems, gaussians = own.problems, [one.gaussian for one in own.made]
    labels = problems[0].unconstrained.registry.labels()
    if own.redrawn is not None:
        place = problems[0].places[own.redrawn]
        labels = [*labels[: place.start], *labels[place.stop :]]
    elif gaussians[0] is not None and gaussians[0].top is not None:
        labels = [labels[k] for k in gaussians[0].top]
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
    pairs = zip(problems, (g.raw for g in gaussians if g), strict=True)
    raw = own.named([problem.natural_thetas(one) for problem, one in pairs])
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
