"""Units simulated together: by compiled code where they are sparse events, else step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from bayesglm.design.design import Predictors
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.kept import Kept
from bayesglm.numerics.families.link_functions import LINK_FUNCTIONS
from bayesglm.numerics.families.record import Family
from bayesglm.numerics.rows.parallel import share_out
from bayesglm.numerics.simulation.events import MOST, Course, Rules, simulate_events
from bayesglm.numerics.simulation.steps import Step, simulate_steps
from bayesglm.results.feedback import Fed, kernels_of, others_eta
from bayesglm.spec.families import LINK_NAMES

Array = np.ndarray
# Expected events of a sample, in units of the most that were recorded of one, above which firing
# has run away; of measurements the size of what is expected. Chosen: no recording comes near.
BEYOND_COUNTS, BEYOND_MEASURED = 20.0, 1000.0
MOST_COUNTED = 10  # events of a sample, up to which 8 bits hold what may follow: 255 / 20
LONGEST = 100  # samples on end with an event, at least, that no neuron has: chosen
TOGETHER = 20_000_000  # linear predictors (8 bytes each) that are held at a time: chosen


class Unit(NamedTuple):
    """One unit: its draws, its predictors on the data, and its blocks that read responses."""

    kept: Kept
    predictors: Predictors
    fed: Fed

    @property
    def problem(self) -> Problem:
        """The unit's problem."""
        return self.kept.problem

    @property
    def recorded(self) -> Array:
        """The responses that the fit was made of ``(..., rows)``."""
        design = self.problem.design
        return design.typical[..., design.predictors.rows]


class Simulated(NamedTuple):
    """Responses ``(draws, repeats, samples, units[, levels])``, and who ran away first.

    ``away`` are the sample and the place of the unit ``(draws, repeats, 2)``, -1 where none did.
    """

    values: Array
    away: Array


@dataclass(frozen=True)
class Units:
    """Units that are simulated together, for some draws, on the samples of one recording."""

    every: tuple[Unit, ...]
    course: Course

    @property
    def family(self) -> Family:
        """The functions of their family."""
        return self.every[0].problem.natural.family

    @property
    def n_draws(self) -> int:
        """Number of draws."""
        return self.every[0].kept.n_draws

    @property
    def n_lags(self) -> int:
        """The largest lag at which responses are read; 0 where none are."""
        return max(one.fed.n_lags for one in self.every)

    @cached_property
    def counts(self) -> bool:
        """Whether responses count events without a bound."""
        return self.family.words.counts

    @cached_property
    def is_sparse(self) -> bool:
        """Whether responses are events that the compiled code can make."""
        family = self.family
        words, link = family.words, LINK_FUNCTIONS.get(family.link)
        if family.panjer is None or link is None or link.falls or not family.domain.is_real_line:
            return False
        known = any(one.predictors.known is not None for one in self.every)
        if known or not self.n_lags or (words.counts and not LINK_NAMES[family.link].is_log):
            return False
        most = max(float(one.recorded.max(initial=0.0)) for one in self.every)
        return most <= MOST_COUNTED and float(self.course.recorded.max(initial=0.0)) <= MOST

    def some(self, draws: Array) -> Units:
        """Return the units with some of their draws."""
        every = tuple(one._replace(kept=one.kept.some(draws)) for one in self.every)
        return Units(every, self.course)

    def eta(self) -> Array:
        """Linear predictors without what is fed back ``(channels, draws, samples, units)``."""
        columns = [others_eta(one.kept, one.predictors, one.fed) for one in self.every]
        return np.stack(columns, axis=-1)

    def kernels(self) -> Array:
        """What is fed back ``(draws, sources, lags, channels, units)``."""
        columns = [
            kernels_of(one.problem, one.predictors, one.fed, one.kept.first()[1], self.n_lags)
            for one in self.every
        ]
        return np.stack(columns, axis=-1)

    def phi(self) -> list[Array]:
        """Every number that dispersions are ``(draws, units)``."""
        columns = [one.problem.natural.phi(one.kept.first()[1]) for one in self.every]
        return [
            np.stack([np.broadcast_to(value, self.n_draws) for value in each], axis=-1)
            for each in zip(*columns, strict=True)
        ]

    def known(self) -> Array | None:
        """What the family is told beside responses ``(samples, units)``: numbers of trials, ..."""
        columns = [one.predictors.known for one in self.every]
        return None if columns[0] is None else np.stack(columns, axis=-1)  # type: ignore[arg-type]

    @property
    def limit(self) -> Array:
        """The expected responses beyond which each unit has run away ``(units,)``."""
        most = np.array([np.abs(one.recorded).max(initial=0.0) for one in self.every])
        if self.family.words.discrete:
            return BEYOND_COUNTS * np.maximum(most, 1.0)
        return BEYOND_MEASURED * np.maximum(most, np.finfo(float).tiny)

    def _numbers(self, repeats: int) -> float:
        """How many responses, those of each level apart, a draw has."""
        levels = self.family.n_levels if self.family.words.counts_levels else 1
        return float(repeats) * len(self.course.given) * len(self.every) * levels

    def bytes_held(self, repeats: int) -> float:
        """Bytes of the responses of a draw: one of each that is a count, eight of a measurement."""
        return (1.0 if self.family.words.discrete else 8.0) * self._numbers(repeats)

    def bytes_worked(self, repeats: int) -> float:
        """Bytes that are held beside: predictors, and responses of a draw before they are small."""
        own = self._numbers(1 if self.is_sparse else repeats)
        return 16.0 * max(TOGETHER, own)


def simulate_units(units: Units, repeats: int, seed: tuple[int, ...]) -> Simulated:
    """Simulate units for all their draws, so many at a time as are held."""
    family = units.family
    n, samples = len(units.every), len(units.course.given)
    width = samples * n if units.is_sparse else samples * n * repeats * max(1, family.n_levels)
    width = len(family.channels) * (width + n * n * units.n_lags)
    step = max(1, TOGETHER // max(1, width))
    way: Callable[[Units, int, tuple[int, ...]], Simulated] = _alone
    if units.n_lags:
        way = _as_events if units.is_sparse else _by_steps
    parts = []
    for start in range(0, units.n_draws, step):
        some = np.arange(start, min(start + step, units.n_draws))
        parts.append(way(units.some(some), repeats, (*seed, start)))
    return Simulated(*(np.concatenate(one) for one in zip(*parts, strict=True)))


def _as_events(units: Units, repeats: int, seed: tuple[int, ...]) -> Simulated:
    """Simulate sparse events in compiled code, each simulation by itself, shared out to threads."""
    family, course = units.family, units.course
    eta, kernels, n = units.eta()[0], units.kernels()[:, :, :, 0], len(units.every)
    panjer = [np.broadcast_to(family.panjer(one), n) for one in _by_draw(units)]  # type: ignore[misc]
    link = LINK_FUNCTIONS[family.link].eta
    limit, longest = np.full(n, np.inf), np.zeros(n, dtype=np.int64)
    if units.counts:
        limit = np.array([link(value) for value in units.limit])
    else:
        runs = [_longest_run(one.recorded > 0.0) for one in units.every]
        longest = np.maximum(LONGEST, 2 * np.array(runs))
    shape = (units.n_draws, repeats, len(course.given), n)
    values, away = np.empty(shape, dtype=np.uint8), np.empty((*shape[:2], 2), dtype=np.int64)

    def work(some: Sequence[tuple[int, int]]) -> None:
        for draw, repeat in some:
            rules = Rules(panjer[draw].astype(np.float64), limit, longest, link)
            rng = np.random.default_rng([*seed, draw, repeat])
            values[draw, repeat], away[draw, repeat] = simulate_events(
                eta[draw], kernels[draw], rules, course, rng
            )

    share_out(list(np.ndindex(shape[:2])), work)
    return Simulated(values, away)


def _by_draw(units: Units) -> list[list[Array]]:
    """Return the dispersions ``(units,)`` of each draw."""
    phi = units.phi()
    return [[value[draw] for value in phi] for draw in range(units.n_draws)]


def _longest_run(events: Array) -> int:
    """Return how many samples on end have events, at the most.

    >>> _longest_run(np.array([True, False, True, True]))
    2
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], events, [False]]).astype(np.int8)))
    return int(np.max(edges[1::2] - edges[::2], initial=0))


def _by_steps(units: Units, repeats: int, seed: tuple[int, ...]) -> Simulated:
    """Simulate any responses sample by sample, all draws and repeats at once."""
    draw, known, n = _drawing(units, repeats, seed), units.known(), len(units.every)
    domain, shape = units.family.domain, (units.n_draws, repeats, n)

    def of_step(t: int, eta: Array) -> Array:
        flat = eta.reshape(len(eta), -1, n)
        return draw(flat, None if known is None else known[t]).reshape(shape)

    phi = [np.repeat(value, repeats, axis=0) for value in units.phi()]

    def expected(t: int, eta: Array) -> Array:
        flat = np.array(eta).reshape(len(eta), -1, n)
        flat[0] = np.where(domain.holds(flat[0]), flat[0], domain.inside)
        with np.errstate(over="ignore"):
            mean = units.family.expected(flat, phi, None if known is None else known[t])
        return mean.reshape(shape)

    step = Step(of_step, expected, lambda eta: ~domain.holds(eta[0]), units.limit)
    values, away = simulate_steps(units.eta(), units.kernels(), step, units.course, repeats)
    return Simulated(_small(values, units.family), away)


def _drawing(units: Units, repeats: int, seed: tuple[int, ...]) -> Callable[..., Array]:
    """Return what draws responses of linear predictors ``(channels, draws * repeats, ...)``.

    Of some units, the last dim's, or of one alone at many samples.
    """
    family, rng = units.family, np.random.default_rng(seed)
    phi = [np.repeat(value, repeats, axis=0) for value in units.phi()]

    def draw(eta: Array, known: Any, some: slice = slice(None)) -> Array:
        inside = family.domain.holds(eta[0])
        if not inside.all():
            eta = np.concatenate((np.where(inside, eta[:1], family.domain.inside), eta[1:]))
        return family.draw(rng, eta, [one[:, some] for one in phi], known)

    return draw


def _alone(units: Units, repeats: int, seed: tuple[int, ...]) -> Simulated:
    """Draw responses that read none: all samples of a unit at once."""
    family, course, known, eta = units.family, units.course, units.known(), units.eta()
    shape, draw = (units.n_draws, repeats), _drawing(units, repeats, seed)
    columns = []
    for k in range(len(units.every)):
        own = np.repeat(eta[..., k], repeats, axis=1)
        made = draw(own, None if known is None else known[:, k], slice(k, k + 1))
        if family.words.counts_levels:
            made = np.moveaxis(made, 0, -1)
        made = made.reshape(*shape, *made.shape[1:])
        recorded = 0.0 if made.ndim > 3 else course.recorded[course.given, k]
        made[:, :, course.given] = recorded
        columns.append(made)
    values = np.stack(columns, axis=3)
    lost = ~family.domain.holds(eta[0]) & ~course.given[:, None]
    away = np.full((*shape, 2), -1)
    for one in np.flatnonzero(lost.any(axis=(1, 2))):
        away[one] = np.argwhere(lost[one])[0]
        values[one][:, lost[one]] = 0.0
    return Simulated(_small(values, family), away)


def _small(values: Array, family: Family) -> Array:
    """Return counts, and the numbers of levels, in the fewest bytes that hold them."""
    if not family.words.discrete:
        return values
    return values.astype(np.min_scalar_type(int(values.max(initial=0.0))))
