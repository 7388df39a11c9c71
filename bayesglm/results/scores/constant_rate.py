"""Events at a constant rate: what a model of them is held against.

A rate is that of training rows: the events of these, over all that they are out of. Of counts
without a bound these are Poisson's, with the exposure of each row; among trials they are binomial.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import gammaln, xlog1py, xlogy

from bayesglm.inference.problem.problem import Problem
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.names import CONSTANT, EVENTS

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray


class Events(NamedTuple):
    """The events of one unit's rows ``(rows,)``, what each row's are out of, and its weight."""

    counts: Array
    out_of: Array
    weights: Array
    among_trials: bool

    @property
    def weighted(self) -> Array:
        """The events of each row, as often as it counts."""
        return self.weights * self.counts

    def rate(self, rows: Array | slice) -> float:
        """Return the rate of some rows: events per sample, per unit of exposure, or per trial."""
        total = float((self.weights * self.out_of)[rows].sum())
        return float(self.weighted[rows].sum()) / total if total > 0.0 else np.nan

    def rate_of_others(self, sets: Array | None = None) -> Array:
        """Return, for every row, the rate of all other rows, or of those outside its own set."""
        own = np.arange(len(self.counts)) if sets is None else sets
        events, at_risk = (
            np.bincount(own, values) for values in (self.weighted, self.weights * self.out_of)
        )
        rest = at_risk.sum() - at_risk
        others = np.maximum(events.sum() - events, 0.0)
        return np.divide(others, rest, out=np.full(len(rest), np.nan), where=rest > 0.0)[own]

    def rates_before(self, of_row: Array) -> Array:
        """Return, for every moment of time, the rate of all rows before it, given each row's."""
        events, at_risk = (
            np.cumsum(np.bincount(of_row, values))
            for values in (self.weighted, self.weights * self.out_of)
        )
        before = np.r_[np.nan, at_risk[:-1]]
        rates = np.full(len(before), np.nan)
        return np.divide(np.r_[np.nan, events[:-1]], before, out=rates, where=before > 0.0)

    def log_density(self, rate: Array | float) -> Array:
        """Return the weighted log densities of every row at a rate, or at one for each.

        A row whose events were impossible has minus infinity.
        """
        y, n = self.counts, self.out_of
        if self.among_trials:
            ways = gammaln(n + 1.0) - gammaln(y + 1.0) - gammaln(n - y + 1.0)
            values = ways + xlogy(y, rate) + xlog1py(n - y, -np.asarray(rate))
        else:
            values = xlogy(y, rate * n) - rate * n - gammaln(y + 1.0)
        return np.where(self.weights > 0.0, self.weights * values, 0.0)


def events_of(problem: Problem) -> Events | None:
    """Return the events of a problem's rows; None where its responses do not count any."""
    plan, design = problem.plan, problem.design
    model, words, rows = plan.model, FAMILY_NAMES[problem.plan.model.family], design.predictors.rows
    if not words.counts_events or model.censored is not None or model.truncated is not None:
        return None
    trials, weights, ones = design.predictors.trials, design.weights, np.ones(len(rows))
    out_of = ones if trials is None else trials[rows]
    if model.exposure is not None:
        exposure = plan.dataset[model.exposure]
        if plan.population in exposure.dims:
            exposure = exposure.isel({plan.population: problem.neuron})
        out_of = exposure.values[rows].astype(np.float64)
    held = ones if weights is None else weights[rows]
    return Events(design.y[rows].astype(np.float64), out_of, held, not words.counts)


def beside_constant_rate(
    problems: Sequence[Problem],
    scores: xr.DataArray,
    rate: Callable[[Events], Array],
    codes: Array | None = None,
) -> xr.DataArray:
    """Return pointwise scores with what `bits_per_spike` reads of each: events, and their score.

    ``rate`` gives the rate of every row, of the rows that its score was trained on; ``codes`` are
    the numbers of sets of rows that are scored together.
    """
    every = [events_of(problem) for problem in problems]
    known = [one for one in every if one is not None]
    if not known:
        return scores

    def by_set(values: Array) -> Array:
        return values if codes is None else np.bincount(codes, values, len(scores))

    events = np.stack([by_set(one.weighted) for one in known], axis=-1)
    constant = np.stack([by_set(one.log_density(rate(one))) for one in known], axis=-1)
    return _carrying(scores, events, constant)


def beside_rate_before(
    problems: Sequence[Problem],
    scores: xr.DataArray,
    of_row: Array,
    origins: Array,
    horizon: int,
) -> xr.DataArray:
    """Return scores of so many moments from each origin on, beside the rate of all before it.

    ``of_row`` are the numbers of the rows' moments.
    """
    every = [events_of(problem) for problem in problems]
    known = [one for one in every if one is not None]
    if not known:
        return scores
    events, constant = np.zeros((2, int(of_row.max()) + 1, len(known)))
    for k, one in enumerate(known):
        rates = one.rates_before(of_row)
        for steps in range(horizon):
            origin = of_row - steps
            rows = np.flatnonzero(origin >= 0)
            density = one.log_density(rates[origin])
            for total, values in ((events, one.weighted), (constant, density)):
                total[:, k] += np.bincount(origin[rows], values[rows], len(total))
    return _carrying(scores, events[origins], constant[origins])


def _carrying(scores: xr.DataArray, events: Array, constant: Array) -> xr.DataArray:
    carried = {EVENTS: events, CONSTANT: constant}
    return scores.assign_coords(
        {name: (scores.dims, values.reshape(scores.shape)) for name, values in carried.items()}
    )
