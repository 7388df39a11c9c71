"""Stretches of time as a predictor: the share of each bin that lies in one."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesglm.design.spikes.epochs import Epochs
from bayesglm.design.spikes.formed import Formed
from bayesglm.design.spikes.grid import Grid

Array = np.ndarray


def lasted(moments: Array, stretches: Array) -> Array:
    """Return for how long sorted stretches have lasted up to some moments.

    >>> lasted(np.array([0.5, 1.5, 4.0]), np.array([[0.0, 1.0], [2.0, 3.0]])).tolist()
    [0.5, 1.0, 2.0]
    """
    ends = np.cumsum(np.r_[0.0, np.diff(stretches).ravel()])
    return np.interp(moments, stretches.ravel(), np.stack([ends[:-1], ends[1:]], axis=1).ravel())


def share_inside(stretches: Epochs, grid: Grid) -> tuple[Formed, dict[str, Any]]:
    """Return the share of each bin that lies in one of some stretches, 0 or 1 but at their ends."""
    pairs = np.stack([stretches.start, stretches.stop], axis=1)

    def form(part: slice, key: tuple[Any, ...]) -> Array:
        shares = [np.empty(0)]
        for epoch, first, last in grid.runs(part):
            edges = grid.epochs.start[epoch] + np.arange(first, last + 1) * grid.size
            share = np.diff(lasted(edges, pairs)) / grid.size
            # A stretch that ends at an edge, but for rounding, does not reach into the next bin.
            shares.append(
                np.where(
                    np.abs(share - np.rint(share)) * grid.size <= grid.slack, np.rint(share), share
                )
            )
        return np.concatenate(shares)

    attrs = {"resampled": "share of each bin that lies in a stretch"}
    return Formed((grid.n_bins,), np.dtype(np.float64), form), attrs
