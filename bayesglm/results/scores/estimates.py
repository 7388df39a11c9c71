"""Estimates of the other folds, in paths of penalties, and what they predict of each fold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from bayesglm.errors import BayesGLMError
from bayesglm.inference.modes.path import path_points
from bayesglm.inference.problem.problem import Problem, make_problem
from bayesglm.results.scores.constant_rate import events_of
from bayesglm.results.scores.crossing import unfitted
from bayesglm.results.scores.predicted import Predicted, beside_constant, by_estimate

Array = np.ndarray


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
    n_folds = int(fold_of.max()) + 1
    for neuron, first in enumerate(settings[0]):
        constant = ConstantRate.of(first, fold_of)
        for fold in range(n_folds):
            held = fold_of == fold
            design = first.design.take(~held)
            others = [make_problem(one[neuron].plan, neuron, design) for one in settings]
            try:
                points = path_points(others)
            except BayesGLMError as error:
                raise unfitted(fold, n_folds, error) from error
            tested = first.restrict(held)
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
