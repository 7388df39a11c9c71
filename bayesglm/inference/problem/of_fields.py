"""What priors of fields make of a block: waves, their scales, and lengthscales to be learned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bayesglm.design.blocks import Block
from bayesglm.errors import ModelError
from bayesglm.inference.problem.named_dims import named_dims
from bayesglm.inference.problem.positive import Positive, Shares
from bayesglm.numerics.priors.covariances import Localities, combined
from bayesglm.numerics.priors.distribution import distribution_of
from bayesglm.numerics.priors.kernels import (
    KERNELS,
    Field,
    FourierField,
    eigenwaves,
    fourier_field,
)
from bayesglm.numerics.priors.spectra import FieldScale, LearnedScale, UnequalScale
from bayesglm.numerics.priors.structure import Spectrum
from bayesglm.spec.prior.fields import LOCAL
from bayesglm.spec.priors import learned_beside, learned_scale, prior_of

Array = np.ndarray
# Share of a lengthscale's prior below the shortest, and above the longest, that is served: chosen.
UNLIKELY = 0.05
# Of the grid on which these are found, in logarithms around the middle of the prior.
REACH, POINTS = 12.0, 4001


def field(prior: Any, block: Block) -> Field | FourierField:
    """Return the waves of a Gaussian process along a block's dims; ModelError where it has none."""
    axes = along(prior, block)
    lengths = lengths_of(prior, block, axes)
    kernel, places = KERNELS[prior.kernel], [places_of(block, axis) for axis in axes]
    if learned_beside(prior):
        likely = [_likely(one) for one in lengths]
        return fourier_field(block.shape, axes, places, kernel, likely, prior.tolerance)
    covariances = [
        kernel.correlation(np.subtract.outer(x, x) / length)
        for x, length in zip(places, lengths, strict=True)
    ]
    return eigenwaves(block.shape, axes, covariances, prior.tolerance)


def locality(prior: Any, block: Block) -> Field:
    """Return the waves of a field that is local in space-time and frequency."""
    if prior.unsaid:
        raise ModelError(
            f"the {type(prior).__name__} of {block.name!r} does not say its "
            f"{', '.join(prior.unsaid)}, which the evidence chooses: fit the model of "
            "tune_prior(model, data), or give numbers."
        )
    axes = along(prior, block)
    numbers = np.array([_of_axes(prior, block, axes, name) for name in LOCAL])
    family = localities(block, axes)
    psi = family.psi(1.0, numbers.T.tolist())
    return combined(family, block.shape, axes, psi, prior.tolerance)


def localities(block: Block, axes: tuple[int, ...]) -> Localities:
    """Return the localities of fields along some axes: along lags frequencies have no sign."""
    lag = f"{block.name}_lag"
    even = [block.dims[axis] == lag for axis in axes]
    return Localities([places_of(block, axis) for axis in axes], even)


def _of_axes(prior: Any, block: Block, axes: tuple[int, ...], name: str) -> tuple[float, ...]:
    numbers = prior.of_dims(name, len(axes))
    if len(numbers) != len(axes):
        dims = ", ".join(block.dims[axis] for axis in axes)
        raise ModelError(
            f"the {type(prior).__name__} of {block.name!r} has {len(numbers)} numbers of {name}, "
            f"and {len(axes)} dims ({dims}); give one for each, or one number for all."
        )
    return numbers


def along(prior: Any, block: Block) -> tuple[int, ...]:
    """Return the axes along which a block's coefficients vary smoothly."""
    name, dims = block.name, block.dims
    what = f"the {type(prior).__name__} of {name!r}"
    if block.codes is not None or block.steps or block.curve is not None:
        raise ModelError(
            f"{what} is one of places, and the coefficients of levels, steps or functions lie "
            "nowhere; use it on a Lagged or History term, or on a predictor with further dims."
        )
    own = tuple(dim for dim in dims[len(block.across) :] if dim not in block.part_of)
    own = tuple(dim for dim in own if dim not in block.unordered)
    if not own:
        raise ModelError(
            f"{what} needs a dim to vary along, and that coefficient is a single number; use it on "
            "a Lagged or History term, or on a predictor with further dims."
        )
    wanted = own if prior.dims is None else named_dims(prior.dims, name, own)
    for dim in wanted:
        if dim not in own:
            raise ModelError(
                f"{what} is smooth along {dim!r}, which is no dim of that coefficient; it has "
                f"{', '.join(map(repr, own))}."
            )
    return tuple(dims.index(dim) for dim in wanted)


def lengths_of(prior: Any, block: Block, axes: tuple[int, ...]) -> tuple[Any, ...]:
    lengths = prior.lengths(len(axes))
    if len(lengths) != len(axes):
        dims = ", ".join(block.dims[axis] for axis in axes)
        raise ModelError(
            f"the GaussianProcess of {block.name!r} has {len(lengths)} lengthscales, and "
            f"{len(axes)} dims ({dims}); give one for each, or one number for all."
        )
    return lengths


def places_of(block: Block, axis: int) -> Array:
    """Return where coefficients lie along an axis: its coordinate, or their numbers."""
    labels = np.asarray(block.coords[block.dims[axis]])
    if labels.dtype.kind not in "iuf":
        return np.arange(float(len(labels)))
    places = labels.astype(np.float64)
    if not np.isfinite(places).all() or len(np.unique(places)) < len(places):
        raise ModelError(
            f"the coordinate {block.dims[axis]!r} of {block.name!r} says of two coefficients that "
            "they lie at the same place, or of one nothing; give each a place of its own."
        )
    return places


def _likely(length: Any) -> tuple[float, float]:
    """Return the shortest and the longest lengthscale that is likely, of a number that number."""
    if prior_of(length) is None:
        return length, length
    own = distribution_of(length)
    u = np.log(own.middle) + np.linspace(-REACH, REACH, POINTS)
    x = np.exp(u)
    with np.errstate(all="ignore"):
        density = np.exp(own.prior.log_density(x, **own.parameters)) * x
    below = np.cumsum(np.where(np.isfinite(density), density, 0.0))
    ends = np.searchsorted(below / below[-1], (UNLIKELY, 1.0 - UNLIKELY))
    return float(x[ends[0]]), float(x[ends[1]])


def field_numbers(prior: Any, block: Block | None) -> dict[str, Any]:
    """Return the scale of each wave, in units of one that is learned; none where lengths are."""
    if learned_beside(prior) or block is None or block.wave_field is None:
        return {}
    above = 0.0 if learned_scale(prior) is not None else np.log(prior.scale)
    return {"scale": tuple(np.exp(above + 0.5 * block.wave_field.log_variance).tolist())}


def lengthscales(prior: Any, block: Block) -> dict[str, Positive | Shares]:
    """Return the lengthscales that are learned, one of each dim that has one."""
    if not learned_beside(prior):
        return {}
    axes = along(prior, block)
    learned = [
        (block.dims[axis], prior_of(one))
        for axis, one in zip(axes, lengths_of(prior, block, axes), strict=True)
        if prior_of(one) is not None
    ]
    own = [distribution_of(one) for _, one in learned]
    if len(axes) == 1:
        return {f"{block.name}_lengthscale": Positive(own[0].kind, own[0].parameters)}
    numbers = {key: tuple(float(one.parameters[key]) for one in own) for key in own[0].parameters}
    dim = f"{block.name}_along"
    coords = {dim: np.array([name for name, _ in learned])}
    return {
        f"{block.name}_lengthscale": Positive(own[0].kind, numbers, (len(own),), (dim,), coords)
    }


def field_scales(
    prior: Any,
    block: Block,
    common: LearnedScale,
    places: Mapping[str, slice],
    parameters: Mapping[str, Any],
) -> Spectrum:
    """Return the scales of waves, where some of what makes them is learned."""
    assert block.wave_field is not None
    if not learned_beside(prior):
        unit = np.log(np.broadcast_to(parameters["scale"], block.size))
        return UnequalScale(common, unit)
    lengths = lengths_of(prior, block, along(prior, block))
    learned = [prior_of(one) for one in lengths]
    above = next(one for one in learned if one is not None)
    where = places[f"{block.name}_lengthscale"]
    known = [np.nan if prior_of(one) is not None else np.log(one) for one in lengths]
    return FieldScale(
        common if learned_scale(prior) is not None else float(np.log(prior.scale)),
        block.wave_field,
        np.array(known),
        np.arange(where.start, where.stop),
        distribution_of(above).transform,
    )
