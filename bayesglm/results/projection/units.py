"""Whole terms as units of a selection: which may be chosen, and which only after others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from bayesglm.errors import ModelError
from bayesglm.spec.hints import closest, is_among, shown
from bayesglm.spec.model import GLM
from bayesglm.spec.terms.term import Term


class Units(NamedTuple):
    """The terms of the mean by their labels, in the model's order.

    ``forced`` come first in every model; ``parts`` are, of each term, the others without which it
    is not chosen: of an interaction those of its variables.
    """

    terms: tuple[str, ...]
    forced: tuple[str, ...]
    parts: dict[str, frozenset[str]]

    def next_of(self, chosen: Iterable[str]) -> list[str]:
        """Return the terms that may join others: forced ones first, products after their parts.

        >>> units = Units(("a", "b", "a:b"), (), {"a:b": frozenset(("a", "b"))})
        >>> units.next_of(["a"]), units.next_of(["a", "b"])
        (['b'], ['a:b'])
        """
        taken = set(chosen)
        left = [one for one in self.terms if one not in taken]
        forced = [one for one in left if one in self.forced]
        free = [one for one in forced or left if self.parts.get(one, frozenset()) <= taken]
        return free or forced


def units_of(model: GLM, forced: Any = ()) -> Units:
    """Return the units of a model's mean; ModelError of ``forced`` terms that it has not."""
    labels = tuple(term.label for term in model.terms)
    named = named_terms(model, forced, "forced")
    parts = {term.label: _parts(term, model.terms) for term in model.terms}
    kept = {label: own for label, own in parts.items() if own and label not in named}
    return Units(labels, named, kept)


def named_terms(model: GLM, terms: Any, what: str) -> tuple[str, ...]:
    """Return terms that are named, each once, in the model's order; ModelError of unknown ones."""
    labels = [term.label for term in model.terms]
    given = [terms] if isinstance(terms, str) or not isinstance(terms, Iterable) else list(terms)
    for one in given:
        if not is_among(one, labels):
            raise ModelError(
                f"{what}: the mean of the model has no term {shown(one)}; its terms are "
                f"{', '.join(labels) or 'none'}.{closest(one, labels)}"
            )
    return tuple(label for label in labels if label in given)


def _parts(term: Term, others: Iterable[Term]) -> frozenset[str]:
    """Return the terms of fewer variables than a product has, which it changes."""
    if not term.facts.is_product:
        return frozenset()
    own = _read_by(term)
    return frozenset(one.label for one in others if set() < _read_by(one) < own)


def _read_by(term: Term) -> set[str | None]:
    """Return the variables that a term reads, None for the response."""
    return {*term.variables, *([None] if term.reads_response else [])}
