"""The grouping of a problem whose levels are integrated out, laid for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from bayesglm.design.blocks import Block
from bayesglm.design.design import Design
from bayesglm.inference.problem.problem import Problem
from bayesglm.numerics.density.levels.grouped import Grouped, without
from bayesglm.numerics.density.levels.integrals import LevelIntegrals
from bayesglm.numerics.density.levels.prior import LevelPrior, is_alike
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.numerics.rows.columns import Columns
from bayesglm.numerics.rows.dense import Dense
from bayesglm.numerics.rows.rows import Rows
from bayesglm.numerics.rows.source import Source

Array = np.ndarray
MOST_EFFECTS = 3  # of a level: of more, products of nodes are too many
FIRST_NODES = 5  # along each effect, before it is looked at how many are needed


def level_integrals(problem: Problem, name: str | None = None) -> LevelIntegrals | None:
    """Return the integrals over a grouping, or the one with the most levels that can be.

    Its effects are independent from level to level given the rest, and normal around zero, alike in
    all. None where there is no such grouping.
    """
    objective, places = problem.unconstrained, problem.places
    predictors = problem.design.predictors
    if predictors.sharing is not None or not objective.source.n_rows:
        return None
    largest: tuple[int, int, PriorPart] | None = None
    for number, block in enumerate(predictors.blocks):
        if not is_grouping(block) or block.name not in places or name not in (None, block.name):
            continue
        part = next(p for p in objective.coefficients if p.where == places[block.name])
        k = part.size // block.n_levels
        if k > MOST_EFFECTS or not is_alike(part, k, block.n_levels, objective.size):
            continue
        if largest is None or part.size > largest[2].size:
            largest = number, k, part
    return None if largest is None else LevelIntegrals(_grouped(problem, *largest), FIRST_NODES)


def name_of(problem: Problem, integrals: LevelIntegrals) -> str:
    """Return the name of the grouping."""
    return next(name for name, where in problem.places.items() if where == integrals.place)


def is_grouping(block: Block) -> bool:
    """Say whether a block's rows read the effects of one level each."""
    return block.codes is not None and block.n_level_dims == 1 and not block.sums


def _grouped(problem: Problem, number: int, k: int, part: PriorPart) -> Grouped:
    """Lay the rows of a problem level by level."""
    predictors = problem.design.predictors
    block = predictors.blocks[number]
    codes, values = block.effects(predictors.rows)
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(block.n_levels + 1))
    design = problem.design.take(order)
    sorted_rows = _Sorted(design, number, part.where, _held(problem.design, number, order))
    return Grouped(
        problem.unconstrained,
        part.where,
        LevelPrior(part, k, block.n_levels),
        sorted_rows.form,
        starts,
        None if block.only_looks_up else values[order].T,
        predictors.line_of(number),
    )


@dataclass(frozen=True)
class _Sorted:
    """Forms the rows of a design in its order, without the columns of one block.

    Columns of lags, which read the samples around each row, are ``held`` in that order: they are
    formed only of rows that follow one another.
    """

    design: Design
    number: int
    place: slice
    held: Sequence[tuple[slice, Array]] | None = None

    @cached_property
    def _source(self) -> Source:
        return self.design.source

    def form(self, part: slice) -> Rows:
        """Return the rows of a range."""
        rows = self._source.form(part)
        return without(replace(rows, parts=partial(self._parts, part)), self.place)

    def _parts(self, part: slice) -> list[tuple[slice, Columns]]:
        if self.held is None:
            return self.design.predictors.parts(part, (self.number,))
        return [(where, Dense(X[part])) for where, X in self.held]


def _held(design: Design, number: int, order: Array) -> Sequence[tuple[slice, Array]] | None:
    """Return all columns but those of one block in some order, where any of them are of lags."""
    predictors = design.predictors
    if all(block.of_lags is None for block in predictors.blocks):
        return None
    parts = predictors.parts(slice(0, design.n_rows), (number,))
    return [(where, columns.dense()[order]) for where, columns in parts]
