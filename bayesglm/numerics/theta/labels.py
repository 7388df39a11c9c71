"""Names of the entries of arrays, for messages."""

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
