"""Priors laid on theta: where each parameter of one neuron stands, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from bayesglm.design.design import Plan, Predictors, family_of
from bayesglm.errors import ModelError
from bayesglm.inference.problem.arrangements import (
    hyperparameters_of,
    said,
    spectrum_of,
    structure_of,
)
from bayesglm.inference.problem.positive import Positive
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.numerics.priors.table import PRIORS

Array = np.ndarray


@dataclass(frozen=True)
class Laid:
    """The priors of one neuron's parameters, and the place of each parameter in theta.

    theta holds the coefficients, the free dispersions and the learned scales, in this order.
    """

    places: dict[str, slice]
    coefficients: tuple[PriorPart, ...]
    dispersions: tuple[PriorPart | float, ...]
    scales: tuple[PriorPart, ...]
    learned: dict[str, Positive]


def lay_priors(plan: Plan, neuron: int, predictors: Predictors) -> Laid:
    """Lay the priors of a plan's model (all resolved) on the coefficients of one neuron."""
    model, dispersion = plan.model, plan.model.dispersion
    names = family_of(model).dispersions
    fixed = isinstance(dispersion, (float, tuple))
    free = {} if fixed else {name: Positive(*said(dispersion)) for name in names}
    terms = list(zip(model.terms, predictors.blocks, strict=True))
    learned: dict[str, Positive] = {}
    for term, block in terms:
        learned |= hyperparameters_of(term.prior, block)
    positive = free | learned
    edges = accumulate((one.size for one in positive.values()), initial=predictors.n_coefficients)
    runs = (slice(*edge) for edge in pairwise(edges))
    places = {**predictors.places, **dict(zip(positive, runs, strict=True))}

    def part(name: str, kind: str, numbers: Mapping[str, Any], of: Any) -> PriorPart:
        given = {
            key: _for_neuron(plan, neuron, name, key, value, of.shape)
            for key, value in numbers.items()
        }
        return PriorPart(places[name], PRIORS[kind], given, of.shape)

    parts = {name: part(name, one.kind, one.numbers, one) for name, one in positive.items()}
    coefficients = []
    if model.intercept is not None:
        coefficients.append(part("intercept", *said(model.intercept), Positive("Flat", {})))
    for term, block in terms:
        own = part(block.name, *said(term.prior), block)
        coefficients.append(
            replace(
                own,
                shape=() if block.codes is not None else block.shape,
                learned=spectrum_of(term.prior, block, places),
                structure=structure_of(term.prior, block, own.parameters),
            )
        )
    dispersions = [
        float(_for_neuron(plan, neuron, name, "value", dispersion, ())) if fixed else parts[name]
        for name in names
    ]
    scales = [parts[name] for name in learned]
    return Laid(places, tuple(coefficients), tuple(dispersions), tuple(scales), learned)


def _for_neuron(
    plan: Plan, neuron: int, name: str, key: str, value: Any, shape: tuple[int, ...]
) -> Array | float:
    """Return one neuron's flat array of a prior parameter that broadcasts to the coefficient."""
    if not isinstance(value, tuple):
        return float(value)
    full = shape if plan.population is None else (len(plan.designs), *shape)
    try:
        values = np.broadcast_to(np.array(value), full)
    except ValueError as error:
        raise ModelError(
            f"the prior of {name!r} has a {key} of shape {np.shape(value)}, which does not fit the "
            f"coefficient's shape {full}; give one number, or an array of that shape."
        ) from error
    values = values if plan.population is None else values[neuron]
    return values.reshape(-1) if shape else float(values)
