"""The ways to a mode, of which `router.choose` takes the one that is done first.

- Newton's method, where n p^2 is small, where there may be several modes, and wherever another
  has failed: it is the judge.
- The same from the mode of a sample, where rows are many and dispersions are found as well.
- Newton on moments, for gaussian responses with the identity link: one pass over the rows.
- Quasi-Newton with the curvature of a sample of rows, where rows are many.
- Quasi-Newton without a matrix, with the diagonal of the curvature and the priors' own structure,
  where coefficients are many.
- Newton's method with a factor's levels eliminated, where these are many.
- Proximal Newton, or proximal quasi-Newton with a shared Hessian, under kinks; Newton on the active
  coordinates where rows are fewer than columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from bayesglm.design.members import kinship, share_columns
from bayesglm.errors import ConvergenceError
from bayesglm.inference.modes.by_levels import by_levels, n_eliminated
from bayesglm.inference.modes.by_sample import by_sample, from_sample
from bayesglm.inference.modes.judge import by_newton, judge
from bayesglm.inference.modes.matrix_free import matrix_free
from bayesglm.inference.modes.router import MOST_KEPT, choose, work_of
from bayesglm.inference.problem.problem import Problem
from bayesglm.numerics.density.joint import smooth_slopes
from bayesglm.numerics.density.moments import moments
from bayesglm.numerics.density.near import near
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.density.wide import row_function
from bayesglm.numerics.rows.parallel import unthreaded_products
from bayesglm.numerics.solvers.active import maximise_active
from bayesglm.numerics.solvers.newton import Solution
from bayesglm.numerics.solvers.sparse import Functions, sparse_path

Array = np.ndarray


def maximise(problem: Problem, objective: Objective) -> Solution:
    """Return the mode of one objective; raises ConvergenceError.

    Solvers try points where numbers overflow, and step back from what is not finite.
    """
    with unthreaded_products(objective.size), np.errstate(over="ignore", invalid="ignore"):
        return _route(problem, objective, 1)([problem], [objective])[0]


def maximise_all(problems: Sequence[Problem]) -> list[Solution | ConvergenceError]:
    """Return every neuron's mode, or why it has none; neurons of the same rows go together."""
    groups: dict[tuple, list[int]] = {}
    for k, problem in enumerate(problems):
        several = len(problem.natural.family.channels) > 1
        alone = several or problem.natural.free or problem.natural.kinks.any
        key = (kinship(problem.design.predictors), k if alone else -1)
        groups.setdefault(key, []).append(k)
    found: dict[int, Solution | ConvergenceError] = {}
    for members in groups.values():
        some = [problems[k] for k in members]
        objectives = [problem.natural for problem in some]
        in_step = len(some) if share_columns([problem.design for problem in some]) else 1
        route = _route(some[0], objectives[0], in_step)
        size = objectives[0].size
        with unthreaded_products(size), np.errstate(over="ignore", invalid="ignore"):
            try:
                found.update(zip(members, route(some, objectives), strict=True))
            except ConvergenceError:
                for k, problem, objective in zip(members, some, objectives, strict=True):
                    found[k] = _attempt(problem, objective)
    return [found[k] for k in range(len(problems))]


def _attempt(problem: Problem, objective: Objective) -> Solution | ConvergenceError:
    try:
        return judge(objective, problem.start(objective))
    except ConvergenceError as error:
        return error


type Route = Callable[[Sequence[Problem], Sequence[Objective]], list[Solution]]


def _route(problem: Problem, objective: Objective, together: int) -> Route:
    n_levels = n_eliminated(problem, objective)
    work = work_of(objective, problem.design.n_rows, together, n_levels)
    return ROUTES[choose(work._replace(n_formed=problem.design.predictors.n_formed))]


def _by_moments(problems: Sequence[Problem], objectives: Sequence[Objective]) -> list[Solution]:
    """Newton on the moments; around its answer they are taken again, to lose no digits."""
    found = []
    for problem, objective in zip(problems, objectives, strict=True):
        start = problem.start(objective)
        around = with_moments(objective, start)
        first = judge(around, start)
        assert around.moments is not None
        better = moments(objective.rowwise, objective.w(first.x), around.moments.gram)
        last = judge(replace(objective, moments=better), first.x)
        n_iter = first.n_iter + last.n_iter
        found.append(last._replace(n_iter=n_iter, solver=f"{last.solver} on moments"))
    return found


def with_moments(objective: Objective, theta: Array) -> Objective:
    """Return a gaussian objective that reads its likelihood off its moments around theta."""
    taken = moments(objective.rowwise, objective.w(theta))
    return replace(objective, moments=taken)


def for_many(objective: Objective, mode: Array) -> Objective:
    """Return the same with its likelihood in the form in which many thetas are fastest."""
    if objective.family.quadratic:
        return with_moments(objective, mode)
    return replace(objective, near=near(objective.rowwise, objective.w(mode)))


def _by_active(problems: Sequence[Problem], objectives: Sequence[Objective]) -> list[Solution]:
    found = []
    for problem, objective in zip(problems, objectives, strict=True):
        start = objective.kinks.start(problem.start(objective))
        try:
            found.append(maximise_active(row_function(objective), start))
        except ConvergenceError:
            if objective.n_coefficients > MOST_KEPT:
                raise
            found.append(judge(objective, problem.start(objective)))
    return found


def _by_sparse_path(problems: Sequence[Problem], objectives: Sequence[Objective]) -> list[Solution]:
    found = []
    for problem, objective in zip(problems, objectives, strict=True):
        try:
            found += sparse_path(path_functions([objective]), problem.start(objective))
        except ConvergenceError:
            if objective.n_coefficients > MOST_KEPT:
                raise
            found.append(judge(objective, problem.start(objective)))
    return found


def path_functions(objectives: Sequence[Objective]) -> Functions:
    """Return what the sparse solver needs of objectives that differ in their priors."""
    first = objectives[0]

    def own(k: int, members: Array) -> Array:
        return objectives[k].priors.curvature(np.zeros(first.size), members)

    alike = all(
        part.bends_like(other)
        for objective in objectives[1:]
        for part, other in zip(first.coefficients, objective.coefficients, strict=True)
    )

    def curvature(x: Array, k: int, members: Array, single: bool) -> Array:
        found = first.likelihood_curvature(x, members, single)
        return found + own(k, members) if alike else found

    return Functions(
        lambda x, who: smooth_slopes([objectives[k] for k in who], x),
        curvature,
        replace(first.kinks, weight=np.stack([one.kinks.weight for one in objectives])),
        None if alike else own,
        exact=first.moments is not None,
    )


# The ways to a mode by the names that `router.choose` gives them.
ROUTES: dict[str, Route] = {
    "newton": by_newton,
    "moments": _by_moments,
    "sample": by_sample,
    "newton from a sample": from_sample,
    "matrix-free": matrix_free,
    "levels": by_levels,
    "active": _by_active,
    "sparse path": _by_sparse_path,
}
