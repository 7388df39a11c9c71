"""Why samples of a fit are not exchangeable: history terms, correlated neighbours."""

from __future__ import annotations

from collections.abc import Sequence

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
    plan = kept[0].problem.plan
    if plan.model.has_history:
        return (
            "with a history term each response is also a covariate of later samples, so leaving "
            "it out leaves its trace in"
        )
    if plan.step is None:
        return ""
    for one in kept:
        correlation, n = _residual_autocorrelation(one.problem, one.mean_theta)
        if abs(correlation) > max(TOLD / np.sqrt(n), LEAST_TOLD):
            return (
                f"residuals of neighbouring samples{one.problem.where} are correlated "
                f"({correlation:.2f} at lag 1)"
            )
    return ""


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
