"""What the levels of a group share: effects of levels that were not seen, and means over all.

Given a draw, the effects b of any level of a group are independent of those of the others, and
have the prior b ~ Normal(loc, R R') under the draw's scales and correlation, whose root is R. What
multiplies them in a row is z, and the sum over groups of z'b is normal again, with the variance
sum |R'z|^2; a mean over the levels that there might be is an integral over one number for each
linear predictor, whatever the number of groups and slopes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from bayesglm.design.blocks import Block, Newcomers
from bayesglm.design.design import Predictors
from bayesglm.design.readings import OfGroups
from bayesglm.errors import ModelError
from bayesglm.inference.problem.laying_priors import prior_of_block
from bayesglm.inference.problem.problem import Problem
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.numerics.rows.rows import span
from bayesglm.spec.terms.term import Term

Array = np.ndarray
FURTHEST = 8.5  # standard deviations: beyond lie 2e-17 of a normal
# Spacing of the places of a trapezoidal rule, in standard deviations s of eta: the error is
# exp(-2 pi d / h) where the integrand has a pole at the distance d from the real line (Trefethen &
# Weideman 2014, SIAM Review 56:385, theorem 5.1): 1/s of links by the tangent, pi/s of the logistic
# function, and more of others.
WIDEST_STEP, STEP_OF_SD, LEAST_STEP = 0.5, 0.28, 0.01
HERMITE = {2: 20, 3: 10}  # places along each of several linear predictors
SOBOL = 1024  # points where there are more of them


@dataclass(frozen=True)
class Population:
    """The distribution of the effects of any level of one group, and how rows read them.

    ``block`` is the group on the data of predictions, ``part`` the prior of one level, and
    ``channels`` are the linear predictors that have effects of their own.
    """

    block: Block
    part: PriorPart
    channels: tuple[int, ...]

    @property
    def n_effects(self) -> int:
        """Number of effects that a level has in each linear predictor."""
        return self.part.size // len(self.channels)

    def multipliers(self, rows: Array) -> Array:
        """Return what multiplies the effects of each row's level ``(rows, effects)``."""
        return np.asarray(self.block.signal[span(rows)], dtype=np.float64)

    def draw(self, rng: np.random.Generator, n: int) -> Array:
        """Return effects ``(draws, channels, effects)`` of one level, one for each of n draws."""
        return self.part.draw(rng, n).reshape(n, len(self.channels), self.n_effects)

    @property
    def is_normal(self) -> bool:
        """Whether effects are normal given the draw."""
        prior = self.part.prior
        return prior.quadratic and prior.support == "real" and prior.kink is None

    def centre(self) -> Array:
        """Return the mean of the effects ``(channels, effects)``."""
        loc = np.broadcast_to(self.part.loc, self.part.size)
        return loc.reshape(len(self.channels), self.n_effects)

    def roots(self) -> Array:
        """Return R ``(draws, channels, effects, effects)``, one in all of scales that are known."""
        m, k = len(self.channels), self.n_effects
        scale = np.atleast_2d(self.part.parameters["scale"]) * np.ones(m * k)
        scale = scale.reshape(-1, m, k)
        columns = [
            self.part.structure.rotate((scale * one).reshape(-1, m * k), back=True)
            for one in np.eye(k)
        ]
        return np.stack([column.reshape(-1, m, k) for column in columns], axis=-1)


def populations(problem: Problem, predictors: Predictors, theta: Array) -> list[Population]:
    """Return what the levels of each group share, given draws ``(draws, size)``.

    Raises ModelError where the prior says nothing of a level that was not seen.
    """
    every = []
    levels = problem.design.predictors.levels
    terms = problem.plan.model.every_term
    for k, (term, block) in enumerate(zip(terms, predictors.named, strict=True)):
        if not term.facts.of_levels:
            continue
        n = 1 if levels is None else len(levels.labels)
        channels = range(n) if levels is not None else (predictors.line_of(k),)
        part = _of_one_level(problem, term, block).given(theta)
        every.append(Population(predictors.blocks[k], part, tuple(channels)))
    return every


def _of_one_level(problem: Problem, term: Term, block: Block) -> PriorPart:
    """Return the prior of the effects of one level more, which is that of each."""
    own = next(
        part
        for part in problem.natural.coefficients
        if part.where.start == problem.places[block.name].start
    )
    prior: Any = term.prior
    told_apart = any(
        np.ndim(value) and np.shape(value)[-1] > 1 for value in prior.in_numbers[1].values()
    )
    alike = own.structure.diagonal or own.structure.turns
    if told_apart or not alike or own.structure.groups or (own.learned and own.learned.own):
        raise ModelError(
            f"the {type(prior).__name__} prior of term {term.label!r} does not hold all levels "
            "alike, each by itself, and so says nothing of one that the fit has not seen; give the "
            "group a Normal prior of one scale for all levels, or take groups='zero' or "
            "new_levels='zero'."
        )
    level = block.dims[-1]
    coords = {**block.coords, level: block.coords[level][:1]}
    one = replace(block, shape=(*block.shape[:-1], 1), coords=coords)
    return prior_of_block(problem.plan, problem.neuron, term, one, problem.places)


class Effects:
    """What is added to linear predictors beside the effects of levels that the fit has seen.

    Here nothing.
    """

    def added(self, rows: Array, eta: Array) -> Array:
        """Return linear predictors ``(channels, draws, rows)`` with what a draw adds to them."""
        return eta

    def spread(self, rows: Array, shape: tuple[int, ...]) -> Array | None:
        """Return the sds of what varies beside that, in this shape; None where nothing does."""
        return None


@dataclass(frozen=True)
class OfNewLevels(Effects):
    """Effects of levels that were not seen, drawn from the population given each draw.

    Every level has a stream of its own, made of ``seed`` and its label, so that all its rows have
    the same effects, in whatever blocks they are made.
    """

    every: Sequence[Population]
    seed: tuple[int, ...]

    def added(self, rows: Array, eta: Array) -> Array:
        """Add the effects of each row's level, where it is one of these."""
        for population in self.every:
            newcomers = population.block.newcomers
            if newcomers is None:
                continue
            z = population.multipliers(rows)
            codes = newcomers.codes[rows]
            for code in np.unique(codes[codes >= 0]):
                at = np.flatnonzero(codes == code)
                rng = self._stream(population, newcomers, int(code))
                effects = population.draw(rng, eta.shape[1])
                for channel, own in zip(population.channels, effects.swapaxes(0, 1), strict=True):
                    eta[channel][:, at] += own @ z[at].T
        return eta

    def _stream(self, population: Population, newcomers: Newcomers, code: int) -> Any:
        words = f"{population.block.name}/{newcomers.labels[code]}"
        digest = hashlib.blake2b(words.encode(), digest_size=8).digest()
        key = (*self.seed, int.from_bytes(digest))
        return np.random.default_rng(np.random.SeedSequence(key))


@dataclass(frozen=True)
class OfAllLevels(Effects):
    """The population itself: its mean is added, and its spread is told."""

    every: Sequence[Population]

    def added(self, rows: Array, eta: Array) -> Array:
        """Add the mean of the effects."""
        for population in self.every:
            moved = population.centre() @ population.multipliers(rows).T
            eta[list(population.channels)] += moved[:, None]
        return eta

    def spread(self, rows: Array, shape: tuple[int, ...]) -> Array | None:
        """Return the sds of the effects of a level, in each linear predictor."""
        squares = np.zeros(shape)
        for population in self.every:
            z = population.multipliers(rows)
            along = np.einsum("rk,dmkj->mdrj", z, population.roots())
            squares[list(population.channels)] += (along**2).sum(axis=-1)
        return np.sqrt(squares)


def effects_asked(
    problem: Problem,
    predictors: Predictors,
    theta: Array,
    of_groups: OfGroups,
    seed: tuple[int, ...],
) -> Effects:
    """Return what is added to the linear predictors of new data, as it was asked for.

    Raises ModelError where the population does not say.
    """
    is_new = any(block.newcomers is not None for block in predictors.blocks)
    if of_groups.groups == "average":
        every = populations(problem, predictors, theta)
        for population in every:
            if not population.is_normal:
                raise ModelError(
                    f"the effects of group {population.block.name!r} are not normal given their "
                    "scales, and a mean over all levels is known of normal effects only; take "
                    "groups='own', with new_levels='sample' for levels of the population."
                )
        return OfAllLevels(every)
    if of_groups.new_levels == "sample" and is_new:
        return OfNewLevels(populations(problem, predictors, theta), seed)
    return Effects()


def over_levels(function: Callable[[Array], Array], eta: Array, spread: Array | None) -> Array:
    """Return the mean of a function of linear predictors over their normal spread.

    ``function`` takes ``(channels, draws, rows)``; of one linear predictor that has a spread the
    rule is a trapezoidal one, of two or three Gauss and Hermite's, and
    of more Sobol's points.
    """
    moving = np.flatnonzero([] if spread is None else spread.any(axis=(1, 2)))
    if spread is None or not len(moving):
        return function(eta)
    total: Any = 0.0
    for z, weight in _places(len(moving), float(spread.max())):
        moved = eta.copy()
        moved[moving] += spread[moving] * z[:, None, None]
        with np.errstate(over="ignore"):
            total = total + weight * function(moved)
    return np.asarray(total)


def _places(n: int, widest: float) -> Iterator[tuple[Array, float]]:
    """Return places of n standard normals, and their weights; ``widest`` is an sd of eta."""
    if n == 1:
        step = max(min(WIDEST_STEP, STEP_OF_SD / widest), LEAST_STEP)
        # Where a mean rises as exp(eta), what counts lies around z = s.
        half = int(np.ceil(min(FURTHEST + widest, 37.0) / step))
        places = step * np.arange(-half, half + 1)
        weights = np.exp(-0.5 * places**2)
        yield from zip(places[:, None], weights / weights.sum(), strict=True)
    elif n in HERMITE:
        nodes, weights = np.polynomial.hermite_e.hermegauss(HERMITE[n])
        weights = weights / weights.sum()
        for at in product(range(len(nodes)), repeat=n):
            yield nodes[list(at)], float(np.prod(weights[list(at)]))
    else:
        from scipy.special import ndtri
        from scipy.stats.qmc import Sobol

        for point in ndtri(Sobol(n, seed=0).random(SOBOL)):
            yield point, 1.0 / SOBOL
