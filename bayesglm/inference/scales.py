"""Coordinates for NUTS where scales are learned."""

from __future__ import annotations

import numpy as np

from bayesglm.errors import ConvergenceError
from bayesglm.inference.nested import scales_at_mode
from bayesglm.inference.problem import Problem
from bayesglm.inference.solve import judge
from bayesglm.numerics.coordinates import Coordinates, Multiples, whitened
from bayesglm.numerics.objective import Objective
from bayesglm.numerics.parallel import unthreaded_products

Array = np.ndarray
MOST_WHITENED = 3000  # parameters of which the correlations are taken out as well


def around_scales(problem: Problem) -> Coordinates:
    """Return coordinates around a typical value of learned scales, and the coefficients there.

    A coefficient of which the data say less than its prior stands in them as a multiple of its
    scale; so do all of a horseshoe, whose scales reach from next to nothing to far.
    """
    objective, p = problem.unconstrained, problem.unconstrained.n_coefficients
    psi, spread = _typical_scales(problem)
    theta = np.concatenate([problem.start()[:p], psi])
    given = objective.given(theta)
    try:
        with unthreaded_products(p), np.errstate(over="ignore", invalid="ignore"):
            theta[:p] = judge(given, theta[:p]).x
    except ConvergenceError:
        pass  # the chains find their way from the mean response as well
    every, wide = np.arange(p), p > MOST_WHITENED
    if wide:
        information = given.rowwise.diagonal(theta[:p], given.phi(theta))
    else:
        information = given.likelihood_curvature(theta, every)
    diagonal = information if wide else np.diagonal(information)
    scales, multiples, centre = np.ones(p), [], theta.copy()
    for part in objective.coefficients:
        if part.learned is None:
            continue
        q = part.where.stop - part.where.start
        scale = np.broadcast_to(np.exp(part.learned.log_scale(theta)), q)
        apart = diagonal[part.where] * scale**2 < 1.0
        if part.prior.joint:
            apart = np.full(q, np.mean(apart) > 0.5)
        apart |= part.learned.local is not None
        loc = part.parameters.get("loc", 0.0)
        scales[part.where] = np.where(apart, scale, 1.0)
        away = (theta[part.where] - loc) / scale
        centre[part.where] = np.where(apart, away, theta[part.where])
        multiples.append(Multiples(part.where, loc, part.learned, apart))
    if wide:
        of_w = diagonal + diagonal_of_priors(given, theta)
        precision = np.concatenate([scales**2 * of_w, spread**-2.0])
        return whitened(centre, np.where(precision > 0.0, precision, 1.0), tuple(multiples))
    precision = np.diag(np.concatenate([np.zeros(p), spread**-2.0]))
    of_w = information + given.prior_curvature(theta, every)
    of_w.flat[:: p + 1] += 0.5 * given.kink**2
    precision[:p, :p] = of_w * np.outer(scales, scales)
    return whitened(centre, precision, tuple(multiples))


def diagonal_of_priors(objective: Objective, theta: Array) -> Array:
    """Return the precisions ``(p,)`` that the priors of w give, k^2 / 2 that of a kink k |w|."""
    found = 0.5 * objective.kink[: objective.n_coefficients] ** 2
    for part in objective.coefficients:
        found[part.where] += part.precision(theta[part.where])
    return found


def _typical_scales(problem: Problem) -> tuple[Array, Array]:
    """Return logarithms of dispersions and scales, and how far they spread.

    The mode of their own posterior where nested Laplace finds one, else the middle of their prior.
    """
    p = problem.unconstrained.n_coefficients
    if not problem.uncurved():
        try:
            psi, factor = scales_at_mode(problem)
        except ConvergenceError:
            pass
        else:
            return psi, np.sqrt((factor**2).sum(axis=1))
    psi = problem.start()[p:]
    return psi, np.ones(len(psi))
