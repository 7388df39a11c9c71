"""Pools of importance draws: begun small, enlarged while they are worth too little, and judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol, Self

import numpy as np

from bayesglm.inference.draws import Gaussian
from bayesglm.inference.weights.psis import (
    KISH_PER_CHAIN,
    Smoothed,
    khat_limit,
    pareto_smoothed,
    smallest_ess,
    worth,
)

Array = np.ndarray
FIRST = 1.25  # proposals per wanted draw at first ...
TRIED = 4.0  # ... as many before another proposal is tried ...
MOST = 16.0  # ... and in the end, before short draws are let pass
LEAST_PER_CHAIN = 250  # proposals, however few draws are wanted: the check needs so many
ENOUGH = 0.9  # effective draws per draw, below which more proposals are drawn
FINITE_VARIANCE = 0.5  # k-hat of the heaviest tail that has one
# k-hat below which another pool would have been kept as well: more than two of its standard errors,
# (1 + k) / sqrt(tail) with tails of 200 ratios (Vehtari et al. 2024), below FINITE_VARIANCE.
CERTAIN = 0.3
AGAIN = 200  # proposals per chain that a pool has more when drawn again: worths vary by a few draws
AGREEMENT = 5.0  # Monte-Carlo standard errors between the means under two proposals

type LogDensity = Callable[[Array], Array]


class Proposal(Protocol):
    """What proposes: draws ``(n, size)`` with their log densities, normalised."""

    def draw(self, rng: np.random.Generator, n: int) -> tuple[Array, Array]:
        """Return ``n`` draws and their log densities."""

    def heavier(self) -> Self:
        """Return the same with heavier tails."""


class Pool[P: Proposal](NamedTuple):
    """Draws of one proposal ``(n, size)``, both log densities, and the smoothed weights."""

    proposal: P
    thetas: Array
    log_p: Array
    log_q: Array
    smoothed: Smoothed

    @property
    def stands(self) -> bool:
        """Whether k-hat is below its limit."""
        return self.smoothed.khat < khat_limit(len(self.thetas))

    @property
    def steady(self) -> bool:
        """Whether k-hat also says that the weights have a variance, as effective sizes suppose."""
        return self.stands and self.smoothed.khat < FINITE_VARIANCE

    def heaviness(self) -> float:
        """Return k-hat, infinite where there is none."""
        return float(np.nan_to_num(self.smoothed.khat, nan=np.inf))

    def worth(self, wanted: int) -> float:
        """Return how many independent draws those that are taken from it are worth."""
        return worth(self.smoothed.log_weights, self.thetas, wanted)

    def effective(self, kept: Array, index: Array) -> float:
        """Return the smallest effective size of ``(chain, draw, size)``, its draws at ``index``."""
        return min(
            smallest_ess(kept),
            self.smoothed.kish,
            float(len(np.unique(index))),
            self.worth(len(index)),
        )

    def as_gaussian(
        self, mode: Array, covariance: Array, shape: tuple[int, int], ess: float, why: str
    ) -> Gaussian:
        """Return the Gaussian that was weighted, with the first of its draws ``(chain, draw)``."""
        wanted = shape[0] * shape[1]
        return Gaussian(
            mode,
            covariance,
            self.thetas[:wanted].reshape(*shape, -1),
            self.log_p[:wanted].reshape(shape),
            self.log_q[:wanted].reshape(shape),
            self.smoothed.khat,
            self.smoothed.kish,
            ess,
            accepted=not why,
            why=why,
        )

    def suffices(self, wanted: int) -> bool:
        """Say whether it is worth enough draws."""
        return self.worth(wanted) >= ENOUGH * wanted

    def needed(self, wanted: int) -> int:
        """Return how many proposals suffice, if they go on as they have begun."""
        return int(np.ceil(1.05 * len(self.thetas) * ENOUGH * wanted / self.worth(wanted)))


def find_pool[P: Proposal](
    log_density: LogDensity,
    proposals: Iterable[P],
    wanted: int,
    chains: int,
    rng: np.random.Generator,
) -> Pool[P]:
    """Return a pool that is worth enough draws, or else the best there is, which may be refused.

    The proposals are tried in their order, which ought to be that of their tails, and made when
    their turn has come. A pool that was chosen for its weights is drawn again: of pools that might
    have been refused, those are chosen more often that have missed a tail, and so lack it.
    """
    size = max(int(np.ceil(FIRST * wanted)), LEAST_PER_CHAIN * chains)
    # However few draws are wanted, the check of the weights asks for so many.
    wanted = max(wanted, int(np.ceil(KISH_PER_CHAIN * chains / ENOUGH)))
    pools: list[Pool[P]] = []
    for proposal in proposals:
        pool = drawn(log_density, proposal, size, rng)
        while pool.steady and not pool.suffices(wanted) and pool.needed(wanted) <= TRIED * wanted:
            pool = enlarged(log_density, pool, pool.needed(wanted), rng)
        if pool.steady and pool.suffices(wanted):
            if pool.smoothed.khat < CERTAIN:
                return pool
            pool = again(log_density, pool, chains, rng)
            if pool.stands:
                return _filled(log_density, pool, wanted, rng)
        pools.append(pool)
    steady = [pool for pool in pools if pool.steady]
    standing = [pool for pool in pools if pool.stands]
    if steady:
        best = min(steady, key=lambda pool: pool.needed(wanted))
    elif standing:
        best = standing[-1]  # with the heaviest tail
    else:
        return min(pools, key=Pool.heaviness)
    best = again(log_density, _filled(log_density, best, wanted, rng), chains, rng)
    return _filled(log_density, best, wanted, rng)


def _filled[P: Proposal](
    log_density: LogDensity, pool: Pool[P], wanted: int, rng: np.random.Generator
) -> Pool[P]:
    """Return the pool with as many more draws as it needs, or as may be tried."""
    if pool.suffices(wanted):
        return pool
    return enlarged(log_density, pool, min(pool.needed(wanted), int(MOST * wanted)), rng)


def drawn[P: Proposal](
    log_density: LogDensity, proposal: P, n: int, rng: np.random.Generator
) -> Pool[P]:
    """Return a pool of ``n`` draws of a proposal."""
    thetas, log_q = proposal.draw(rng, n)
    log_p = log_density(thetas)
    return Pool(proposal, thetas, log_p, log_q, pareto_smoothed(log_p - log_q))


def again[P: Proposal](
    log_density: LogDensity, pool: Pool[P], chains: int, rng: np.random.Generator
) -> Pool[P]:
    """Return another pool of the same proposal, of a few more draws."""
    return drawn(log_density, pool.proposal, len(pool.thetas) + AGAIN * chains, rng)


def enlarged[P: Proposal](
    log_density: LogDensity, pool: Pool[P], n: int, rng: np.random.Generator
) -> Pool[P]:
    """Return the pool with as many more draws of its proposal as make ``n``."""
    if n <= len(pool.thetas):
        return pool
    thetas, log_q = pool.proposal.draw(rng, n - len(pool.thetas))
    thetas = np.concatenate([pool.thetas, thetas])
    log_p = np.concatenate([pool.log_p, log_density(thetas[len(pool.thetas) :])])
    log_q = np.concatenate([pool.log_q, log_q])
    return Pool(pool.proposal, thetas, log_p, log_q, pareto_smoothed(log_p - log_q))


def refusal(pool: Pool, chains: int) -> str:
    """Say why the weights may not be believed; empty where they stand."""
    least = KISH_PER_CHAIN * chains
    if not pool.stands:
        return f"k-hat is {pool.smoothed.khat:.2f}, not below {khat_limit(len(pool.thetas)):.2f}"
    effective = min(pool.smoothed.kish, worth(pool.smoothed.log_weights, pool.thetas))
    if effective < least:
        return f"the weights are worth {effective:.0f} draws, fewer than {least}"
    return ""


def fault_of(
    log_density: LogDensity,
    pool: Pool,
    chains: int,
    rng: np.random.Generator,
    safe: bool = True,
) -> str:
    """Say why the weights may not be believed, by themselves or beside a heavier-tailed proposal.

    ``safe`` densities are known to have one mode, and steady weights of theirs need no second look.
    """
    why = refusal(pool, chains)
    if not why and not (safe and pool.steady):
        why = disagreement(log_density, pool, pool.proposal.heavier(), rng)
    return why


def disagreement(
    log_density: LogDensity, pool: Pool, heavier: Proposal, rng: np.random.Generator
) -> str:
    """Compare the means with those under a heavier-tailed proposal, in Monte-Carlo errors.

    Weights without a variance, or with a mode that no draw has met, look better than they are.
    """
    other = drawn(log_density, heavier, len(pool.thetas), rng)
    if other.smoothed.kish < KISH_PER_CHAIN:
        return (
            f"a heavier-tailed proposal has too few effective draws ({other.smoothed.kish:.0f}) "
            "to confirm the weights"
        )
    weights, others = np.exp(pool.smoothed.log_weights), np.exp(other.smoothed.log_weights)
    mean = weights @ pool.thetas
    sd = np.sqrt(weights @ (pool.thetas - mean) ** 2)
    error = sd * np.sqrt(1.0 / pool.smoothed.kish + 1.0 / other.smoothed.kish)
    furthest = float(np.max(np.abs(mean - others @ other.thetas) / error))
    if furthest > AGREEMENT:
        return f"a heavier-tailed proposal moves a mean by {furthest:.1f} Monte-Carlo errors"
    return ""
