"""The two engines side by side: the native log posterior and PyMC's, value and gradient."""

from __future__ import annotations

import re
from itertools import chain
from typing import Any

import numpy as np

from bayesglm.errors import ConformanceError
from bayesglm.inference.problem.problem import open_problems
from bayesglm.inference.twin.model import to_pymc
from bayesglm.inference.twin.slopes import density_and_slope
from bayesglm.spec.model import GLM

Array = np.ndarray
VALUE, GRADIENT = 1e-9, 1e-8  # how far the two may be apart, relative to their size


def check_twin(
    model: GLM,
    data: Any,
    seed: int = 0,
    rtol: float = VALUE,
    gradient_rtol: float = GRADIENT,
    spread: float = 0.3,
) -> None:
    """Raise ConformanceError where the model's log density is not that of its PyMC model.

    Value and gradient are compared, with and without the Jacobian, at random parameters around the
    place where solvers start.

    Parameters
    ----------
    model, data
        As in `bayesglm.fit_map`.
    seed : int
        Of the random parameters.
    rtol, gradient_rtol : float
        How far values and slopes may be apart, relative to the sizes of what adds up to them.
    spread : float
        Standard deviation of the random parameters, on the unconstrained scale.

    Raises
    ------
    ConformanceError
        Where they differ: which, and by how much.
    DataError, ModelError
        As in `bayesglm.fit_map`.

    Examples
    --------
    >>> import bayesglm as bg
    >>> data = {"y": [2, 0, 3, 1], "x": [0.1, -0.9, 1.2, -0.3]}
    >>> bg.testing.check_twin(bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0)), data)
    """
    compiled, problems = to_pymc(model, data), open_problems(model, data)
    rng = np.random.default_rng(seed)
    thetas = [p.start(p.unconstrained) + spread * rng.normal(size=p.natural.size) for p in problems]
    places = [p.unconstrained.registry.parts for p in problems]
    point, order = compiled.initial_point(0), []
    for variable in compiled.value_vars:
        name = re.sub("_[a-z]+__$", "", variable.name)  # as PyMC calls what it transforms
        parts = [t[own[name]] for t, own in zip(thetas, places, strict=True)]
        point[variable.name] = np.concatenate(parts).reshape(np.shape(point[variable.name]))
        order.append(name)
    both = (False, True)
    # Densities of either sign add up, so how far rounding may take them is relative to their sizes.
    terms, slopes = zip(*(density_and_slope(compiled, j) for j in both), strict=True)
    asked = [*chain(*terms), *slopes]
    found = compiled.compile_fn(asked, mode="FAST_COMPILE", on_unused_input="ignore")(point)
    for turn, jacobian in enumerate(both):
        slope, parts = found[turn - 2], found[turn * len(terms[0]) :][: len(terms[turn])]
        value, size = (sum(np.sum(f(part)) for part in parts) for f in (np.asarray, np.abs))
        native, gradients = 0.0, []
        for problem, theta in zip(problems, thetas, strict=True):
            objective = problem.unconstrained if jacobian else problem.natural
            at = theta if jacobian else problem.natural_thetas(theta)
            native += objective.log_density(at[None])[0]
            slope_of = _gradient(objective, at)
            if not jacobian:
                problem.unconstrained.registry.pull_coefficients(theta, slope_of)
            gradients.append(slope_of)
        expected = np.concatenate(
            [g[own[name]] for name in order for g, own in zip(gradients, places, strict=True)]
        )
        where = "with the Jacobian" if jacobian else "without the Jacobian"
        _compare(f"the log density {where}", native, value, 0.0, rtol * size)
        _compare(f"its gradient {where}", expected, slope, gradient_rtol, 1e-8 * abs(slope).max())


def _gradient(objective: Any, theta: Array) -> Array:
    """Return the slope of the whole log density, kinks and learned scales included."""
    if not objective.registry.scales:
        return objective.evaluate(theta).gradient - objective.kinks.slope(theta)
    found = objective.rowwise.terms(objective.w(theta), objective.phi(theta))
    slope = objective.prior_slopes(theta)[1]
    objective.add_likelihood_slopes(theta, found.w, found.phi, slope)
    return slope


def _compare(what: str, native: Any, twin: Any, rtol: float, atol: float) -> None:
    if not np.allclose(native, twin, rtol=rtol, atol=atol):
        away = float(np.max(np.abs(np.asarray(native) - twin)))
        raise ConformanceError(
            f"{what}: {native} here, and {twin} in PyMC, {away:.3g} apart; the log density and its "
            "twin say different things."
        )
