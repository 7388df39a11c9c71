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
    labels = factor_labels(readings.dataset, term.factor, readings.dim)
    levels, codes = np.unique(labels, return_inverse=True)
    if term.label in readings.levels:
        levels, codes = _known(term, readings.levels[term.label], levels, codes)
    columns = [np.ones(len(labels))]
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
    )


def _known(term: Group, levels: Array, found: Array, codes: Array) -> tuple[Array, Array]:
    """Return the levels of a fit and the codes among them of data whose own levels are these."""
    places = {label: place for place, label in enumerate(levels.tolist())}
    unknown = [label for label in found.tolist() if label not in places]
    if unknown:
        raise DataError(
            f"the new data have {unknown[0]!r} in {term.factor!r}, a level that the fit has not "
            "seen; predict for the fit's own levels, or fit again with data of that level."
        )
    return levels, np.array([places[label] for label in found.tolist()])[codes]
