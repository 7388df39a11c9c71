"""Ways down a cost of two coefficients: Newton's, and gradient descent's."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bayesglm.numerics.density.objective import Objective

Array = np.ndarray
LEFT = 1e-6  # nats that a descent still has before it, at most, where it has ended
RESOLVED = 1e-12  # of a cost, below which rounding hides differences
STILL = 0.01  # of a weight and its unit: one that Newton would move by less stands still
MOST_HALVINGS = 60
ROUNDING = 1e-12  # of the largest curvature of a point, below which one is none
ESCAPED = 1e6  # times the cost at the start, where a descent has run away upwards


@dataclass(frozen=True)
class Cost:
    """Minus the log posterior over two coefficients, all else held, in nats."""

    objective: Objective
    theta: Array
    places: tuple[int, int]
    names: tuple[str, str]
    n_held: int
    starts: Array

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

    @cached_property
    def unit(self) -> Array:
        """Changes of the two that matter ``(2,)``: one over the root of the largest curvature.

        Largest of the starts and of zero, so that a start on flat ground does not hide the units
        of the predictors.
        """
        points = np.vstack([self.starts, np.zeros(2)])
        found = [np.abs(np.diag(self.slopes(one)[1])) for one in points if self.is_smooth(one)]
        largest = np.max(found, axis=0, initial=0.0)
        return np.where(largest > 0.0, largest, 1.0) ** -0.5

    def thetas(self, points: Array) -> Array:
        """Return theta ``(k, size)`` at points ``(k, 2)``."""
        thetas = np.repeat(self.theta[None], len(points), axis=0)
        thetas[:, self.places] = points
        return thetas

    def values(self, points: Array) -> Array:
        """Return the cost ``(k,)`` at points ``(k, 2)``: infinity where the model has none."""
        with np.errstate(over="ignore", invalid="ignore"):
            values = -self.objective.log_density(self.thetas(points))
        return np.where(np.isnan(values), np.inf, values)

    def value(self, point: Array) -> float:
        """Return the cost at one point."""
        return float(self.values(point[None])[0])

    def slopes(self, point: Array) -> tuple[Array, Array]:
        """Return gradient ``(2,)`` and Hessian ``(2, 2)`` of the smooth part at one point."""
        with np.errstate(over="ignore", invalid="ignore"):
            found = self.objective.evaluate(self.thetas(point[None])[0])
        return -found.gradient[self._two], -found.hessian[np.ix_(self._two, self._two)]

    def is_smooth(self, point: Array) -> bool:
        """Whether cost, gradient and Hessian are finite at one point."""
        return np.isfinite(self.value(point)) and all(
            np.isfinite(one).all() for one in self.slopes(point)
        )

    def lower(self, point: Array, gradient: Array, step: float) -> Array:
        """Return the point after a gradient step, then a proximal one: to the kink, or nearer."""
        with np.errstate(over="ignore", invalid="ignore"):
            away = point - step * gradient - self.at
            return self.at + np.sign(away) * np.maximum(np.abs(away) - step * self.weight, 0.0)


@dataclass(frozen=True)
class Descent:
    """A solver's way: its points ``(steps + 1, 2)``, their costs, and where it came to.

    ``has_ended``: in a minimum; ``at_saddle``: where the cost is level, too, but curves downwards.
    ``step`` is the size of gradient steps, at last; None of Newton's.
    """

    solver: str
    points: Array
    costs: Array
    has_ended: bool
    at_saddle: bool
    step: float | None

    @property
    def n_steps(self) -> int:
        """Number of steps taken."""
        return len(self.points) - 1

    @property
    def escaped(self) -> bool:
        """Whether the cost rose, and came to no rest."""
        is_higher = not np.isfinite(self.costs[-1]) or bool(self.costs[-1] > self.costs[0])
        return is_higher and not self.has_ended and not self.at_saddle


def newton_descent(cost: Cost, start: Array, n_steps: int) -> Descent:
    """Go by Newton's steps, each halved until the cost falls; where it curves down, uphill of it.

    Eigenvalues of the Hessian are taken by their size, so that each step leads downhill.
    """
    points, costs = [start], [cost.value(start)]
    for _ in range(n_steps):
        ahead = _ahead(cost, *cost.slopes(points[-1]))
        found = _lower(cost, points[-1], ahead.move, costs[-1], ahead.promised)
        if found is None or np.array_equal(found[0], points[-1]):
            break
        is_last = ahead.is_level(cost, points[-1], costs[-1]) and not ahead.curves_down
        points.append(found[0])
        costs.append(found[1])
        if is_last:
            break
    return _descent("newton", cost, points, costs, None)


@dataclass(frozen=True)
class Ahead:
    """Newton's move ``(2,)`` from a point, twice the nats that it promises, and the curvature."""

    move: Array
    promised: float
    curves_down: bool

    def is_level(self, cost: Cost, point: Array, value: float) -> bool:
        """Whether neither the cost nor a weight has far to go."""
        nats = max(LEFT, RESOLVED * abs(value))
        room = STILL * (np.minimum(cost.unit, 1.0) + np.abs(point))
        return self.promised < nats and bool((np.abs(self.move) < room).all())


def _ahead(cost: Cost, gradient: Array, hessian: Array) -> Ahead:
    """Return Newton's move, with the Hessian's eigenvalues, in units of the two, by their size."""
    values, vectors = np.linalg.eigh(hessian * np.outer(cost.unit, cost.unit))
    largest = max(float(np.abs(values).max()), 1e-300)
    sizes = np.maximum(np.abs(values), ROUNDING * largest)
    along = vectors.T @ (gradient * cost.unit)
    move = -cost.unit * (vectors @ (along / sizes))
    return Ahead(move, float(along @ (along / sizes)), bool(values[0] < -ROUNDING * largest))


def _descent(
    solver: str, cost: Cost, points: list[Array], costs: list[float], step: float | None
) -> Descent:
    """Return a way, judged by its last point."""
    level, curves_down = _judged(cost, points[-1])
    ways = np.array(points), np.array(costs)
    return Descent(solver, *ways, level and not curves_down, level and curves_down, step)


def _judged(cost: Cost, point: Array) -> tuple[bool, bool]:
    """Return whether the cost is level at a point, and whether it curves downwards there.

    Weights that a kink holds are left aside: to either side of it the cost rises.
    """
    if not cost.is_smooth(point):
        return False, False
    gradient, hessian = cost.slopes(point)
    away = point - cost.at
    on_kink = (cost.weight > 0.0) & (away == 0.0)
    held = np.minimum(np.abs(gradient), cost.weight)
    slope = gradient + np.where(on_kink, -np.sign(gradient) * held, np.sign(away) * cost.weight)
    free = ~(on_kink & (slope == 0.0))
    if not free.any():
        return True, False
    ahead = _ahead(cost, slope * free, np.where(np.outer(free, free), hessian, 0.0))
    return ahead.is_level(cost, point, cost.value(point)), ahead.curves_down


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


def gradient_descent(cost: Cost, start: Array, n_steps: int, step: float | None) -> Descent:
    """Go down the gradient by steps of one size, proximal where the penalty has kinks.

    A size that is not named begins at one over the largest curvature at the start, and is halved
    for good wherever the cost would rise.
    """
    size = step if step is not None else _first_size(cost, start)
    points, costs = [start], [cost.value(start)]
    for _ in range(n_steps):
        gradient, _ = cost.slopes(points[-1])
        after = cost.lower(points[-1], gradient, size)
        value = cost.value(after)
        while step is None and not value <= costs[-1] and size > 1e-300:
            size /= 2.0
            after = cost.lower(points[-1], gradient, size)
            value = cost.value(after)
        points.append(after)
        costs.append(value)
        if not np.isfinite(value) or value - costs[0] > ESCAPED * (1.0 + abs(costs[0])):
            break
        moved = after - points[-2]
        if not moved.any():
            break
        if float(moved @ moved) / size < LEFT * 1e-6 and _judged(cost, after) == (True, False):
            break
    return _descent("gradient", cost, points, costs, size)


def _first_size(cost: Cost, start: Array) -> float:
    largest = float(np.abs(np.linalg.eigvalsh(cost.slopes(start)[1])).max())
    return 1.0 / largest if largest > 0.0 else 1.0
