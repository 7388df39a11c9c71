"""Responses whose likelihood levels off: a flat intercept may go where it will.

Between bounds only the shape of a density counts, and of some families that keeps a limit as the
mean leaves the bounds: exponential responses below 3 become uniform as their mean grows. Under a
flat intercept the posterior is then improper, and there may be no mode. Without bounds, too, some
families keep a limit as their mean grows (inverse Gaussian ones become Lévy); where that is many
nats below the mode no draw ever comes there.
"""

from __future__ import annotations

import numpy as np

from bayesglm.design.design import plain_family_of
from bayesglm.errors import ModelError
from bayesglm.inference.problem.problem import Problem
from bayesglm.numerics.density.channels import predictors
from bayesglm.numerics.solvers.newton import Solution
from bayesglm.spec.families import LINK_NAMES

Array = np.ndarray
FAR = 12.0  # of a log, or log odds: as far as log likelihoods of counts keep digits; chosen
FAR_IN_UNITS = 1e6  # the same of a linear predictor in units of the response: chosen
# Of a log likelihood from far to twice as far: a power of 1 / eta falls by 0.7 or more.
LEVEL = 0.05
# Nats below the mode from which a plateau is not seen: 4,000 draws times e^-12 are one in forty.
UNSEEN = 12.0
ROWS = 4096  # whose likelihoods are computed at a time: chosen, they stay in the cache


REMEDY = (
    "Give the intercept a proper prior, intercept=bg.Normal(2.5, loc=...) around the link of a "
    "likely mean."
)


def refuse_level(problem: Problem) -> None:
    """Raise ModelError where under a flat intercept responses have no posterior."""
    _refuse_plateau(problem)
    if not _is_free(problem):
        return
    theta = problem.start(problem.natural)
    for side in (-1.0, 1.0):
        if _levels_off(problem, theta, side):
            raise _level(problem, side, "so under a Flat intercept the posterior is improper")


def _refuse_plateau(problem: Problem) -> None:
    """Raise ModelError where the likelihood at an infinite mean is not far below its largest."""
    plateau, design = plain_family_of(problem.plan.model).plateau, problem.design
    if plateau is None or not problem.has_flat_intercept():
        return
    rows = design.predictors.rows
    weights = np.ones(len(rows)) if design.weights is None else design.weights[rows]
    nats = plateau(design.typical[rows], weights)
    if nats < UNSEEN:
        model = problem.plan.model
        raise ModelError(
            f"response {model.response!r}{problem.where}: the likelihood of {model.family} "
            f"responses keeps a positive limit as the mean grows without end, here {nats:.1f} nats "
            "below that of a finite mean, so under a Flat intercept the posterior is improper. "
            f"{REMEDY}"
        )


def refuse_level_mode(problem: Problem, solution: Solution) -> None:
    """Raise ModelError where the likelihood of bounded responses is largest at an infinite mean."""
    if not _is_free(problem):
        return
    here = _log_likelihood(problem, solution.x, None).sum()
    for side in (-1.0, 1.0):
        if _levels_off(problem, solution.x, side):
            there = _log_likelihood(problem, solution.x, 2.0 * side).sum()
            if there >= here - 1e-6 * (1.0 + abs(here)):
                raise _level(problem, side, "and nowhere is it larger, so there is no mode")


def _is_free(problem: Problem) -> bool:
    """Say whether responses have bounds, and no prior holds the intercept."""
    return problem.plan.model.truncated is not None and problem.has_flat_intercept()


def _levels_off(problem: Problem, theta: Array, side: float) -> bool:
    """Say whether no row's likelihood falls as its mean leaves the bounds to one side."""
    near, far = (_log_likelihood(problem, theta, side * k) for k in (1.0, 2.0))
    return bool(np.all(far > near - LEVEL))


def _log_likelihood(problem: Problem, theta: Array, far: float | None) -> Array:
    """Return the rows' log likelihoods where theta has them, or at a mean so far outside."""
    natural, model = problem.natural, problem.plan.model
    in_units = LINK_NAMES[model.link_name].power != 0.0 and natural.family.domain.is_real_line
    unit = FAR_IN_UNITS * float(np.abs(problem.design.typical).max()) if in_units else FAR
    values = []
    for rows in problem.design.source.ranges(ROWS):
        eta = predictors(rows, natural.w(theta[None]))[:, 0]
        if far is not None:
            eta[0] = natural.family.domain.place(far * unit)
        of_rows = natural.family.log_likelihood(rows.y, eta, natural.phi(theta), rows.trials)
        values.append(of_rows if rows.weights is None else of_rows[rows.weights > 0])
    return np.concatenate(values)


def _level(problem: Problem, side: float, why: str) -> ModelError:
    model = problem.plan.model
    return ModelError(
        f"response {model.response!r}{problem.where}: between the bounds of truncated= the "
        f"likelihood of {model.family} responses levels off as eta goes "
        f"{'up' if side > 0.0 else 'down'} without end, {why}. {REMEDY}"
    )
