"""NUTS among fields of low rank, in numbers that are free of rotations and scales.

Two factors make the same field in many ways: turned into one another, or one longer and the other
shorter. Here a field is `Chart` numbers, of which one choice belongs to it. So the posterior has no
ridge, and walkers are compared by the fields themselves. The coordinates are whitened by the
curvature at the mode in these numbers, by differences of slopes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from bayesglm.errors import ModelError
from bayesglm.inference.modes.optimum import find_modes
from bayesglm.inference.problem.problem import Problem
from bayesglm.numerics.density.coordinates import Coordinates, whitened
from bayesglm.numerics.density.sampled import Density, density
from bayesglm.numerics.priors.low_rank import Chart

Array = np.ndarray
STEP = 1e-5  # of a difference of slopes, in units of the number or of 1, whichever is more
TOGETHER = 64  # thetas at which slopes are asked for at once
POLISHED = 200  # steps to the mode at most; walkers start around it and need no more digits


class Run(NamedTuple):
    """A field of low rank: its place among numbers and in theta, its chart, its prior's scale."""

    own: slice
    place: slice
    chart: Chart
    scale: float


@dataclass(frozen=True)
class Confined:
    """The density of numbers u: those of theta, but for fields, of which they are charts."""

    target: Density
    runs: tuple[Run, ...]
    kept: Array  # what u holds of theta as it is: places in theta ...
    at: Array  # ... and in u
    size: int

    def to_theta(self, u: Array) -> Array:
        """Return thetas ``(..., p)`` of numbers ``(..., size)``."""
        theta = np.empty((*u.shape[:-1], self.target.objective.size))
        theta[..., self.kept] = u[..., self.at]
        for run in self.runs:
            theta[..., run.place] = run.chart.field(u[..., run.own])
        return theta

    def to_u(self, theta: Array) -> Array:
        """Return the numbers of one theta, whose fields have their ranks."""
        u = np.empty(self.size)
        u[self.at] = theta[self.kept]
        for run in self.runs:
            u[run.own] = run.chart.numbers(theta[run.place])
        return u

    def slopes(self, u: Array) -> tuple[Array, Array]:
        """Return log densities ``(...)`` and gradients ``(..., size)``."""
        values, of_theta = self.target.slopes(self.to_theta(u))
        gradients = np.empty(u.shape)
        gradients[..., self.at] = of_theta[..., self.kept]
        for run in self.runs:
            own = u[..., run.own]
            measure, slope = run.chart.log_measure(own, run.scale)
            values = values + measure
            gradients[..., run.own] = run.chart.pull(own, of_theta[..., run.place]) + slope
        return values, gradients

    def precision(self, u: Array) -> Array:
        """Return minus the Hessian at one u, by differences of slopes."""
        steps = STEP * np.maximum(np.abs(u), 1.0)
        rows = []
        for start in range(0, self.size, TOGETHER):
            some = np.arange(start, min(start + TOGETHER, self.size))
            moved = np.zeros((len(some), self.size))
            moved[np.arange(len(some)), some] = steps[some]
            ahead, behind = (self.slopes(u + way * moved)[1] for way in (1.0, -1.0))
            rows.append((behind - ahead) / (2.0 * steps[some, None]))
        found = np.concatenate(rows)
        return 0.5 * (found + found.T)


class Whitened(NamedTuple):
    """The density of confined numbers, and coordinates in which it is nearly a standard normal."""

    confined: Confined
    coordinates: Coordinates


def whiten_confined(problem: Problem) -> Whitened:
    """Return a problem's density in numbers of its fields, whitened around its mode.

    Raises
    ------
    ModelError
        Beside the field a prior with kinks or bounds, around which nothing is whitened.
    """
    natural = problem.natural
    straight = problem.unconstrained.registry.straight
    if not straight or natural.kinks.any:
        names = ", ".join(one for one in problem.uncurved() if "of rank" not in one)
        raise ModelError(
            f"draws of a field of low rank beside {names} are not available; give the other terms "
            "Normal priors, or take fit_map."
        )
    mode = natural.registry.inner_coefficients(np.array(find_modes([problem])[0].x))
    confined = _confined(problem, mode)
    u = confined.to_u(mode)
    first = whitened(u, confined.precision(u))
    climb = first.in_x(confined.slopes)
    found = minimize(
        lambda x: tuple(-np.asarray(one) for one in climb(x)),
        np.zeros(confined.size),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": POLISHED},
    )
    top = first.to_theta(found.x)
    return Whitened(confined, whitened(top, confined.precision(top)))


def _confined(problem: Problem, mode: Array) -> Confined:
    """Lay numbers of fields around those of the mode, in the order of theta."""
    blocks = problem.design.predictors.blocks
    fields = {blocks[k].name: blocks[k] for k in problem.confined}
    runs, start = list[Run](), 0
    kept, at = [np.arange(0)], [np.arange(0)]
    parts = {part.where: part for part in problem.natural.coefficients}
    for name, place in sorted(problem.places.items(), key=lambda pair: pair[1].start):
        if name not in fields:
            n = place.stop - place.start
            kept.append(np.arange(place.start, place.stop))
            at.append(np.arange(start, start + n))
            start += n
            continue
        block = fields[name]
        field = mode[place].reshape(block.shape[0], -1)
        chart = Chart.around(field, block.rank)
        scale = float(np.max(parts[place].parameters["scale"]))
        runs.append(Run(slice(start, start + chart.size), place, chart, scale))
        start += chart.size
    target = density(problem.unconstrained, mode)
    return Confined(target, tuple(runs), np.concatenate(kept), np.concatenate(at), start)
