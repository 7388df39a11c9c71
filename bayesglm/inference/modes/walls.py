"""Modes at a wall: where a link's domain ends and the likelihood of some rows is finite there."""

from __future__ import annotations

import numpy as np

from bayesglm.errors import ConvergenceError
from bayesglm.inference.problem.problem import Problem
from bayesglm.numerics.density.channels import predictors
from bayesglm.numerics.density.likelihood import block_rows
from bayesglm.numerics.solvers.newton import Solution
from bayesglm.spec.families import FAMILY_NAMES

Array = np.ndarray
# Distance from the end of a domain, as a share of the largest at the start, below which a search
# that found no mode has run into it: chosen; the last of the barriers leaves about 1e-8.
AT_A_WALL = 1e-6


def wall_met(problem: Problem, error: ConvergenceError) -> ConvergenceError | None:
    """Return what to raise where a search ended at an end of the link's domain, if it did."""
    domain, solution = problem.natural.family.domain, error.solution
    if domain.is_real_line or not isinstance(solution, Solution):
        return None
    left = _distances(problem, np.array(solution.x))
    at_first = _distances(problem, problem.start(problem.natural))
    near = left <= AT_A_WALL * at_first[np.isfinite(at_first)].max(initial=0.0)
    if not near.any():
        return None
    met, plan, family = np.flatnonzero(near.any(axis=0)), problem.plan, problem.natural.family
    ends = " and ".join(
        f"{end:g}"
        for end, of_end in zip((domain.low, domain.high), near, strict=True)
        if of_end.any()
    )
    first = int(problem.design.predictors.rows[met[0]])
    more = f" and of {len(met) - 1} more" if len(met) > 1 else ""
    return ConvergenceError(
        f"response {plan.model.response!r}{problem.where}: the log posterior is highest where the "
        f"{plan.model.link_name} link of a {family.name} response ends, at a linear predictor of "
        f"{ends}: there is that of {plan.sample_dim}={first}{more}. The slope is not zero there, "
        "so it is no mode. Take a link that is defined everywhere "
        f"({FAMILY_NAMES[plan.model.family].links[0]}, say), priors that keep the predictors from "
        "there, or draw from the posterior: fit_mcmc.",
        solution,
    )


def _distances(problem: Problem, theta: Array) -> Array:
    """Return how far each row is from the low and the high end ``(2, rows)``; inf where none."""
    objective, domain = problem.natural, problem.natural.family.domain
    w, source = objective.w(theta), objective.source
    found = np.full((2, source.n_rows), np.inf)
    for rows in source.ranges(block_rows(objective.rowwise.width)):
        eta = predictors(rows, w[None])[0, 0]
        found[0, rows.place], found[1, rows.place] = eta - domain.low, domain.high - eta
        if rows.weights is not None:
            found[:, rows.place][:, rows.weights == 0.0] = np.inf
    return found
