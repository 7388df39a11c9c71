"""Bins: whole numbers of them from the start of each epoch, none moved by how floats round."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from bayesglm.design.spikes.epochs import Epochs
from bayesglm.errors import DataError, tell
from bayesglm.numerics.memory import free_memory
from bayesglm.spec.hints import shown

Array = np.ndarray
ROUNDED = 1.5e-9  # seconds: pynapple rounds its times to 1e-9, and so may whoever wrote them
COARSEST = 0.01  # of a bin, by which floats may miss a time at all
LEFT_OUT = 0.01  # share of the epochs' time that may be left out without a word
A_SAMPLE = 24.0  # bytes of a bin: its time, its trial and its share of the variables


@dataclass(frozen=True, eq=False)
class Grid:
    """Bins of one size, ``[start + k size, start + (k + 1) size)`` from each epoch's start on.

    A time within ``slack`` seconds of an edge is at this edge.
    """

    epochs: Epochs
    lengths: Array  # bins of each epoch
    size: float
    slack: float

    @property
    def n_bins(self) -> int:
        """Number of bins in all epochs."""
        return int(self.lengths.sum())

    @property
    def offsets(self) -> Array:
        """Number of the first bin of each epoch."""
        return np.cumsum(self.lengths) - self.lengths

    @property
    def stops(self) -> Array:
        """End of the last bin of each epoch."""
        return self.epochs.start + self.lengths * self.size

    def bins(self, times: Array) -> Array:
        """Return the number of each time's bin, -1 for times in none."""
        epoch = np.searchsorted(self.epochs.start - self.slack, times, side="right") - 1
        starts, lengths = self.epochs.start[epoch], self.lengths[epoch]
        place = whole_bins(times - starts, self.size, self.slack)
        inside = (epoch >= 0) & (place >= 0) & (place < lengths)
        return np.where(inside, place + self.offsets[epoch], -1)

    def centres(self) -> Array:
        """Return the middle of every bin, in seconds."""
        within = np.arange(self.n_bins) - np.repeat(self.offsets, self.lengths)
        return np.repeat(self.epochs.start, self.lengths) + (within + 0.5) * self.size

    def runs(self, part: slice) -> list[tuple[int, int, int]]:
        """Cut a range of bins into runs of one epoch: its number, and the first and last bins."""
        offsets = self.offsets
        first = int(np.searchsorted(offsets, part.start, side="right")) - 1
        runs = []
        for epoch in range(first, len(offsets)):
            start = max(part.start - int(offsets[epoch]), 0)
            stop = min(part.stop - int(offsets[epoch]), int(self.lengths[epoch]))
            if stop > start:
                runs.append((epoch, start, stop))
            if offsets[epoch] + self.lengths[epoch] >= part.stop:
                break
        return runs


def whole_bins(spans: Array, size: float, slack: float) -> Array:
    """Return how many whole bins fit in spans of time; those that miss one by rounding have it.

    >>> whole_bins(np.array([0.3, 0.3 - 1e-9, 0.29]), 0.1, 1.5e-9).tolist()
    [3, 3, 2]
    """
    places = spans / size
    nearest = np.rint(places)
    at_edge = np.abs(places - nearest) * size <= slack
    return np.where(at_edge, nearest, np.floor(places)).astype(np.int64)


def check_bin_size(bin_size: Any) -> float:
    """Return the seconds of a bin, or raise DataError."""
    real = isinstance(bin_size, Real) and not isinstance(bin_size, bool)
    if not real or not 0 < bin_size < np.inf:
        raise DataError(f"bin_size must be a positive time in seconds, got {shown(bin_size)}.")
    return float(bin_size)


def lay_grid(epochs: Epochs, bin_size: float) -> Grid:
    """Lay as many whole bins as fit into each epoch.

    Raises DataError for an epoch shorter than a bin, for times too far from zero to be told apart,
    and for more bins than memory holds. Tells where bins leave out over 1% of the time.
    """
    largest = float(np.max(np.abs([epochs.start, epochs.stop])))
    rounding = 4 * np.finfo(float).eps * largest
    if rounding > COARSEST * bin_size:
        raise DataError(
            f"the epochs lie at {largest:.6g} s, where floats are only good to {rounding:.1g} s: "
            f"too coarse for bins of {bin_size:g} s. Count times from the start of the recording."
        )
    slack = min(ROUNDED, 1e-3 * bin_size) + rounding
    spans = epochs.stop - epochs.start
    if spans.sum() / bin_size * A_SAMPLE > free_memory():
        raise DataError(
            f"bins of {bin_size:g} s over {spans.sum():.6g} s of epochs are "
            f"{spans.sum() / bin_size:.3g} samples, more than memory holds. Times and bin_size are "
            "in seconds: were milliseconds given? Else take longer bins, or fewer epochs."
        )
    lengths = whole_bins(spans, bin_size, slack)
    short = lengths == 0
    if short.any():
        k = int(np.argmax(short))
        raise DataError(
            f"{int(short.sum())} epochs are shorter than bin_size={bin_size:g}, the first at place "
            f"{k} ({epochs.start[k]:.6g} to {epochs.stop[k]:.6g} s); leave them out, or take "
            "shorter bins; bin_size is in seconds."
        )
    left_out = spans - lengths * bin_size
    if left_out.sum() > LEFT_OUT * spans.sum():
        k = int(np.argmax(left_out))
        tell(
            f"bins of {bin_size:g} s do not divide the epochs: {left_out.sum() / spans.sum():.1%} "
            f"of their time is left out at their ends, the most at place {k}, "
            f"{left_out[k]:.3g} s of {spans[k]:.6g} s. Take a bin_size that divides them."
        )
    return Grid(epochs, lengths, bin_size, slack)
