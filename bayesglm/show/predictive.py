"""Fits of fewer draws, by which pictures are made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayesglm.inference.tree.opened import EFFECTS, parameter_group

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
PREDICTIVE_DRAWS = 200  # posterior draws that are predicted from: bands need no more; chosen
BAND = (0.03, 0.97)  # quantiles: 94% equal-tailed, as everywhere in the package
STRETCH = 300  # samples in the middle of the data that are shown along time


def thin(fit: xr.DataTree, draws: int) -> xr.DataTree:
    """Return the fit with about ``draws`` posterior draws at most, evenly spaced; a MAP repeated.

    Responses drawn from a MAP again and again are what it predicts, given its estimates.
    """
    import xarray as xr

    if "posterior" in fit.children:
        posterior = fit["posterior"].to_dataset()
        step = max(1, posterior.sizes["chain"] * posterior.sizes["draw"] // draws)
        kept = {"posterior": posterior.isel(draw=slice(None, None, step))}
    else:
        again = {"chain": np.arange(1), "draw": np.arange(draws)}
        kept = {"posterior": parameter_group(fit).expand_dims(again)}
    for name in ("constant_data", EFFECTS):
        if name in fit.children:
            kept[name] = fit[name].to_dataset()
    tree = xr.DataTree.from_dict({f"/{name}": value for name, value in kept.items()})
    tree.attrs = fit.attrs
    return tree
