"""Numbers that penalties are: checked, one or one for each column."""

from __future__ import annotations

from typing import Any, NamedTuple

from bayesglm.errors import ModelError
from bayesglm.spec.hints import shown
from bayesglm.spec.numbers import Number, entries, frozen_number

MOST = 1e7  # columns, or members of a group; settings of more are not written out


class Part(NamedTuple):
    """A product of a penalty, in words: what stands above the line, what below, and a number."""

    above: tuple[str, ...] = ()
    below: tuple[str, ...] = ()
    number: float = 1.0


def penalty_number(what: str, given: Any) -> Number:
    """Return a penalty, or one for each column; ModelError where one is negative or none at all."""
    number = frozen_number(what, given)
    if any(isinstance(part, tuple) for part in number) if isinstance(number, tuple) else False:
        raise ModelError(f"{what} must be one number, or one for each column, got {shown(given)}.")
    for place, entry in enumerate(entries(number)):
        if entry < 0.0:
            where = f" in column {place}" if isinstance(number, tuple) else ""
            raise ModelError(f"{what} must be at least 0, got {entry:g}{where}.")
    return number


def one_penalty(what: str, given: Any) -> float:
    """Return a penalty that is one number."""
    number = penalty_number(what, given)
    if isinstance(number, tuple):
        raise ModelError(f"{what} must be one number, got an array; ask for each entry by itself.")
    return number


def positive_number(what: str, given: Any) -> float:
    """Return a number above zero."""
    number = frozen_number(what, given, positive=True)
    if isinstance(number, tuple):
        raise ModelError(f"{what} must be one number, got an array.")
    return number


def whole_number(what: str, given: Any) -> int:
    """Return a number of things, of which there is one at least."""
    number = positive_number(what, given)
    if number != int(number) or number > MOST:
        raise ModelError(f"{what} must be a whole number, got {shown(given)}.")
    return int(number)


def one_number(value: Number) -> float | None:
    """Return the number that a value is; None of an array."""
    return None if isinstance(value, tuple) else value


def plain_list(given: Any) -> list[Any]:
    given = given.tolist() if hasattr(given, "tolist") else given
    return list(given) if isinstance(given, (list, tuple)) else [given]


def same_for_all(what: str, given: Any) -> float:
    numbers = list(entries(penalty_number(what, given)))
    if max(numbers) != min(numbers):
        raise ModelError(
            f"{what} differ among groups, and one prior has one weight; make a term of each group, "
            f"and ask for each with its own {what}."
        )
    return numbers[0]
