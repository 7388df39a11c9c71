"""Log predictive densities of rows that a posterior has not seen: by themselves, or in sets.

Rows of a set are scored jointly, log mean_draws p(y_set | draw). Effects of levels of which the
posterior has seen no row are integrated out, draw by draw:

    p(y_set | t) = product over the set's levels of integral p(y_j | t, b) p(b | t) db,

the density of a level anew, given the top t of a draw; seen levels have their own effects. Where
levels of several groups are new, those of the group with the most are integrated out so, and the
others' effects are the draws that their prior makes of each draw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from bayesglm.design.design import Predictors
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.problem.some_levels import problem_of
from bayesglm.inference.tree.kept import TOGETHER, Kept
from bayesglm.inference.weights.levels import level_integrals
from bayesglm.numerics.density.pointwise import each_pointwise, pointwise

Array = np.ndarray


class New(NamedTuple):
    """A group with levels of which the posterior has seen no row: its block, and which levels."""

    number: int
    name: str
    is_new: Array  # by level


@dataclass(frozen=True)
class Held:
    """Rows that are left out of a ``problem``, which has all of them, and draws that score them.

    ``rows`` are numbers of kept rows, and ``sets`` the numbers of their sets, from 0 on, or None;
    ``seen`` are the samples that the draws have seen, once they are weighted.
    """

    kept: Kept
    problem: Problem
    rows: Array
    sets: Array | None
    seen: Array

    @cached_property
    def test(self) -> Predictors:
        """The predictors of the rows."""
        every = self.problem.design.predictors
        return replace(every, rows=every.rows[self.rows])

    @cached_property
    def new(self) -> New | None:
        """The group with the most levels in the rows that the posterior has not seen."""
        most: tuple[int, New] | None = None
        test, terms = self.test, self.kept.problem.plan.model.every_term
        for number, (term, block) in enumerate(zip(terms, test.blocks, strict=True)):
            if not term.facts.of_levels or block.codes is None:
                continue
            is_new = np.ones(block.n_levels, dtype=bool)
            is_new[block.codes[self.seen]] = False
            n = len(np.unique(block.codes[test.rows][is_new[block.codes[test.rows]]]))
            if (
                n
                and (most is None or n > most[0])
                and _can_integrate(self.kept.problem, block.name)
            ):
                most = n, New(number, block.name, is_new)
        return None if most is None else most[1]

    @property
    def n(self) -> int:
        """How many rows, or sets of them, are scored."""
        return len(self.rows) if self.sets is None else int(self.sets.max()) + 1

    def each[Result](self, summary: Callable[[Array], Result]) -> list[Result]:
        """Return summary(values) of log densities ``(draws, rows or sets)``, some at a time."""
        if self.sets is None and self.new is None and self.kept.redrawn is None:
            return each_pointwise(self.plain.natural, self.kept.theta, summary)
        return [summary(values) for values in self._in_sets()]

    @property
    def plain(self) -> Problem:
        """The problem of the rows alone."""
        return problem_of(self.problem, self.test)

    def foretelling(self, draws: Array, rng: np.random.Generator) -> Kept:
        """Return some of the draws, effects of new levels drawn anew from their population.

        What weights took from the others are the rows of these levels, their effects integrated
        out.
        """
        kept, new = self.kept.some(draws), self.new
        if new is None:
            return kept
        if kept.redrawn == new.name:
            others = np.isin(kept.problem.design.predictors.rows, self.seen)
            return replace(kept, problem=kept.problem.restrict(others), held={})
        problem, theta = kept.problem, np.array(kept.theta)
        place = problem.places[new.name]
        part = next(one for one in problem.natural.coefficients if one.where == place)
        fresh = part.given(theta).draw(rng, len(theta))
        own = np.resize(new.is_new, fresh.shape[1])  # effect by effect, level by level
        theta[:, place] = np.where(own, fresh, theta[:, place])
        return replace(kept, theta=theta)

    def _in_sets(self) -> Iterator[Array]:
        kept, test = self.kept, self.test
        sets = np.arange(len(self.rows)) if self.sets is None else self.sets
        order = np.argsort(sets, kind="stable")
        edges = np.searchsorted(sets[order], np.arange(self.n + 1))
        step = max(1, TOGETHER // max(1, kept.n_draws))
        for start in range(0, self.n, step):
            stop = min(start + step, self.n)
            some = np.sort(order[edges[start] : edges[stop]])
            values = np.zeros((stop - start, kept.n_draws))
            self._add(values, replace(test, rows=test.rows[some]), sets[some] - start)
            yield values.T

    def _add(self, values: Array, test: Predictors, sets: Array) -> None:
        """Add the log densities of tested rows to those ``(sets, draws)`` of their sets."""
        new = self.new
        if new is None:
            self._add_seen(values, test, sets)
            return
        codes = test.blocks[new.number].codes
        assert codes is not None
        fresh = new.is_new[codes[test.rows]]
        if not fresh.all():
            self._add_seen(values, replace(test, rows=test.rows[~fresh]), sets[~fresh])
        if fresh.any():
            self._add_new(values, replace(test, rows=test.rows[fresh]), sets[fresh], new)

    def _add_seen(self, values: Array, test: Predictors, sets: Array) -> None:
        """Add the densities of rows given their own effects."""
        predictors, theta = self.kept.reading(test)
        tested = problem_of(self.problem, predictors)
        np.add.at(values, sets, pointwise(tested.natural, theta).T)

    def _add_new(self, values: Array, test: Predictors, sets: Array, new: New) -> None:
        """Add the integrals over the effects of new levels, each by itself in each set."""
        codes = test.blocks[new.number].codes
        assert codes is not None
        pairs, numbers = np.unique(np.stack([sets, codes[test.rows]]), axis=1, return_inverse=True)
        each = self.kept.log_marginals(self.problem, test, new.number, numbers)
        np.add.at(values, pairs[0], each.T)


def _can_integrate(problem: Problem, name: str) -> bool:
    return level_integrals(problem, name) is not None


def log_densities(kept: Kept, problem: Problem, rows: Array, sets: Array | None = None) -> Array:
    """Return log mean over draws of the density of each row, or of each set of rows.

    ``rows`` are numbers of kept rows of the ``problem``, which has all of them, and ``sets`` the
    numbers of their sets, from 0 on; the draws have seen the rows of their own problem.
    """
    seen = kept.problem.design.predictors.rows
    return np.concatenate(Held(kept, problem, rows, sets, seen).each(log_mean))


def log_mean(values: Array, log_weights: Array | None = None) -> Array:
    """Return log mean exp over the first axis, of draws, with log weights that sum to one."""
    if log_weights is not None:
        values = values + log_weights[:, None]
    most = values.max(axis=0)
    # Densities that all draws say are zero have no largest to be told from.
    anchor = np.where(np.isneginf(most), 0.0, most)
    with np.errstate(divide="ignore"):
        total = np.exp(values - anchor)
        return anchor + np.log(total.mean(axis=0) if log_weights is None else total.sum(axis=0))


def every_log_density(
    every: Sequence[Kept], problems: Sequence[Problem], rows: Array, sets: Array | None = None
) -> Array:
    """Return the same ``(rows or sets, neuron)`` of all neurons."""
    columns = [log_densities(*pair, rows, sets) for pair in zip(every, problems, strict=True)]
    return np.stack(columns, axis=-1)
