"""Gaps: samples that lack a value, told by variable, filled with what another has, and left out.

What fills a gap is never read: the samples that would read it are not in use.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesglm.design.blocks import Block
from bayesglm.design.readings import OWN, OfGroups
from bayesglm.design.variables import is_category
from bayesglm.errors import DataError
from bayesglm.spec.model import GLM, ROLES
from bayesglm.spec.terms.term import Term

Array = np.ndarray
type Gaps = Mapping[str, Array]  # masks of the samples that lack a value, by variable


def read_by(model: GLM, is_new: bool, of_groups: OfGroups = OWN) -> list[str]:
    """Return the variables that each sample must have: of new data not the response and weights.

    What is seen of a response censored or truncated may well be missing.
    """
    names = [name for term in model.every_term for name in of_groups.reads(term)]
    roles = [role for role in ROLES if not (is_new and role == "weights")]
    names += [name for role in roles if (name := getattr(model, role))]
    return [*names, *([] if is_new and not model.has_history else [model.response])]


def find_gaps(model: GLM, dataset: xr.Dataset, dim: str, names: Iterable[str]) -> Gaps:
    """Return which samples lack values of some variables; none where the model refuses gaps."""
    if model.missing != "drop":
        return {}
    gaps = {}
    for name in dict.fromkeys(names):
        if name in dataset.data_vars and dim in dataset[name].dims:
            missing = _missing(dataset[name].transpose(dim, ...), empty_is_missing=True)
            if missing.any():
                gaps[name] = missing.reshape(len(missing), -1).any(axis=1)
    return gaps


def _missing(variable: xr.DataArray, empty_is_missing: bool = False) -> Array:
    values = np.asarray(variable.values)
    missing = np.asarray(pd.isna(values))
    if empty_is_missing and values.dtype.kind in "OUT":
        missing = missing | np.asarray(values == "", dtype=bool)
    return missing


def some(gaps: Gaps, names: Iterable[str], n: int) -> Array:
    """Return which of n samples lack a value of one of some variables."""
    bad = np.zeros(n, dtype=bool)
    for name in names:
        bad |= gaps.get(name, False)
    return bad


def filled(model: GLM, dataset: xr.Dataset, dim: str, gaps: Gaps) -> xr.Dataset:
    """Return the Dataset with the first whole sample in the place of those with gaps.

    Of variables that are read at lags only the gaps themselves are filled.
    """
    if not gaps:
        return dataset
    n = dataset.sizes[dim]
    bad = some(gaps, gaps, n)
    if bad.all():
        told = ", ".join(f"{name!r} ({int(mask.sum())})" for name, mask in gaps.items())
        raise DataError(f"no sample has a value of every variable; values are missing in {told}.")
    first = int(np.argmin(bad))
    at_lags = {name for term in model.every_term if term.is_lagged for name in term.variables}
    at_lags |= {model.response} if model.has_history else set()
    whole: dict[str, Any] = {}
    for name in model.variables:
        if name not in dataset.data_vars or dim not in dataset[name].dims:
            continue
        variable = dataset[name]
        if is_category(variable.dtype):
            given: Any = pd.CategoricalIndex(variable.variable.to_index())
            codes = np.where(bad, given.codes[first], given.codes)
            whole[name] = (variable.dims, pd.Categorical.from_codes(codes, dtype=given.dtype))
            continue
        ordered = variable.transpose(dim, ...)
        values = np.array(ordered.values)
        if name in at_lags:
            missing = _missing(ordered)
            values[missing] = np.broadcast_to(values[first], values.shape)[missing]
        else:
            values[bad] = values[first]
        whole[name] = (ordered.dims, values, variable.attrs)
    return dataset.assign(whole)


def with_plain_gaps(dataset: xr.Dataset, gaps: Gaps) -> xr.Dataset:
    """Return the Dataset with gaps as files hold them: NaN among numbers, and empty words."""
    plain: dict[str, Any] = {}
    for name in gaps:
        variable = dataset[name]
        values = np.asarray(variable.values)
        if values.dtype.kind != "f":
            missing = _missing(variable, empty_is_missing=True)
            words = all(isinstance(one, str) for one in values[~missing].flat)
            held = np.full(values.shape, "" if words else np.nan, dtype=object)
            held[~missing] = values[~missing]
            held = np.array(held.tolist()) if words else held.astype(np.float64)
            plain[name] = (variable.dims, held, variable.attrs)
    return dataset.assign(plain) if plain else dataset


def left_out(
    model: GLM, gaps: Gaps, pairs: Sequence[tuple[Term, Block]], n: int, with_response: bool
) -> Array:
    """Return which of n samples read a gap, at some lag or their own, or lack the response."""
    of_terms = {name for term, _ in pairs for name in term.variables}
    known = [name for name in gaps if name not in of_terms]
    bad = some(gaps, [name for name in known if with_response or name != model.response], n)
    for term, block in pairs:
        of_lags = block.of_lags
        if of_lags is None:
            bad |= some(gaps, term.variables, n)
            continue
        past = [model.response] if term.reads_response else []
        bad |= of_lags.reads(some(gaps, [*term.variables, *past], n))
    return bad
