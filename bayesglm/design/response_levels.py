"""The response as numbers: amounts as they are, labels as the places of their levels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesglm.design.variables import coded_labels, holds_labels, is_category, numbers, place
from bayesglm.errors import DataError
from bayesglm.numerics.families.table import FAMILIES
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.hints import an
from bayesglm.spec.model import GLM
from bayesglm.spec.response_levels import (
    COUNTS_OF_LEVELS,
    FIRST,
    check_reference,
    fault_of_levels,
    told,
)

Array = np.ndarray


def read_response(model: GLM, variable: xr.DataArray, dim: str, of: xr.Dataset) -> Array:
    """Return the responses ``(sample, ...)`` of a model whose levels are settled, as floats.

    Counts of levels are ``(levels, sample)``.
    """
    if model.levels is None:
        return numbers(variable, dim, "response", of)
    if FAMILY_NAMES[model.family].counts_levels:
        known = _counted_levels(model, variable, dim, of)
        columns = [known.index(level) for level in model.levels]
        return np.ascontiguousarray(numbers(variable, dim, "response", of)[:, columns].T)
    by_sample = _by_sample(variable, dim)
    observed, codes = coded_labels(by_sample, "response", of)
    codes, places = codes.reshape(by_sample.shape), _places(model)
    unknown = [k for k, label in enumerate(observed.tolist()) if label not in places]
    if unknown:
        first = place(codes == unknown[0], (dim, *_others(variable, dim)), of)
        raise DataError(
            f"response {model.response!r} has {observed.tolist()[unknown[0]]!r} at {first}, which "
            f"is not among the levels of the model ({told(model.levels)}); add it to levels= and "
            "fit, or leave those samples out."
        )
    return _numbered(model, observed)[codes]


def settle_levels(model: GLM, variable: xr.DataArray, dim: str, of: xr.Dataset) -> GLM:
    """Return the model with the levels that its response has in the data, if it has labels."""
    labels = FAMILY_NAMES[model.family].labels
    if labels is None:
        if holds_labels(variable.variable):
            raise DataError(_of_numbers(model, variable))
        return model
    asked = model.levels is not None or model.reference != FIRST
    if labels.most == 2 and not asked and not holds_labels(variable.variable):
        return model  # 0 and 1 are the numbers of two levels already
    look = _counted_levels if labels.counted else _observed_levels
    levels = model.levels or look(model, variable, dim, of)
    ordered = bool(getattr(_category(variable), "ordered", False))
    fault = fault_of_levels(model.family, levels, ordered)
    if fault:
        raise DataError(f"response {model.response!r}: {fault}")
    model = replace(model, levels=levels)
    check_reference(model)
    return model


def _observed_levels(model: GLM, variable: xr.DataArray, dim: str, of: xr.Dataset) -> tuple:
    """Return the levels that occur in the data, in their own order where they have one."""
    by_sample = _by_sample(variable, dim)
    observed = tuple(coded_labels(by_sample, "response", of, in_own_order=True)[0].tolist())
    labels, category = FAMILY_NAMES[model.family].labels, _category(variable)
    has_order = not isinstance(observed[0], str) if category is None else category.ordered
    if labels is not None and labels.ordered and not has_order:
        raise DataError(
            f"response {model.response!r} has levels without an order ({told(observed)}), and "
            f"{an(model.family)} response needs one; say levels=[...] from the least to the "
            "most, or give an ordered pandas.Categorical."
        )
    return observed


def _counted_levels(model: GLM, variable: xr.DataArray, dim: str, of: xr.Dataset) -> tuple:
    """Return the labels along the dim of a response whose levels are counted."""
    others = [other for other in variable.dims if other != dim]
    if len(others) != 1:
        raise DataError(
            f"response {model.response!r} has the dims {tuple(variable.dims)}, and "
            f"{an(model.family)} response has a count of each level: the sample dim {dim!r} and "
            f"one dim of the levels. {COUNTS_OF_LEVELS}"
        )
    (own,) = others
    known = of[own].values if own in of.coords else np.arange(variable.sizes[own])
    labels = tuple(_plain(label) for label in known.tolist())
    absent = [level for level in model.levels or () if level not in labels]
    if absent or len(set(labels)) < len(labels):
        told_of = f"no level {absent[0]!r}" if absent else "a level twice"
        raise DataError(
            f"response {model.response!r} has {told_of} along {own!r}, whose labels are "
            f"{told(labels)}; levels= takes some of these, each of which stands there once."
        )
    return labels


def as_labels(model: GLM, values: Array) -> Array:
    """Return responses as the data have them: the labels of levels in place of their numbers.

    What is missing stays so; counts of levels do.
    """
    if _are_amounts(model):
        return values
    levels = np.array(_in_order(model))
    missing = np.isnan(values)
    labels = levels[np.where(missing, 0.0, values).astype(np.intp)]
    if missing.any():
        labels = labels.astype(np.float64 if labels.dtype.kind in "iu" else object)
        labels[missing] = np.nan
    return labels


def as_numbers(model: GLM, labels: Array) -> Array:
    """Return responses as the numbers of their levels; what are numbers already stay as they are.

    Where a label is missing it is NaN.

    >>> model = GLM("side", [], family="bernoulli", levels=["left", "right"])
    >>> as_numbers(model, np.array(["right", "left"]))
    array([1., 0.])
    """
    if _are_amounts(model):
        return labels
    codes, observed = pd.factorize(labels.reshape(-1))
    places = _places(model)
    known = [places.get(one, np.nan) for one in np.asarray(observed).tolist()]
    return np.array([*known, np.nan])[codes].reshape(labels.shape)


def _numbered(model: GLM, labels: Array) -> Array:
    """Return the numbers of the levels that some labels are."""
    places = _places(model)
    return np.array([places[label] for label in labels.tolist()], dtype=np.float64)


def told_apart(model: GLM, values: Array) -> Array:
    """Return responses ``(..., sample)`` as one label of each sample: counts of levels in words.

    >>> model = GLM("side", [], family="multinomial", levels=["left", "right"])
    >>> told_apart(model, np.array([[3.0, 0.0], [1.0, 2.0]])).tolist()
    ['3, 1', '0, 2']
    """
    if not FAMILY_NAMES[model.family].counts_levels:
        return as_labels(model, values)
    return np.array([", ".join(f"{count:g}" for count in row) for row in values.T.tolist()])


def _are_amounts(model: GLM) -> bool:
    return model.levels is None or FAMILY_NAMES[model.family].counts_levels


def _in_order(model: GLM) -> tuple:
    """Return the levels in the order of their numbers: of two the reference is the first."""
    levels, labels = model.levels or (), FAMILY_NAMES[model.family].labels
    assert labels is not None
    second = labels.most == 2 and model.reference == levels[-1]
    return levels[::-1] if second else levels


def _places(model: GLM) -> dict:
    return {level: k for k, level in enumerate(_in_order(model))}


def _by_sample(variable: xr.DataArray, dim: str) -> xr.DataArray:
    """Return a response with its samples first; DataError where it has none."""
    if dim not in variable.dims:
        raise DataError(
            f"response {variable.name!r} has the dims {tuple(variable.dims)} and not the sample "
            f"dim {dim!r}; give one label per sample, or say as_dataset(data, sample_dim=...)."
        )
    return variable.transpose(dim, ...)


def _others(variable: xr.DataArray, dim: str) -> list:
    return [other for other in variable.dims if other != dim]


def _plain(label: object) -> object:
    """Return a level of pandas as labels of data are: whole numbers out of floats."""
    return int(label) if isinstance(label, float) and label.is_integer() else label


def _category(variable: xr.DataArray) -> Any:
    """Return the type that knows the categories of a variable; None where it has none."""
    return variable.dtype if is_category(variable.dtype) else None


def _of_numbers(model: GLM, variable: xr.DataArray) -> str:
    """Say which family is meant where a family of numbers is given labels."""
    values = np.asarray(variable.values).reshape(-1)
    present = values[~np.asarray(pd.isna(values))]
    levels = list(dict.fromkeys(present.tolist()))
    ordered = bool(getattr(_category(variable), "ordered", False))
    every = {name: of.labels for name, of in FAMILY_NAMES.items() if of.labels}
    fits = [name for name, of in every.items() if (of.most or len(levels)) >= len(levels)]
    # Of those that fit, the one that says most: an order where there is one, two levels if two.
    fits.sort(key=lambda name: (every[name].ordered != ordered, every[name].most is None))
    meant = f" Did you mean family={fits[0]!r}?" if fits else ""
    support = FAMILIES[model.family, model.link_name].support
    return (
        f"response {model.response!r} holds labels, not numbers ({told(levels)}), and "
        f"{an(model.family)} response takes {support}; give such, or take a family of "
        f"labels.{meant}"
    )
