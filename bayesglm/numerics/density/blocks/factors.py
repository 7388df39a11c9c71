"""Factors of sparse precision matrices that have one pattern, at many thetas at once.

    H = L D L',    L unit lower triangular

Columns are eliminated in stages: those of one stage do not touch one another, so that each stage is
a few operations on all of its columns and all thetas. Of nested groupings there are as many stages
as groupings, and no number is filled in; of a small dense block as many as it has columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array, csr_array

Array = np.ndarray


class Stage(NamedTuple):
    """Columns that are eliminated together, and the entries of L below their diagonals.

    ``rows`` and ``columns`` are those of each entry; ``by_row`` and ``by_column`` add up what is
    told of entries by their ``distinct`` rows and by column. Products of the entries ``first`` and
    ``second`` of a column are taken, as ``by_target`` adds them up, from what is at ``targets``.
    """

    run: slice
    entries: slice
    rows: Array
    columns: Array
    distinct: Array
    by_row: csr_array
    by_column: csr_array
    first: Array
    second: Array
    targets: Array
    by_target: csr_array


@dataclass(frozen=True)
class Pattern:
    """Where numbers stand: ``q`` on the diagonal, then one for each entry below it.

    ``order`` ``(q,)`` are the columns in the order in which they are eliminated, ``position`` its
    inverse, ``number`` ``(q, q)`` one more than where an entry stands, of positions row > column.
    """

    q: int
    size: int
    order: Array
    position: Array
    stages: tuple[Stage, ...]
    number: csr_array

    def places(self, a: Array, b: Array) -> Array:
        """Return where the numbers of pairs of columns stand; they have to be in the pattern."""
        here, there = self.position[a], self.position[b]
        low, high = np.maximum(here, there), np.minimum(here, there)
        found = np.array(here)
        apart = np.flatnonzero(low != high)
        if len(apart):
            found[apart] = np.asarray(self.number[low[apart], high[apart]]).ravel() - 1
        return found

    def factored(self, H: Array) -> Array:
        """Turn matrices ``(size, m)`` into their D and L, in place; NaN where one has none."""
        for stage in self.stages:
            D = H[stage.run]
            if stage.run.start == stage.run.stop or not len(stage.rows):
                continue
            L = H[stage.entries]
            scaled = L / D[stage.columns]
            if len(stage.targets):
                H[stage.targets] -= stage.by_target @ (L[stage.first] * scaled[stage.second])
            H[stage.entries] = scaled
        return H

    def solve_lower(self, F: Array, x: Array) -> Array:
        """Return L^-1 x of vectors ``(q, m)``, in place."""
        for stage in self.stages:
            if len(stage.rows):
                moved = F[stage.entries] * x[stage.run][stage.columns]
                x[stage.distinct] -= stage.by_row @ moved
        return x

    def solve_upper(self, F: Array, x: Array) -> Array:
        """Return L'^-1 x of vectors ``(q, draws, m)``, in place."""
        shape = x.shape[1:]
        for stage in reversed(self.stages):
            if len(stage.rows):
                read = x[stage.rows]
                read *= F[stage.entries][:, None]
                total = stage.by_column @ read.reshape(len(read), -1)
                x[stage.run] -= total.reshape(-1, *shape)
        return x

    def log_det(self, F: Array) -> Array:
        """Return the log determinants ``(m,)``."""
        return np.log(F[: self.q]).sum(axis=0)


def pattern_of(q: int, a: Array, b: Array) -> Pattern:
    """Return the pattern of matrices ``(q, q)`` in which pairs of columns meet.

    Columns are eliminated in their order, as far as what they touch leaves them one.

    >>> pattern = pattern_of(3, np.array([0, 1]), np.array([2, 2]))
    >>> [stage.run for stage in pattern.stages]
    [slice(0, 2, None), slice(2, 3, None)]
    """
    below: list[set[int]] = [set() for _ in range(q)]
    low, high = np.minimum(a, b), np.maximum(a, b)
    for i, j in np.unique(np.stack([low, high]), axis=1).T.tolist():
        if i != j:
            below[i].add(j)
    stage_of = np.zeros(q, dtype=int)
    for i in range(q):
        if below[i]:
            parent = min(below[i])
            below[parent] |= below[i] - {parent}
            stage_of[parent] = max(stage_of[parent], stage_of[i] + 1)
    order = np.argsort(stage_of, kind="stable")
    position = np.argsort(order)
    rows = [sorted(position[list(below[i])].tolist()) for i in order]
    counts = np.array([len(own) for own in rows], dtype=int)
    ends = np.concatenate([[0], np.cumsum(counts)])
    every = np.array([row for own in rows for row in own], dtype=int)
    columns = np.repeat(np.arange(q), counts)
    places = q + np.arange(len(every))
    number = csr_array((places + 1, (every, columns)), shape=(q, q))
    bounds = np.searchsorted(stage_of[order], np.arange(stage_of.max(initial=0) + 2))
    stages = tuple(
        _stage(slice(int(first), int(stop)), ends, every, number, q)
        for first, stop in pairwise(bounds)
    )
    return Pattern(q, q + len(every), order, position, stages, number)


def _stage(run: slice, ends: Array, every: Array, number: csr_array, q: int) -> Stage:
    start, stop = int(ends[run.start]), int(ends[run.stop])
    rows = every[start:stop]
    counts = np.diff(ends[run.start : run.stop + 1])
    columns = np.repeat(np.arange(len(counts)), counts)
    # Of each column every two of its entries, the first of which is not above the second.
    own = [np.tril_indices(n) for n in counts]
    begin = ends[run.start : run.stop] - start
    first = np.concatenate([of[0] + at for of, at in zip(own, begin, strict=True)])
    second = np.concatenate([of[1] + at for of, at in zip(own, begin, strict=True)])
    into = np.array(rows[first])
    apart = np.flatnonzero(first != second)
    if len(apart):
        found = number[rows[first[apart]], rows[second[apart]]]
        into[apart] = np.asarray(found).ravel() - 1
    targets, target = np.unique(into, return_inverse=True)
    distinct, row = np.unique(rows, return_inverse=True)
    return Stage(
        run,
        slice(q + start, q + stop),
        rows,
        columns,
        distinct,
        sums_by(row, len(distinct)),
        sums_by(columns, len(counts)),
        first,
        second,
        targets,
        sums_by(target, len(targets)),
    )


def sums_by(labels: Array, n: int, values: Array | None = None) -> csr_array:
    """Return the matrix ``(n, len(labels))`` that adds up what has the same label."""
    weights = np.ones(len(labels)) if values is None else values
    return csr_array(coo_array((weights, (labels, np.arange(len(labels)))), shape=(n, len(labels))))
