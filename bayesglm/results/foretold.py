"""What the draws of a fit foretell of its own rows.

Linear predictors of some draws, evenly spaced, are made once, range by range of rows, and held: so
many draws as the numbers that are held, and the products that make them, stay few. Of each row what
is kept is a mean over draws; of each draw a sum over rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from bayesglm.design.design import plain_family_of
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.kept import Kept, Part, evenly
from bayesglm.numerics.density.channels import predictors
from bayesglm.numerics.density.likelihood import weighted
from bayesglm.numerics.families.at_mean import eta_of_mean
from bayesglm.numerics.families.record import Family
from bayesglm.numerics.rows.parallel import share_out
from bayesglm.numerics.rows.rows import Rows
from bayesglm.results.chances import Chances, chances_fault, chances_of
from bayesglm.results.scores.scoring import deviance_of

Array = np.ndarray
MOST_NUMBERS = 20_000_000  # linear predictors (8 bytes each) of a unit that are held: chosen
MOST_PRODUCTS = 4_000_000_000  # multiplications that make those of a unit: chosen, some seconds
LEAST_DRAWS = 10  # of a posterior, however large: bands need some; chosen
TOGETHER = 200_000  # rows times draws (8 bytes each, a few times over) in a range: chosen


class Range(NamedTuple):
    """Some rows: their numbers, and those of their part of the levels.

    ``eta`` are their linear predictors ``(channels, draws, rows)``, inside the domain of the link;
    dispersions broadcast to a channel of these.
    """

    at: Array
    part: Part
    rows: Rows
    eta: Array
    phi: list[Array]

    @property
    def told(self) -> tuple[Array, list[Array], Any]:
        """What functions of a family take beside responses."""
        return self.eta, self.phi, self.rows.trials

    @property
    def weights(self) -> Array:
        """How often each row counts."""
        return np.ones(len(self.rows)) if self.rows.weights is None else self.rows.weights


@dataclass(frozen=True)
class Drawn:
    """Some draws of one unit, evenly spaced among those of its fit."""

    kept: Kept

    @property
    def n_draws(self) -> int:
        """Number of draws."""
        return self.kept.n_draws

    @property
    def problem(self) -> Problem:
        """The unit's problem."""
        return self.kept.problem

    @property
    def family(self) -> Family:
        """The functions of its family, of responses as they are seen."""
        return self.problem.natural.family

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return self.problem.design.n_rows

    @cached_property
    def weights(self) -> Array:
        """How often each row counts ``(rows,)``."""
        design = self.problem.design
        rows = design.predictors.rows
        return np.ones(len(rows)) if design.weights is None else design.weights[rows]

    @cached_property
    def ranges(self) -> list[Range]:
        """The rows, range by range, in their order; level by level of effects that are redrawn."""
        return [one for _, one in self.streamed(lambda one: one)]

    def streamed[Result](self, work: Callable[[Range], Result]) -> list[tuple[Array, Result]]:
        """Return what work makes of every range, with the numbers of its rows; ranges go at once.

        Each thread holds one at a time.
        """
        every: list[tuple[Array, Result]] = []
        size = max(16, TOGETHER // max(1, self.n_draws * len(self.family.channels)))
        for part in self.kept.parts():
            if not len(part.rows):
                continue
            objective, theta = part.problem.natural, part.theta
            w = objective.w(theta)
            phi = [np.atleast_1d(one)[:, None] for one in objective.phi(theta)]

            def made(run: Iterable[Rows], part=part, w=w, phi=phi) -> list[tuple[Array, Result]]:
                told = []
                for rows in run:
                    at = part.rows[rows.place]
                    own = Range(at, part, replace(rows), self._inside(rows, w), phi)
                    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                        told.append((at, work(own)))
                return told

            for run in part.problem.design.source.reduce(made, size):
                every += run
        return every

    def _inside(self, rows: Rows, w: Array) -> Array:
        """Return linear predictors; a place inside the domain for those that leave it."""
        domain = self.family.domain
        with np.errstate(over="ignore", invalid="ignore"):
            eta = predictors(rows, w)
        inside = domain.holds(eta[0])
        if inside.all():
            return eta
        return np.concatenate((np.where(inside, eta[:1], domain.inside), eta[1:]))

    def each[Result](self, work: Callable[[Range], Result]) -> list[tuple[Array, Result]]:
        """Return what work makes of every range, with the numbers of its rows."""

        def of_run(run: Sequence[Range]) -> list[tuple[Array, Result]]:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                return [(one.at, work(one)) for one in run]

        return [told for run in share_out(self.ranges, of_run) for told in run]


def some_draws(kept: Kept, draws: int) -> Drawn:
    """Return so many draws of a unit at most: fewer of many rows, or of many columns."""
    problem = kept.problem
    n_rows = max(1, problem.design.n_rows)
    held = MOST_NUMBERS // (n_rows * len(problem.natural.family.channels))
    products = MOST_PRODUCTS // (n_rows * max(1, problem.design.predictors.n_columns))
    most = min(draws, max(LEAST_DRAWS, min(held, products)))
    return Drawn(kept.some(evenly(kept.finished[0], most)))


@dataclass(frozen=True)
class Foretold:
    """Of each row: what is expected, and the chances below and up to its response.

    ``observed`` and ``expected`` are ``(kinds, rows)``: one number of each row, or one for each of
    several levels. ``chances`` are None where the family knows none. Of each draw there are sums
    over the rows, a row counting by its weight: the log likelihood, the deviance, and both at a
    constant mean.
    """

    observed: Array
    expected: Array
    chances: Chances | None
    log_likelihood: Array  # (draws,)
    deviance: Array
    null_log_likelihood: Array
    null_deviance: Array


def foretell(drawn: Drawn) -> Foretold:
    """Pass once over the rows of a unit."""
    family, n = drawn.family, drawn.n_rows
    kinds, knows = family.n_levels or 1, not chances_fault(drawn.problem)
    null = _at_constant_mean(drawn)
    observed, expected = np.empty((kinds, n)), np.empty((kinds, n))
    chances = Chances.empty(n) if knows else None
    sums = np.zeros((4, drawn.n_draws))

    def work(one: Range) -> tuple[Any, ...]:
        rows, (eta, phi, trials) = one.rows, one.told
        fitted = family.kernel(rows.y, eta, phi, trials, 0).value
        constant = np.broadcast_to(family.constant(rows.y, trials), len(rows))
        of_null = null(one)
        heavy = weighted(fitted + constant, one.weights)
        totals = [
            heavy,
            weighted(deviance_of(family, rows, fitted, eta, phi), one.weights),
            weighted(of_null + constant, one.weights),
            weighted(deviance_of(family, rows, of_null, eta, phi), one.weights),
        ]
        return (
            observed_of(family, one),
            family.mean(eta, phi, trials).mean(axis=-2).reshape(-1, len(rows)),
            chances_of(family, rows.y, one.told, fitted + constant) if knows else None,
            [np.broadcast_to(each.sum(axis=-1), drawn.n_draws) for each in totals],
        )

    for at, told in drawn.each(work):
        observed[:, at], expected[:, at], some, totals = told
        if chances is not None:
            chances.put(at, some)
        sums += totals
    return Foretold(observed, expected, chances, *sums)


def observed_of(family: Family, one: Range) -> Array:
    """Return responses ``(kinds, rows)``: numbers, whether each level was it, or counts of each."""
    y = one.rows.y
    if family.words.counts_levels:
        return y
    if family.n_levels:
        return (y == np.arange(family.n_levels)[:, None]).astype(np.float64)
    numbers = family.numbers(y, *one.told)
    return np.atleast_2d(numbers.mean(axis=0) if numbers.ndim > 1 else numbers)


def _at_constant_mean(drawn: Drawn) -> Callable[[Range], Array]:
    """Return what gives the kernels of rows at a constant mean, beside the offset, of each draw.

    Dispersions, and linear predictors of others than the mean, are as they are. Of a response with
    levels the shares of these are constant.
    """
    family, design = drawn.family, drawn.problem.design
    if family.n_levels:
        return _at_constant_shares(family, design.y[..., design.predictors.rows], drawn.weights)
    centre = _constant_eta(drawn)

    def of_mean(one: Range) -> Array:
        flat = np.array(one.eta)
        flat[0] = centre + one.rows.offset
        return family.kernel(one.rows.y, flat, one.phi, one.rows.trials, 0).value

    return of_mean


def _at_constant_shares(family: Family, y: Array, weights: Array) -> Callable[[Range], Array]:
    counts = family.words.counts_levels
    tally = (weights * y).sum(axis=-1) if counts else np.bincount(y.astype(np.intp), weights)
    with np.errstate(divide="ignore"):
        logs = np.log(tally / tally.sum())

    def of_shares(one: Range) -> Array:
        y = one.rows.y
        if counts:
            return np.where(y > 0.0, y * logs[:, None], 0.0).sum(axis=0)[None]
        return logs[y.astype(np.intp)][None]

    return of_shares


def _constant_eta(drawn: Drawn) -> float:
    """Return the intercept whose mean, beside the offset, is that of the responses."""
    problem, design = drawn.problem, drawn.problem.design
    plain, rows = plain_family_of(problem.plan.model), design.predictors.rows
    _, theta = drawn.kept.first()
    learned = zip(drawn.family.dispersion_names, problem.natural.phi(theta), strict=True)
    own = dict(learned)
    y = design.typical[rows]
    phi = [
        np.mean(own[name]) if name in own else record.start(y)
        for name, record in zip(plain.dispersion_names, plain.dispersions, strict=True)
    ]

    def average(values: Array) -> Array:
        return np.atleast_1d(np.average(values, weights=drawn.weights))

    trials, offset = design.predictors.trials, design.predictors.offset
    return float(
        eta_of_mean(
            plain,
            average(y),
            tuple(phi),
            None if trials is None else average(trials[rows]),
            None if offset is None else offset[rows][drawn.weights > 0.0],
        )
    )
