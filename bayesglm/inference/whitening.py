"""Coordinates for NUTS: whitened by the curvature at the mode, or by scales where there is none."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bayesglm.errors import ConvergenceError
from bayesglm.inference.optimum import has_tiny_sigma, refuse_improper_sigma
from bayesglm.inference.problem import Problem
from bayesglm.inference.solve import maximise
from bayesglm.numerics.coordinates import Coordinates, whitened
from bayesglm.numerics.objective import Objective
from bayesglm.numerics.solvers import Solution

Array = np.ndarray
MOST_WHITENED = 3000  # parameters of which the correlations are taken out as well
STEP = 1e-3  # of log(phi), in a second difference


class Whitening(NamedTuple):
    """Coordinates, and whether their centre is a mode of the unconstrained density."""

    coordinates: Coordinates
    at_mode: bool
    widths: Array


def whiten(problem: Problem) -> Whitening:
    """Return coordinates in which a neuron's posterior is nearly a standard normal.

    They are centred at the mode, and scaled by the curvature there; without a mode they start from
    the mean response, with the curvature of likelihood and priors coefficient by coefficient.

    Raises
    ------
    ModelError
        The model reproduces the response exactly, and the posterior of sigma is improper.
    """
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
    coordinates = whitened(centre, precision)
    return Whitening(coordinates, at_mode, _widths(objective, coordinates))


V0 = 0.15
CMAX = 0.5
def _widths(objective: Objective, coordinates: Coordinates) -> Array:
    """Return widths"""
    factor = coordinates.factor
    variance = factor**2 if factor.ndim == 1 else (factor**2).sum(axis=1)
    kink = objective.kink
    r = kink**2 * variance
    z2 = (coordinates.centre - objective.kink_at) ** 2 / variance
    total = (0.06 * r**2.5 * np.exp(-0.5 * z2)).sum()
    c = min(CMAX, (V0 / total) ** (1 / 3)) if total > 0 else 0.0
    return c * kink * variance


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
