"""Scores of what comes next by the posterior of what came before, at every moment of time.

The posterior of all before a moment t is that of all before an earlier one, times what has come
between,

    p(theta | y_<t)  ~  p(theta | y_<s) p(y_s, ..., y_{t-1} | theta),

so that draws of the one, with Pareto-smoothed weights, are draws of the other until k-hat says that
they are not; then the posterior is sampled anew (Buerkner, Gabry & Vehtari 2020, Journal of
Statistical Computation and Simulation 90:2499).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from bayesglm.errors import BayesGLMError, DataError
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.effects import named_draws
from bayesglm.inference.tree.kept import TOGETHER, Kept, block_number, one_row_each
from bayesglm.inference.weights.psis import khat_limit, smoothed_lines
from bayesglm.results.scores.held_out import Held, log_mean
from bayesglm.results.scores.loo import relative_efficiency
from bayesglm.results.scores.sampling import Sampling

Array = np.ndarray
FIRST = 16  # moments that are looked at after a posterior was sampled; then twice as many, ...
HELD = 2_000_000  # ... up to so many log densities (8 bytes each) of all draws: chosen


class Moments(NamedTuple):
    """The moments of time of kept rows: the number of each row's, and the trial of each moment.

    Moments are numbered in the order of time; a row's number is that of its moment.
    """

    of_row: Array
    trial: Array

    def __len__(self) -> int:
        return len(self.trial)

    @property
    def first_rows(self) -> Array:
        """The first row of each moment."""
        return np.unique(self.of_row, return_index=True)[1]

    def origins(self, start: int, horizon: int) -> Array:
        """Return the moments, from ``start`` on, with so many of their trial ahead of them."""
        every = np.arange(start, len(self) - horizon + 1)
        return every[self.trial[every] == self.trial[every + horizon - 1]]

    def rows(self, first: int, stop: int) -> tuple[Array, Array]:
        """Return the rows of some moments, and the numbers of theirs from 0 on."""
        rows = np.flatnonzero((self.of_row >= first) & (self.of_row < stop))
        return rows, self.of_row[rows] - first


@dataclass(frozen=True)
class Ahead:
    """Joint log densities ``(origin, neuron)`` of the next moments, and how they came.

    ``khat`` are those of the weights, NaN where the posterior was sampled; ``refits`` the moments
    at which it was, but for the first.
    """

    elpd: Array
    khat: Array
    refits: list[int] = field(default_factory=list)


def ahead(
    problems: Sequence[Problem],
    moments: Moments,
    origins: Array,
    horizon: int,
    sampling: Sampling,
    advance: Callable[..., None],
) -> Ahead:
    """Score the next ``horizon`` moments from each origin, by posteriors of all before it."""
    scores = Ahead(*np.full((2, len(origins), len(problems)), np.nan))
    every = list(range(len(problems)))
    # Draws of neurons that share parameters have weights in common.
    for members in [every] if problems[0].pooled else [[k] for k in every]:
        at = 0
        while at < len(origins):
            if at:
                scores.refits.append(int(origins[at]))
            own = [problems[k] for k in members]
            kept = _before(own, moments, int(origins[at]), sampling)
            last = 0
            for last, elpd, khat in _onwards(own, kept, moments, origins[at:], horizon, sampling):
                advance(len(elpd) * len(members), f"{len(scores.refits)} refits")
                here = slice(at + last - len(elpd), at + last)
                scores.elpd[here, members], scores.khat[here, members] = elpd, khat[:, None]
            at += last
    return scores


def in_sample(
    problems: Sequence[Problem],
    whole: Sequence[Kept],
    moments: Moments,
    origins: Array,
    horizon: int,
) -> Array:
    """Return the same log densities ``(origin, neuron)`` by the posterior of all."""
    means = np.empty((len(origins), len(problems)))
    for k, (problem, every) in enumerate(zip(problems, whole, strict=True)):
        kept, done = every.finished[1], 0
        for start, stop in _stretches(origins, horizon, kept.n_draws):
            values = _log_densities(problem, kept, moments, start, stop + horizon - 1)
            own = origins[(origins >= start) & (origins < stop)] - start
            means[done : done + len(own), k] = log_mean(_summed(values, own, horizon).T)
            done += len(own)
    return means


def _before(
    problems: list[Problem], moments: Moments, origin: int, sampling: Sampling
) -> list[Kept]:
    """Return draws of the posterior of all rows before a moment."""
    try:
        every = sampling([one.restrict(moments.of_row < origin) for one in problems])
    except BayesGLMError as error:
        raise DataError(
            f"the posterior of the first {origin:,} moments of time cannot be sampled: {error} "
            "Begin later (start=), or give proper priors."
        ) from error
    return [one.finished[1] for one in every]


def _onwards(
    problems: list[Problem],
    kept: list[Kept],
    moments: Moments,
    origins: Array,
    horizon: int,
    sampling: Sampling,
) -> Iterator[tuple[int, Array, Array]]:
    """Yield how many origins are scored, and the latest elpd ``(n, neuron)`` and k-hats ``(n,)``.

    It ends where the weights of draws of all before the first origin do not stand.
    """
    n_draws, done = kept[0].n_draws, 0
    reff, limit = _efficiency(kept, sampling.chains), khat_limit(n_draws)
    since = np.zeros(n_draws)
    for start, stop in _stretches(origins, horizon, n_draws):
        each = [
            _log_densities(problem, one, moments, start, stop + horizon - 1)
            for problem, one in zip(problems, kept, strict=True)
        ]
        total = np.cumsum(sum(one[: stop - start] for one in each), axis=0)
        own = origins[(origins >= start) & (origins < stop)] - start
        ratios = since + np.where(own[:, None] > 0, total[own - 1], 0.0)
        since = since + total[-1]
        if not len(own):  # trials that are shorter than the horizon
            continue
        log_weights, khat = smoothed_lines(ratios, reff)
        if not done:  # the draws are of the first
            log_weights[0], khat[0] = -np.log(n_draws), np.nan
        stands = khat < limit
        stands[0] |= not done
        n = len(own) if stands.all() else int(np.argmin(stands))
        blocks = [_summed(one, own[:n], horizon) for one in each]
        elpd = np.stack([_log_sum(log_weights[:n] + one) for one in blocks], axis=-1)
        done += n
        yield done, elpd, khat[:n]
        if n < len(own):
            return


def _stretches(origins: Array, horizon: int, n_draws: int) -> Iterator[tuple[int, int]]:
    """Yield the first moment of a stretch between origins, and where the next begins."""
    most = max(FIRST, horizon, HELD // n_draws)
    start, size, end = int(origins[0]), max(FIRST, horizon), int(origins[-1]) + 1
    while start < end:
        stop = min(start + size, end)
        yield start, stop
        start, size = stop, min(2 * size, most)


def _log_densities(problem: Problem, kept: Kept, moments: Moments, start: int, stop: int) -> Array:
    """Return the log density ``(moment, draw)`` of all rows of each moment."""
    rows, numbers = moments.rows(start, stop)
    alone, predictors = one_row_each(problem), problem.design.predictors
    if alone is None:
        # New levels have the effects that their prior makes of each draw, one for all their rows.
        sets = None if np.array_equal(numbers, np.arange(len(rows))) else numbers
        held = Held(kept, problem, rows, sets, predictors.rows)
        return np.concatenate(held.each(np.array), axis=1).T
    total = np.zeros((stop - start, kept.n_draws))
    number, step = block_number(problem, alone), max(1, TOGETHER // kept.n_draws)
    for k in range(0, len(rows), step):
        test = replace(predictors, rows=predictors.rows[rows[k : k + step]])
        codes = np.arange(len(test.rows))
        np.add.at(total, numbers[k : k + step], kept.log_marginals(problem, test, number, codes).T)
    return total


def _summed(values: Array, origins: Array, horizon: int) -> Array:
    """Return the sums ``(origin, draw)`` of so many lines from each origin on."""
    if horizon == 1:
        return values[origins]
    lost = np.isneginf(values)  # of which sums have no difference
    sums, n_lost = (
        one[origins + horizon - 1] - np.where(origins[:, None] > 0, one[origins - 1], 0)
        for one in (np.cumsum(np.where(lost, 0.0, values), axis=0), np.cumsum(lost, axis=0))
    )
    return np.where(n_lost > 0, -np.inf, sums)


def _log_sum(values: Array) -> Array:
    return log_mean(values.T) + np.log(values.shape[1])


def _efficiency(kept: Sequence[Kept], chains: int) -> float:
    """Return effective draws per draw."""
    if chains == 1 or kept[0].n_draws % chains:
        return 1.0
    return relative_efficiency(named_draws(kept, chains))
