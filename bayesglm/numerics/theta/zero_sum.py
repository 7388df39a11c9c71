"""Arrays that sum to zero along some axes, as functions of fewer numbers; lengths stay.

Along an axis of n entries the first n - 1 columns of a Householder reflection, which takes the last
unit vector to one of equal entries, are an orthonormal basis of what sums to zero. Products
with it take n operations; it is the one of PyMC's ZeroSumTransform.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from bayesglm.numerics.theta.transforms import IDENTITY, Transform

Array = np.ndarray


def extended(u: Array, axis: int = -1) -> Array:
    """Return the array of sum zero along an axis, of n entries there, that n - 1 numbers say.

    >>> extended(np.array([1.0])).round(4).tolist()
    [0.7071, -0.7071]
    """
    n, total = u.shape[axis] + 1, u.sum(axis=axis, keepdims=True)
    shift = total / (np.sqrt(n) + n)
    return np.concatenate([u - shift, -total / np.sqrt(n)], axis=axis)


def contracted(x: Array, axis: int = -1) -> Array:
    """Return the transposed map's n - 1 numbers: those of `extended`, of arrays of sum zero.

    >>> contracted(extended(np.array([1.0, -3.0, 0.5]))).round(12).tolist()
    [1.0, -3.0, 0.5]
    """
    n = x.shape[axis]
    first, last = np.split(x, [n - 1], axis=axis)
    total = first.sum(axis=axis, keepdims=True)
    return first - total / (np.sqrt(n) + n) - last / np.sqrt(n)


def _along(values: Array, shape: tuple[int, ...], axes: tuple[int, ...], step: Callable) -> Array:
    """Apply a map along axes of arrays that lie flat on the last axis of ``values``."""
    whole = values.reshape(*values.shape[:-1], *shape)
    for axis in axes:
        whole = step(whole, axis - len(shape))
    return whole.reshape(*values.shape[:-1], -1)


def free_shape(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of the numbers that say an array whose sums along some axes are zero.

    >>> free_shape((3, 4), (1,))
    (3, 3)
    """
    return tuple(n - (axis in axes) for axis, n in enumerate(shape))


def spread(u: Array, shape: tuple[int, ...], axes: tuple[int, ...]) -> Array:
    """Return flat arrays ``(..., q)`` of a shape, of sum zero along axes, from their numbers."""
    return _along(u, free_shape(shape, axes), axes, extended)


def gathered(x: Array, shape: tuple[int, ...], axes: tuple[int, ...]) -> Array:
    """Return what the transposed map makes of flat arrays ``(..., q)`` of a shape."""
    return _along(x, shape, axes, contracted)


def zero_sum(shape: tuple[int, ...], axes: tuple[int, ...]) -> Transform:
    """Return the transform of arrays of sum zero; u stands in theta, and densities are those of u.

    >>> zero_sum((2, 2), (1,)).natural(np.array([1.0, 2.0])).round(4).tolist()
    [0.7071, -0.7071, 1.4142, -1.4142]
    """
    return replace(
        IDENTITY,
        natural=lambda u: spread(u, shape, axes),
        inner=lambda x: gathered(x, shape, axes),
    )
