"""Importance sampling around one neuron's posterior: its evidence, and draws of it.

The evidence is log Z, Z the integral of p(y | theta) p(theta) over theta, coefficients as they are
and all else on the unconstrained scale with the Jacobian. Draws of a proposal q near the posterior
give Z as the mean of p/q, Pareto-smoothed (Vehtari et al. 2024), and, resampled by these weights,
the posterior. A gaussian response with the identity link needs no weights under Gaussian priors:
its draws are exact, sigma first where it is learned. The evidence, and draws under kinks, take a
sigma to learn, which no Gaussian joint with the coefficients follows, through a grid of its place
in theta, over which the trapezoidal rule integrates. Priors that are not proper leave out a
constant of the evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import NamedTuple

import numpy as np

from bayesglm.errors import ConvergenceError, ModelError
from bayesglm.inference.modes.exact import lacks_joint_mode
from bayesglm.inference.modes.judge import judge_from
from bayesglm.inference.modes.optimum import (
    check_existence,
    check_mode,
    explained,
)
from bayesglm.inference.modes.router import MOST_KEPT
from bayesglm.inference.modes.solve import maximise, with_moments
from bayesglm.inference.problem.centring import centred
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.problem.row_space import in_row_space
from bayesglm.inference.weights.along import by_cells, has_one_beside, see
from bayesglm.inference.weights.nested import nested_proposal
from bayesglm.inference.weights.pool import (
    Pool,
    Proposal,
    drawn,
    enlarged,
    fault_of,
    find_pool,
)
from bayesglm.inference.weights.proposals import by_tails, gaussian
from bayesglm.inference.weights.psis import resample
from bayesglm.inference.weights.sequential import row_by_row
from bayesglm.inference.weights.sigma import has_sigma_first, sigma_first
from bayesglm.inference.weights.tilted import Sites, tilted
from bayesglm.numerics.density.conjugate import is_gaussian_given_sigma
from bayesglm.numerics.density.moments import Moments
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.rows.parallel import unthreaded_products

Array = np.ndarray
MORE = 4  # times as many draws in the last try
PRECISE = 0.05  # nats: an evidence that is less certain is tried again
STEP = 0.75  # of the grid of sigma's place, in its sds: for a normal the rule is exact to 1e-15
DEPTH = 30.0  # nats below its top at which the integrand ends
ROUGH_STEP, ROUGH_DEPTH = 1.0, 8.0  # the same where each value is a Monte-Carlo one
ROUGH_DRAWS = 200  # for shares of the grid that weights will correct
MOST_STEPS = 200  # of the grid to a side: a bound, where the integrand does not end
WEIGHTY = 1e-3  # share of the integral of a value whose k-hat counts


class Evidence(NamedTuple):
    """log Z, its Monte-Carlo standard error, Laplace's own, and k-hat."""

    log_evidence: float
    error: float
    laplace: float
    khat: float


class Around(NamedTuple):
    """Where a posterior lies, and what to draw from instead.

    - `proposals`: begins a run through proposals, in the order of their tails.
    - `laplace`: Laplace's evidence; NaN where a curvature says nothing.
    - `exact`: whether the posterior is the Gaussian at its mode.
    - `last_sd`: the standard deviation of the last entry of theta, sigma's if it is learned.
    - `sites`: what stands for the kinks; None without.
    """

    mode: Array
    proposals: Callable[[], Iterator[Proposal]]
    laplace: float
    exact: bool
    last_sd: float
    sites: Sites | None


class Node(NamedTuple):
    """The posterior at one sigma of a grid; its evidence has the density there in it.

    ``at`` is the entry of theta that stands for sigma.
    """

    at: float
    around: Around
    evidence: Evidence


@dataclass(frozen=True)
class Cells:
    """A proposal for coefficients and sigma: its entry of theta anywhere in the cell around a node
    of a grid, the coefficients as the node proposes them; cells by their shares of the evidence.
    """

    grid: Array
    proposals: tuple[Proposal, ...]
    log_shares: Array

    def heavier(self) -> Cells:
        """Return the same with heavier tails of the coefficients."""
        return replace(self, proposals=tuple(one.heavier() for one in self.proposals))

    def draw(self, rng: np.random.Generator, n: int) -> tuple[Array, Array]:
        """Return ``n`` draws ``(n, size)`` and their log densities."""
        step = self.grid[1] - self.grid[0]
        cell = resample(rng, self.log_shares, n)
        at = self.grid[cell] + step * (rng.random(n) - 0.5)
        log_q = self.log_shares[cell] - np.log(step)
        parts = {k: self.proposals[k].draw(rng, int(np.sum(cell == k))) for k in np.unique(cell)}
        w = np.empty((n, next(iter(parts.values()))[0].shape[1]))
        for k, (drawn_w, of_w) in parts.items():
            w[cell == k] = drawn_w
            log_q[cell == k] += of_w
        return np.column_stack([w, at]), log_q


def evidence_function(
    first: Problem, draws: int, stream: np.random.SeedSequence
) -> Callable[[Problem], Evidence]:
    """Return the evidence as a function of problems that differ from the first in scales only.

    Each mode is looked for from the last one, and every call takes the same random numbers, so
    that the evidence is a smooth function of the scales, its error included. Raises as `find_mode`.
    """
    if not first.learned or first.pooled:
        check_existence(first)
    centre = centred(first)
    space, known = in_row_space(centre.problem), _moments(centre.problem)
    start: Array | None = None

    def evidence(problem: Problem) -> Evidence:
        nonlocal start
        within = in_row_space(centre.alike(problem).problem, space)
        problem, wide = within.problem, bool(within.spans)
        objective = replace(_integrand(problem), moments=known)
        if start is not None and len(start) != objective.size:
            start = None
        with unthreaded_products(objective.size):
            around = _around(problem, objective, start, wide=wide)
            start = around.mode
            if not _has_grid(problem):
                return _weighed(objective, around, draws, stream)
            nodes = _nodes(problem, objective, around, -(-draws // 4), stream)
        return _integrated(nodes)._replace(laplace=around.laplace)

    return evidence


def importance_draws(
    problem: Problem, draws: int, chains: int, stream: np.random.SeedSequence
) -> Array | None:
    """Return natural draws ``(chain, draw, size)``, or None where the weights do not stand.

    They are those of `fit` in less time, and under kinks without NUTS. Posteriors that may have
    several modes, and learned scales, are left to others. Raises as `find_mode`.
    """
    if problem.learned or not (problem.log_concave() or _has_grid(problem)):
        return None
    if problem.natural.kinks.groups:
        return None
    centre = centred(problem)
    space = in_row_space(centre.problem)
    problem, wanted, rng = space.problem, draws * chains, np.random.default_rng(stream)
    if has_sigma_first(problem):
        with unthreaded_products(problem.unconstrained.size):
            thetas = sigma_first(problem).draw(rng, wanted)[0]
        return centre.raw(thetas.reshape(chains, draws, -1))
    if lacks_joint_mode(problem):
        return None
    check_existence(problem)
    objective = replace(_integrand(problem), moments=_moments(problem))
    density = objective.log_density
    with unthreaded_products(objective.size):
        around = _around(problem, objective, None, wide=bool(space.spans))
        if around.exact:
            thetas = next(around.proposals()).draw(rng, wanted)[0]
            return centre.raw(thetas.reshape(chains, draws, -1))
        proposals: Iterator[Proposal] = around.proposals()
        if _has_grid(problem):
            cells = _cells(_nodes(problem, objective, around, ROUGH_DRAWS, stream))
            proposals = iter((cells, cells.heavier()))
        pool = find_pool(density, proposals, wanted, chains, rng)
        if fault_of(density, pool, chains, rng):
            return None
    kept = pool.thetas[resample(rng, pool.smoothed.log_weights, wanted)]
    return centre.raw(space.completed(kept.reshape(chains, draws, -1), rng))


def _integrand(problem: Problem) -> Objective:
    """Return the density that is integrated: coefficients as they are, all else without bounds."""
    natural = problem.natural
    return replace(natural, registry=replace(natural.registry, jacobian=True))


def _moments(problem: Problem) -> Moments | None:
    objective = problem.natural
    if not objective.family.quadratic or objective.n_coefficients > MOST_KEPT:
        return None
    return with_moments(objective, problem.start(objective)).moments


def _has_grid(problem: Problem) -> bool:
    """Say whether there is a sigma to learn, given which likelihood and priors are log-concave."""
    objective = problem.natural
    gaussian_given_sigma = objective.family.quadratic and objective.log_concave
    return bool(objective.free) and gaussian_given_sigma and not problem.learned


def _around(
    problem: Problem,
    objective: Objective,
    start: Array | None,
    sites: Sites | None = None,
    wide: bool = False,
) -> Around:
    """Return where a posterior lies; of a ``wide`` problem it is looked for row by row first."""
    try:
        if wide and has_one_beside(problem):
            seen = see(problem)
            at, given = seen.top
            mode = np.append(given.mean, at)
            return Around(mode, lambda: by_cells(problem, seen), np.nan, False, np.nan, None)
        if problem.learned:
            nested = nested_proposal(problem)
            mode = np.concatenate([nested.centre.mode, nested.outer.mode])
            several = (nested, nested.heavier())
            return Around(mode, lambda: iter(several), np.nan, False, np.nan, None)
        if objective.kinks.any:
            found = tilted(problem, objective, start, sites)
            pair = (found, found.heavier())
            return Around(found.mode, lambda: iter(pair), np.nan, False, found.last_sd, found.sites)
        solution = (
            maximise(problem, objective) if start is None else judge_from(problem, objective, start)
        )
    except ConvergenceError as error:
        raise explained(problem, error) from error
    check_mode(problem, solution)
    mode = np.array(solution.x)
    value, _, hessian = objective.evaluate(mode)
    log_volume = 0.5 * (objective.size * np.log(2.0 * np.pi) - _log_det(-hessian))
    heavy = bool(problem.uncurved())

    def at_mode() -> Iterator[Proposal]:
        every = by_tails(gaussian(mode, -hessian), objective.log_density)
        return (one.heavier() for one in every) if heavy else every

    def proposals() -> Iterator[Proposal]:
        by_rows = row_by_row(objective, mode)
        return chain(by_rows, at_mode()) if wide else chain(at_mode(), by_rows)

    return Around(
        mode,
        proposals,
        np.nan if heavy else value + log_volume,
        exact=not objective.free and is_gaussian_given_sigma(objective),
        last_sd=float(np.linalg.inv(-hessian)[-1, -1] ** 0.5) if objective.free else np.nan,
        sites=None,
    )


def _log_det(precision: Array) -> float:
    scale = 1.0 / np.sqrt(np.diagonal(precision))
    scaled = precision * np.outer(scale, scale)
    return float(np.linalg.slogdet(scaled)[1] - 2.0 * np.log(scale).sum())


def _weighed(
    objective: Objective, around: Around, draws: int, stream: np.random.SeedSequence
) -> Evidence:
    """Return the evidence by the first pool that stands and is precise, or by more of the best."""
    if around.exact:
        return Evidence(around.laplace, 0.0, around.laplace, 0.0)
    rng, pools = np.random.default_rng(stream), []
    for proposal in around.proposals():
        pool = drawn(objective.log_density, proposal, draws, rng)
        if pool.stands and _error(pool) < PRECISE:
            return _told(pool, around)
        pools.append(pool)
    standing = [pool for pool in pools if pool.stands]
    best = min(standing, key=_error) if standing else min(pools, key=Pool.heaviness)
    return _told(enlarged(objective.log_density, best, MORE * draws, rng), around)


def _told(pool: Pool, around: Around) -> Evidence:
    return Evidence(pool.smoothed.log_mean, _error(pool), around.laplace, pool.smoothed.khat)


def _error(pool: Pool) -> float:
    """Return the standard error of log Z: that of a mean, relative to it."""
    return float(np.sqrt(max(1.0 / pool.smoothed.kish - 1.0 / len(pool.thetas), 0.0)))


def _nodes(
    problem: Problem,
    objective: Objective,
    joint: Around,
    draws: int,
    stream: np.random.SeedSequence,
) -> list[Node]:
    """Return the posteriors given sigma over a grid, outwards from the joint mode."""
    step, depth = (STEP, DEPTH) if joint.sites is None else (ROUGH_STEP, ROUGH_DEPTH)
    (sigma,) = objective.free

    def node(k: int) -> Node:
        theta = np.array(joint.mode)
        theta[sigma.place] += k * step * joint.last_sd
        fixed = objective.given(theta)
        own = replace(problem, natural=fixed, unconstrained=fixed)
        around = _around(own, fixed, joint.mode[: fixed.size], joint.sites)
        given = _weighed(fixed, around, draws, stream)
        density = objective.log_prior_of_others(theta)
        here = given._replace(log_evidence=given.log_evidence + density)
        return Node(float(theta[sigma.place][0]), around, here)

    found = {0: node(0)}
    for side in (1, -1):
        k = 0
        while found[k].evidence.log_evidence > _top(found) - depth:
            k += side
            if abs(k) > MOST_STEPS:
                raise ModelError(
                    f"{problem.plan.model.response!r}{problem.where}: the posterior is improper, "
                    "so there is no evidence; give the dispersion a proper prior."
                )
            found[k] = node(k)
    return [found[k] for k in sorted(found)]


def _top(nodes: dict[int, Node]) -> float:
    return max(one.evidence.log_evidence for one in nodes.values())


def _total(nodes: list[Node]) -> float:
    return float(np.logaddexp.reduce([one.evidence.log_evidence for one in nodes]))


def _cells(nodes: list[Node]) -> Cells:
    values = np.array([one.evidence.log_evidence for one in nodes])
    return Cells(
        np.array([one.at for one in nodes]),
        tuple(next(one.around.proposals()) for one in nodes),
        values - _total(nodes),
    )


def _integrated(nodes: list[Node]) -> Evidence:
    total, step = _total(nodes), nodes[1].at - nodes[0].at
    parts = [(np.exp(one.evidence.log_evidence - total), one.evidence) for one in nodes]
    error = float(sum(share * one.error for share, one in parts))
    khat = max(one.khat for share, one in parts if share > WEIGHTY)
    return Evidence(total + float(np.log(step)), error, np.nan, khat)
