"""Columns of effects that vary between the levels of a factor."""

from __future__ import annotations

import numpy as np

from bayesglm.design.blocks import Block, Newcomers
from bayesglm.design.factors import crossed, factor, on_levels, on_levels_and_others, settled
from bayesglm.design.readings import Readings
from bayesglm.errors import DataError
from bayesglm.spec.priors import learned_correlation
from bayesglm.spec.terms.group import Group
from bayesglm.spec.terms.term import SLOPE

Array = np.ndarray
OF_OTHERS = "say what a new one is (new_levels='sample' draws its effects, 'zero' has none), "


def group_block(term: Group, readings: Readings) -> Block:
    """Lay the intercepts and slopes of each level, which a sample's code looks up."""
    levels, codes, newcomers = _levels_and_codes(term, readings)
    columns = [np.ones(len(codes))] if term.intercept else []
    for name in term.slopes:
        columns.append(_slope(term, name, readings))
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
        newcomers=newcomers,
    )


def _slope(term: Group, name: str, readings: Readings) -> Array:
    """Return what multiplies an effect: zeros where none is asked for."""
    if not readings.of_groups.reads_slopes:
        return np.zeros(readings.clock.n_samples)
    values, dims = readings.values(name, SLOPE)
    if dims:
        raise DataError(
            f"slope {name!r} of term {term.label!r} has further dims {dims}; a slope takes "
            f"one value per sample over {readings.dim!r}."
        )
    return values


def _levels_and_codes(term: Group, readings: Readings) -> tuple[Array, Array, Newcomers | None]:
    """Return the levels of a term, those of the data where it has none, and each sample's code."""
    if term.levels is not None and not readings.of_groups.reads_factors:
        return settled(term.levels), np.full(readings.clock.n_samples, -1), None
    if isinstance(term.factor, tuple):
        observed, codes = crossed(readings, term.factor)
    else:
        observed, codes = factor(readings, term.factor)
    if term.levels is None:
        return observed, codes, None
    if readings.of_groups.new_levels != "raise":
        known, others, numbers = on_levels_and_others(term.levels, observed, codes)
        return settled(term.levels), known, Newcomers(others, numbers) if len(others) else None
    what = ":".join(term.factors)
    own = on_levels(term.levels, observed, codes, what, term.label, readings, OF_OTHERS)
    return *own, None
