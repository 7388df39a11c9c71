"""What estimates of other folds are judged by: deviance, accuracy, Brier score, squared error.

Each is a mean over held-out samples, as scikit-learn's scorers of these names are; samples count by
their weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from bayesglm.errors import BayesGLMError, ModelError
from bayesglm.inference.modes.path import path_points
from bayesglm.inference.problem.problem import Problem, make_problem
from bayesglm.numerics.density.channels import predictors
from bayesglm.numerics.density.likelihood import ROWS
from bayesglm.numerics.families.record import Family
from bayesglm.numerics.rows.rows import Rows
from bayesglm.results.scores.crossing import check_possible, unfitted
from bayesglm.spec.hints import meant, shown

Array = np.ndarray


class Scoring(NamedTuple):
    """One way to judge predictions of held-out responses.

    - `each(family, rows, eta, phi)`: the score of every row, its weight left aside; None of the
      log score, which draws from a posterior tell and no estimate.
    - `sense`: 1 where more is better, -1 of losses.
    - `unit`: what an axis says of it.
    - `fault(problem)`: why it says nothing of a model's responses; empty where it does.
    - `also`: what it is called elsewhere, for messages.
    """

    each: Callable[[Family, Rows, Array, Sequence[Any]], Array] | None
    sense: float
    unit: str
    fault: Callable[[Problem], str]
    also: tuple[str, ...] = ()


def _no_fault(problem: Problem) -> str:
    return ""


def _deviance(family: Family, rows: Rows, eta: Array, phi: Sequence[Any]) -> Array:
    fitted = family.kernel(rows.y, eta, phi, rows.trials, 0).value
    return deviance_of(family, rows, fitted, eta, phi)


def deviance_of(family: Family, rows: Rows, fitted: Array, eta: Array, phi: Sequence[Any]) -> Array:
    """Twice what a kernel falls short of its largest over the mean's eta.

    Dispersions that are a factor of it are divided out (McCullagh & Nelder 1989, 2.3).
    """
    every = family.every_phi(eta, phi)
    deviance = 2.0 * (family.saturated(rows.y, every, rows.trials) - fitted)
    for value, power in zip(every, family.words.deviance_powers, strict=False):
        if power:
            deviance = deviance * value**-power
    return deviance


def _deviance_fault(problem: Problem) -> str:
    """Say which learned dispersion the deviance depends on, other than as a factor."""
    family, model = problem.natural.family, problem.plan.model
    words = family.words
    if words.labels is not None and not words.labels.counted:
        return ""  # whose deviance is -2 log p
    fixed = {one.name for one in problem.natural.registry.dispersions if one.fixed is not None}
    seen = model.censored is None and model.truncated is None
    learned = [
        name
        for name, power in zip(words.dispersions, words.deviance_powers, strict=True)
        if name not in fixed and not (power and seen)
    ]
    if not learned:
        return ""
    return (
        f"the deviance depends on {', '.join(learned)}, which each fold learns anew, so that "
        "deviances do not compare unless it is fixed (dispersion=)"
    )


def _accuracy(family: Family, rows: Rows, eta: Array, phi: Sequence[Any]) -> Array:
    """One where the likeliest label, of several the first, is the response."""
    chances = _chances(family, rows, eta, phi)
    return (np.argmax(chances, axis=0) == rows.y).astype(np.float64)


def _brier(family: Family, rows: Rows, eta: Array, phi: Sequence[Any]) -> Array:
    """The squared error of probabilities: of yes, or summed over the levels (Brier 1950)."""
    chances = _chances(family, rows, eta, phi)
    errors = np.square(chances - (np.arange(len(chances))[:, None] == rows.y))
    return errors.sum(axis=0) if family.n_levels else errors[1]


def _chances(family: Family, rows: Rows, eta: Array, phi: Sequence[Any]) -> Array:
    """Return the probability of every label ``(levels, rows)``; of two, no stands before yes."""
    mean = family.mean(eta, phi, rows.trials)
    return mean if family.n_levels else np.stack([1.0 - mean, mean])


def _label_fault(problem: Problem) -> str:
    family = problem.natural.family
    has_labels = family.words.labels is not None and not family.words.labels.counted
    return "" if has_labels else f"it judges labels, and {family.name} responses are none"


def _squared_error(family: Family, rows: Rows, eta: Array, phi: Sequence[Any]) -> Array:
    return np.square(rows.y - family.expected(eta, phi, rows.trials))


def _number_fault(problem: Problem) -> str:
    family = problem.natural.family
    if family.filled is not None:
        return "it judges numbers that were seen, and some responses are intervals"
    if family.words.labels is None and not family.words.circular:
        return ""
    return f"it judges numbers, and {family.name} responses are none"


LOG_SCORE = "log_score"
SCORINGS = {
    LOG_SCORE: Scoring(None, 1.0, "nats", _no_fault, ("elpd", "log_likelihood", "lpd")),
    "deviance": Scoring(
        _deviance,
        -1.0,
        "mean deviance",
        _deviance_fault,
        (
            "log_loss",
            "neg_log_loss",
            "neg_mean_poisson_deviance",
            "neg_mean_gamma_deviance",
            "cross_entropy",
        ),
    ),
    "accuracy": Scoring(
        _accuracy, 1.0, "share of labels told right", _label_fault, ("class", "acc")
    ),
    "brier": Scoring(
        _brier, -1.0, "mean Brier score", _label_fault, ("neg_brier_score", "brier_score")
    ),
    "squared_error": Scoring(
        _squared_error, -1.0, "mean squared error", _number_fault, ("mse", "neg_mean_squared_error")
    ),
}


def check_scoring(scoring: Any, method: str) -> Scoring:
    """Return the record of a scoring; ModelError where it is none, or none of that method."""
    if not isinstance(scoring, str) or scoring not in SCORINGS:
        hint = meant("scoring", scoring, {name: one.also for name, one in SCORINGS.items()})
        raise ModelError(
            f"unknown scoring {shown(scoring)}; the scorings are {', '.join(SCORINGS)}.{hint}"
        )
    if scoring != LOG_SCORE and method != "kfold":
        raise ModelError(
            f"scoring={scoring!r} judges folds that are left out; use it with method='kfold'."
        )
    return SCORINGS[scoring]


def check_scored(scoring: str, problem: Problem) -> None:
    """Raise ModelError where a scoring says nothing of a model's responses."""
    fault = SCORINGS[scoring].fault(problem)
    if fault:
        *others, last = [repr(name) for name, one in SCORINGS.items() if not one.fault(problem)]
        known = f"{', '.join(others)} or {last}" if others else last
        raise ModelError(
            f"scoring={scoring!r} is not available for response "
            f"{problem.plan.model.response!r}: {fault}. Take scoring={known}."
        )


def scores_of_estimates(
    settings: Sequence[list[Problem]], fold_of: Array, scoring: Scoring
) -> Array:
    """Return scores ``(setting, row, neuron)`` of every row by the MAP estimate of other folds.

    Settings differ in the scales of priors, and each is the problems of all neurons. Each fold
    goes through them as one path, so that each estimate starts from the last.
    """
    n_folds, n_neurons = int(fold_of.max()) + 1, len(settings[0])
    scores = np.empty((len(settings), len(fold_of), n_neurons))
    for neuron, fold in np.ndindex(n_neurons, n_folds):
        held = fold_of == fold
        design = settings[0][neuron].design.take(~held)
        others = [make_problem(one[neuron].plan, neuron, design) for one in settings]
        try:
            points = path_points(others)
        except BayesGLMError as error:
            raise unfitted(fold, n_folds, error) from error
        tested = settings[0][neuron].restrict(held)
        for place, point in enumerate(points):
            scores[place, held, neuron] = _row_scores(tested, point.solution.x, scoring)
    for one in scores:
        check_possible(one, settings[0][0])
    return scores


def _row_scores(problem: Problem, theta: Array, scoring: Scoring) -> Array:
    """Return the scores ``(rows,)`` of a problem's rows by the estimate theta ``(size,)``.

    Where a linear predictor leaves the domain of its link nothing is foretold: nan. Rows that
    count zero times have none, and 0 stands for it.
    """
    assert scoring.each is not None
    objective = problem.natural
    family, phi, w = objective.family, objective.phi(theta), objective.w(theta)[None]
    scores = np.empty(objective.source.n_rows)
    for rows in objective.source.ranges(ROWS):
        with np.errstate(over="ignore", invalid="ignore"):
            eta = predictors(rows, w)[:, 0]
            inside = family.domain.holds(eta[0])
            if not inside.all():
                eta = np.concatenate((np.where(inside, eta[:1], family.domain.inside), eta[1:]))
            scored = np.where(inside, scoring.each(family, rows, eta, phi), np.nan)
        counted = True if rows.weights is None else rows.weights > 0.0
        scores[rows.place] = np.where(counted, scored, 0.0)
    return scores
