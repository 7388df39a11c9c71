"""The trees of MAP estimates, and of paths of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from bayesglm.inference.modes.path import Point
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.problem.samples import (
    labels_of,
)
from bayesglm.inference.tree.factors import with_factors
from bayesglm.inference.tree.groups import tree_of
from bayesglm.inference.tree.named import of_names, parameters

Array = np.ndarray


def map_tree(problems: list[Problem], thetas: list[Array], attrs: dict[str, Any]) -> xr.DataTree:
    """Make the tree of a MAP estimate."""
    groups = {"map": with_factors(problems, parameters(problems, thetas, ()))}
    return tree_of(problems, groups, attrs)


def path_tree(
    problems: list[Problem],
    points: list[list[Point]],
    coords: dict[str, Array],
    attrs: dict[str, Any],
    began: float,
) -> xr.DataTree:
    """Make the tree of a path: a list of points along ``scale`` for every neuron."""
    lead = ("scale",)
    along = {name: (lead, values) for name, values in coords.items()}
    thetas = [np.stack([point.solution.x for point in own]) for own in points]
    groups = {"path": parameters(problems, thetas, lead).assign_coords(along)}
    if all(point.sd is not None for own in points for point in own):
        sds = [
            {name: np.stack([point.sd[name] for point in own if point.sd]) for name in own[0].sd}
            for own in points
            if own[0].sd is not None
        ]
        groups["sd"] = of_names(problems, sds, lead, thetas[0].shape).assign_coords(along)
    groups["statistics"] = _path_statistics(problems, points).assign_coords(along)
    attrs["solver"] = ", ".join(dict.fromkeys(p.solution.solver for own in points for p in own))
    attrs["wall_time_s"] = time.perf_counter() - began
    return tree_of(problems, groups, attrs)


def _path_statistics(problems: list[Problem], points: list[list[Point]]) -> xr.Dataset:
    population = problems[0].plan.population
    n = problems[0].natural.n_coefficients
    predictors = problems[0].design.predictors
    intercepts = [
        np.arange(n)[predictors.places[line.intercept]]
        for line in predictors.lines
        if line.intercept
    ]
    effects = np.setdiff1d(np.arange(n), np.concatenate([np.arange(0), *intercepts]))

    def along(value: Callable[[Point], float]) -> Any:
        values = np.array([[value(point) for point in own] for own in points])
        return ("scale", values[0]) if population is None else (("scale", population), values.T)

    def log_likelihood(point: Point) -> float:
        return point.solution.value - point.log_prior

    variables = {
        "log_posterior": along(lambda point: point.solution.value),
        "log_likelihood": along(log_likelihood),
        "deviance": along(lambda point: 2.0 * (point.saturated - log_likelihood(point))),
        "edf": along(lambda point: point.edf),
        "n_nonzero": along(lambda point: int(np.count_nonzero(point.solution.x[effects]))),
        "gradient_norm": along(lambda point: point.solution.gradient_norm),
        "n_iter": along(lambda point: point.solution.n_iter),
    }
    coords = {} if population is None else {population: labels_of(problems)}
    return xr.Dataset(variables, coords=coords)
