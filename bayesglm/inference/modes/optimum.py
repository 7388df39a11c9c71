"""The mode of a neuron's log posterior, and what to say where there is none."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesglm.errors import ConvergenceError, ModelError
from bayesglm.inference.modes.exact import (
    can_interpolate,
    has_tiny_noise,
    lacks_joint_mode,
    no_joint_mode,
    reproduces_too_many,
)
from bayesglm.inference.modes.identified import check_columns, refuse_separated
from bayesglm.inference.modes.low_rank import confined_modes
from bayesglm.inference.modes.solve import maximise, maximise_all
from bayesglm.inference.modes.walls import wall_met
from bayesglm.inference.problem.centring import centred_all
from bayesglm.inference.problem.levelling import refuse_level_mode
from bayesglm.inference.problem.problem import Problem
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.solvers.newton import OPTIMAL, Solution
from bayesglm.spec.hints import an

Array = np.ndarray
AT_AN_END = 12.0  # logarithms from the start: a factor of 160,000


def find_mode(problem: Problem, objective: Objective) -> Solution:
    """Maximise the objective, or say why it has no maximum.

    Raises
    ------
    DataError
        Columns that are linear combinations of others under flat priors; separated data.
    ModelError
        A learned scale, or learned noise beside a design that can interpolate the response.
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
    if problems[0].confined:
        return confined_modes(problems, find_modes)
    centres = centred_all(problems)
    inner = [centre.problem for centre in centres]
    for problem in inner:
        check_existence(problem)
    solutions = []
    for centre, found in zip(centres, maximise_all(inner), strict=True):
        if isinstance(found, ConvergenceError):
            raise explained(centre.problem, found) from found
        check_mode(centre.problem, found)
        solutions.append(centre.raw_solution(found))
    return solutions


def check_existence(problem: Problem) -> None:
    """Raise where it is plain from the design alone that there is no mode, or no only one."""
    _refuse_learned(problem)
    _refuse_steps(problem)
    check_columns(problem)
    _refuse_interpolation(problem)


def explained(problem: Problem, error: ConvergenceError) -> ConvergenceError:
    """Return what to raise where no solver came to a maximum; raises DataError on separation."""
    refuse_separated(problem)
    _refuse_tiny_noise(problem, error.solution)
    _refuse_ends(problem, error.solution)
    return wall_met(problem, error) or _told(problem, error)


def _told(problem: Problem, error: ConvergenceError) -> ConvergenceError:
    """Return an error with the response it is of, and what helps."""
    said = str(error).rstrip(".")
    return ConvergenceError(
        f"response {problem.plan.model.response!r}{problem.where}: {said}. Give the terms proper "
        "priors, or check the scale of the data.",
        error.solution,
    )


def _refuse_ends(problem: Problem, solution: Any) -> None:
    """Raise where a dispersion ran to an end of its range, and found no mode on the way."""
    if solution is None:
        return
    registry, start = problem.natural.registry, problem.start(problem.natural)
    predicted = [registry.named(f"{name}_intercept") for name in problem.plan.model.predicted]
    for one in (*registry.free_dispersions, *predicted):
        if np.abs(solution.x[one.place] - start[one.place]).max() > AT_AN_END:
            value = one.natural(solution.x)[0]
            if one.ends is not None:
                raise ModelError(
                    f"response {problem.plan.model.response!r}{problem.where}: the density is "
                    f"highest where the prior of {one.name!r} ends, at {value:.3g}, and its slope "
                    "is not zero there, so it is no mode. Give it a wider prior, or one without "
                    "that end (HalfNormal, say), or draw from the posterior: fit."
                )
            raise ModelError(
                f"response {problem.plan.model.response!r}{problem.where}: the density has no mode "
                f"in {one.name!r}, which runs to an end of its range ({value:.3g} where the search "
                f"was given up): these data ask for {an(problem.natural.family.name)} "
                f"response without it. Take a family without {one.name!r}, give it a prior that "
                "keeps it from there, or fix it; where it is fit_map that says so, fit may still "
                "draw from the posterior."
            )


def _refuse_learned(problem: Problem) -> None:
    if problem.pooled:
        names = ", ".join(map(repr, problem.learned))
        raise ModelError(
            f"pooled terms ({names} are learned): the joint density of all neurons' coefficients "
            "and their scale grows without bound as the scale goes to 0, so there is no joint "
            "mode. Use fit for the posterior, or pooled=False with a prior of the neurons' mean "
            "and scale as numbers."
        )
    scales = [name for name, one in problem.learned.items() if one.transform.elementwise]
    if problem.learned and not scales:
        names = ", ".join(map(repr, problem.learned))
        raise ModelError(
            f"learned correlation {names}: the joint density of coefficients and their correlation "
            "grows without bound as the correlation goes to 1, so there is no joint mode. Use fit "
            "for the posterior, or correlated=False."
        )
    if scales:
        names = ", ".join(map(repr, scales))
        raise ModelError(
            f"learned scale {names}: the joint density of coefficients and their scale grows "
            "without bound as the scale goes to 0, so there is no joint mode. Use fit for the "
            "posterior, tune_prior to choose the scales, or a number as the prior's scale."
        )


def _refuse_steps(problem: Problem) -> None:
    names = ", ".join(map(repr, problem.without_mode()))
    if names:
        raise ModelError(
            f"monotonic effect {names}: the density of its steps grows without bound as they all "
            "go to 0, so there is no joint mode. Use fit for the posterior; a Category, or the "
            "number as it is, has a mode."
        )


def _refuse_interpolation(problem: Problem) -> None:
    if lacks_joint_mode(problem):
        raise ModelError(no_joint_mode(problem))


def check_mode(problem: Problem, solution: Solution) -> None:
    """Raise where what a solver took for a mode is none, as `find_mode` does."""
    if not solution.resolved and not problem.only_intercept_is_free():
        # Separated data leave no slope on their plateau, and in some direction no curvature.
        refuse_separated(problem)
    refuse_level_mode(problem, solution)
    _refuse_tiny_noise(problem, solution)
    if not solution.resolved:
        _refuse_plateau(problem, solution)
    if not solution.residual < OPTIMAL:
        stopped = ConvergenceError(
            f"the {solution.solver} solver stopped after {solution.n_iter} iterations where the "
            f"log posterior still rises by {solution.residual:.2g} per standard deviation of some "
            "coefficient; floating point tells no more. Subtract from each predictor a typical "
            "value, and divide it by its spread.",
            solution,
        )
        raise explained(problem, stopped) from stopped


def _refuse_plateau(problem: Problem, solution: Solution) -> None:
    """Raise where a coefficient that no prior holds moves nothing: no slope is no sign of a mode.

    So it is where a solver stepped to means that are zero to the last digit, and all alike.
    """
    natural, labels = problem.natural, problem.labels()
    flat = [one for one in natural.coefficients if one.structure.diagonal and not one.prior.proper]
    if not flat:
        return
    x = np.array(solution.x)
    for part in flat:
        members = np.arange(part.where.start, part.where.stop)
        with np.errstate(over="ignore", invalid="ignore"):
            bends = np.diagonal(natural.likelihood_curvature(x, members))
        still = np.flatnonzero(bends == 0.0)
        if len(still):
            name = labels[part.where.start + int(still[0])]
            stopped = ConvergenceError(
                f"the {solution.solver} solver stopped after {solution.n_iter} iterations on a "
                f"plateau, where {name!r}, under a Flat prior, moves the log posterior not at all",
                solution,
            )
            refuse_separated(problem)
            raise _told(problem, stopped) from stopped


def _refuse_tiny_noise(problem: Problem, solution: object) -> None:
    """Raise where a solver ran to where no noise is left.

    ModelError, or ConvergenceError where the posterior has no mode there and is proper all the
    same: heavy tails let the density grow beside coefficients that reproduce some responses.
    """
    if not isinstance(solution, Solution) or not has_tiny_noise(problem, solution.x).any():
        return
    told = no_joint_mode(problem, solution.x)
    if can_interpolate(problem) or reproduces_too_many(problem, solution.x):
        raise ModelError(told)
    raise ConvergenceError(told, solution)
