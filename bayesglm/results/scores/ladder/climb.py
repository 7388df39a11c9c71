"""The climb: importance weights for all units, and for those they fail what costs more.

1. Pareto-smoothed importance weights of all draws (Vehtari, Gelman & Gabry 2017, Statistics and
   Computing 27, 1413-1432).
2. Where all but a gaussian response's sigma is normal: the closed form, sigma by a rule
   (`bayesglm.inference.weights.leaving_exactly`), of every unit, for it takes less than weights.
3. Where a row's level has an effect of its own: the same weights, the level's effects integrated
   out of what is left of it (Vehtari, Mononen, Tolvanen, Sivula & Winther 2016, JMLR 17(103);
   Merkle, Furr & Rabe-Hesketh 2019, Psychometrika 84, 802-829).
4. Where many fail: one pool of draws from a mixture of the posteriors without each of them,
   weighted for each (Silva & Zanella 2022, Robust leave-one-out cross-validation for
   high-dimensional Bayesian models; what they sample from is such a mixture. Here Student t
   densities around the modes stand for its parts).
5. Draws moved to the mode without the unit, a refit begun at the mode of all data; where modes do
   not tell the posterior, moved by weighted moments until they are there
   (`bayesglm.inference.weights.shifted`).
6. A posterior of the other data, drawn as `fit` does, and a bridge between its draws and these.

Every rung beyond these weights tells log p(y_i | y_-i) as a difference of evidences.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bayesglm.errors import BayesGLMError
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.kept import Kept
from bayesglm.inference.weights.bridge import Bridged, bridged
from bayesglm.inference.weights.leaving import Moves, error_of
from bayesglm.inference.weights.mixture import Mixture
from bayesglm.inference.weights.pool import CERTAIN, FINITE_VARIANCE
from bayesglm.inference.weights.psis import khat_limit, pareto_smoothed
from bayesglm.inference.weights.shifted import (
    Peak,
    Removal,
    Whole,
    between,
    confirmed,
    matched_by_halves,
    of_ratios,
    onto,
    removed,
)
from bayesglm.results.scores.ladder.units import Units
from bayesglm.results.scores.progress import progress

Array = np.ndarray
MANY = 20  # units that fail, from which on one pool may serve them all: chosen ...
SINGLY = 1 << 31  # ... where each by itself takes more densities of rows: ten seconds' work
CONTROLLED = 1 << 29  # densities of rows at all draws, up to which scores are asked for: seconds
MOST_CELLS = 1 << 36  # densities of rows at one map: more is not tried, a few minutes' work
LEAST_EACH = 100  # draws of the pool for each posterior in the mixture: chosen
MIXTURE_DF = 10.0  # of its Student t densities: chosen, tails heavier than a posterior's
# Where scales are learned: with k-hats from here to 0.5 densities of small groups erred by 0.1 to
# 0.3 nats, five times what was told, and below it by 0.03 at most. Measured.
OF_LEARNED = 0.4
# nats: where tails may lengthen, moments that move a density further only stand until a refit
# tells it. Measured: moved by 5.6, one erred by 0.5 at a k-hat of 0.15, for want of draws in the
# tail.
FAR = 1.0
BELIEVED = 0.5  # nats: a refit of a larger error is not believed, its estimate no longer normal

PSIS, EXACT, INTEGRATED, MIXTURE, MODES, MOMENTS, REFIT = range(7)
RUNGS = ("psis", "exact", "integrated", "mixture", "modes", "moments", "refit")
SHARED = (INTEGRATED, MODES, MOMENTS)  # rungs whose estimates are of the fit's own draws

type Posterior = Callable[[list[Problem]], list[Kept]]


class Means(NamedTuple):
    """What the climb goes by.

    - `chains`: of the fit's draws, `relative_efficiency` of which each is worth.
    - `posterior`: draws from problems of some of the rows, at most `refits` times.
    - `seed`: of the mixture's draws.
    """

    chains: int
    relative_efficiency: float
    posterior: Posterior
    refits: int
    seed: int


@dataclass
class Climbed:
    """Of each unit of one neuron: its log density, the rung that told it, k-hats and errors.

    ``first`` and ``influence`` are log densities and k-hats of the first rung, ``khat`` those of
    the last, 0 of refits and closed forms, and ``cost`` how much the log density falls when the
    unit is left out.
    ``moves`` ``(rung, draw)`` are how draws move the sums of rungs that share them, and ``squares``
    ``(rung,)`` the squared errors of sums of those that do not. k-hats below ``steady`` are of
    errors that can be told. ``weighing`` is the first rung's.
    """

    elpd: Array
    first: Array
    influence: Array
    khat: Array
    cost: Array
    rung: Array
    error: Array
    moves: Array
    squares: Array
    limit: float
    steady: float
    chains: int
    weighing: Moves

    @property
    def failing(self) -> Array:
        """The units whose estimates do not stand."""
        return np.flatnonzero(~(self.khat < self.limit))

    @property
    def unsteady(self) -> Array:
        """The units whose weights may have no variance, and so no error that can be told."""
        return np.flatnonzero(~(self.khat < self.steady))

    @property
    def uncertain(self) -> Array:
        """The units that the next rungs are asked to tell, where that costs little."""
        return np.flatnonzero(~(self.khat < self.weighing.limit))

    def put(self, unit: int, rung: int, removal: Removal) -> bool:
        """Take an estimate for one unit if its k-hat is lower than that of the last, and say so."""
        last = np.inf if np.isnan(self.khat[unit]) else self.khat[unit]
        if not removal.khat < last or not np.isfinite(removal.log_density):
            return False
        self.cost[unit] += self.elpd[unit] - removal.log_density
        self.elpd[unit], self.khat[unit] = removal.log_density, removal.khat
        self.rung[unit] = rung
        self.error[unit] = error_of(removal.moves, self.chains)
        return True

    def errors(self) -> tuple[Array, float]:
        """Return the standard errors of the sums of each rung, and of the sum of all."""
        of_rungs = np.array([error_of(one, self.chains) ** 2 for one in self.moves])
        total = error_of(self.moves.sum(axis=0), self.chains) ** 2 + self.squares.sum()
        return np.sqrt(of_rungs + self.squares), float(np.sqrt(total))


def climb(units: Units, means: Means) -> Climbed:
    """Climb as far as each unit has to."""
    state = by_weights(units, means)
    by_closed_form(state, units)
    removals = by_integrals(state, units, state.unsteady)
    uncertain = state.uncertain
    if len(uncertain) * units.cells > SINGLY:
        uncertain = state.unsteady
    can_move = len(uncertain) and units.cells < MOST_CELLS
    whole = units.whole if can_move else None
    if whole is not None:
        removals |= _by_moves(state, units, whole, uncertain, means)
    by_refits(state, units, whole, means)
    if EXACT in state.rung:
        state.moves[PSIS] = 0.0
        added = np.zeros(units.n, dtype=bool)
    else:
        added = state.influence < state.weighing.limit
    for unit in np.flatnonzero(~added).tolist():
        rung = state.rung[unit]
        if rung == PSIS:
            state.moves[PSIS] += state.weighing.of(units.own(unit)[None])[0][0]
        elif rung in SHARED:
            state.moves[rung] += removals[unit].moves
    return state


def _by_moves(
    state: Climbed, units: Units, whole: Whole, which: Array, means: Means
) -> dict[int, Removal]:
    """Tell units by draws that are moved to the posteriors without them, or by a mixture of all."""
    top = units.peak(whole.thetas.mean(axis=0), None)
    peaks: dict[int, Peak] = {}
    if top is not None:
        every = {unit: units.peak(top.mode, unit) for unit in which.tolist()}
        peaks = {unit: peak for unit, peak in every.items() if peak is not None}
    if top is not None and len(peaks) >= MANY and len(peaks) * units.cells > SINGLY:
        by_mixture(state, units, whole, [top, *peaks.values()], list(peaks), means)
        which = state.unsteady
    removals: dict[int, Removal] = {}
    with progress("score", len(which), "left out by moved draws") as advance:
        for unit in which.tolist():
            removals |= by_shift(state, units, whole, top, peaks.get(unit), unit)
            advance()
    return removals


def by_closed_form(state: Climbed, units: Units) -> None:
    """Tell the log densities of units whose density has a closed form, but for a rule."""
    exact = units.exact()
    if exact is None:
        return
    told = np.isfinite(exact.error)
    state.cost[told] += (state.elpd - exact.elpd)[told]
    state.elpd[told], state.error[told] = exact.elpd[told], exact.error[told]
    state.khat[told], state.rung[told] = 0.0, EXACT
    state.squares[EXACT] = exact.error[told].sum() ** 2


def by_integrals(state: Climbed, units: Units, which: Array) -> dict[int, Removal]:
    """Tell log densities of rows by weights, the effects of their levels integrated out."""
    values = units.integrated(which) if len(which) else None
    if values is None:
        return {}
    removals = {}
    for unit, own in zip(which.tolist(), values.T, strict=True):
        removal = of_ratios(-own)
        if state.put(unit, INTEGRATED, removal):
            removals[unit] = removal
    return removals


def by_weights(units: Units, means: Means) -> Climbed:
    """Tell the log densities of all units by weights of the fit's draws: the first rung."""
    n_draws = units.n_draws
    controls = units.controls() if units.cells < CONTROLLED else None
    is_cheap = units.safe and units.cells < CONTROLLED
    steady = OF_LEARNED if units.learned else FINITE_VARIANCE
    limit = CERTAIN if is_cheap else steady
    moves = Moves(n_draws, means.relative_efficiency, limit, controls)
    first = units.each(moves.add)
    every = np.zeros((len(RUNGS), n_draws))
    every[PSIS] = moves.total
    return Climbed(
        first.elpd.copy(),
        first.elpd,
        first.khat,
        first.khat.copy(),
        first.p.copy(),
        np.full(units.n, PSIS),
        first.error.copy(),
        every,
        np.zeros(len(RUNGS)),
        khat_limit(n_draws),
        steady,
        means.chains,
        moves,
    )


def by_mixture(
    state: Climbed, units: Units, whole: Whole, peaks: list[Peak], which: list[int], means: Means
) -> None:
    """Tell the log densities of units by one pool from the mixture of all their posteriors.

    The first of the peaks is that of all data, whose evidence the same draws tell.
    """
    share = np.full(len(peaks), 1.0 / len(peaks))
    factors = np.stack([np.linalg.inv(one.factor).T for one in peaks])
    mixture = Mixture(share, np.stack([one.mode for one in peaks]), factors, MIXTURE_DF)
    n = max(len(whole.thetas), LEAST_EACH * len(peaks))
    thetas, log_q = mixture.draw(np.random.default_rng(means.seed), n)
    log_ratios = whole.log_density(thetas) - log_q
    of_all = pareto_smoothed(log_ratios)
    total = np.zeros(n)
    for unit, left_out in zip(which, units.log_densities(thetas, np.array(which)).T, strict=True):
        rest = pareto_smoothed(log_ratios - left_out)
        moves = n * (np.exp(of_all.log_weights) - np.exp(rest.log_weights))
        khat = max(of_all.khat, rest.khat)
        if khat < FINITE_VARIANCE:
            removal = Removal(of_all.log_mean - rest.log_mean, khat, moves)
            if state.put(unit, MIXTURE, removal):
                total += moves
    state.squares[MIXTURE] = (total**2).mean() / n


def by_shift(
    state: Climbed,
    units: Units,
    whole: Whole,
    top: Peak | None,
    peak: Peak | None,
    unit: int,
) -> dict[int, Removal]:
    """Tell the log density of a unit by draws that are moved; return the estimate taken."""
    left_out = _left_out(units, unit)
    told = removed if units.safe else confirmed
    taken: dict[int, Removal] = {}
    if top is not None and peak is not None:
        removal = told(whole, left_out, between(whole.thetas, top, peak))
        if state.put(unit, MODES, removal):
            taken[unit] = removal
    if not state.khat[unit] < state.steady:
        moved = matched_by_halves(whole, left_out, state.steady)
        removal = told(whole, left_out, moved)
        if not units.safe and abs(removal.log_density - state.first[unit]) > FAR:
            removal = removal._replace(khat=max(removal.khat, state.steady))
        if state.put(unit, MOMENTS, removal):
            taken[unit] = removal
    return taken


def by_refits(state: Climbed, units: Units, whole: Whole | None, means: Means) -> None:
    """Tell what is left by posteriors of the other data, the worst first."""
    left = state.unsteady
    order = np.argsort(-np.nan_to_num(state.khat[left], nan=np.inf), kind="stable")
    worst = left[order][: means.refits].tolist()
    with progress("score", len(worst), "refits") as advance:
        for unit in worst:
            advance()
            ratio = _refitted(units, whole, unit, means)
            if ratio is None or not ratio.error < BELIEVED:
                continue
            state.cost[unit] += state.elpd[unit] - ratio.log_ratio
            state.elpd[unit], state.khat[unit] = ratio.log_ratio, 0.0
            state.rung[unit], state.error[unit] = REFIT, ratio.error
            state.squares[REFIT] += ratio.error**2


def _refitted(units: Units, whole: Whole | None, unit: int, means: Means) -> Bridged | None:
    """Return the ratio of evidences by a refit, None without one.

    Draws of the refit, which come about as the fit's do, are worth as much each.
    """
    try:
        (kept,) = means.posterior([units.rest(unit)])
    except BayesGLMError:
        return None
    return evidence_ratio(units, whole, unit, kept, means.relative_efficiency)


def evidence_ratio(
    units: Units, whole: Whole | None, unit: int, kept: Kept, relative_efficiency: float
) -> Bridged | None:
    """Return the better of two bridges to draws without a unit: from draws as they are, and moved.

    None where effects are redrawn.
    """
    of_rest = units.of_rest(kept, unit)
    if of_rest is None:
        return None
    efficiency = min(1.0, relative_efficiency)
    sizes = units.n_draws * efficiency, len(of_rest) * efficiency
    plain = bridged(units.own(unit), of_rest, *sizes)
    if whole is None:
        return plain
    moved = onto(whole, _left_out(units, unit), units.thetas_of(kept))
    if moved is None:
        return plain
    return min(plain, bridged(*moved, *sizes), key=lambda one: one.error)


def _left_out(units: Units, unit: int) -> Callable[[Array], Array]:
    return lambda thetas: units.log_densities(thetas, np.array([unit]))[:, 0]
