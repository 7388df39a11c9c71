"""What a variable is changed from and to: a step, a pair of values, levels in turn."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from bayesglm.errors import DataError
from bayesglm.results.effects.columns import Column, changeable, column_of
from bayesglm.results.effects.fitted import Fitted
from bayesglm.spec.hints import closest, is_among, is_unordered, shown

Array = np.ndarray
WORDS = ("reference", "pairwise", "sequential")
OF_LEVELS = (*WORDS, *(f"rev{one}" for one in WORDS))
OF_NUMBERS = ("sd", "2sd", "iqr", "minmax")


class Contrast(NamedTuple):
    """A change of one variable between two states, a low one and a high one.

    Each is a value, or with ``moves`` what is added to the value of each row; ``words`` name both,
    as R's marginaleffects does, ``label`` alone the change where it is a step.
    """

    variable: str
    low: Any
    high: Any
    words: tuple[str, str]
    moves: bool = False
    label: str | None = None


def named_of(fitted: Fitted, variables: Any) -> dict[str, Any]:
    """Return the variables that were named, each with the change that was asked for, if any."""
    if variables is None:
        named = dict.fromkeys(changeable(fitted))
        if not named:
            raise DataError(
                "the model has no predictor with a value for each sample, whose effects could be "
                "told; name one in variables=, or look at predictions(fit)."
            )
        return named
    if isinstance(variables, str):
        return {variables: None}
    if isinstance(variables, Mapping):
        named = dict(variables)
    elif isinstance(variables, (list, tuple)) and not is_unordered(variables):
        named = dict.fromkeys(variables)
    else:
        named = {}
    if not named:
        raise DataError(
            f"variables must be a name, a list of names, or a mapping of names to changes, got "
            f"{shown(variables)}; write variables='age', or variables={{'age': 10}}."
        )
    return named


def contrasts_of(fitted: Fitted, variables: Any) -> list[Contrast]:
    """Return the changes that were asked for, by default one of each predictor.

    Raises DataError where a variable is none, or cannot change so.
    """
    made: list[Contrast] = []
    for name, change in named_of(fitted, variables).items():
        column = column_of(fitted, name)
        if column.levels is not None:
            made += _of_levels(column, change)
        else:
            made.append(_of_numbers(column, change))
    return made


def _of_levels(column: Column, change: Any) -> list[Contrast]:
    """Return the changes of labels: words for which, or a pair of labels."""
    name, levels = column.name, list(column.levels or ())
    if change is None or isinstance(change, str):
        change = "reference" if change is None else change
        if not is_among(change, (*OF_LEVELS, "minmax")):
            known = (*OF_LEVELS, "minmax")
            raise DataError(
                f"{name!r} cannot change by {change!r}: of labels there are {', '.join(known)}, or "
                f"a pair of levels, ({levels[0]!r}, {levels[-1]!r}).{closest(change, known)}"
            )
        if len(levels) < 2:
            raise DataError(f"{name!r} has one level only, {levels[0]!r}; nothing changes.")
        return [_of_pair(name, *pair) for pair in _pairs(levels, change)]
    low, high = _pair(name, change, "a pair of levels")
    for one in (low, high):
        if one not in levels:
            raise DataError(
                f"{name!r} has no level {one!r}; the fit knows {', '.join(map(repr, levels))}."
                f"{closest(one, map(str, levels))}"
            )
    if low == high:
        raise DataError(f"{name!r} changes from {low!r} to itself; name two levels.")
    return [_of_pair(name, low, high)]


def _pairs(levels: list[Any], words: str) -> list[tuple[Any, Any]]:
    """Return pairs of a low and a high level.

    >>> _pairs(["a", "b", "c"], "pairwise"), _pairs(["a", "b", "c"], "revsequential")
    ([('a', 'b'), ('a', 'c'), ('b', 'c')], [('b', 'a'), ('c', 'b')])
    """
    pairs = index_pairs(len(levels), words.removeprefix("rev"))
    if words.startswith("rev"):
        pairs = [(high, low) for low, high in pairs]
    return [(levels[low], levels[high]) for low, high in pairs]


def index_pairs(n: int, words: str) -> list[tuple[int, int]]:
    """Return which of n are compared, the first of a pair being the one held against.

    >>> index_pairs(3, "reference"), index_pairs(3, "sequential"), index_pairs(3, "minmax")
    ([(0, 1), (0, 2)], [(0, 1), (1, 2)], [(0, 2)])
    """
    if words == "reference":
        return [(0, j) for j in range(1, n)]
    if words == "sequential":
        return [(j - 1, j) for j in range(1, n)]
    if words == "minmax":
        return [(0, n - 1)]
    return [(i, j) for i in range(n) for j in range(i + 1, n)]


def _of_pair(name: str, low: Any, high: Any) -> Contrast:
    words = [f"{one:g}" if isinstance(one, float) else str(one) for one in (low, high)]
    return Contrast(name, low, high, (words[0], words[1]))


def _of_numbers(column: Column, change: Any) -> Contrast:
    """Return the change of numbers: a step, a pair of values, or a word for a spread."""
    name = column.name
    if change is None and column.is_binary:
        return _of_pair(name, 0, 1)
    step = 1 if change is None else change
    if isinstance(step, str):
        return _of_spread(column, step)
    if isinstance(step, (Real, np.number)) and not isinstance(step, (bool, np.bool_)):
        size = float(step)
        if size == 0.0 or not np.isfinite(size):
            raise DataError(f"{name!r} cannot change by {shown(step)}; give a step other than 0.")
        words = ("x", f"(x {'+' if size > 0 else '-'} {abs(size):g})")
        return Contrast(name, 0.0, size, words, moves=True, label=f"{size:+g}")
    low, high = (_number(name, one) for one in _pair(name, step, "a step, a pair of numbers"))
    if low == high:
        raise DataError(f"{name!r} changes from {low:g} to itself; give two values.")
    return _of_pair(name, low, high)


def _of_spread(column: Column, words: str) -> Contrast:
    """Return the change of numbers by their spread among the rows of the fit."""
    name = column.name
    if not is_among(words, OF_NUMBERS):
        raise DataError(
            f"{name!r} cannot change by {words!r}: of numbers there are a step, a pair, "
            f"{', '.join(OF_NUMBERS)}.{closest(words, OF_NUMBERS)}"
        )
    if float(np.ptp(column.values)) == 0.0:
        raise DataError(
            f"{name!r} is {column.values.flat[0]:g} throughout, and has no spread to change by; "
            "give a step or a pair of values."
        )
    if words == "iqr":
        low, high, told = column.quantile(0.25), column.quantile(0.75), ("Q1", "Q3")
    elif words == "minmax":
        low, high, told = float(column.values.min()), float(column.values.max()), ("Min", "Max")
    else:
        half = column.sd() * (0.5 if words == "sd" else 1.0)
        by = "sd/2" if words == "sd" else "sd"
        return Contrast(name, -half, half, (f"x - {by}", f"x + {by}"), moves=True)
    if low == high:
        raise DataError(
            f"{name!r} has the same lower and upper quartile, {low:g}; give a step or a pair."
        )
    return Contrast(name, low, high, told)


def _pair(name: str, given: Any, what: str) -> tuple[Any, Any]:
    """Return two values; DataError unless there are two in an order."""
    values = given.tolist() if isinstance(given, np.ndarray) else given
    if not isinstance(values, (tuple, list)) or len(values) != 2:
        raise DataError(
            f"{name!r} changes by {what}, from the low to the high one, got {shown(given)}."
        )
    return values[0], values[1]


def _number(name: str, given: Any) -> float:
    if not isinstance(given, (Real, np.number)) or not np.isfinite(float(given)):
        raise DataError(f"{name!r} holds numbers, and cannot become {shown(given)}.")
    return float(given)
