"""Kernels of a population that share mean and scale: draws of these first, then each neuron's own.

Given mean m and scale s of a term, the coefficients w_n of the neurons are independent, and

    w_nj ~ Normal(m_j, s^2),    p(w_n | m, s, y) = exp(l_n(w_n)) Normal(w_n; m, s^2) / Z_n(m, s).

A log likelihood l_n of many rows is nearly a quadratic. Under quadratics all means and coefficients
are integrated out exactly, which leaves one number for each term, its log scale: that is drawn
first (Rue, Martino & Chopin 2009, by importance weights), then the means, then each neuron's
parameters, from Gaussians. From there every draw is a chain of its own, of Gibbs steps under the
density itself: parameters of each neuron by independence Metropolis, the log ratio being what the
quadratic leaves out; then means and scales given these. Where all neurons together leave little
out, everything is also proposed anew at once. Steps are made until the start is forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_solve, solve_triangular
from scipy.optimize import minimize

from bayesglm.errors import ConvergenceError, ModelError
from bayesglm.inference.draws import Draws
from bayesglm.inference.modes.judge import judge
from bayesglm.inference.modes.optimum import explained
from bayesglm.inference.modes.solve import for_many
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.weights.pool import Pool, find_pool, refusal
from bayesglm.inference.weights.pooled_top import (
    Neuron,
    Top,
    given_top,
    own_density,
    pooled_parts,
    pooled_terms,
    tabulated,
    top_of,
)
from bayesglm.inference.weights.psis import resample
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.priors.spectra import LearnedScale

Array = np.ndarray
# Chosen: how far quadratics are moved, and when they stand where the top's own mode is.
MOST_MOVES, STANDS = 30, 1e-3
# Steps end when no mean or scale correlates by more than this with where it started, and no more
# of any neuron's draws have yet to move.
FORGOTTEN, MOST_SWEEPS = 0.1, 25
LEAST_ACCEPTANCE = 0.05  # of the worst neuron's proposals: chosen
TOGETHER = 4_000_000  # numbers of matrices that are factored at a time: chosen, 32 MB


def pooled_draws(problems: list[Problem], draws: int, chains: int, seed: int) -> list[Draws]:
    """Return draws of all neurons, whose means and scales are the same numbers in all of them.

    Raises ConvergenceError where the start is not forgotten, or proposals are refused.
    """
    if len(problems) != len(problems[0].plan.designs):
        raise ModelError(
            "pooled terms hold all neurons of a population together, and some of them alone are "
            "asked for; give the model pooled=False for this."
        )
    rng = np.random.default_rng(seed)
    top = top_of(problems[0])
    neurons, logs = _quadratics(problems, top)
    P, b = _on_top(neurons, top)

    def density(every: Array) -> Array:
        return np.array([top.moments(P, b, one).log_density for one in every])

    first = tabulated(density, logs)
    pool = find_pool(density, (first, first.heavier()), draws * chains, chains, rng)
    why = refusal(pool, chains)
    if why:
        raise ConvergenceError(f"the scales of pooled terms were refused: {why}")
    index = resample(rng, pool.smoothed.log_weights, draws * chains)
    walk = Walk(top, neurons, rng, P, b, pool, draws * chains)
    state, told = walk.run(walk.start(pool.thetas[index]))
    shape, names = (chains, draws), [f"{name}_scale" for name in pooled_terms(problems[0])]
    why = (
        f"the neurons share {', '.join(names)} and the means: Laplace for these, k-hat "
        f"{pool.smoothed.khat:.2f}, then {told.sweeps} Gibbs steps of each draw, which leave "
        f"{max(told.memory, 0.0):.0%} of the start; {told.acceptance.min():.0%} or more of each "
        "neuron's proposals were accepted"
    )
    checks = {
        "top_size": len(top.loc) + top.n_terms,
        "khat": pool.smoothed.khat,
        "importance_ess": pool.effective(state.logs.reshape(*shape, -1), index),
        "accepted": 1.0,
        "level_acceptance": float(told.acceptance.min()),
    }
    return _as_draws(problems, walk, state, shape, why, checks)


def _quadratics(problems: list[Problem], top: Top) -> tuple[list[Neuron], Array]:
    """Return quadratics about each neuron's mode where the top's own density is highest."""
    n_own = own_density(problems[0].unconstrained).size
    logs = np.array([float(np.log(np.mean(prior.middle))) for prior in top.priors])
    means, at = top.loc, [one.start(one.unconstrained)[:n_own] for one in problems]
    neurons: list[Neuron] = []
    for _ in range(MOST_MOVES):
        neurons = [
            _about(problem, top, means, logs, u) for problem, u in zip(problems, at, strict=True)
        ]
        at = [one.at for one in neurons]
        P, b = _on_top(neurons, top)
        found = minimize(
            lambda v, P=P, b=b: -top.moments(P, b, v).log_density,
            logs,
            method="Nelder-Mead",
            options={"xatol": 1e-5, "fatol": 1e-7},
        )
        given = top.moments(P, b, found.x)
        highest = np.linalg.solve(given.precision, given.towards)
        moved = np.abs(found.x - logs).max(initial=0.0)
        moved = max(moved, float(np.abs((highest - means) / np.exp(found.x)[top.term]).max()))
        means, logs = highest, found.x
        one = neurons[0].objective
        if moved < STANDS or (one.family.quadratic and not one.free):
            break
    return neurons, logs


def _about(problem: Problem, top: Top, means: Array, logs: Array, u: Array) -> Neuron:
    """Return the quadratic about the mode of one neuron's parameters, means and scales given."""
    given = given_top(problem.unconstrained, top, means, logs)
    try:
        mode = np.array(judge(given, u).x)
    except ConvergenceError as error:
        raise explained(problem, error) from error
    own = own_density(problem.unconstrained)
    found = own.evaluate(mode)
    values, vectors = np.linalg.eigh(-found.hessian)
    values = np.maximum(values, 1e-12 * max(float(values[-1]), 1e-300))
    precision = (vectors * values) @ vectors.T
    return Neuron(own, mode, found.value, found.gradient, precision)


def _on_top(neurons: list[Neuron], top: Top) -> tuple[Array, Array]:
    each = [one.on(top.places) for one in neurons]
    return np.stack([P for P, _ in each]), np.stack([b for _, b in each])


def _means(top: Top, P: Array, b: Array, logs: Array, rng: np.random.Generator) -> Array:
    """Return means ``(n, d)``, one draw for each of some log scales ``(n, terms)``."""
    drawn = np.empty((len(logs), len(top.loc)))
    for k, one in enumerate(logs):
        given = top.moments(P, b, one)
        root = np.linalg.cholesky(given.precision)
        centre = cho_solve((root, True), given.towards)
        noise = rng.standard_normal(len(centre))
        drawn[k] = centre + solve_triangular(root, noise, lower=True, trans="T")
    return drawn


class State(NamedTuple):
    """Draws: log scales ``(n, terms)``, means ``(n, d)``, parameters ``(N, n, q)`` of neurons.

    ``left`` ``(N, n)`` is what the quadratics leave out of their log densities.
    """

    logs: Array
    means: Array
    U: Array
    left: Array


class Told(NamedTuple):
    """How the steps went: how many, what is left of the start, and each neuron's acceptance."""

    sweeps: int
    memory: float
    acceptance: Array
    together: float


@dataclass(frozen=True)
class Walk:
    """Gibbs steps of many draws side by side."""

    top: Top
    neurons: list[Neuron]
    rng: np.random.Generator
    P: Array
    b: Array
    pool: Pool
    n_draws: int

    @cached_property
    def densities(self) -> list[Objective]:
        """The neurons' densities in the form in which many are fastest."""
        return [for_many(one.objective, one.at) for one in self.neurons]

    def start(self, logs: Array) -> State:
        """Return draws under the quadratics, given log scales."""
        means = _means(self.top, self.P, self.b, logs, self.rng)
        pairs = [self._propose(k, logs, means) for k in range(len(self.neurons))]
        U, left = (np.stack(one) for one in zip(*pairs, strict=True))
        return State(logs, means, U, left)

    def run(self, state: State) -> tuple[State, Told]:
        """Step until the start is forgotten; ConvergenceError where it is not."""
        first, every, together = state, [], 1.0
        told = Told(0, 1.0, np.zeros(len(self.neurons)), 1.0)
        while told.sweeps < MOST_SWEEPS:
            if together > LEAST_ACCEPTANCE:
                state, together = self._all_at_once(state)
            state, accepted = self._sweep(state)
            every.append(accepted)
            memory = _memory(first, state)
            told = Told(told.sweeps + 1, memory, np.mean(every, axis=0), together)
            stuck = (1.0 - told.acceptance.min()) ** told.sweeps
            if max(told.memory, stuck) < FORGOTTEN:
                return state, told
            if told.acceptance.min() < LEAST_ACCEPTANCE:
                break
        raise ConvergenceError(
            f"after {told.sweeps} steps of pooled means and scales {told.memory:.0%} is left of "
            f"where they started, with an acceptance of {told.acceptance.min():.0%} at least"
        )

    def _propose(self, k: int, logs: Array, means: Array) -> tuple[Array, Array]:
        """Return proposals ``(n, q)`` of a neuron, and what its quadratic leaves out of them."""
        one, places = self.neurons[k], self.top.places
        q = len(one.at)
        U, step = np.empty((len(logs), q)), max(1, TOGETHER // q**2)
        for start in range(0, len(logs), step):
            part = slice(start, start + step)
            held = np.exp(-2.0 * logs[part])[:, self.top.term]
            precision = np.repeat(one.precision[None], len(held), axis=0)
            precision[:, places, places] += held
            towards = np.repeat(one.towards[None], len(held), axis=0)
            towards[:, places] += held * means[part]
            roots = np.linalg.cholesky(precision)
            half = np.linalg.solve(roots, towards[..., None])
            half += self.rng.standard_normal(half.shape)
            U[part] = np.linalg.solve(roots.mT, half)[..., 0]
        return U, self.densities[k].log_density(U) - one.quadratic(U)

    def _all_at_once(self, state: State) -> tuple[State, float]:
        """Propose everything anew under the quadratics, of all neurons together."""
        index = resample(self.rng, self.pool.smoothed.log_weights, self.n_draws)
        new = self.start(self.pool.thetas[index])
        ratio = new.left.sum(axis=0) - state.left.sum(axis=0)
        taken = np.log(self.rng.random(len(ratio))) < ratio
        which = taken[:, None]
        moved = State(
            np.where(which, new.logs, state.logs),
            np.where(which, new.means, state.means),
            np.where(which, new.U, state.U),
            np.where(taken, new.left, state.left),
        )
        return moved, float(taken.mean())

    def _sweep(self, state: State) -> tuple[State, Array]:
        """Step once: each neuron's parameters, then the means, then the scales."""
        U, left, accepted = state.U.copy(), state.left.copy(), np.empty(len(self.neurons))
        for k in range(len(self.neurons)):
            new, rest = self._propose(k, state.logs, state.means)
            taken = np.log(self.rng.random(len(rest))) < rest - left[k]
            U[k, taken], left[k, taken] = new[taken], rest[taken]
            accepted[k] = taken.mean()
        means, logs = self._common(U[..., self.top.places], state.logs)
        return State(logs, means, U, left), accepted

    def _common(self, W: Array, logs: Array) -> tuple[Array, Array]:
        """Return means and log scales given coefficients ``(N, n, d)``."""
        top, n = self.top, len(W)
        held = np.exp(-2.0 * logs)[:, top.term]
        precision = n * held + top.sd**-2.0
        centre = (W.sum(axis=0) * held + top.loc / top.sd**2) / precision
        means = centre + self.rng.standard_normal(centre.shape) / np.sqrt(precision)
        squares = ((W - means) ** 2).sum(axis=0)
        new = np.empty(logs.shape)
        for k in range(top.n_terms):
            own = squares[:, top.term == k]
            shape = 0.5 * n * own.shape[1]
            new[:, k] = 0.5 * np.log(0.5 * own.sum(axis=1) / self.rng.gamma(shape, size=len(own)))
        ratio = top.log_prior_of_scales(new) - top.log_prior_of_scales(logs)
        taken = np.log(self.rng.random(ratio.shape)) < ratio
        return means, np.where(taken, new, logs)


def _memory(first: State, last: State) -> float:
    """Return the largest correlation of a mean or a log scale with where it started."""
    then = np.column_stack([first.logs, first.means])
    now = np.column_stack([last.logs, last.means])
    then, now = then - then.mean(axis=0), now - now.mean(axis=0)
    norm = np.sqrt((then**2).sum(axis=0) * (now**2).sum(axis=0))
    return float(np.max((then * now).sum(axis=0) / norm))


def _as_draws(
    problems: list[Problem],
    walk: Walk,
    state: State,
    shape: tuple[int, int],
    why: str,
    checks: dict[str, float],
) -> list[Draws]:
    """Return the draws of every neuron as they are kept."""
    top = walk.top
    n_own = state.U.shape[-1]
    common = np.empty((len(state.logs), problems[0].natural.size - n_own))
    for k, part in enumerate(pooled_parts(problems[0].unconstrained)):
        own = top.term == k
        assert part.mean is not None
        assert isinstance(part.learned, LearnedScale)
        common[:, part.mean.start - n_own : part.mean.stop - n_own] = state.means[:, own]
        common[:, part.learned.places[0] - n_own] = state.logs[:, k]
    share = top.log_prior(state.means, state.logs) / len(problems)
    made = []
    for k, neuron in enumerate(walk.neurons):
        U = state.U[k]
        lp = state.left[k] + neuron.quadratic(U) + share
        lp = lp + top.log_around(U[:, top.places], state.means, state.logs)
        theta = np.concatenate([U, common], axis=1).reshape(*shape, -1)
        made.append(Draws(theta, "nested laplace", why, None, lp.reshape(shape), checks=checks))
    return made
