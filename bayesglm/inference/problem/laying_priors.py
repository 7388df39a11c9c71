"""What a model's priors say of the coefficients of one neuron, and of their learned scales."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bayesglm.design.blocks import Block
from bayesglm.design.design import Plan, Predictors, plain_family_of
from bayesglm.errors import DataError, ModelError
from bayesglm.inference.problem.arrangements import (
    check_sums,
    hyperparameters_of,
    said,
    spectrum_of,
    structure_of,
)
from bayesglm.inference.problem.positive import Shares
from bayesglm.numerics.priors.carried import carried
from bayesglm.numerics.priors.dirichlet import Dirichlet
from bayesglm.numerics.priors.distribution import Distribution, distribution_of
from bayesglm.numerics.priors.lkj import LKJ
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.numerics.priors.spectra import LearnedScale
from bayesglm.numerics.priors.table import PRIORS
from bayesglm.numerics.theta.correlations import correlations, n_below
from bayesglm.numerics.theta.labels import at_own, entry_label
from bayesglm.numerics.theta.parameter import Parameter
from bayesglm.numerics.theta.simplex import SIMPLEX
from bayesglm.numerics.theta.transforms import LOG
from bayesglm.spec.terms.term import Term

Array = np.ndarray


def coefficient_priors(
    plan: Plan, neuron: int, predictors: Predictors, places: Mapping[str, slice]
) -> tuple[PriorPart, ...]:
    """Return the priors of one neuron's coefficients; ``places`` are those of all parameters."""
    model, parts = plan.model, []

    def laid(name: str, prior: Any, shape: tuple[int, ...]) -> tuple[str, dict[str, Any]]:
        kind, numbers = said(prior)
        return kind, numbers_of_neuron(plan, neuron, name, numbers, shape)

    if model.intercept is not None:
        channels = predictors.levels
        shape = () if channels is None else (len(channels.labels),)
        kind, numbers = laid("intercept", model.intercept, shape)
        parts.append(PriorPart(places["intercept"], PRIORS[kind], numbers))
    for term, block in zip(model.every_term, predictors.named, strict=True):
        part = prior_of_block(plan, neuron, term, block, places)
        unseen = None if part.prior.proper else block.unseen(predictors.rows)
        if unseen is not None:
            raise DataError(
                f"under a Flat prior {unseen!r}{plan.name_of(neuron)} has no estimate: no sample "
                f"in use has that level, or combination of levels. Give term {block.name!r} a "
                "proper prior (prior=ridge(1.0), say), or leave that level out."
            )
        parts.append(part)
    family = plain_family_of(model)
    for name, one in model.predicted.items():
        place, (kind, numbers) = f"{name}_intercept", laid(f"{name}_intercept", one.prior, ())
        of_link = carried(PRIORS[kind], family.dispersion_named(name).transform)
        parts.append(PriorPart(places[place], of_link, numbers))
    return tuple(parts)


def prior_of_block(
    plan: Plan, neuron: int, term: Term, block: Block, places: Mapping[str, slice]
) -> PriorPart:
    """Return what a term's prior says of the coefficients of a block, as they are named."""
    if term.pooled:
        return _pooled(block, places)
    kind, said_numbers = said(term.prior, block)
    numbers = numbers_of_neuron(plan, neuron, block.name, said_numbers, block.said_shape)
    if block.picked is not None and block.waves is None:
        numbers = {key: _off_diagonal(value, block) for key, value in numbers.items()}
    check_sums(term.prior, block, numbers)
    learned = spectrum_of(term.prior, block, places, numbers)
    structure = structure_of(term.prior, block, numbers, learned)
    if learned is not None:
        numbers.pop("scale", None)
    first = places[block.name].start
    return PriorPart(
        slice(first, first + block.size),
        PRIORS[kind],
        numbers,
        shape=block.grid,
        learned=learned,
        structure=structure,
    )


def _pooled(block: Block, places: Mapping[str, slice]) -> PriorPart:
    """Return the prior of one neuron's coefficients around the mean of all neurons."""
    place, at = places[block.name], places[f"{block.name}_scale"].start
    return PriorPart(
        place,
        PRIORS["Normal"],
        {"loc": 0.0},
        learned=LearnedScale(np.full(block.size, at)),
        mean=places[f"{block.name}_mean"],
    )


def _common(term: Term, block: Block) -> list[Parameter]:
    """Return what the neurons of a population share: the mean of a term, and the scale."""
    kind, numbers = said(term.prior)
    of_mean = {
        key: np.broadcast_to(np.array(value, dtype=float), block.shape).reshape(-1)
        for key, value in numbers.items()
    }
    mean = Parameter(
        f"{block.name}_mean",
        "scale",
        shape=block.shape,
        dims=block.dims,
        coords=block.coords,
        prior=Distribution(kind, of_mean),
        start=of_mean["loc"],
        common=True,
    )
    own = distribution_of(term.pooled)
    one_number = all(np.size(value) == 1 for value in own.parameters.values())
    if own.transform is not LOG or not one_number:
        raise ModelError(
            f"term {term.label!r}: the scale of pooled coefficients is one positive number, and "
            f"{term.pooled!r} is no prior of one; write HalfNormal(0.5), say."
        )
    scale = Parameter(
        f"{block.name}_scale",
        "scale",
        transform=own.transform,
        prior=own,
        start=own.middle,
        common=True,
    )
    return [mean, scale]


def _off_diagonal(value: Array | float, block: Block) -> Array | float:
    """Return a prior's numbers for those of all places that have a coefficient."""
    if not np.ndim(value):
        return value
    whole = np.reshape(value, block.said_shape)
    for dim, every in block.part_of.items():
        whole = at_own(whole, block.dims.index(dim), block.coords[dim], every)
    return whole.reshape(-1)


def learned_scales(plan: Plan, neuron: int, predictors: Predictors) -> list[Parameter]:
    """Return the scales and correlations that are learned, each with its prior, in no place yet.

    Scales start at the middle of their priors, the scale of a half-normal say, and correlations at
    zero.
    """
    scales = []
    for term, block in zip(plan.model.every_term, predictors.named, strict=True):
        if term.pooled:
            scales += _common(term, block)
            continue
        for name, one in hyperparameters_of(term.prior, block).items():
            if isinstance(one, Shares):
                scales.append(_shares(name, one))
                continue
            given = numbers_of_neuron(plan, neuron, name, one.numbers, one.shape)
            prior = Distribution(one.kind, given)
            own = Parameter(
                name,
                "scale",
                transform=prior.transform,
                shape=one.shape,
                dims=one.dims,
                coords=one.coords,
                part_of=one.part_of,
                prior=prior,
                start=prior.middle,
            )
            scales.append(own)
        if block.correlation is not None:
            scales.append(_correlation(block))
    return scales


def _shares(name: str, one: Shares) -> Parameter:
    """Return shares of one, which start equal."""
    n = int(np.prod(one.shape, dtype=int))
    return Parameter(
        name,
        "scale",
        slice(0, n - 1),
        SIMPLEX,
        one.shape,
        one.dims,
        one.coords,
        prior=Dirichlet(one.concentration, n),
        start=1.0 / n,
        part_of=one.part_of,
    )


def _correlation(block: Block) -> Parameter:
    """Return the correlation of a factor's effects, one matrix for each channel."""
    *across, k, _ = block.shape
    dims = (*block.dims[:-1], f"{block.dims[-2]}_other")
    labels = block.coords[block.dims[-2]]
    shape, n = (*across, k, k), int(np.prod(across, dtype=int))
    coords = {dim: block.coords[dim] for dim in dims[:-1]} | {dims[-1]: labels}
    name = f"{block.name}_correlation"
    below = [tuple(at) for at in np.ndindex(*shape) if at[-2] > at[-1]]
    flat = [int(np.ravel_multi_index(at, shape)) for at in below]
    return Parameter(
        name,
        "scale",
        slice(0, n * n_below(k)),
        correlations(k),
        shape,
        dims,
        coords,
        prior=LKJ(block.correlation.eta, k),
        start=np.tile(np.eye(k).ravel(), n),
        entries=tuple(entry_label(name, shape, dims, coords, at) for at in flat),
        mirrored=tuple(flat),
    )


def numbers_of_neuron(
    plan: Plan, neuron: int, name: str, numbers: Mapping[str, Any], shape: tuple[int, ...]
) -> dict[str, Any]:
    """Return one neuron's numbers of a prior, each for all entries or a flat array of them."""
    return {
        key: number_of_neuron(plan, neuron, name, key, value, shape)
        for key, value in numbers.items()
    }


def number_of_neuron(
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
