"""The mode of a neuron's log posterior, and what to say where there is none."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesglm.errors import ConvergenceError, DataError, ModelError
from bayesglm.inference.problem import Problem
from bayesglm.inference.solve import maximise, maximise_all
from bayesglm.numerics.objective import Objective
from bayesglm.numerics.separation import (
    dependent_columns,
    likelihood_push,
    separating_direction,
)
from bayesglm.numerics.solvers import Solution
from bayesglm.numerics.sparse import SOLVER as SPARSE

Array = np.ndarray
NEGLIGIBLE_SIGMA = 1e-6  # of the response's sd: the residuals of a design that interpolates


def find_mode(problem: Problem, objective: Objective) -> Solution:
    """Maximise the objective, or say why it has no maximum.

    Raises
    ------
    DataError
        Columns that are linear combinations of others under flat priors; separated data.
    ModelError
        A learned scale, or a gaussian with learned sigma whose design can interpolate the response.
    ConvergenceError
        No convergence for any other reason.
    """
    check_existence(problem)
    try:
        solution = maximise(problem, objective)
    except ConvergenceError as error:
        raise explained(problem, error) from error
    check_mode(problem, solution)
    return solution


def find_modes(problems: list[Problem]) -> list[Solution]:
    """Maximise the natural objective of every neuron; raises as `find_mode` does."""
    for problem in problems:
        check_existence(problem)
    solutions = []
    for problem, found in zip(problems, maximise_all(problems), strict=True):
        if isinstance(found, ConvergenceError):
            raise explained(problem, found) from found
        check_mode(problem, found)
        solutions.append(found)
    return solutions


def check_existence(problem: Problem) -> None:
    """Raise where it is plain from the design alone that there is no mode, or no only one."""
    _refuse_learned(problem)
    _refuse_dependent(problem)
    _refuse_interpolation(problem)


def explained(problem: Problem, error: ConvergenceError) -> ConvergenceError:
    """Return what to raise where no solver came to a maximum; raises DataError on separation."""
    _refuse_separated(problem)
    _refuse_tiny_sigma(problem, error.solution)
    return ConvergenceError(
        f"response {problem.plan.model.response!r}{problem.where}: {error} Give the terms "
        "proper priors, or check the scale of the data.",
        error.solution,
    )


def check_identified(problem: Problem) -> None:
    """Raise DataError where flat priors leave the posterior improper: collinear or separated."""
    _refuse_dependent(problem)
    _refuse_separated(problem)


def _flat_blocks(problem: Problem, directions: Array) -> Any:
    """Return the rows' moves along each direction, block by block, afresh at each call."""
    chosen = directions.argmax(axis=0)
    plain = np.count_nonzero(directions) == len(chosen) == directions.max(axis=0).sum()

    def blocks() -> Any:
        for rows in problem.design.blocks(4096):
            if plain and len(chosen) > 8:
                yield rows.X[:, chosen]
            else:
                yield rows.times(np.ascontiguousarray(directions.T)).T

    return blocks


def _refuse_dependent(problem: Problem) -> None:
    if problem.only_intercept_is_free():
        return
    directions, names = problem.flat_directions()
    dependent = dependent_columns(_flat_blocks(problem, directions))
    if dependent:
        shown = ", ".join(repr(names[k]) for k in dependent[:5])
        more = f" and {len(dependent) - 5} more" if len(dependent) > 5 else ""
        raise DataError(
            f"under Flat priors the columns {shown}{more}{problem.where} are constant beside the "
            "intercept, or linear combinations of other columns, so no estimate of them exists. "
            "Remove them, or give their terms a proper prior (prior=ridge(1.0), say)."
        )


def _refuse_learned(problem: Problem) -> None:
    if problem.learned:
        names = ", ".join(map(repr, problem.learned))
        raise ModelError(
            f"learned scale {names}: the joint density of coefficients and their scale grows "
            "without bound as the scale goes to 0, so there is no joint mode. Use fit for the "
            "posterior, tune_prior to choose the scales, or a number as the prior's scale."
        )


def _refuse_separated(problem: Problem) -> None:
    directions, labels = problem.flat_directions()
    family = problem.natural.family
    if not labels or family.separable is None:
        return
    design = problem.design
    rows = design.predictors.rows
    trials = design.predictors.trials
    push = likelihood_push(
        design.y[rows], None if trials is None else trials[rows], family.separable
    )
    if design.weights is not None:
        push = np.where(design.weights[rows] > 0, push, np.nan)
    if trials is not None:
        push = np.where(trials[rows] > 0, push, np.nan)
    direction = separating_direction(_flat_blocks(problem, directions), push)
    if direction is None:
        return
    names = list(dict.fromkeys(labels[k] for k in np.flatnonzero(direction)))
    shown = ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5} more" if names[5:] else "")
    raise DataError(
        f"the data are separated{problem.where}: the likelihood of {problem.plan.model.response!r} "
        f"keeps rising as the coefficients of {shown} go to infinity, so with Flat priors there is "
        "no maximum likelihood estimate. Give the term a proper prior, for example "
        "prior=bg.Normal(2.5) or prior=bg.ridge(1.0)."
    )


def _refuse_interpolation(problem: Problem) -> None:
    if problem.natural.free and can_interpolate(problem):
        raise _interpolates(problem)


def check_mode(problem: Problem, solution: Solution) -> None:
    """Raise where what a solver took for a mode is none, as `find_mode` does."""
    if solution.solver == SPARSE and not problem.only_intercept_is_free():
        # Which, on the plateau of separated data, stops where there is nothing left to gain.
        _refuse_separated(problem)
    _refuse_tiny_sigma(problem, solution)


def _refuse_tiny_sigma(problem: Problem, solution: object) -> None:
    if isinstance(solution, Solution) and has_tiny_sigma(problem, solution.x).any():
        raise _interpolates(problem)


def has_tiny_sigma(problem: Problem, thetas: Array) -> Array:
    """Say at which thetas ``(..., size)`` sigma is next to zero, beside the response's sd."""
    if not problem.natural.free:
        return np.zeros(thetas.shape[:-1], dtype=bool)
    spread = float(problem.design.y[problem.design.predictors.rows].std())
    sigma = np.exp(thetas[..., problem.natural.n_coefficients :])
    return (sigma < NEGLIGIBLE_SIGMA * spread).any(axis=-1)


def refuse_improper_sigma(problem: Problem, theta: Array) -> None:
    """Raise ModelError where a search that ended next to sigma = 0 means an improper posterior.

    With n samples and a design of rank r that reproduces the response, the posterior of sigma goes
    like sigma^(r - n) near zero, whatever the proper priors of the coefficients.
    """
    if not has_tiny_sigma(problem, theta).any() or can_interpolate(problem):
        return
    n, p = problem.design.n_rows, problem.natural.n_coefficients
    raise ModelError(
        f"{problem.plan.model.response!r}{problem.where}: {p} coefficients reproduce all {n} "
        "responses exactly, so the posterior is improper: it piles up at sigma = 0. Fix the noise "
        "(dispersion=1.0, say), or remove the predictor that holds the response."
    )


def can_interpolate(problem: Problem) -> bool:
    """Say whether some coefficients reproduce any response of so many samples exactly."""
    n, p = problem.design.n_rows, problem.natural.n_coefficients
    if n > p:
        return False
    return int(np.linalg.matrix_rank(problem.design.predictors.columns(slice(0, n)))) >= n


def _interpolates(problem: Problem) -> ModelError:
    n, p = problem.design.n_rows, problem.natural.n_coefficients
    return ModelError(
        f"{problem.plan.model.response!r}{problem.where}: the design ({p} columns, {n} samples) "
        "can pass through every response, so the joint density grows without bound as sigma -> 0 "
        "and has no mode. Fix the noise (dispersion=1.0, say), use fewer columns, or fit_mcmc with "
        "a proper prior of sigma that keeps it from zero."
    )
