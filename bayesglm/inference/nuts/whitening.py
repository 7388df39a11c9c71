"""Coordinates for NUTS: whitened by the curvature at the mode, or by scales where there is none."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import expit

from bayesglm.errors import ConvergenceError
from bayesglm.inference.modes.exact import has_tiny_noise, refuse_improper
from bayesglm.inference.modes.solve import maximise
from bayesglm.inference.nuts.scales import MOST_WHITENED, around_scales, diagonal_of_priors
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.weights.sequential import Sequential
from bayesglm.inference.weights.sites import has_sites, propagate
from bayesglm.numerics.density.above import Above, inverse
from bayesglm.numerics.density.bent import Bent
from bayesglm.numerics.density.coordinates import Coordinates, whitened
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.solvers.newton import Solution

Array = np.ndarray
STEP = 1e-3  # of an entry of theta that is no coefficient, in a second difference
LOST = 0.05  # variance of the energy that softened kinks may cost
WIDEST = 0.5  # of a softened kink, as a share of its weight times the variance


class Whitening(NamedTuple):
    """Coordinates, whether it is nearly normal in them, and widths of kinks for `Density`."""

    coordinates: Coordinates | Above | Bent
    nearly_normal: bool
    widths: Array


def whiten(problem: Problem) -> Whitening:
    """Return coordinates in which a neuron's posterior is nearly a standard normal.

    They are centred at the mode of the unconstrained density, and scaled by the curvature there, a
    kink k |w| being worth a precision of k^2 / 2, that of a Laplace density alone. Coefficients
    above zero have coordinates of their own around the MAP (`Above`). Without a mode they start
    from the mean response, with the curvature there of each parameter by itself.

    Raises
    ------
    ModelError
        The model reproduces the response exactly, and the posterior is improper.
    """
    if problem.learned:
        return Whitening(around_scales(problem), False, np.zeros(problem.natural.size))
    if not problem.unconstrained.registry.straight and not problem.without_mode():
        above = _above(problem)
        if above is not None:
            return above
    objective, centre = problem.unconstrained, _mode(problem, problem.unconstrained)
    at_mode = centre is not None
    if centre is None:
        centre = problem.start(objective)
    by_rows = _by_rows(problem, centre) if at_mode else None
    if by_rows is not None:
        return by_rows
    if at_mode and objective.size <= MOST_WHITENED:
        precision = -objective.evaluate(centre).hessian
        precision.flat[:: objective.size + 1] += objective.kinks.precision()
    else:
        with np.errstate(over="ignore", invalid="ignore"):
            precision = _diagonal(objective, centre)
    coordinates = whitened(centre, precision)
    # Where shares of steps may be zero the curvature at the mode leaves much to adapt.
    nearly_normal = at_mode and not problem.without_mode()
    return Whitening(coordinates, nearly_normal, _widths(objective, coordinates))


def _by_rows(problem: Problem, mode: Array) -> Whitening | None:
    """Return coordinates that sites of rows give, where these are few; None elsewhere.

    Every row cuts off the posterior there, of which the curvature at the mode says nothing.
    """
    objective = problem.unconstrained
    few = problem.design.n_rows <= objective.n_coefficients <= MOST_WHITENED
    if not (few and has_sites(objective)):
        return None
    try:
        given = propagate(objective, mode)
    except ConvergenceError:
        return None
    return Whitening(Sequential(given).bent, True, np.zeros(objective.size))


def _above(problem: Problem) -> Whitening | None:
    """Return coordinates around the MAP, whose coefficients may be zero; None without a MAP.

    There the slope that holds a coefficient at zero, and its curvature, tell its unit.
    """
    natural = problem.natural
    mode = _mode(problem, natural)
    if mode is None or natural.size > MOST_WHITENED:
        return None
    there, kinks = natural.evaluate(mode), natural.kinks
    precision = -there.hessian
    assert kinks.one_sided is not None
    held = np.where(mode == kinks.at, np.maximum(kinks.weight - there.gradient, 0.0), 0.0)
    precision.flat[:: natural.size + 1] += np.where(kinks.one_sided, held**2, kinks.precision())
    places = np.flatnonzero(kinks.one_sided)
    unit = 1.0 / np.sqrt(np.maximum(np.diagonal(precision)[places], np.finfo(float).tiny))
    centre, rates = mode.copy(), np.ones(natural.size)
    centre[places] = inverse(np.maximum(mode[places], np.log(2.0) * unit), unit)
    rates[places] = unit * expit(centre[places])
    straight = whitened(centre, precision * np.outer(rates, rates))
    widths = _widths(problem.unconstrained, straight)
    return Whitening(Above(straight, places, unit), True, widths)


def _mode(problem: Problem, objective: Objective) -> Array | None:
    natural = objective.registry.natural_coefficients
    try:
        solution: object = maximise(problem, objective)
    except ConvergenceError as error:
        if isinstance(error.solution, Solution):
            refuse_improper(problem, natural(error.solution.x))
        return None
    assert isinstance(solution, Solution)
    refuse_improper(problem, natural(solution.x))
    return None if has_tiny_noise(problem, natural(solution.x)) else np.array(solution.x)


def _diagonal(objective: Objective, theta: Array) -> Array:
    """Return the diagonal of the precision at theta, with ones where that says nothing."""
    p = objective.n_coefficients
    found = np.ones(objective.size)
    found[:p] = objective.likelihood_diagonal(theta) + diagonal_of_priors(objective, theta)
    for place in range(p, objective.size):
        step = np.zeros(objective.size)
        step[place] = STEP
        ends = objective.value(theta - step) + objective.value(theta + step)
        found[place] = (2.0 * objective.value(theta) - ends) / STEP**2
    return np.where(np.isfinite(found) & (found > 0.0), found, 1.0)


def _widths(objective: Objective, coordinates: Coordinates) -> Array:
    """Return widths c k v of softened kinks k |w|, v being the variance and c a common factor.

    Such a width adds a curvature of 1/c to that of the posterior, in whitened coordinates. The
    energy that it makes wrong, (k width / 2) (1 - |w| / width)^2 within its width, has a variance
    of about c^3 0.06 (k^2 v)^(5/2) exp(-z^2 / 2), z being the distance of the kink from the mode in
    sds; c is such that they add up to LOST.
    """
    variance, kink = coordinates.variance(), objective.kinks.weight
    away = (coordinates.centre - objective.kinks.at) ** 2 / variance
    wrong = float((0.06 * (kink**2 * variance) ** 2.5 * np.exp(-0.5 * away)).sum())
    share = min(WIDEST, (LOST / wrong) ** (1.0 / 3.0)) if wrong > 0.0 else WIDEST
    return share * kink * variance
