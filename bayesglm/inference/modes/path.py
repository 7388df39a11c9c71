"""A path of modes: one problem under a sequence of prior scales, each solved from the last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bayesglm.errors import ConvergenceError
from bayesglm.inference.modes.judge import inverse, inverse_curvature, judge
from bayesglm.inference.modes.optimum import check_existence, check_mode, explained
from bayesglm.inference.modes.router import MOST_KEPT, work_of
from bayesglm.inference.modes.solve import maximise, path_functions, with_moments
from bayesglm.inference.problem.centring import Centred, centred_all
from bayesglm.inference.problem.problem import Problem
from bayesglm.numerics.density.joint import smooth_slopes
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.density.wide import row_function
from bayesglm.numerics.rows.parallel import unthreaded_products
from bayesglm.numerics.solvers.active import maximise_active
from bayesglm.numerics.solvers.newton import Solution
from bayesglm.numerics.solvers.quadratic import scaled_model
from bayesglm.numerics.solvers.quasi import quasi_newton
from bayesglm.numerics.solvers.sparse import sparse_path
from bayesglm.numerics.theta.registry import Theta

Array = np.ndarray
SETTLED = 1e-10  # square of what the next step would be, in posterior standard deviations


@dataclass(frozen=True)
class Point:
    """One point of a path.

    ``sd`` is that of the coefficients' values, by name; a kink, or sheer size, leaves none.
    """

    solution: Solution
    log_prior: float
    saturated: float
    edf: float
    sd: dict[str, Array] | None


def path_points(problems: Sequence[Problem]) -> list[Point]:
    """Solve problems that differ in their priors only, in order; raises as `find_mode` does.

    The effective number of parameters is tr(H (H + P)^-1) over the coefficients that are not at
    their kink, H being the curvature of the likelihood and P that of the priors (Hastie &
    Tibshirani 1990, 3.5; under a lasso it is the number of non-zeros: Zou, Hastie & Tibshirani
    2007).
    """
    problems[0].refuse_confined(
        "a path of modes", "fit it at each scale, and compare by kfold, or leave rank= out"
    )
    centres = centred_all(problems)
    size = problems[0].natural.size
    with unthreaded_products(size), np.errstate(over="ignore", invalid="ignore"):
        found = _path_points([centre.problem for centre in centres], centres[0])
    return [replace(one, solution=centres[0].raw_solution(one.solution)) for one in found]


def _path_points(problems: Sequence[Problem], centre: Centred) -> list[Point]:
    check_existence(problems[0])  # which depends on the priors' kind, and not on their scale
    objectives = [problem.natural for problem in problems]
    few_rows = work_of(objectives[0], problems[0].design.n_rows).is_wide
    quadratic = objectives[0].family.quadratic and not few_rows
    if quadratic and objectives[0].n_coefficients <= MOST_KEPT:
        first = with_moments(objectives[0], problems[0].start(objectives[0]))
        objectives = [replace(objective, moments=first.moments) for objective in objectives]
    kinks = objectives[0].kinks
    if kinks.any and not kinks.groups and not objectives[0].free:
        try:
            solutions = (_active if few_rows else _sparse)(problems, objectives)
            for problem, solution in zip(problems, solutions, strict=True):
                check_mode(problem, solution)
            return _points(objectives, solutions, centre)
        except ConvergenceError:
            pass  # one by one, the judge of solvers may still find them, or say why not
    return _one_by_one(problems, objectives, centre)


def _sparse(problems: Sequence[Problem], objectives: Sequence[Objective]) -> list[Solution]:
    batch = len(objectives) if objectives[0].moments is not None else 5
    return sparse_path(
        path_functions(objectives),
        problems[0].start(objectives[0]),
        settled=SETTLED,
        first_batch=batch,
    )


def _active(problems: Sequence[Problem], objectives: Sequence[Objective]) -> list[Solution]:
    first, found = objectives[0], []
    x = first.kinks.start(problems[0].start(first))
    for objective in objectives:
        found.append(maximise_active(row_function(objective), x))
        x = found[-1].x
    return found


def _points(
    objectives: Sequence[Objective], solutions: Sequence[Solution], centre: Centred
) -> list[Point]:
    saturated = _saturated(objectives[0], solutions[0].x)
    return [
        _point(objective, solution, None, saturated, centre)
        for objective, solution in zip(objectives, solutions, strict=True)
    ]


def _saturated(objective: Objective, x: Array) -> float:
    return objective.rowwise.saturated(objective.w(x), objective.phi(x))


def _one_by_one(
    problems: Sequence[Problem], objectives: Sequence[Objective], centre: Centred
) -> list[Point]:
    """Solve each from the last; a smooth one with the last one's curvature of the likelihood."""
    found: list[Point] = []
    x, curvature = problems[0].start(objectives[0]), None
    for problem, objective in zip(problems, objectives, strict=True):
        try:
            solution = _next(problem, objective, x, curvature)
        except ConvergenceError as error:
            raise explained(problem, error) from error
        check_mode(problem, solution)
        x, curvature = solution.x, None
        if objective.n_coefficients <= MOST_KEPT and not objective.kinks.any:
            every = np.arange(objective.n_coefficients)
            curvature = objective.likelihood_curvature(x, every)
        saturated = _saturated(objective, x)
        found.append(_point(objective, solution, curvature, saturated, centre))
    return found


def _next(problem: Problem, objective: Objective, x: Array, curvature: Array | None) -> Solution:
    if objective.free or objective.kinks.any or not objective.log_concave:
        return judge(objective, x)
    if curvature is None:
        return maximise(problem, objective)
    every = np.arange(objective.n_coefficients)
    model = scaled_model(curvature + objective.priors.curvature(x, every))
    inverted = inverse(model)
    found, converged = quasi_newton(
        lambda at, who: smooth_slopes([objective], at),
        lambda v, who: v @ inverted,
        x[None],
        solver="quasi-newton",
        sd=model.scale[None],
    )
    return found[0] if converged[0] else judge(objective, found[0].x)


def _sds(registry: Theta, covariance: Array) -> dict[str, Array]:
    """Return the sds of coefficients, which are linear in the u that has a covariance, by name."""
    sds = {}
    for one in registry.free:
        if one.role == "coefficients":
            half = one.transform.natural(covariance[one.place, one.place])
            sds[one.name] = np.sqrt(np.diagonal(one.transform.natural(half.T)))
    return sds


def _point(
    objective: Objective,
    solution: Solution,
    curvature: Array | None,
    saturated: float,
    centre: Centred,
) -> Point:
    """Add to a solution what its curvature says; ``curvature`` is the likelihood's, if known."""
    x, p = solution.x, objective.n_coefficients
    kinks = objective.priors.kinks
    active = np.flatnonzero(~kinks.held(x[:p] - kinks.at))
    edf, sd = float(len(active)), None
    if len(active) > MOST_KEPT:
        edf = np.nan
    elif objective.priors.bends() or kinks.groups or not kinks.any:
        prior = objective.priors.curvature(x, active)
        of_kinks = kinks.bends(x[:p], active)
        prior = prior if of_kinks is None else prior + of_kinks
        if curvature is None:
            curvature = objective.likelihood_curvature(x, active)
        inverse = inverse_curvature(curvature + prior)
        edf = float(np.sum(inverse * curvature))
        if not kinks.any:
            sd = _sds(objective.registry, centre.raw_covariance(inverse))
    return Point(solution, objective.log_prior(x), saturated, edf, sd)
