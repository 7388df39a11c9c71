"""A plane of two coefficients through the MAP: where it lies in theta, and what is on it.

With more parameters than two the others follow along the conditional mode: at a distance d from the
MAP they stand where minus their Hessian A and its cross terms B with the two put them,

    others(d) = others(MAP) - A^-1 B d,

which is exact where the log posterior is quadratic, and right to first order elsewhere. What is
drawn is then the profile of the posterior. Those that a kink or a bound holds stay where they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from bayesglm.errors import DataError, ModelError
from bayesglm.inference.modes.optimum import find_modes
from bayesglm.inference.modes.solve import with_moments
from bayesglm.inference.problem.problem import Problem, open_problems
from bayesglm.inference.tree.named import parameters
from bayesglm.inference.tree.words import entries_of
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.spec.hints import closest, is_among, shown
from bayesglm.spec.model import GLM

Array = np.ndarray
MOST_FOLLOWING = 1500  # parameters whose Hessian is formed; of more all are held at the MAP


def grid_points(x: Array, y: Array) -> Array:
    """Return the points ``(len(x) * len(y), 2)`` of a grid."""
    return np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2)


@dataclass(frozen=True)
class Through:
    """The plane of two coefficients of one problem: where it lies in theta, and what is on it."""

    objective: Objective
    theta: Array  # the MAP
    places: tuple[int, int]
    slopes: Array  # (size, 2): how theta moves with the two
    names: tuple[str, str]
    n_following: int
    n_held: int

    @cached_property
    def map(self) -> Array:
        """The MAP of the two ``(2,)``."""
        return self.theta[list(self.places)]

    @cached_property
    def parts(self) -> tuple[PriorPart, ...]:
        """The priors of the two, each once."""
        inside = [
            part
            for part in self.objective.coefficients
            if any(part.where.start <= place < part.where.stop for place in self.places)
        ]
        return tuple(inside)

    @cached_property
    def centre(self) -> Array:
        """Where the priors of the two have their centres."""
        return np.array([self._number(place, "loc", 0.0) for place in self.places])

    @cached_property
    def scales(self) -> Array:
        """The scales of the two priors; 1 of those that have none."""
        return np.array([self._number(place, "scale", 1.0) for place in self.places])

    @property
    def is_proper(self) -> bool:
        """Whether both priors are proper."""
        return all(part.prior.proper for part in self.parts)

    def _number(self, place: int, name: str, default: float) -> float:
        part = next(one for one in self.parts if one.where.start <= place < one.where.stop)
        numbers = part.structure.of_each(part.parameters)
        values = np.broadcast_to(numbers.get(name, default), part.size)
        return float(values[place - part.where.start])

    def thetas(self, points: Array) -> Array:
        """Return the thetas ``(k, size)`` of points ``(k, 2)``, the others inside their bounds."""
        thetas = self.theta + (points - self.map) @ self.slopes.T
        thetas = self.objective.kinks.inside(thetas)
        thetas[:, self.places] = points
        return thetas

    def inside(self, points: Array) -> Array:
        """Return the nearest points at which both are within their bounds."""
        sides = self.objective.kinks.one_sided
        if sides is None:
            return points
        bounded = sides[list(self.places)]
        return np.where(bounded, np.maximum(points, self.centre), points)

    def log_likelihood(self, points: Array) -> Array:
        """Return the log likelihood ``(k,)``."""
        objective, thetas = self.objective, self.thetas(points)
        likelihood = objective.moments or objective.rowwise
        with np.errstate(over="ignore", invalid="ignore"):
            values = likelihood.values(objective.w(thetas), objective.phi(thetas))
        return np.where(np.isnan(values), -np.inf, values)

    def log_smooth(self, points: Array) -> Array:
        """Return the log posterior but for the priors of the two, which may have kinks."""
        thetas = self.thetas(self.inside(points))
        priors = self.objective.priors.log_density(thetas) + self.objective.registry.log_prior(
            thetas
        )
        return self.log_likelihood(points) + priors - self._of_points(self.inside(points))

    def log_posterior(self, points: Array) -> Array:
        """Return the whole log posterior ``(k,)``."""
        return self.log_smooth(points) + self._of_points(points)

    def log_prior(self, x: Array, y: Array) -> Array:
        """Return the log prior of the two on a grid; that of others in one part at the MAP."""
        if not self._apart:
            return self._of_points(grid_points(x, y)).reshape(len(x), len(y))
        first, second = (
            self._of_one(place, values) for place, values in zip(self.places, (x, y), strict=True)
        )
        return first[:, None] + second

    @property
    def _apart(self) -> bool:
        return all(part.structure.diagonal and not part.structure.groups for part in self.parts)

    def _of_points(self, points: Array) -> Array:
        if self._apart:
            return sum(
                (self._of_one(place, points[:, k]) for k, place in enumerate(self.places)),
                np.zeros(len(points)),
            )
        total = np.zeros(len(points))
        for part in self.parts:
            values = np.broadcast_to(self.theta[part.where], (len(points), part.size)).copy()
            for k, place in enumerate(self.places):
                if part.where.start <= place < part.where.stop:
                    values[:, place - part.where.start] = points[:, k]
            total += part.total(values)
        return total

    def _of_one(self, place: int, values: Array) -> Array:
        part = next(one for one in self.parts if one.where.start <= place < one.where.stop)
        numbers = {
            name: np.broadcast_to(value, part.size)[place - part.where.start]
            for name, value in part.structure.of_each(part.parameters).items()
        }
        return np.broadcast_to(part.prior.log_density(values, **numbers), values.shape)


def only_problem(model: GLM, data: Any, verb: str) -> Problem:
    """Open the one problem that a verb draws; DataError where the data are a population's."""
    problems = open_problems(model, data)
    if len(problems) > 1:
        raise DataError(
            f"{verb} draws one response; choose one of the population: "
            f"data.isel({problems[0].plan.population}=0)."
        )
    return problems[0]


def check_untied(objective: Objective, verb: str) -> None:
    """Raise ModelError where two coefficients cannot move while all others stand still."""
    if not objective.registry.straight:
        raise ModelError(
            f"{verb} cannot move two coefficients alone where some stand under a constraint "
            "that ties them together; give such terms another coding or prior."
        )


def through_map(problem: Problem, coefficients: tuple[str, str] | None) -> Through:
    """Find the MAP, and lay the plane of the two coefficients through it."""
    problem.refuse_confined("a plane through the mode", "leave rank= out")
    theta = np.array(find_modes([problem])[0].x)
    objective = problem.natural
    check_untied(objective, "plot_plane")
    names = named_places(problem, theta)
    chosen = chosen_pair(names, coefficients, problem)
    places = (names[chosen[0]], names[chosen[1]])
    if objective.family.quadratic:
        objective = with_moments(objective, theta)
    slopes, n_following = _slopes(objective, theta, list(places))
    slopes[list(places)] = np.eye(2)
    n_others = objective.size - 2
    return Through(
        objective, theta, places, slopes, chosen, n_following, max(n_others - n_following, 0)
    )


def named_places(problem: Problem, theta: Array) -> dict[str, int]:
    """Return where each coefficient stands in theta, by its words in `summary`; terms first."""
    group = parameters([problem], [theta], ())
    own, intercepts = dict[str, int](), dict[str, int]()
    for entries in entries_of(problem.plan.model, group):
        where = problem.places.get(entries.name)
        is_alone = where is not None and where.stop - where.start == int(np.prod(entries.shape))
        if not is_alone or where is None or where.stop > problem.natural.n_coefficients:
            continue
        names = own if entries.own else intercepts
        names.update(
            {
                word: where.start + int(k)
                for word, k in zip(entries.words, entries.places, strict=True)
            }
        )
    return own | intercepts


def chosen_pair(
    names: dict[str, int], coefficients: tuple[str, str] | None, problem: Problem
) -> tuple[str, str]:
    """Return the names of the two coefficients to draw; DataError where they are not two."""
    every = list(names)
    if coefficients is None:
        intercepts = [name for name in every if name.startswith("intercept")]
        n_own = len(every) - len(intercepts)
        if n_own != 2 and not (n_own == 1 and len(every) == 2):
            few = ", ".join(every[:6]) + (", ..." if len(every) > 6 else "")
            raise DataError(
                f"a plane has two coefficients, and the model of {problem.plan.model.response!r} "
                f"has {len(every)}: name two of {few}, as coefficients=({every[0]!r}, "
                f"{every[-1]!r})."
                if len(every) > 1
                else "a plane needs two coefficients, and the model has fewer."
            )
        return every[0], every[1]
    pair = coefficients if isinstance(coefficients, (tuple, list)) else ()
    if len(pair) != 2 or not all(isinstance(name, str) for name in pair) or pair[0] == pair[1]:
        raise DataError(
            f"coefficients must be two different names, such as ({every[0]!r}, {every[-1]!r}), "
            f"got {shown(coefficients)}."
        )
    for name in pair:
        if not is_among(name, every):
            few = ", ".join(every[:6]) + (", ..." if len(every) > 6 else "")
            raise DataError(
                f"the model has no single coefficient {shown(name)}; there are {few}."
                f"{closest(name, every)}"
            )
    return pair[0], pair[1]


def _slopes(objective: Objective, theta: Array, two: list[int]) -> tuple[Array, int]:
    """Return how the others follow the two ``(size, 2)``, and how many do."""
    slopes, size = np.zeros((objective.size, 2)), objective.size
    if size > MOST_FOLLOWING or size == 2:
        return slopes, 0
    kinks = objective.kinks
    free = ~kinks.held(theta - kinks.at)
    free[two] = False
    others = np.flatnonzero(free)
    precision = -objective.evaluate(theta).hessian
    unit = np.sqrt(np.maximum(np.diagonal(precision)[others], np.finfo(float).tiny))
    inner = precision[np.ix_(others, others)] / np.outer(unit, unit)
    cross = precision[np.ix_(others, two)] / unit[:, None]
    try:
        slopes[others] = -np.linalg.solve(inner, cross) / unit[:, None]
    except np.linalg.LinAlgError:
        return slopes, 0
    return slopes, len(others)
