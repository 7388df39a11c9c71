"""Blocks of k x k numbers, one for each level of a grouping, that stand apart from one another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array

Array = np.ndarray
type Sparse = Any  # scipy.sparse.csr_array
LEAST_PIVOT = 1e-10  # of a unit diagonal; less may be nothing but rounding


def blocks_times(blocks: Array, X: Array) -> Array:
    """Return the product of blocks ``(k, k, L)`` with columns ``(k L, r)``."""
    k, _, n = blocks.shape
    if k == 1:
        return blocks[0, 0][:, None] * X
    by_effect = X.reshape(k, n, -1)
    return np.einsum("abl,blr->alr", blocks, by_effect).reshape(X.shape)


@dataclass(frozen=True)
class Levels:
    """The levels' own blocks E: their inverse and lower factors, each ``(k, k, L)``."""

    inverse: Array
    lower: Array
    sums: bool

    @property
    def log_det(self) -> float:
        """That of the levels' own part; with sums in an orthonormal basis of what sums to zero."""
        value = 2.0 * float(np.log(np.diagonal(self.lower)).sum())
        if not self.sums:
            return value
        return value + float(np.log(self.inverse.sum() / self.inverse.shape[2]))

    def solve(self, X: Array) -> Array:
        """Return E^-1 X."""
        solved = blocks_times(self.inverse, X)
        if not self.sums:
            return solved
        inverse = self.inverse[0, 0]
        return solved - inverse[:, None] * (solved.sum(axis=0) / inverse.sum())

    def noise(self, Z: Array) -> Array:
        """Return what has covariance E, from standard normal Z."""
        return blocks_times(self.lower, Z)

    def draw(self, Z: Array) -> Array:
        """Return what has covariance E^-1."""
        k, _, n = self.lower.shape
        if k == 1:
            return Z / self.lower[0, 0][:, None]
        upper = np.moveaxis(self.lower, 2, 0).swapaxes(1, 2)
        drawn = np.linalg.solve(upper, np.moveaxis(Z.reshape(k, n, -1), 1, 0))
        return np.moveaxis(drawn, 0, 1).reshape(Z.shape)


def times_blocks(cross: Sparse, blocks: Array) -> Sparse:
    """Return a sparse ``(q, k L)`` times blocks ``(k, k, L)``."""
    k, _, n = blocks.shape
    if k == 1:
        data = cross.data * blocks[0, 0][cross.indices]
        return csr_array((data, cross.indices, cross.indptr), shape=cross.shape)
    places = np.tile(np.arange(n)[:, None] + n * np.arange(k), (k, 1))
    data = np.moveaxis(blocks, 2, 1).reshape(-1)
    own = csr_array((data, places.reshape(-1), np.arange(0, k * k * n + 1, k)))
    return cross @ own


def levels_of(own: Array, sums: bool) -> Levels | None:
    """Factor blocks ``(k, k, L)``; None where one is not positive definite."""
    if not np.isfinite(own).all():
        return None
    if len(own) == 1:
        if own.min() <= 0.0:
            return None
        return Levels(1.0 / own, np.sqrt(own), sums)
    by_level = np.moveaxis(own, 2, 0)
    unit = np.diagonal(by_level, axis1=1, axis2=2)
    if unit.min() <= 0.0:
        return None
    unit = 1.0 / np.sqrt(unit)
    try:
        lower = np.linalg.cholesky(unit[:, :, None] * by_level * unit[:, None, :])
    except np.linalg.LinAlgError:
        return None
    if np.diagonal(lower, axis1=1, axis2=2).min() ** 2 <= LEAST_PIVOT:
        return None
    back = np.linalg.inv(lower) * unit[:, None, :]
    inverse = back.swapaxes(1, 2) @ back
    return Levels(np.moveaxis(inverse, 0, 2), np.moveaxis(lower / unit[:, :, None], 0, 2), sums)
