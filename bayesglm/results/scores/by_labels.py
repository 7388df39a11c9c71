"""Scores of samples, added up to those of the labels that they share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayesglm.design.labels import coords_over
from bayesglm.errors import DataError
from bayesglm.results.scores.pairing import TOGETHER
from bayesglm.spec.hints import shown
from bayesglm.spec.names import CARRIED, N_JOINT, OBSERVED

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray


def by_labels(scores: xr.DataArray, by: str) -> xr.DataArray:
    """Return the joint log density of each label of ``by``, as `kfold` along ``by`` labels them.

    Those of samples of one label add up: given what a method has learned they are independent.
    """
    import xarray as xr

    dim, *rest = map(str, scores.dims)
    codes, labels = pd.factorize(_labels(scores, by))
    if (codes < 0).any():
        k = int(np.argmax(codes < 0))
        raise DataError(f"by={by!r} lacks {int((codes < 0).sum())} labels, the first at {dim}={k}.")

    def added(values: Array) -> Array:
        total = np.zeros((len(labels), *values.shape[1:]))
        np.add.at(total, codes, values)
        return total

    dims = (by, *rest)
    coords: dict[str, Any] = {by: labels}
    coords |= {one: scores[one].values for one in rest if one in scores.coords}
    if OBSERVED in scores.coords and scores[OBSERVED].dtype.kind in "bf":
        observed = scores[OBSERVED]
        coords[OBSERVED] = ((by, *observed.dims[1:]), added(observed.values))
    if len(labels) < len(codes):
        coords[N_JOINT] = (by, np.bincount(codes))
    attrs = scores.attrs | {TOGETHER: by, "labelled": 1}
    return xr.DataArray(added(scores.values), coords, dims, name=scores.name, attrs=attrs)


def _labels(scores: xr.DataArray, by: str) -> Array:
    """Return each sample's label: of that name, or of an index without a name."""
    dim = str(scores.dims[0])
    known = [str(name) for name in coords_over(scores, dim) if name not in CARRIED]
    if not scores.attrs["labelled"] and dim in known:
        known.remove(dim)
    if by in known:
        return scores[by].values
    if known == [dim] and dim != "time":
        return scores[dim].values
    raise DataError(
        f"by={by!r} is no label of what is scored, which has {', '.join(known) or 'none'}; give "
        f"pandas Series with an index that is named {by!r}: "
        f"pd.Series(values, index=pd.Index(labels, name={shown(by)}))."
    )
