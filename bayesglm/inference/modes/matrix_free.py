"""Quasi-Newton with the diagonal of the curvature and the structure of the priors: no matrix."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from bayesglm.errors import ConvergenceError
from bayesglm.inference.modes.judge import Inverse, judge_from, still_moves
from bayesglm.inference.modes.panel import designs_of, joint_slopes, samples_of, starts_of
from bayesglm.inference.modes.router import MOST_KEPT
from bayesglm.inference.problem.problem import Problem
from bayesglm.numerics.density.inverse import ApproximateInverse, approximate_inverse
from bayesglm.numerics.density.joint import smooth_slopes
from bayesglm.numerics.density.likelihood import Rowwise
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.solvers.newton import OPTIMAL, Solution, arrived
from bayesglm.numerics.solvers.quasi import least_curvature, newton_step, quasi_newton

Array = np.ndarray
MOST_STEPS = 10  # of Newton's after a climb without the true curvature: chosen
# What the posterior sds of coordinates, taken from some hundreds of rows, may be short of, as a
# factor: chosen.
SURE = 0.5


def matrix_free(problems: Sequence[Problem], objectives: Sequence[Objective]) -> list[Solution]:
    """Quasi-Newton with the diagonal of the curvature and the structure of the priors."""
    n, p = problems[0].design.n_rows, objectives[0].n_coefficients
    _, samples = samples_of(problems, objectives, min(n, 1000), 1)
    designs = designs_of(problems)
    starts = starts_of(problems, objectives)
    inverses = [
        approximate_inverse(objective, start, sample.rowwise)
        for objective, start, sample in zip(objectives, starts, samples, strict=True)
    ]
    found, converged = quasi_newton(
        partial(joint_slopes, designs, objectives),
        lambda v, who: np.stack([inverses[k].times(row) for k, row in zip(who, v, strict=True)]),
        starts,
        solver="quasi-newton, matrix-free",
        memory=20,
        max_iter=1000,
    )
    for k, (problem, objective) in enumerate(zip(problems, objectives, strict=True)):

        def curved(
            of: Objective = objective, at: Array = found[k].x, rows: Rowwise = samples[k].rowwise
        ) -> Inverse:
            return approximate_inverse(of, at, rows).times

        if converged[k] and not still_moves(problem, objective, found[k].x, curved):
            end = _arrive(objective, inverses[k], found[k])
            if end is not None:
                found[k] = end
                continue
        if p <= MOST_KEPT:
            found[k] = judge_from(problem, objective, found[k].x)
        else:
            raise ConvergenceError(
                f"no convergence in {found[k].n_iter} iterations of the {found[k].solver} solver "
                f"(gradient norm {found[k].gradient_norm:.2g}): nearly dependent columns.",
                found[k],
            )
    return found


def _arrive(
    objective: Objective, inverse: ApproximateInverse, solution: Solution
) -> Solution | None:
    """Go on by Newton steps to where the next is short by the true curvature; None if none is.

    The approximate curvature that led there misjudges directions that hardly change any linear
    predictor: what is left of them looks like nothing, and may be whole standard deviations.
    """
    x, floor = solution.x, None
    for n_iter in range(MOST_STEPS):
        value, gradient = (part[0] for part in smooth_slopes([objective], x[None]))
        if not np.isfinite(gradient).all():
            return None
        times = objective.curvature_product(x)
        if floor is None and inverse.free is not None:
            floor = least_curvature(times, inverse.times, inverse.free, inverse.held)
        step = newton_step(times, inverse.times, gradient, floor)
        if step is None:
            return None
        gain = max(float(gradient @ step), 0.0)
        # No slope per sd is larger than the whole step in sds.
        residual = min(float(np.abs(gradient * inverse.sd).max()) / SURE, gain**0.5)
        if gain <= arrived(value) and residual < OPTIMAL:
            return Solution(
                x,
                float(value),
                float(np.linalg.norm(gradient)),
                solution.n_iter + n_iter,
                solution.solver,
                gain**0.5,
                residual,
                True,
            )
        x = x + step
    return None
