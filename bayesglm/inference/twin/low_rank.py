"""Fields of low rank in PyMC: directions of a normal matrix, times normal images."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesglm.design.blocks import Block
from bayesglm.inference.problem.problem import Problem

type Tensor = Any


def low_rank(
    problems: list[Problem], block: Block, scale: np.ndarray, population: tuple[str, ...]
) -> Tensor:
    """Return a field ``([neuron,] *shape)`` as its factors make it.

    The free variables are ``<term>_direction``, a standard normal matrix, whose columns become
    orthonormal in any directions alike, and ``<term>_image``, normal of the prior's ``scale``
    ``([neuron])``. ``<term>_time`` and ``<term>_space`` are factors as the fits have them: those of
    a singular value decomposition, the largest number of each time course being positive.
    """
    import pymc as pm
    import pytensor.tensor as pt

    name, rank, shape = block.name, block.rank, block.shape
    model, ranks = pm.modelcontext(None), f"{block.name}_rank"
    model.add_coord(ranks, np.arange(1, rank + 1))
    own, lead = block.dims, (len(problems),) if population else ()
    Z = pm.Normal(f"{name}_direction", dims=(*population, own[0], ranks))
    L = pt.linalg.cholesky(Z.swapaxes(-1, -2) @ Z)
    T = pt.linalg.solve_triangular(L, Z.swapaxes(-1, -2), lower=True).swapaxes(-1, -2)
    sigma = scale.reshape((*scale.shape, *(1 for _ in shape)))
    S = pm.Normal(f"{name}_image", sigma=sigma, dims=(*population, ranks, *own[1:]))
    W = T @ S.reshape((*lead, rank, -1))
    time, space = _ordered(T, S.reshape((*lead, rank, -1)))
    time_dims, space_dims = (*population, ranks, own[0]), (*population, ranks, *own[1:])
    pm.Deterministic(f"{name}_time", time.swapaxes(-1, -2), dims=time_dims)
    pm.Deterministic(f"{name}_space", space.reshape(S.shape), dims=space_dims)
    return pm.Deterministic(name, W.reshape((*lead, *shape)), dims=(*population, *own))


def _ordered(T: Tensor, S: Tensor) -> tuple[Tensor, Tensor]:
    """Return the factors of a singular value decomposition of T S, T being orthonormal."""
    import pytensor.tensor as pt

    U, size, V = pt.linalg.svd(S, full_matrices=False)
    time, space = T @ U, size[..., None] * V
    largest = pt.argmax(abs(time), axis=-2, keepdims=True)
    sign = pt.sign(pt.take_along_axis(time, largest, axis=-2))
    return time * sign, space * sign.swapaxes(-1, -2)
