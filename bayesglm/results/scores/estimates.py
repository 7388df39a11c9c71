"""What estimates, or posteriors, of the other folds predict of each fold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from bayesglm.design.blocks import Block
from bayesglm.errors import BayesGLMError
from bayesglm.inference.modes.path import path_points
from bayesglm.inference.problem.narrowed import narrowed
from bayesglm.inference.problem.problem import Problem, make_problem
from bayesglm.results.scores.constant_rate import events_of
from bayesglm.results.scores.crossing import (
    FEW,
    CrossScores,
    Sampling,
    check_possible,
    cross_scores,
    each_fold,
    refit,
    unfitted,
)
from bayesglm.results.scores.folds import Sets
from bayesglm.results.scores.predicted import (
    Predicted,
    as_scored,
    beside_constant,
    by_draws,
    by_estimate,
)

Array = np.ndarray
HELD = 20_000_000  # numbers (8 bytes each) of draws of all folds that are kept at once: chosen
# Of the number of a fold and the problems of the others: these under priors that they choose.
type Tuner = Callable[[int, list[Problem]], list[Problem]]


class OfFold(NamedTuple):
    """What is predicted of the rows ``held`` of a fold, of one neuron and one setting."""

    setting: int
    neuron: int
    fold: int
    held: Array
    predicted: Predicted


def by_estimates_of_others(
    settings: Sequence[list[Problem]], fold_of: Array, seed: int = 0
) -> Iterator[OfFold]:
    """Run through the folds, and what the MAP estimates of the others predict of each.

    Settings differ in the scales of priors, and each is the problems of all neurons. Each fold
    goes through them as one path, so that each estimate starts from the last.
    """
    n_folds, turned = int(fold_of.max()) + 1, dict[int, Block]()
    for neuron, first in enumerate(settings[0]):
        constant, whole = ConstantRate.of(first, fold_of), narrowed(first, turned)
        for fold in range(n_folds):
            held = fold_of == fold
            design = whole.take(~held)
            others = [make_problem(one[neuron].plan, neuron, design) for one in settings]
            try:
                points = path_points(others)
            except BayesGLMError as error:
                raise unfitted(fold, n_folds, error) from error
            tested = make_problem(first.plan, neuron, whole.take(held))
            for place, point in enumerate(points):
                predicted = by_estimate(tested, point.solution.x, seed)
                yield OfFold(place, neuron, fold, held, constant.beside(predicted, held))


class ConstantRate(NamedTuple):
    """Log densities ``(rows,)`` at the constant rate of the other folds, and events, if any."""

    log_density: Array | None
    events: Array | None

    @staticmethod
    def of(problem: Problem, fold_of: Array) -> ConstantRate:
        """Return those of all rows of a problem."""
        events = events_of(problem)
        if events is None:
            return ConstantRate(None, None)
        return ConstantRate(events.log_density(events.rate_of_others(fold_of)), events.weighted)

    def beside(self, predicted: Predicted, held: Array) -> Predicted:
        """Return predictions of some rows with these."""
        if self.log_density is None or self.events is None:
            return predicted
        return beside_constant(predicted, self.log_density[held], self.events[held])


def by_tuned_estimates(
    problems: list[Problem], fold_of: Array, tuned: Tuner, seed: int = 0
) -> Iterator[OfFold]:
    """Run through the folds, and what estimates of the others predict of each.

    ``tuned`` chooses priors by the problems of the other folds alone, and returns these with them.
    """
    n_folds = int(fold_of.max()) + 1
    constants = [ConstantRate.of(problem, fold_of) for problem in problems]
    for fold in range(n_folds):
        held = fold_of == fold
        try:
            others = tuned(fold, [problem.restrict(~held) for problem in problems])
            solutions = [path_points([problem])[0].solution for problem in others]
        except BayesGLMError as error:
            raise unfitted(fold, n_folds, error) from error
        for neuron, (problem, solution) in enumerate(zip(problems, solutions, strict=True)):
            predicted = by_estimate(problem.restrict(held), solution.x, seed)
            yield OfFold(0, neuron, fold, held, constants[neuron].beside(predicted, held))


def by_posteriors_of_others(
    problems: list[Problem],
    fold_of: Array,
    sampling: Sampling,
    sets: Sets | None,
    tuned: Tuner | None = None,
) -> Iterator[OfFold]:
    """Run through the folds, and what the posterior of the others predicts of each."""
    n_folds = int(fold_of.max()) + 1
    if tuned is None:
        scores = cross_scores(problems, fold_of, sampling, sets)
    else:
        scores = _tuned_scores(problems, fold_of, sampling, sets, tuned)
    for neuron, problem in enumerate(problems):
        constant = ConstantRate.of(problem, fold_of)
        density = _per_copy(scores.elpd[:, neuron], problem, sets)
        for fold in range(n_folds):
            held = fold_of == fold
            kept = scores.drawn[fold, neuron]
            predicted = by_draws(kept, problem.restrict(held), density[held], sampling.seed)
            # Densities of sets are their rows' together, and tell no single row's.
            predicted = as_scored(predicted) if sets is None else predicted
            yield OfFold(0, neuron, fold, held, constant.beside(predicted, held))


def few_of(problems: list[Problem], fold_of: Array, n_draws: int) -> int:
    """Return how many of the draws of each fold are kept to foretell its rows from: all of few."""
    numbers = (int(fold_of.max()) + 1) * sum(problem.natural.size for problem in problems)
    return int(min(n_draws, max(FEW, HELD // max(1, numbers))))


def _tuned_scores(
    problems: list[Problem], fold_of: Array, sampling: Sampling, sets: Sets | None, tuned: Tuner
) -> CrossScores:
    """Return scores of folds by posteriors under priors that the other folds chose."""
    scores = CrossScores.empty(problems, fold_of, sets)
    for fold in each_fold(fold_of, sets):
        keep = fold_of != fold.number
        try:
            others = tuned(fold.number, [problem.restrict(keep) for problem in problems])
        except BayesGLMError as error:
            raise unfitted(fold.number, int(fold_of.max()) + 1, error) from error
        plan = replace(others[0].plan, designs=tuple(problem.design for problem in problems))
        whole = [make_problem(plan, problem.neuron, problem.design) for problem in problems]
        refit(scores, whole, fold, list(range(len(whole))), sampling, int(fold_of.max()) + 1)
    check_possible(scores.elpd, problems[0], sets)
    return scores


def _per_copy(elpd: Array, problem: Problem, sets: Sets | None) -> Array:
    """Return log densities of rows, each once, of those that rows have with their weights.

    What rows of a set have jointly is shared by them.
    """
    rows, weights = problem.design.predictors.rows, problem.design.weights
    counts = np.ones(len(rows)) if weights is None else weights[rows]
    of_rows = counts if sets is None else np.bincount(sets.codes, counts)[sets.codes]
    own = elpd if sets is None else elpd[sets.codes]
    return np.divide(own, of_rows, out=np.zeros(len(rows)), where=of_rows > 0.0)
