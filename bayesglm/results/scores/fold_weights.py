"""Folds scored by draws of the posterior of all rows, weighted to be those without each.

    p(theta | others)  ~  p(theta | all) / p(fold | theta),

with Pareto-smoothed weights (Vehtari et al. 2024), where these stand.
"""

from __future__ import annotations

import numpy as np

from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.kept import Kept
from bayesglm.inference.weights.psis import (
    KISH_PER_CHAIN,
    efficiency,
    khat_limit,
    pareto_smoothed,
    resample,
    worth,
)
from bayesglm.results.scores.fold_scores import WEIGHTED, CrossScores, Fold, FoldScore, Pairs
from bayesglm.results.scores.held_out import Held, log_mean
from bayesglm.results.scores.sampling import Sampling

Array = np.ndarray
# Log densities (8 bytes each) of a fold that are held from their sum to their means: chosen.
HELD = 20_000_000


def by_weights(
    scores: CrossScores, problems: list[Problem], asked: Pairs, sampling: Sampling
) -> Pairs:
    """Score folds by weighted draws of all rows, and return those whose weights fail."""
    assert scores.whole is not None
    # Draws of neurons that share parameters have weights in common.
    left: Pairs = []
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
        elpd = mean_densities(one, values[k], weights)
        in_sample = mean_densities(one, values[k], None) if one.new is None else None
        rng = np.random.default_rng([sampling.seed, fold.number, number])
        some = resample(rng, weights, min(sampling.few, kept[k].n_draws))
        drawn = one.foretelling(some, rng)
        scores.take(fold, number, FoldScore(elpd, in_sample, WEIGHTED, drawn))
    return True


def _sums(held: Held, values: list[Array] | None) -> Array:
    """Return the log density ``(draws,)`` of all rows of a fold."""
    parts = held.each(_row_sum) if values is None else map(_row_sum, values)
    return sum(parts, np.zeros(held.kept.n_draws))


def _row_sum(values: Array) -> Array:
    return values.sum(axis=1)


def mean_densities(held: Held, values: list[Array] | None, log_weights: Array | None) -> Array:
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
    is_enough = size * efficiency(total, chains) >= KISH_PER_CHAIN * chains
    return (log_weights if is_enough else None), smoothed.khat
