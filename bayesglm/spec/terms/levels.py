"""Levels of a factor, in an order of their own: all words, or all whole numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bayesglm.errors import ModelError
from bayesglm.spec.hints import is_unordered, shown
from bayesglm.spec.names import first_repeat, is_storable

type Levels = tuple[str, ...] | tuple[int, ...] | tuple[bool, ...] | None

KINDS = {str, int, bool}  # types of a level
LARGEST_WHOLE = 2.0**53  # beyond, floats no longer tell whole numbers apart
OF_64_BITS = ((-(2**63), 2**63), (0, 2**64))  # ranges of signed and of unsigned numbers


def frozen_levels(what: str, given: Any) -> Levels:
    """Return levels as a tuple of Python's own words, whole numbers or bools; None as it is.

    >>> frozen_levels("Group('g')", ["b", "a"])
    ('b', 'a')
    """
    if given is None:
        return None
    labels = given.tolist() if hasattr(given, "tolist") else given
    if isinstance(labels, str) or not isinstance(labels, Iterable) or is_unordered(given):
        raise ModelError(
            f"{what}: levels must be labels in an order of their own, got {shown(given)}; write "
            "levels=['a', 'b']."
        )
    levels = tuple(labels)
    if not set(map(type, levels)) <= KINDS:
        levels = tuple(map(_plain, levels))
    _check_levels(what, levels)
    return levels


def _check_levels(what: str, levels: tuple[Any, ...]) -> None:
    if not levels:
        raise ModelError(f"{what}: levels are empty; name them, or leave levels out.")
    kind = type(levels[0]) if type(levels[0]) in KINDS else str
    if set(map(type, levels)) != {kind}:
        other = next(k for k, level in enumerate(levels) if type(level) is not kind)
        raise ModelError(
            f"{what}: levels must be all words or all whole numbers, and levels[{other}] is "
            f"{shown(levels[other])}; turn them all into words, or number the levels."
        )
    if len(set(levels)) < len(levels):
        raise ModelError(
            f"{what}: levels name {shown(first_repeat(levels))} twice; name each once."
        )
    if kind is str and not is_storable("".join(levels)):
        bad = next(one for one in levels if not is_storable(one))
        raise ModelError(
            f"{what}: no file can hold the level {shown(bad)} (NUL, or half of a surrogate pair); "
            "rename it."
        )
    if kind is int:
        least, most = min(levels), max(levels)
        if not any(least >= first and most < stop for first, stop in OF_64_BITS):
            raise ModelError(
                f"{what}: levels reach from {least} to {most}, and numbers of 64 bits do not; turn "
                "them into words."
            )


def _plain(level: Any) -> Any:
    """Return Python's own value of a library's, a whole number out of a float that is one."""
    level = level.item() if hasattr(level, "item") else level
    if isinstance(level, str):
        return str(level)
    whole = isinstance(level, float) and abs(level) < LARGEST_WHOLE and level.is_integer()
    return int(level) if whole else level
