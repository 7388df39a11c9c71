"""What terms of functions of one predictor share: knots, bounds, and their checks."""

from __future__ import annotations

from itertools import pairwise
from numbers import Integral
from typing import Any

from bayesglm.errors import ModelError
from bayesglm.spec.hints import shown
from bayesglm.spec.noun import put
from bayesglm.spec.numbers import frozen_number
from bayesglm.spec.terms.term import OfOneVariable

type Numbers = tuple[float, ...]
type Bounds = tuple[float, float] | None
type Constants = tuple[Numbers, ...] | None


def sum_of_functions(term: OfOneVariable, response: str, index: str) -> str:
    """Write the sum of functions of the predictor, each times its coefficient."""
    return f"Σⱼ {term.label}[j]·Bⱼ({term.variable}{index})"


def whole_number(what: str, value: Any, least: int) -> int:
    """Return a whole number of at least so much; raises ModelError where it is none."""
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ModelError(f"{what} must be a whole number of at least {least}, got {shown(value)}.")
    return int(value)


def freeze_knots(term: Any) -> None:
    """Check and freeze the bounds, the inner knots and the constants of a term being made."""
    what = type(term).__name__
    bounds = _increasing(f"{what} bounds", term.bounds)
    if bounds is not None and len(bounds) != 2:
        raise ModelError(
            f"{what} bounds must be the two ends of a range, got {shown(term.bounds)}; write "
            "bounds=(0.0, 1.0)."
        )
    knots = _increasing(f"{what} knots", term.knots)
    if knots and bounds and not bounds[0] < knots[0] <= knots[-1] < bounds[1]:
        raise ModelError(
            f"{what} knots reach from {knots[0]:g} to {knots[-1]:g}, and inner knots lie between "
            f"the bounds, {bounds[0]:g} and {bounds[1]:g}."
        )
    put(term, bounds=bounds, knots=knots)


def freeze_constants(term: Any, sizes: tuple[int, ...]) -> None:
    """Freeze the constants that a first fit has found; ModelError where they are not of ``sizes``.

    Bounds are known with them.
    """
    if term.constants is None:
        return
    what = f"{type(term).__name__} constants"
    if not isinstance(term.constants, (list, tuple)):
        raise ModelError(f"{what} must be sequences of numbers, got {shown(term.constants)}.")
    constants = tuple(_numbers(what, one) for one in term.constants)
    if tuple(map(len, constants)) != sizes or term.bounds is None:
        raise ModelError(
            f"{what} are those that a fit stores, here {len(sizes)} sequences of {sizes} numbers "
            "beside the bounds; leave them out, and the data decide them."
        )
    put(term, constants=constants)


def _numbers(what: str, given: Any) -> Numbers:
    given = given.tolist() if hasattr(given, "tolist") else given
    if isinstance(given, (list, tuple)) and not len(given):
        return ()
    frozen = frozen_number(what, given)
    if not isinstance(frozen, tuple) or any(isinstance(one, tuple) for one in frozen):
        raise ModelError(f"{what} must be a sequence of numbers, got {shown(given)}.")
    return frozen  # type: ignore[return-value]


def _increasing(what: str, given: Any) -> Any:
    if given is None:
        return None
    numbers = _numbers(what, given)
    if any(one >= other for one, other in pairwise(numbers)):
        raise ModelError(f"{what} must increase, got {shown(given)}; sort them, each once.")
    return numbers


def number_in(text: str, example: str) -> int:
    """Read a whole number of the shell; ``example`` shows what goes."""
    if not text.strip().isdecimal():
        raise ModelError(f"a number of columns must be whole, for example {example}; got {text!r}.")
    return int(text)
