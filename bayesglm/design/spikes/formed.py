"""Arrays whose samples are formed where they are read, as those of an opened file are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from bayesglm.errors import DataError
from bayesglm.numerics.memory import free_memory

Array = np.ndarray
type Form = Callable[[slice, tuple[Any, ...]], Array]


@dataclass(frozen=True, eq=False)
class Formed(BackendArray):
    """An array over samples and further dims: ``form(samples, key)`` makes a range of it.

    The key holds a number, a slice or an array of places for each further dim.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    form: Form

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        """Form what is asked for."""
        outer = indexing.IndexingSupport.OUTER
        return indexing.explicit_indexing_adapter(key, self.shape, outer, self._read)

    def _read(self, key: tuple[Any, ...]) -> Array:
        samples, *others = key
        n = self.shape[0]
        if isinstance(samples, slice):
            first, last, step = samples.indices(n)
            if step == 1:
                return self._formed(slice(first, max(first, last)), tuple(others))
            samples = np.arange(first, last, step)
        places = np.asarray(samples)
        first = int(places.min())
        return self._formed(slice(first, int(places.max()) + 1), tuple(others))[places - first]

    def _formed(self, part: slice, others: tuple[Any, ...]) -> Array:
        if not others or part.stop - part.start < 1:
            return self.form(part, others)
        sizes = [
            np.empty((size, 0))[key].shape[0] if not isinstance(key, (int, np.integer)) else 1
            for size, key in zip(self.shape[1:], others, strict=True)
        ]
        size = float(np.prod(sizes)) * (part.stop - part.start) * self.dtype.itemsize
        if size > free_memory():
            raise DataError(
                f"{part.stop - part.start} samples of {self.shape[1:]} values are {size:.3g} "
                "bytes, more than memory holds; select fewer (.isel, .sel), or take longer bins."
            )
        return self.form(part, others)

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what copies and pickles are made of: the values, formed."""
        values = self._formed(slice(0, self.shape[0]), (slice(None),) * (len(self.shape) - 1))
        return Formed, (self.shape, self.dtype, partial(_part_of, values))


def _part_of(values: Array, part: slice, key: tuple[Any, ...]) -> Array:
    return taken(values[part], key)


def formed(dims: tuple[str, ...], array: Formed, attrs: dict[str, Any]) -> xr.Variable:
    """Return a variable that is formed where it is read, and kept once it was read whole."""
    lazily = indexing.MemoryCachedArray(indexing.LazilyIndexedArray(array))
    return xr.Variable(dims, lazily, attrs)


def taken(values: Array, key: tuple[Any, ...]) -> Array:
    """Return what a key of places takes of the dims after the first, each by itself."""
    for axis in range(len(key), 0, -1):
        one = key[axis - 1]
        if isinstance(one, slice) and one == slice(None):
            continue
        values = values[(slice(None),) * axis + (one,)]
    return values
