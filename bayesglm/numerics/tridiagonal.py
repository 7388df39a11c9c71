"""Positive definite matrices of which only blocks beside the diagonal are not zero.

Many of one shape are factored side by side, block by block along the diagonal: time is linear in
the number of blocks. Arrays have blocks first, then the matrices, ``(blocks, k, size, size)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Factor:
    """Cholesky factors L of matrices H = L L': inverses of their diagonal blocks, and those below.

    >>> H = np.array([[4.0, 1.0], [1.0, 3.0]])
    >>> factor = factored(H[[0, 1], [0, 1]].reshape(2, 1, 1, 1), np.full((1, 1, 1, 1), 1.0))
    >>> factor.solve(np.array([1.0, 2.0]).reshape(2, 1, 1)).ravel().round(4)
    array([0.0909, 0.6364])
    >>> factor.inverse_diagonal().ravel().round(4), factor.log_determinant().round(4)
    (array([0.2727, 0.3636]), array([2.3979]))
    """

    inverse: Array  # (blocks, k, size, size), of the diagonal blocks of L
    below: Array  # (blocks - 1, k, size, size)

    def solve(self, b: Array) -> Array:
        """Return H^-1 b ``(blocks, k, size)``."""
        y = np.empty_like(b)
        for i, inverse in enumerate(self.inverse):
            rest = b[i] if i == 0 else b[i] - _times(self.below[i - 1], y[i - 1])
            y[i] = _times(inverse, rest)
        return self.spread(y)

    def spread(self, z: Array) -> Array:
        """Return L'^-1 z ``(blocks, k, size)``: of standard normal z a draw of covariance H^-1."""
        x = np.empty_like(z)
        for i in reversed(range(len(z))):
            rest = z[i] if i == len(z) - 1 else z[i] - _times(_turned(self.below[i]), x[i + 1])
            x[i] = _times(_turned(self.inverse[i]), rest)
        return x

    def inverse_diagonal(self) -> Array:
        """Return the diagonal of H^-1 ``(blocks, k, size)``, by the recursion of Takahashi.

        S_ii = L_ii'^-1 (I + L_ji' S_jj L_ji) L_ii^-1, j being the block after i.
        """
        diagonal = np.empty(self.inverse.shape[:3])
        after = None
        for i in reversed(range(len(self.inverse))):
            inverse = self.inverse[i]
            block = _turned(inverse) @ inverse
            if after is not None:
                reach = self.below[i] @ inverse
                block += _turned(reach) @ after @ reach
            diagonal[i] = np.diagonal(block, axis1=-2, axis2=-1)
            after = block
        return diagonal

    def log_determinant(self) -> Array:
        """Return log |H| ``(k,)``."""
        pivots = np.diagonal(self.inverse, axis1=-2, axis2=-1)
        return -2.0 * np.log(pivots).sum(axis=(0, 2))


def factored(diagonal: Array, below: Array) -> Factor:
    """Factor matrices of their diagonal blocks and those below; LinAlgError if not positive.

    ``below[i]`` stands in the rows of block i + 1 and the columns of block i.
    """
    inverse, lower = np.empty_like(diagonal), np.empty_like(below)
    for i, block in enumerate(diagonal):
        if i:
            lower[i - 1] = below[i - 1] @ _turned(inverse[i - 1])
            block = block - lower[i - 1] @ _turned(lower[i - 1])
        inverse[i] = np.linalg.inv(np.linalg.cholesky(block))
    return Factor(inverse, lower)


def blocks_of(bands: Array, times: int) -> tuple[Array, Array]:
    """Return the blocks, of so many times each, of matrices given by bands.

    ``bands (k, m + 1, T, f, g)`` holds the rows (s, f) and the columns (s - d, g) of the d-th
    band; those that would reach before the first time are not read. ``times`` is at least m, and T
    its multiple.

    >>> bands = np.array([[2.0, 3.0, 4.0, 5.0], [9.0, 1.0, 6.0, 7.0]]).reshape(1, 2, 4, 1, 1)
    >>> diagonal, below = blocks_of(bands, 2)
    >>> diagonal[0, 0].tolist(), below[0, 0].tolist()
    ([[2.0, 1.0], [1.0, 3.0]], [[0.0, 6.0], [0.0, 0.0]])
    """
    k, width, n, f, _ = bands.shape
    count = n // times
    by_block = bands.reshape(k, width, count, times, f, f).transpose(2, 0, 1, 3, 4, 5)
    diagonal = np.zeros((count, k, times, f, times, f))
    below = np.zeros((max(count - 1, 0), k, times, f, times, f))
    for d in range(width):
        for row in range(times):
            values = by_block[:, :, d, row]
            if row >= d:
                diagonal[:, :, row, :, row - d, :] = values
                if d:
                    diagonal[:, :, row - d, :, row, :] = values.swapaxes(-1, -2)
            else:
                below[:, :, row, :, row - d + times, :] = values[1:]
    size = times * f
    return diagonal.reshape(count, k, size, size), below.reshape(-1, k, size, size)


def _times(matrices: Array, vectors: Array) -> Array:
    return (matrices @ vectors[..., None])[..., 0]


def _turned(matrices: Array) -> Array:
    return matrices.swapaxes(-1, -2)
