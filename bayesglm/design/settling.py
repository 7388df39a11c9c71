"""Terms as the data make them: a variable of labels is a category, whatever it was called."""

from __future__ import annotations

import xarray as xr

from bayesglm.design.terms.table import LABELLED
from bayesglm.design.variables import holds_labels
from bayesglm.spec.model import GLM
from bayesglm.spec.terms.term import Term


def settle_terms(model: GLM, dataset: xr.Dataset) -> GLM:
    """Return the model with its terms as what the variables of the data hold makes them."""

    def has_labels(name: str) -> bool:
        return name in dataset.variables and holds_labels(dataset[name])

    every: list[Term] = []
    for term in model.every_term:
        settle = LABELLED.get(type(term))
        every.append(term if settle is None else settle(term, has_labels))
    pairs = zip(every, model.every_term, strict=True)
    return model if all(one is other for one, other in pairs) else model.with_terms(every)
