"""Scales first: a gaussian response, whose coefficients are integrated out and drawn at the end.

With the identity link and Gaussian priors log p(y, psi) is known exactly, psi being the logarithms
of sigma and of the learned scales, and correlations, as they stand in theta. So importance weights
are asked in the few dimensions of psi alone, whatever the number of coefficients; these are then
drawn from their Gaussian given psi. Where one psi costs too much to be asked thousands of times,
log p(y, psi) is interpolated, and looked at again where draws have come to lie.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from bayesglm.errors import ConvergenceError
from bayesglm.inference.draws import Draws, Gaussian
from bayesglm.inference.modes.by_levels import groupings_of
from bayesglm.inference.modes.identified import check_columns
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.weights.mixture import Mixture
from bayesglm.inference.weights.pool import Pool, fault_of, find_pool
from bayesglm.inference.weights.proposals import SplitNormal, by_tails
from bayesglm.inference.weights.psis import resample
from bayesglm.inference.weights.scales_density import (
    ALLOWED,
    Around,
    Batched,
    OneByOne,
    around_mode,
    highest,
    learned_mixture,
    one_by_one,
)
from bayesglm.numerics.density.integrated import LOG_2_PI, Integrated, anchored, integrated
from bayesglm.numerics.density.integrated_many import can_batch
from bayesglm.numerics.density.layout import Layout, laid_out
from bayesglm.numerics.density.objective import Objective

Array = np.ndarray
MOST_SCALES = 12  # dispersions, scales and correlations, of which proposals are made: chosen
MANY = 1000  # coefficients, from which on fixed scales go this way as well: chosen
MOST_BESIDE = 6000  # coefficients beside the levels that are eliminated: chosen, 288 MB
WHOLE = 1000  # coefficients up to which the covariance of all is told: chosen, 8 MB
ATTEMPTS = 8  # with more and more points: chosen
CHECKED = 12  # draws of psi that are looked at again in the end, and as many that weigh most


def has_scales_first(problem: Problem) -> bool:
    """Say whether the coefficients' posterior is a Gaussian given a few scales to learn."""
    objective = problem.unconstrained
    d = objective.size - objective.n_coefficients
    if not 0 < d <= MOST_SCALES or not objective.n_coefficients:
        return False
    gaussian_given = (
        objective.family.quadratic
        and objective.registry.straight
        and not objective.kinks.any
        and all(part.prior.quadratic for part in objective.coefficients)
    )
    return gaussian_given and (bool(problem.learned) or objective.n_coefficients > MANY)


def scales_first(problem: Problem, draws: int, chains: int, rng: np.random.Generator) -> Draws:
    """Return draws of psi by importance weights, and of all coefficients given them.

    Raises
    ------
    ConvergenceError
        The posterior of psi has no mode inside, or what is left when levels are eliminated is too
        large, or an interpolant of log p(y, psi) does not come to stand.
    DataError
        Columns that are linear combinations of others under flat priors.
    """
    check_columns(problem)
    with np.errstate(over="ignore", invalid="ignore", under="ignore", divide="ignore"):
        layout = _layout(problem)
        objective = problem.unconstrained
        start = problem.start(objective)
        of = integrated(objective, layout, start[: objective.n_coefficients])
        top = highest(of, start[objective.n_coefficients :])
        centre = of.given(top.x)
        assert centre is not None
        of = anchored(of, _anchor(objective, centre.theta))
        around = around_mode(of, top)
        many: Batched | OneByOne
        many = Batched(of) if can_batch(layout) else one_by_one(around, rng)
        return _weighted(problem, around, many, (chains, draws), rng)


def _layout(problem: Problem) -> Layout:
    objective = problem.unconstrained
    p, groupings = objective.n_coefficients, groupings_of(problem, objective)
    one = laid_out(groupings[:1], p)
    if can_batch(one):
        return one
    every = laid_out(groupings, p)
    left = p - sum(grouping.size for grouping in every.groupings[: every.n_apart])
    if left > MOST_BESIDE:
        raise ConvergenceError(
            f"{left} coefficients beside the levels that are eliminated are too many for a matrix"
        )
    return every


def _anchor(objective: Objective, theta: Array) -> Array:
    """Return coefficients for an anchor: those whose scales are learned where their priors peak.

    Elsewhere a scale near zero would make of them differences of huge numbers.
    """
    anchor = theta[: objective.n_coefficients].copy()
    for part in objective.priors.learning:
        anchor[part.where] = part.loc
    return anchor


def _weighted(
    problem: Problem,
    around: Around,
    many: Batched | OneByOne,
    shape: tuple[int, int],
    rng: np.random.Generator,
) -> Draws:
    chains, wanted = shape[0], shape[0] * shape[1]
    many, pool, why = _drawn_from(around, many, wanted, chains, rng)
    index = resample(rng, pool.smoothed.log_weights, wanted)
    psis = pool.thetas[index]
    thetas, log_p = many.draw(rng, psis)
    top = _top(around.of, problem.unconstrained)
    ess = pool.effective(thetas[:, top].reshape(*shape, -1), index)
    d = len(around.top.x)
    stands = (
        f"{many.told}; importance weights of a {pool.proposal.name} proposal in their {d} "
        f"dimensions stand: k-hat {pool.smoothed.khat:.2f}, {ess:.0f} effective of {wanted} draws; "
        "the coefficients are drawn given them"
    )
    centre = around.of.given(around.top.x)
    assert centre is not None
    return Draws(
        thetas.reshape(*shape, -1),
        "nested laplace",
        why or stands,
        centre.log_marginal - 0.5 * (len(around.of.anchor) * LOG_2_PI - centre.factor.log_det),
        log_p.reshape(shape),
        solution={
            "gradient_norm": float(np.linalg.norm(around.top.slope)),
            "n_iter": around.top.n_asked,
            "solver": "bfgs, coefficients integrated out",
        },
        gaussian=_gaussian(pool, centre.theta, thetas, log_p, shape, top, ess, why),
        checks={"top_size": float(d)},
    )


def _drawn_from(
    around: Around,
    many: Batched | OneByOne,
    wanted: int,
    chains: int,
    rng: np.random.Generator,
) -> tuple[Batched | OneByOne, Pool, str]:
    """Return weighted draws of psi, and why they do not stand; an interpolant as it was in the end.

    It is looked at where draws have come to lie, and where they weigh most, which it may be that
    makes them so heavy; where it is off, it goes through these as well.
    """
    for _ in range(ATTEMPTS):
        pool, why = _pool(around, many, wanted, chains, rng)
        if isinstance(many, Batched):
            return many, pool, why
        heaviest = pool.thetas[np.argsort(pool.log_q - pool.log_p)[:CHECKED]]
        kept = pool.thetas[np.unique(resample(rng, pool.smoothed.log_weights, CHECKED))]
        error, of_heaviest = many.off(kept), many.off(heaviest)
        if not why and error < 2.0 * ALLOWED and of_heaviest < 10.0 * ALLOWED:
            return replace(many, error=error), pool, why
        many = many.with_points(np.vstack([kept, heaviest]))
    raise ConvergenceError(
        f"an interpolant of the density of {len(around.top.x)} scales is off by "
        f"{100.0 * max(error, of_heaviest):.2g}% where draws of them lie"
    )


def _pool(
    around: Around,
    many: Batched | OneByOne,
    wanted: int,
    chains: int,
    rng: np.random.Generator,
) -> tuple[Pool, str]:
    """Return weighted draws of psi, and why they do not stand."""

    def proposals() -> Iterator[SplitNormal | Mixture]:
        last = around.first
        for last in by_tails(around.first, many.log_density):
            yield last
        yield learned_mixture(last, many.log_density, rng)

    pool = find_pool(many.log_density, proposals(), wanted, chains, rng)
    exact = isinstance(many, OneByOne)
    return pool, fault_of(many.log_density, pool, chains, rng, safe=exact)


def _top(of: Integrated, objective: Objective) -> Array:
    """Return the places of psi, and of the coefficients beside levels where these are many."""
    p = objective.n_coefficients
    beside = np.arange(p) if p <= WHOLE else of.layout.beside[:WHOLE]
    return np.concatenate([beside, np.arange(p, objective.size)])


def _gaussian(
    pool: Pool,
    mode: Array,
    thetas: Array,
    log_p: Array,
    shape: tuple[int, int],
    top: Array,
    ess: float,
    why: str,
) -> Gaussian:
    """Return the draws' own Gaussian, of the top; they are weighted already."""
    return Gaussian(
        mode[top],
        np.atleast_2d(np.cov(thetas[:, top].T)),
        thetas.reshape(*shape, -1),
        log_p.reshape(shape),
        log_p.reshape(shape),
        pool.smoothed.khat,
        pool.smoothed.kish,
        ess,
        accepted=not why,
        why=why,
        top=None if len(top) == len(mode) else top,
    )
