"""What a scale is chosen by: a score of the model at each scale, and what it is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from bayesglm.errors import ModelError
from bayesglm.inference.fit import sample
from bayesglm.inference.modes.router import MOST_KEPT
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.effects import kept_draws, named_draws
from bayesglm.inference.tree.kept import Kept
from bayesglm.inference.weights.evidence import evidence_function, importance_draws
from bayesglm.inference.weights.psis import khat_limit
from bayesglm.results.scores.cross_scores import cross_scores
from bayesglm.results.scores.estimates import by_estimates_of_others
from bayesglm.results.scores.judged import judge
from bayesglm.results.scores.loo import pointwise_loo, relative_efficiency
from bayesglm.results.scores.pools import Pooled
from bayesglm.results.scores.sampling import Sampling
from bayesglm.results.scores.scoring import SCORINGS

Array = np.ndarray
EVIDENCE_TIE = 1e-3  # nats
ELPD_TIE = 0.1  # nats: elpds have larger Monte-Carlo errors than evidences
SCORE_TIE = 1e-9  # relative, of means of scores: estimates are found to less than that
CHAINS = 4  # of the draws behind every score, as `fit` has by default: chosen


class Score(NamedTuple):
    """What is maximised, what the curve tells of it, and its parts or influences, one for each row.

    What falls short of it by no more than ``tie`` is as good.
    """

    value: float
    statistics: dict[str, float]
    tie: float
    pointwise: Array | None = None


# Of several settings of the scales, each the problems of all neurons.
type Criterion = Callable[[Sequence[list[Problem]]], list[Score]]


def by_evidence(
    first: list[Problem], draws: int, seed: int, instead: str = "use method='kfold'"
) -> Criterion:
    """Return the log evidence of all neurons; ``first`` are their problems at some scales.

    ``instead`` is the remedy where there is none.
    """
    first[0].refuse_confined("the evidence", f"{instead}, or fit it and compare by kfold")
    uncurved = first[0].uncurved()
    if first[0].learned and uncurved:
        raise ModelError(
            f"the evidence with learned scales ({', '.join(first[0].learned)}) beside "
            f"{', '.join(uncurved)} is not available; give those scales numbers, or "
            f"{instead}."
        )
    if first[0].natural.kinks.groups:
        raise ModelError(
            f"the evidence of {', '.join(uncurved)} is not available: no proposal is known "
            f"under kinks of whole groups; {instead}."
        )
    size = first[0].natural.n_coefficients
    if size > MOST_KEPT:
        raise ModelError(
            f"the evidence of {size} coefficients needs the determinant of their curvature, and "
            f"{MOST_KEPT} are the most whose curvature is formed; use fewer lags or pixels."
        )
    streams = np.random.SeedSequence(seed).spawn(len(first))
    functions = [
        evidence_function(problem, draws, stream)
        for problem, stream in zip(first, streams, strict=True)
    ]

    def score(problems: list[Problem]) -> Score:
        each = [of(problem) for of, problem in zip(functions, problems, strict=True)]
        value, error, laplace, khat = (np.array(column) for column in zip(*each, strict=True))
        total = float(value.sum())
        statistics = {
            "log_evidence": total,
            "log_evidence_se": float(np.sqrt(np.sum(error**2))),
            "log_evidence_laplace": float(laplace.sum()),
            "khat": float(np.max(khat)),
        }
        return Score(total, statistics, EVIDENCE_TIE)

    return _one_by_one(score)


def _one_by_one(score: Callable[[list[Problem]], Score]) -> Criterion:
    return lambda settings: [score(problems) for problems in settings]


def posterior_of(draws: int, seed: int) -> Sampling:
    """Return what draws from posteriors: by importance weights, else as `fit` does."""
    each = -(-draws // CHAINS)

    def posterior(problems: list[Problem]) -> list[Kept]:
        streams = np.random.SeedSequence(seed).spawn(len(problems))
        thetas = [
            importance_draws(problem, each, CHAINS, stream)
            for problem, stream in zip(problems, streams, strict=True)
        ]
        refused = [one for one, theta in zip(problems, thetas, strict=True) if theta is None]
        sampled = sample(refused, each, CHAINS, seed) if refused else []
        again = iter(kept_draws(refused, sampled, seed))
        return [
            next(again) if theta is None else Kept(problem, theta.reshape(-1, theta.shape[-1]))
            for problem, theta in zip(problems, thetas, strict=True)
        ]

    return Sampling(posterior, each, CHAINS, seed)


def by_folds(fold_of: Array, posterior: Sampling) -> Criterion:
    """Return the elpd by folds that are left out, one for each row."""

    def score(problems: list[Problem]) -> Score:
        return _elpd(cross_scores(problems, fold_of, posterior).elpd, {})

    return _one_by_one(score)


def by_estimates(fold_of: Array, scoring: str) -> Criterion:
    """Return the score of folds by the estimate of the others, over all samples together."""
    record = SCORINGS[scoring]

    def scores(settings: Sequence[list[Problem]]) -> list[Score]:
        every = by_estimates_of_others(settings, fold_of)
        judged = judge(every, [record], settings[0], fold_of, len(settings))
        return [_pooled(one.of_all(), scoring) for (one,) in judged]

    return scores


def _pooled(one: Pooled, scoring: str) -> Score:
    statistics = {scoring: one.value, f"{scoring}_se": one.error}
    value = SCORINGS[scoring].sense * one.value
    return Score(value, statistics, SCORE_TIE * abs(one.value), one.influence)


def by_leaving_one_out(posterior: Sampling) -> Criterion:
    """Return the elpd by leaving single rows out, their weights smoothed."""

    def score(problems: list[Problem]) -> Score:
        kept = posterior(problems)
        group = named_draws(kept, CHAINS)
        elpd_i, pareto_k, _ = pointwise_loo(kept, relative_efficiency(group))
        high = pareto_k > khat_limit(kept[0].n_draws)
        more = {"khat": float(np.fmax.reduce(pareto_k, axis=None)), "n_high_khat": int(high.sum())}
        return _elpd(elpd_i, more)

    return _one_by_one(score)


def _elpd(elpd_i: Array, more: dict[str, float]) -> Score:
    total, error = float(elpd_i.sum()), sum_error(elpd_i)
    return Score(total, {"elpd": total, "elpd_se": error} | more, ELPD_TIE, elpd_i)


def sum_error(values: Array) -> float:
    """Return the standard error of a sum, as ArviZ has it."""
    return float(np.sqrt(values.size * np.var(values)))
