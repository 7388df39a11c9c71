"""Simulations beside the recording: intervals, Fano factors, autocorrelation, PSTH.

Each statistic is computed alike of the recorded responses and of every simulation, on the samples
that were simulated; the band is that of the simulations. Without an event a simulation has neither
Fano factors nor an autocorrelation, so that both are those of the others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

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
    """Compare the simulations of a unit with what was recorded, one after the other."""
    rows, n = problem.design.predictors.rows, len(compared.values)
    stretch = stretches(rows, clock)
    statistics: dict[str, tuple[str, Array, Callable[[Array], Array]]] = {}
    if problem.natural.family.words.counts_events:
        edges, windows = compared.edges, _windows(stretch)
        statistics["interval_density"] = ("interval", edges[:-1], _intervals(stretch, edges))
        statistics["fano_factor"] = ("window", windows, _fano_factors(stretch, windows))
    most = max(1, min(LAGS, int((stretch.stops - stretch.starts).max()) - 1))
    lags, edges = np.arange(1, most + 1), _edges_of_places(stretch)
    statistics["autocorrelation"] = ("lag", lags, _autocorrelation(stretch, most))
    statistics["mean"] = ("place", edges[:-1], _along_trials(stretch, edges))
    values = {name: np.empty((n + 1, len(at))) for name, (_, at, _) in statistics.items()}
    for k in range(n + 1):
        y = problem.design.y[rows] if k == 0 else compared.values[k - 1, rows, unit]
        with np.errstate(invalid="ignore", divide="ignore"):
            for name, (_, _, statistic) in statistics.items():
                values[name][k] = statistic(np.asarray(y, dtype=np.float64))
    variables: dict[str, Any] = {}
    coords: dict[str, Any] = {}
    for name, (dim, places, _) in statistics.items():
        told = _of_those_that_have_it(values[name][1:], prob)
        variables[f"{name}_recorded"] = ((dim,), values[name][0])
        for ending, summary in zip(("", "_lower", "_upper", "_n"), told, strict=True):
            variables[f"{name}{ending}"] = ((dim,), summary)
        coords[dim] = places
        if clock.step is not None:
            coords[f"{dim}_time"] = ((dim,), places * clock.step, {"units": "s"})
    return Checked(variables, coords, {"simulations": n, "left_out": compared.left_out})


def _of_those_that_have_it(values: Array, prob: float) -> tuple[Array, Array, Array, Array]:
    """Return mean, both ends of the band, and how many of ``(simulations, places)`` have a value.

    >>> told = _of_those_that_have_it(np.array([[1.0, np.nan], [3.0, np.nan]]), 0.5)
    >>> [one.tolist() for one in told]
    [[2.0, nan], [1.5, nan], [2.5, nan], [2, 0]]
    """
    has = np.isfinite(values)
    n = has.sum(axis=0)
    mean, lower, upper = np.full((3, values.shape[1]), np.nan)
    for k in np.flatnonzero(n):
        own = values[has[:, k], k]
        mean[k] = own.mean()
        lower[k], upper[k] = np.quantile(own, [0.5 - prob / 2, 0.5 + prob / 2])
    return mean, lower, upper, n


def _intervals(stretch: Stretch, edges: Array) -> Callable[[Array], Array]:
    """Return what share of intervals between events is in each bin, per sample."""

    def density(y: Array) -> Array:
        at = np.flatnonzero(y > 0.0)
        apart = np.diff(at)[stretch.number[at[1:]] == stretch.number[at[:-1]]]
        return np.histogram(apart, edges)[0] / max(len(apart), 1) / np.diff(edges)

    return density


def _windows(stretch: Stretch) -> Array:
    """Return lengths of windows, in samples, of which there are some in the stretches."""
    lengths = 2 ** np.arange(WINDOWS)
    sizes = stretch.stops - stretch.starts
    return lengths[[int((sizes // length).sum()) >= FEWEST for length in lengths]]


def _fano_factors(stretch: Stretch, windows: Array) -> Callable[[Array], Array]:
    """Return variance over mean of the counts in windows of each length."""
    begins = [
        np.concatenate(
            [
                np.arange(start, stop - length + 1, length)
                for start, stop in zip(stretch.starts, stretch.stops, strict=True)
            ]
        )
        for length in windows
    ]

    def factors(y: Array) -> Array:
        total = np.concatenate([[0.0], np.cumsum(y)])
        counts = [
            total[at + length] - total[at] for at, length in zip(begins, windows, strict=True)
        ]
        return np.array([one.var(ddof=1) / one.mean() for one in counts])

    return factors


def _autocorrelation(stretch: Stretch, most: int) -> Callable[[Array], Array]:
    """Return the autocorrelation of responses inside stretches, by Fourier transforms.

    Between stretches stand as many zeros as there are lags, so that none reads the next.
    """
    place = np.arange(len(stretch.number)) + most * stretch.number
    size = next_fast_len(int(place[-1]) + 1 + most, real=True)
    lags = np.arange(1, most + 1)
    pairs = np.maximum((stretch.stops - stretch.starts)[:, None] - lags, 0).sum(axis=0)

    def correlation(y: Array) -> Array:
        apart = np.zeros(size)
        apart[place] = y - y.mean()
        products = irfft(np.square(np.abs(rfft(apart))), size)
        return products[1 : most + 1] / pairs * len(y) / products[0]

    return correlation


def _edges_of_places(stretch: Stretch) -> Array:
    """Return edges of bins along a trial, in samples from its beginning."""
    first, last = int(stretch.place.min()), int(stretch.place.max()) + 1
    return np.unique(np.linspace(first, last, min(PLACES, last - first) + 1).astype(np.intp))


def _along_trials(stretch: Stretch, edges: Array) -> Callable[[Array], Array]:
    """Return the mean response in bins along a trial."""
    bins = np.searchsorted(edges, stretch.place, side="right") - 1
    sizes = np.bincount(bins, minlength=len(edges) - 1)
    return lambda y: np.bincount(bins, y, len(edges) - 1) / sizes
