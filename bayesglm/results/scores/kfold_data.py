"""What `kfold` returns: ArviZ's own type, with what was predicted of the samples left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from arviz_stats.utils import ELPDDataLOOKFold

if TYPE_CHECKING:
    import xarray as xr


@dataclass(kw_only=True, repr=False)
class KFold(ELPDDataLOOKFold):
    """The elpd of folds left out, and what the others predict of their samples.

    Attributes
    ----------
    predictions : DataArray
        The expected response of each sample by the posterior of the other folds, from which other
        scores follow: the probability of yes, the expected count, ... on the samples in use; of
        responses with levels, along ``<response>_level``, the probability (or expected count) of
        each. NaN where it is beyond the floats.
    """

    predictions: xr.DataArray
