"""What the data decide of priors of a share of variance: the units of columns, and the rest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from bayesglm.design.blocks import Block
from bayesglm.design.design import Design, Plan, plain_family_of
from bayesglm.design.spreads import check_varies, for_neurons, sd_of_predictor
from bayesglm.errors import DataError, ModelError
from bayesglm.numerics.families.at_mean import residual_sd
from bayesglm.spec.dispersions import is_fixed
from bayesglm.spec.families import FAMILY_NAMES, LINK_NAMES

Array = np.ndarray
OWN = "sigma"  # the dispersion that is a standard deviation of responses with a unit


def of_variance(plan: Plan, place: int, prior: Any) -> Any:
    """Return a prior of a term's share of variance with the numbers that the data decide.

    Raises
    ------
    DataError
        A column that does not vary, or a mean response at which nothing is told of eta.
    ModelError
        A model without one residual standard deviation.
    """
    if prior.predictor_sd is None:
        shape = plan.designs[0].predictors.blocks[place].said_shape
        sds = [_column_sds(plan, neuron, place) for neuron in range(len(plan.designs))]
        prior = replace(prior, predictor_sd=for_neurons(plan, sds, shape))
    if prior.sigma is None:
        prior = replace(prior, sigma=_sigma(plan, place))
    return prior


def _column_sds(plan: Plan, neuron: int, place: int) -> Array:
    """Return the standard deviation of each column of a term's ``(size,)``.

    Of columns that are picked, those of all from which they are.
    """
    design = plan.designs[neuron]
    block = design.predictors.blocks[place]
    if block.codes is not None:
        sds = _sds_of_levels(block, design)
    else:
        # Of each column of the signal, and of lags and channels as of that.
        sds = sd_of_predictor(replace(block, per_column=True, n_ones=0), design)
    if block.picked is not None:
        labels = block.part_of[block.dims[0]]
        check_varies(plan, neuron, block.name, sds, lambda j: f"{block.name}[{labels[j]}]")
        return np.repeat(sds, int(np.prod(block.shape[1:], dtype=int)))
    every = np.tile(sds, block.size // len(sds))
    check_varies(plan, neuron, block.name, every, block.label)
    return every


def _sds_of_levels(block: Block, design: Design) -> Array:
    """Return those of columns which are zero but for the rows of one level."""
    rows = design.predictors.rows
    codes, values = block.effects(rows)
    weights = np.ones(len(rows)) if design.weights is None else design.weights[rows]
    share, sds = weights / weights.sum(), []
    for effect in values.T:
        mean, square = (
            np.bincount(codes, share * effect**power, block.n_levels) for power in (1, 2)
        )
        sds.append(np.sqrt(np.maximum(square - mean**2, 0.0)))
    return np.concatenate(sds)


def _sigma(plan: Plan, place: int) -> Any:
    """Return the sd of what a term leaves on the scale of eta; None where it is a parameter."""
    model = plan.model
    if place >= len(model.terms):
        return 1.0
    words, link = FAMILY_NAMES[model.family], LINK_NAMES[model.link_name]
    if words.has_unit and link.power == 1.0 and OWN in words.dispersions:
        if OWN in model.predicted:
            raise ModelError(
                f"term {model.terms[place].label!r}: {OWN} has a linear predictor of its own, so "
                "there is no one residual variance of which an R2D2 prior could say the share; "
                "give the prior sigma=, the residual standard deviation that is meant."
            )
        stated = model.dispersion_of(OWN)
        if not is_fixed(stated):
            return None
        sds = np.broadcast_to(stated, len(plan.designs)).tolist()
    elif words.is_threshold and link.latent_variance is not None:
        sds = [link.latent_variance**0.5] * len(plan.designs)
    else:
        sds = [_residual_sd(plan, neuron, place) for neuron in range(len(plan.designs))]
    return for_neurons(plan, sds, plan.designs[0].predictors.blocks[place].said_shape)


def _residual_sd(plan: Plan, neuron: int, place: int) -> float:
    """Return the pseudo standard deviation of a neuron's responses about eta."""
    model, design, family = plan.model, plan.designs[neuron], plain_family_of(plan.model)
    rows, trials = design.predictors.rows, design.predictors.trials
    y, phi = design.typical[..., rows], []
    for name, record in zip(family.dispersion_names, family.dispersions, strict=True):
        stated = model.dispersion_of(name)
        value = np.ravel(stated) if is_fixed(stated) else np.ravel(record.start(y))
        phi.append(np.float64(value[min(neuron, len(value) - 1)]))
    sd = residual_sd(family, y, None if trials is None else trials[rows], tuple(phi))
    if not np.isfinite(sd):
        raise DataError(
            f"term {model.terms[place].label!r}: a {model.family} response with the link "
            f"{model.link_name}{plan.name_of(neuron)} tells no residual variance at its mean, of "
            "which an R2D2 prior could say the share; give the prior sigma=, the residual standard "
            "deviation on the scale of eta."
        )
    return sd
