"""Scores of every fold by the posterior of the others, at the least cost that stands its checks.

The posterior of the rows outside a fold is that of all rows divided by what the fold says,

    p(theta | others)  ~  p(theta | all) / p(fold | theta),

so that draws of the one, with Pareto-smoothed weights (Vehtari et al. 2024), are draws of the
other. Where posteriors are near Gaussians, the draws are those of one pool near all of them, which
is more exact and takes less time (`fold_pool`). Where no weights stand, the fold's posterior is
sampled anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from bayesglm.errors import BayesGLMError
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.kept import Kept
from bayesglm.inference.weights.fold_pool import FoldPool, fold_pool
from bayesglm.inference.weights.given_sigma import GivenSigma, given_sigma
from bayesglm.inference.weights.psis import (
    resample,
)
from bayesglm.numerics.density.conjugate import is_gaussian_given_sigma
from bayesglm.results.scores.fold_scores import (
    CORRECTED,
    EXACT,
    REFITTED,
    CrossScores,
    Fold,
    FoldScore,
    Pairs,
    check_possible,
    each_fold,
    unfitted,
)
from bayesglm.results.scores.fold_weights import by_weights, mean_densities
from bayesglm.results.scores.folds import Sets
from bayesglm.results.scores.held_out import Held
from bayesglm.results.scores.progress import progress
from bayesglm.results.scores.reached import reached_densities
from bayesglm.results.scores.sampling import Sampling

Array = np.ndarray
BRIDGES = 20  # posteriors that means on few draws cost, of all folds, or one of each: chosen


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
    scores.tell_of_hanging()
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
    left: Pairs = [(fold, k) for k in range(len(problems)) for fold in folds]
    if sets is None:
        left = _exactly(scores, problems, left, sampling)
    left = _corrected(scores, problems, fold_of, left, sampling)
    if left and scores.whole is None and not all(is_exact(problems[k]) for _, k in left):
        scores = replace(scores, whole=_drawn(problems, sampling))
    if left and scores.whole is not None:
        left = by_weights(scores, problems, left, sampling)
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
    scores: CrossScores, problems: list[Problem], asked: Pairs, sampling: Sampling
) -> Pairs:
    """Score rows of folds whose predictive densities have a closed form, and return the others."""
    left: Pairs = []
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
        scored = FoldScore(own.log_densities(tested), of_all.log_densities(tested), EXACT, drawn)
        scores.take(fold, k, scored)
    return left


def _corrected(
    scores: CrossScores, problems: list[Problem], fold_of: Array, asked: Pairs, sampling: Sampling
) -> Pairs:
    """Score folds from one pool near all their posteriors, and return those whose weights fail."""
    left: Pairs = []
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
) -> FoldScore:
    """Return the scores of a fold by draws of a pool."""
    kept, weights = Kept(problem, pool.natural), pool.log_weights(fold.number)
    others = np.delete(problem.design.predictors.rows, fold.rows)
    held = Held(kept, problem, fold.rows, fold.sets, others)
    drawn = kept.some(resample(rng, weights, min(few, kept.n_draws)))
    if fold.sets is None and held.new is None:
        elpd, in_sample = pool.log_densities(fold.number)
        return FoldScore(elpd, in_sample if pool.stands(-1) else None, CORRECTED, drawn)
    return FoldScore(mean_densities(held, None, weights), None, CORRECTED, drawn)


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
        sampled = partial(_whole_or_sampled, scores, sampling, (k, len(keep)))
        elpd, hanging = reached_densities(held, sampled, sampling.chains, BRIDGES // n_folds)
        scores.take(fold, k, FoldScore(elpd, None, REFITTED, kept.some(some), hanging))


def _whole_or_sampled(
    scores: CrossScores, sampling: Sampling, of: tuple[int, int], problem: Problem
) -> Kept:
    """Return draws of the posterior of some rows of a neuron, those known where all are asked.

    ``of`` is the number of the neuron, and how many rows all are.
    """
    if problem.design.n_rows == of[1] and scores.whole is not None:
        return scores.whole[of[0]].finished[1]
    return sampling([problem])[0]
