"""Coordinates for NUTS: whitened by the curvature at the mode, or by scales where there is none."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bayesglm.errors import ConvergenceError
from bayesglm.inference.nested import scales_at_mode
from bayesglm.inference.optimum import has_tiny_sigma, refuse_improper_sigma
from bayesglm.inference.problem import Problem
from bayesglm.inference.solve import judge, maximise
from bayesglm.numerics.coordinates import Coordinates, Multiples, whitened
from bayesglm.numerics.objective import Objective
from bayesglm.numerics.parallel import unthreaded_products
from bayesglm.numerics.solvers import Solution

Array = np.ndarray
MOST_WHITENED = 3000  # parameters of which the correlations are taken out as well
STEP = 1e-3  # of log(phi), in a second difference


class Whitening(NamedTuple):
    """Coordinates, and whether their centre is a mode of the unconstrained density."""

    coordinates: Coordinates
    at_mode: bool


def whiten(problem: Problem) -> Whitening:
    """Return coordinates in which a neuron's posterior is nearly a standard normal.

    They are centred at the mode, and scaled by the curvature there; without a mode they start from
    the mean response, with the curvature of likelihood and priors coefficient by coefficient.

    Raises
    ------
    ModelError
        The model reproduces the response exactly, and the posterior of sigma is improper.
    """
    if problem.learned:
        return Whitening(_around_scales(problem), False)
    objective = problem.unconstrained
    try:
        solution: object = maximise(problem, objective)
    except ConvergenceError as error:
        solution = error.solution
        at_mode = False
    else:
        at_mode = True
    if isinstance(solution, Solution):
        refuse_improper_sigma(problem, solution.x)
        at_mode &= not has_tiny_sigma(problem, solution.x).any()
    centre = np.array(solution.x) if at_mode and isinstance(solution, Solution) else problem.start()
    if at_mode and objective.size <= MOST_WHITENED:
        precision = -objective.evaluate(centre).hessian
        precision.flat[:: objective.size + 1] += _kinks(objective)
    else:
        precision = _diagonal(objective, centre)
    return Whitening(whitened(centre, precision), at_mode)


def _around_scales(problem: Problem) -> Coordinates:
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
    wide = p > MOST_WHITENED
    if wide:
        information = given.rowwise.diagonal(theta[:p], given.phi(theta))
    else:
        information = given.likelihood_curvature(theta, np.arange(p))
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
    prior = np.zeros(p)
    for part in given.coefficients:
        prior[part.where] = part.precision(theta[part.where])
    prior += _kinks(given)
    if wide:
        precision = np.concatenate([scales**2 * (diagonal + prior), spread**-2.0])
        return whitened(centre, np.where(precision > 0.0, precision, 1.0), tuple(multiples))
    precision = np.diag(np.concatenate([np.zeros(p), spread**-2.0]))
    precision[:p, :p] = (information + _prior_matrix(given, theta, prior)) * np.outer(
        scales, scales
    )
    return whitened(centre, precision, tuple(multiples))


def _prior_matrix(given: Objective, theta: Array, diagonal: Array) -> Array:
    """Return the priors' precision: of joint ones their matrices, what they come to of others."""
    found = np.diag(diagonal)
    for part in given.coefficients:
        if part.prior.joint:
            found[part.where, part.where] = -part.prior.curvature(
                theta[part.where], **part.parameters
            )
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


def _kinks(objective: Objective) -> Array:
    """Return what kinks are worth as precisions: that of k |w| alone is k^2 / 2."""
    return 0.5 * objective.kink**2


def _diagonal(objective: Objective, theta: Array) -> Array:
    """Return the diagonal of the precision at theta, ones where that says nothing."""
    p = objective.n_coefficients
    found = np.ones(objective.size)
    found[:p] = objective.rowwise.diagonal(theta[:p], objective.phi(theta))
    for part in objective.coefficients:
        found[part.where] += part.precision(theta[part.where])
    found += _kinks(objective)
    for place in range(p, objective.size):
        step = np.zeros(objective.size)
        step[place] = STEP
        ends = objective.value(theta - step) + objective.value(theta + step)
        found[place] = (2.0 * objective.value(theta) - ends) / STEP**2
    return np.where(np.isfinite(found) & (found > 0.0), found, 1.0)
