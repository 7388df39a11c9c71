"""The cost of two coefficients, and the ways down it that solvers take from several starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from bayesglm.errors import DataError, ModelError
from bayesglm.inference.modes.optimum import find_modes
from bayesglm.inference.problem.problem import Problem, open_problems
from bayesglm.numerics.density.objective import Objective
from bayesglm.results.plane import Box, Surface
from bayesglm.results.through import chosen_pair, grid_points, named_places
from bayesglm.spec.hints import closest, is_among, shown
from bayesglm.spec.model import GLM

Array = np.ndarray
SOLVERS = ("newton", "gradient")
FINE, COARSE = 81, 21  # points of a side: of the cost, and of its curvature
CLOSE = 0.01  # nats: ends whose costs are no further apart are one
LEFT = 1e-6  # nats that a descent still has before it, at most, where it has ended
STILL = 0.01  # of a step, beside which a weight stands still
MOST_STEPS = 1_000_000
MOST_HALVINGS = 60
ROUNDING = 1e-12  # of the largest curvature, below which one is none
ESCAPED = 1e6  # times the cost at the start, where a descent has run away upwards


@dataclass(frozen=True)
class Cost:
    """Minus the log posterior over two coefficients, all else held, in nats."""

    objective: Objective
    theta: Array
    places: tuple[int, int]
    names: tuple[str, str]
    n_held: int

    @cached_property
    def _two(self) -> list[int]:
        return list(self.places)

    @cached_property
    def weight(self) -> Array:
        """The weights of the kinks of the two ``(2,)``: 0 of smooth penalties."""
        return self.objective.kinks.weight[self._two]

    @cached_property
    def at(self) -> Array:
        """Where the kinks of the two are ``(2,)``."""
        return self.objective.kinks.at[self._two]

    def thetas(self, points: Array) -> Array:
        """Return theta ``(k, size)`` at points ``(k, 2)``."""
        thetas = np.repeat(self.theta[None], len(points), axis=0)
        thetas[:, self.places] = points
        return thetas

    def values(self, points: Array) -> Array:
        """Return the cost ``(k,)`` at points ``(k, 2)``: infinity where the model has none."""
        values = -self.objective.log_density(self.thetas(points))
        return np.where(np.isnan(values), np.inf, values)

    def value(self, point: Array) -> float:
        """Return the cost at one point."""
        return float(self.values(point[None])[0])

    def slopes(self, point: Array) -> tuple[Array, Array]:
        """Return gradient ``(2,)`` and Hessian ``(2, 2)`` of the smooth part at one point."""
        found = self.objective.evaluate(self.thetas(point[None])[0])
        return -found.gradient[self._two], -found.hessian[np.ix_(self._two, self._two)]

    def shrunk(self, point: Array, step: float) -> Array:
        """Return the proximal point of the kinks: each weight moves towards its kink, or to it."""
        away = point - self.at
        return self.at + np.sign(away) * np.maximum(np.abs(away) - step * self.weight, 0.0)


@dataclass(frozen=True)
class Descent:
    """A solver's way: its points ``(steps + 1, 2)``, their costs, and whether it came to an end.

    ``step`` is the size of gradient steps, at last; None of Newton's.
    """

    solver: str
    points: Array
    costs: Array
    has_ended: bool
    step: float | None

    @property
    def n_steps(self) -> int:
        """Number of steps taken."""
        return len(self.points) - 1

    @property
    def escaped(self) -> bool:
        """Whether the cost rose beyond all bounds."""
        return not np.isfinite(self.costs[-1]) or bool(self.costs[-1] > self.costs[0])


@dataclass(frozen=True)
class Loss:
    """The cost around all descents, its least curvature on a grid, and the descents.

    ``best`` is the lowest cost that any of them came to.
    """

    cost: Cost
    surface: Surface
    curvature: Surface
    descents: tuple[Descent, ...]
    best: float

    @property
    def is_convex(self) -> bool:
        """Whether the smooth part curves upwards wherever it was looked at."""
        return bool(np.nanmin(self.curvature.values) >= 0.0)

    def is_best(self, one: Descent) -> bool:
        """Whether a descent ended at the lowest cost of all."""
        return bool(one.costs[-1] < self.best + CLOSE)


def loss_of(
    model: GLM,
    data: Any,
    coefficients: tuple[str, str] | None,
    starts: Any,
    solver: Any,
    n_steps: Any,
    step: Any,
) -> Loss:
    """Follow solvers down the cost; raises as `plot_loss` says."""
    cost = _cost(model, data, coefficients)
    points = _starts(starts)
    solvers = _solvers(solver)
    n_steps, step = _numbers(n_steps, step)
    if "newton" in solvers and cost.weight.any():
        raise ModelError(
            "Newton's step wants a cost without kinks, and a Laplace prior has one; write "
            "solver='gradient', whose steps are proximal ones there."
        )
    for point in points:
        if not np.isfinite(cost.value(point)):
            raise DataError(
                f"the cost is not finite at the start {point.tolist()}; start where the model can "
                "be evaluated."
            )
    descents = tuple(
        _newton(cost, point, n_steps) if one == "newton" else _gradient(cost, point, n_steps, step)
        for one in solvers
        for point in points
    )
    ends = [one.costs[-1] for one in descents if not one.escaped]
    best = min(ends, default=min(float(one.costs.min()) for one in descents))
    surface, curvature = _surfaces(cost, descents)
    return Loss(cost, surface, curvature, descents, float(best))


def _cost(model: GLM, data: Any, coefficients: tuple[str, str] | None) -> Cost:
    problems = open_problems(model, data)
    if len(problems) > 1:
        raise DataError(
            "plot_loss draws one response; choose one of the population: "
            f"data.isel({problems[0].plan.population}=0)."
        )
    problem = problems[0]
    objective = problem.natural
    if not objective.registry.straight:
        raise ModelError(
            "plot_loss cannot move two coefficients alone where some stand under a constraint "
            "that ties them together; give such terms another coding or prior."
        )
    theta = np.zeros(objective.size) if objective.size == 2 else _mode(problem)
    names = named_places(problem, theta)
    pair = chosen_pair(names, coefficients, problem)
    cost = Cost(objective, theta, (names[pair[0]], names[pair[1]]), pair, objective.size - 2)
    kinks = objective.kinks
    bounded = kinks.one_sided is not None and bool(kinks.one_sided[list(cost.places)].any())
    if bounded or kinks.grouped[list(cost.places)].any():
        raise ModelError(
            "plot_loss draws coefficients without bounds and with penalties of their own; give "
            "the two another prior than one-sided or group ones."
        )
    return cost


def _mode(problem: Problem) -> Array:
    return np.array(find_modes([problem])[0].x)


def _starts(starts: Any) -> Array:
    """Return the starts ``(k, 2)``."""
    try:
        points = np.atleast_2d(np.asarray([[0.0, 0.0]] if starts is None else starts, dtype=float))
    except (TypeError, ValueError):
        points = np.zeros((0, 0))
    if points.ndim != 2 or points.shape[1:] != (2,) or not len(points):
        raise DataError(
            "starts must be pairs of numbers, one for each coefficient, such as [(0, 0), (2, -1)]; "
            f"got {shown(starts)}."
        )
    if not np.isfinite(points).all():
        raise DataError(f"starts must be finite numbers, got {shown(starts)}.")
    return points


def _solvers(solver: Any) -> tuple[str, ...]:
    given = (solver,) if isinstance(solver, str) else solver
    if not isinstance(given, Sequence) or not given:
        raise ModelError(f"solver must be one of {', '.join(SOLVERS)} or several, got {solver!r}.")
    for one in given:
        if not is_among(one, SOLVERS):
            raise ModelError(
                f"unknown solver {shown(one)}; there are {', '.join(SOLVERS)}."
                f"{closest(one, SOLVERS)}"
            )
    return tuple(dict.fromkeys(given))


def _numbers(n_steps: Any, step: Any) -> tuple[int, float | None]:
    is_whole = isinstance(n_steps, (int, np.integer)) and not isinstance(n_steps, bool)
    if not is_whole or not 1 <= n_steps <= MOST_STEPS:
        raise DataError(
            f"n_steps must be a whole number from 1 to {MOST_STEPS:,}, got {shown(n_steps)}."
        )
    if step is None:
        return int(n_steps), None
    is_number = isinstance(step, (int, float, np.number)) and not isinstance(step, bool)
    if not is_number or not 0.0 < step < np.inf:
        raise DataError(f"step must be a positive number, got {shown(step)}.")
    return int(n_steps), float(step)


def _newton(cost: Cost, start: Array, n_steps: int) -> Descent:
    """Go by Newton's steps, each halved until the cost falls; where it curves down, uphill of it.

    Eigenvalues of the Hessian are taken by their size, so that each step leads downhill.
    """
    points, costs, ended = [start], [cost.value(start)], False
    for _ in range(n_steps):
        gradient, hessian = cost.slopes(points[-1])
        values, vectors = np.linalg.eigh(hessian)
        sizes = np.maximum(np.abs(values), 1e-12 * max(np.abs(values).max(), 1e-300))
        move = -vectors @ ((vectors.T @ gradient) / sizes)
        promised = -float(gradient @ move)
        is_still = np.abs(move).max() < STILL * (1.0 + np.abs(points[-1]).max())
        ended = is_still and promised < LEFT
        found = _lower(cost, points[-1], move, costs[-1], promised)
        if found is None:
            break
        points.append(found[0])
        costs.append(found[1])
        if ended:
            break
    return Descent("newton", np.array(points), np.array(costs), ended, None)


def _lower(
    cost: Cost, point: Array, move: Array, before: float, promised: float
) -> tuple[Array, float] | None:
    share = 1.0
    for _ in range(MOST_HALVINGS):
        after = point + share * move
        value = cost.value(after)
        if value <= before - 1e-4 * share * promised:
            return after, value
        share /= 2.0
    return None


def _gradient(cost: Cost, start: Array, n_steps: int, step: float | None) -> Descent:
    """Go down the gradient by steps of one size, proximal where the penalty has kinks.

    A size that is not named begins at one over the largest curvature at the start, and is halved
    for good wherever the cost would rise.
    """
    size = step if step is not None else _first_size(cost, start)
    points, costs, ended = [start], [cost.value(start)], False
    for _ in range(n_steps):
        gradient, _ = cost.slopes(points[-1])
        after = cost.shrunk(points[-1] - size * gradient, size)
        value = cost.value(after)
        while step is None and not value <= costs[-1] and size > 1e-300:
            size /= 2.0
            after = cost.shrunk(points[-1] - size * gradient, size)
            value = cost.value(after)
        points.append(after)
        costs.append(value)
        if not np.isfinite(value) or value - costs[0] > ESCAPED * (1.0 + abs(costs[0])):
            break
        moved = after - points[-2]
        if float(moved @ moved) / size < LEFT * 1e-6:
            ended = True
            break
    return Descent("gradient", np.array(points), np.array(costs), ended, size)


def _first_size(cost: Cost, start: Array) -> float:
    largest = float(np.abs(np.linalg.eigvalsh(cost.slopes(start)[1])).max())
    return 1.0 / largest if largest > 0.0 else 1.0


def _surfaces(cost: Cost, descents: Sequence[Descent]) -> tuple[Surface, Surface]:
    """Return the cost, and its least curvature, on a box around all descents."""
    inside = np.concatenate([one.points[: len(one.points) - one.escaped] for one in descents])
    low, high = inside.min(axis=0), inside.max(axis=0)
    side = np.maximum(high - low, 0.5 * float(np.max(high - low, initial=0.0)))
    side = np.where(side > 0.0, side, 1.0)
    centre = (low + high) / 2.0
    box = Box(centre - 0.65 * side, centre + 0.65 * side)
    x, y = box.axes(FINE)
    surface = Surface(x, y, cost.values(grid_points(x, y)).reshape(FINE, FINE))
    x, y = box.axes(COARSE)
    least, largest = np.full((2, COARSE * COARSE), np.nan)
    for k, point in enumerate(grid_points(x, y)):
        if np.isfinite(cost.value(point)):
            hessian = cost.slopes(point)[1]
            if np.isfinite(hessian).all():
                least[k], largest[k] = np.linalg.eigvalsh(hessian)
    least[np.abs(least) < ROUNDING * np.nanmax(np.abs(largest))] = 0.0
    return surface, Surface(x, y, least.reshape(COARSE, COARSE))
