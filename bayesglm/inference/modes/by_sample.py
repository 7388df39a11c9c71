"""Quasi-Newton from the mode, and with the curvature, of samples of the rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from bayesglm.design.members import joint_source, share_columns
from bayesglm.errors import ConvergenceError
from bayesglm.inference.modes.judge import (
    Inverse,
    by_newton,
    inverse,
    judge,
    judge_from,
    still_moves,
)
from bayesglm.inference.modes.panel import (
    Panel,
    designs_of,
    joint_slopes,
    members_of,
    samples_of,
    starts_of,
)
from bayesglm.inference.modes.router import (
    SAMPLE_PER_COLUMN,
    columns_of_one,
    gram_columns,
    sample_size,
)
from bayesglm.inference.modes.side_by_side import goes_together, side_by_side
from bayesglm.inference.problem.problem import Problem
from bayesglm.numerics.density.joint import rough_curvatures
from bayesglm.numerics.density.likelihood import block_rows
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.solvers.newton import Solution
from bayesglm.numerics.solvers.quadratic import approximate_model, scaled_model
from bayesglm.numerics.solvers.quasi import quasi_newton

Array = np.ndarray
# Rows of the least sample that lie side by side: chosen; scattered rows wait for memory, long runs
# of neighbours tell less than as many rows apart.
FEW_TOGETHER = 4
# Numbers that a pass over the design reads, beyond which a last step of the gain `ENOUGH` is not
# followed by another: chosen, a pass over fewer takes about a millisecond.
MANY = 1_000_000
# Gain in log density (a thousandth of a posterior sd) of a step that is taken and is the last.
ENOUGH = 1e-6


def by_sample(problems: Sequence[Problem], objectives: Sequence[Objective]) -> list[Solution]:
    """Quasi-Newton, from the mode and with the curvature of samples of the rows.

    A small sample's mode starts a larger one's, and that starts the whole: each pass over all rows
    is worth more than all that comes before it. Members with columns of their own climb together;
    the curvature of each is taken as if it were alone.
    """
    n, p, k = problems[0].design.n_rows, objectives[0].n_coefficients, len(problems)
    enough = ENOUGH if n * p > MANY else 0.0
    apart = k > 1 and not share_columns(designs_of(problems))
    if apart and goes_together(problems, objectives):
        ends = side_by_side(problems, objectives, enough)
        if ends is not None:
            return [
                _judged(problem, objective, end, converged)
                for problem, objective, end, converged in zip(
                    problems, objectives, *ends, strict=True
                )
            ]
    every, inverses, sds = np.arange(p), np.empty((k, p, p)), np.empty((k, p))

    def take_curvature(panels: Sequence[Panel], x: Array) -> bool:
        resolved, j = True, 0
        for designs, samples in panels:
            here = x[j : j + len(samples)]
            roughs = rough_curvatures(samples, here, joint_source(designs))
            for rough, at, sample in zip(roughs, here, samples, strict=True):
                model = approximate_model(rough, partial(sample.curvature, at, every))
                inverses[j], sds[j] = inverse(model), model.scale
                resolved, j = resolved and model.resolved, j + 1
        return resolved

    def climb(
        panel: Panel, x: Array, enough: float, sd: Array | None = None
    ) -> tuple[list[Solution], Array]:
        return quasi_newton(
            partial(joint_slopes, *panel),
            lambda v, who: np.matmul(v[:, None, :], inverses[who])[:, 0, :],
            x,
            solver="quasi-newton",
            enough=enough,
            sd=sd,
        )

    def reach(panel: Panel, x: Array) -> Array:
        """Climb to a third of an sd of what all rows tell."""
        return np.stack([one.x for one in climb(panel, x, 0.1 * p)[0]])

    x, least = starts_of(problems, objectives), sample_size(n, p)
    small = samples_of(problems, objectives, least, FEW_TOGETHER)
    each = members_of(small) if apart else [small]
    run = block_rows(p, 1 if apart else k)
    take_curvature(each, x)
    x = reach(small, x)
    if n // 5 > least:
        take_curvature(each, x)
        x = reach(samples_of(problems, objectives, n // 5, run), x)
    elif least >= SAMPLE_PER_COLUMN * columns_of_one(objectives[0]):
        # The sample tells enough to come near the mode of all rows, whose curvature is then taken.
        take_curvature(each, x)
        x = reach((designs_of(problems), objectives), x)
    panels, start = [], 0
    for _, samples in each:
        stop = start + len(samples)
        size = max(int(_share(samples, x[start]) * n), least)
        panels.append(samples_of(problems[start:stop], objectives[start:stop], size, run))
        start = stop
    if not take_curvature(panels, x):
        # Rounding may have made up some of it, and it would say too soon that one has arrived.
        return by_newton(problems, objectives)
    found, converged = climb((designs_of(problems), objectives), x, enough, sds)
    ends_on = [sample for _, samples in panels for sample in samples]
    for k, (problem, objective) in enumerate(zip(problems, objectives, strict=True)):
        end = found[k].x
        curved = partial(_inverse_at, ends_on[k], end)
        if not converged[k] or still_moves(problem, objective, end, curved):
            found[k] = judge_from(problem, objective, end)
    return found


def _judged(problem: Problem, objective: Objective, found: Solution, converged: bool) -> Solution:
    """Return where a climb ended if that is a mode, or else what Newton's method finds from it."""
    least = sample_size(problem.design.n_rows, objective.n_coefficients)
    _, (sample,) = samples_of([problem], [objective], least, FEW_TOGETHER)
    curved = partial(_inverse_at, sample, found.x)
    if not converged or still_moves(problem, objective, found.x, curved):
        return judge_from(problem, objective, found.x)
    return found


def from_sample(problems: Sequence[Problem], objectives: Sequence[Objective]) -> list[Solution]:
    """Newton's method from the mode of a sample of the rows, so that few steps are over all.

    For dispersions that are found with the coefficients: no curvature of a sample stands for
    theirs as long as the coefficients move.
    """
    found = []
    for problem, objective in zip(problems, objectives, strict=True):
        size = sample_size(problem.design.n_rows, objective.n_coefficients)
        _, samples = samples_of([problem], [objective], size, FEW_TOGETHER)
        try:
            near = judge(samples[0], problem.start(objective)).x
        except ConvergenceError:
            near = problem.start(objective)
        found.append(judge_from(problem, objective, near))
    return found


def _inverse_at(sample: Objective, x: Array) -> Inverse | None:
    """Return the inverse of a sample's curvature, if that is told."""
    model = scaled_model(-sample.evaluate(x).hessian)
    return partial(np.matmul, inverse(model)) if model.resolved else None


def _share(samples: Sequence[Objective], x: Array) -> float:
    """Return the share of all rows that tells the curvature of some objectives on equal columns.

    It takes about as long as two passes over all rows; it is more where few rows make up most of
    the curvature, or that would lead the steps far astray.
    """
    p, alone = gram_columns(samples[0]), len(samples) == 1
    most = 45.0 if alone else 10.0
    if p <= most or not alone:
        return min(1.0, most / p)
    told = samples[0].rowwise.evenness(x, samples[0].phi(x))
    return min(1.0, most / (p * max(told, 0.1)))
