"""The judge: Newton's method, which says why where there is no maximum, and looks at plateaus."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from bayesglm.errors import ConvergenceError
from bayesglm.inference.problem.problem import Problem
from bayesglm.numerics.density.joint import smooth_slopes
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.families.domains import with_barrier
from bayesglm.numerics.solvers.newton import Solution, newton, proximal_newton
from bayesglm.numerics.solvers.quadratic import ScaledModel, scaled_model

Array = np.ndarray
# Largest change of a linear predictor in a step that may be the last, where a likelihood may have
# no mode: chosen; on a plateau every step changes some by about 1.
STILL = 1e-3

# Strengths of a barrier, one after the other, beside a log likelihood of about 1 a row: chosen.
BARRIERS = (1.0, 1e-2, 1e-4, 1e-6, 1e-8)

type Inverse = Callable[[Array], Array]


def judge(objective: Objective, x0: Array) -> Solution:
    """Newton's method, which says why where there is no maximum.

    Where it runs into an end of the link's domain it goes around (`_between_walls`).
    """
    try:
        return _climb(objective, x0)
    except ConvergenceError:
        if objective.family.domain.is_real_line:
            raise
    return _between_walls(objective, x0)


def _between_walls(objective: Objective, x0: Array) -> Solution:
    """Newton's method from where barriers lead that stand before the ends of the link's domain.

    A likelihood that is finite at an end does not turn steps away from it: they would stop there,
    short of a maximum inside.
    """
    x = x0
    for strength in BARRIERS:
        family = objective.family
        kernel = with_barrier(family.kernel, family.domain, strength)
        softened = replace(objective, family=replace(family, kernel=kernel, fused=None))
        try:
            x = _climb(softened, x).x
        except ConvergenceError:
            break
    return _climb(objective, x)


def _climb(objective: Objective, x0: Array) -> Solution:
    if objective.kinks.any:
        return proximal_newton(
            objective.evaluate,
            objective.value,
            x0,
            objective.change,
            objective.kinks,
        )
    return newton(objective.evaluate, objective.value, x0, objective.change)


def judge_from(problem: Problem, objective: Objective, x: Array) -> Solution:
    """Newton's method from where another solver stopped, if that is better than its own start."""
    start = problem.start(objective)
    with np.errstate(over="ignore", invalid="ignore"):
        better = objective.value(x) > objective.value(start)
    if better:
        try:
            return judge(objective, x)
        except ConvergenceError:
            pass
    return judge(objective, start)


def by_newton(problems: Sequence[Problem], objectives: Sequence[Objective]) -> list[Solution]:
    """Return the modes that Newton's method finds, each from its own start."""
    return [
        judge(objective, problem.start(objective))
        for problem, objective in zip(problems, objectives, strict=True)
    ]


def still_moves(
    problem: Problem, objective: Objective, x: Array, inverse: Callable[[], Inverse | None]
) -> bool:
    """Say whether the next step, by the curvature at x, would still go far, or nobody can tell.

    On the plateau of separated data nothing is left to gain, and every step goes on all the same,
    until no curvature is left either: then there is no ``inverse``.
    """
    if objective.family.push is None or problem.only_intercept_is_free():
        return False
    times = inverse()
    if times is None:
        return True
    now = smooth_slopes([objective], x[None])[1][0]
    return objective.change(times(now)) > STILL


def inverse_curvature(curvature: Array) -> Array:
    """Return the inverse, of what is near singular with its scaled diagonal raised a little."""
    return inverse(scaled_model(curvature))


def inverse(model: ScaledModel) -> Array:
    """Return the inverse of a curvature from its scaled model."""
    from scipy.linalg import cho_solve

    return model.scale[:, None] * cho_solve(model.factor, np.diag(model.scale), check_finite=False)
