"""Why samples of a fit are not exchangeable: history terms, correlated neighbours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.kept import Kept
from bayesglm.numerics.density.channels import predictors as predictors_of

Array = np.ndarray
ROWS = 4096  # residuals that are computed at a time: chosen
# Lag-1 correlation of residuals that is told: in standard errors, n^-1/2 of independent ones, and
# at least so much, whatever n: chosen.
TOLD, LEAST_TOLD = 4.0, 0.02


def describe_dependence(kept: Sequence[Kept]) -> str:
    """Say why samples are not exchangeable, or return an empty string."""
    if kept[0].problem.plan.model.has_history:
        return (
            "with a history term each response is also a covariate of later samples, so leaving "
            "it out leaves its trace in"
        )
    for one, (correlation, n) in zip(kept, correlations(kept), strict=False):
        if abs(correlation) > told_from(n):
            return (
                f"residuals of neighbouring samples{one.problem.where} are correlated "
                f"({correlation:.2f} at lag 1)"
            )
    return ""


def correlations(kept: Sequence[Kept]) -> Iterator[tuple[float, int]]:
    """Give the lag-1 correlation of the residuals of each unit, and of how many pairs it is.

    Of samples that are in no order of time there is none.
    """
    if kept[0].problem.plan.step is not None:
        for one in kept:
            yield _residual_autocorrelation(one.problem, one.mean_theta)


def told_from(n: int) -> float:
    """Return the size from which a lag-1 correlation of n pairs is told."""
    return max(TOLD / float(np.sqrt(n)), LEAST_TOLD)


def _residual_autocorrelation(problem: Problem, mean_theta: Array) -> tuple[float, int]:
    objective, predictors = problem.natural, problem.design.predictors
    residuals, responses = [], []
    for rows in problem.design.source.ranges(ROWS):
        eta = predictors_of(rows, objective.w(mean_theta[None]))[:, 0]
        rest = eta, objective.phi(mean_theta), rows.trials
        family = objective.family
        responses.append(family.numbers(rows.y, *rest))
        residuals.append(responses[-1] - family.expected(*rest))
    residual = np.concatenate(residuals)
    if np.ptp(np.concatenate(responses)) == 0.0:
        return 0.0, len(residual)  # of a silent unit, whose residuals are the mean's own course
    residual = residual - residual.mean()
    adjacent = np.diff(predictors.rows) == 1
    products = (residual[1:] * residual[:-1])[adjacent]
    variance = float((residual**2).mean())
    n = max(int(adjacent.sum()), 1)
    return (float(products.mean()) / variance if variance > 0 and len(products) else 0.0), n
