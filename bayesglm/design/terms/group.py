"""Columns of effects that vary between the levels of a factor."""

from __future__ import annotations

import numpy as np

from bayesglm.design.blocks import Block
from bayesglm.design.factors import crossed, factor, on_levels
from bayesglm.design.readings import Readings
from bayesglm.errors import DataError
from bayesglm.spec.priors import learned_correlation
from bayesglm.spec.terms.group import Group
from bayesglm.spec.terms.term import SLOPE

Array = np.ndarray


def group_block(term: Group, readings: Readings) -> Block:
    """Lay the intercepts and slopes of each level, which a sample's code looks up."""
    levels, codes = _levels_and_codes(term, readings)
    columns = [np.ones(len(codes))] if term.intercept else []
    for name in term.slopes:
        values, dims = readings.values(name, SLOPE)
        if dims:
            raise DataError(
                f"slope {name!r} of term {term.label!r} has further dims {dims}; a slope takes "
                f"one value per sample over {readings.dim!r}."
            )
        columns.append(values)
    level, effect = f"{term.label}_level", f"{term.label}_effect"
    names = [*(["intercept"] if term.intercept else []), *term.slopes]
    effects = {effect: np.array(names)} if term.slopes else {}
    return Block(
        term.label,
        np.column_stack(columns),
        (*(len(columns) for _ in effects), len(levels)),
        (*effects, level),
        {**effects, level: levels},
        codes=codes.astype(np.intp),
        per_column=True,
        n_ones=int(term.intercept),
        correlation=learned_correlation(term),
        settles={"levels": term.levels or tuple(levels.tolist())},
    )


def _levels_and_codes(term: Group, readings: Readings) -> tuple[Array, Array]:
    """Return the levels of a term, those of the data where it has none, and each sample's code."""
    if isinstance(term.factor, tuple):
        observed, codes = crossed(readings, term.factor)
    else:
        observed, codes = factor(readings, term.factor)
    if term.levels is None:
        return observed, codes
    what = ":".join(term.factors)
    return on_levels(term.levels, observed, codes, what, term.label, readings)
