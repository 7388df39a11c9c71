"""Newton's method where factors have very many levels, which are eliminated at each step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bayesglm.errors import ConvergenceError
from bayesglm.inference.modes.judge import STILL, judge
from bayesglm.inference.modes.matrix_free import matrix_free
from bayesglm.inference.modes.router import MANY_LEVELS, MOST_KEPT
from bayesglm.inference.problem.problem import Problem
from bayesglm.numerics.density.bordered import (
    Bordered,
    bordered,
    can_border,
    holds_levels_apart,
)
from bayesglm.numerics.density.layout import Grouping, Layout, laid_out
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.solvers.newton import OPTIMAL, Solution, arrived

Array = np.ndarray
MOST_STEPS, MOST_HALVINGS = 100, 30  # of Newton's method, and of one step: chosen
ENOUGH = 1e-4  # of the promised gain, that a step must bring (Nocedal & Wright 2006, 3.1)
MOST_BESIDE = 1000  # parameters beside all levels: chosen; each step takes their Gram matrix
# Parameters beside the levels of the groupings that are eliminated: chosen; a matrix of them, which
# each step forms and factors, takes 288 MB.
MOST_WHOLE = 6000


def layout_of(problem: Problem, objective: Objective) -> Layout | None:
    """Return the layout of groupings whose levels can be eliminated; None where there are none.

    Levels that sum to zero are those of a factor alone, or else stand beside the others.
    """
    if not can_border(objective):
        return None
    p = objective.n_coefficients
    parts = {part.where.start: part for part in objective.coefficients}

    def apart(sums: bool) -> list[Grouping]:
        every = groupings_of(problem, objective, sums)
        return [one for one in every if holds_levels_apart(parts[one.where.start], sums)]

    several = apart(False)
    chosen = [laid_out(several, p)] if several else []
    chosen += [laid_out([one], p, sums=True) for one in apart(True)]
    fitting = [layout for layout in chosen if _fits(layout, objective.size)]
    return max(fitting, key=_n_eliminated, default=None)


def groupings_of(problem: Problem, objective: Objective, sums: bool = False) -> list[Grouping]:
    """Return the factors whose levels each prior leaves apart, that with most levels first.

    With ``sums`` those, of one effect, whose levels sum to zero; else all others.
    """
    predictors, groupings = problem.design.predictors, []
    if not predictors.reads_by_codes:
        return []
    parts = {part.where.start: part for part in objective.coefficients}
    for block in predictors.blocks:
        where = problem.places.get(block.name)
        if block.codes is None or where is None or bool(block.sums) != sums:
            continue
        if not parts[where.start].structure.of_levels:
            continue
        codes, values = block.effects(predictors.rows)
        if not sums or (block.n_level_dims == 1 and values.shape[1] == 1):
            groupings.append(Grouping(where, codes, values, block.n_levels))
    return sorted(groupings, key=lambda one: -one.n_levels)


def _n_eliminated(layout: Layout) -> int:
    return sum(one.size for one in layout.groupings[: layout.n_apart])


def _fits(layout: Layout, size: int) -> bool:
    """Say whether what remains when levels are eliminated is small enough."""
    beside = size - sum(one.where.stop - one.where.start for one in layout.groupings)
    return beside <= MOST_BESIDE and size - _n_eliminated(layout) <= MOST_WHOLE


def n_eliminated(problem: Problem, objective: Objective) -> int:
    """Return how many coefficients can be eliminated as levels; of few levels, none."""
    coded = [block for block in problem.design.predictors.blocks if block.codes is not None]
    if max((block.n_levels for block in coded), default=0) < MANY_LEVELS:
        return 0
    layout = layout_of(problem, objective)
    return 0 if layout is None else _n_eliminated(layout)


def by_levels(problems: Sequence[Problem], objectives: Sequence[Objective]) -> list[Solution]:
    """Newton's method, levels eliminated; where it fails, quasi-Newton without a matrix.

    Beside dispersions that are searched, the judge takes its place.
    """
    solutions = []
    for problem, objective in zip(problems, objectives, strict=True):
        layout = layout_of(problem, objective)
        solution = None
        if layout is not None:
            solution = _climb(objective, problem.start(objective), layout)
        solutions.append(_otherwise(problem, objective) if solution is None else solution)
    return solutions


def _otherwise(problem: Problem, objective: Objective) -> Solution:
    if not objective.free:
        return matrix_free([problem], [objective])[0]
    if objective.size > MOST_KEPT:
        raise ConvergenceError(
            "no maximum was found where levels are eliminated at each step: the density may rise "
            "without end as a dispersion goes to an end of its range"
        )
    return judge(objective, problem.start(objective))


def _climb(objective: Objective, x: Array, layout: Layout) -> Solution | None:
    """Return where Newton's steps come to an end; None where they do not."""
    now, n_free = bordered(objective, x, layout), objective.size - objective.n_coefficients
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
        after = _along(objective, x, step, gain, now)
        if after is None:
            return None
        x, now = after
    return None


def _along(
    objective: Objective, x: Array, step: Array, gain: float, now: Bordered
) -> tuple[Array, Bordered] | None:
    """Return the first of shorter and shorter steps that rises as it should, and what is there."""
    t, rounding = 1.0, 1e-12 * (1.0 + abs(now.value))
    for _ in range(MOST_HALVINGS):
        target = x + t * step
        if not objective.registry.far_out(target):
            there = bordered(objective, target, now.layout)
            if there.value >= now.value + ENOUGH * t * gain - rounding:
                return target, there
        t *= 0.5
    return None
