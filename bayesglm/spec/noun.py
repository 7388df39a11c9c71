"""Inert nouns: frozen dataclasses whose repr reads like the call that makes them."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, dataclass_transform

from bayesglm.errors import ModelError
from bayesglm.spec.hints import FIELDS_ELSEWHERE, call_of, closest


@dataclass_transform(frozen_default=True)
def noun[T](cls: type[T]) -> type[T]:
    """Make a frozen, hashable, comparable dataclass; its repr, unless it has one, is its call.

    A keyword that is unknown, or one that is missing, is a ModelError that says what to write.
    """
    made = dataclasses.dataclass(frozen=True, repr=False)(cls)
    if "__repr__" not in vars(cls):
        made.__repr__ = call_repr  # type: ignore[method-assign]
    fields = dataclasses.fields(made)  # type: ignore[arg-type]
    known = [field.name for field in fields]
    needed = [field.name for field in fields if field.default is dataclasses.MISSING]
    plain = made.__init__

    @functools.wraps(plain)
    def checked(self: T, *given: Any, **named: Any) -> None:
        for name in named:
            if name not in known:
                other = FIELDS_ELSEWHERE.get(name)
                hint = f" Write {other}=." if other in known else closest(name, known)
                raise ModelError(
                    f"{cls.__name__} takes {', '.join(known) or 'nothing'}, and no {name!r}.{hint}"
                )
        missing = [name for name in needed[len(given) :] if name not in named]
        if missing:
            call = f"{cls.__name__}({', '.join(needed)})"
            if missing == ["terms"]:
                call = call_of(str([*given, named.get("response")][0]))
            raise ModelError(
                f"{cls.__name__} is incomplete: it needs {', '.join(missing)}; write {call}."
            )
        plain(self, *given, **named)

    made.__init__ = checked  # type: ignore[method-assign,assignment]
    return made


def call_repr(thing: Any) -> str:
    """Write ``thing`` as the call that makes it, fields without a default by position."""
    words: list[str] = []
    for field in dataclasses.fields(thing):
        value = getattr(thing, field.name)
        if field.metadata.get("several"):
            words += map(repr, value)
            continue
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
