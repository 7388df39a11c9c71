"""Columns of which each of several members reads some: masks of one panel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from bayesglm.numerics.rows.columns import Columns
from bayesglm.numerics.rows.dense import Dense

Array = np.ndarray


class Panel(NamedTuple):
    """A set of columns for each source, all as wide; each member reads as many as the others.

    A member reads its own past, where the mask is the identity, or that of all others, where it is
    all but the diagonal. Each line of coefficients is a member's, for the sources that it reads, in
    their order. One product with a source serves all members that read it.

    >>> from bayesglm.numerics.rows.dense import Dense
    >>> one, other = Dense(np.array([[1.0], [2.0]])), Dense(np.array([[5.0], [7.0]]))
    >>> Panel((one, other), np.eye(2, dtype=bool)).times(np.array([[1.0], [10.0]])).tolist()
    [[1.0, 2.0], [50.0, 70.0]]
    """

    sources: Sequence[Columns]
    reads: Array  # (members, sources), whether a member reads a source

    def times(self, W: Array) -> Array:
        """Return the products ``(members, rows)`` of each member's coefficients with its columns.

        W is ``(members, columns)``.
        """
        by_source = W.reshape(len(W), -1, self.sources[0].n_columns)
        total: Array | None = None
        for columns, members, places in self._readers():
            product = columns.times(by_source[members, places])
            if total is None:
                total = np.zeros((len(W), product.shape[1]))
            total[members] += product
        assert total is not None
        return total

    def adjoint(self, S: Array) -> Array:
        """Return the products ``(members, columns)`` of lines ``(members, rows)`` and columns."""
        n_read = int(self.reads[0].sum())
        total = np.empty((len(S), n_read, self.sources[0].n_columns))
        for columns, members, places in self._readers():
            total[members, places] = columns.adjoint(S[members])
        return total.reshape(len(S), -1)

    def member(self, k: int) -> list[Columns]:
        """Return what one member reads, source by source."""
        return [columns for columns, read in zip(self.sources, self.reads[k], strict=True) if read]

    def together(self) -> tuple[Columns, Array]:
        """Return the columns of all members, and which each reads ``(members, columns)``."""
        width = self.sources[0].n_columns
        columns = [one.dense() for one in self.sources]
        of_source = np.arange(len(self.sources) * width).reshape(-1, width)
        numbers = [of_source[read].reshape(-1) for read in self.reads]
        return Dense(np.hstack(columns)), np.array(numbers)

    def _readers(self) -> Iterator[tuple[Columns, Array, Array]]:
        """Run through the sources: columns, members that read them, and their place in each."""
        places = np.cumsum(self.reads, axis=1) - 1
        for k, columns in enumerate(self.sources):
            members = np.flatnonzero(self.reads[:, k])
            if len(members):
                yield columns, members, places[members, k]
