"""What estimates, or posteriors, of the other folds predict of each fold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from bayesglm.design.design import Design
from bayesglm.design.members import take_together
from bayesglm.errors import BayesGLMError
from bayesglm.inference.modes.optimum import find_modes
from bayesglm.inference.modes.path import path_points
from bayesglm.inference.problem.narrowed import narrowed
from bayesglm.inference.problem.problem import Problem, make_problem
from bayesglm.numerics.solvers.newton import Solution
from bayesglm.results.scores.constant_rate import events_of
from bayesglm.results.scores.cross_scores import cross_scores, refit
from bayesglm.results.scores.fold_scores import CrossScores, check_possible, each_fold, unfitted
from bayesglm.results.scores.folds import Sets
from bayesglm.results.scores.predicted import Predicted, as_scored, by_draws, by_estimate
from bayesglm.results.scores.progress import progress
from bayesglm.results.scores.sampling import FEW, Sampling

Array = np.ndarray
HELD = 20_000_000  # numbers (8 bytes each) of draws of all folds that are kept at once: chosen
FORETOLD = 100_000_000  # predictions of rows by draws, of all folds: chosen, some seconds
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
    first, n_folds = settings[0], int(fold_of.max()) + 1
    constants = [ConstantRate.of(problem, fold_of) for problem in first]
    whole = narrowed(first)
    for fold in range(n_folds):
        held = fold_of == fold
        designs = take_together(whole, ~held)
        try:
            solutions = _modes([_on(problems, designs) for problems in settings])
        except BayesGLMError as error:
            raise unfitted(fold, n_folds, error) from error
        tested = _on(first, take_together(whole, held))
        for place, neuron in np.ndindex(len(settings), len(first)):
            predicted = by_estimate(tested[neuron], solutions[place][neuron].x, seed)
            yield OfFold(place, neuron, fold, held, constants[neuron].beside(predicted, held))


def _on(problems: Sequence[Problem], designs: Sequence[Design]) -> list[Problem]:
    """Return the problems of all neurons on other designs."""
    return [
        make_problem(problem.plan, problem.neuron, design)
        for problem, design in zip(problems, designs, strict=True)
    ]


def _modes(settings: Sequence[list[Problem]]) -> list[list[Solution]]:
    """Return the modes, setting by setting: of one those of all neurons at once, else as paths."""
    if len(settings) == 1:
        return [find_modes(settings[0])]
    paths = [path_points(of_neuron) for of_neuron in zip(*settings, strict=True)]
    return [[point.solution for point in points] for points in zip(*paths, strict=True)]


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
        return replace(predicted, constant=self.log_density[held], events=self.events[held])


def by_tuned_estimates(
    problems: list[Problem], fold_of: Array, tuned: Tuner, seed: int = 0
) -> Iterator[OfFold]:
    """Run through the folds, and what estimates of the others predict of each.

    ``tuned`` chooses priors by the problems of the other folds alone, and returns these with them.
    """
    n_folds, designs = int(fold_of.max()) + 1, [problem.design for problem in problems]
    constants = [ConstantRate.of(problem, fold_of) for problem in problems]
    for fold in range(n_folds):
        held = fold_of == fold
        try:
            others = tuned(fold, _on(problems, take_together(designs, ~held)))
            solutions = find_modes(others)
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
    affordable = min(HELD // max(1, numbers), FORETOLD // (len(fold_of) * len(problems)))
    return int(min(n_draws, max(FEW, affordable)))


def _tuned_scores(
    problems: list[Problem], fold_of: Array, sampling: Sampling, sets: Sets | None, tuned: Tuner
) -> CrossScores:
    """Return scores of folds by posteriors under priors that the other folds chose."""
    n_folds, members = int(fold_of.max()) + 1, list(range(len(problems)))
    with progress("cross_validate", n_folds * len(problems), "folds") as advance:
        scores = replace(CrossScores.empty(problems, fold_of, sets), advance=advance)
        for fold in each_fold(fold_of, sets):
            keep = fold_of != fold.number
            try:
                others = tuned(fold.number, [problem.restrict(keep) for problem in problems])
            except BayesGLMError as error:
                raise unfitted(fold.number, n_folds, error) from error
            plan = replace(others[0].plan, designs=tuple(problem.design for problem in problems))
            whole = [make_problem(plan, problem.neuron, problem.design) for problem in problems]
            refit(scores, whole, fold, members, sampling, n_folds)
    check_possible(scores.elpd, problems[0], sets)
    scores.tell_of_hanging()
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
