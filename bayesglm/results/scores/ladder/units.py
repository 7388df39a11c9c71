"""What the ladder leaves out: rows, sets of rows, or levels with their effects integrated out.

Of each unit i it is known what its log density log p_i(t) is at draws t of a posterior, and what
the log density of all data is there; t is all of theta for rows and sets of them, and its top for
levels, of which log p_i(t) is the integral over the level's own effects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np

from bayesglm.inference.problem.centring import Centred, centred
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.problem.some_levels import problem_of
from bayesglm.inference.tree.kept import (
    NODES,
    TOGETHER,
    Kept,
    block_number,
    one_row_each,
    top_of,
)
from bayesglm.inference.weights.leaving import Controls, Leaving, controls_of
from bayesglm.inference.weights.leaving_exactly import LeftOutExactly, left_out_exactly
from bayesglm.inference.weights.levels import level_integrals, name_of
from bayesglm.inference.weights.shifted import Peak, Whole, peak_of
from bayesglm.numerics.density.levels.integrals import LevelIntegrals
from bayesglm.numerics.density.levels.top import highest
from bayesglm.numerics.density.pointwise import pointwise
from bayesglm.numerics.density.sampled import density

Array = np.ndarray
type Summary = Callable[[Array], Leaving]


class Units(Protocol):
    """What is left out, one after the other, of one neuron's fit.

    ``whole`` is None where the draws cannot be moved, and `peak` (without one, or of all data)
    where no mode tells the posterior.
    """

    @property
    def n(self) -> int: ...
    @property
    def n_draws(self) -> int: ...
    @property
    def cells(self) -> int: ...
    @property
    def safe(self) -> bool: ...
    @property
    def learned(self) -> bool: ...
    @cached_property
    def whole(self) -> Whole | None: ...
    def controls(self) -> Controls | None: ...
    def each(self, summary: Summary) -> Leaving: ...
    def log_densities(self, thetas: Array, which: Array) -> Array: ...
    def peak(self, start: Array, without: int | None) -> Peak | None: ...
    def thetas_of(self, kept: Kept) -> Array: ...
    def rest(self, which: int) -> Problem: ...
    def exact(self) -> LeftOutExactly | None: ...
    def integrated(self, which: Array) -> Array | None: ...
    def own(self, which: int) -> Array: ...
    def of_rest(self, kept: Kept, which: int) -> Array | None: ...


def codes_of(problem: Problem, name: str) -> Array:
    """Return the level of each row, of a group of the model."""
    predictors = problem.design.predictors
    codes = predictors.blocks[block_number(problem, name)].codes
    assert codes is not None
    return codes[predictors.rows]


def _one_of_each(codes: Array) -> Iterator[Array]:
    """Run through places, in runs of which none has a code twice.

    >>> [one.tolist() for one in _one_of_each(np.array([3, 5, 3]))]
    [[0, 1], [2]]
    """
    left = np.arange(len(codes))
    while len(left):
        first = np.sort(np.unique(codes[left], return_index=True)[1])
        yield left[first]
        left = np.delete(left, first)


def row_units(kept: Kept) -> Units:
    """Return rows as what is left out; effects that each row has for itself are integrated out."""
    alone = one_row_each(kept.problem)
    if alone is None or kept.redrawn not in (None, alone):
        return RowUnits(kept)
    return LevelUnits(kept, alone, codes_of(kept.problem, alone))


@dataclass(frozen=True)
class RowUnits:
    """Rows, or sets of them by their numbers ``codes`` from 0 on, given all parameters."""

    kept: Kept
    codes: Array | None = None

    @property
    def n(self) -> int:
        """Number of units."""
        return self.kept.problem.design.n_rows if self.codes is None else int(self.codes.max()) + 1

    @property
    def n_draws(self) -> int:
        """Number of draws."""
        return self.kept.n_draws

    @property
    def cells(self) -> int:
        """How many densities of rows the density of all data at all draws takes."""
        return self.kept.n_draws * self.kept.problem.design.n_rows

    @property
    def safe(self) -> bool:
        """Whether no tail can be longer without some rows: log-concave, nothing else to learn."""
        return self.kept.problem.log_concave()

    @property
    def learned(self) -> bool:
        """Whether scales of priors are learned, whose tails no k-hat near its limit tells."""
        return bool(self.kept.problem.learned)

    def rows(self, which: int) -> Array:
        """Return the rows of one unit."""
        return np.array([which]) if self.codes is None else np.flatnonzero(self.codes == which)

    @cached_property
    def centre(self) -> Centred:
        """The problem in which its thetas are."""
        return centred(self.kept.problem)

    @cached_property
    def whole(self) -> Whole | None:
        """The draws on the unconstrained scale."""
        kept, problem = self.kept, self.centre.problem
        if kept.redrawn is not None or problem.pooled or one_row_each(problem) is not None:
            return None
        thetas = self.thetas_of(kept)
        log_density = problem.unconstrained.log_density
        return Whole(thetas, log_density(thetas), log_density)

    def controls(self) -> Controls | None:
        """Return functions of the draws whose means are known.

        None where a density may end at a wall of the link's domain: means are then not zero.
        """
        whole, objective = self.whole, self.centre.problem.unconstrained
        if whole is None or not objective.family.domain.is_real_line:
            return None
        scores = density(objective, whole.thetas.mean(axis=0)).slopes(whole.thetas)[1]
        return controls_of(whole.thetas, scores)

    def thetas_of(self, kept: Kept) -> Array:
        """Return draws, of all rows or some, on the unconstrained scale."""
        registry = self.centre.problem.unconstrained.registry
        return registry.inner_coefficients(self.centre.inner(kept.theta))

    def each(self, summary: Summary) -> Leaving:
        """Return summaries of the log densities ``(draws, some)`` of all units."""
        if self.codes is None:
            return Leaving(*self.kept.each_row(summary))
        step = max(1, TOGETHER // self.kept.n_draws)
        parts = []
        for start in range(0, self.n, step):
            some = np.arange(start, min(start + step, self.n))
            parts.append(summary(self._at(self.kept.problem, self.kept, some)))
        return Leaving(*(np.concatenate(one) for one in zip(*parts, strict=True)))

    def log_densities(self, thetas: Array, which: Array) -> Array:
        """Return log p_i ``(draws, some)`` at thetas of the unconstrained density."""
        problem = self.centre.problem
        return self._at(problem, Kept(problem, problem.natural_thetas(thetas)), which)

    def _at(self, problem: Problem, kept: Kept, which: Array) -> Array:
        """Return log p_i at draws that are kept, their effects as they are."""
        test = problem.design.predictors
        if self.codes is None:
            rows, sets = which, np.arange(len(which))
        else:
            rows = np.flatnonzero(np.isin(self.codes, which))
            sets = np.searchsorted(which, self.codes[rows])
        values = np.zeros((len(which), kept.n_draws))
        step = max(1, TOGETHER // kept.n_draws)
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            predictors, theta = kept.reading(replace(test, rows=test.rows[rows[part]]))
            each = pointwise(problem_of(problem, predictors).natural, theta)
            np.add.at(values, sets[part], each.T)
        return values.T

    def exact(self) -> LeftOutExactly | None:
        """Return the log densities of all units without themselves; None without a closed form."""
        return left_out_exactly(self.centre, self.codes)

    def integrated(self, which: Array) -> Array | None:
        """Return log p(y_i | rest of its level, top) ``(draws, some)``; None without such a group.

        The integral over the level's effects of all its rows, beside that of the others.
        """
        problem = self.kept.problem
        integrals = level_integrals(problem) if self.codes is None else None
        if integrals is None or self.kept.redrawn not in (None, name_of(problem, integrals)):
            return None
        codes = codes_of(problem, name_of(problem, integrals))
        number = block_number(problem, name_of(problem, integrals))
        values = np.empty((self.kept.n_draws, len(which)))
        for some in _one_of_each(codes[which]):
            levels, rows = codes[which[some]], which[some]
            inside = np.flatnonzero(np.isin(codes, levels))
            others = np.setdiff1d(inside, rows)
            values[:, some] = self._marginals(number, inside, codes, levels)
            values[:, some] -= self._marginals(number, others, codes, levels)
        return values

    def _marginals(self, number: int, rows: Array, codes: Array, levels: Array) -> Array:
        """Return log densities ``(draws, levels)`` of some rows of levels, 0 of levels without."""
        values = np.zeros((self.kept.n_draws, len(levels)))
        if len(rows):
            problem = self.kept.problem
            test = problem.design.predictors
            seen, numbers = np.unique(codes[rows], return_inverse=True)
            some = replace(test, rows=test.rows[rows])
            of_seen = self.kept.log_marginals(problem, some, number, numbers)
            place = np.searchsorted(seen, levels)
            known = np.isin(levels, seen)
            values[:, known] = of_seen[:, place[known]]
        return values

    def peak(self, start: Array, without: int | None) -> Peak | None:
        """Return the mode without one unit, or of all data."""
        problem = self.centre.problem
        return peak_of(problem if without is None else self._without(problem, without), start)

    def rest(self, which: int) -> Problem:
        """Return the problem of all other rows."""
        return self._without(self.kept.problem, which)

    def _without(self, problem: Problem, which: int) -> Problem:
        keep = np.ones(problem.design.n_rows, dtype=bool)
        keep[self.rows(which)] = False
        return problem.restrict(keep)

    def own(self, which: int) -> Array:
        """Return log p_i ``(draws,)`` of one unit at the fit's own draws."""
        return self._at(self.kept.problem, self.kept, np.array([which]))[:, 0]

    def of_rest(self, kept: Kept, which: int) -> Array | None:
        """Return log p_i ``(draws,)`` at draws of the posterior of all other rows.

        None where effects are redrawn, so that the draws are not of all parameters.
        """
        if kept.redrawn is not None or self.kept.redrawn is not None:
            return None
        problem = self.kept.problem
        return self._at(problem, replace(kept, problem=problem), np.array([which]))[:, 0]


@dataclass(frozen=True)
class LevelUnits:
    """Levels of the group ``name`` by their numbers: rows jointly, effects integrated out."""

    kept: Kept
    name: str
    levels: Array

    @cached_property
    def codes(self) -> Array:
        """The level of each row."""
        return codes_of(self.kept.problem, self.name)

    @property
    def n(self) -> int:
        """Number of units."""
        return len(self.levels)

    @property
    def n_draws(self) -> int:
        """Number of draws."""
        return self.kept.n_draws

    @property
    def cells(self) -> int:
        """How many densities of rows the density of all data at all draws takes."""
        return self.kept.n_draws * self.integrals.cells

    @property
    def safe(self) -> bool:
        """Whether no tail can be longer without some rows; of scales one may be."""
        return False

    @property
    def learned(self) -> bool:
        """Whether scales are learned: those of the levels' effects."""
        return bool(self.kept.problem.learned)

    @cached_property
    def integrals(self) -> LevelIntegrals:
        """The integrals over the effects of each level."""
        return self._integrals(self.kept.problem)

    def _integrals(self, problem: Problem) -> LevelIntegrals:
        integrals = level_integrals(problem, self.name)
        assert integrals is not None
        return integrals.with_nodes(NODES[integrals.shape[0]])

    @cached_property
    def whole(self) -> Whole | None:
        """The draws of the top, and its density."""
        T = self.thetas_of(self.kept)
        return Whole(T, self.integrals.log_density(T), self.integrals.log_density)

    def controls(self) -> Controls | None:
        """Return functions of the draws whose means are known, as those of rows are."""
        if not self.kept.problem.unconstrained.family.domain.is_real_line:
            return None
        T = self.thetas_of(self.kept)
        return controls_of(T, self.integrals.slopes(T)[1])

    def thetas_of(self, kept: Kept) -> Array:
        """Return draws of the top, of all rows or some."""
        problem, theta = kept.first()
        return top_of(problem, self.name, theta)

    def each(self, summary: Summary) -> Leaving:
        """Return summaries of the log densities ``(draws, some)`` of all units."""
        T, order = self.thetas_of(self.kept), np.argsort(self.levels)
        step = max(1, TOGETHER // len(T))
        parts = [
            summary(self.log_densities(T, order[start : start + step]))
            for start in range(0, self.n, step)
        ]
        place = np.argsort(order)
        return Leaving(*(np.concatenate(one)[place] for one in zip(*parts, strict=True)))

    def log_densities(self, thetas: Array, which: Array) -> Array:
        """Return log p_i ``(draws, some)`` at thetas of the top."""
        levels = self.levels[which]
        first, stop = int(levels.min()), int(levels.max()) + 1
        if stop - first <= 2 * len(levels):
            each = self.integrals.log_marginals(thetas, slice(first, stop))
            return each[:, levels - first]
        every = [self.integrals.log_marginals(thetas, slice(k, k + 1)) for k in levels.tolist()]
        return np.concatenate(every, axis=1)

    def peak(self, start: Array, without: int | None) -> Peak | None:
        """Return the mode of the top without one level, or of all data."""
        integrals = self.integrals if without is None else self._integrals(self.rest(without))
        top = highest(integrals, start)
        return None if top is None else Peak(top.mode, np.linalg.cholesky(top.precision))

    def rest(self, which: int) -> Problem:
        """Return the problem of all other rows."""
        return self.kept.problem.restrict(self.codes != self.levels[which])

    def exact(self) -> LeftOutExactly | None:
        """Return the log densities of all levels without themselves, if effects are normal."""
        numbers = np.argsort(self.levels)[np.searchsorted(np.sort(self.levels), self.codes)]
        return left_out_exactly(centred(self.kept.problem), numbers)

    def integrated(self, which: Array) -> Array | None:
        """Return None: whole levels are left out, and their effects are integrated out as it is."""
        return None

    def own(self, which: int) -> Array:
        """Return log p_i ``(draws,)`` of one unit at the fit's own draws."""
        return self.log_densities(self.thetas_of(self.kept), np.array([which]))[:, 0]

    def of_rest(self, kept: Kept, which: int) -> Array | None:
        """Return log p_i ``(draws,)`` at draws of the posterior of all other rows."""
        return self.log_densities(self.thetas_of(kept), np.array([which]))[:, 0]
