"""Several linear predictors with the same columns, each with coefficients of its own.

Coefficients stand term by term, and of each term one channel's after the other's: those of a run of
columns are a matrix ``(channels, columns)``. To rows they are lines, one for each channel, and so
the columns are multiplied once for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Sharing:
    """How the coefficients of channels that share their columns stand in one vector w ``(size,)``.

    ``runs`` are the sizes of the runs of columns, in their order. With ``contrasts``, a matrix
    ``(channels, free)``, the first run is one column, whose coefficients are that matrix times
    ``free`` numbers: intercepts that sum to zero, say.

    >>> sharing = Sharing(2, (1, 2))
    >>> sharing.spread(np.array([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]])).tolist()
    [[[1.0, 3.0, 4.0], [2.0, 5.0, 6.0]]]
    """

    n_channels: int
    runs: tuple[int, ...]
    contrasts: Array | None = None

    @cached_property
    def n_columns(self) -> int:
        """Number of columns of each channel."""
        return sum(self.runs)

    @cached_property
    def size(self) -> int:
        """Number of coefficients of all channels."""
        fewer = 0 if self.contrasts is None else self.n_channels - self.contrasts.shape[1]
        return self.n_channels * self.n_columns - fewer

    @cached_property
    def places(self) -> Array:
        """Where each channel's coefficients stand ``(channels, columns)``, without contrasts."""
        start, runs = 0, []
        for size in self.runs:
            stop = start + self.n_channels * size
            runs.append(np.arange(start, stop).reshape(self.n_channels, size))
            start = stop
        return np.concatenate(runs, axis=1) if runs else np.zeros((self.n_channels, 0), dtype=int)

    def spread(self, W: Array) -> Array:
        """Return coefficients ``(k, channels, columns)`` of many w ``(k, size)``."""
        if self.contrasts is None:
            return W[:, self.places]
        free = self.contrasts.shape[1]
        return np.concatenate([W[:, :free] @ self.contrasts.T, W[:, free:]], 1)[:, self.places]

    def collect(self, gradients: Array) -> Array:
        """Return gradients ``(k, size)`` in w of those ``(k, channels, columns)`` in `spread`."""
        n = self.n_channels
        whole = np.empty((len(gradients), n * self.n_columns))
        whole[:, self.places] = gradients
        if self.contrasts is None:
            return whole
        return np.concatenate([whole[:, :n] @ self.contrasts, whole[:, n:]], 1)

    def collect_square(self, blocks: Sequence[Sequence[Array]]) -> Array:
        """Return the symmetric matrix ``(size, size)`` of blocks of channels c and d <= c."""
        by_channel = np.empty((self.n_channels, self.n_columns) * 2)
        for c, line in enumerate(blocks):
            for d, block in enumerate(line):
                by_channel[c, :, d] = block
                by_channel[d, :, c] = block.T
        whole = np.empty((self.n_channels * self.n_columns,) * 2)
        every = self.places.reshape(-1)
        whole[every[:, None], every] = by_channel.reshape(whole.shape)
        if self.contrasts is None:
            return whole
        return self.collect(
            self.collect(whole.reshape(len(whole), -1)[:, self.places]).T[:, self.places]
        )

    def columns_of(self, channel: int, X: Array) -> Array:
        """Return the columns ``(rows, size)`` by which w moves one channel."""
        whole = np.zeros((len(X), self.n_channels, self.n_columns))
        whole[:, channel] = X
        return self.collect(whole)
