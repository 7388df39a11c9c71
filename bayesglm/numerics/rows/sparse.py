"""Columns that are mostly zeros, kept as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from bayesglm.numerics.rows.columns import Columns, written

Array = np.ndarray


@dataclass(frozen=True)
class Sparse:
    """A matrix in SciPy's compressed rows (`scipy.sparse.csr_array`).

    >>> from scipy.sparse import csr_array
    >>> Sparse(csr_array(np.array([[0.0, 2.0], [1.0, 0.0]]))).times(np.array([[3.0, 1.0]]))
    array([[2., 3.]])
    """

    X: Any

    laid_for_one: ClassVar[bool] = False
    laid_for_many: ClassVar[bool] = False
    crosses: ClassVar[bool] = True

    @property
    def n_columns(self) -> int:
        return self.X.shape[1]

    @property
    def width(self) -> int:
        return -(-self.X.nnz // max(self.X.shape[0], 1))

    def times(self, W: Array) -> Array:
        return (self.X @ W.T).T

    def adjoint(self, S: Array) -> Array:
        return (self.X.T @ S.T).T

    def dense(self, out: Array | None = None) -> Array:
        return written(self.X.toarray(), out)

    def gram(self, weights: Array | None, single: bool = False) -> Array:
        return (self.X.T @ self._weighted(weights)).toarray()

    def cross(self, other: Columns, weights: Array) -> Array:
        return self._weighted(weights).T @ other.dense()

    def sums(self, codes: Array, n_codes: int, s: Array) -> Array:
        from scipy.sparse import csr_array

        shape = (n_codes, len(codes))
        return (csr_array((s, (codes, np.arange(len(codes)))), shape=shape) @ self.X).toarray()

    def single(self, W: Array) -> Array:
        return self.X.astype(np.float32, copy=False) @ W

    def for_single(self) -> Sparse:
        return Sparse(self.X.astype(np.float32))

    def _weighted(self, weights: Array | None) -> Any:
        return self.X if weights is None else self.X.multiply(weights[:, None]).tocsr()
