"""The cost of two coefficients, and the ways down it that solvers take from several starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesglm.errors import DataError, ModelError
from bayesglm.inference.modes.optimum import find_modes
from bayesglm.results.descents import (
    RESOLVED,
    ROUNDING,
    Cost,
    Descent,
    gradient_descent,
    newton_descent,
)
from bayesglm.results.plane import Box, Surface
from bayesglm.results.through import (
    check_untied,
    chosen_pair,
    grid_points,
    named_places,
    only_problem,
)
from bayesglm.spec.asked import whole_number
from bayesglm.spec.hints import closest, is_among, shown
from bayesglm.spec.model import GLM

Array = np.ndarray
SOLVERS = ("newton", "gradient")
FINE, COARSE = 81, 21  # points of a side: of the cost, and of its curvature
CLOSE = 0.01  # nats: ends whose costs are no further apart are one
MOST_STEPS = 1_000_000


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
        return bool(one.costs[-1] <= self.best + max(CLOSE, RESOLVED * abs(self.best)))


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
    points = _starts(starts)
    cost = _cost(model, data, coefficients, points)
    solvers = _solvers(solver)
    n_steps, step = _numbers(n_steps, step)
    if "newton" in solvers and cost.weight.any():
        raise ModelError(
            "Newton's step wants a cost without kinks, and a Laplace prior has one; write "
            "solver='gradient', whose steps are proximal ones there."
        )
    for point in points:
        if not cost.is_smooth(point):
            raise DataError(
                f"the cost, or its slope or curvature, is not finite at the start "
                f"{point.tolist()}; start where the model can be evaluated."
            )
    descents = tuple(
        newton_descent(cost, point, n_steps)
        if one == "newton"
        else gradient_descent(cost, point, n_steps, step)
        for one in solvers
        for point in points
    )
    ends = [one.costs[-1] for one in descents if not one.escaped]
    best = min(ends, default=min(float(one.costs.min()) for one in descents))
    surface, curvature = _surfaces(cost, descents)
    return Loss(cost, surface, curvature, descents, float(best))


def _cost(model: GLM, data: Any, coefficients: tuple[str, str] | None, starts: Array) -> Cost:
    problem = only_problem(model, data, "plot_loss")
    objective = problem.natural
    check_untied(objective, "plot_loss")
    alone = objective.size == 2
    theta = np.zeros(2) if alone else np.array(find_modes([problem])[0].x)
    names = named_places(problem, theta)
    pair = chosen_pair(names, coefficients, problem)
    places = (names[pair[0]], names[pair[1]])
    cost = Cost(objective, theta, places, pair, objective.size - 2, starts)
    kinks = objective.kinks
    bounded = kinks.one_sided is not None and bool(kinks.one_sided[list(cost.places)].any())
    if bounded or kinks.grouped[list(cost.places)].any():
        raise ModelError(
            "plot_loss draws coefficients without bounds and with penalties of their own; give "
            "the two another prior than one-sided or group ones."
        )
    return cost


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
    whole = whole_number("n_steps", n_steps, 1)
    if whole > MOST_STEPS:
        raise DataError(f"n_steps must be at most {MOST_STEPS:,}, got {shown(n_steps)}.")
    if step is None:
        return whole, None
    is_number = isinstance(step, (int, float, np.number)) and not isinstance(step, bool)
    if not is_number or not 0.0 < step < np.inf:
        raise DataError(f"step must be a positive number, got {shown(step)}.")
    return whole, float(step)


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
    points = grid_points(x, y)
    least, largest = np.full((2, len(points)), np.nan)
    for k in np.flatnonzero(np.isfinite(cost.values(points))):
        hessian = cost.slopes(points[k])[1]
        if np.isfinite(hessian).all():
            least[k], largest[k] = np.linalg.eigvalsh(hessian)
    least[np.abs(least) < ROUNDING * np.abs(largest)] = 0.0
    return surface, Surface(x, y, least.reshape(COARSE, COARSE))
