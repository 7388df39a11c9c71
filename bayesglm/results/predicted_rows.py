"""Predictions of some rows at a time, for every draw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from bayesglm.design.design import Predictors
from bayesglm.errors import DataError
from bayesglm.inference.problem.problem import Problem
from bayesglm.numerics.density.channels import predictors as linear_predictors
from bayesglm.numerics.families.record import Family
from bayesglm.results.populations import Effects, over_levels

Array = np.ndarray
TOGETHER = 2_000_000  # predictions (8 bytes each) that are made at a time: chosen
RARE = 1e-9  # share of levels whose linear predictors may leave the domain of a link: chosen


def predicted_rows(
    problem: Problem,
    predictors: Predictors,
    theta: Array,
    kind: str,
    rng: np.random.Generator,
    effects: Effects,
) -> Iterator[tuple[slice, Array]]:
    """Run through the kept rows: which they are, and predictions ``(draws, rows[, levels])``.

    Where a linear predictor leaves the domain of its link, the response has none, and is NaN.
    """
    objective = problem.natural
    w = theta[:, : objective.n_coefficients]
    phi = [np.atleast_1d(value)[:, None] for value in objective.phi(theta)]
    size = max(16, TOGETHER // len(theta))
    for start in range(0, len(predictors.rows), size):
        part = slice(start, start + size)
        rows = predictors.rows[part]
        with np.errstate(over="ignore", invalid="ignore"):
            eta = effects.added(rows, linear_predictors(predictors.block(part), w))
        trials = None if predictors.known is None else predictors.known[rows]
        for of_parameter in eta:
            check_finite(problem, of_parameter, rows, "linear predictor")
        if kind == "linear":
            yield part, np.moveaxis(eta, 0, -1) if predictors.levels else eta[0]
            continue
        spread = effects.spread(rows, eta.shape)
        if kind == "response" and spread is not None:
            eta, spread = eta + spread * rng.standard_normal(eta.shape), None
        family = _OfEta(objective.family, phi, trials)
        if kind in objective.family.words.dispersions:
            value = over_levels(partial(family.dispersion, kind), eta, spread)
            check_finite(problem, value, rows, f"predicted {kind}")
            yield part, value
            continue
        mean = family.mean_over(eta, spread)
        check_finite(problem, mean, rows, "predicted mean")
        told = family.drawn(rng, eta) if kind == "response" else mean
        outside = over_levels(family.outside, eta, spread) > RARE
        if outside.any():
            told = np.where(outside.reshape(*outside.shape, *(told.ndim - 2) * [1]), np.nan, told)
        yield part, told


class _OfEta(NamedTuple):
    """What a family tells of linear predictors ``(channels, draws, rows)``."""

    family: Family
    phi: Sequence[Array]
    trials: Any

    def dispersion(self, name: str, eta: Array) -> Array:
        """Return a dispersion ``(draws, rows)``."""
        place = self.family.words.dispersions.index(name)
        return np.broadcast_to(self.family.every_phi(eta, self.phi)[place], eta.shape[1:])

    def outside(self, eta: Array) -> Array:
        """Say where predictors leave the domain of the link ``(draws, rows)``."""
        return ~self.family.domain.holds(eta[0])

    def mean(self, eta: Array) -> Array:
        """Return the mean ``(draws, rows[, levels])``: anything outside the domain."""
        mean = self.family.mean(self._inside(eta), self.phi, self.trials)
        return np.moveaxis(mean, 0, -1) if self.family.n_levels else mean

    def mean_over(self, eta: Array, spread: Array | None) -> Array:
        """Return the mean over levels: of angles the direction of the mean on the circle."""
        if spread is None or not self.family.words.circular:
            return over_levels(self.mean, eta, spread)
        return np.angle(over_levels(lambda moved: np.exp(1j * self.mean(moved)), eta, spread))

    def drawn(self, rng: np.random.Generator, eta: Array) -> Array:
        """Return responses ``(draws, rows[, levels])``."""
        drawn = self.family.draw(rng, self._inside(eta), self.phi, self.trials)
        return np.moveaxis(drawn, 0, -1) if self.family.words.counts_levels else drawn

    def _inside(self, eta: Array) -> Array:
        outside = self.outside(eta)
        if not outside.any():
            return eta
        return np.concatenate((np.where(outside, self.family.domain.inside, eta[:1]), eta[1:]))


def check_finite(problem: Problem, values: Array, rows: Array, what: str) -> None:
    """Raise DataError where a prediction is beyond the floats, naming the first row."""
    lost = ~np.isfinite(values)
    if not lost.any():
        return
    lost = lost.any(axis=tuple(range(2, lost.ndim)))
    first, plan = int(rows[np.argmax(lost.any(axis=0))]), problem.plan
    raise DataError(
        f"the {what} of {plan.model.response!r}{problem.where} is beyond the largest float in "
        f"{int(lost.any(axis=1).sum())} of {len(values)} draws, the first at "
        f"{plan.sample_dim}={first}: predictors or offset are far outside what the model was "
        "fitted to. Predict nearer to it, rescale the predictors"
        + (", or take kind='linear'." if what == "predicted mean" else ".")
    )
