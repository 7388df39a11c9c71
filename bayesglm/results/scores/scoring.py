"""What predictions of held-out responses are judged by: elpd, accuracy, deviance, CRPS and others.

Each is what scikit-learn's scorer of that name is, or its negative; samples count by their weights.
A new one is a record in `SCORINGS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from bayesglm.errors import ModelError
from bayesglm.inference.problem.problem import Problem
from bayesglm.numerics.families.record import Family
from bayesglm.numerics.rows.rows import Rows
from bayesglm.results.scores.pools import Pooled, averaged, per_event, ranked, rooted, totalled
from bayesglm.results.scores.predicted import Predicted, has_labels
from bayesglm.spec.hints import meant, shown

Array = np.ndarray
type Pool = Callable[[Array, Array, Array], Pooled]


def _no_fault(problem: Problem) -> str:
    return ""


def _counts(predicted: Predicted) -> Array:
    return predicted.counts


class Scoring(NamedTuple):
    """One way to judge predictions of held-out responses.

    - `sense`: 1 where more is better, -1 of losses.
    - `unit`: what an axis says of it.
    - `each(predicted)`: the score ``(rows,)`` of every row, its weight left aside.
    - `pool(values, counts, codes)`: those of some rows made one, with influences.
    - `counts(predicted)`: how often each row counts in it.
    - `whole(predicted)`: of scores that no single row has, that of a fold, with the influences of
      rows, or none; the score of all is then the mean over the folds.
    - `fault(problem)`: why it says nothing of a model's responses; empty where it does.
    - `also`: what it is called elsewhere, for messages.
    - `of_posterior`: whether tuning asks draws of the posterior for it, and no estimate.
    - `usual`: whether it is told where none is asked for.
    """

    sense: float
    unit: str
    each: Callable[[Predicted], Array] | None = None
    pool: Pool = averaged
    counts: Callable[[Predicted], Array] = _counts
    whole: Callable[[Predicted], tuple[float, Array | None]] | None = None
    fault: Callable[[Problem], str] = _no_fault
    also: tuple[str, ...] = ()
    of_posterior: bool = False
    usual: bool = False


def _log_density(predicted: Predicted) -> Array:
    return predicted.log_density


def _deviance(predicted: Predicted) -> Array:
    """Twice what the mean falls short of the response itself; of labels -2 log p."""
    family, rows, eta = predicted.family, predicted.rows, predicted.eta
    if predicted.log_chance is not None:
        return -2.0 * predicted.log_chance
    if eta is None:
        raise ModelError(
            f"scoring='deviance' needs the linear predictor of a mean, and that of {family.name} "
            "responses averaged over draws has none; take method='map', or scoring='elpd'."
        )
    fitted = family.kernel(rows.y, eta, predicted.phi, rows.trials, 0).value
    return deviance_of(family, rows, fitted, eta, predicted.phi)


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


def _accuracy(predicted: Predicted) -> Array:
    """One where the likeliest label, of several the first, is the response."""
    return (np.argmax(predicted.chances, axis=0) == predicted.rows.y).astype(np.float64)


def _brier(predicted: Predicted) -> Array:
    """The squared error of probabilities: of yes, or summed over the levels (Brier 1950)."""
    chances = predicted.chances
    errors = np.square(chances - (np.arange(len(chances))[:, None] == predicted.rows.y))
    return errors.sum(axis=0) if predicted.family.n_levels else errors[1]


def _label_fault(problem: Problem) -> str:
    family = problem.natural.family
    return "" if has_labels(family) else f"it judges labels, and {family.name} responses are none"


def _auc(predicted: Predicted) -> tuple[float, Array | None]:
    return ranked(predicted.mean, predicted.rows.y == 1, predicted.counts)


def _two_labels_fault(problem: Problem) -> str:
    family = problem.natural.family
    if has_labels(family) and not family.n_levels:
        return ""
    return f"it judges two labels, and {family.name} responses are none"


def _squared_error(predicted: Predicted) -> Array:
    return np.square(predicted.family.numbered(predicted.rows.y) - predicted.number)


def _number_fault(problem: Problem) -> str:
    family = problem.natural.family
    if family.filled is not None:
        return "it judges numbers that were seen, and some responses are intervals"
    if family.words.labels is None and not family.words.circular:
        return ""
    return f"it judges numbers, and {family.name} responses are none"


def _crps(predicted: Predicted) -> Array:
    """E|X - y| - E|X - X'| / 2 over draws X, X' of the response, each pair of draws once.

    (Gneiting & Raftery 2007, J Am Stat Assoc 102:359, eq. 21; without the bias of few draws: Ferro
    2014, Q J R Meteorol Soc 140:1917.)
    """
    y = predicted.rows.y
    scores = np.empty(len(y))
    for rows, drawn in predicted.drawn():
        n = len(drawn)
        off = np.abs(drawn - y[rows]).mean(axis=0)
        place = 2.0 * np.arange(1, n + 1) - n - 1.0
        scores[rows] = off - place @ np.sort(drawn, axis=0) / (n * (n - 1.0))
    return scores


def _bits(predicted: Predicted) -> Array:
    """What the density of each row, as often as it counts, gains on a constant rate."""
    assert predicted.constant is not None
    counts = predicted.counts
    with np.errstate(invalid="ignore"):
        own = np.where(counts > 0.0, counts * predicted.log_density, 0.0)
        return (own - predicted.constant) / np.log(2.0)


def _events(predicted: Predicted) -> Array:
    assert predicted.events is not None
    return predicted.events


def _event_fault(problem: Problem) -> str:
    family, model = problem.natural.family, problem.plan.model
    if not family.words.counts_events:
        return f"it judges events, and {family.name} responses are none"
    seen = model.censored is None and model.truncated is None
    return "" if seen else "it judges events, and these are seen in part"


LOG_SCORE = "log_score"
SCORINGS = {
    LOG_SCORE: Scoring(
        1.0,
        "nats per sample",
        _log_density,
        also=("log_likelihood", "lpd", "mlpd"),
        of_posterior=True,
    ),
    "elpd": Scoring(
        1.0,
        "nats",
        _log_density,
        totalled,
        also=("elpd_kfold", "lppd"),
        of_posterior=True,
        usual=True,
    ),
    "deviance": Scoring(
        -1.0,
        "mean deviance",
        _deviance,
        fault=_deviance_fault,
        also=(
            "log_loss",
            "neg_log_loss",
            "neg_mean_poisson_deviance",
            "neg_mean_gamma_deviance",
            "cross_entropy",
        ),
        usual=True,
    ),
    "accuracy": Scoring(
        1.0,
        "share of labels told right",
        _accuracy,
        fault=_label_fault,
        also=("class", "acc"),
        usual=True,
    ),
    "auc": Scoring(
        1.0,
        "area under the ROC curve",
        whole=_auc,
        fault=_two_labels_fault,
        also=("roc_auc", "roc", "auroc"),
    ),
    "brier": Scoring(
        -1.0,
        "mean Brier score",
        _brier,
        fault=_label_fault,
        also=("neg_brier_score", "brier_score"),
        usual=True,
    ),
    "squared_error": Scoring(
        -1.0,
        "mean squared error",
        _squared_error,
        fault=_number_fault,
        also=("mse", "neg_mean_squared_error"),
    ),
    "rmse": Scoring(
        -1.0,
        "root of the mean squared error",
        _squared_error,
        rooted,
        fault=_number_fault,
        also=("neg_root_mean_squared_error", "root_mean_squared_error"),
        usual=True,
    ),
    "crps": Scoring(
        -1.0,
        "mean CRPS",
        _crps,
        fault=_number_fault,
        also=("continuous_ranked_probability_score",),
    ),
    "bits_per_spike": Scoring(
        1.0,
        "bits per spike",
        _bits,
        per_event,
        _events,
        fault=_event_fault,
        also=("bits", "bits_per_event"),
        usual=True,
    ),
}


def known_scoring(scoring: Any) -> Scoring:
    """Return the record of a scoring by its name; ModelError where it is none."""
    if not isinstance(scoring, str) or scoring not in SCORINGS:
        hint = meant("scoring", scoring, {name: one.also for name, one in SCORINGS.items()})
        raise ModelError(
            f"unknown scoring {shown(scoring)}; the scorings are {', '.join(SCORINGS)}.{hint}"
        )
    return SCORINGS[scoring]


def check_scoring(scoring: Any, method: str) -> str:
    """Return the scoring's name in tuning; ModelError where it is none, or none of that method."""
    record = known_scoring(scoring)
    if record.of_posterior:
        return LOG_SCORE
    if method != "kfold":
        raise ModelError(
            f"scoring={scoring!r} judges folds that are left out; use it with method='kfold'."
        )
    return str(scoring)


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


def row_scores(predicted: Predicted, scoring: Scoring) -> Array:
    """Return the scores ``(rows,)`` of the rows of a fold.

    Of rows of which a link says nothing they are nan. Rows that count zero times have none, and 0
    stands for it.
    """
    assert scoring.each is not None
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        scored = scoring.each(predicted)
    lost = np.isnan(predicted.mean).reshape(-1, len(scored)).any(axis=0)
    return np.where(predicted.counts > 0.0, np.where(lost, np.nan, scored), 0.0)
