"""Objectives of several neurons over the rows they share, or over a sample of these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bayesglm.design.design import Design, joint_source
from bayesglm.inference.problem.problem import Problem
from bayesglm.numerics.density.joint import smooth_slopes
from bayesglm.numerics.density.objective import Objective

Array = np.ndarray
type Panel = tuple[Sequence[Design], Sequence[Objective]]


def starts_of(problems: Sequence[Problem], objectives: Sequence[Objective]) -> Array:
    pairs = zip(problems, objectives, strict=True)
    return np.stack([problem.start(objective) for problem, objective in pairs])


def designs_of(problems: Sequence[Problem]) -> list[Design]:
    return [problem.design for problem in problems]


def samples_of(
    problems: Sequence[Problem], objectives: Sequence[Objective], size: int, run: int
) -> Panel:
    """Return the objectives over the same rows, drawn once, that stand for all.

    Rows are drawn in runs of some length: one by one they say most, in blocks they need no copy.
    """
    first = problems[0].design
    n_runs = first.n_rows // run
    wanted = max(1, min(n_runs, round(size / run)))
    if wanted >= n_runs:
        return designs_of(problems), objectives
    drawn = np.sort(np.random.default_rng(0).choice(n_runs, wanted, replace=False))
    taken = first.take((run * drawn[:, None] + np.arange(run)).reshape(-1)).predictors
    alike = np.full(len(first.y), first.n_rows / (wanted * run))
    designs = [
        replace(
            problem.design,
            predictors=taken,
            weights=alike if problem.design.weights is None else alike * problem.design.weights,
        )
        for problem in problems
    ]
    sampled = [
        replace(objective, source=design.source)
        for design, objective in zip(designs, objectives, strict=True)
    ]
    return designs, sampled


def joint_slopes(
    designs: Sequence[Design], objectives: Sequence[Objective], x: Array, who: Array
) -> tuple[Array, Array]:
    """Return values and gradients of some objectives that share their predictors."""
    source = joint_source([designs[k] for k in who])
    return smooth_slopes([objectives[k] for k in who], x, source)
