"""Factors: the levels of labels in their order, and the number of each sample's level."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesglm.design.readings import Readings
from bayesglm.design.variables import (
    coded_labels,
    is_category,
    plain_categories,
    require,
)
from bayesglm.errors import DataError
from bayesglm.spec.hints import closest

Array = np.ndarray
CROSS = ":"  # between the labels of factors that make levels together


def factor(readings: Readings, name: str, in_own_order: bool = False) -> tuple[Array, Array]:
    """Return the labels that occur, and each sample's number among them.

    They are sorted, or with ``in_own_order`` as categories of pandas stand.
    """
    variable = require(readings.dataset, name, "factor")
    if variable.dims != (readings.dim,):
        raise DataError(
            f"factor {name!r} has the dims {variable.dims}; give one label per sample, over "
            f"{readings.dim!r}."
        )
    return coded_labels(variable, "factor", readings.dataset, in_own_order)


def crossed(readings: Readings, names: Sequence[str]) -> tuple[Array, Array]:
    """Return the levels that several factors make together, as words ``a:b``, and the codes.

    Raises DataError where two levels would be the same words.
    """
    each = [factor(readings, name) for name in names]
    sizes = [len(labels) for labels, _ in each]
    cells, codes = np.unique(
        np.ravel_multi_index([one for _, one in each], sizes), return_inverse=True
    )
    places = np.unravel_index(cells, sizes)
    parts = [labels[place].astype(str) for (labels, _), place in zip(each, places, strict=True)]
    words = np.array([CROSS.join(one) for one in zip(*parts, strict=True)])
    levels, order = np.unique(words, return_inverse=True)
    if len(levels) < len(words):
        twice = str(levels[np.bincount(order) > 1][0])
        raise DataError(
            f"two levels of {CROSS.join(names)!r} would both be called {twice!r}; leave {CROSS!r} "
            "out of their labels."
        )
    return levels, order[codes]


def with_plain_categories(dataset: xr.Dataset) -> xr.Dataset:
    """Return the Dataset with categories as the labels that they are, which files can hold."""
    plain: dict[str, Any] = {}
    for name in dataset.data_vars:
        variable = dataset.variables[name]
        if is_category(variable.dtype):
            index: Any = pd.CategoricalIndex(variable.to_index())
            labels = np.array([*plain_categories(index.categories).tolist(), None], dtype=object)
            plain[str(name)] = (variable.dims, np.array(labels[index.codes].tolist()))
    return dataset.assign(plain) if plain else dataset


def on_levels(
    levels: Sequence[Any],
    observed: Array,
    codes: Array,
    what: str,
    label: str,
    readings: Readings,
    of_others: str = "",
) -> tuple[Array, Array]:
    """Return levels that are settled as an array, and each sample's number among them.

    Raises DataError at a label that is none of them; ``what`` is the variable's name, ``label``
    the term's, and ``of_others`` says what else may be done with it.
    """
    known, places = settled(levels), _places(levels, observed)
    if places is None:
        return known, codes
    unknown = np.flatnonzero(places < 0)
    if len(unknown):
        at = codes == unknown[0]
        raise _unknown(observed.tolist()[unknown[0]], levels, at, what, label, readings, of_others)
    return known, places[codes]


def on_levels_and_others(
    levels: Sequence[Any], observed: Array, codes: Array
) -> tuple[Array, Array, Array]:
    """Return each sample's number among levels that are settled, others, and the number among them.

    The number is -1 of a sample whose label is not there.
    """
    places = _places(levels, observed)
    if places is None:
        return codes, observed[:0], np.full_like(codes, -1)
    is_other = places < 0
    numbers = np.where(is_other, np.cumsum(is_other) - 1, -1)
    return places[codes], observed[is_other], numbers[codes]


def settled(levels: Sequence[Any]) -> Array:
    """Return levels as an array."""
    known = np.array(levels)
    if known.dtype.kind == "f":  # as numpy makes unsigned numbers beyond the signed ones
        known = np.array(levels, dtype=np.uint64)
    return known


def _places(levels: Sequence[Any], observed: Array) -> Array | None:
    """Return the place of each label among levels, -1 of others; None where they are the same."""
    known = settled(levels)
    if known.dtype.kind == observed.dtype.kind and np.array_equal(known, observed):
        return None
    places = {level: place for place, level in enumerate(levels)}
    return np.array([places.get(one, -1) for one in observed.tolist()], dtype=np.intp)


def _unknown(
    level: Any,
    known: Iterable[Any],
    at: Array,
    what: str,
    label: str,
    readings: Readings,
    of_others: str,
) -> DataError:
    if readings.is_new:
        words = [one for one in known if isinstance(one, str) and isinstance(level, str)]
        return DataError(
            f"the new data have {level!r} in {what!r}, a level that the fit has not "
            f"seen.{closest(level, words)} Predict for the fit's own levels, {of_others}or fit "
            "again with data of that level."
        )
    return DataError(
        f"factor {what!r} has {level!r} at {readings.place(at)}, which is not among the levels "
        f"of term {label!r}; add it to levels=, or leave that out, so that the levels are "
        "those of the data."
    )
