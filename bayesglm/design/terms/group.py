"""Columns of effects that vary between the levels of a factor."""

from __future__ import annotations

import numpy as np

from bayesglm.design.blocks import Block
from bayesglm.design.readings import Readings
from bayesglm.design.variables import factor_labels
from bayesglm.errors import DataError
from bayesglm.spec.terms.group import Group
from bayesglm.spec.terms.term import SLOPE

Array = np.ndarray


def group_block(term: Group, readings: Readings) -> Block:
    """Lay the intercepts and slopes of each level, which a sample's code looks up."""
    levels, codes = _levels_and_codes(term, readings)
    columns = [np.ones(len(codes))]
    for name in term.slopes:
        values, dims = readings.values(name, SLOPE)
        if dims:
            raise DataError(
                f"slope {name!r} of term {term.label!r} has further dims {dims}; a slope takes "
                f"one value per sample over {readings.dim!r}."
            )
        columns.append(values)
    level, effect = f"{term.label}_level", f"{term.label}_effect"
    effects = {effect: np.array(["intercept", *term.slopes])} if term.slopes else {}
    return Block(
        term.label,
        np.column_stack(columns),
        (*(len(columns) for _ in effects), len(levels)),
        (*effects, level),
        {**effects, level: levels},
        codes=codes.astype(np.intp),
        per_column=True,
        n_ones=1,
        settles={"levels": term.levels or tuple(levels.tolist())},
    )


def _levels_and_codes(term: Group, readings: Readings) -> tuple[Array, Array]:
    """Return the levels of a term, those of the data where it has none, and each sample's code."""
    labels = factor_labels(readings.dataset, term.factor, readings.dim)
    observed, codes = np.unique(labels, return_inverse=True)
    if term.levels is None:
        return observed, codes
    levels = np.array(term.levels)
    if levels.dtype.kind == "f":  # as numpy makes unsigned numbers beyond the signed ones
        levels = np.array(term.levels, dtype=np.uint64)
    if levels.dtype.kind == observed.dtype.kind and np.array_equal(levels, observed):
        return levels, codes
    places = {level: place for place, level in enumerate(term.levels)}
    unknown = [label for label in observed.tolist() if label not in places]
    if unknown and readings.is_new:
        raise DataError(
            f"the new data have {unknown[0]!r} in {term.factor!r}, a level that the fit has not "
            "seen; predict for the fit's own levels, or fit again with data of that level."
        )
    if unknown:
        first = readings.place(labels == unknown[0])
        raise DataError(
            f"factor {term.factor!r} has {unknown[0]!r} at {first}, which is not among the levels "
            f"of term {term.label!r}; add it to levels=, or leave that out, so that the levels are "
            "those of the data."
        )
    return levels, np.array([places[label] for label in observed.tolist()])[codes]
