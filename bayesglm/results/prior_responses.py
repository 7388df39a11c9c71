"""Responses that thetas drawn from priors make, each sample after those that it depends on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from bayesglm.design.blocks import Block
from bayesglm.design.design import family_of
from bayesglm.errors import ModelError
from bayesglm.inference.problem.problem import Problem
from bayesglm.numerics.density.channels import predictors as linear_predictors
from bayesglm.numerics.families.record import Family
from bayesglm.results.predict import TOGETHER

Array = np.ndarray


@dataclass(frozen=True)
class Makes:
    """How one neuron's responses are made of thetas ``(draws, size)`` of its natural density.

    ``plain`` is its family beside bounds and censoring, of which are the means that are believed.
    """

    problem: Problem
    theta: Array
    rng: np.random.Generator
    phi: list[Array]
    plain: Family

    @staticmethod
    def of(problem: Problem, theta: Array, rng: np.random.Generator) -> Makes:
        """Read the dispersions."""
        phi = [np.atleast_1d(value)[:, None] for value in problem.natural.phi(theta)]
        plain = family_of(replace(problem.plan.model, censored=None, truncated=None))
        return Makes(problem, theta, rng, phi, plain)

    @property
    def reads_others(self) -> bool:
        """Whether it reads the past of other responses, which are drawn with its own."""
        return any(block.picked is not None for block in self.problem.design.predictors.blocks)

    def known(self, part: slice) -> Array | None:
        """Return what the family is told of some kept rows beside their responses."""
        predictors = self.problem.design.predictors
        return None if predictors.known is None else predictors.known[predictors.rows[part]]

    def eta(self, part: slice, loops: list[Loop]) -> Array:
        """Return linear predictors ``(channels, draws, rows)`` without what reads responses."""
        w = np.array(self.problem.natural.w(self.theta))
        for loop in loops:
            w[:, loop.run] = 0.0
        with np.errstate(over="ignore", invalid="ignore"):
            return linear_predictors(self.problem.design.predictors.block(part), w)

    def draw(self, eta: Array, known: Array | None) -> tuple[Array, Array]:
        """Return responses of linear predictors ``(channels, draws, rows)``, and their means."""
        family = self.problem.natural.family
        outside = ~(family.domain.holds(eta[0]) & np.isfinite(eta).all(axis=0))
        if outside.any():
            eta = np.where(outside, family.domain.inside, eta)
        with np.errstate(all="ignore"):
            mean = self.plain.mean(eta, self.phi, None)
            beyond = ~np.isfinite(mean.sum(axis=0) if family.n_levels else mean)
            inside = np.where(beyond, family.domain.inside, eta) if beyond.any() else eta
            y = np.array(family.draw(self.rng, inside, self.phi, known))
        y = np.where(outside, np.nan, np.where(beyond, np.inf, y))
        mean = np.where(outside, np.nan, np.where(beyond, np.inf, mean))
        return (np.moveaxis(y, 0, -1) if y.ndim > outside.ndim else y), mean

    def loops(self) -> list[Loop]:
        """Return the coefficients of the past of responses."""
        problem, loops = self.problem, []
        predictors = problem.design.predictors
        for k, term in enumerate(problem.plan.model.every_term):
            if not term.reads_response:
                continue
            block = predictors.blocks[k]
            if block.lags is None or block.multiplier is not None or predictors.levels is not None:
                raise ModelError(
                    f"term {term.label!r} multiplies the response's own past, and responses are "
                    "drawn before there is any; of a plain History term their past is drawn as "
                    "well. Leave the product out to see what the other priors believe."
                )
            run = problem.places[term.label]
            loops.append(Loop(run, block, predictors.line_of(k), self.theta[:, run]))
        return loops


class Loop(NamedTuple):
    """Coefficients of the past of responses: where they stand, their block, channel and draws."""

    run: slice
    block: Block
    channel: int
    w: Array

    def eta(self, t: int, own: Array, every: Array) -> Array:
        """Return what they add ``(draws,)`` to the linear predictor of sample t.

        Of past responses, their own ``(draws, samples)`` and those of all ``(n, draws, samples)``.
        """
        block, features = self.block, own[None] if self.block.picked is None else every
        source, inside = block.sources(np.array([t]))
        seen = np.where(inside[0], features[:, :, np.where(inside[0], source[0], 0)], 0.0)
        columns = np.moveaxis(seen, 0, -1)  # (draws, lags, features)
        with np.errstate(over="ignore", invalid="ignore"):
            if block.functions is not None:
                columns = np.matmul(block.functions.T, columns)
            columns = columns.reshape(len(columns), -1)
            picked = columns if block.picked is None else columns[:, block.picked]
            return np.vecdot(picked, self.w)


def in_blocks(members: list[Makes]) -> Iterator[tuple[slice, list[tuple[Array, Array]]]]:
    """Run through the kept rows of members that are drawn together, one of a population or all.

    Which, and for each member responses ``(draws, rows[, levels])``, and means
    ``([levels,] draws, rows)``, per trial.
    """
    loops = [one.loops() for one in members]
    past = _past(members) if any(loops) else np.zeros(0)
    n_rows, size = members[0].problem.design.n_rows, max(16, TOGETHER // len(members[0].theta))
    for start in range(0, n_rows, size):
        part = slice(start, min(start + size, n_rows))
        etas = [one.eta(part, own) for one, own in zip(members, loops, strict=True)]
        if any(loops):
            yield part, _one_by_one(members, part, etas, loops, past)
        else:
            pairs = zip(members, etas, strict=True)
            yield part, [one.draw(eta, one.known(part)) for one, eta in pairs]


def _past(members: list[Makes]) -> Array:
    """Return the responses of all neurons that members read ``(n, draws, samples)``.

    Those drawn replace them.
    """
    plan, n = members[0].problem.plan, len(members[0].theta)
    designs = plan.designs if members[0].reads_others else [one.problem.design for one in members]
    return np.stack([np.tile(one.typical.astype(float), (n, 1)) for one in designs])


def _one_by_one(
    members: list[Makes],
    part: slice,
    etas: list[Array],
    loops: list[list[Loop]],
    past: Array,
) -> list[tuple[Array, Array]]:
    """Return what each member's `draw` does, each sample after those that it depends on."""
    made: list[tuple[list[Array], list[Array]]] = [([], []) for _ in members]
    numbers = [one.problem.neuron if one.reads_others else 0 for one in members]
    known = [one.known(part) for one in members]
    for k, t in enumerate(members[0].problem.design.predictors.rows[part]):
        for j, one in enumerate(members):
            own, told = etas[j][:, :, k : k + 1], known[j]
            for loop in loops[j]:
                own[loop.channel, :, 0] += loop.eta(t, past[numbers[j]], past)
            drawn = one.draw(own, None if told is None else told[k : k + 1])
            for parts, value in zip(made[j], drawn, strict=True):
                parts.append(value)
        for j, number in enumerate(numbers):
            past[number, :, t] = made[j][0][-1][:, 0]
    return [(np.concatenate(y, axis=1), np.concatenate(mean, axis=-1)) for y, mean in made]
