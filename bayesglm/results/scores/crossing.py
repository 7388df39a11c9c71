"""Scores of every fold by the posterior of the others, at the least cost that stands its checks.

The posterior of the rows outside a fold is that of all rows divided by what the fold says,

    p(theta | others)  ~  p(theta | all) / p(fold | theta),

so that draws of the one, with Pareto-smoothed weights (Vehtari et al. 2024), are draws of the
other. Where posteriors are near Gaussians, the draws are those of one pool near all of them, which
is more exact and takes less time (`fold_pool`). Where no weights stand, the fold's posterior is
sampled anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from bayesglm.errors import BayesGLMError, DataError
from bayesglm.inference.fit import sample
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.effects import kept_draws
from bayesglm.inference.tree.kept import Kept
from bayesglm.inference.weights.fold_pool import FoldPool, fold_pool
from bayesglm.inference.weights.given_sigma import GivenSigma, given_sigma
from bayesglm.inference.weights.psis import (
    FEWEST_DRAWS,
    KISH_PER_CHAIN,
    effective_sizes,
    khat_limit,
    pareto_smoothed,
    resample,
    worth,
)
from bayesglm.numerics.density.conjugate import is_gaussian_given_sigma
from bayesglm.results.scores.folds import Sets
from bayesglm.results.scores.held_out import Held, log_mean
from bayesglm.results.scores.progress import progress

Array = np.ndarray
# Log densities (8 bytes each) of a fold that are held from their sum to their means: chosen.
HELD = 20_000_000
FEW = 400  # draws of a fold that are kept to foretell its rows from: chosen
# How the posterior of a fold came about.
EXACT, CORRECTED, WEIGHTED, REFITTED = WAYS = "exact", "corrected", "weighted", "refitted"


@dataclass(frozen=True)
class Sampling:
    """What draws from posteriors of problems: so many draws in so many chains, from a seed.

    ``few`` draws of each fold are kept to foretell its rows from.
    """

    draw: Callable[[list[Problem]], list[Kept]]
    draws: int
    chains: int
    seed: int
    few: int = FEW

    def __call__(self, problems: list[Problem]) -> list[Kept]:
        """Return draws of the posterior of each problem."""
        return self.draw(problems)


def as_fit(draws: int, chains: int, seed: int, few: int = FEW) -> Sampling:
    """Return what draws from posteriors as `fit` does, so many draws in each of the chains."""

    def posterior(problems: list[Problem]) -> list[Kept]:
        return kept_draws(problems, sample(problems, draws, chains, seed), seed)

    return Sampling(posterior, draws, chains, seed, few)


class Fold(NamedTuple):
    """One fold: its number, its rows, their sets from 0 on, and where its scores stand."""

    number: int
    rows: Array
    sets: Array | None
    places: Array


type Asked = list[tuple[Fold, int]]  # folds, and the numbers of the neurons to score


def each_fold(fold_of: Array, sets: Sets | None) -> Iterator[Fold]:
    """Run through the folds."""
    for number in range(int(fold_of.max()) + 1):
        rows = np.flatnonzero(fold_of == number)
        if sets is None:
            yield Fold(number, rows, None, rows)
        else:
            own, codes = np.unique(sets.codes[rows], return_inverse=True)
            yield Fold(number, rows, codes, own)


@dataclass(frozen=True)
class CrossScores:
    """Log densities of rows, or sets, by the posterior of the other folds, and how they came.

    - `elpd`: ``(row or set, neuron)``.
    - `in_sample`: the same by the posterior of all rows; NaN where it was not asked for.
    - `khat`: ``(fold, neuron)``, of the weights that were tried; NaN where none were.
    - `ways`: ``(fold, neuron)``, how the posterior came about: one of `WAYS`.
    - `whole`: draws of the posterior of all rows of each neuron, if they were needed.
    - `drawn`: of each fold and neuron a few draws of the posterior without it.
    - `advance`: is told of each that is scored.
    """

    elpd: Array
    in_sample: Array
    khat: Array
    ways: Array
    whole: Sequence[Kept] | None = None
    drawn: dict[tuple[int, int], Kept] = field(default_factory=dict)
    advance: Callable[[], None] = lambda: None

    @staticmethod
    def empty(
        problems: Sequence[Problem],
        fold_of: Array,
        sets: Sets | None,
        whole: Sequence[Kept] | None = None,
    ) -> CrossScores:
        """Return scores into which those of every fold are still to be written."""
        shape = (len(fold_of) if sets is None else len(sets.labels), len(problems))
        by_fold = (int(fold_of.max()) + 1, len(problems))
        khat, ways = np.full(by_fold, np.nan), np.full(by_fold, REFITTED, dtype=object)
        return CrossScores(np.empty(shape), np.full(shape, np.nan), khat, ways, whole)

    def take(self, fold: Fold, neuron: int, scored: Scored) -> None:
        """Write down the scores of a fold."""
        self.elpd[fold.places, neuron] = scored.elpd
        if scored.in_sample is not None:
            self.in_sample[fold.places, neuron] = scored.in_sample
        self.ways[fold.number, neuron] = scored.way
        self.drawn[fold.number, neuron] = scored.drawn
        self.advance()

    def told(self) -> dict[str, float | int]:
        """Say in numbers how many posteriors of folds came about which way."""
        ways, counts = np.unique(self.ways.astype(str), return_counts=True)
        by_way = dict(zip(ways.tolist(), counts.tolist(), strict=True))
        kept = self.khat[np.isin(self.ways.astype(str), (CORRECTED, WEIGHTED))]
        largest = {} if not len(kept) else {"khat": float(kept.max())}
        return {f"n_{way}": by_way.get(way, 0) for way in WAYS} | largest


class Scored(NamedTuple):
    """Scores of one fold of one neuron, and a few draws of the posterior without it."""

    elpd: Array
    in_sample: Array | None
    way: str
    drawn: Kept


def cross_scores(
    problems: list[Problem],
    fold_of: Array,
    sampling: Sampling,
    sets: Sets | None = None,
    whole: Sequence[Kept] | None = None,
) -> CrossScores:
    """Return log densities of every row, or set, by the posterior of the other folds.

    Parameters
    ----------
    problems
        Those of all neurons, of all rows.
    fold_of
        The fold ``(row,)`` of every kept row, from 0 on.
    sampling
        What draws from posteriors.
    sets
        Rows that are left out, and scored, together; each set is in one fold.
    whole
        Draws of the posterior of all rows of each neuron, if there are any already.

    Raises
    ------
    DataError
        A fold without which the model cannot be fitted, or to which the others give no chance.
    """
    with progress("kfold", (int(fold_of.max()) + 1) * len(problems), "folds") as advance:
        scores = CrossScores.empty(problems, fold_of, sets, whole)
        scores = _scored(replace(scores, advance=advance), problems, fold_of, sampling, sets)
    check_possible(scores.elpd, problems[0], sets)
    return scores


def _scored(
    scores: CrossScores,
    problems: list[Problem],
    fold_of: Array,
    sampling: Sampling,
    sets: Sets | None,
) -> CrossScores:
    """Return the scores with those of all folds written down, each the cheapest way that stands."""
    folds = list(each_fold(fold_of, sets))
    left: Asked = [(fold, k) for k in range(len(problems)) for fold in folds]
    if sets is None:
        left = _exactly(scores, problems, left, sampling)
    left = _corrected(scores, problems, fold_of, left, sampling)
    if left and scores.whole is None and not all(is_exact(problems[k]) for _, k in left):
        scores = replace(scores, whole=_drawn(problems, sampling))
    if left and scores.whole is not None:
        left = _weighted(scores, problems, left, sampling)
    for fold in folds:
        members = [k for one, k in left if one is fold]
        if members:
            refit(scores, problems, fold, members, sampling, len(folds))
    return scores


def is_exact(problem: Problem) -> bool:
    """Say whether a posterior is drawn exactly, in no more time than weights would take."""
    return is_gaussian_given_sigma(problem.unconstrained) and not problem.learned


def _drawn(problems: list[Problem], sampling: Sampling) -> list[Kept] | None:
    """Return draws of the posterior of all rows; None where there is none, as folds will tell."""
    try:
        return sampling(problems)
    except BayesGLMError:
        return None


def _exactly(
    scores: CrossScores, problems: list[Problem], asked: Asked, sampling: Sampling
) -> Asked:
    """Score rows of folds whose predictive densities have a closed form, and return the others."""
    left: Asked = []
    whole: dict[int, GivenSigma | None] = {}
    for fold, k in asked:
        problem = problems[k]
        keep = np.ones(problem.design.n_rows, dtype=bool)
        keep[fold.rows] = False
        rng = np.random.default_rng([sampling.seed, fold.number, k])
        others = problem.design.predictors.rows[keep]
        held = Held(Kept(problem, np.zeros((0, 0))), problem, fold.rows, None, others)
        try:
            if k not in whole:
                whole[k] = given_sigma(problem, 0, rng)
            of_all = whole[k]
            own = None if of_all is None else given_sigma(problem.restrict(keep), sampling.few, rng)
        except BayesGLMError:  # as sampling will tell
            own = None
        if own is None or of_all is None or held.new is not None:
            left.append((fold, k))
            continue
        tested = held.plain
        drawn = Kept(problem, own.theta)
        scored = Scored(own.log_densities(tested), of_all.log_densities(tested), EXACT, drawn)
        scores.take(fold, k, scored)
    return left


def _corrected(
    scores: CrossScores, problems: list[Problem], fold_of: Array, asked: Asked, sampling: Sampling
) -> Asked:
    """Score folds from one pool near all their posteriors, and return those whose weights fail."""
    left: Asked = []
    wanted, chains = sampling.draws * sampling.chains, sampling.chains
    for k, problem in enumerate(problems):
        rng = np.random.default_rng([sampling.seed, problem.neuron])
        own = [fold for fold, neuron in asked if neuron == k]
        try:
            pool = fold_pool(problem, fold_of, wanted, chains, rng) if own else None
        except BayesGLMError:  # as the folds will tell, if it is theirs too
            pool = None
        for fold in own:
            if pool is None or not pool.stands(fold.number):
                left.append((fold, k))
            else:
                scores.khat[fold.number, k] = pool.khat(fold.number)
                scores.take(fold, k, _of_pool(pool, problem, fold, sampling.few, rng))
    return left


def _of_pool(
    pool: FoldPool, problem: Problem, fold: Fold, few: int, rng: np.random.Generator
) -> Scored:
    """Return the scores of a fold by draws of a pool."""
    kept, weights = Kept(problem, pool.natural), pool.log_weights(fold.number)
    others = np.delete(problem.design.predictors.rows, fold.rows)
    held = Held(kept, problem, fold.rows, fold.sets, others)
    drawn = kept.some(resample(rng, weights, min(few, kept.n_draws)))
    if fold.sets is None and held.new is None:
        elpd, in_sample = pool.log_densities(fold.number)
        return Scored(elpd, in_sample if pool.stands(-1) else None, CORRECTED, drawn)
    return Scored(_means(held, None, weights), None, CORRECTED, drawn)


def _weighted(
    scores: CrossScores, problems: list[Problem], asked: Asked, sampling: Sampling
) -> Asked:
    """Score folds by weighted draws of all rows, and return those whose weights fail."""
    assert scores.whole is not None
    # Draws of neurons that share parameters have weights in common.
    left: Asked = []
    kept = [one.finished[1] for one in scores.whole]
    by_fold: dict[int, list[tuple[Fold, int]]] = {}
    for fold, k in asked:
        by_fold.setdefault(fold.number, []).append((fold, k))
    for pairs in by_fold.values():
        fold, members = pairs[0][0], [k for _, k in pairs]
        for some in [members] if problems[0].pooled else [[k] for k in members]:
            own = [kept[k] for k in some]
            if not _weigh(scores, problems, fold, some, own, sampling):
                left += [(fold, k) for k in some]
    return left


def _weigh(
    scores: CrossScores,
    problems: list[Problem],
    fold: Fold,
    members: list[int],
    kept: list[Kept],
    sampling: Sampling,
) -> bool:
    """Score a fold by weighted draws of all rows, and say whether the weights stand.

    Draws of all rows keep each row inside the domain of its link, and say nothing of what others
    leave beyond that of a row they have not seen.
    """
    if not problems[0].natural.family.domain.is_real_line:
        return False
    others = np.delete(problems[0].design.predictors.rows, fold.rows)
    every = [
        Held(one, problems[k], fold.rows, fold.sets, others)
        for k, one in zip(members, kept, strict=True)
    ]
    is_held = sum(one.n for one in every) * kept[0].n_draws <= HELD
    values = [one.each(np.array) if is_held else None for one in every]
    totals = [_sums(one, known) for one, known in zip(every, values, strict=True)]
    weights, khat = _weights(sum(totals, np.zeros(kept[0].n_draws)), kept, sampling.chains)
    scores.khat[fold.number, members] = khat
    if weights is None:
        return False
    for k, (number, one) in enumerate(zip(members, every, strict=True)):
        elpd = _means(one, values[k], weights)
        in_sample = _means(one, values[k], None) if one.new is None else None
        rng = np.random.default_rng([sampling.seed, fold.number, number])
        some = resample(rng, weights, min(sampling.few, kept[k].n_draws))
        drawn = one.foretelling(some, rng)
        scores.take(fold, number, Scored(elpd, in_sample, WEIGHTED, drawn))
    return True


def _sums(held: Held, values: list[Array] | None) -> Array:
    """Return the log density ``(draws,)`` of all rows of a fold."""
    parts = held.each(_row_sum) if values is None else map(_row_sum, values)
    return sum(parts, np.zeros(held.kept.n_draws))


def _row_sum(values: Array) -> Array:
    return values.sum(axis=1)


def _means(held: Held, values: list[Array] | None, log_weights: Array | None) -> Array:
    """Return the log mean density of each row, or set, under weights of the draws."""

    def mean(some: Array) -> Array:
        return log_mean(some, log_weights)

    return np.concatenate(held.each(mean) if values is None else [mean(some) for some in values])


def _weights(total: Array, kept: list[Kept], chains: int) -> tuple[Array | None, float]:
    """Return smoothed log weights of draws without some rows, None where they fail, and k-hat."""
    if not np.isfinite(total).all():
        return None, np.inf
    smoothed = pareto_smoothed(-total)
    if not smoothed.khat < khat_limit(len(total)):
        return None, smoothed.khat
    log_weights = smoothed.log_weights
    size = min(smoothed.kish, *(worth(log_weights, one.theta) for one in kept))
    is_enough = size * _efficiency(total, chains) >= KISH_PER_CHAIN * chains
    return (log_weights if is_enough else None), smoothed.khat


def _efficiency(values: Array, chains: int) -> float:
    """Return how many independent draws one of a chain is worth, 1 at most, as values tell."""
    if len(values) % chains or len(values) < FEWEST_DRAWS * chains:
        return 1.0
    (size,) = effective_sizes(values.reshape(chains, -1, 1))
    return min(1.0, float(size) / len(values)) if np.isfinite(size) else 1.0


def refit(
    scores: CrossScores,
    problems: list[Problem],
    fold: Fold,
    members: list[int],
    sampling: Sampling,
    n_folds: int,
) -> None:
    """Score a fold by the posterior of the others, sampled anew."""
    keep = np.ones(problems[0].design.n_rows, dtype=bool)
    keep[fold.rows] = False
    try:
        every = sampling([problems[k].restrict(keep) for k in members])
    except BayesGLMError as error:
        raise unfitted(fold.number, n_folds, error) from error
    for k, kept in zip(members, every, strict=True):
        seen = kept.problem.design.predictors.rows
        held = Held(kept, problems[k], fold.rows, fold.sets, seen)
        some = np.linspace(0, kept.n_draws - 1, min(sampling.few, kept.n_draws)).astype(np.intp)
        scores.take(fold, k, Scored(_means(held, None, None), None, REFITTED, kept.some(some)))


def unfitted(fold: int, n_folds: int, error: BayesGLMError) -> DataError:
    """Return what to raise where the rows outside a fold cannot be fitted."""
    return DataError(
        f"fold {fold + 1} of {n_folds} cannot be fitted: {error} Use fewer folds, or proper priors."
    )


def check_possible(elpd_i: Array, problem: Problem, sets: Sets | None = None) -> None:
    """Raise DataError where held-out responses have no probability at all."""
    plan, lost = problem.plan, ~np.isfinite(elpd_i).all(axis=1)
    if lost.any():
        rows = problem.design.predictors.rows
        if sets is not None:
            rows = rows[np.unique(sets.codes, return_index=True)[1]]
        first = int(rows[np.argmax(lost)])
        raise DataError(
            f"{int(lost.sum())} held-out responses of {plan.model.response!r} have a predictive "
            f"density of zero, the first at {plan.sample_dim}={first}: the folds they were left "
            "out of predict something else altogether. Look at the scales of the predictors and "
            "of the offset, and give proper priors."
        )
