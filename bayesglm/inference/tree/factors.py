"""The factors of fields of low rank: time courses and images of every draw, in their order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from bayesglm.design.blocks import Block
from bayesglm.inference.problem.problem import Problem

Array = np.ndarray


def with_factors(problems: Sequence[Problem], found: xr.Dataset) -> xr.Dataset:
    """Return parameters with ``<term>_time`` and ``<term>_space`` of each field of low rank.

    Those of a singular value decomposition of each draw, the strongest first: time courses of
    length one, at right angles, and images that hold the size. Two factors may change their signs
    together; here each time course points to where that of the draws' mean field does, whose
    largest number is positive.
    """
    first = problems[0]
    for k in first.confined:
        block = first.design.predictors.blocks[k]
        found = found.assign(_factors(block, found[block.name]))
    return found


def _factors(block: Block, field: xr.DataArray) -> dict[str, xr.DataArray]:
    own = block.dims
    lead = [dim for dim in field.dims if dim not in own]
    draws = [str(dim) for dim in lead if dim in ("chain", "draw")]
    ordered = field.transpose(*lead, *own)
    W = ordered.values.reshape(*ordered.shape[: len(lead)], block.shape[0], -1)
    along = tuple(lead.index(dim) for dim in draws)
    time, space = _decomposed(W, block.rank)
    towards, _ = _decomposed(W.mean(axis=along, keepdims=True), block.rank)
    sign = np.where((time * towards).sum(axis=-2, keepdims=True) < 0.0, -1.0, 1.0)
    time, space = time * sign, space * sign.swapaxes(-1, -2)
    dim = f"{block.name}_rank"
    shape = (*time.shape[: len(lead)], block.rank)
    kept = {name: field.coords[name] for name in field.coords if name not in own}
    labels = np.arange(1, block.rank + 1)
    return {
        f"{block.name}_time": xr.DataArray(
            time.swapaxes(-1, -2),
            dims=(*lead, dim, own[0]),
            coords={**kept, dim: labels, own[0]: field.coords[own[0]]},
        ),
        f"{block.name}_space": xr.DataArray(
            space.reshape(*shape, *block.shape[1:]),
            dims=(*lead, dim, *own[1:]),
            coords={**kept, dim: labels, **{one: field.coords[one] for one in own[1:]}},
        ),
    }


def _decomposed(W: Array, rank: int) -> tuple[Array, Array]:
    """Return time courses ``(..., J, R)``, the largest number positive, and images ``(R, F)``."""
    U, size, Vt = np.linalg.svd(W, full_matrices=False)
    U, image = U[..., :rank], size[..., :rank, None] * Vt[..., :rank, :]
    largest = np.take_along_axis(U, np.abs(U).argmax(axis=-2)[..., None, :], axis=-2)
    sign = np.where(largest < 0.0, -1.0, 1.0)
    return U * sign, image * sign.swapaxes(-1, -2)
