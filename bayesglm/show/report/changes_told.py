"""The strongest changes of a fit in sentences, in units of the data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bayesglm.results.changes import DRIVE, RANGE, SPREAD, STEP, Change

HUGE = 1e4  # a factor, or its inverse, beyond which the digits say nothing: chosen


def change_told(change: Change) -> str:
    """Say what the strongest change of a term does, with its 94% interval.

    >>> from bayesglm.results.explain_facts import Reading
    >>> rate = Reading("the rate", "the rate", "log response", 0.5)
    >>> of = "one sd of age (10.9)"
    >>> told = Change("age", "", "step", of, "", 0.4, 0.2, 0.6, rate, None, 0.4, "claims")
    >>> change_told(told)
    'one sd of age (10.9) multiplies the rate of claims by 1.5 [1.2, 1.8]'
    """
    what, at = change.of, f" ({change.at})" if change.at else ""
    if change.kind == SPREAD:
        return f"the levels of {what} differ by {_size(change)} (one sd)"
    if change.kind == DRIVE:
        strongest = f" (strongest at {change.at})" if change.at else ""
        return f"{what}{strongest} moves {_size(change, sd=True)}"
    if change.kind == STEP and change.at:
        at = f", at {change.at},"
    if change.kind == RANGE:
        at = f" {change.at}"
    return f"{what}{at} {_moved(change)}"


def _moved(change: Change) -> str:
    """Say what a change multiplies, or by how much it moves what."""
    reading = change.reading
    if reading.multiplied:
        numbers = [factor(one) for one in (change.median, change.lower, change.upper)]
        return f"multiplies {_of(reading.multiplied, change)} by {_interval(numbers)}"
    if change.value is not None and reading.base is not None:
        numbers = [f"{one - reading.base:+.3g}" for one in change.value]
        return f"moves {_of(reading.noun, change)} by {_interval(numbers)}"
    numbers = [f"{one:+.3g}" for one in (change.median, change.lower, change.upper)]
    return f"moves the linear predictor by {_interval(numbers)} ({reading.unit})"


def _size(change: Change, sd: bool = False) -> str:
    """Say the size of an sd of the linear predictor."""
    reading, values = change.reading, (change.median, change.lower, change.upper)
    by = " from sample to sample by an sd of " if sd else ""
    if reading.multiplied:
        what = _of(reading.multiplied, change)
        numbers = _interval([factor(one) for one in values])
        moved = f"{what} from sample to sample by a factor of {numbers} (one sd)"
        return moved if sd else f"a factor of {numbers} in {what}"
    numbers = _interval([f"{one:.3g}" for one in values])
    if change.value is not None and reading.base is not None and _is_plain(change):
        what = _of(reading.noun, change)
        return f"{what}{by}{numbers}" if sd else f"{numbers} in {what}"
    return (
        f"the linear predictor{by}{numbers} ({reading.unit})" if sd else f"{numbers} {reading.unit}"
    )


def _is_plain(change: Change) -> bool:
    """Say whether the linear predictor is the mean itself, so that its sd is that of means."""
    base = change.reading.base
    if base is None or change.value is None:
        return False
    return bool(np.isclose(change.value[0] - base, change.median))


def _of(noun: str, change: Change) -> str:
    return f"{noun} of {change.outcome}"


def factor(change: float) -> str:
    """Write what a linear predictor that changes by so much multiplies, with two digits or more.

    >>> factor(0.0), factor(-0.105), factor(20.0), factor(-20.0)
    ('1.00', '0.90', 'more than 10,000', 'less than 0.0001')
    """
    if np.isnan(change):
        return ""
    if abs(change) > np.log(HUGE):
        return f"more than {HUGE:,.0f}" if change > 0 else f"less than {1 / HUGE:g}"
    value = float(np.exp(change))
    digits = 1 if value >= 1.05 else 2
    return f"{value:.{digits}f}" if 0.1 <= value < 100.0 else f"{value:.2g}"


def _interval(numbers: Sequence[str]) -> str:
    """Write a median and its interval; of a MAP the number alone."""
    middle, low, high = numbers
    if not low or low in ("nan", "+nan"):
        return middle
    return f"{middle} [{low}, {high}]"
