"""Inert nouns: frozen dataclasses whose repr reads like the call that makes them."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable
from typing import Any, dataclass_transform


@dataclass_transform(frozen_default=True)
def noun[T](cls: type[T]) -> type[T]:
    """Make a frozen, hashable, comparable dataclass; its repr leaves defaults out."""
    made = dataclasses.dataclass(frozen=True, repr=False)(cls)
    made.__repr__ = call_repr  # type: ignore[method-assign]
    return made


def call_repr(thing: Any) -> str:
    """Write ``thing`` as the call that makes it, fields without a default by position."""
    words = []
    for field in dataclasses.fields(thing):
        value = getattr(thing, field.name)
        shown = f"[{', '.join(map(repr, value))}]" if field.name == "terms" else repr(value)
        if field.default is dataclasses.MISSING:
            words.append(shown)
        elif value != field.default:
            words.append(f"{field.name}={shown}")
    return f"{type(thing).__name__}({', '.join(words)})"


def put(thing: object, **values: object) -> None:
    """Set fields of a frozen noun while it is being made (in ``__post_init__`` only)."""
    for name, value in values.items():
        object.__setattr__(thing, name, value)


def put_plain_strings(thing: Any) -> None:
    """Turn numpy's strings, whose repr is not a string's, into Python's own."""
    for field in dataclasses.fields(thing):
        value = getattr(thing, field.name)
        if isinstance(value, str):
            put(thing, **{field.name: str(value)})


def near(word: object, known: Iterable[str], likeness: float = 0.6) -> str:
    """Return " Did you mean 'x'?" for the nearest known word, or an empty string."""
    close = difflib.get_close_matches(str(word), list(known), n=1, cutoff=likeness)
    return f" Did you mean {close[0]!r}?" if close else ""
