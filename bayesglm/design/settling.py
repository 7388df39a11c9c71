"""Terms as the data make them: categories of labels, and what stands beside other terms."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import xarray as xr

from bayesglm.design.terms.table import BESIDE_OTHERS, LABELLED
from bayesglm.design.variables import holds_labels
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.model import GLM
from bayesglm.spec.terms.term import Term


def settle_terms(model: GLM, dataset: xr.Dataset) -> GLM:
    """Return the model with its terms as what the variables of the data hold makes them."""

    def has_labels(name: str) -> bool:
        return name in dataset.variables and holds_labels(dataset.variables[name])

    stands_alone = model.intercept is None and not FAMILY_NAMES[model.family].increasing

    def labelled(term: Term) -> Term:
        return LABELLED.get(type(term), _as_is)(term, has_labels)

    every = _settled(model.terms, not stands_alone, labelled)
    for one in model.predicted.values():
        every += _settled(one.terms, True, labelled)
    return model if every == list(model.every_term) else model.with_terms(every)


def _settled(
    terms: Sequence[Term], intercept: bool, labelled: Callable[[Term], Term]
) -> list[Term]:
    """Return the terms of one linear predictor."""
    settled = [labelled(one) for one in terms]
    for step in BESIDE_OTHERS:
        settled = step(settled, intercept, labelled)
    return settled


def _as_is(term: Term, has_labels: Callable[[str], bool]) -> Term:
    return term
