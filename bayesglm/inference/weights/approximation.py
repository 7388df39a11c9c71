"""What importance weights correct, a Gaussian at the mode say, and the draws that come of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

import numpy as np

from bayesglm.errors import ConvergenceError
from bayesglm.inference.draws import MOST_KEPT, Draws
from bayesglm.inference.modes.exact import can_interpolate, has_tiny_noise, lacks_joint_mode
from bayesglm.inference.modes.identified import check_columns, check_identified
from bayesglm.inference.modes.judge import inverse_curvature, judge
from bayesglm.inference.modes.optimum import find_mode
from bayesglm.inference.modes.solve import for_many
from bayesglm.inference.problem.centring import Centred, centred_all
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.problem.row_space import in_row_space
from bayesglm.inference.weights.along import Along, by_cells, has_one_beside, see
from bayesglm.inference.weights.by_blocks import draws_by_blocks
from bayesglm.inference.weights.by_levels import draws_by_levels, integrals_of
from bayesglm.inference.weights.nested import Nested, nested_proposal
from bayesglm.inference.weights.pool import Pool, fault_of, find_pool
from bayesglm.inference.weights.pooled import pooled_draws
from bayesglm.inference.weights.proposals import SplitNormal, by_tails, gaussian
from bayesglm.inference.weights.psis import resample
from bayesglm.inference.weights.scales import has_scales_first, scales_first
from bayesglm.inference.weights.sequential import Sequential, row_by_row
from bayesglm.inference.weights.sigma import SigmaFirst, has_sigma_first, sigma_first
from bayesglm.numerics.rows.parallel import unthreaded_products
from bayesglm.numerics.solvers.newton import Solution

Array = np.ndarray
type AnyProposal = SplitNormal | Nested | SigmaFirst | Sequential | Along


def uncurved(problems: list[Problem]) -> str:
    """Name the terms whose prior has a kink or heavy tails, or return an empty string."""
    return ", ".join(problems[0].uncurved())


def laplace_draws(
    problems: list[Problem], draws: int, chains: int, seed: int
) -> list[Draws | ConvergenceError]:
    """Return corrected draws for every neuron, each from a random stream of its own.

    Where scales are learned and nested Laplace finds nothing to stand on, or a link has ends at
    which the density may be highest, why that is.
    """
    if problems[0].pooled:
        return list(pooled_draws(problems, draws, chains, seed))
    streams = np.random.default_rng(seed).spawn(len(problems))
    made: list[Draws | ConvergenceError] = []
    with unthreaded_products(problems[0].unconstrained.size):
        for centre, rng in zip(centred_all(problems), streams, strict=True):
            apart = _scales_first(centre, draws, chains, rng)
            if apart is None:
                apart = draws_by_blocks(centre, draws, chains, rng)
            if apart is None:
                apart = draws_by_levels(centre, draws, chains, rng)
            if apart is not None:
                made.append(apart)
                continue
            space = in_row_space(centre.problem)
            problem = space.problem
            try:
                around = _approximation(problem, bool(space.spans))
            except ConvergenceError as error:
                if not _may_be_proper(problem, error):
                    raise
                check_identified(problem)
                made.append(error)
            else:
                drawn = space.outer_draws(_corrected(around, draws, chains, rng), rng)
                made.append(centre.raw_draws(drawn))
    return made


def stands(made: Draws) -> bool:
    """Say whether the weights of draws, if there are any, stood their check."""
    return bool(made.checks.get("accepted", 1) if made.gaussian is None else made.gaussian.accepted)


def _scales_first(
    centre: Centred, draws: int, chains: int, rng: np.random.Generator
) -> Draws | None:
    """Return draws for which coefficients were integrated out, where that can be done.

    Of effects that are too many to be kept, those of one grouping are left to others.
    """
    problem = centre.problem
    too_many = problem.natural.size * draws * chains > MOST_KEPT
    if not has_scales_first(problem) or (too_many and integrals_of(problem) is not None):
        return None
    try:
        return centre.raw_draws(scales_first(problem, draws, chains, rng))
    except ConvergenceError:
        return None


def _may_be_proper(problem: Problem, error: ConvergenceError) -> bool:
    """Say whether a density without a mode may be that of a proper posterior."""
    if not problem.natural.family.domain.is_real_line or lacks_joint_mode(problem):
        return True
    solution = error.solution
    if not isinstance(solution, Solution):
        return False
    return bool(has_tiny_noise(problem, problem.natural_thetas(np.array(solution.x))).any())


class Approximation(NamedTuple):
    """What importance weights are to correct: proposals for a density, and where they stand.

    Without a ``covariance`` it is that of the proposals. Where these do not stand, ``others`` are
    made.
    """

    method: str
    density: Callable[[Array], Array]
    proposals: Iterator[AnyProposal]
    mode: Array
    covariance: Array | None
    log_posterior: float
    solution: dict[str, float | str]
    safe: bool  # whether it has one mode, so that weights that stand need no second look
    others: Callable[[], tuple[AnyProposal, ...]] = tuple


def _approximation(problem: Problem, wide: bool) -> Approximation:
    """Return what comes first for a problem; ``wide`` is one of a coefficient for each row."""
    if has_sigma_first(problem):
        return _sigma_first(problem)
    if wide and has_one_beside(problem):
        try:
            return _along_one(problem)
        except ConvergenceError:
            pass
    if lacks_joint_mode(problem):
        return _nested(problem)
    around = _at_mode(problem)
    return _row_by_row(problem, around) if wide else around


def _sigma_first(problem: Problem) -> Approximation:
    """Return the posterior itself as a proposal, beside the joint mode where there is one."""
    proposal = sigma_first(problem)
    objective = replace(problem.unconstrained, moments=proposal.given.moments)
    joint = None if can_interpolate(problem) else judge(objective, proposal.mode)
    mode = proposal.mode if joint is None else np.array(joint.x)
    value, gradient, hessian = objective.evaluate(mode)
    # Of the mode of sigma's own posterior no derivative in sigma is zero.
    moved = objective.n_coefficients if joint is None else objective.size
    return Approximation(
        "nested laplace" if joint is None else "laplace",
        objective.log_density,
        iter((proposal,)),
        mode,
        None if joint is None else inverse_curvature(-hessian),
        value,
        {
            "gradient_norm": float(np.linalg.norm(gradient[:moved])),
            "n_iter": 0 if joint is None else joint.n_iter,
            "solver": "newton on moments",
        },
        True,
    )


def _at_mode(problem: Problem) -> Approximation:
    """Return the Gaussian at the mode of all parameters, and what follows where it fails."""
    objective = problem.unconstrained
    solution = find_mode(problem, objective)
    mode = np.array(solution.x)
    at_mode = objective.evaluate(mode)
    objective = for_many(objective, mode)
    first = gaussian(mode, -at_mode.hessian)
    return Approximation(
        "laplace",
        objective.log_density,
        by_tails(first, objective.log_density),
        mode,
        first.factor @ first.factor.T,
        at_mode.value,
        {
            "gradient_norm": solution.gradient_norm,
            "n_iter": solution.n_iter,
            "solver": solution.solver,
        },
        problem.log_concave(),
        lambda: _along_dispersions(problem),
    )


def _row_by_row(problem: Problem, around: Approximation) -> Approximation:
    """Return proposals that put in likelihoods row by row, where there are any.

    No Gaussian at the mode follows a posterior that every row cuts off.
    """
    proposals = row_by_row(problem.unconstrained, around.mode)
    first = next(proposals, None)
    if first is None:
        return around
    return around._replace(
        method="expectation propagation",
        density=problem.unconstrained.log_density,
        proposals=chain((first,), proposals),
    )


def _along_one(problem: Problem) -> Approximation:
    """Return the same along the only parameter beside the coefficients, a learned scale say.

    It is looked at wherever it has any mass, and given it there is one mode.
    """
    objective, seen = problem.unconstrained, see(problem)
    at, given = seen.top
    found = judge(objective.given(np.append(given.mean, at)), given.mean)
    mode = np.append(found.x, at)
    return Approximation(
        "expectation propagation",
        objective.log_density,
        by_cells(problem, seen),
        mode,
        None,
        float(objective.log_density(mode[None])[0]),
        {
            "gradient_norm": found.gradient_norm,
            "n_iter": len(seen.at),
            "solver": "newton, along one parameter",
        },
        True,
    )


def _along_dispersions(problem: Problem) -> tuple[Nested, ...]:
    """Return proposals along the posterior of dispersions, if there are any to find.

    A dispersion of which the data say little has a posterior that bends the coefficients' with it;
    no one Gaussian, however heavy its tails, follows both.
    """
    if not problem.unconstrained.free:
        return ()
    try:
        nested = nested_proposal(problem)
    except ConvergenceError:  # their posterior has no mode of its own, or they are too many
        return ()
    return nested, nested.heavier()


def _nested(problem: Problem) -> Approximation:
    """Return the coefficients' Gaussians along the posterior of the scales."""
    check_columns(problem)
    objective = problem.unconstrained
    nested = nested_proposal(problem)
    mode = np.concatenate([nested.centre.mode, nested.outer.mode])
    objective = for_many(objective, mode)
    return Approximation(
        "nested laplace",
        objective.log_density,
        iter((nested, nested.heavier())),
        mode,
        None,
        float(objective.log_density(mode[None])[0]),
        {
            "gradient_norm": nested.centre.gradient_norm,
            "n_iter": nested.n_solved,
            "solver": "newton, nested",
        },
        False,
    )


def _corrected(
    approximation: Approximation, draws: int, chains: int, rng: np.random.Generator
) -> Draws:
    density, wanted, shape = approximation.density, draws * chains, (chains, draws)

    def judged(proposals: Iterable[AnyProposal]) -> tuple[Pool, str]:
        pool = find_pool(density, proposals, wanted, chains, rng)
        return pool, fault_of(density, pool, chains, rng, approximation.safe)

    pool, why = judged(approximation.proposals)
    others = approximation.others() if why else ()
    if others:
        other, fault = judged(others)
        pool, why = (pool, why) if fault else (other, fault)
    index = resample(rng, pool.smoothed.log_weights, wanted)
    kept = pool.thetas[index].reshape(*shape, -1)
    ess = pool.effective(kept, index)
    covariance = approximation.covariance
    if covariance is None:
        covariance = np.atleast_2d(np.cov(pool.thetas.T))
    made = pool.as_gaussian(approximation.mode, covariance, shape, ess, why)
    stands = (
        f"importance weights of a {pool.proposal.name} proposal stand: "
        f"k-hat {pool.smoothed.khat:.2f}, {ess:.0f} effective of {wanted} draws"
    )
    return Draws(
        kept,
        approximation.method,
        why or stands,
        approximation.log_posterior,
        pool.log_p[index].reshape(shape),
        solution=approximation.solution,
        gaussian=made,
    )
