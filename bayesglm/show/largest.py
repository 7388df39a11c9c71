"""Fits whose effects are kept as marginals, with draws of so many levels as are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayesglm.inference.tree.opened import EFFECTS, group_redrawn
from bayesglm.results.draws import draws

if TYPE_CHECKING:
    import xarray as xr

ENOUGH = 4 / 3  # times as many as a panel holds, up to which none is left out: chosen
N_LEVELS = "n_levels"  # the attribute of draws of some levels that says how many there are


def how_many(n: int, most: int) -> int:
    """Return how many of n are drawn where about so many have room: all, or the most.

    >>> how_many(25, 24), how_many(40, 24)
    (25, 24)
    """
    return n if n <= ENOUGH * most else most


def with_largest(fit: xr.DataTree, most: int) -> xr.DataTree:
    """Return the fit with draws of those levels whose mean effects are the largest, in their order.

    Of a fit that keeps all draws, the fit itself.
    """
    name = group_redrawn(fit)
    if name is None:
        return fit
    means = fit[EFFECTS].to_dataset()[f"{name}_mean"]
    level = f"{name}_level"
    every = means.transpose(..., level).values
    size = np.abs(every).reshape(-1, every.shape[-1]).max(axis=0)
    places = np.sort(np.argsort(-size, kind="stable")[: how_many(len(size), most)])
    some = draws(fit, name, means[level].values[places])
    some.attrs[N_LEVELS] = means.sizes[level]
    shown = fit.copy()
    shown["posterior"] = type(fit)(fit["posterior"].to_dataset().assign({name: some}))
    return shown
