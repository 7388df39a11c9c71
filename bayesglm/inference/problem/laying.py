"""Priors laid on theta: where each parameter of one neuron stands, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from bayesglm.design.blocks import Block, entry_label
from bayesglm.design.design import Plan, Predictors, family_of
from bayesglm.errors import ModelError
from bayesglm.numerics.priors.parts import LearnedScale, PriorPart
from bayesglm.numerics.priors.structure import Differences
from bayesglm.numerics.priors.table import PRIORS
from bayesglm.spec.priors import HalfStudentT, Horseshoe, RandomWalk, learned_scale

Array = np.ndarray


@dataclass(frozen=True)
class Positive:
    """A positive parameter, which theta holds as a logarithm: a dispersion, or a learned scale.

    ``kind`` is the name of its prior's record, ``numbers`` that prior's parameters as they were
    said; its entries are named as a coefficient's are.
    """

    kind: str
    numbers: Mapping[str, Any]
    shape: tuple[int, ...] = ()
    dims: tuple[str, ...] = ()
    coords: Mapping[str, Array] = field(default_factory=dict)

    @cached_property
    def size(self) -> int:
        """Number of entries."""
        return int(np.prod(self.shape, dtype=int))

    def labels(self, name: str) -> list[str]:
        """Return a name for every entry, for messages."""
        named = (name, self.shape, self.dims, self.coords)
        return [entry_label(*named, k) for k in range(self.size)]


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
    model, said = plan.model, plan.model.dispersion
    names = family_of(model).dispersions
    fixed = isinstance(said, (float, tuple))
    free = {} if fixed else {name: Positive(*_said(said)) for name in names}
    terms = list(zip(model.terms, predictors.blocks, strict=True))
    learned: dict[str, Positive] = {}
    for term, block in terms:
        learned |= _learned(term.prior, block)
    positive = free | learned
    edges = accumulate((one.size for one in positive.values()), initial=predictors.n_coefficients)
    own = (slice(*edge) for edge in pairwise(edges))
    places = {**predictors.places, **dict(zip(positive, own, strict=True))}

    def part(name: str, kind: str, numbers: Mapping[str, Any], of: Any) -> PriorPart:
        given = {
            key: _for_neuron(plan, neuron, name, key, value, of.shape)
            for key, value in numbers.items()
        }
        return PriorPart(places[name], PRIORS[kind], given, of.shape)

    parts = {name: part(name, one.kind, one.numbers, one) for name, one in positive.items()}
    coefficients = []
    if model.intercept is not None:
        coefficients.append(part("intercept", *_said(model.intercept), Positive("Flat", {})))
    for term, block in terms:
        made = part(block.name, *_said(term.prior), block)
        if isinstance(term.prior, RandomWalk):
            made = _with_structure(made, block, term.prior)
        shape = () if block.codes is not None else block.shape
        learning = _learning(block, term.prior, places)
        coefficients.append(replace(made, shape=shape, learned=learning))
    dispersions = [
        float(_for_neuron(plan, neuron, name, "value", said, ())) if fixed else parts[name]
        for name in names
    ]
    scales = [parts[name] for name in learned]
    return Laid(places, tuple(coefficients), tuple(dispersions), tuple(scales), learned)


def _said(prior: Any) -> tuple[str, dict[str, Any]]:
    """Return the name of a prior's record, and its numbers but for a scale that is learned."""
    numbers = dict(vars(prior))
    if isinstance(prior, (RandomWalk, Horseshoe)):
        numbers = {"scale": prior.scale}  # the rest says how coefficients hang together
    if learned_scale(prior) is not None:
        del numbers["scale"]
    return type(prior).__name__, numbers


def _learned(prior: Any, block: Block) -> dict[str, Positive]:
    """Return by name what is learned of the scales of a term's coefficients.

    One scale for all; for each effect of a factor's levels one. Under a horseshoe each coefficient
    has one more, and the slab has a variance.
    """
    above = learned_scale(prior)
    if above is None:
        return {}
    lead = block.codes is not None and len(block.dims) > 1
    common = Positive(*_said(above), block.shape[:lead], block.dims[:lead], block.coords)
    found = {f"{block.name}_scale": common}
    if isinstance(prior, Horseshoe):
        local = _said(HalfStudentT(1.0, df=1.0))
        found[f"{block.name}_local"] = Positive(*local, block.shape, block.dims, block.coords)
        half = 0.5 * prior.slab_df
        slab = {"shape": half, "scale": half * prior.slab_scale**2}
        found[f"{block.name}_slab"] = Positive("InverseGamma", slab)
    return found


def _learning(block: Block, prior: Any, places: Mapping[str, slice]) -> LearnedScale | None:
    """Say where the scales of a term's coefficients stand; None where they are numbers."""
    if learned_scale(prior) is None:
        return None
    common = np.arange(places[f"{block.name}_scale"].start, places[f"{block.name}_scale"].stop)
    if PRIORS[type(prior).__name__].joint:
        return LearnedScale(common)
    every = np.repeat(common, block.size // len(common))
    if not isinstance(prior, Horseshoe):
        return LearnedScale(every)
    slab = places[f"{block.name}_slab"].start
    return LearnedScale(every, places[f"{block.name}_local"], slab)


def _with_structure(part: PriorPart, block: Block, prior: RandomWalk) -> PriorPart:
    structure = _structure(block.name, prior, block.shape, block.dims)
    scale = part.parameters.get("scale", 1.0)
    if structure.varies_along(np.reshape(scale, block.shape if np.ndim(scale) else ())):
        raise ModelError(
            f"the random walk of {block.name!r} has a scale that changes along a dim it "
            "smooths; give one scale per smoothed run of coefficients."
        )
    return replace(part, parameters={**part.parameters, "structure": structure})


def _structure(
    name: str, prior: RandomWalk, shape: tuple[int, ...], dims: tuple[str, ...]
) -> Differences:
    """Find the axes that a random walk smooths along; ``lag`` stands for the term's own lags."""
    if not dims:
        raise ModelError(
            f"the coefficient {name!r} is a single number, and a random walk needs a dim to smooth "
            "along; use it on a Lagged or History term, or on a predictor with further dims."
        )
    if prior.dims is None:
        wanted: tuple[str, ...] = dims
    else:
        said = (prior.dims,) if isinstance(prior.dims, str) else prior.dims
        wanted = tuple(f"{name}_lag" if dim == "lag" and dim not in dims else dim for dim in said)
    for dim in wanted:
        if dim not in dims:
            raise ModelError(
                f"the random walk of {name!r} smooths along {dim!r}, which is no dim of that "
                f"coefficient; it has {', '.join(map(repr, dims))}."
            )
    axes = tuple(sorted({dims.index(dim) for dim in wanted}))
    for axis in axes:
        if shape[axis] <= prior.order:
            raise ModelError(
                f"the random walk of {name!r} takes differences of order {prior.order} along "
                f"{dims[axis]!r}, which has only {shape[axis]} entries; use a lower order or more."
            )
    return Differences(shape, axes, prior.order)


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
