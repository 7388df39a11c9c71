"""Stretches of time as a predictor: the share of each bin that lies in one."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesglm.design.spikes.epochs import Epochs
from bayesglm.design.spikes.formed import Formed
from bayesglm.design.spikes.grid import Grid

Array = np.ndarray


def share_inside(stretches: Epochs, grid: Grid) -> tuple[Formed, dict[str, Any]]:
    """Return the share of each bin that lies in one of some stretches, 0 or 1 but at their ends."""
    bounds = np.ravel(np.stack([stretches.start, stretches.stop], axis=1))
    lasted = np.cumsum(np.r_[0.0, stretches.stop - stretches.start])
    known = np.ravel(np.stack([lasted[:-1], lasted[1:]], axis=1))

    def form(part: slice, key: tuple[Any, ...]) -> Array:
        shares = [np.empty(0)]
        for epoch, first, last in grid.runs(part):
            edges = grid.epochs.start[epoch] + np.arange(first, last + 1) * grid.size
            share = np.diff(np.interp(edges, bounds, known)) / grid.size
            # A stretch that ends at an edge, but for rounding, does not reach into the next bin.
            shares.append(
                np.where(
                    np.abs(share - np.rint(share)) * grid.size <= grid.slack, np.rint(share), share
                )
            )
        return np.concatenate(shares)

    attrs = {"resampled": "share of each bin that lies in a stretch"}
    return Formed((grid.n_bins,), np.dtype(np.float64), form), attrs
