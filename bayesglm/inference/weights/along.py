"""Rows put in one by one along a scale that is learned, or a dispersion.

psi is the only parameter beside the coefficients: the logarithm of a scale, say. Given psi
expectation propagation (`sites`) tells the evidence next to exactly, and so log p(psi | y) up to a
constant, which is seen over all psi that matter. A draw takes psi from it, and the coefficients
from the proposal (`sequential`) at the middle of a cell of psi, moved to where the Gaussian there
would have them: with the precision

    P(psi) = B exp(-2 a d) + D exp(-2 d),   d = psi - middle,

D being that of the prior whose scale is learned, B the rest's, and a such that the sites change so.
Importance weights correct all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.linalg import eigh

from bayesglm.errors import ConvergenceError
from bayesglm.inference.modes.judge import judge
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.weights.log_linear import LogLinear
from bayesglm.inference.weights.sequential import Sequential
from bayesglm.inference.weights.sites import Propagated, has_sites, propagate
from bayesglm.numerics.density.objective import Objective

Array = np.ndarray
STEP = 0.5  # of psi, between its first points
DEPTH = 16.0  # nats below the top at which the density of psi ends: 1e-7 of it
MOST = 80  # points of psi to a side: a bound, where the density does not end
BULK, FINE, HALVINGS = 8.0, 0.6, 6  # nats, below which points lie this many nats apart, or halve
POINTS = 2001  # of the grid on which psi's density is drawn
CELLS = (8, 24)  # of psi, which are tried in turn
FURTHEST = 2.0  # exponents a that sites may have, in size


@dataclass(frozen=True)
class Cell:
    """The proposal at a middle of psi, and how its draws move with psi.

    w - mean = basis v, in which the Gaussian's precision is 1, and ``share`` of it the prior's D.
    ``drift`` is the derivative of the mean in psi, and ``exponent`` the a of the sites.
    """

    middle: float
    proposal: Sequential
    basis: Array
    inverse: Array
    share: Array
    drift: Array
    exponent: float

    def moved(self, w: Array, at: Array) -> tuple[Array, Array]:
        """Return draws ``(n, p)`` moved to psi ``(n,)``, and the logarithm of their volumes."""
        away, mean = (at - self.middle)[:, None], self.proposal.given.mean
        precision = (1.0 - self.share) * np.exp(-2.0 * self.exponent * away)
        precision += self.share * np.exp(-2.0 * away)
        v = (w - mean) @ self.inverse.T / np.sqrt(precision)
        return mean + away * self.drift + v @ self.basis.T, -0.5 * np.log(precision).sum(axis=1)


@dataclass(frozen=True)
class Along:
    """The proposal: psi from ``psi``, then the coefficients by the cell between ``edges``."""

    psi: LogLinear
    edges: Array
    cells: tuple[Cell, ...]
    name: str = "row by row"

    def heavier(self) -> Along:
        """Return the same, a little wider."""
        wider = tuple(replace(one, proposal=one.proposal.heavier()) for one in self.cells)
        return replace(self, cells=wider, name=f"{self.name}, wider")

    def draw(self, rng: np.random.Generator, n: int) -> tuple[Array, Array]:
        """Return ``n`` draws ``(n, size)`` and their log densities."""
        at, log_q = self.psi.draw(rng, n)
        cell = np.searchsorted(self.edges, at)
        theta = np.empty((n, len(self.cells[0].drift) + 1))
        theta[:, -1] = at
        for k in np.unique(cell):
            own = np.flatnonzero(cell == k)
            w, of_w = self.cells[k].proposal.draw(rng, len(own))
            theta[own, :-1], volume = self.cells[k].moved(w, at[own])
            log_q[own] += of_w - volume
        return theta, log_q


@dataclass(frozen=True)
class Seen:
    """What is seen of a posterior along psi: its points, in order, and what stands there."""

    at: Array
    log_density: Array
    given: tuple[Propagated, ...]

    @property
    def top(self) -> tuple[float, Propagated]:
        """The most probable point, and the coefficients' Gaussian there."""
        k = int(np.argmax(self.log_density))
        return float(self.at[k]), self.given[k]


def has_one_beside(problem: Problem) -> bool:
    """Say whether there is one parameter beside the coefficients, given which rows have sites."""
    objective = problem.unconstrained
    one = objective.size == objective.n_coefficients + 1 and objective.registry.straight
    return one and has_sites(objective.given(problem.start(objective)))


def see(problem: Problem) -> Seen:
    """Look along psi, outwards from where solvers start; ConvergenceError where it has no end."""
    objective, start = problem.unconstrained, problem.start(problem.unconstrained)
    p, known = objective.n_coefficients, dict[float, tuple[float, Propagated]]()

    def look(at: float) -> float:
        if at not in known:
            theta = np.append(np.zeros(p), at)
            fixed = objective.given(theta)
            if known:
                nearest = known[min(known, key=lambda other: abs(other - at))][1]
                given = propagate(fixed, nearest.mean, (nearest.tau, nearest.nu))
            else:
                given = propagate(fixed, np.array(judge(fixed, start[:p]).x))
            known[at] = given.log_evidence + objective.log_prior_of_others(theta), given
        return known[at][0]

    first = float(start[p])
    look(first)
    for side in (-1.0, 1.0):
        at = first
        for _ in range(MOST):
            at += side * STEP
            if look(at) < max(value for value, _ in known.values()) - DEPTH:
                break
        else:
            raise ConvergenceError("the posterior of a scale, or of a dispersion, has no end")
    _refine(known, look)
    every = sorted(known)
    values, given = zip(*(known[at] for at in every), strict=True)
    return Seen(np.array(every), np.array(values), given)


def _refine(known: dict[float, tuple[float, Propagated]], look: Callable[[float], float]) -> None:
    """Look between points whose densities are far apart, and next to the highest one."""
    for _ in range(HALVINGS):
        every = np.array(sorted(known))
        values = np.array([known[at][0] for at in every])
        high = values > values.max() - BULK
        apart = np.abs(np.diff(values)) > FINE
        wanted = np.flatnonzero(apart & (high[1:] | high[:-1]))
        if not len(wanted):
            break
        for k in wanted:
            look(float(0.5 * (every[k] + every[k + 1])))


def by_cells(problem: Problem, seen: Seen) -> Iterator[Along]:
    """Run through proposals of more and more cells."""
    return (along(problem, seen, n_cells) for n_cells in CELLS)


def along(problem: Problem, seen: Seen, n_cells: int) -> Along:
    """Lay cells along psi, narrower where more draws come."""
    objective = problem.unconstrained
    curve = PchipInterpolator(seen.at, seen.log_density - seen.log_density.max())
    grid = np.linspace(seen.at[0], seen.at[-1], POINTS)
    values = curve(grid)
    # Between the mass and the length on which there is any.
    mass = np.cumsum(np.exp(0.5 * values))
    ends = np.interp(np.linspace(0.0, mass[-1], 2 * n_cells + 1), mass, grid)
    middles, edges = ends[1::2], ends[2:-1:2]
    stood = [_at(objective, seen, float(at)) for at in middles]
    moving = np.zeros(objective.n_coefficients)
    for part in objective.coefficients:
        moving[part.where] = part.learned is not None
    cells = []
    for k, (middle, given) in enumerate(zip(middles, stood, strict=True)):
        low, high = max(k - 1, 0), min(k + 1, n_cells - 1)
        change = max(float(middles[high] - middles[low]), np.finfo(float).tiny)
        drift = (stood[high].mean - stood[low].mean) / change
        cells.append(_cell(given, float(middle), moving, drift, stood[low], stood[high], change))
    return Along(LogLinear(grid, values), edges, tuple(cells))


def _at(objective: Objective, seen: Seen, at: float) -> Propagated:
    nearest = seen.given[int(np.argmin(np.abs(seen.at - at)))]
    fixed = objective.given(np.append(np.zeros(objective.n_coefficients), at))
    return propagate(fixed, nearest.mean, (nearest.tau, nearest.nu))


def _cell(
    given: Propagated,
    middle: float,
    moving: Array,
    drift: Array,
    below: Propagated,
    above: Propagated,
    change: float,
) -> Cell:
    """Return a cell, from the Gaussians at its middle and at those of its neighbours."""
    X, tau = given.of.columns, given.tau
    total = given.of.precision + X.T @ (tau[:, None] * X)
    own = given.of.precision * np.outer(moving, moving)
    share, basis = eigh(own, total)
    leverage = tau * np.einsum("ij,ij->i", X @ given.covariance, X)
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = np.log(above.tau / below.tau) / change
    told = np.isfinite(slopes) & (leverage > 0.0)
    weight = leverage[told].sum()
    exponent = -0.5 * float(leverage[told] @ slopes[told]) / weight if weight > 0.0 else 0.0
    return Cell(
        middle,
        Sequential(given),
        basis,
        basis.T @ total,
        np.clip(share, 0.0, 1.0),
        drift,
        float(np.clip(exponent, -FURTHEST, FURTHEST)),
    )
