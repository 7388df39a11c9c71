"""Draws under mixtures of two normals, and whether they stand.

Walkers draw from the posterior itself where the likelihood is Gaussian given sigma. Elsewhere they
draw from one in which a quadratic stands for the log likelihood, and importance weights make up for
what it leaves out. The prior cancels in these, however many modes it makes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from bayesglm.errors import ConvergenceError
from bayesglm.inference.draws import Draws
from bayesglm.inference.modes.identified import check_identified
from bayesglm.inference.modes.judge import judge
from bayesglm.inference.problem.centring import centred_all
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.weights.pool import (
    AGREEMENT,
    FINITE_VARIANCE,
    LEAST_PER_CHAIN,
)
from bayesglm.inference.weights.psis import (
    FEWEST_DRAWS,
    KISH_PER_CHAIN,
    Smoothed,
    khat_limit,
    largest_rhat,
    pareto_smoothed,
    resample,
    smallest_ess,
    worth,
)
from bayesglm.inference.weights.walk import Beside, Walk, Way, exactly, indicators_of, nearly
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.numerics.priors.table import PRIORS
from bayesglm.numerics.rows.parallel import unthreaded_products

Array = np.ndarray
PER_CHAIN = 16  # walkers: as many as numpy moves for little more than one ...
FEW_PER_CHAIN, SMALL = 4, 80  # ... and where more parameters than so many make matrices large
BURN_IN = 40  # sweeps before the first draw, after those that settle
ROUNDS = 6  # of quadratics, each around what was drawn under the one before
SETTLING = 20  # sweeps of each
SETTLED = 0.15  # posterior sds by which the mean still moves
# Shares of the quadratic, under which draws go further out than the posterior. On logistic and
# Poisson responses k-hat was 0.35 to 0.8 at 1, at most 0.55 at 0.85 but for few rows, whose 1.2 was
# 0.4 at 0.5; a flatter one has fewer effective draws.
SHARES = (0.85, 0.65, 0.45)
FIRST = 1.25  # draws of a pool per wanted draw at first, where weights have to be borne
ENOUGH = 0.5  # effective draws per wanted draw, below which a pool grows ...
GROWTH, LARGEST = 2.0, 16.0  # ... by such a factor, to so many draws per wanted draw
MOST_RHAT = 1.01  # of the rank-normalised r-hat (Vehtari et al. 2021)
GROUPS = 4  # of walkers, which have to agree
MOST = 500  # parameters, of which 4,000 draws take minutes; a sweep takes as their cube
SHARPEST = 1e6  # slab's sd in units of the spike's, beyond which rounding blurs what a flip gains


def has_indicators(problem: Problem) -> bool:
    """Say whether, two normals told apart for each coefficient, all priors of w are normal."""
    natural = problem.natural
    if all(part.prior.two_normals is None for part in natural.coefficients):
        return False
    return (
        natural.registry.straight
        and natural.size <= MOST
        and all(map(_is_normal_given_indicators, natural.coefficients))
    )


def _is_normal_given_indicators(part: PriorPart) -> bool:
    if part.prior.two_normals is None:
        return part.prior.quadratic and part.tells_width
    both = part.prior.two_normals(**part.parameters)
    return part.structure.diagonal and bool(np.all(both.wide <= SHARPEST * both.narrow))


def indicator_draws(
    problems: list[Problem], draws: int, chains: int, seed: int
) -> list[Draws | ConvergenceError]:
    """Return draws of every neuron, each from a random stream of its own, or why there are none.

    Raises as `check_identified` does.
    """
    streams = np.random.default_rng(seed).spawn(len(problems))
    made: list[Draws | ConvergenceError] = []
    with unthreaded_products(problems[0].unconstrained.size):
        for centre, rng in zip(centred_all(problems), streams, strict=True):
            check_identified(centre.problem)
            try:
                with np.errstate(over="ignore", invalid="ignore"):
                    one = _drawn(centre.problem, draws, chains, rng)
            except ConvergenceError as error:
                made.append(error)
            else:
                made.append(centre.raw_draws(one))
    return made


@dataclass(frozen=True, eq=False)
class Pool:
    """Draws ``(chain, n, size)`` of walkers, one's after another's, and their smoothed weights."""

    thetas: Array
    smoothed: Smoothed

    @property
    def flat(self) -> Array:
        """All draws ``(chain * n, size)``."""
        return self.thetas.reshape(-1, self.thetas.shape[-1])

    @cached_property
    def mixing(self) -> tuple[float, float]:
        """The smallest effective size, and the largest r-hat between a few groups of walkers."""
        groups = self.thetas.reshape(GROUPS, -1, self.thetas.shape[-1])
        return smallest_ess(groups), largest_rhat(groups)

    @property
    def stands(self) -> bool:
        """Whether k-hat is below its limit."""
        return self.smoothed.khat < khat_limit(len(self.flat))

    @property
    def steady(self) -> bool:
        """Whether the weights have a variance."""
        return self.smoothed.khat < FINITE_VARIANCE

    def effective(self, wanted: float = np.inf) -> float:
        """Return how many independent draws the wanted ones, or all, are worth at most."""
        told = worth(self.smoothed.log_weights, self.flat, min(wanted, len(self.flat)))
        return min(told, self.smoothed.kish, self.mixing[0])

    def suffices(self, wanted: int) -> bool:
        """Say whether it is worth enough draws, or more of it are of little use."""
        if not self.steady:
            return True
        return self.effective(wanted) >= ENOUGH * wanted and self.mixing[1] <= MOST_RHAT

    def fault(self, chains: int) -> str:
        """Say why the draws may not be believed; empty where they stand."""
        if not self.stands:
            return f"k-hat is {self.smoothed.khat:.2f}, not below {khat_limit(len(self.flat)):.2f}"
        if not self.mixing[1] <= MOST_RHAT:
            return f"walkers from different starts do not agree, r-hat is {self.mixing[1]:.3f}"
        least, effective = KISH_PER_CHAIN * chains, self.effective()
        if not effective >= least:
            return f"the draws are worth {effective:.0f}, fewer than {least}"
        return ""


def _drawn(problem: Problem, draws: int, chains: int, rng: np.random.Generator) -> Draws:
    """Return draws that stand; raises ConvergenceError."""
    per_chain = PER_CHAIN if problem.natural.size <= SMALL else FEW_PER_CHAIN
    walk = _begun(problem, per_chain * chains, rng)
    walk.run(rng, BURN_IN, adapt=True)
    way, certain = walk.way, walk.way.is_exact or problem.natural.family.log_concave
    pools: list[Pool] = []
    for share in (1.0,) if way.is_exact else SHARES:
        walk.turn(way.flattened(share))
        walk.run(rng, SETTLING)
        pools.append(_pool(walk, draws, chains, rng))
        standing = [pool for pool in pools if pool.stands]
        if pools[-1].steady and (certain or len(standing) > 1):
            break
    best = min(pools, key=lambda pool: float(np.nan_to_num(pool.smoothed.khat, nan=np.inf)))
    fault = best.fault(chains)
    if not fault and not (best.steady and certain):
        fault = _disagreement(standing)
    if fault:
        raise ConvergenceError(fault)
    return _kept(best, way.density, draws, rng)


def _disagreement(pools: list[Pool]) -> str:
    """Compare the means of pools that stand, in Monte-Carlo errors.

    Weights without a variance, or with a mode that no draw has met, look better than they are.
    """
    if len(pools) == 1:
        return "no flatter quadratic confirms the weights"
    weights = [np.exp(pool.smoothed.log_weights) for pool in pools]
    means = [w @ pool.flat for w, pool in zip(weights, pools, strict=True)]
    sd = np.sqrt(weights[0] @ (pools[0].flat - means[0]) ** 2)
    error = sd * np.sqrt(sum(1.0 / pool.effective() for pool in pools))
    furthest = float(np.max(np.ptp(means, axis=0) / error))
    if furthest > AGREEMENT:
        return f"a flatter quadratic moves a mean by {furthest:.1f} Monte-Carlo errors"
    return ""


def _pool(walk: Walk, draws: int, chains: int, rng: np.random.Generator) -> Pool:
    """Return a pool that is worth enough draws, or as large a one as may be."""
    least, per_chain = max(draws, LEAST_PER_CHAIN), len(walk.thetas) // chains
    n_more = int(np.ceil((1.0 if walk.way.is_exact else FIRST) * least / per_chain))
    most = int(np.ceil(LARGEST * least / per_chain))
    paths: list[Array] = []
    ratios: list[Array] = []
    while True:
        path = walk.run(rng, n_more)
        paths.append(path)
        ratios.append(walk.way.log_ratio(path.reshape(-1, path.shape[-1])).reshape(len(path), -1))
        thetas = np.concatenate(paths, axis=1)
        smoothed = pareto_smoothed(np.concatenate(ratios, axis=1).ravel())
        pool = Pool(thetas.reshape(chains, -1, thetas.shape[-1]), smoothed)
        size = thetas.shape[1]
        n_more = min(int((GROWTH - 1.0) * size), most - size)
        if n_more < 1 or pool.suffices(draws * chains):
            return pool


def _kept(pool: Pool, objective: Objective, draws: int, rng: np.random.Generator) -> Draws:
    """Return as many draws of each chain as are wanted, by their weights and in their order."""
    chains, n, size = pool.thetas.shape
    log_weights = pool.smoothed.log_weights.reshape(chains, n)
    own = log_weights - np.logaddexp.reduce(log_weights, axis=1)[:, None]
    index = np.stack([np.sort(resample(rng, weights, draws)) for weights in own])
    kept = np.take_along_axis(pool.thetas, index[..., None], axis=1)
    ess = min(
        smallest_ess(kept),
        pool.effective(draws * chains),
        sum(len(np.unique(one)) for one in index),
    )
    checks = {"min_ess": ess, "khat": pool.smoothed.khat, "accepted": 1}
    if chains > 1 and draws >= FEWEST_DRAWS:
        checks["max_rhat"] = largest_rhat(kept)
    lp = objective.log_density(kept.reshape(-1, size)).reshape(chains, draws)
    why = (
        "the indicators of mixtures were drawn with the coefficients integrated out: "
        f"{ess:.0f} effective of {draws * chains} draws"
    )
    if np.ptp(log_weights) > 0.0:
        why += (
            f"; importance weights of a quadratic log likelihood stand, k-hat {checks['khat']:.2f}"
        )
    return Draws(kept, "collapsed gibbs", why, None, lp, checks=checks)


def _begun(problem: Problem, n: int, rng: np.random.Generator) -> Walk:
    """Return walkers that start from few to many coefficients in the slab, where they settle."""
    objective, start = problem.unconstrained, problem.start(problem.unconstrained)
    indicators, way = indicators_of(problem), _way(objective, start)
    wide = rng.random((n, len(indicators.where))) < rng.random((n, 1))
    walk = Walk(way, Beside(objective), indicators, np.tile(way.centre, (n, 1)), wide)
    for _ in range(ROUNDS):
        path = walk.run(rng, SETTLING, adapt=True)[:, SETTLING // 2 :]
        recent, before = path.reshape(-1, len(start)), walk.way.centre
        walk.turn(walk.way.around(recent))
        away = np.abs(walk.way.centre - before)
        if np.all(away <= SETTLED * recent.std(axis=0)):
            break
    return walk


def _way(objective: Objective, start: Array) -> Way:
    """Return what walkers take for the likelihood at first."""
    if objective.family.quadratic:
        return exactly(objective, start)
    places = [np.arange(one.place.start, one.place.stop) for one in objective.free]
    inner = np.concatenate([np.arange(objective.n_coefficients), *places])
    return nearly(objective, inner, _centre(objective, start)[None])


def _centre(objective: Objective, start: Array) -> Array:
    """Return the mode under normals as wide as the mixtures, all else given where it starts."""
    parts, given = [], objective.given(start)
    for part in given.coefficients:
        if part.prior.two_normals is not None:
            both = part.prior.two_normals(**part.parameters)
            share = both.share
            sd = np.sqrt(share * both.wide**2 + (1.0 - share) * both.narrow**2)
            part = PriorPart(part.where, PRIORS["Normal"], {"scale": sd}, part.shape)
        parts.append(part)
    centre, p = start.copy(), objective.n_coefficients
    centre[:p] = judge(replace(given, coefficients=tuple(parts)), start[:p]).x
    return centre
