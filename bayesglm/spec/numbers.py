"""Numbers as a model keeps them: floats, or nested tuples of floats for arrays."""

from __future__ import annotations

import math
from collections.abc import Iterator
from numbers import Real
from typing import Any

from bayesglm.errors import ModelError
from bayesglm.spec.hints import shown

type Number = float | tuple["Number", ...]


def frozen_number(what: str, value: Any, positive: bool = False) -> Number:
    """Return ``value`` as a float or nested tuples of floats, checked to be finite.

    Raises ModelError where an entry is no number, not finite, or (``positive``) not above zero.
    """
    frozen = _freeze(what, value)
    for entry in entries(frozen):
        if not math.isfinite(entry) or (positive and entry <= 0):
            kind = "a positive, finite number" if positive else "a finite number"
            raise ModelError(f"{what} must be {kind} (or an array of them), got {shown(entry)}.")
    return frozen


def entries(value: Number) -> Iterator[float]:
    """Run through the floats of a number or of nested tuples."""
    if isinstance(value, tuple):
        for part in value:
            yield from entries(part)
    else:
        yield value


def number_text(value: Number) -> str:
    """Write a number with four digits; an array by its range."""
    if not isinstance(value, tuple):
        return f"{value:.4g}"
    all_of_it = list(entries(value))
    return range_text(min(all_of_it), max(all_of_it))


def range_text(low: float, high: float) -> str:
    """Write the range of an array's numbers; one number where they agree to four digits."""
    edges = f"{low:.4g}", f"{high:.4g}"
    return edges[0] if edges[0] == edges[1] else f"[{edges[0]} .. {edges[1]}]"


def pairs(one: Number, other: Number) -> Iterator[tuple[float, float]]:
    """Run through two arrays' entries as broadcasting pairs them."""
    depths = _depth(one), _depth(other)
    if isinstance(one, tuple) and isinstance(other, tuple) and depths[0] == depths[1]:
        length = max(len(one), len(other))
        one = one * length if len(one) == 1 else one
        other = other * length if len(other) == 1 else other
        # Shapes that do not fit are refused where the data's are known.
        for parts in zip(one, other, strict=False):
            yield from pairs(*parts)
    elif isinstance(one, tuple) and depths[0] > depths[1]:
        for part in one:
            yield from pairs(part, other)
    elif isinstance(other, tuple):
        for part in other:
            yield from pairs(one, part)
    else:
        assert not isinstance(one, tuple)
        yield one, other


def _depth(value: Number) -> int:
    return 1 + _depth(value[0]) if isinstance(value, tuple) else 0


def _freeze(what: str, value: Any) -> Number:
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        if not value:
            raise ModelError(f"{what} is an empty array; give one number per coefficient.")
        parts = tuple(_freeze(what, part) for part in value)
        if len({_shape(part) for part in parts}) > 1:
            raise ModelError(f"{what} is a ragged array; its rows must have equal lengths.")
        return parts
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ModelError(f"{what} must be a number or an array of numbers, got {shown(value)}.")
    try:
        return float(value)
    except OverflowError:
        raise ModelError(f"{what} must be a finite number; {value!r} is too large.") from None


def _shape(value: Number) -> tuple[int, ...]:
    return (len(value), *_shape(value[0])) if isinstance(value, tuple) else ()
