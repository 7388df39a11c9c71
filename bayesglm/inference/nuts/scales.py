"""Coordinates for NUTS where scales are learned."""

from __future__ import annotations

import numpy as np

from bayesglm.errors import ConvergenceError
from bayesglm.inference.modes.judge import judge
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.weights.nested import scales_at_mode
from bayesglm.numerics.density.coordinates import Coordinates, Shrunk, whitened
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.priors.shrinkage import in_directions, shrinkage
from bayesglm.numerics.rows.parallel import unthreaded_products

Array = np.ndarray
LEAST_SHARE = 0.01  # of the data in a precision, from which a mean is told
MOST_WHITENED = 3000  # parameters of which the correlations are taken out as well


def around_scales(problem: Problem) -> Coordinates:
    """Return coordinates around a typical value of learned scales, and the coefficients there."""
    objective, p = problem.unconstrained, problem.unconstrained.n_coefficients
    psi, spread = _typical_scales(problem)
    theta = np.concatenate([problem.start(objective)[:p], psi])
    given = objective.given(theta)
    try:
        with unthreaded_products(p):
            theta[:p] = judge(given, theta[:p]).x
    except ConvergenceError:
        pass  # the chains find their way from the mean response as well
    every, wide = np.arange(p), p > MOST_WHITENED
    with np.errstate(over="ignore", invalid="ignore"):
        if wide:
            information = given.likelihood_diagonal(theta[:p])
        else:
            information = given.likelihood_curvature(theta[:p], every)
    if not np.isfinite(information).all():
        information = np.zeros_like(information)  # the priors alone say how far to step
    if wide:
        of_w = information + diagonal_of_priors(given, theta)
    else:
        of_w = information + given.prior_curvature(theta[:p], every)
        of_w.flat[:: p + 1] += given.kinks.precision()
        of_w = in_directions(objective.coefficients, of_w, theta)
    sds, shrunk, centre = np.ones(p), [], theta.copy()
    for part in objective.coefficients:
        if part.learned is None:
            continue
        of = shrinkage(part, information, theta)
        log_precision = of.log_precision(theta)
        share, sd = np.exp(of.log_share(log_precision)), np.exp(-0.5 * log_precision)
        away = of.directions(theta[part.where], theta)
        towards = np.where(share > LEAST_SHARE, away / share, 0.0)
        centre[part.where] = (away - share * towards) / sd
        sds[part.where] = sd
        shrunk.append(Shrunk(of, towards))
    if wide:
        precision = np.concatenate([sds**2 * of_w, spread**-2.0])
        return whitened(centre, np.where(precision > 0.0, precision, 1.0), tuple(shrunk))
    precision = np.diag(np.concatenate([np.zeros(p), spread**-2.0]))
    precision[:p, :p] = of_w * np.outer(sds, sds)
    for one in objective.registry.scales:
        if one.transform.precision is not None:
            precision[one.place, one.place] = one.transform.precision(one.size)
    return whitened(centre, precision, tuple(shrunk))


def learned_units(problems: list[Problem]) -> dict[str, list[Shrunk]]:
    """Return for each term whose scale is learned the units in which its coefficients move.

    Those of the native engine: a density of levels that narrow with their scale has a funnel, down
    which no step of one length goes.
    """
    if not problems[0].learned or problems[0].pooled:
        return {}
    every = [around_scales(problem).shrunk for problem in problems]
    # What sums to zero keeps its own transform.
    free = (one for one in problems[0].natural.registry.free if one.size == one.n_natural)
    names = {(one.place.start, one.place.stop): one.name for one in free}
    units = {}
    for several in zip(*every, strict=True):
        where = several[0].shrinkage.where
        if (where.start, where.stop) in names:
            units[names[where.start, where.stop]] = list(several)
    return units


def diagonal_of_priors(objective: Objective, theta: Array) -> Array:
    """Return the precisions ``(p,)`` that the priors of w give, each kink being worth its own.

    Of coefficients under transforms they are the natural ones in the units of theta.
    """
    found = objective.kinks.precision()[: objective.n_coefficients]
    w = objective.w(theta)
    for part in objective.coefficients:
        found[part.where] += part.typical_precision(w[part.where])
    return found * objective.registry.coefficient_slopes(theta) ** 2


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
    psi = problem.start(problem.unconstrained)[p:]
    return psi, np.ones(len(psi))
