"""Columns of predictors of labels: those of a factor's levels, one of them silent, or to a sum."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bayesglm.design.blocks import Block
from bayesglm.design.factors import factor, on_levels
from bayesglm.design.readings import Readings
from bayesglm.errors import DataError
from bayesglm.spec.hints import closest
from bayesglm.spec.response_levels import told
from bayesglm.spec.terms.category import SUM, TREATMENT, Category

Array = np.ndarray


class Margin(NamedTuple):
    """The levels of a category that have a coefficient, and the number of each sample's.

    - `levels`: all of them, the reference among them.
    - `labels`: those with a coefficient.
    - `codes`: of each sample among `labels`; -1 at the reference.
    - `sums`: whether the coefficients sum to zero.
    """

    levels: Array
    labels: Array
    codes: Array
    sums: bool


def category_block(term: Category, readings: Readings) -> Block:
    """Lay a column for each level that has a coefficient, which a sample's code looks up."""
    levels, labels, codes, sums = margin(term, readings)
    dim = f"{term.label}_level"
    return Block(
        term.label,
        np.ones((len(codes), 1)),
        (len(labels),),
        (dim,),
        {dim: labels},
        codes=codes,
        sums=(0,) if sums else (),
        n_ones=1,
        settles={"levels": term.levels or tuple(levels.tolist())},
    )


def margin(term: Category, readings: Readings) -> Margin:
    """Lay the levels of a category as its contrasts say; raises DataError where there is one."""
    observed, codes = factor(readings, term.variable, in_own_order=True)
    levels = observed
    if term.levels is not None:
        levels, codes = on_levels(term.levels, observed, codes, term.variable, term.label, readings)
    if len(levels) < 2:
        raise DataError(
            f"category {term.variable!r} has one level, {levels.tolist()[0]!r}, and so tells "
            "nothing apart; remove the term, give data in which two levels occur, or name all "
            "levels (levels=) under a proper prior."
        )
    if term.contrasts != TREATMENT:
        return Margin(levels, levels, codes, term.contrasts == SUM)
    place = _place_of_reference(term, levels)
    after = codes - (codes > place)
    return Margin(levels, np.delete(levels, place), np.where(codes == place, -1, after), False)


def _place_of_reference(term: Category, levels: Array) -> int:
    if term.reference is None:
        return 0
    known = levels.tolist()
    if term.reference not in known:
        raise DataError(
            f"category {term.variable!r}: the reference {term.reference!r} is none of its levels, "
            f"{told(known)}.{closest(str(term.reference), list(map(str, known)))}"
        )
    return known.index(term.reference)
