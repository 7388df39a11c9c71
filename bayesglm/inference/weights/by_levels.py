"""Posteriors whose levels are integrated out: weights in the few dimensions of the top.

Draws of t = theta without the effects of one grouping come from a proposal at the mode of its own
exact density, and are weighted by that (`pool`); the effects of each level, given t, from exact
steps of their own. What is checked of hundreds of dimensions is so checked in a few, and level by
level.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from bayesglm.errors import ConvergenceError
from bayesglm.inference.draws import MOST_KEPT, PROBS, Draws, Effects, Gaussian
from bayesglm.inference.modes.identified import check_columns
from bayesglm.inference.problem.centring import Centred
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.weights.levels import level_integrals, name_of
from bayesglm.inference.weights.mixture import Mixture, fitted
from bayesglm.inference.weights.pool import Pool, fault_of, find_pool
from bayesglm.inference.weights.proposals import SplitNormal, by_tails, gaussian
from bayesglm.inference.weights.psis import resample
from bayesglm.inference.weights.sigma import has_sigma_first
from bayesglm.numerics.density.levels.integrals import LevelIntegrals
from bayesglm.numerics.density.levels.surrogate import Surrogate, surrogate
from bayesglm.numerics.density.levels.top import Top, highest

Array = np.ndarray
METHOD = "laplace by levels"
MOST_ON_TOP = 120  # dimensions of the top: chosen, a hundred coefficients and their scales
# Effects of known scale up to which a Gaussian of all parameters comes first, and up to which a fit
# tells its covariance: chosen.
FEW_EFFECTS = 200
# Nodes along each effect that are tried in turn, by the number of effects.
LADDERS = {1: (1, 3, 5, 7, 9, 11, 15, 21, 31), 2: (1, 3, 5, 7, 9, 11, 15), 3: (1, 3, 5, 7, 9)}
ALLOWED = 0.01  # nats by which twice the nodes may change the sum of all levels' integrals
PROBED = 8  # thetas of the top at which that is looked at
REACH = 1.5  # sds of these around the mode
LARGE = 3000  # numbers that one evaluation computes, from which on a surrogate is worth its points
LEFT = 1e-3  # of a draw's distribution that may not be the posterior's after the last step
RARE = 0.01  # share of the levels that may be accepted less often than what steps are counted by
MOST_STEPS = 30  # of a draw of effects: chosen
LEAST_ACCEPTED = 0.2  # of the proposals of any level: less is refused
ROUNDS = 4  # of proposals, the first of them at the mode and the others from its draws: chosen
MOST_LEARNT = 20  # dimensions of a top whose mixtures are learnt
SUMMARISED = 500  # draws of the top at which effects are summarised that are not kept


@dataclass(frozen=True)
class Certified:
    """The top's density as it was found fit to be drawn from.

    ``error`` are the nats by which twice the nodes, and the density in place of its surrogate,
    change the log density of the top, but for a constant.
    """

    top: Top[LevelIntegrals]
    integrals: LevelIntegrals
    density: LevelIntegrals | Surrogate
    error: float

    def proposals(self) -> Iterator[SplitNormal]:
        """Return proposals in the order of their tails."""
        return by_tails(gaussian(self.top.mode, self.top.precision), self.density.log_density)


def integrals_of(problem: Problem) -> LevelIntegrals | None:
    """Return the integrals over a problem's levels, where draws begin with these."""
    integrals = level_integrals(problem)
    if integrals is None or integrals.d > MOST_ON_TOP:
        return None
    k, levels = integrals.shape
    few = k * levels <= FEW_EFFECTS and not problem.learned
    return None if few or (has_sigma_first(problem) and k * levels <= FEW_EFFECTS) else integrals


def certified(problem: Problem, integrals: LevelIntegrals) -> Certified:
    """Find the mode of the top and the nodes that suffice there; ConvergenceError where none do."""
    start = problem.start(problem.unconstrained)[integrals.top]
    top = _highest(integrals, start)
    nodes, error = _nodes_needed(top)
    if nodes != top.integrals.nodes:
        top = _highest(integrals.with_nodes(nodes), top.mode)
    exact = replace(top.integrals, steps=_steps_needed(top))
    density: LevelIntegrals | Surrogate = exact
    if exact.cells > LARGE:
        # Slopes want more nodes than values do before they are these values' own.
        finer = exact.with_nodes(exact.nodes + 2)
        polynomial = surrogate(finer, top.mode, gaussian(top.mode, top.precision).factor)
        if polynomial is not None:
            density, error = polynomial, error + polynomial.error
    return Certified(top, exact, density, error)


def _highest(integrals: LevelIntegrals, start: Array) -> Top[LevelIntegrals]:
    top = highest(integrals, start)
    if top is None:
        raise ConvergenceError(
            f"no mode of the {integrals.d} parameters beside the levels' effects was found; their "
            "posterior may be at a boundary"
        )
    return top


def _around(top: Top[LevelIntegrals]) -> Array:
    """Return thetas of the top around its mode."""
    z = REACH * np.random.default_rng(0).standard_normal((PROBED, len(top.mode)))
    return top.mode + z @ gaussian(top.mode, top.precision).factor.T


def _nodes_needed(top: Top[LevelIntegrals]) -> tuple[int, float]:
    """Return how many nodes along each effect suffice, and by how much twice as many differ."""
    k, T, error = top.integrals.shape[0], _around(top), np.inf
    for nodes in LADDERS[k]:
        integrals = top.integrals.with_nodes(nodes)
        twice = integrals.with_nodes(2 * nodes + 1)
        change = twice.log_likelihood(T) - integrals.log_likelihood(T)
        error = float(np.abs(change - np.median(change)).max())
        if error < ALLOWED:
            return nodes, error
    raise ConvergenceError(
        f"{LADDERS[k][-1]} nodes along each of the {k} effects of a level leave an error of "
        f"{error:.2g} nats in the sum over levels"
    )


def _steps_needed(top: Top[LevelIntegrals]) -> int:
    """Return how many steps leave next to nothing of the proposals of the effects."""
    tried = replace(top.integrals, steps=2)
    _, accepted = tried.draw(np.random.default_rng(0), _around(top))
    return steps_needed(accepted)


def steps_needed(accepted: Array) -> int:
    """Return the same from the chances of acceptance of the levels' proposals."""
    rare = min(max(float(np.quantile(accepted, RARE)), 0.05), 1.0 - LEFT)
    # So much of the first proposal is not the posterior's already.
    steps = np.ceil(np.log(LEFT) / np.log1p(-rare)) - 1.0
    return int(np.clip(steps, 1, MOST_STEPS))


def draws_by_levels(
    centre: Centred, draws: int, chains: int, rng: np.random.Generator
) -> Draws | None:
    """Return corrected draws of a problem whose levels are integrated out.

    None where there are no such levels, or the density of the top has no mode that is found; raises
    DataError as `check_columns` does.
    """
    integrals = integrals_of(centre.problem)
    if integrals is None:
        return None
    check_columns(centre.problem)
    try:
        found = certified(centre.problem, integrals)
    except ConvergenceError:
        return None
    wanted, density = draws * chains, found.density.log_density
    pool, why = _pool(density, found.proposals(), wanted, chains, rng)
    index = resample(rng, pool.smoothed.log_weights, wanted)
    kept = pool.thetas[index].reshape(chains, draws, -1)
    ess = pool.effective(kept, index)
    sized = f"k-hat {pool.smoothed.khat:.2f} in {integrals.d} dimensions"
    made = Draws(
        kept,
        METHOD,
        why
        or f"levels of {name_of(centre.problem, integrals)} are integrated out, and importance "
        f"weights of a {pool.proposal.name} proposal stand beside them: {sized}, {ess:.0f} "
        f"effective of {wanted} draws",
        found.top.value,
        pool.log_p[index].reshape(chains, draws),
        solution={
            "gradient_norm": found.top.gradient_norm,
            "n_iter": found.top.n_iter,
            "solver": "newton on the top, levels integrated out",
        },
        checks={
            "khat": pool.smoothed.khat,
            "importance_ess": ess,
            "accepted": int(not why),
            "quadrature_error": found.error,
        },
    )
    factor = gaussian(found.top.mode, found.top.precision).factor
    told = pool.as_gaussian(found.top.mode, factor @ factor.T, (chains, draws), ess, why)
    made = with_effects(centre, found.integrals, replace(made, gaussian=told), rng)
    fault = why or fault_of_levels(centre.problem, made)
    if not fault:
        return made
    refused = made.gaussian and replace(made.gaussian, accepted=False, why=fault)
    return replace(made, why=fault, gaussian=refused, checks=made.checks | {"accepted": 0})


def fault_of_levels(problem: Problem, made: Draws) -> str:
    """Name the level whose effects were accepted too rarely to be draws; empty where none was."""
    accepted, name = made.checks["level_acceptance"], str(made.checks["levels_of"])
    if accepted >= LEAST_ACCEPTED:
        return ""
    block = next(one for one in problem.design.predictors.blocks if one.name == name)
    label = block.coords[block.dims[-1]][made.checks["worst_level"]]
    return (
        f"of the proposals for the effects of level {label} of {name!r} {accepted:.0%} were "
        f"accepted, fewer than {LEAST_ACCEPTED:.0%}"
    )


def _pool(
    density: Callable[[Array], Array],
    proposals: Iterator[SplitNormal],
    wanted: int,
    chains: int,
    rng: np.random.Generator,
) -> tuple[Pool, str]:
    """Return a pool of draws of the top, and why it is refused; mixtures learn of such pools."""
    candidates: Iterable[SplitNormal | Mixture] = proposals
    for _ in range(ROUNDS):
        pool = find_pool(density, candidates, wanted, chains, rng)
        why = fault_of(density, pool, chains, rng)
        if not why or pool.thetas.shape[1] > MOST_LEARNT:
            break
        candidates = (fitted(pool, rng),)
    return pool, why


def with_effects(
    centre: Centred, integrals: LevelIntegrals, made: Draws, rng: np.random.Generator
) -> Draws:
    """Return draws of the top with those of the effects, or with their marginals if they are many.

    As draws of the problem as it was before it was centred.
    """
    shape = made.lp.shape
    T = made.theta.reshape(-1, integrals.d)
    k, levels = integrals.shape
    checks = made.checks | {
        "top_size": integrals.d,
        "levels_of": name_of(centre.problem, integrals),
        "n_nodes": integrals.nodes,
    }
    if len(T) * k * levels > MOST_KEPT:
        some = T[:: max(1, len(T) // SUMMARISED)]
        mean, sd, quantiles, accepted = integrals.summaries(rng, some, PROBS)
        effects = Effects(
            integrals.place,
            integrals.shape,
            mean.reshape(-1),
            sd.reshape(-1),
            quantiles.reshape(len(PROBS), -1),
        )
        return centre.beside(integrals.place).raw_draws(
            replace(made, effects=effects, checks=checks | _worst(accepted))
        )
    effects_drawn, accepted, values = integrals.draw_with_values(rng, T)
    theta = integrals.grouped.whole(T)
    theta[:, integrals.place] = effects_drawn.reshape(len(T), -1)
    lp = values + integrals.grouped.log_priors(T)
    whole = replace(
        made,
        theta=theta.reshape(*shape, -1),
        lp=lp.reshape(shape),
        gaussian=None,
        checks=checks | _worst(accepted),
    )
    if made.gaussian is not None and k * levels <= FEW_EFFECTS:
        whole = replace(whole, gaussian=_whole(integrals, made.gaussian, whole, rng))
    return centre.raw_draws(whole)


def _whole(
    integrals: LevelIntegrals, of_top: Gaussian, made: Draws, rng: np.random.Generator
) -> Gaussian:
    """Return a Gaussian of the top as one of all parameters, with proposals of the effects.

    Effects are drawn from what they are given the top, so that the weights stay as they are.
    """
    shape = of_top.log_p.shape
    T = of_top.raw.reshape(-1, integrals.d)
    effects, _, values = integrals.draw_with_values(rng, T)
    raw = integrals.grouped.whole(T)
    raw[:, integrals.place] = effects.reshape(len(T), -1)
    log_p = (values + integrals.grouped.log_priors(T)).reshape(shape)
    mode = integrals.grouped.whole(of_top.mode[None])[0]
    guide = integrals.guide
    assert guide is not None
    mode[integrals.place] = guide.modes.reshape(-1)
    covariance = np.cov(made.theta.reshape(len(T), -1).T)
    return replace(
        of_top,
        mode=mode,
        covariance=np.atleast_2d(covariance),
        raw=raw.reshape(*shape, -1),
        log_p=log_p,
        log_q=log_p - (of_top.log_p - of_top.log_q),
    )


def _worst(accepted: Array) -> dict[str, float]:
    """Return the smallest share of a level's proposals that were accepted, and which level's."""
    worst = int(np.argmin(accepted))
    return {"level_acceptance": min(float(accepted[worst]), 1.0), "worst_level": worst}
