"""How the priors of the specification hold the coefficients of a term together.

Beside its numbers a prior may have a structure, and hyperparameters that make its scales. Each kind
that has any says so in `ARRANGEMENTS`; the others are laid on single coefficients, under one scale
for all if that is learned, or for each effect of a factor's levels. On curves, whose columns are
those of a straight line and of bends, a kind may be laid in a way of its own: `ON_CURVES`. So it is
on the steps of a monotonic effect: `ON_STEPS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from bayesglm.design.blocks import Block
from bayesglm.errors import ModelError
from bayesglm.inference.problem.named_dims import named_dims
from bayesglm.inference.problem.of_fields import (
    field,
    field_numbers,
    field_scales,
    lengthscales,
    locality,
)
from bayesglm.inference.problem.positive import Positive, Shares
from bayesglm.numerics.priors.correlated import Correlated, CorrelatedScale
from bayesglm.numerics.priors.differences import Differences
from bayesglm.numerics.priors.distribution import Distribution
from bayesglm.numerics.priors.groups import Groups
from bayesglm.numerics.priors.low_rank import LowRank
from bayesglm.numerics.priors.spectra import (
    BesideKnown,
    HorseshoeScale,
    KnownScale,
    LearnedScale,
    VarianceScale,
)
from bayesglm.numerics.priors.steps import Steps
from bayesglm.numerics.priors.structure import APART, Spectrum, Structure
from bayesglm.spec.priors import HalfStudentT, learned_scale, prior_of

type Parameters = Mapping[str, Any]
type Places = Mapping[str, slice]


class Arrangement(NamedTuple):
    """What a kind of prior makes of a term's block of coefficients.

    - `numbers(prior, block)`: the parameters of its record, by name; its own fields where None.
    - `structure(prior, block, parameters, learned)`: of the coefficients, the record's parameters
      as laid; ``learned`` are their scales, where these are no numbers.
    - `hyperparameters(prior, block)`: beside the scale, by name.
    - `spectrum(prior, block, common, places, parameters)`: the scales, from the common one and
      the places of others.
    - `field(prior, block)`: the waves that the coefficients are a sum of; None where they are not.
    - `record`: the name of its record, where that is not its own.
    """

    numbers: Callable[[Any, Block | None], dict[str, Any]] = lambda prior, block: prior.in_numbers[
        1
    ]
    structure: Callable[[Any, Block, Parameters, Any], Structure] = (
        lambda prior, block, parameters, learned: APART
    )
    hyperparameters: Callable[[Any, Block], dict[str, Positive | Shares]] = lambda prior, block: {}
    spectrum: Callable[[Any, Block, LearnedScale, Places, Parameters], Spectrum] = (
        lambda prior, block, common, places, parameters: common.for_each(block.size)
    )
    field: Callable[[Any, Block], Any] = lambda prior, block: None
    record: str | None = None


def said(prior: Any, block: Block | None = None) -> tuple[str, dict[str, Any]]:
    """Return the name of a prior's record, and its numbers but for a scale that is learned."""
    own = _arrangement(prior, block)
    numbers = own.numbers(prior, block)
    if prior_of(numbers.get("scale")) is not None:
        del numbers["scale"]
    return own.record or prior.in_numbers[0], numbers


def structure_of(
    prior: Any, block: Block, parameters: Parameters, learned: Spectrum | None
) -> Structure:
    """Return how a prior holds a block's coefficients together; ModelError where it cannot."""
    if block.rank:
        return _low_rank(prior, block, parameters)
    return _arrangement(prior, block).structure(prior, block, parameters, learned)


def hyperparameters_of(prior: Any, block: Block) -> dict[str, Positive | Shares]:
    """Return by name what is learned of the scales of a term's coefficients."""
    above, own = learned_scale(prior), dict[str, Positive | Shares]()
    if above is not None:
        dims = () if prior.traits.one_scale else block.scale_dims
        common = Positive(*said(above), block.shape[: len(dims)], dims, block.coords)
        own[f"{block.name}_{prior.traits.learned}"] = common
    return own | _arrangement(prior, block).hyperparameters(prior, block)


def spectrum_of(
    prior: Any, block: Block, places: Places, parameters: Parameters
) -> Spectrum | None:
    """Say where the scales of a term's coefficients stand; None where they are numbers."""
    if not hyperparameters_of(prior, block) and block.correlation is None:
        return None
    above = learned_scale(prior)
    where = places.get(f"{block.name}_{prior.traits.learned}", slice(0, 0))
    common = LearnedScale(np.arange(where.start, where.stop))
    if above is not None:
        common = replace(common, transform=Distribution(*said(above)).transform)
    return _arrangement(prior, block).spectrum(prior, block, common, places, parameters)


def field_of(prior: Any, block: Block) -> Any:
    """Return the waves of which a prior makes a block's coefficients; ModelError if it cannot."""
    return _arrangement(prior, block).field(prior, block)


def _arrangement(prior: Any, block: Block | None) -> Arrangement:
    kind = type(prior).__name__
    if block is not None and block.n_straight is not None and kind in ON_CURVES:
        return ON_CURVES[kind]
    if block is not None and block.correlation is not None:
        return CORRELATED
    if block is not None and block.steps:
        return ON_STEPS[kind]
    return ARRANGEMENTS.get(kind, PLAIN)


def _fields(*names: str) -> Callable[[Any, Block | None], dict[str, Any]]:
    """Return the function that reads some fields of a prior."""
    return lambda prior, block: {name: getattr(prior, name) for name in names}


def check_sums(prior: Any, block: Block, numbers: Parameters) -> None:
    """Raise ModelError where coefficients that sum to zero have a prior that tells them apart."""
    if not block.sums:
        return
    if not prior.traits.of_length:
        raise ModelError(
            f"the coefficients of {block.name!r} sum to zero, and a {type(prior).__name__} prior "
            "holds each by itself; take Normal, GroupLasso or Flat, or contrasts='treatment'."
        )
    for key, value in numbers.items():
        each = np.reshape(value, block.free_shape if np.ndim(value) else ())
        apart = any(np.ptp(each, axis=axis).any() for axis in block.sums if each.ndim)
        if apart or (key == "loc" and np.any(each)):
            raise ModelError(
                f"the prior of {block.name!r} has a {key} that tells apart coefficients that sum "
                "to zero; give one scale for all of them, around zero, or contrasts='treatment'."
            )


def _walk(prior: Any, block: Block, parameters: Parameters, learned: Any) -> Structure:
    structure = _differences(prior, block)
    scale = parameters.get("scale", 1.0)
    if structure.varies_along(np.reshape(scale, block.shape if np.ndim(scale) else ())):
        raise ModelError(
            f"the random walk of {block.name!r} has a scale that changes along a dim it "
            "smooths; give one scale per smoothed run of coefficients."
        )
    return structure


def _differences(prior: Any, block: Block) -> Differences:
    """Find the axes that a random walk smooths along: of channels only where it is told to."""
    name, shape, dims = block.name, block.shape, block.dims
    if prior.free is not None:
        raise ModelError(
            f"the random walk of {name!r} has a prior free= of a straight line, and only a Spline "
            "has one; leave it out."
        )
    apart = {*block.part_of, *block.unordered}
    own = tuple(dim for dim in dims[len(block.across) :] if dim not in apart)
    if not own:
        raise ModelError(
            f"the coefficient {name!r} is a single number, and a random walk needs a dim to smooth "
            "along; use it on a Lagged or History term, or on a predictor with further dims."
        )
    wanted = own if prior.dims is None else named_dims(prior.dims, name, dims)
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


def _groups(prior: Any, block: Block, parameters: Parameters, learned: Any) -> Structure:
    """Find the groups of a term: the whole of it, or the entries of the dims that are named."""
    name, shape, dims = block.name, block.free_shape, block.dims
    wanted = () if prior.by is None else named_dims(prior.by, name, dims)
    for dim in wanted:
        if dim not in dims:
            known = ", ".join(map(repr, dims)) or "none: it is a single number"
            raise ModelError(
                f"the groups of {name!r} are to be by {dim!r}, which is no dim of that "
                f"coefficient; it has {known}."
            )
    own = [dims.index(dim) for dim in wanted]
    if set(own) & set(block.sums):
        raise ModelError(
            f"the groups of {name!r} are to be single levels, whose coefficients sum to zero; "
            "leave by= out, or take contrasts='treatment'."
        )
    sizes = [shape[axis] if axis in own else 1 for axis in range(len(dims))]
    labels = np.arange(int(np.prod(sizes))).reshape(sizes)
    labels = np.broadcast_to(labels, shape).reshape(-1)
    groups = Groups(labels)
    scale = np.broadcast_to(parameters.get("scale", 1.0), labels.shape)
    if any(np.ptp(scale[members]) > 0.0 for members in groups.groups):
        raise ModelError(
            f"the group lasso of {name!r} has a scale that changes inside a group; give one scale "
            "for each group."
        )
    return groups


def _of_horseshoe(prior: Any, block: Block) -> dict[str, Positive | Shares]:
    """Return a scale of each coefficient, and the variance of the slab."""
    local = said(HalfStudentT(1.0, df=1.0))
    half = 0.5 * prior.slab_df
    slab = {"shape": half, "scale": half * prior.slab_scale**2}
    return {
        f"{block.name}_local": Positive(
            *local, block.shape, block.dims, block.coords, block.part_of
        ),
        f"{block.name}_slab": Positive("InverseGamma", slab),
    }


def _horseshoe_scales(
    prior: Any, block: Block, common: LearnedScale, places: Places, parameters: Parameters
) -> Spectrum:
    slab = places[f"{block.name}_slab"].start
    return HorseshoeScale(common.for_each(block.size), places[f"{block.name}_local"], slab)


def _unit_of_variance(prior: Any, block: Block | None) -> dict[str, Any]:
    """Return the scale of each coefficient that would have the variance of the rest."""
    sigma = 1.0 if prior.sigma is None else np.array(prior.sigma)
    return {"scale": _nested(np.divide(sigma, np.array(prior.predictor_sd)))}


def _of_variance(prior: Any, block: Block) -> dict[str, Positive | Shares]:
    """Return the shares of the coefficients, where there are several."""
    if block.size == 1:
        return {}
    own = Shares(prior.concentration, block.shape, block.dims, block.coords, block.part_of)
    return {f"{block.name}_share": own}


def _variance_scales(
    prior: Any, block: Block, common: LearnedScale, places: Places, parameters: Parameters
) -> Spectrum:
    return VarianceScale(
        np.log(np.broadcast_to(parameters["scale"], block.size)),
        int(common.places[0]),
        places.get(f"{block.name}_share"),
        places["sigma"].start if prior.sigma is None else None,
    )


def _line_and_bends(prior: Any, block: Block | None) -> dict[str, Any]:
    """Return scales and centres along a curve: of its line those of ``free``, NaN if learned."""
    assert block is not None
    axis, shape = block.curve_axis, block.shape
    is_line = np.arange(shape[axis]) < (block.n_straight or 0)
    is_line = is_line.reshape(-1, *(1 for _ in shape[axis + 1 :]))
    own = np.nan if learned_scale(prior) is not None else np.array(prior.scale)
    if prior.free is None:
        return {"scale": _nested(np.where(is_line, np.nan, own))}
    scale, loc = np.array(prior.free.scale), np.array(prior.free.loc)
    return {
        "scale": _nested(np.where(is_line, scale, own)),
        "loc": _nested(np.where(is_line, loc, 0.0)),
    }


def _nested(array: Any) -> Any:
    """Return an array as the nested tuples that hold a prior's numbers."""
    return tuple(map(_nested, array)) if np.ndim(array) else float(array)


def _bends_apart(prior: Any, block: Block, parameters: Parameters, learned: Any) -> Structure:
    """Return that of single coefficients: bends are the differences themselves."""
    name, axis = block.name, block.curve_axis
    dim = block.dims[axis]
    if prior.order != 2 or not {dim} >= set(named_dims(prior.dims or dim, name, block.dims)):
        raise ModelError(
            f"the curve of {name!r} is smoothed by its second differences, along {dim!r} alone; "
            f"write RandomWalk(scale, order=2), or smooth(lam, order=2)."
        )
    if prior.free is not None and not block.n_straight:
        raise ModelError(
            f"the curve of {name!r} is cyclic and has no straight line, of which free= is the "
            "prior; leave it out."
        )
    scale = np.broadcast_to(parameters["scale"], block.size).reshape(block.free_shape)
    scale = np.moveaxis(scale, axis, -1)[..., block.n_straight or 0 :]
    if np.any(scale != scale[..., :1]) and not np.isnan(scale).all():
        raise ModelError(
            f"the random walk of {name!r} has a scale that changes along {dim!r}, which it "
            "smooths; give one scale for the whole curve."
        )
    return APART


def _correlated_scales(
    prior: Any, block: Block, common: LearnedScale, places: Places, parameters: Parameters
) -> Spectrum:
    """Return the scales of directions, from those of the effects: numbers, or learned."""
    *across, k, levels = block.shape
    shape = (int(np.prod(across, dtype=int)), k, levels)
    effects: Spectrum = common
    if "scale" in parameters:
        scale = np.broadcast_to(parameters["scale"], block.size).reshape(-1, levels)
        if np.any(scale != scale[:, :1]):
            raise ModelError(
                f"the prior of {block.name!r} has a scale that changes from level to level, and "
                "effects that correlate do so alike in every level; give each effect one scale: "
                "Normal([[1.0], [0.5]]), say."
            )
        effects = KnownScale(np.log(scale[:, 0]))
    return CorrelatedScale(effects, places[f"{block.name}_correlation"], shape)


def _steps(prior: Any, block: Block, parameters: Parameters, learned: Any) -> Structure:
    """Return that of steps of one sign, whose mean the prior holds."""
    if block.across:
        raise ModelError(
            f"the monotonic effect {block.name!r} would be one of each of several levels of the "
            f"response, which is not available; take a family of one linear predictor (ordinal, "
            "say, where the levels have an order), or a Category."
        )
    if np.ptp(parameters["scale"]) > 0.0:
        raise ModelError(
            f"the prior of {block.name!r} has a scale for each step, and it is the prior of their "
            "mean; give it one number."
        )
    return Steps(block.size)


def _low_rank(prior: Any, block: Block, parameters: Parameters) -> Structure:
    """Return that of a field of low rank, whose factors have the prior: a Normal of one scale."""
    alike = all(np.ptp(value) == 0.0 for value in parameters.values())
    plain = learned_scale(prior) is None and alike and not np.any(parameters.get("loc", 0.0))
    if not plain or type(prior).__name__ not in RANKED:
        raise ModelError(
            f"the prior of {block.name!r}, a field of rank {block.rank}, is that of its factors, a "
            "Normal around zero whose scale is one number; give the term one: prior=Normal(1.0)."
        )
    return LowRank(block.shape[0], block.size // block.shape[0], block.rank)


PLAIN = Arrangement()
RANKED = ("Normal",)  # whose penalty is the length of a field, and so of its factors
CORRELATED = Arrangement(
    structure=lambda prior, block, parameters, learned: Correlated(learned),
    spectrum=_correlated_scales,
)
ARRANGEMENTS = {
    "RandomWalk": Arrangement(
        numbers=_fields("scale"),
        structure=_walk,
        spectrum=lambda prior, block, common, places, parameters: common,
    ),
    "GaussianProcess": Arrangement(
        numbers=field_numbers, hyperparameters=lengthscales, spectrum=field_scales, field=field
    ),
    "ALD": Arrangement(numbers=field_numbers, spectrum=field_scales, field=locality),
    "GroupLasso": Arrangement(numbers=_fields("scale"), structure=_groups),
    "Horseshoe": Arrangement(
        numbers=_fields(), hyperparameters=_of_horseshoe, spectrum=_horseshoe_scales
    ),
    "R2D2": Arrangement(
        numbers=_unit_of_variance, hyperparameters=_of_variance, spectrum=_variance_scales
    ),
}
ON_CURVES = {
    "RandomWalk": Arrangement(
        numbers=_line_and_bends,
        structure=_bends_apart,
        spectrum=lambda prior, block, common, places, parameters: BesideKnown(
            common, np.log(parameters["scale"])
        ),
        record="Normal",
    ),
}
ON_STEPS = {"Normal": Arrangement(numbers=_fields("scale"), structure=_steps, record="Steps")}
