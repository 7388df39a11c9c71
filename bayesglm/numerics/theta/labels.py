"""Names of the entries of arrays, and arrays of some of the entries that labels name."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

Array = np.ndarray


def entry_label(
    name: str, shape: tuple[int, ...], dims: tuple[str, ...], coords: Mapping[str, Array], k: int
) -> str:
    """Name the k-th entry of an array by its labels."""
    if not shape:
        return name
    index = np.unravel_index(k, shape)
    places = [f"{dim}={coords[dim][at]}" for dim, at in zip(dims, index, strict=True)]
    return f"{name}[{', '.join(places)}]"


def among_all(values: Array, axis: int, own: Array, every: Array) -> Array:
    """Return values at all labels along an axis from those at some of them, NaN at the others.

    >>> among_all(np.array([[1.0, 2.0]]), 1, np.array(["a", "c"]), np.array(["a", "b", "c"]))
    array([[ 1., nan,  2.]])
    """
    whole = np.full((*values.shape[:axis], len(every), *values.shape[axis + 1 :]), np.nan)
    whole[(slice(None),) * axis + (np.isin(every, own),)] = values
    return whole


def at_own(whole: Array, axis: int, own: Array, every: Array) -> Array:
    """Return the values at some of all labels along an axis."""
    return whole.compress(np.isin(every, own), axis=axis)
