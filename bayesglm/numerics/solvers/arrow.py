"""Symmetric matrices of groupings of levels and a border, factored by eliminating the levels.

Each row of a design reads one level of a grouping, so that a grouping's own part E of a curvature
is a block of k x k numbers for each level, k being the effects that a level has, and

    [E  B'] [t]   [h]      S s = g - B E^-1 h,  S = A - B E^-1 B'
    [B  A ] [s] = [g],     t = E^-1 (h - B' s)

where A is that of all else: other groupings, which E meets in as many numbers as there are pairs of
levels with rows in common, and a dense border. So log det = log det E + log det S. Where every
level of E lies in one level of each other grouping (litters of one farm), S leaves the levels of
those apart as well, and the next is eliminated in its turn; what is crossed is left to one dense S.
Of levels that sum to zero E^-1 is that of the subspace, E^-1 - e e'/(1'e) with e = E^-1 1.

Vectors have the effects of one grouping after another, effect-major, and then the border. They are
columns, ``(size, r)``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import cho_solve, solve_triangular
from scipy.linalg.lapack import dpotrf, dpotri
from scipy.sparse import csr_array, vstack

from bayesglm.numerics.solvers.level_blocks import (
    LEAST_PIVOT,
    Levels,
    Sparse,
    blocks_times,
    levels_of,
    times_blocks,
)

Array = np.ndarray
# Share of numbers that are not zero, from which on the product of a matrix with its transpose is
# taken laid out: chosen; a sparse one takes some 5 ns for each of its products, a dense one 0.03.
DENSE = 0.08


class Parts(NamedTuple):
    """What meets the levels that are eliminated: those of other groupings, and the border.

    ``levels`` are sparse ``(k_j L_j, k L)``, ``border`` is ``(m, k L)``.
    """

    levels: tuple[Sparse, ...]
    border: Array

    def stacked(self) -> Any:
        """Return the levels of all the groupings as one matrix, sparse where that is faster."""
        every = self.levels[0] if len(self.levels) == 1 else csr_array(vstack(self.levels))
        return every.toarray() if every.nnz > DENSE * np.prod(every.shape) else every

    def times(self, X: Array) -> Array:
        """Return the product with columns ``(k L, r)``, one part below the other."""
        return np.concatenate([*(part @ X for part in self.levels), self.border @ X])

    def adjoint(self, X: Array) -> Array:
        """Return the transposed product, with columns of the parts below one another."""
        total, start = self.border.T @ X[len(X) - len(self.border) :], 0
        for part in self.levels:
            stop = start + part.shape[0]
            total += part.T @ X[start:stop]
            start = stop
        return total


@dataclass(frozen=True)
class Arrow:
    """A symmetric matrix of groupings and a border.

    ``own`` are the blocks ``(k, k, L)`` of each grouping's levels, ``across[j, i]`` with j > i the
    sparse ``(k_j L_j, k_i L_i)`` between two groupings, ``border`` the ``(m, k L)`` between the
    border and each, ``corner`` that of the border ``(m, m)``. The first ``n_apart`` groupings are
    eliminated; all but the last of them lie in single levels of those that follow. With ``sums``
    the levels of the first, which have one effect, sum to zero.

    >>> eye = np.ones((1, 1, 2))
    >>> arrow = Arrow((2.0 * eye,), {}, (np.ones((1, 2)),), np.array([[3.0]]))
    >>> arrow.dense().tolist()
    [[2.0, 0.0, 1.0], [0.0, 2.0, 1.0], [1.0, 1.0, 3.0]]
    >>> factored(arrow).solve(np.ones((3, 1)))[:, 0].tolist()
    [0.5, 0.5, 0.0]
    """

    own: tuple[Array, ...]
    across: dict[tuple[int, int], Sparse]
    border: tuple[Array, ...]
    corner: Array
    n_apart: int = 1
    sums: bool = False

    @cached_property
    def ends(self) -> Array:
        """Where each grouping's effects begin, and where those of the last end."""
        return np.cumsum([0, *(own.shape[1] * own.shape[2] for own in self.own)])

    def times(self, X: Array) -> Array:
        """Return the product with columns X ``(size, r)``."""
        parts = np.split(X, self.ends[1:])
        products = [blocks_times(own, part) for own, part in zip(self.own, parts, strict=False)]
        last = self.corner @ parts[-1]
        for k, cross in enumerate(self.border):
            products[k] += cross.T @ parts[-1]
            last += cross @ parts[k]
        for (j, i), cross in self.across.items():
            products[j] += cross @ parts[i]
            products[i] += cross.T @ parts[j]
        return np.concatenate([*products, last])

    def dense(self) -> Array:
        """Return the whole matrix."""
        ends, size = self.ends, self.ends[-1] + len(self.corner)
        whole = np.zeros((size, size))
        for own, start in zip(self.own, ends, strict=False):
            k, _, n = own.shape
            level = start + np.arange(n)
            for a in range(k):
                for b in range(k):
                    whole[a * n + level, b * n + level] = own[a, b]
        for (j, i), cross in self.across.items():
            laid = cross.toarray()
            whole[ends[j] : ends[j + 1], ends[i] : ends[i + 1]] = laid
            whole[ends[i] : ends[i + 1], ends[j] : ends[j + 1]] = laid.T
        for k, cross in enumerate(self.border):
            whole[ends[-1] :, ends[k] : ends[k + 1]] = cross
            whole[ends[k] : ends[k + 1], ends[-1] :] = cross.T
        whole[ends[-1] :, ends[-1] :] = self.corner
        return whole

    def diagonal(self) -> Array:
        """Return the diagonal."""
        own = [np.diagonal(one).T.reshape(-1) for one in self.own]
        return np.concatenate([*own, np.diagonal(self.corner)])

    def scaled(self, by: float) -> Arrow:
        """Return a multiple."""
        return replace(
            self,
            own=tuple(by * one for one in self.own),
            across={pair: by * one for pair, one in self.across.items()},
            border=tuple(by * one for one in self.border),
            corner=by * self.corner,
        )

    def plus_own(self, own: tuple[Array, ...], corner: Array) -> Arrow:
        """Return the same with something added to what each grouping and the border has itself."""
        sums = tuple(one + other for one, other in zip(self.own, own, strict=True))
        return replace(self, own=sums, corner=self.corner + corner)

    def held(self, n: int) -> Arrow:
        """Return the same without the last ``n`` of the border."""
        m = len(self.corner) - n
        border = tuple(cross[:m] for cross in self.border)
        return replace(self, border=border, corner=self.corner[:m, :m])

    @property
    def first(self) -> Parts:
        """What meets the first grouping's levels."""
        others = range(1, len(self.own))
        return Parts(tuple(self.across[j, 0] for j in others), self.border[0])

    @property
    def rest(self) -> Arrow:
        """The same without the first grouping."""
        across = {(j - 1, i - 1): cross for (j, i), cross in self.across.items() if i > 0}
        return Arrow(self.own[1:], across, self.border[1:], self.corner, self.n_apart - 1)


@dataclass(frozen=True)
class Whole:
    """A dense matrix U^-1 L L' U^-1, with the ``unit`` U and the ``lower`` factor L."""

    lower: Array
    unit: Array

    @cached_property
    def inverse(self) -> Array:
        """The inverse."""
        if not len(self.lower):
            return self.lower
        half, _ = dpotri(self.lower, lower=True)
        half = np.tril(half) + np.tril(half, -1).T
        return self.unit[:, None] * half * self.unit

    @property
    def log_det(self) -> float:
        """The logarithm of the determinant."""
        return 2.0 * float(np.log(np.diagonal(self.lower) / self.unit).sum())

    def solve(self, X: Array) -> Array:
        """Return the inverse times columns."""
        unit = self.unit[:, None]
        return unit * cho_solve((self.lower, True), unit * X, check_finite=False)

    def noise(self, Z: Array) -> Array:
        """Return what has the matrix as its covariance, from standard normal columns."""
        return (np.tril(self.lower) @ Z) / self.unit[:, None]

    def draw(self, Z: Array) -> Array:
        """Return what has the inverse as its covariance, from standard normal columns."""
        half = solve_triangular(self.lower, Z, lower=True, trans="T", check_finite=False)
        return self.unit[:, None] * half

    def variances(self) -> Array:
        """Return the diagonal of the inverse."""
        return np.diagonal(self.inverse)

    def trace(self, other: Any) -> float:
        """Return the trace of the inverse times another matrix."""
        return float(np.vdot(self.inverse, other if isinstance(other, np.ndarray) else 0.0))


@dataclass(frozen=True)
class Eliminated:
    """One grouping eliminated: its levels, what meets them, and the factor of what remains."""

    levels: Levels
    parts: Parts
    rest: Eliminated | Whole

    @property
    def size(self) -> int:
        """Number of effects of the grouping."""
        return self.levels.inverse.shape[1] * self.levels.inverse.shape[2]

    @property
    def log_det(self) -> float:
        """The logarithm of the determinant."""
        return self.levels.log_det + self.rest.log_det

    def solve(self, X: Array) -> Array:
        """Return the inverse times columns."""
        h, g = X[: self.size], X[self.size :]
        s = self.rest.solve(g - self.parts.times(self.levels.solve(h)))
        return np.concatenate([self.levels.solve(h - self.parts.adjoint(s)), s])

    def noise(self, Z: Array) -> Array:
        """Return what has the matrix as its covariance, from standard normal columns."""
        own, rest = Z[: self.size], self.rest.noise(Z[self.size :])
        half = self.levels.draw(own)
        return np.concatenate([self.levels.noise(own), rest + self.parts.times(half)])

    def draw(self, Z: Array) -> Array:
        """Return what has the inverse as its covariance, from standard normal columns."""
        s = self.rest.draw(Z[self.size :])
        own = self.levels.draw(Z[: self.size])
        return np.concatenate([own - self.levels.solve(self.parts.adjoint(s)), s])

    def trace(self, other: Arrow) -> float:
        """Return the trace of the inverse times another arrow of the same groupings.

        It is the derivative of the log determinant along the other, that of S along
        M_A - C M_B' - M_B C' + C M_E C' with C = B E^-1.
        """
        left, theirs = _over(self.parts, self.levels.inverse), other.first
        tail: Any = other.rest if other.n_apart > 1 else other.rest.dense()
        if any(part.nnz for part in theirs.levels) or theirs.border.any():
            tail = _minus(_minus(tail, left, theirs), theirs, left)
        if other.own[0].any():
            tail = _minus(tail, _over(left, -other.own[0]), left)
        return float(np.vdot(self.levels.inverse, other.own[0])) + self.rest.trace(tail)


def _over(parts: Parts, blocks: Array) -> Parts:
    """Return parts times symmetric blocks ``(k, k, L)`` of the levels that they meet."""
    levels = tuple(times_blocks(one, blocks) for one in parts.levels)
    return Parts(levels, blocks_times(blocks, parts.border.T).T)


def _minus(tail: Any, one: Parts, other: Parts) -> Any:
    """Return what remains beside some levels less one X', X being the ``other`` parts.

    An array, or an arrow whose groupings' levels stay apart. Of two such products that are one
    another's transpose an arrow takes half of each.
    """
    if isinstance(tail, np.ndarray):
        return _minus_whole(tail, one, other)
    own, across = [], dict(tail.across)
    for j, (mine, blocks) in enumerate(zip(one.levels, tail.own, strict=True)):
        own.append(blocks - _diagonals(mine @ other.levels[j].T, blocks.shape))
        for i in range(j):
            across[j, i] = across[j, i] - mine @ other.levels[i].T
    border = tuple(
        cross - (theirs @ one.border.T).T
        for cross, theirs in zip(tail.border, other.levels, strict=True)
    )
    corner = tail.corner - one.border @ other.border.T
    return replace(tail, own=tuple(own), across=across, border=border, corner=corner)


def _minus_whole(tail: Array, one: Parts, other: Parts) -> Array:
    if not one.levels:
        return tail - one.border @ other.border.T
    mine, theirs = one.stacked(), other.stacked()
    n, rest = mine.shape[0], tail.copy()
    product = mine @ theirs.T
    rest[:n, :n] -= product if isinstance(product, np.ndarray) else product.toarray()
    rest[:n, n:] -= mine @ other.border.T
    rest[n:, :n] -= (theirs @ one.border.T).T
    rest[n:, n:] -= one.border @ other.border.T
    return rest


def _diagonals(product: Sparse, shape: tuple[int, ...]) -> Array:
    """Return the blocks ``(k, k, L)`` of levels from a sparse matrix that has nothing beside."""
    k, _, n = shape
    own = np.empty(shape)
    for a in range(k):
        for b in range(k):
            own[a, b] = product[a * n : (a + 1) * n, b * n : (b + 1) * n].diagonal()
    return own


def factored(arrow: Arrow) -> Eliminated | Whole | None:
    """Factor a matrix; None where it is not positive definite, or rounding does not tell."""
    if not arrow.own:
        return _whole(arrow.corner, np.diagonal(arrow.corner))
    levels = levels_of(arrow.own[0], arrow.sums)
    if levels is None:
        return None
    parts = arrow.first
    if arrow.n_apart > 1:
        rest = factored(_minus(arrow.rest, _over(parts, levels.inverse), parts))
    else:
        left = arrow.rest.dense()
        schur = _minus_whole(left, _over(parts, levels.inverse), parts)
        if arrow.sums:
            each = parts.times(levels.inverse[0, 0][:, None])
            schur += each @ (each.T / levels.inverse.sum())
        rest = _whole(schur, np.diagonal(left))
    return None if rest is None else Eliminated(levels, parts, rest)


def _whole(matrix: Array, scale: Array) -> Whole | None:
    """Factor a dense matrix in units in which ``scale`` is one."""
    unit = 1.0 / np.sqrt(np.maximum(np.abs(scale), 1e-300))
    lower, failed = dpotrf(unit[:, None] * matrix * unit, lower=True)
    if failed or not np.diagonal(lower).min(initial=1.0) ** 2 > LEAST_PIVOT:
        return None
    return Whole(lower, unit)
