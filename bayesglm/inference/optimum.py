"""The mode of one neuron's log posterior: which solver, and what to say where there is none."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesglm.errors import ConvergenceError, DataError, ModelError
from bayesglm.inference.problem import Problem
from bayesglm.numerics.objective import Objective
from bayesglm.numerics.separation import (
    dependent_columns,
    likelihood_push,
    separating_direction,
)
from bayesglm.numerics.solvers import Solution, newton, proximal_newton

Array = np.ndarray
NEGLIGIBLE_SIGMA = 1e-6  # of the response's sd: the residuals of a design that interpolates


def find_mode(problem: Problem, objective: Objective) -> Solution:
    """Maximise the objective, or say why it has no maximum.

    Raises
    ------
    DataError
        Columns that are linear combinations of others under flat priors; separated data.
    ModelError
        A gaussian with learned sigma whose design can interpolate the response.
    ConvergenceError
        No convergence for any other reason.
    """
    _refuse_dependent(problem)
    _refuse_interpolation(problem)
    x0 = problem.start()
    try:
        if objective.kink.any():
            solution = proximal_newton(
                objective.evaluate,
                objective.value,
                x0,
                objective.change,
                objective.kink,
                objective.kink_at,
            )
        else:
            solution = newton(objective.evaluate, objective.value, x0, objective.change)
    except ConvergenceError as error:
        _refuse_separated(problem)
        _refuse_tiny_sigma(problem, error.solution)
        raise ConvergenceError(
            f"response {problem.plan.model.response!r}{problem.where}: {error} Give the terms "
            "proper priors, or check the scale of the data.",
            error.solution,
        ) from error
    _refuse_tiny_sigma(problem, solution)
    return solution


def check_identified(problem: Problem) -> None:
    """Raise DataError where flat priors leave the posterior improper: collinear or separated."""
    _refuse_dependent(problem)
    _refuse_separated(problem)


def _flat_blocks(problem: Problem, flat: Array) -> Any:
    def blocks() -> Any:
        return (rows.X[:, flat] for rows in problem.design.blocks(4096))

    return blocks


def _refuse_dependent(problem: Problem) -> None:
    flat = np.flatnonzero(problem.flat_columns())
    if not len(flat):
        return
    labels = problem.labels()
    dependent = dependent_columns(_flat_blocks(problem, flat))
    if dependent:
        names = ", ".join(repr(labels[flat[k]]) for k in dependent[:5])
        more = f" and {len(dependent) - 5} more" if len(dependent) > 5 else ""
        raise DataError(
            f"under Flat priors the columns {names}{more}{problem.where} are constant beside the "
            "intercept, or linear combinations of other columns, so no estimate of them exists. "
            "Remove them, or give their terms a proper prior (prior=ridge(1.0), say)."
        )


def _refuse_separated(problem: Problem) -> None:
    flat = np.flatnonzero(problem.flat_columns())
    family = problem.natural.family
    if not len(flat) or family.separable is None:
        return
    design, labels = problem.design, problem.labels()
    rows = design.predictors.rows
    trials = design.predictors.trials
    push = likelihood_push(
        design.y[rows], None if trials is None else trials[rows], family.separable
    )
    if design.weights is not None:
        push = np.where(design.weights[rows] > 0, push, np.nan)
    if trials is not None:
        push = np.where(trials[rows] > 0, push, np.nan)
    direction = separating_direction(_flat_blocks(problem, flat), push)
    if direction is None:
        return
    names = [labels[flat[k]] for k in np.flatnonzero(direction)]
    shown = ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5} more" if names[5:] else "")
    raise DataError(
        f"the data are separated{problem.where}: the likelihood of {problem.plan.model.response!r} "
        f"keeps rising as the coefficients of {shown} go to infinity, so with Flat priors there is "
        "no maximum likelihood estimate. Give the term a proper prior, for example "
        "prior=bg.Normal(2.5) or prior=bg.ridge(1.0)."
    )


def _refuse_interpolation(problem: Problem) -> None:
    n, p = problem.design.n_rows, problem.natural.n_coefficients
    if not problem.natural.free or n > p:
        return
    X = problem.design.predictors.columns(slice(0, n))
    if np.linalg.matrix_rank(X) >= n:
        raise _interpolates(problem)


def _refuse_tiny_sigma(problem: Problem, solution: object) -> None:
    if not problem.natural.free or not isinstance(solution, Solution):
        return
    spread = float(problem.design.y[problem.design.predictors.rows].std())
    sigma = np.exp(solution.x[problem.natural.n_coefficients :])
    if np.any(sigma < NEGLIGIBLE_SIGMA * spread):
        raise _interpolates(problem)


def _interpolates(problem: Problem) -> ModelError:
    n, p = problem.design.n_rows, problem.natural.n_coefficients
    return ModelError(
        f"{problem.plan.model.response!r}{problem.where}: the design ({p} columns, {n} samples) "
        "can pass through every response, so the joint density grows without bound as sigma -> 0 "
        "and has no mode. Fix the noise (dispersion=1.0, say), use fewer columns, or fit_mcmc with "
        "a proper prior of sigma that keeps it from zero."
    )
