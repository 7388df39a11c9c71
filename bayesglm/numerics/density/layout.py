"""Where the levels of groupings stand among coefficients, which rows read them, and who meets whom.

What is added up over the rows of a design, each with a weight, has for every grouping a block of
each level, and for two groupings a number for each pair of levels with rows in common. Which these
are is found once; the numbers are then sums over the rows, in time and memory linear in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array

from bayesglm.numerics.rows.coded import Coded

Array = np.ndarray


class Grouping(NamedTuple):
    """The effects of one factor's levels: their place in w, the level of each row, what it reads.

    ``values`` ``(rows, k)`` multiply the k effects of a row's level.
    """

    where: slice
    codes: Array
    values: Array
    n_levels: int

    @property
    def size(self) -> int:
        """Number of effects."""
        return int(self.values.shape[1] * self.n_levels)

    def on(self, rows: slice) -> Coded:
        """Return its columns on some rows."""
        return Coded(self.codes[rows], self.values[rows], self.n_levels)

    @property
    def reads(self) -> Array:
        """Which rows read a level at all."""
        return self.values.any(axis=1)


class Pairs(NamedTuple):
    """The pairs of levels of two groupings that have rows in common, as a sparse matrix has them.

    ``rows`` are those that have a pair each, ``pair`` its number; ``order`` puts the sums of every
    two effects, one after another, in the order of ``indices``.
    """

    rows: Array
    pair: Array
    n_pairs: int
    order: Array
    indices: Array
    indptr: Array


@dataclass(frozen=True)
class Layout:
    """The groupings of p coefficients, in the order in which they are eliminated; see `laid_out`.

    The first ``n_apart`` leave one another's levels apart. With ``sums`` the levels of the first,
    of one effect each, sum to zero, and theta holds their free numbers.
    """

    groupings: tuple[Grouping, ...]
    n_coefficients: int
    n_apart: int
    sums: bool = False

    @cached_property
    def beside(self) -> Array:
        """The places in w of the coefficients beside those of levels."""
        taken = np.zeros(self.n_coefficients, dtype=bool)
        for one in self.groupings:
            taken[one.where] = True
        return np.flatnonzero(~taken)

    @cached_property
    def order(self) -> Array:
        """The places in w of the groupings' effects, one after another, and of those beside."""
        places = [np.arange(one.where.start, one.where.stop) for one in self.groupings]
        return np.concatenate([*places, self.beside])

    def own(self, weights: Array) -> tuple[Array, ...]:
        """Return the blocks ``(k, k, L)`` of each grouping that weighted rows add up to."""
        every = []
        for one in self.groupings:
            k = one.values.shape[1]
            blocks = np.empty((k, k, one.n_levels))
            for a in range(k):
                for b in range(a + 1):
                    each = weights * one.values[:, a] * one.values[:, b]
                    blocks[a, b] = blocks[b, a] = np.bincount(one.codes, each, one.n_levels)
            every.append(blocks)
        return tuple(every)

    def across(self, weights: Array) -> dict[tuple[int, int], Any]:
        """Return the sparse ``(k_j L_j, k_i L_i)`` of every two groupings, i before j."""
        return {pair: self._crossed(*pair, weights) for pair in self._pairs}

    def _crossed(self, j: int, i: int, weights: Array) -> Any:
        one, other, pairs = self.groupings[j], self.groupings[i], self._pairs[j, i]
        heavy = weights[pairs.rows]
        sums = [
            np.bincount(pairs.pair, heavy * one.values[pairs.rows, a] * other.values[pairs.rows, b])
            for a in range(one.values.shape[1])
            for b in range(other.values.shape[1])
        ]
        data = np.concatenate(sums)[pairs.order]
        return csr_array((data, pairs.indices, pairs.indptr), shape=(one.size, other.size))

    @cached_property
    def _pairs(self) -> dict[tuple[int, int], Pairs]:
        n = len(self.groupings)
        return {
            (j, i): _pairs(self.groupings[j], self.groupings[i])
            for i in range(n)
            for j in range(i + 1, n)
        }


def _pairs(one: Grouping, other: Grouping) -> Pairs:
    rows = np.flatnonzero(one.reads & other.reads)
    keys = one.codes[rows].astype(np.int64) * other.n_levels + other.codes[rows]
    cells, pair = np.unique(keys, return_inverse=True)
    mine, theirs = np.divmod(cells, other.n_levels)
    k, m = one.values.shape[1], other.values.shape[1]
    lines = np.concatenate([a * one.n_levels + mine for a in range(k) for _ in range(m)])
    columns = np.concatenate([b * other.n_levels + theirs for _ in range(k) for b in range(m)])
    order = np.lexsort((columns, lines)) if k * m > 1 else np.arange(len(cells))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(lines, minlength=one.size))])
    return Pairs(rows, pair, len(cells), order, columns[order], indptr)


def _lies_in(one: Grouping, other: Grouping) -> bool:
    """Say whether every level of one grouping has rows in a single level of another."""
    rows = np.flatnonzero(one.reads & other.reads)
    codes, theirs = one.codes[rows], other.codes[rows]
    of_level = np.zeros(one.n_levels, dtype=theirs.dtype)
    of_level[codes] = theirs
    return bool(np.array_equal(of_level[codes], theirs))


def laid_out(groupings: Sequence[Grouping], n_coefficients: int, sums: bool = False) -> Layout:
    """Return the layout of groupings: the one with most levels is eliminated first.

    The next follows as long as those before it lie in single levels of all that come after them.

    >>> ones = np.ones((4, 1))
    >>> litter = Grouping(slice(2, 5), np.array([0, 1, 2, 2]), ones, 3)
    >>> farm = Grouping(slice(0, 2), np.array([0, 0, 1, 1]), ones, 2)
    >>> layout = laid_out([farm, litter], 6)
    >>> layout.n_apart, layout.order.tolist()
    (2, [2, 3, 4, 0, 1, 5])
    """
    ordered = sorted(groupings, key=lambda one: -one.n_levels)
    n_apart = min(1, len(ordered))
    while n_apart < len(ordered) and not sums:
        if not all(_lies_in(ordered[n_apart - 1], one) for one in ordered[n_apart:]):
            break
        n_apart += 1
    return Layout(tuple(ordered), n_coefficients, n_apart, sums)
