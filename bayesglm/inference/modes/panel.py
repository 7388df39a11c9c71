"""Objectives of several neurons over the rows that they share, or over a sample of these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bayesglm.design.design import Design
from bayesglm.design.members import joint_source, take
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
    taken = take(designs_of(problems), (run * drawn[:, None] + np.arange(run)).reshape(-1))
    alike = np.full(first.y.shape[-1], first.n_rows / (wanted * run))
    weights = {  # those that members share, they still do
        id(one.weights): alike if one.weights is None else alike * one.weights for one in taken
    }
    designs = [replace(one, weights=weights[id(one.weights)]) for one in taken]
    sampled = [
        replace(objective, source=design.source)
        for design, objective in zip(designs, objectives, strict=True)
    ]
    return designs, sampled


def members_of(panel: Panel) -> list[Panel]:
    """Return a panel of each member alone."""
    return [([design], [objective]) for design, objective in zip(*panel, strict=True)]


def joint_slopes(
    designs: Sequence[Design], objectives: Sequence[Objective], x: Array, who: Array
) -> tuple[Array, Array]:
    """Return values and gradients of some objectives, whose designs go side by side."""
    source = joint_source([designs[k] for k in who])
    return smooth_slopes([objectives[k] for k in who], x, source)
