"""Posteriors whose effects fall into blocks: weights in the few dimensions of the top, unbiased.

Draws of t = theta without effects come from a proposal that has learnt the density of t by
Laplace's method, and are weighted by an unbiased estimate of its exact one; the effects of each
block are those of one of the draws that the estimate is made of. What is checked of hundreds of
dimensions is so checked in a few, and block by block.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bayesglm.inference.draws import MOST_KEPT, Draws
from bayesglm.inference.problem.centring import Centred
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.weights.by_levels import (
    FEW_EFFECTS,
    LADDERS,
    LEAST_ACCEPTED,
    steps_needed,
)
from bayesglm.inference.weights.levels import MOST_EFFECTS, is_grouping
from bayesglm.inference.weights.mixture import Mixture, fitted
from bayesglm.inference.weights.pool import LEAST_PER_CHAIN, Pool, drawn, fault_of
from bayesglm.inference.weights.proposals import SplitNormal, gaussian, split
from bayesglm.inference.weights.psis import (
    khat_limit,
    pareto_smoothed,
    resample,
)
from bayesglm.numerics.density.blocks.integrals import BlockIntegrals, BlockLaplace, shares_of
from bayesglm.numerics.density.blocks.laid import Blocks, blocks_of
from bayesglm.numerics.density.layout import Grouping
from bayesglm.numerics.density.levels.prior import LevelPrior, is_alike
from bayesglm.numerics.density.levels.top import Top, highest

Array = np.ndarray
METHOD = "laplace by blocks"
LARGEST = 40  # effects of a block: of more, a few draws say too little of its integral
MOST_ON_TOP = 60  # dimensions of the top, whose derivatives are differences: chosen
MOST_IN_ALL = 20000  # effects: chosen; the effects of more are not kept
FEWEST, MOST = 2, 64  # draws of each block at each t
VARIANCE = 1.0  # of the log of an estimate: chosen, more draws of t are as good as less of it
LOOKED_AT, LOOKS = 4, 500  # thetas at which blocks are looked at, and draws of each there
WORST = 10  # blocks whose k-hat is asked for: those with the smallest shares
ALLOWED = 0.02  # nats by which twice the nodes may change the sum of all integrals
CLOSE = 1e-3  # squared sds of the last step towards modes, where a proposal is learnt
ROUNDS, LEARNT_FROM = 3, 2000  # of proposals, and draws of each from which the next is learnt
TRIED = 3  # proposals, each learnt from the weights of the last
MOST_FOR_EACH = 2.0  # draws of the top at which estimates are made, for each that is wanted
REACH = 1.5  # sds around the mode of the thetas that are looked at
ALIKE = 1e-9  # log ratios that differ by less have no tail


@dataclass(frozen=True)
class Seen:
    """What draws of the blocks around the mode say: the number of draws that is needed of each.

    ``effective`` are the shares of each block's draws that count, ``worst`` is the block of the
    largest ``khat``. ``error`` are the nats that twice the nodes change.
    """

    integrals: BlockIntegrals
    variance: float
    effective: Array
    khat: float
    worst: int
    error: float


def blocks_in(problem: Problem) -> Blocks | None:
    """Return the blocks of a problem with several groupings; None where they are too large.

    Or where there are few effects and no scales to learn, of which one Gaussian comes first.
    """
    objective, predictors = problem.unconstrained, problem.design.predictors
    one_line = predictors.sharing is None and len(objective.family.channels) == 1
    if not one_line or not objective.source.n_rows:
        return None
    chosen, priors = [], []
    for block in predictors.blocks:
        if not is_grouping(block) or block.name not in problem.places:
            continue
        where = problem.places[block.name]
        part = next(one for one in objective.coefficients if one.where == where)
        k = part.size // block.n_levels
        if is_alike(part, k, block.n_levels, objective.size):
            codes, values = block.effects(predictors.rows)
            chosen.append(Grouping(where, codes, values, block.n_levels))
            priors.append(LevelPrior(part, k, block.n_levels))
    inner = max(range(len(chosen)), key=lambda g: chosen[g].n_levels, default=0)
    size = sum(one.size for one in chosen)
    if len(chosen) < 2 or not FEW_EFFECTS < size <= MOST_IN_ALL:
        return None
    if chosen[inner].values.shape[1] > MOST_EFFECTS or objective.size - size > MOST_ON_TOP:
        return None
    order = np.argsort(chosen[inner].codes, kind="stable")
    design = problem.design.take(order)
    sorted_ones = [one._replace(codes=one.codes[order], values=one.values[order]) for one in chosen]
    rows = design.source.form(slice(0, design.n_rows))
    return blocks_of(objective, rows, sorted_ones, priors, LARGEST)


def draws_by_blocks(
    centre: Centred, draws: int, chains: int, rng: np.random.Generator
) -> Draws | None:
    """Return corrected draws of a problem whose effects fall into blocks.

    None where they do not, where there is no mode of the top, or where a check is not stood.
    """
    problem, wanted = centre.problem, draws * chains
    if problem.natural.size * wanted > MOST_KEPT:
        return None
    blocks = blocks_in(problem)
    if blocks is None:
        return None
    top = highest(BlockLaplace(blocks), problem.start(problem.unconstrained)[blocks.top])
    if top is None:
        return None
    seen = _seen(top)
    if seen is None or seen.khat >= khat_limit(LOOKED_AT * LOOKS):
        return None
    found = _pool(top, seen, wanted, chains, rng)
    if found is None:
        return None
    pool, x = found
    index = resample(rng, pool.smoothed.log_weights, wanted)
    T, shape = pool.thetas[index], (chains, draws)
    made = seen.integrals.draw(rng, T, x[index])
    if made.accepted.min() < LEAST_ACCEPTED:
        return None
    theta = blocks.whole(T)
    theta[:, blocks.places] = made.effects
    ess = pool.effective(T.reshape(*shape, -1), index)
    khat = pool.smoothed.khat
    return centre.raw_draws(
        Draws(
            theta.reshape(*shape, -1),
            METHOD,
            f"{blocks.n_blocks} blocks of effects are integrated out ({_told(problem, seen)}), and "
            f"importance weights of a {pool.proposal.name} proposal stand beside them: k-hat "
            f"{khat:.2f} in {len(blocks.top)} dimensions, {ess:.0f} effective of {wanted} draws",
            top.value,
            (made.value + blocks.log_priors(T)).reshape(shape),
            solution={
                "gradient_norm": top.gradient_norm,
                "n_iter": top.n_iter,
                "solver": "newton on the top, blocks by laplace",
            },
            checks={
                "khat": khat,
                "importance_ess": ess,
                "accepted": 1,
                "quadrature_error": seen.error,
                "top_size": len(blocks.top),
                "block_khat": seen.khat,
                "block_share": float(seen.effective.min()),
            },
        )
    )


def _pool(
    top: Top[BlockLaplace], seen: Seen, wanted: int, chains: int, rng: np.random.Generator
) -> tuple[Pool, Array] | None:
    """Return draws of the top weighted by estimates, and effects of the draws of these.

    What proposes is learnt from weights by Laplace's method, which cost less. None where no weights
    are to be believed.
    """
    smooth = replace(top.integrals, near=CLOSE).log_density
    proposal: SplitNormal | Mixture = split(gaussian(top.mode, top.precision), smooth).heavier()
    for _ in range(ROUNDS):
        learnt = drawn(smooth, proposal, LEARNT_FROM, rng)
        proposal = fitted(learnt, rng)
    share = learnt.worth(LEARNT_FROM) / LEARNT_FROM
    noise = seen.variance / seen.integrals.n_draws
    n = int(wanted * min(np.exp(noise) / share, MOST_FOR_EACH))
    n = max(n, LEAST_PER_CHAIN * chains)
    for attempt in range(TRIED):
        pool, x = _weighed(proposal, seen.integrals, n, rng)
        stands = _stands(pool, seen.integrals, chains, rng)
        if stands and attempt > 0:  # chosen for its weights, which are to be others'
            pool, x = _weighed(proposal, seen.integrals, n, rng)
            stands = _stands(pool, seen.integrals, chains, rng)
        if stands:
            return pool, x
        proposal = fitted(pool, rng)
    return None


def _weighed(
    proposal: SplitNormal | Mixture, integrals: BlockIntegrals, n: int, rng: np.random.Generator
) -> tuple[Pool, Array]:
    """Return draws of the top and of the blocks' effects, weighted by the estimates of these."""
    T, log_q = proposal.draw(rng, n)
    found = integrals.estimates(rng, T)
    smoothed = pareto_smoothed(found.log_density - log_q)
    return Pool(proposal, T, found.log_density, log_q, smoothed), found.x


def _stands(pool: Pool, integrals: BlockIntegrals, chains: int, rng: np.random.Generator) -> bool:
    """Say whether the weights of a pool may be believed."""

    def density(T: Array) -> Array:
        return integrals.estimates(rng, T).log_density

    return not fault_of(density, pool, chains, rng)


def _seen(top: Top[BlockLaplace]) -> Seen | None:
    """Look at the blocks around the mode; None where no number of nodes or draws suffices."""
    z = REACH * np.random.default_rng(0).standard_normal((LOOKED_AT, len(top.mode)))
    T = top.mode + z @ gaussian(top.mode, top.precision).factor.T
    needed = _nodes_needed(top.integrals, T)
    if needed is None:
        return None
    nodes, error = needed
    integrals = BlockIntegrals(top.integrals, LOOKS, nodes, steps=2)
    rng = np.random.default_rng(0)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        ratios = np.concatenate([integrals.weighed(rng, t[None]).log_ratios for t in T], axis=2)
    shares = shares_of(ratios)  # of (blocks, draws, thetas)
    if not np.isfinite(shares.log_mean).all():
        return None
    centred = ratios - shares.log_mean[:, None]
    effective = shares.effective.mean(axis=1)
    worst = np.argsort(effective)[:WORST]
    khats = [_khat(centred[one].ravel()) for one in worst]
    last = int(np.argmax(khats))
    pairs = 0.5 * np.exp(centred).reshape(len(centred), 2, LOOKS // 2, -1).sum(axis=1)
    variance = float(2.0 * pairs.var(axis=1).sum(axis=0).mean())
    n_draws = max(FEWEST, 2 * int(np.ceil(0.5 * variance / VARIANCE)))
    if n_draws > MOST:
        return None
    integrals = replace(integrals, n_draws=n_draws)
    accepted = integrals.draw(rng, T, integrals.estimates(rng, T).x).accepted
    integrals = replace(integrals, steps=steps_needed(accepted))
    return Seen(integrals, variance, effective, khats[last], int(worst[last]), error)


def _khat(log_ratios: Array) -> float:
    """Return k-hat; of ratios that are all alike there is no tail."""
    if np.ptp(log_ratios) < ALIKE:
        return -np.inf
    return float(np.nan_to_num(pareto_smoothed(log_ratios).khat, nan=np.inf))


def _nodes_needed(laplace: BlockLaplace, T: Array) -> tuple[int, float] | None:
    """Return how many nodes suffice along each inner effect, and what twice as many change."""

    def values(nodes: int) -> Array:
        found = BlockIntegrals(laplace, FEWEST, nodes).estimates(np.random.default_rng(0), T)
        return found.log_density

    for nodes in LADDERS[laplace.blocks.priors[0].k]:
        change = values(2 * nodes + 1) - values(nodes)
        error = float(np.abs(change - np.median(change)).max())
        if error < ALLOWED:
            return nodes, error
    return None


def _told(problem: Problem, seen: Seen) -> str:
    """Say how far the draws of the blocks are to be believed, and name the worst of these."""
    blocks = seen.integrals.laplace.blocks
    names = {where.start: name for name, where in problem.places.items()}
    start, outermost = int(blocks.starts[-2]), blocks.groupings[-1]
    name = names[outermost.where.start]
    block = next(one for one in problem.design.predictors.blocks if one.name == name)
    own = np.flatnonzero(blocks.block[start : start + outermost.n_levels] == seen.worst)
    label = block.coords[block.dims[-1]][own[0]] if len(own) else "none"
    return (
        f"{seen.integrals.n_draws} draws of each at each theta, their k-hat at most "
        f"{seen.khat:.2f}, where {name} is {label}"
    )
