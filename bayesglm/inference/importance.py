"""Importance sampling around one neuron's posterior: its evidence, and draws of it.

The evidence is log Z, Z the integral of p(y | theta) p(theta) over theta, on the unconstrained
scale with the Jacobian. Draws of a proposal q near the posterior give Z as the mean of p/q,
Pareto-smoothed (Vehtari et al. 2024), and, resampled by these weights, the posterior. A gaussian
response with the identity link needs no weights under Gaussian priors; a sigma to learn, which no
Gaussian joint with the coefficients follows, is taken through a grid of log(sigma), over which the
trapezoidal rule integrates. Priors that are not proper leave out a constant of the evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import NamedTuple, Protocol

import numpy as np

from bayesglm.errors import ConvergenceError, ModelError
from bayesglm.inference.optimum import check_existence, check_mode, explained
from bayesglm.inference.problem import Problem
from bayesglm.inference.proposals import gaussian, split
from bayesglm.inference.psis import Smoothed, khat_limit, resample, smooth
from bayesglm.inference.solve import MOST_KEPT, judge_from, maximise, with_moments
from bayesglm.inference.tilted import Sites, tilted
from bayesglm.numerics.likelihood import Moments
from bayesglm.numerics.objective import Objective
from bayesglm.numerics.parallel import unthreaded_products
from bayesglm.numerics.parts import PriorPart

Array = np.ndarray
MORE = 4  # times as many draws in the last try
PRECISE = 0.05  # nats: an evidence that is less certain is tried again
PROPOSALS = 2  # for every posterior draw
WORTH = 0.5  # independent draws that the weights must be worth, for every posterior draw
WIDER = 1.03  # times the sds of a tilted proposal, for tails that cover those of its target
STEP = 0.75  # of the grid of log(sigma), in its sds: for a normal the rule is exact to 1e-15
DEPTH = 30.0  # nats below its top at which the integrand ends
KINKED_STEP, KINKED_DEPTH = 1.0, 8.0  # the same where each value is a Monte-Carlo one
MOST_STEPS = 200
WEIGHTY = 1e-3  # share of the integral of a value whose k-hat counts


class Evidence(NamedTuple):
    """log Z, its Monte-Carlo standard error, Laplace's own, and k-hat."""

    log_evidence: float
    error: float
    laplace: float
    khat: float


class Proposing(Protocol):
    """What can be drawn from: see `proposals.Proposal`."""

    def draw(self, rng: np.random.Generator, n: int) -> tuple[Array, Array]:
        """Return ``n`` draws ``(n, size)`` and their log densities."""


type Tries = Iterator[tuple[Proposing, int]]


class Around(NamedTuple):
    """Where a posterior lies, and what to draw from instead.

    - `tries(n)`: proposals with numbers of draws, n at first and more at last, best first.
    - `laplace`: Laplace's evidence; NaN where a curvature says nothing.
    - `exact`: whether the posterior is the Gaussian at its mode.
    - `last_sd`: the standard deviation of the last parameter, that of log(sigma) if it is learned.
    - `sites`: what stands for the kinks; None without.
    """

    mode: Array
    tries: Callable[[int], Tries]
    laplace: float
    exact: bool
    last_sd: float
    sites: Sites | None


class Pool(NamedTuple):
    """Draws ``(n, size)`` of a proposal, and the smoothed weights p/q."""

    thetas: Array
    smoothed: Smoothed

    @property
    def stands(self) -> bool:
        """Whether k-hat lets the weights be believed."""
        return self.smoothed.khat < khat_limit(len(self.thetas))

    @property
    def error(self) -> float:
        """The standard error of log Z: that of a mean, relative to it."""
        return float(np.sqrt(max(1.0 / self.smoothed.kish - 1.0 / len(self.thetas), 0.0)))


class Node(NamedTuple):
    """The posterior at one sigma of a grid; its evidence has the density of log(sigma) in it."""

    log_sigma: float
    objective: Objective
    around: Around
    evidence: Evidence


def evidence_function(
    first: Problem, draws: int, stream: np.random.SeedSequence
) -> Callable[[Problem], Evidence]:
    """Return the evidence as a function of problems that differ from the first in scales only.

    Each mode is looked for from the last one, and every call takes the same random numbers, so
    that the evidence is a smooth function of the scales, its error included. Raises as `find_mode`.
    """
    check_existence(first)
    known = _moments(first)
    start: Array | None = None

    def evidence(problem: Problem) -> Evidence:
        nonlocal start
        objective = replace(problem.unconstrained, moments=known)
        with unthreaded_products(objective.size):
            around = _around(problem, objective, start)
            start = around.mode
            if not _has_grid(objective):
                return _weighed(objective, around, draws, stream)
            nodes = _nodes(problem, objective, around, draws, stream)
        return _integrated(nodes)._replace(laplace=around.laplace)

    return evidence


def importance_draws(
    problem: Problem, draws: int, chains: int, stream: np.random.SeedSequence
) -> Array | None:
    """Return posterior draws ``(chain, draw, size)``, or None where the weights do not stand.

    They are those of `fit` for a fraction of its time: few proposals, and under kinks no NUTS. Of
    a gaussian response with the identity link, sigma takes the values of a grid. Posteriors that
    may have several modes, and learned scales, are left to others. Raises as `find_mode`.
    """
    if problem.learned:
        return None
    check_existence(problem)
    objective = replace(problem.unconstrained, moments=_moments(problem))
    wanted, rng = draws * chains, np.random.default_rng(stream)
    if not objective.log_concave or (objective.free and not objective.family.quadratic):
        return None
    with unthreaded_products(objective.size):
        around = _around(problem, objective, None)
        if not _has_grid(objective):
            thetas = _resampled(objective, around, wanted, rng)
            return None if thetas is None else thetas.reshape(chains, draws, -1)
        nodes = _nodes(problem, objective, around, wanted, stream)
        log_shares = np.array([one.evidence.log_evidence for one in nodes]) - _total(nodes)
        counts = np.bincount(resample(rng, log_shares, wanted), minlength=len(nodes))
        parts = []
        for node, count in zip(nodes, counts.tolist(), strict=True):
            if count:
                w = _resampled(node.objective, node.around, count, rng)
                if w is None:
                    return None
                parts.append(np.column_stack([w, np.full(count, node.log_sigma)]))
    return rng.permutation(np.concatenate(parts)).reshape(chains, draws, -1)


def _moments(problem: Problem) -> Moments | None:
    objective = problem.unconstrained
    if not objective.family.quadratic or objective.n_coefficients > MOST_KEPT:
        return None
    return with_moments(objective, problem.start()).moments


def _has_grid(objective: Objective) -> bool:
    """Say whether there is a sigma to learn, given which the likelihood is a Gaussian."""
    return bool(objective.free) and objective.family.quadratic


def _around(
    problem: Problem, objective: Objective, start: Array | None, sites: Sites | None = None
) -> Around:
    if objective.kink.any():
        try:
            proposal = tilted(problem, objective, start, sites)
        except ConvergenceError as error:
            raise explained(problem, error) from error
        wider = replace(proposal, width=WIDER)
        return Around(
            proposal.mode,
            lambda n: iter([(proposal, n), (wider, MORE * n)]),
            np.nan,
            exact=False,
            last_sd=proposal.last_sd,
            sites=proposal.sites,
        )
    mode = _mode(problem, objective, start)
    value, _, hessian = objective.evaluate(mode)
    precision = -hessian
    log_volume = 0.5 * (objective.size * np.log(2.0 * np.pi) - _log_det(precision))
    return Around(
        mode,
        partial(_smooth_tries, objective, mode, precision),
        np.nan if problem.uncurved() else value + log_volume,
        exact=_is_gaussian(objective),
        last_sd=float(np.linalg.inv(precision)[-1, -1] ** 0.5) if objective.free else np.nan,
        sites=None,
    )


def _smooth_tries(objective: Objective, mode: Array, precision: Array, n: int) -> Tries:
    """Run through a Gaussian, and a split normal that follows the skewness (Geweke 1989)."""
    first = gaussian(mode, precision)
    yield first, n
    wider = split(first, objective.log_density)
    yield wider, n
    yield wider, MORE * n


def _mode(problem: Problem, objective: Objective, start: Array | None) -> Array:
    try:
        solution = (
            maximise(problem, objective) if start is None else judge_from(problem, objective, start)
        )
    except ConvergenceError as error:
        raise explained(problem, error) from error
    check_mode(problem, solution)
    return np.array(solution.x)


def _is_gaussian(objective: Objective) -> bool:
    quadratic = all(
        part.prior.quadratic or "structure" in part.parameters for part in objective.coefficients
    )
    return objective.family.quadratic and not objective.free and quadratic


def _log_det(precision: Array) -> float:
    scale = 1.0 / np.sqrt(np.diagonal(precision))
    scaled = precision * np.outer(scale, scale)
    return float(np.linalg.slogdet(scaled)[1] - 2.0 * np.log(scale).sum())


def _weighed(
    objective: Objective, around: Around, draws: int, stream: np.random.SeedSequence
) -> Evidence:
    """Return the evidence by the first pool that stands and is precise, or by the last one."""
    if around.exact:
        return Evidence(around.laplace, 0.0, around.laplace, 0.0)
    for proposal, n in around.tries(draws):
        pool = _pool(objective, proposal, n, np.random.default_rng(stream))
        if pool.stands and pool.error < PRECISE:
            break
    return Evidence(pool.smoothed.log_mean, pool.error, around.laplace, pool.smoothed.khat)


def _resampled(
    objective: Objective, around: Around, wanted: int, rng: np.random.Generator
) -> Array | None:
    """Return draws ``(wanted, size)`` by the first pool that stands and is worth enough."""
    for proposal, n in around.tries(max(PROPOSALS * wanted, 100)):
        if around.exact:
            return proposal.draw(rng, wanted)[0]
        pool = _pool(objective, proposal, n, rng)
        if pool.stands and pool.smoothed.kish > WORTH * wanted:
            return pool.thetas[resample(rng, pool.smoothed.log_weights, wanted)]
    return None


def _pool(objective: Objective, proposal: Proposing, n: int, rng: np.random.Generator) -> Pool:
    thetas, log_q = proposal.draw(rng, n)
    return Pool(thetas, smooth(objective.log_density(thetas) - log_q))


def _nodes(
    problem: Problem,
    objective: Objective,
    joint: Around,
    draws: int,
    stream: np.random.SeedSequence,
) -> list[Node]:
    """Return the posteriors given sigma over a grid, outwards from the joint mode."""
    kinked = joint.sites is not None
    step, depth = (KINKED_STEP, KINKED_DEPTH) if kinked else (STEP, DEPTH)
    prior = objective.dispersions[0]
    assert isinstance(prior, PriorPart)

    def node(k: int) -> Node:
        log_sigma = float(joint.mode[-1] + k * step * joint.last_sd)
        sigma = float(np.exp(log_sigma))
        fixed = replace(objective, dispersions=(sigma,))
        own = replace(problem, natural=fixed, unconstrained=fixed)
        around = _around(own, fixed, joint.mode[:-1], joint.sites)
        given = _weighed(fixed, around, -(-draws // 4), stream)
        density = float(prior.total(np.array([sigma]))) + log_sigma
        here = given._replace(log_evidence=given.log_evidence + density)
        return Node(log_sigma, fixed, around, here)

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


def _integrated(nodes: list[Node]) -> Evidence:
    total, step = _total(nodes), nodes[1].log_sigma - nodes[0].log_sigma
    parts = [(np.exp(one.evidence.log_evidence - total), one.evidence) for one in nodes]
    error = float(sum(share * one.error for share, one in parts))
    khat = max(one.khat for share, one in parts if share > WEIGHTY)
    return Evidence(total + float(np.log(step)), error, np.nan, khat)
