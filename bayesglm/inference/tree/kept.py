"""Draws as they are kept: of all parameters, or of the top, from which effects are redrawn.

Given the top, the common coefficients, dispersions, scales and correlations of a draw, the effects
of a level are independent of those of the others. Where they are too many to be kept, they are
drawn again where they are read, some levels at a time; the same levels get the same draws, whoever
asks for them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from bayesglm.design.design import Predictors
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.problem.some_levels import (
    problem_of,
    some_levels,
    with_block,
    with_levels,
    without_levels,
)
from bayesglm.inference.weights.levels import level_integrals
from bayesglm.numerics.density.pointwise import each_pointwise, pointwise
from bayesglm.numerics.summaries import finished

Array = np.ndarray
# Places along each effect of a level, of one effect, two, or three: for log densities to 1e-6.
NODES = {1: 21, 2: 13, 3: 9}
# Effects (8 bytes each) that are drawn at a time: chosen, what is made of a lot's problem is then
# a twentieth of the work, and a lot of 4,000 draws takes a fifth of a second.
TOGETHER = 500_000
HELD = 25_000_000  # redrawn effects (8 bytes each) that are held while a verb needs them: chosen
# Steps of Metropolis: until of a draw of their proposals so much is left, at most so many.
LEFT, MOST_STEPS = 1e-3, 20


class Part(NamedTuple):
    """Some levels of a problem: their draws ``(draws, size)``, and which rows are theirs.

    ``levels`` is None where the draws are of all.
    """

    problem: Problem
    theta: Array
    rows: Array
    levels: slice | None


@dataclass(frozen=True)
class Kept:
    """Draws of one neuron's natural thetas ``(draws, size)``.

    With ``redrawn``, the name of a group, they are of the others alone, and ``means`` are those of
    its effects; ``seed`` is that of the streams from which these are redrawn, and ``acceptance``
    the smallest share of proposals of them that was accepted. What has been redrawn is held as far
    as that is little.
    """

    problem: Problem
    theta: Array
    redrawn: str | None = None
    means: Array | None = None
    seed: tuple[int, ...] = (0,)
    acceptance: float = 0.0
    held: dict[int, Array] = field(default_factory=dict, compare=False, repr=False)

    @property
    def n_draws(self) -> int:
        """Number of draws."""
        return len(self.theta)

    @cached_property
    def finished(self) -> tuple[Array, Kept]:
        """Which draws an interruption did not leave out, and these alone."""
        draws = finished(self.theta)
        return draws, self if len(draws) == self.n_draws else replace(self, theta=self.theta[draws])

    def some(self, draws: Array) -> Kept:
        """Return some of the draws, by their numbers."""
        return replace(self, theta=self.theta[draws], held={})

    @cached_property
    def number(self) -> int:
        """The number of the block that is redrawn."""
        return block_number(self.problem, self.redrawn)

    @property
    def shape(self) -> tuple[int, int]:
        """How many effects a level has that is redrawn, and how many levels there are."""
        *effects, levels = self.problem.design.predictors.blocks[self.number].shape
        return int(np.prod(effects, dtype=int)), levels

    @property
    def mean_theta(self) -> Array:
        """The mean of all parameters ``(size,)``."""
        mean = self.theta.mean(axis=0)
        if self.redrawn is None:
            return mean
        start = self.problem.places[self.redrawn].start
        return np.concatenate([mean[:start], self.means, mean[start:]])

    @cached_property
    def lots(self) -> list[slice]:
        """The levels that are redrawn together."""
        k, levels = self.shape
        count = -(-levels // max(k, TOGETHER // max(1, self.n_draws * k)))
        step = -(-levels // count)
        return [slice(at, min(at + step, levels)) for at in range(0, levels, step)]

    def lots_of(self, levels: Array) -> list[slice]:
        """Return those among which some levels are."""
        return [lot for lot in self.lots if ((levels >= lot.start) & (levels < lot.stop)).any()]

    def part(self, levels: slice) -> Part:
        """Return one of the lots, its effects redrawn."""
        assert self.redrawn is not None
        predictors, rows = some_levels(self.problem.design.predictors, self.number, levels)
        problem = problem_of(self.problem, predictors)
        effects = self.held.get(levels.start) if levels in self.lots else None
        if effects is None:
            effects = self._redrawn(problem, levels.start, len(rows) > 0)
            if levels in self.lots and (len(self.held) + 1) * effects.size <= HELD:
                self.held[levels.start] = effects
        return Part(problem, self._with(effects, problem), rows, levels)

    def _redrawn(self, problem: Problem, first: int, has_rows: bool) -> Array:
        """Return effects ``(draws, ...)`` of a problem of some levels, from the ``first`` on."""
        name = str(self.redrawn)
        rng, theta = np.random.default_rng([*self.seed, first]), self._with(0.0, problem)
        if not has_rows:
            place = problem.places[name]
            prior = next(one for one in problem.natural.coefficients if one.where == place)
            return prior.given(theta).draw(rng, self.n_draws)
        integrals = level_integrals(problem, name)
        assert integrals is not None
        share = min(max(self.acceptance, 0.05), 1.0 - LEFT)
        steps = min(max(1, math.ceil(math.log(LEFT) / math.log1p(-share))), MOST_STEPS)
        T = top_of(problem, name, theta)
        return replace(integrals, steps=steps).draw(rng, T)[0]

    def _with(self, effects: Array | float, problem: Problem) -> Array:
        """Return thetas of a problem of some levels, with their effects ``(draws, k, levels)``."""
        place = problem.places[str(self.redrawn)]
        theta = np.zeros((self.n_draws, problem.natural.size))
        theta[:, : place.start] = self.theta[:, : place.start]
        theta[:, place.stop :] = self.theta[:, place.start :]
        theta[:, place] = np.reshape(effects, (self.n_draws if np.ndim(effects) else 1, -1))
        return theta

    def parts(self) -> Iterator[Part]:
        """Run through all rows, the levels that are read redrawn lot by lot."""
        if self.redrawn is None:
            yield Part(self.problem, self.theta, np.arange(self.problem.design.n_rows), None)
        else:
            yield from map(self.part, self.lots)

    def first(self) -> tuple[Problem, Array]:
        """Return a problem with draws of all parameters but effects that are redrawn.

        Of these there are those of one level, at zero.
        """
        if self.redrawn is None:
            return self.problem, self.theta
        problem = self.one_level()
        return problem, self._with(0.0, problem)

    def one_level(self) -> Problem:
        """Return the problem of one level of what is redrawn, and of its rows."""
        predictors, _ = some_levels(self.problem.design.predictors, self.number, slice(0, 1))
        return problem_of(self.problem, predictors)

    def on(self, predictors: Predictors) -> Iterator[tuple[Problem, Predictors, Array, Array]]:
        """Run through other rows: predictors of some, draws for them, and which rows they are.

        Each with a problem whose thetas the draws are. Rows without a level that is redrawn come
        first.
        """
        if self.redrawn is None:
            yield self.problem, predictors, self.theta, np.arange(len(predictors.rows))
            return
        others, rows = without_levels(predictors, self.number)
        if len(rows):
            problem, theta = self.first()
            yield problem, others, theta, rows
        codes = predictors.blocks[self.number].codes
        assert codes is not None
        for lot in self.lots_of(np.unique(codes[predictors.rows])):
            own, rows = some_levels(predictors, self.number, lot)
            part = self.part(lot)
            yield part.problem, own, part.theta, rows

    def reading(self, predictors: Predictors) -> tuple[Predictors, Array]:
        """Return predictors of few rows with no more levels than these read, and draws for them."""
        if self.redrawn is None:
            return predictors, self.theta
        block = predictors.blocks[self.number]
        assert block.codes is not None
        codes = block.codes[predictors.rows]
        read = np.unique(codes[codes >= 0])
        levels = read if len(read) else np.zeros(1, dtype=np.intp)
        places = np.full(len(block.codes), -1)
        places[predictors.rows] = np.where(codes >= 0, np.searchsorted(levels, codes), -1)
        labels = block.coords[block.dims[-1]][levels]
        own = with_block(predictors, self.number, with_levels(block, places, labels))
        effects = self.effects(read) if len(read) else np.zeros((self.n_draws, self.shape[0], 1))
        start = self.problem.places[self.redrawn].start
        top, flat = self.theta, effects.reshape(self.n_draws, -1)
        return own, np.concatenate([top[:, :start], flat, top[:, start:]], axis=1)

    def effects(self, levels: Array) -> Array:
        """Return effects ``(draws, k, levels)`` of some levels of the group by their numbers."""
        k, _ = self.shape
        effects = np.empty((self.n_draws, k, len(levels)))
        for lot in self.lots_of(levels):
            inside = np.flatnonzero((levels >= lot.start) & (levels < lot.stop))
            part = self.part(lot)
            own = part.theta[:, part.problem.places[str(self.redrawn)]]
            own = own.reshape(self.n_draws, k, lot.stop - lot.start)
            effects[..., inside] = own[..., levels[inside] - lot.start]
        return effects

    def each_row(
        self, summary: Callable[[Array], tuple[Array, ...]], only: Array | None = None
    ) -> tuple[Array, ...]:
        """Return summaries of the log likelihoods ``(draws, rows)`` of some rows, for all of them.

        A summary has rows along the last axes of its arrays. Effects of levels of a single row
        each are integrated out. ``only`` are the numbers of rows, in order, if few are meant.
        """
        own: list[tuple[Array, ...]] = []
        places: list[Array] = []
        for rows, results in self._rows(summary, only):
            places.append(rows)
            own.append(tuple(np.concatenate(one, axis=-1) for one in zip(*results, strict=True)))
        order = np.argsort(np.concatenate(places))
        columns = zip(*own, strict=True)
        return tuple(np.concatenate(one, axis=-1)[..., order] for one in columns)

    def log_likelihood(self) -> Array:
        """Return the log likelihoods ``(draws, rows)``, as `each_row` has them."""
        if self.redrawn is None and one_row_each(self.problem) is None:
            return pointwise(self.problem.natural, self.theta)
        return self.each_row(lambda values: (values,))[0]

    def log_likelihood_of_all(self) -> Array:
        """Return the log likelihoods ``(draws,)`` of all rows, added up block by block."""
        total = np.zeros(self.n_draws)
        for _, results in self._rows(lambda values: (values.sum(axis=1),)):
            for (values,) in results:
                total += values
        return total

    def _rows(
        self, summary: Callable[[Array], tuple[Array, ...]], only: Array | None = None
    ) -> Iterator:
        alone, predictors = one_row_each(self.problem), self.problem.design.predictors
        if alone is None and only is not None:
            own, theta = self.reading(replace(predictors, rows=predictors.rows[only]))
            yield only, each_pointwise(problem_of(self.problem, own).natural, theta, summary)
            return
        if alone is None:
            for part in self.parts():
                if len(part.rows):
                    yield part.rows, each_pointwise(part.problem.natural, part.theta, summary)
            return
        every = np.arange(len(predictors.rows)) if only is None else only
        number, step = block_number(self.problem, alone), max(1, TOGETHER // max(1, self.n_draws))
        for start in range(0, len(every), step):
            rows = every[start : start + step]
            some = replace(predictors, rows=predictors.rows[rows])
            values = self.log_marginals(self.problem, some, number, np.arange(len(rows)))
            yield rows, [summary(values)]

    def log_marginals(self, problem: Problem, test: Predictors, number: int, codes: Array) -> Array:
        """Return joint log densities ``(draws, n)`` of rows, effects of a group integrated out.

        ``test`` are few rows of a ``problem``, and ``codes`` the numbers of the n levels, from 0
        on, whose effects they have in the block of that ``number``.
        """
        block, n = test.blocks[number], int(codes.max()) + 1
        assert block.codes is not None
        n_effects, numbers = block.signal.shape[1], np.full(len(block.codes), -1)
        # Effects that are integrated out are read by none.
        silent = with_block(test, number, replace(block, codes=numbers.copy()))
        predictors, theta = self.reading(silent)
        top = top_of(problem_of(problem, predictors), block.name, theta)
        numbers[test.rows] = codes
        # Integrals are over as many levels as effects at least; those without rows are 1.
        levels = with_levels(block, numbers, np.arange(max(n, n_effects)))
        tested = problem_of(problem, with_block(predictors, number, levels))
        integrals = level_integrals(tested, block.name)
        assert integrals is not None
        return integrals.with_nodes(NODES[n_effects]).log_marginals(top)[:, :n]


def evenly(numbers: Array, most: int) -> Array:
    """Return so many numbers at most, evenly spaced among all.

    >>> evenly(np.arange(10), 4).tolist()
    [0, 3, 6, 9]
    """
    if len(numbers) <= most:
        return numbers
    return numbers[np.linspace(0, len(numbers) - 1, most).astype(np.intp)]


def top_of(problem: Problem, name: str, theta: Array) -> Array:
    """Return natural thetas without the effects of a group, unconstrained."""
    inner = problem.unconstrained.registry.inner_coefficients(theta)
    return np.delete(inner, problem.places[name], axis=1)


def block_number(problem: Problem, name: str | None) -> int:
    """Return the number of a block among those of a problem."""
    return next(k for k, one in enumerate(problem.design.predictors.blocks) if one.name == name)


def one_row_each(problem: Problem) -> str | None:
    """Name the group whose levels have one row each, their effects to be integrated out."""
    predictors = problem.design.predictors
    for term, block in zip(problem.plan.model.every_term, predictors.blocks, strict=True):
        if not term.facts.of_levels or block.codes is None:
            continue
        codes = block.codes[predictors.rows]
        if len(np.unique(codes)) == len(codes) and level_integrals(problem, block.name) is not None:
            return block.name
    return None
