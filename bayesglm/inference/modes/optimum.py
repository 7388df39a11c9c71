"""The mode of a neuron's log posterior, and what to say where there is none."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesglm.design.design import plain_family_of
from bayesglm.errors import ConvergenceError, DataError, ModelError
from bayesglm.inference.modes.solve import maximise, maximise_all
from bayesglm.inference.problem.centring import centred_all
from bayesglm.inference.problem.problem import Problem
from bayesglm.numerics.density.channels import moves
from bayesglm.numerics.density.likelihood import rows_beside
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.solvers.newton import OPTIMAL, Solution
from bayesglm.numerics.solvers.separation import (
    dependent_columns,
    separating_direction,
)

Array = np.ndarray
SOME = 1000  # rows, most of which push an intercept to both sides
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


def check_columns(problem: Problem) -> None:
    """Raise DataError on dependent columns under flat priors, and on responses all at one end."""
    _refuse_dependent(problem)
    _refuse_one_sided(problem)


def lacks_joint_mode(problem: Problem) -> bool:
    """Say whether the joint density of all parameters has no mode, its posterior being proper.

    So it is where a scale is learned, or a sigma beside a design that can pass through any
    response.
    """
    return bool(problem.learned) or (bool(problem.collapsing) and can_interpolate(problem))


def explained(problem: Problem, error: ConvergenceError) -> ConvergenceError:
    """Return what to raise where no solver came to a maximum; raises DataError on separation."""
    _refuse_separated(problem)
    _refuse_tiny_sigma(problem, error.solution)
    _refuse_ends(problem, error.solution)
    return _told(problem, error)


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


def check_identified(problem: Problem) -> None:
    """Raise DataError where flat priors leave the posterior improper: collinear or separated."""
    _refuse_dependent(problem)
    _refuse_separated(problem)


def _flat_blocks(problem: Problem, directions: Array) -> Any:
    """Return the rows' moves along each direction, block by block, afresh at each call."""
    chosen = directions.argmax(axis=0)
    plain = np.count_nonzero(directions) == len(chosen) == directions.max(axis=0).sum()
    counted = _counted(problem)

    def blocks() -> Any:
        for rows in problem.design.source.ranges(4096):
            if plain and len(chosen) > 8 and rows.sharing is None:
                every = rows.X[None, :, chosen]
            else:
                every = moves(rows, np.ascontiguousarray(directions.T)).swapaxes(1, 2)
            every = every if counted is None else every[:, counted[rows.place]]
            yield every.reshape(-1, every.shape[-1])

    return blocks


def _counted(problem: Problem) -> Array | None:
    """Say which rows say anything: none has a weight or a number of trials of zero; None if all."""
    design = problem.design
    rows, counts = design.predictors.rows, (design.weights, design.predictors.trials)
    masks = [count[rows] > 0 for count in counts if count is not None]
    if all(mask.all() for mask in masks):
        return None
    return np.logical_and.reduce(masks)


def _push(problem: Problem, some: slice = slice(None)) -> Array:
    """Return where each row that says anything, or some of them, pushes its linear predictor."""
    design, push = problem.design, problem.natural.family.push
    assert push is not None
    rows, counted = design.predictors.rows, _counted(problem)
    rows = (rows if counted is None else rows[counted])[some]
    trials = design.predictors.trials
    return push(design.y[rows], None if trials is None else trials[rows])


def _refuse_dependent(problem: Problem) -> None:
    if problem.only_intercept_is_free():
        return
    for run in problem.design.predictors.runs:
        directions, names = problem.flat_directions(run)
        dependent = dependent_columns(_flat_blocks(problem, directions)) if names else []
        if not dependent:
            continue
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


def _rising_blocks(problem: Problem, directions: Array, of_phi: Array) -> Any:
    """Return what may not fall along any direction, block by block, afresh at each call."""
    rises, counted = problem.natural.family.rises, _counted(problem)
    assert rises is not None

    def blocks() -> Any:
        for rows in problem.design.source.ranges(4096):
            kept = slice(None) if counted is None else counted[rows.place]
            every = moves(rows, np.ascontiguousarray(directions.T)).swapaxes(1, 2)
            yield rises(rows.y[kept], every[:, kept], of_phi)

    return blocks


def _refuse_separated_levels(problem: Problem) -> None:
    """Raise where flat priors leave responses with levels separated, cutpoints among them."""
    directions, labels = problem.flat_directions(problem.design.predictors.runs[0])
    registry = problem.natural.registry
    flat = [one for one in registry.free_dispersions if one.prior and not one.prior.proper]
    n_phi = sum(one.n_natural for one in registry.dispersions)
    n_flat = n_phi if flat else 0
    if not len(labels) + n_flat:
        return
    k = len(labels)
    directions = np.hstack([directions, np.zeros((len(directions), n_flat))])
    of_phi = np.zeros((n_phi, k + n_flat))
    of_phi[:, k:] = np.eye(n_phi, n_flat)
    blocks = _rising_blocks(problem, directions, of_phi)
    push = np.ones(sum(len(block) for block in blocks()))
    direction = separating_direction(blocks, push)
    if direction is not None:
        names = [*labels, *(name for one in flat for name in one.names())]
        raise _separated(problem, [names[j] for j in np.flatnonzero(direction)])


def _refuse_separated(problem: Problem) -> None:
    if problem.natural.family.rises is not None:
        _refuse_separated_levels(problem)
        return
    directions, labels = problem.flat_directions(problem.design.predictors.runs[0])
    if not labels or problem.natural.family.push is None:
        return
    direction = separating_direction(_flat_blocks(problem, directions), _push(problem))
    if direction is not None:
        raise _separated(problem, [labels[k] for k in np.flatnonzero(direction)])


def _refuse_one_sided(problem: Problem) -> None:
    """Raise where every row pushes an intercept that no prior holds to the same side."""
    flat = [part.where for part in problem.natural.coefficients if not part.prior.proper]
    intercept = problem.places.get("intercept")
    if intercept not in flat or problem.natural.family.push is None:
        return
    for few in (slice(SOME), slice(None)):  # which are enough for most data
        push = _push(problem, few)
        if not len(push) or push[0] == 0.0 or (push != push[0]).any():
            return
    raise _separated(problem, ["intercept"])


def _separated(problem: Problem, labels: list[str]) -> DataError:
    names = list(dict.fromkeys(labels))
    shown = ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5} more" if names[5:] else "")
    return DataError(
        f"the data are separated{problem.where}: the likelihood of {problem.plan.model.response!r} "
        f"keeps rising as the coefficients of {shown} go to infinity, so with Flat priors there is "
        "no maximum likelihood estimate. Give the term a proper prior, for example "
        "prior=bg.Normal(2.5) or prior=bg.ridge(1.0)."
    )


def _refuse_interpolation(problem: Problem) -> None:
    if lacks_joint_mode(problem):
        raise _interpolates(problem)


def check_mode(problem: Problem, solution: Solution) -> None:
    """Raise where what a solver took for a mode is none, as `find_mode` does."""
    if not solution.resolved and not problem.only_intercept_is_free():
        # Separated data leave no slope on their plateau, and in some direction no curvature.
        _refuse_separated(problem)
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
            _refuse_separated(problem)
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
    spread = float(problem.design.y[problem.design.predictors.rows].std())
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
        "noise (dispersion=1.0, say), or remove the predictor that holds the response."
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
        "and has no mode. Fix the noise (dispersion=1.0, say), use fewer columns, or fit_mcmc with "
        f"a proper prior of {name} that keeps it from zero."
    )
