"""The terms that there are, and how those of a model are said."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bayesglm.errors import ModelError
from bayesglm.spec.hints import is_unordered, shown
from bayesglm.spec.terms.basis import Basis
from bayesglm.spec.terms.category import Category
from bayesglm.spec.terms.coupling import Coupling
from bayesglm.spec.terms.event import Event
from bayesglm.spec.terms.group import Group
from bayesglm.spec.terms.history import History
from bayesglm.spec.terms.interaction import Interaction
from bayesglm.spec.terms.lagged import Lagged
from bayesglm.spec.terms.linear import Linear
from bayesglm.spec.terms.monotonic import Monotonic
from bayesglm.spec.terms.spline import Spline
from bayesglm.spec.terms.surface import Surface
from bayesglm.spec.terms.term import Term

TERMS: tuple[type[Term], ...] = (
    Linear,
    Lagged,
    History,
    Event,
    Coupling,
    Group,
    Spline,
    Surface,
    Basis,
    Category,
    Interaction,
    Monotonic,
)
OF_A_NAME = Linear  # what a bare string in the place of a term is


def as_terms(terms: Any) -> tuple[Term, ...]:
    """Return the terms of a model out of one or several; raises ModelError where one is none."""
    if is_unordered(terms):
        raise ModelError(
            f"terms are a {type(terms).__name__}, and must be in an order of their own; write a "
            f"list: {[str(one) for one in terms]!r}, or Linear(name, prior=...) in it."
        )
    is_one = isinstance(terms, (str, *TERMS)) or not isinstance(terms, Iterable)
    several: Iterable[object] = (terms,) if is_one else terms
    kept: list[Term] = []
    for term in several:
        if isinstance(term, str):
            term = OF_A_NAME(term)
        if not isinstance(term, TERMS):
            allowed = ", ".join(kind.__name__ for kind in TERMS)
            hint = "; write ['x'], or [] for an intercept alone" if terms is None else ""
            raise ModelError(
                f"a term must be one of {allowed} or a variable's name, got {shown(term)}{hint}."
            )
        kept.append(term)
    return tuple(kept)
