"""Simulations beside the recording: intervals, Fano factors, autocorrelation, PSTH.

Each statistic is computed alike of the recorded responses and of every simulation, on the samples
that were simulated; the band is that of the simulations.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bayesglm.design.clock import Clock
from bayesglm.design.response_levels import as_numbers
from bayesglm.errors import DataError
from bayesglm.inference.problem.problem import Problem
from bayesglm.results.check_part import Checked
from bayesglm.spec.hints import shown

Array = np.ndarray
MOST_SIMULATIONS = 50  # that are compared, evenly spaced: bands need no more; chosen
LAGS, INTERVALS, PLACES = 50, 30, 60  # of autocorrelation, of intervals, along a trial: chosen
WINDOWS = 12  # of Fano factors, each twice as long as the last: chosen
FEWEST = 10  # windows of one length, of which a Fano factor is made: chosen


class Compared(NamedTuple):
    """Simulations of all units ``(simulations, samples, units)`` on the samples of a fit."""

    values: Array
    left_out: int
    edges: Array  # of bins of intervals between events, in samples

    def of(self, unit: int) -> Array:
        """Return those of one unit ``(simulations, samples)``."""
        return np.asarray(self.values[..., unit], dtype=np.float64)


def read_simulations(problems: list[Problem], simulations: Any) -> Compared:
    """Return simulations that ran to their end; DataError unless they are of the fit's own data."""
    plan = problems[0].plan
    name, dim = plan.model.response, plan.sample_dim
    given = simulations[name] if name in getattr(simulations, "data_vars", ()) else None
    if given is None or not {"draw", "trial_repeat", dim} <= set(given.dims):
        raise DataError(
            f"simulations must be what simulate(fit) returns, with {name!r} along draw, "
            f"trial_repeat and {dim!r}; got {shown(simulations)}."
        )
    n = plan.dataset.sizes[dim]
    if given.sizes[dim] != n:
        raise DataError(
            f"the simulations have {given.sizes[dim]:,} samples along {dim!r} and the fit's data "
            f"{n:,}; simulate on the data of the fit, simulate(fit), to see both beside each other."
        )
    population = [plan.population] if plan.population is not None else []
    ordered = given.transpose("draw", "trial_repeat", dim, *population)
    values = as_numbers(plan.model, ordered.values).reshape(-1, n, len(problems))
    whole = np.flatnonzero(simulations["runaway"].values.ravel() < 0)
    if not len(whole):
        raise DataError(
            "all simulations ran away, so there is nothing to compare; see their 'runaway'."
        )
    some = whole[np.unique(np.linspace(0, len(whole) - 1, MOST_SIMULATIONS).astype(np.intp))]
    return Compared(values[some], len(values) - len(whole), _bins_of_intervals(problems))


def _bins_of_intervals(problems: list[Problem]) -> Array:
    """Return edges of bins, in ratios alike, up to the 99% quantile of what was recorded."""
    if not problems[0].natural.family.words.counts_events:
        return np.zeros(0)
    rows = problems[0].design.predictors.rows
    every = [np.diff(np.flatnonzero(one.design.y[rows] > 0.0)) for one in problems]
    pooled = np.concatenate([np.ones(1), *every])
    longest = float(np.quantile(pooled, 0.99))
    return np.unique(np.round(np.geomspace(1.0, longest + 1.0, INTERVALS + 1)))


class Stretch(NamedTuple):
    """Samples in a row: where each stretch begins and ends, each sample's, and place in a trial."""

    starts: Array
    stops: Array
    number: Array
    place: Array


def stretches(rows: Array, clock: Clock) -> Stretch:
    """Cut rows where a sample or a trial lies between."""
    trial = clock.start[rows]
    first = np.r_[True, (np.diff(rows) != 1) | (np.diff(trial) != 0)]
    starts = np.flatnonzero(first)
    return Stretch(starts, np.r_[starts[1:], len(rows)], np.cumsum(first) - 1, rows - trial)


def check_simulations(
    problem: Problem, compared: Compared, unit: int, clock: Clock, prob: float
) -> Checked:
    """Compare the simulations of a unit with what was recorded."""
    rows, simulated = problem.design.predictors.rows, compared.of(unit)
    both = np.concatenate([problem.design.y[None, rows], simulated[:, rows]])
    stretch = stretches(rows, clock)
    parts: dict[str, tuple[str, Array, Array]] = {}
    if problem.natural.family.words.counts_events:
        parts["interval_density"] = ("interval", *_intervals(both, stretch, compared.edges))
        parts["fano_factor"] = ("window", *_fano_factors(both, stretch))
    parts["autocorrelation"] = ("lag", *_autocorrelation(both, stretch))
    parts["mean"] = ("place", *_along_trials(both, stretch))
    variables: dict[str, Any] = {}
    coords: dict[str, Any] = {}
    for name, (dim, places, values) in parts.items():
        with np.errstate(invalid="ignore"):
            lower, upper = np.quantile(values[1:], [0.5 - prob / 2, 0.5 + prob / 2], axis=0)
        variables[f"{name}_recorded"] = ((dim,), values[0])
        variables[name] = ((dim,), values[1:].mean(axis=0))
        variables[f"{name}_lower"], variables[f"{name}_upper"] = ((dim,), lower), ((dim,), upper)
        coords[dim] = places
        if clock.step is not None:
            coords[f"{dim}_time"] = ((dim,), places * clock.step, {"units": "s"})
    return Checked(
        variables, coords, {"simulations": len(simulated), "left_out": compared.left_out}
    )


def _intervals(both: Array, stretch: Stretch, edges: Array) -> tuple[Array, Array]:
    """Return where bins of intervals begin, and what share of intervals is in each, per sample."""
    shares = []
    for y in both:
        at = np.flatnonzero(y > 0.0)
        apart = np.diff(at)[stretch.number[at[1:]] == stretch.number[at[:-1]]]
        shares.append(np.histogram(apart, edges)[0] / max(len(apart), 1))
    return edges[:-1], np.stack(shares) / np.diff(edges)


def _fano_factors(both: Array, stretch: Stretch) -> tuple[Array, Array]:
    """Return lengths of windows, in samples, and variance over mean of the counts in these."""
    total = np.concatenate([np.zeros((len(both), 1)), np.cumsum(both, axis=1)], axis=1)
    windows, factors = [], []
    for length in 2 ** np.arange(WINDOWS):
        begins = [
            np.arange(start, stop - length + 1, length)
            for start, stop in zip(stretch.starts, stretch.stops, strict=True)
        ]
        at = np.concatenate(begins)
        if len(at) < FEWEST:
            break
        counts = total[:, at + length] - total[:, at]
        mean = counts.mean(axis=1)
        windows.append(int(length))
        with np.errstate(invalid="ignore", divide="ignore"):
            factors.append(counts.var(axis=1, ddof=1) / mean)
    return np.array(windows, dtype=np.intp), np.array(factors).T.reshape(len(both), -1)


def _autocorrelation(both: Array, stretch: Stretch) -> tuple[Array, Array]:
    """Return lags, in samples, and the autocorrelation of responses at these."""
    most = max(1, min(LAGS, int((stretch.stops - stretch.starts).max()) - 1))
    lags = np.arange(1, most + 1)
    centred = both - both.mean(axis=1, keepdims=True)
    variance = np.square(centred).mean(axis=1)
    values = np.full((len(both), len(lags)), np.nan)
    several = len(stretch.starts) > 1
    for k, lag in enumerate(lags):
        products = centred[:, lag:] * centred[:, :-lag]
        if several:
            products = products[:, stretch.number[lag:] == stretch.number[:-lag]]
        if products.shape[1]:
            with np.errstate(invalid="ignore", divide="ignore"):
                values[:, k] = products.mean(axis=1) / variance
    return lags, values


def _along_trials(both: Array, stretch: Stretch) -> tuple[Array, Array]:
    """Return places in a trial, in samples from its beginning, and the mean response there."""
    first, last = int(stretch.place.min()), int(stretch.place.max()) + 1
    edges = np.unique(np.linspace(first, last, min(PLACES, last - first) + 1).astype(np.intp))
    bins = np.searchsorted(edges, stretch.place, side="right") - 1
    sizes = np.bincount(bins, minlength=len(edges) - 1)
    sums = np.stack([np.bincount(bins, y, len(edges) - 1) for y in both])
    with np.errstate(invalid="ignore"):
        return edges[:-1], sums / sizes
