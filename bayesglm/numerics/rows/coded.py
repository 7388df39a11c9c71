"""Columns of the levels of a factor, of which each row reads one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from bayesglm.numerics.rows.columns import Columns, written

Array = np.ndarray
# Rows of which sums over levels are faster for all lines at once than line by line: of 32 lines 29
# and 43 microseconds at 400 rows, 262 and 239 at 5000 (one core of an AMD EPYC).
FEW = 2000


@dataclass(frozen=True)
class Coded:
    """Effects of the levels of a factor, effect-major: each row reads one level of each effect."""

    codes: Array  # (rows,), the level of each row
    values: Array  # (rows, effects), what multiplies each effect
    n_levels: int

    laid_for_one: ClassVar[bool] = False
    laid_for_many: ClassVar[bool] = False
    crosses: ClassVar[bool] = True

    @property
    def n_columns(self) -> int:
        return self.values.shape[1] * self.n_levels

    @property
    def width(self) -> int:
        return self.values.shape[1]

    def times(self, W: Array) -> Array:
        W = W.reshape(len(W), self.values.shape[1], self.n_levels)
        total = W[:, 0].take(self.codes, axis=1)
        total *= self.values[:, 0]
        for k in range(1, self.values.shape[1]):
            total += W[:, k].take(self.codes, axis=1) * self.values[:, k]
        return total

    def adjoint(self, S: Array) -> Array:
        sums = np.empty((len(S), self.values.shape[1], self.n_levels))
        few = len(S) > 1 and len(self.codes) <= FEW
        for k, value in enumerate(self.values.T):
            if few:
                sums[:, k] = self._sums_together(S * value)
                continue
            for own, line in zip(sums[:, k], S * value, strict=True):
                own[:] = np.bincount(self.codes, line, self.n_levels)
        return sums.reshape(len(S), self.n_columns)

    def _sums_together(self, S: Array) -> Array:
        """Return the sums over each level ``(k, levels)`` of lines ``(k, rows)``, in one pass."""
        cells = self.codes + self.n_levels * np.arange(len(S))[:, None]
        totals = np.bincount(cells.ravel(), S.ravel(), len(S) * self.n_levels)
        return totals.reshape(len(S), self.n_levels)

    def dense(self, out: Array | None = None) -> Array:
        n, n_effects = self.values.shape
        X = np.zeros((n, n_effects, self.n_levels))
        X[np.arange(n)[:, None], np.arange(n_effects), self.codes[:, None]] = self.values
        return written(X.reshape(n, n_effects * self.n_levels), out)

    def gram(self, weights: Array | None, single: bool = False) -> Array:
        return self.cross(self, np.ones(len(self.codes)) if weights is None else weights)

    def diagonal(self, weights: Array) -> Array:
        """Return the diagonal of the Gram matrix, which of one effect is all of it."""
        squares = [
            np.bincount(self.codes, weights * value * value, self.n_levels)
            for value in self.values.T
        ]
        return np.concatenate(squares)

    def cross(self, other: Columns, weights: Array) -> Array:
        sums = [other.sums(self.codes, self.n_levels, weights * value) for value in self.values.T]
        return np.concatenate(sums)

    def sums(self, codes: Array, n_codes: int, s: Array) -> Array:
        cells = codes * self.n_levels + self.codes
        counts = [
            np.bincount(cells, s * value, n_codes * self.n_levels).reshape(n_codes, self.n_levels)
            for value in self.values.T
        ]
        return np.concatenate(counts, axis=1)

    def single(self, W: Array) -> Array:
        values = self.values.astype(np.float32, copy=False).T[:, :, None]
        W = W.reshape(len(values), self.n_levels, W.shape[1])
        taken: Any
        if W.shape[2] == 1:  # one w: taking numbers is faster than taking rows
            taken = (effect[:, 0].take(self.codes)[:, None] for effect in W)
        else:
            taken = (effect[self.codes] for effect in W)
        return sum(effect * value for effect, value in zip(taken, values, strict=True))

    def for_single(self) -> Coded:
        return replace(self, values=self.values.astype(np.float32))
