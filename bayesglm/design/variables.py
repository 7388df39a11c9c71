"""Variables of the checked Dataset as float arrays, with the faults told by name and place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesglm.errors import DataError
from bayesglm.numerics.rows.parallel import share_out
from bayesglm.spec.hints import closest, shown
from bayesglm.spec.names import is_storable

Array = np.ndarray
LARGEST = 1e40
LARGEST_WHOLE = 2.0**53  # beyond, floats no longer tell whole numbers apart
CACHED = 65_536  # numbers; so many are read twice at the price of once
BESIDE_NUMBERS = re.compile(r"[\s_,'%$€£]")  # signs that people write in and beside numbers
REAL = "biuf"  # kinds of dtype that are real numbers


def require(dataset: xr.Dataset, name: str, role: str) -> xr.DataArray:
    """Return a variable that the model names, without coordinates; or say that it is missing.

    To look for the coordinates of each would take as long as there are variables.
    """
    if name in dataset.variables:
        return xr.DataArray(dataset.variables[name], name=name)
    known = [str(key) for key in (*dataset.data_vars, *dataset.coords)]
    raise DataError(
        f"{role} {name!r} is not in the data; the variables are {', '.join(known)}."
        f"{_sum_of(name, known) or closest(name, known)}"
    )


def _sum_of(name: str, known: list[str]) -> str:
    """Say how the sum of a formula is written whose parts are variables, else nothing."""
    parts = [part.strip() for part in name.split("+")]
    return f" Write a list: {parts!r}." if len(parts) > 1 and set(parts) <= set(known) else ""


def numbers(variable: xr.DataArray, dim: str, role: str, of: xr.Dataset | None = None) -> Array:
    """Return a variable over ``(dim, ...)`` as floats in C order, checked to be finite numbers.

    Predictors of float32 stay float32; all else is float64. What is so already is not copied. The
    labels of the Dataset that it is ``of`` are told with the places of faults.
    """
    name = variable.name
    if dim not in variable.dims:
        raise DataError(
            f"{role} {name!r} has the dims {tuple(variable.dims)} and not the sample dim {dim!r}; "
            "give one value per sample, or say as_dataset(data, sample_dim=...)."
        )
    if is_category(variable.dtype):
        raise DataError(
            f"{role} {name!r} is a categorical variable, whose levels are no amounts; give one "
            f"0/1 column per level (pandas.get_dummies), a Group({name!r}) for a factor, or, if "
            f"the labels are amounts, numbers: .astype(float)."
        )
    ordered = variable.variable.transpose(dim, ...)
    given, dims = ordered.values, ordered.dims
    if given.dtype.kind in REAL:
        single = role == "predictor" and given.dtype == np.float32
        values = _as_floats(given, np.float32 if single else np.float64)
    else:
        values, wrong = _unboxed(given)
        if wrong.any():
            say = "name levels=" if role == "response" else f"say Category({name!r})"
            raise DataError(
                f"{role} {name!r} holds {kind_of(given[wrong])} (first: {given[wrong][0]!r} at "
                f"{place(wrong, dims, of)}), not numbers; convert it (a yes/no variable to "
                f"0/1), or {say} where they are labels."
            )
    largest = _largest(values)
    if not largest <= LARGEST:
        raise DataError(f"{role} {name!r} holds {_not_computable(name, values, dims, of)}")
    if 0 < largest < 1 / LARGEST and role != "offset":
        raise DataError(
            f"{role} {name!r} holds no value beyond {largest:.3g}, too small to be computed with; "
            "rescale it."
        )
    return values


def is_category(dtype: Any) -> bool:
    """Say whether a dtype is pandas' or Arrow's of categories, whatever their kind."""
    if isinstance(dtype, pd.CategoricalDtype):
        return True
    return isinstance(dtype, pd.ArrowDtype) and str(dtype).startswith("dictionary")


def as_category(value: Any) -> pd.Categorical:
    """Return categories as pandas' own, which xarray holds."""
    array = getattr(value, "array", value)
    if isinstance(array.dtype, pd.ArrowDtype):
        array = array.__arrow_array__().to_pandas()
    return pd.Categorical(array)


def labels_in(variable: xr.DataArray, role: str, of: xr.Dataset) -> Array:
    """Return labels, none of which is missing: whole numbers, bools, or words as numpy's."""
    labels, codes = coded_labels(variable, role, of)
    return labels[codes].reshape(variable.shape)


def coded_labels(
    variable: xr.DataArray, role: str, of: xr.Dataset, in_own_order: bool = False
) -> tuple[Array, Array]:
    """Return the labels that occur, sorted, and the number of each value's label, flat.

    With ``in_own_order`` those of pandas' categories stand as these do; of categories that are
    neither words nor whole numbers, intervals say, the labels are these in words. Raises DataError
    where a label is missing, or where they are not all words or all whole numbers.
    """
    name, dims = variable.name, variable.dims
    of_categories = is_category(variable.dtype) and variable.ndim == 1
    values = np.asarray(variable.values)
    codes, found = _categorised(variable) if of_categories else _factorised(values.reshape(-1))
    missing = codes < 0
    if missing.any():
        raise DataError(
            f"{role} {name!r} lacks {int(missing.sum())} labels, the first at "
            f"{place(missing.reshape(values.shape), dims, of)}{_others_with_gaps(name, of)}; "
            "remove those samples (missing='drop' does), or give them a label of their own."
        )
    labels, wrong = _as_labels(found)
    if wrong.any():
        at = wrong[codes].reshape(values.shape)
        if all(isinstance(word, str) for word in found.tolist()):
            raise DataError(
                f"{role} {name!r} has {int(at.sum())} labels that no file can hold (NUL, or half "
                f"of a surrogate pair), the first at {place(at, dims, of)}; rename those levels."
            )
        raise DataError(
            f"{role} {name!r} takes labels that are all words or all whole numbers; "
            f"{int(at.sum())} are not, the first at {place(at, dims, of)} "
            f"({values[at][0]}); turn them all into words, or number the levels."
        )
    if in_own_order and of_categories:
        return labels, codes
    ordered, places = np.unique(labels, return_inverse=True)
    return ordered, places[codes]


def _categorised(variable: xr.DataArray) -> tuple[Array, Array]:
    """Return the number of each value's category among those that occur, and these, in order."""
    every: Any = pd.CategoricalIndex(variable.variable.to_index())
    categories, codes = plain_categories(every.categories), every.codes.astype(np.intp)
    occurs = np.bincount(codes[codes >= 0], minlength=len(categories)) > 0
    places = np.append(np.cumsum(occurs) - 1, -1)  # the last is that of a missing value
    return places[codes], categories[occurs]


def plain_categories(categories: pd.Index) -> Array:
    """Return categories as labels can be: whole numbers, truth values or words."""
    values = categories.to_numpy()
    kinds: tuple[Any, ...] = (str, Integral, np.bool_)
    if all(isinstance(one, kinds) or _is_whole_float(one) for one in values.tolist()):
        return values
    return np.array([str(one) for one in values], dtype=object)


def _is_whole_float(value: Any) -> bool:
    return isinstance(value, float) and value.is_integer()


def _factorised(values: Array) -> tuple[Array, Array]:
    """Return each value's number among those that occur, -1 where it is missing; and these."""
    if values.dtype.kind in "OTUbiuf":
        known = values.astype(object) if values.dtype.kind == "T" else values
        try:
            codes, found = pd.factorize(known)
            return codes, np.asarray(found)
        except TypeError:  # objects that cannot be told apart
            pass
    return np.where(pd.isna(values), -1, np.arange(len(values))), values


def _as_labels(found: Array) -> tuple[Array, Array]:
    """Return values as labels of one kind, and which of them can be none."""
    words = found.dtype.kind in "OU" and any(isinstance(value, str) for value in found.tolist())
    if found.dtype.kind == "O":
        # numpy would turn numbers among words into words.
        kind = str if words else (Real, np.bool_)
        wrong = np.array([not isinstance(value, kind) for value in found], dtype=bool)
        if wrong.any():
            return found, wrong
    if words:
        wrong = np.zeros(len(found), dtype=bool)
        if not is_storable("".join(found.tolist())):
            wrong = np.array([not is_storable(value) for value in found.tolist()])
        return found if wrong.any() else np.array(found.tolist()), wrong
    found = np.array(found.tolist()) if found.dtype.kind == "O" else found
    wrong = np.zeros(len(found), dtype=bool)
    if found.dtype.kind == "f":
        wrong = ~((np.abs(found) < LARGEST_WHOLE) & (found == np.floor(found)))
        found = found if wrong.any() else found.astype(np.int64)
    return found, wrong if found.dtype.kind in "biuf" else ~wrong


def holds_labels(variable: xr.Variable) -> bool:
    """Say whether a variable holds categories, or words none of which is a number in writing."""
    if is_category(variable.dtype):
        return True
    values = np.asarray(variable.values).reshape(-1)
    if values.dtype.kind not in "OUT":
        return False
    found = _factorised(values)[1].tolist()
    return bool(found) and all(isinstance(one, str) and not is_written_number(one) for one in found)


def is_written_number(word: str) -> bool:
    """Say whether a word is a number with or without signs beside it: 5%, 1,234, 1_000.

    >>> is_written_number("5%"), is_written_number("18-25")
    (True, False)
    """
    try:
        float(BESIDE_NUMBERS.sub("", word))
    except ValueError:
        return False
    return True


def runs(n: int, width: int) -> Iterator[slice]:
    """Cut ``n`` rows of ``width`` numbers into blocks that stay in the processor's cache."""
    size = max(1, CACHED // max(1, width))
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def _largest(values: Array) -> float:
    """Return the largest magnitude of C-ordered numbers; NaN where one is missing."""
    flat = values.reshape(-1)

    def work(parts: Sequence[slice]) -> float:
        largest = 0.0
        for part in parts:
            largest = np.maximum(largest, np.maximum(flat[part].max(), -flat[part].min()))
        return largest

    return float(np.max(share_out(runs(flat.size, 1), work)))


def _others_with_gaps(name: object, of: xr.Dataset | None) -> str:
    """Say how many values the other variables lack, with whose samples these share a dim."""
    if of is None:
        return ""
    counts = {
        str(other): int(np.count_nonzero(pd.isna(np.asarray(variable.values))))
        for other, variable in of.data_vars.items()
        if other != name
    }
    told = ", ".join(f"{other!r} {count}" for other, count in counts.items() if count)
    return f" (others lack values too: {told})" if told else ""


def _not_computable(name: object, values: Array, dims: tuple, of: xr.Dataset | None) -> str:
    """Say which values are missing, infinite or too large, and what helps."""
    bad = ~np.isfinite(values)
    if bad.any():
        return (
            f"{int(bad.sum())} missing or infinite values, the first at {place(bad, dims, of)}"
            f"{_others_with_gaps(name, of)}; remove those samples (missing='drop' leaves out those "
            "with missing values), or fill them in knowingly."
        )
    huge = np.abs(values) > LARGEST
    return (
        f"{int(huge.sum())} values beyond {LARGEST:g}, the first at {place(huge, dims, of)}, too "
        "large to be computed with; rescale it."
    )


def place(bad: Array, dims: tuple, of: xr.Dataset | None) -> str:
    """Say where the first True of ``bad`` stands: ``obs=3 (label 'Ann'), neuron=0``.

    The numbers are positions; labels are told where ``of`` has some that are not the positions.
    """
    first = np.argwhere(bad)[0]
    return ", ".join(_position(of, dim, int(k)) for dim, k in zip(dims, first, strict=True))


def _position(of: xr.Dataset | None, dim: str, k: int) -> str:
    label = k if of is None or dim not in of.indexes else of.indexes[dim][k]
    if isinstance(label, (int, np.integer)) and label == k:
        return f"{dim}={k}"
    return f"{dim}={k} (label {shown(label) if isinstance(label, str) else label})"


def _as_floats(values: Array, dtype: type = np.float64) -> Array:
    """Return real numbers as C-ordered floats, without a copy where they are that already."""
    with np.errstate(over="ignore"):
        return np.asarray(values, dtype=dtype, order="C")


def _unboxed(values: Array) -> tuple[Array, Array]:
    """Return numbers out of objects, NaN where one is missing, and which are no numbers."""
    found = np.full(values.shape, np.nan)
    if values.dtype.kind != "O":
        return found, np.ones(values.shape, dtype=bool)
    wrong = np.zeros(values.shape, dtype=bool)
    for index in np.ndindex(values.shape):
        value = values[index]
        if isinstance(value, (Real, np.bool_)):
            found[index] = _float(value)
        else:
            wrong[index] = value is not None and value is not pd.NA
    return found, wrong


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf")


def kind_of(values: Array) -> str:
    """Say in words what values are that are no numbers."""
    first = values.reshape(-1)[0]
    if isinstance(first, str):
        return "text"
    of = type(first).__name__ if values.dtype.kind == "O" else values.dtype
    return {"M": "dates", "m": "time differences"}.get(values.dtype.kind, f"values of type {of}")
