"""What `cross_validate` is asked to score by: names in the table, and functions of the user's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from numbers import Real
from typing import Any

import numpy as np

from bayesglm.errors import DataError, ModelError
from bayesglm.inference.problem.problem import Problem
from bayesglm.results.scores.predicted import Predicted
from bayesglm.results.scores.scoring import SCORINGS, Scoring, check_scored, known_scoring
from bayesglm.spec.hints import shown

Array = np.ndarray


def scorings_asked(scoring: Any, problem: Problem) -> dict[str, Scoring]:
    """Return the records of what is asked for, by name; of None those that are usual.

    Raises ModelError where one is none, or says nothing of the model's responses.
    """
    if scoring is None:
        return {name: one for name, one in SCORINGS.items() if one.usual and not one.fault(problem)}
    if isinstance(scoring, Mapping):
        given = list(scoring.items())
    else:
        several = [scoring] if isinstance(scoring, str) or callable(scoring) else scoring
        if not isinstance(several, (list, tuple)):
            raise ModelError(
                f"scoring must be a name, a function f(observed, predicted), or several of them in "
                f"a list, got {shown(scoring)}."
            )
        given = [(_name_of(one), one) for one in several]
    if not given:
        raise ModelError(f"scoring names no score; take some of {', '.join(SCORINGS)}.")
    names = [name for name, _ in given]
    twice = next((name for k, name in enumerate(names) if name in names[:k]), None)
    if twice is not None:
        raise ModelError(
            f"two scores are called {twice!r}; give functions names of their own: "
            "scoring={'mine': f, 'other': g}."
        )
    return {str(name): _record(name, one, problem) for name, one in given}


def _name_of(one: Any) -> Any:
    return getattr(one, "__name__", type(one).__name__) if callable(one) else one


def _record(name: Any, one: Any, problem: Problem) -> Scoring:
    if callable(one):
        return _of_function(str(name), one, problem)
    record = known_scoring(one)
    check_scored(one, problem)
    return record


def _of_function(name: str, function: Callable[[Array, Array], Any], problem: Problem) -> Scoring:
    if problem.natural.family.filled is not None:
        raise ModelError(
            f"scoring {name!r} is a function of observed responses, and some of "
            f"{problem.plan.model.response!r} are intervals; take scoring='elpd'."
        )
    return Scoring(1.0, "", whole=partial(_by_function, name, function))


def _by_function(
    name: str, function: Callable[[Array, Array], Any], predicted: Predicted
) -> tuple[float, Array | None]:
    """Return what a function says of a fold, with influences where it says it of every row."""
    counts = predicted.counts
    used = counts > 0.0
    observed, told = predicted.rows.y.T[used], predicted.mean.T[used]
    response = predicted.problem.plan.model.response
    try:
        score = function(observed.copy(), told.copy())
    except Exception as error:
        raise DataError(
            f"scoring {name!r} failed on {len(observed)} held-out samples of {response!r}: "
            f"{type(error).__name__}: {error}"
        ) from error
    values = _numbers(name, score, len(observed))
    if values.ndim == 0:
        if not np.all(counts[used] == 1.0):
            raise ModelError(
                f"scoring {name!r} gives one number for a fold, and the samples of {response!r} "
                "have weights, of which it is told nothing; let it return one number per sample."
            )
        return float(values), None
    total = counts.sum()
    mean = float(np.sum(counts[used] * values) / total)
    influence = np.zeros(len(counts))
    influence[used] = counts[used] * (values - mean) / total
    return mean, influence


def _numbers(name: str, score: Any, n: int) -> Array:
    """Return what a function returned, checked to be a number, or one for each sample."""
    wanted = f"it must be a number, or {n} of them, one for each sample"
    try:
        values = np.asarray(score, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ModelError(f"scoring {name!r} returned {shown(score)}; {wanted}.") from error
    if isinstance(score, Real) or values.ndim == 0:
        values = values.reshape(())
    elif values.shape != (n,):
        raise ModelError(f"scoring {name!r} returned the shape {values.shape}; {wanted}.")
    lost = np.flatnonzero(~np.isfinite(np.atleast_1d(values)))
    if len(lost):
        where = "" if values.ndim == 0 else f", the first at position {lost[0]} of the fold"
        raise DataError(
            f"scoring {name!r} returned {len(lost)} values that are NaN or infinite{where}; "
            f"{wanted}."
        )
    return values
