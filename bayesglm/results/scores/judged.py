"""Held-out predictions judged: scores of rows and folds, kept so that they can be pooled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from bayesglm.inference.problem.problem import Problem
from bayesglm.results.scores.estimates import OfFold
from bayesglm.results.scores.fold_scores import check_possible
from bayesglm.results.scores.pools import Pooled, by_set
from bayesglm.results.scores.scoring import Scoring, row_scores

Array = np.ndarray


@dataclass(frozen=True)
class Judged:
    """The scores of one scoring and one setting, of all neurons.

    ``values (row, neuron)`` are those of rows, which count ``counts`` times, or where only a fold
    has a score the influences on it; ``of_folds (fold, neuron)`` are those of folds.
    """

    scoring: Scoring
    fold_of: Array
    values: Array
    counts: Array
    of_folds: Array

    def of_fold(self, fold: int, neuron: int, codes: Array) -> Pooled:
        """Return the score of a fold; rows of one number in ``codes`` count together."""
        held = self.fold_of == fold
        values, counts = self.values[held, neuron], self.counts[held, neuron]
        if self.scoring.whole is None:
            return self.scoring.pool(values, counts, codes[held])
        value = float(self.of_folds[fold, neuron])
        return Pooled(value, by_set(values, codes[held]))

    def of_neuron(self, neuron: int, codes: Array) -> Pooled:
        """Return the score of all rows, or the mean over the folds that have one."""
        values = self.values[:, neuron]
        if self.scoring.whole is None:
            return self.scoring.pool(values, self.counts[:, neuron], codes)
        folds = self.of_folds[:, neuron]
        folds = folds[~np.isnan(folds)]
        n, mean = len(folds), float(folds.mean()) if len(folds) else np.nan
        if not np.isnan(values).any():
            return Pooled(mean, by_set(values, codes) / max(n, 1))
        spread = np.sqrt(n * (n - 1.0)) if n > 1 else np.nan
        return Pooled(mean, (folds - mean) / spread)

    def of_all(self) -> Pooled:
        """Return the score of all rows of all neurons, each row by itself."""
        n, n_neurons = self.values.shape
        if self.scoring.whole is None:
            codes = np.arange(n * n_neurons)
            return self.scoring.pool(self.values.T.ravel(), self.counts.T.ravel(), codes)
        each = [self.of_neuron(neuron, np.arange(n)) for neuron in range(n_neurons)]
        mean = float(np.mean([one.value for one in each]))
        return Pooled(mean, np.concatenate([one.influence for one in each]) / n_neurons)


def judge(
    every: Iterable[OfFold],
    scorings: Sequence[Scoring],
    problems: Sequence[Problem],
    fold_of: Array,
    n_settings: int = 1,
) -> list[list[Judged]]:
    """Return the scores of predictions, setting by setting and scoring by scoring.

    Raises DataError where a response was predicted to be impossible.
    """
    shape, n_folds = (len(fold_of), len(problems)), int(fold_of.max()) + 1
    judged = [
        [
            Judged(
                one, fold_of, np.zeros(shape), np.zeros(shape), np.full((n_folds, shape[1]), np.nan)
            )
            for one in scorings
        ]
        for _ in range(n_settings)
    ]
    for part in every:
        for one in judged[part.setting]:
            scoring, place = one.scoring, (part.held, part.neuron)
            one.counts[place] = scoring.counts(part.predicted)
            if scoring.whole is None:
                one.values[place] = row_scores(part.predicted, scoring)
            else:
                value, influence = scoring.whole(part.predicted)
                one.of_folds[part.fold, part.neuron] = value
                one.values[place] = np.nan if influence is None else influence
    for one in (one for setting in judged for one in setting):
        if one.scoring.whole is None:
            best = one.values == one.scoring.sense * np.inf
            check_possible(np.where(best, 0.0, one.values), problems[0])
    return judged
