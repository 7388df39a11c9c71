"""Newton's method where a factor has very many levels, which are eliminated at each step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bayesglm.inference.modes.judge import STILL
from bayesglm.inference.modes.matrix_free import matrix_free
from bayesglm.inference.problem.problem import Problem
from bayesglm.numerics.density.bordered import Bordered, bordered, can_border
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.numerics.solvers.newton import OPTIMAL, Solution, arrived

Array = np.ndarray
MOST_STEPS, MOST_HALVINGS = 100, 30  # of Newton's method, and of one step: chosen
ENOUGH = 1e-4  # of the promised gain, that a step must bring (Nocedal & Wright 2006, 3.1)
MOST_BESIDE = 1000  # parameters beside the levels, of which a matrix is formed: chosen


def many_levels(problem: Problem, objective: Objective) -> tuple[PriorPart, bool] | None:
    """Return the prior of the levels that can be eliminated, the most; and if they sum to zero."""
    eliminable: list[tuple[PriorPart, bool]] = []
    for block in problem.design.predictors.blocks:
        alone = block.codes is not None and block.multiplier is None and block.signal.shape[1] == 1
        if not alone or block.name not in problem.places:
            continue
        where = problem.places[block.name]
        part = next(part for part in objective.coefficients if part.where == where)
        sums = bool(block.sums)
        if (not sums or block.n_level_dims == 1) and can_border(objective, part, sums):
            eliminable.append((part, sums))
    most = max(eliminable, key=lambda pair: pair[0].size, default=None)
    return most if most and objective.size - most[0].size <= MOST_BESIDE else None


def by_levels(problems: Sequence[Problem], objectives: Sequence[Objective]) -> list[Solution]:
    """Newton's method, levels eliminated; where it fails, quasi-Newton without a matrix."""
    solutions = []
    for problem, objective in zip(problems, objectives, strict=True):
        levels = many_levels(problem, objective)
        solution = None
        if levels is not None:
            solution = _climb(objective, problem.start(objective), *levels)
        solutions += matrix_free([problem], [objective]) if solution is None else [solution]
    return solutions


def _climb(objective: Objective, x: Array, part: PriorPart, sums: bool) -> Solution | None:
    """Return where Newton's steps come to an end; None where they do not."""
    now, n_free = bordered(objective, x, part, sums), objective.size - objective.n_coefficients
    for n_iter in range(MOST_STEPS):
        step = now.step()
        if step is None and n_free:
            step = now.step(n_free)  # first the coefficients, given the dispersions
        if step is None or not np.isfinite(now.value):
            return None
        gain = float(now.gradient @ step)
        residual = now.residual()
        if gain <= float(arrived(np.array(now.value))) and residual < OPTIMAL:
            if objective.family.push is not None and objective.change(step) > STILL:
                return None
            norm = float(np.linalg.norm(now.gradient))
            name = "newton, levels eliminated"
            root = max(gain, 0.0) ** 0.5
            return Solution(x, now.value, norm, n_iter, name, root, residual, True)
        after = _along(objective, x, step, gain, now, part, sums)
        if after is None:
            return None
        x, now = after
    return None


def _along(
    objective: Objective,
    x: Array,
    step: Array,
    gain: float,
    now: Bordered,
    part: PriorPart,
    sums: bool,
) -> tuple[Array, Bordered] | None:
    """Return the first of shorter and shorter steps that rises as it should, and what is there."""
    t, rounding = 1.0, 1e-12 * (1.0 + abs(now.value))
    for _ in range(MOST_HALVINGS):
        target = x + t * step
        if not objective.registry.is_far_out(target):
            there = bordered(objective, target, part, sums)
            if there.value >= now.value + ENOUGH * t * gain - rounding:
                return target, there
        t *= 0.5
    return None
