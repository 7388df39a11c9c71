"""Twins in PyMC of priors of coefficients that sum to zero, by the name of the native record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bayesglm.inference.twin.priors import group_lasso_density
from bayesglm.numerics.priors.groups import Groups
from bayesglm.numerics.theta.zero_sum import free_shape, gathered

type Tensor = Any
type Axes = tuple[int, ...]


def _normal(
    name: str, dims: tuple[str, ...], shape: Axes, sums: Axes, scale: Any, structure: Any = None
) -> Tensor:
    import pymc as pm

    return pm.ZeroSumNormal(name, sigma=scale, n_zerosum_axes=len(sums), dims=dims)


def _flat(
    name: str, dims: tuple[str, ...], shape: Axes, sums: Axes, structure: Any = None
) -> Tensor:
    import pymc as pm
    from pymc.distributions.transforms import ZeroSumTransform

    axes = [axis - len(shape) for axis in sums]
    return pm.Flat(name, dims=dims, transform=ZeroSumTransform(axes))


def _group_lasso(
    name: str, dims: tuple[str, ...], shape: Axes, sums: Axes, scale: Any, structure: Groups
) -> Tensor:
    """Write the density of the groups' lengths, which are those of their free numbers."""
    import pymc as pm
    import pytensor.tensor as pt

    w = _flat(name, dims, shape, sums)
    to_free = gathered(np.eye(int(np.prod(shape))), shape, sums)
    free = w.reshape((-1, len(to_free))) @ to_free
    scales = (pt.as_tensor(scale) + np.zeros(free_shape(shape, sums))).reshape(free.shape)
    pm.Potential(f"{name}_groups", group_lasso_density(free, scales, structure))
    return w


ZERO_SUM_TWINS: dict[str, Callable[..., Tensor]] = {
    "Normal": _normal,
    "Flat": _flat,
    "GroupLasso": _group_lasso,
}
