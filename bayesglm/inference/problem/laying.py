"""The parameters of one neuron laid out in theta: their names, places and transforms."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from bayesglm.design.blocks import Block
from bayesglm.design.design import Plan, Predictors, family_of
from bayesglm.errors import ModelError
from bayesglm.inference.problem.arrangements import said
from bayesglm.inference.problem.laying_priors import (
    learned_scales,
    number_of_neuron,
    numbers_of_neuron,
)
from bayesglm.numerics.priors.distribution import Distribution
from bayesglm.numerics.priors.increasing import Increasing
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.numerics.theta.parameter import OwnPrior, Parameter
from bayesglm.numerics.theta.registry import Theta
from bayesglm.numerics.theta.supports import SUPPORTS
from bayesglm.numerics.theta.transforms import linear
from bayesglm.spec.dispersions import is_fixed
from bayesglm.spec.response_levels import between_levels

# Logarithm of the probability that independent numbers increase, down to which it is computed well;
# where two normal centres fall by 20 scales it is -104.
LEAST_LOG_SHARE = -110.0


def lay_theta(plan: Plan, neuron: int, predictors: Predictors) -> Theta:
    """Lay out one neuron's parameters as their natural density has them.

    The coefficients stand as they are, then follow the dispersions and the learned scales.
    """
    return Theta(
        (
            *_coefficients(predictors),
            *_placed(
                [*_dispersions(plan, neuron), *learned_scales(plan, neuron, predictors)],
                predictors.n_coefficients,
            ),
        )
    )


def unconstrained(natural: Theta, priors: tuple[PriorPart, ...]) -> Theta:
    """Return the same on the unconstrained scale: coefficients stand as their support asks.

    Its density has the Jacobian.
    """
    transforms = {part.where.start: SUPPORTS[part.support] for part in priors}
    return Theta(
        tuple(
            replace(one, transform=transforms[one.place.start])
            if one.role == "coefficients" and one.size and not transforms[one.place.start].straight
            else one
            for one in natural.parameters
        ),
        jacobian=True,
    )


def _coefficients(predictors: Predictors) -> list[Parameter]:
    """Return one parameter for the intercept of each linear predictor, and one for each term."""
    places = predictors.places
    parameters = []
    for line in predictors.lines:
        if line.intercept:
            parameters.append(_intercept(predictors, line.intercept))
        for block in predictors.named[line.first : line.first + len(line.blocks)]:
            own = Parameter(
                block.name,
                "coefficients",
                places[block.name],
                shape=block.shape,
                dims=block.dims,
                coords=block.coords,
                transform=block.transform,
                entries=block.column_names or _names_of_free(block),
                part_of=block.part_of,
            )
            parameters.append(own)
    return parameters


def _names_of_free(block: Block) -> tuple[str, ...]:
    """Name the free numbers of coefficients that are made of fewer; of others labels tell."""
    made = block.sums or block.waves is not None
    return tuple(block.label(k) for k in range(block.size)) if made else ()


def _intercept(predictors: Predictors, name: str) -> Parameter:
    """Return an intercept: a number, or one for each of several levels."""
    plain = Parameter(name, "coefficients", predictors.places[name])
    channels = predictors.levels
    if channels is None:
        return plain
    own = replace(
        plain,
        shape=(len(channels.labels),),
        dims=(channels.dim,),
        coords={channels.dim: channels.labels},
    )
    if channels.contrasts is None:
        return own
    names = tuple(f"contrast {k} of intercepts" for k in range(own.size))
    return replace(own, transform=linear(channels.contrasts), entries=names)


def _dispersions(plan: Plan, neuron: int) -> list[Parameter]:
    """Return the family's dispersions, fixed or under the prior that the model states."""
    family, parameters = family_of(plan.model), []
    for name, record in zip(family.dispersion_names, family.dispersions, strict=True):
        stated = plan.model.dispersion_of(name)
        own = Parameter(name, "dispersion", transform=record.transform)
        if record.n_entries is not None:
            dim = f"{plan.model.response}_{name}"
            labels = np.array(between_levels(plan.model.levels or ()))
            own = replace(own, shape=(record.n_entries,), dims=(dim,), coords={dim: labels})
        if is_fixed(stated):
            value = number_of_neuron(plan, neuron, name, "value", stated, own.shape)
            parameters.append(replace(own, fixed=value if own.shape else float(value)))
        else:
            kind, numbers = said(stated)
            given = numbers_of_neuron(plan, neuron, name, numbers, own.shape)
            apart = Distribution(kind, given)
            if apart.ends is not None and family.words.range_of(name)[1] == np.inf:
                own = replace(own, transform=apart.transform, ends=apart.ends)
            prior: OwnPrior = apart
            if name in family.words.increasing:
                prior = _increasing(plan, neuron, own, apart)
            parameters.append(replace(own, prior=prior))
    return parameters


def _increasing(plan: Plan, neuron: int, own: Parameter, apart: Distribution) -> Increasing:
    """Return a prior of numbers that increase, or raise ModelError where it says they fall."""
    prior = Increasing(apart, own.n_natural)
    if prior.log_share < LEAST_LOG_SHARE:
        raise ModelError(
            f"the prior of {own.name!r}{plan.name_of(neuron)} has a loc that falls, and a scale "
            f"that leaves no room for values that increase; give {own.name}s a loc that increases."
        )
    return prior


def _placed(parameters: Iterable[Parameter], start: int) -> list[Parameter]:
    """Return parameters each in the place after the last, from ``start`` on.

    Each takes as many numbers as its run has, or one for each natural value where it has no run.
    """
    placed = []
    for one in parameters:
        if one.fixed is None:
            stop = start + (one.size or one.n_natural)
            one, start = replace(one, place=slice(start, stop)), stop
        placed.append(one)
    return placed
