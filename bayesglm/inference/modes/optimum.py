"""The mode of a neuron's log posterior, and what to say where there is none."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesglm.design.design import plain_family_of
from bayesglm.errors import ConvergenceError, ModelError
from bayesglm.inference.modes.identified import check_columns, refuse_separated
from bayesglm.inference.modes.solve import maximise, maximise_all
from bayesglm.inference.modes.walls import wall_met
from bayesglm.inference.problem.centring import centred_all
from bayesglm.inference.problem.levelling import refuse_level_mode
from bayesglm.inference.problem.problem import Problem
from bayesglm.numerics.density.likelihood import rows_beside
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.solvers.newton import OPTIMAL, Solution

Array = np.ndarray
AT_AN_END = 12.0  # logarithms from the start: a factor of 160,000
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
    check_columns(problem)
    _refuse_interpolation(problem)


def lacks_joint_mode(problem: Problem) -> bool:
    """Say whether the joint density of all parameters has no mode, its posterior being proper.

    So it is where a scale is learned, or a sigma beside a design that can pass through any
    response.
    """
    return bool(problem.learned) or (bool(problem.collapsing) and can_interpolate(problem))


def explained(problem: Problem, error: ConvergenceError) -> ConvergenceError:
    """Return what to raise where no solver came to a maximum; raises DataError on separation."""
    refuse_separated(problem)
    _refuse_tiny_sigma(problem, error.solution)
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
            raise ModelError(
                f"response {problem.plan.model.response!r}{problem.where}: the density has no mode "
                f"in {one.name!r}, which runs to an end of its range ({value:.3g} where the search "
                f"was given up): these data ask for a {problem.natural.family.name} response "
                f"without it. Take a family without {one.name!r}, give it a prior that keeps it "
                "from there, fix it, or draw from the posterior: fit."
            )


def _refuse_learned(problem: Problem) -> None:
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


def _refuse_interpolation(problem: Problem) -> None:
    if lacks_joint_mode(problem):
        raise _interpolates(problem)


def check_mode(problem: Problem, solution: Solution) -> None:
    """Raise where what a solver took for a mode is none, as `find_mode` does."""
    if not solution.resolved and not problem.only_intercept_is_free():
        # Separated data leave no slope on their plateau, and in some direction no curvature.
        refuse_separated(problem)
    refuse_level_mode(problem, solution)
    _refuse_tiny_sigma(problem, solution)
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


def _refuse_tiny_sigma(problem: Problem, solution: object) -> None:
    if isinstance(solution, Solution) and has_tiny_sigma(problem, solution.x).any():
        raise _interpolates(problem)


def has_tiny_sigma(problem: Problem, thetas: Array) -> Array:
    """Say at which natural thetas ``(..., size)`` sigma is next to zero, beside the response's sd.

    Such is any dispersion at which the likelihood grows without bound as it goes there.
    """
    tiny, collapsing = np.zeros(thetas.shape[:-1], dtype=bool), problem.collapsing
    if not collapsing:
        return tiny
    spread = float(problem.design.typical[problem.design.predictors.rows].std())
    for name in collapsing:
        tiny |= _greatest(problem, name, thetas) < NEGLIGIBLE_SIGMA * spread
    return tiny


def _greatest(problem: Problem, name: str, thetas: Array) -> Array:
    """Return the greatest value ``(...)`` of a dispersion over the rows, at natural thetas.

    Effects on its link may well make it small for some of them, beside a response whose sd is that
    of the others.
    """
    family, registry = problem.natural.family, problem.natural.registry
    if name not in family.channels:
        return registry.named(name).natural(thetas)[..., 0]
    flat, channel = thetas.reshape(-1, thetas.shape[-1]), family.channels.index(name)
    w = flat[:, problem.design.predictors.runs[channel]]
    greatest = np.full(len(flat), -np.inf)
    for rows in problem.design.source.ranges(rows_beside(len(flat))):
        eta = rows.by_channel[channel].times(w)
        greatest = np.fmax(greatest, eta.max(axis=1))
    transform = plain_family_of(problem.plan.model).dispersion_named(name).transform
    with np.errstate(over="ignore"):
        return transform.natural(greatest).reshape(thetas.shape[:-1])


def refuse_improper_sigma(problem: Problem, theta: Array) -> None:
    """Raise ModelError where a search that ended next to sigma = 0 means an improper posterior.

    With n samples and a design of rank r that reproduces the response, the posterior of sigma goes
    like sigma^(r - n) near zero, whatever the proper priors of the coefficients.
    """
    if has_tiny_sigma(problem, theta).any() and not can_interpolate(problem):
        raise reproduced(problem, problem.design.n_rows)


def reproduced(problem: Problem, n: float) -> ModelError:
    """Return what to raise where coefficients reproduce ``n`` samples, more than they are."""
    p, name = _n_of_mean(problem), problem.collapsing[0]
    return ModelError(
        f"{problem.plan.model.response!r}{problem.where}: {p} coefficients reproduce all {n:g} "
        f"responses exactly, so the posterior is improper: it piles up at {name} = 0. Fix the "
        f"noise ({problem.natural.family.words.option_of(name, '1.0')}, say), or remove the "
        "predictor that holds the response."
    )


def can_interpolate(problem: Problem) -> bool:
    """Say whether some coefficients reproduce any response of so many samples exactly."""
    n, p = problem.design.n_rows, _n_of_mean(problem)
    if n > p:
        return False
    columns = problem.design.predictors.columns(slice(0, n))[:, :p]
    return int(np.linalg.matrix_rank(columns)) >= n


def _n_of_mean(problem: Problem) -> int:
    """Return the number of coefficients of the mean."""
    return problem.design.predictors.runs[0].stop


def _interpolates(problem: Problem) -> ModelError:
    n, p = problem.design.n_rows, _n_of_mean(problem)
    name = problem.collapsing[0]
    return ModelError(
        f"{problem.plan.model.response!r}{problem.where}: the design ({p} columns, {n} samples) "
        f"can pass through every response, so the joint density grows without bound as {name} -> 0 "
        f"and has no mode. Fix the noise ({problem.natural.family.words.option_of(name, '1.0')}, "
        f"say), use fewer columns, or fit_mcmc with a proper prior of {name} that keeps it from "
        "zero."
    )
