"""Scores that may stand in one table: of one question, on one scale, and numbers all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bayesglm.errors import DataError, tell
from bayesglm.results.scores.pairing import TOGETHER, place_of

Array = np.ndarray
EXTERNAL = "external"  # the attribute of values that another package predicted
LEFT_OUT = "samples that were left out"
QUESTIONS = {"lfo_cv": "the future (lfo)"}  # that kinds of scores answer; all others are LEFT_OUT
HORIZON = "forecast_horizon"  # of scores of the future
FOLDS = "loo_kfold"  # the kind of scores that have folds


def check_alike(elpds: Mapping[str, Any]) -> None:
    """Raise DataError unless all scores answer one question, in one way and on one scale.

    Warns of leave-one-out beside k-fold, and of several numbers of folds.
    """
    for name, one in elpds.items():
        if one.elpd_i is None:
            raise DataError(
                f"model {name!r} has no pointwise values; compute it with pointwise=True."
            )
        if not hasattr(one.elpd_i, "coords"):
            raise DataError(
                f"the pointwise values of model {name!r} are no DataArray, and have no "
                "labels; give what loo, kfold or external return."
            )
        if one.scale != "log":
            raise DataError(
                f"the score of {name!r} is on the {one.scale} scale; compute it on the log scale."
            )
    of = {name: QUESTIONS.get(one.kind, LEFT_OUT) for name, one in elpds.items()}
    _check_one(of, "score all models by the same verb")
    of = {name: _n_taken(one) for name, one in elpds.items()}
    _check_one(of, "score all models with the same subsample= (or none)")
    of = {name: f"horizon={getattr(one, HORIZON, None)}" for name, one in elpds.items()}
    _check_one(of, "give all the same horizon")
    for name, one in elpds.items():
        _check_numbers(name, one)
    _tell_folds(elpds)


def taken(elpd: Any) -> Array | None:
    """Return the places of the samples that a subsampled score has; None where it has all."""
    places = getattr(elpd, "loo_subsample_observations", None)
    return None if places is None else np.asarray(places, dtype=np.intp)


def overlap_of(elpd: Any) -> int:
    """Return in how many values of a score each sample is: those of its blocks that overlap."""
    return int(getattr(elpd, HORIZON, None) or 1)


def scored_in_words(elpd: Any) -> str:
    """Say of what, and of how many, the pointwise values of a score are."""
    scores, overlap = elpd.elpd_i, overlap_of(elpd)
    n, by = len(scores), scores.attrs.get(TOGETHER)
    noun = f"sample{'s' if n > 1 else ''}" if by is None else f"levels of {by!r}"
    if elpd.kind in QUESTIONS:
        blocks = f"blocks of {overlap} moments ({n // overlap:,} that do not overlap)"
        noun = "moments" if overlap == 1 else blocks
    units = f" × {scores.size // n:,} units" if scores.ndim > 1 else ""
    return f"{n:,} {noun}{units}"


def check_same_places(elpds: Mapping[str, Any]) -> None:
    """Raise DataError unless subsampled scores are of the same samples."""
    places = {name: np.unique(np.asarray(taken(one))) for name, one in elpds.items()}
    first = next(iter(places))
    for name, own in places.items():
        if not np.array_equal(own, places[first]):
            raise DataError(
                f"the subsampled scores of {first!r} and {name!r} are of different samples; score "
                "both with the same subsample= and the same seed=."
            )


def _n_taken(elpd: Any) -> str:
    places = taken(elpd)
    return "all samples" if places is None else f"a subsample of {len(places):,}"


def _check_one(words: Mapping[str, str], remedy: str) -> None:
    """Raise DataError unless what is said of each score is the same."""
    first: dict[str, str] = {}
    for name, word in words.items():
        first.setdefault(word, name)
    if len(first) > 1:
        told = " and ".join(f"that of {name!r} is of {word}" for word, name in first.items())
        raise DataError(f"the scores cannot be compared: {told}; {remedy}.")


def _check_numbers(name: str, elpd: Any) -> None:
    """Raise DataError where a log density is none, or minus infinity."""
    scores = elpd.elpd_i
    values = np.asarray(scores.values, dtype=float)
    places = taken(elpd)
    asked = np.ones(values.size, dtype=bool)
    if places is not None:
        asked = np.isin(np.arange(values.size), places)
    lost = ~np.isfinite(values) & asked.reshape(values.shape)
    if not lost.any():
        return
    at = np.argwhere(lost)[0]
    value = values[tuple(at)]
    fault = (
        "its predictions give no chance to what happened; make them proper distributions"
        if value == -np.inf
        else "score it again, of responses and predictors without gaps"
    )
    raise DataError(
        f"model {name!r} has log densities that are no finite numbers at {int(lost.sum())} of "
        f"{values.size} samples, first {value} at {place_of(scores, at)}: {fault}."
    )


def _tell_folds(elpds: Mapping[str, Any]) -> None:
    own = {name: one for name, one in elpds.items() if not one.elpd_i.attrs.get(EXTERNAL)}
    with_folds = {name: one.n_folds for name, one in own.items() if one.kind == FOLDS}
    if with_folds and len(with_folds) < len(own):
        tell(
            "Comparing LOO-CV to K-fold-CV: models that were fitted to fewer samples predict "
            "worse; score all by loo, or all by the same folds."
        )
    elif len(set(with_folds.values())) > 1:
        told = ", ".join(f"{number} of {name!r}" for name, number in with_folds.items())
        tell(
            f"the models were scored by different numbers of folds ({told}), and those that were "
            "fitted to fewer samples predict worse; give all the same folds."
        )
