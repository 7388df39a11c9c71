"""What is predicted of rows that were left out, by an estimate or by draws of the other rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bayesglm.design.readings import OWN
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.kept import Kept
from bayesglm.numerics.density.channels import predictors
from bayesglm.numerics.density.likelihood import ROWS
from bayesglm.numerics.families.link_functions import LINK_FUNCTIONS
from bayesglm.numerics.families.record import Family
from bayesglm.numerics.rows.rows import Rows
from bayesglm.results.populations import effects_asked
from bayesglm.results.predicted_rows import predicted_rows
from bayesglm.spec.response_levels import n_and_reference

Array = np.ndarray
DRAWS = 1000  # responses that are drawn of each row by an estimate: chosen
TOGETHER = 2_000_000  # responses (8 bytes each) that are drawn at a time: chosen

# Steps to the linear predictors of a mean that is not the link's inverse, and how near they come.
ROUNDS, CLOSE = 100, 1e-10

type Drawn = Callable[[], Iterator[tuple[Any, Array]]]


@dataclass(frozen=True)
class Predicted:
    """What is predicted of the rows of a problem, none of which was seen.

    - `mean`: the expected responses ``(rows,)``, of responses with levels of each ``(levels,
      rows)``; of draws their mean. Where a link says nothing of a row it is nan, and so is all.
    - `log_density`: log p(y) ``(rows,)`` of a row once, whatever its weight; of draws the log of
      the mean p(y), and of rows that are scored together their share of it.
    - `log_chance`: of labels, the log of the chance ``(rows,)`` of each by itself; None elsewhere.
    - `eta`, `phi`: linear predictors ``(channels, rows)`` and dispersions of which that is the
      mean; eta is None where there are none.
    - `constant`: the log densities of events at a constant rate, that of the rows that were seen,
      and `events`, each with its weight; None of responses that count no events.
    - `drawn()`: runs through rows, and responses ``(draws, rows)`` that are drawn of them.
    """

    problem: Problem
    mean: Array
    log_density: Array
    log_chance: Array | None
    eta: Array | None
    phi: Sequence[Any]
    drawn: Drawn
    constant: Array | None = None
    events: Array | None = None

    @property
    def family(self) -> Family:
        """The family of the responses."""
        return self.problem.natural.family

    @property
    def rows(self) -> Rows:
        """The rows, with their responses, trials and weights."""
        source = self.problem.natural.source
        return source.form(slice(0, source.n_rows))

    @property
    def counts(self) -> Array:
        """How often each row counts."""
        weights = self.rows.weights
        return np.ones(len(self.rows)) if weights is None else weights

    @property
    def chances(self) -> Array:
        """The probability of every label ``(levels, rows)``; of two, no stands before yes."""
        return self.mean if self.family.n_levels else np.stack([1.0 - self.mean, self.mean])

    @property
    def number(self) -> Array:
        """The expected response ``(rows,)``, of counts of levels that of their numbers."""
        if not self.family.n_levels:
            return self.mean
        return np.tensordot(np.arange(self.family.n_levels), self.mean, 1)


def by_estimate(problem: Problem, theta: Array, seed: int = 0) -> Predicted:
    """Return what the estimate theta ``(size,)`` predicts of a problem's rows."""
    objective = problem.natural
    family, phi, w = objective.family, objective.phi(theta), objective.w(theta)[None]
    n = objective.source.n_rows
    eta, log_density = np.empty((len(family.channels), n)), np.empty(n)
    means = []
    for rows in objective.source.ranges(ROWS):
        with np.errstate(over="ignore", invalid="ignore"):
            own = predictors(rows, w)[:, 0]
            inside = family.domain.holds(own[0])
            if not inside.all():
                own = np.concatenate((np.where(inside, own[:1], family.domain.inside), own[1:]))
            eta[:, rows.place] = np.where(inside, own, np.nan)
            density = family.log_likelihood(rows.y, own, phi, rows.trials)
            log_density[rows.place] = np.where(inside, density, np.nan)
            means.append(np.where(inside, family.mean(own, phi, rows.trials), np.nan))

    def drawn() -> Iterator[tuple[Any, Array]]:
        rng = np.random.default_rng(seed)
        for rows in objective.source.ranges(max(1, TOGETHER // DRAWS)):
            own = np.repeat(eta[:, None, rows.place], DRAWS, axis=1)
            yield rows.place, family.draw(rng, own, phi, rows.trials)

    mean = np.concatenate(means, axis=-1) if means else np.empty(0)
    log_chance = log_density if has_labels(family) else None
    return Predicted(problem, mean, log_density, log_chance, eta, phi, drawn)


def by_draws(kept: Kept, problem: Problem, log_density: Array, seed: int = 0) -> Predicted:
    """Return what draws predict of a problem's rows; their log densities are known."""

    def parts(kind: str) -> Iterator[tuple[Any, Array]]:
        rng = np.random.default_rng(seed)
        for own, part, theta, rows in kept.on(problem.design.predictors):
            effects = effects_asked(own, part, theta, OWN, (seed,))
            for some, values in predicted_rows(own, part, theta, kind, rng, effects):
                yield rows[some], values

    family, n = problem.natural.family, problem.design.n_rows
    mean = np.empty((n, family.n_levels) if family.n_levels else n)
    for rows, values in parts("mean"):
        mean[rows] = _middle(values, family)
    mean = np.moveaxis(mean, 0, -1)
    top, theta = kept.first()
    phi = [np.mean(np.atleast_1d(value), axis=0) for value in top.natural.phi(theta)]
    predicted = Predicted(problem, mean, log_density, None, None, phi, lambda: parts("response"))
    if not has_labels(family):
        return replace(predicted, eta=_at(mean, problem, phi))
    y = predicted.rows.y.astype(np.intp)
    with np.errstate(divide="ignore"):
        log_chance = np.log(predicted.chances[y, np.arange(n)])
    return replace(predicted, log_chance=log_chance)


def has_labels(family: Family) -> bool:
    """Say whether each response is one of the labels of a family."""
    return family.words.labels is not None and not family.words.labels.counted


def as_scored(predicted: Predicted) -> Predicted:
    """Return the same with the observed label's probability as its density has it.

    That density may be known to more digits than a few draws tell. The other labels keep their
    shares of the rest. Responses that are no labels, and rows with weights, are left as they are.
    """
    if predicted.log_chance is None:
        return predicted
    single = np.flatnonzero(predicted.counts == 1.0)
    at, known = predicted.rows.y[single].astype(np.intp), np.exp(predicted.log_density[single])
    chances = np.array(predicted.chances)
    rest = np.maximum(1.0 - chances[at, single], np.finfo(float).tiny)
    chances[:, single] *= (1.0 - known) / rest
    chances[at, single] = known
    log_chance = np.array(predicted.log_chance)
    log_chance[single] = predicted.log_density[single]
    mean = chances if predicted.family.n_levels else chances[1]
    return replace(predicted, mean=mean, log_chance=log_chance)


def _middle(values: Array, family: Family) -> Array:
    """Return the mean over draws: of angles, that of the directions."""
    if family.words.circular:
        return np.angle(np.exp(1j * values).mean(axis=0))
    return values.mean(axis=0)


def _at(mean: Array, problem: Problem, phi: Sequence[Any]) -> Array | None:
    """Return linear predictors ``(channels, rows)`` of a mean; None where none are found.

    Those of dispersions are 0. Where the mean is not the link's inverse (that of counts with more
    zeros is less), what the link is given is multiplied by what the mean falls short.
    """
    predictors, family = problem.design.predictors, problem.natural.family
    known = None if predictors.known is None else predictors.known[predictors.rows]
    trials = None if predictors.trials is None else predictors.trials[predictors.rows]
    given = target = mean if trials is None or mean.ndim > 1 else mean / trials
    for _ in range(ROUNDS):
        with np.errstate(divide="ignore", invalid="ignore"):
            eta = _of_link(given, problem)
            again = family.mean(eta, phi, known)
            if np.allclose(again, mean, rtol=CLOSE, atol=0.0, equal_nan=True):
                return eta
            given = given * mean / again if target.ndim == 1 else given
    return None


def _of_link(mean: Array, problem: Problem) -> Array:
    """Return the linear predictors of a mean that the link tells; of levels their log ratios."""
    model, family = problem.plan.model, problem.natural.family
    if mean.ndim > 1:
        _, reference = n_and_reference(model)
        logs = np.log(mean)
        return logs if reference is None else np.delete(logs - logs[reference], reference, axis=0)
    eta = np.zeros((len(family.channels), len(mean)))
    eta[0] = LINK_FUNCTIONS[model.link_name].eta(mean)  # type: ignore[arg-type]
    return eta
