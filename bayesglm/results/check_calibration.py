"""Calibration: what was observed where so much was expected."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bayesglm.results.check_part import Checked
from bayesglm.results.foretold import Drawn, Foretold, Range

Array = np.ndarray
BINS = 12  # of the predicted mean: chosen
# Responses that are drawn for each row, by all draws together: at most, and at least where rows are
# many; and how many in all: bands need no more. Chosen.
REPEATS, FEWEST, DRAWN = 200, 25, 2_000_000
GROUPS = 1_000  # of neighbouring chances, at most: chosen
ALIKE = 1e-9  # by which chances differ that are the same: rounding


def equal_bins(mean: Array) -> list[Array]:
    """Sort samples by their predicted mean into bins that expect equally much (or equally many)."""
    order = np.argsort(mean, kind="stable")
    n_bins = min(BINS, len(mean))
    if mean.min() < 0:
        return np.array_split(order, n_bins)
    share = np.cumsum(mean[order])
    edges = np.searchsorted(share, share[-1] * np.arange(1, n_bins) / n_bins)
    return [part for part in np.split(order, edges) if len(part)]


def check_calibration(drawn: Drawn, told: Foretold, seed: int, prob: float) -> Checked:
    """Tell, in bins of what is expected, what was observed, and between what it should lie.

    The band is that of the bin's mean of responses drawn anew: of each row as many as there are
    draws of the fit, and where these are fewer than `REPEATS` several of each draw.
    """
    kinds, counts = len(told.expected), np.flatnonzero(drawn.weights > 0.0)
    shape = (kinds, BINS)
    numbers, sizes = np.full((kinds, drawn.n_rows), -1), np.zeros(shape)
    predicted, observed = np.full(shape, np.nan), np.full(shape, np.nan)
    for kind in range(kinds):
        for k, part in enumerate(equal_bins(told.expected[kind, counts])):
            own = counts[part]
            numbers[kind, own], sizes[kind, k] = k, len(own)
            predicted[kind, k] = told.expected[kind, own].mean()
            observed[kind, k] = told.observed[kind, own].mean()
    sums = drawn_sums(drawn, numbers, BINS, seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = sums / sizes[..., None]
        lower, upper = np.quantile(means, [0.5 - prob / 2, 0.5 + prob / 2], axis=-1)
    dims, levels = ("bin",), drawn.problem.plan.model.levels
    values = {"predicted": predicted, "observed": observed, "lower": lower, "upper": upper}
    values["n"] = sizes
    coords = {"bin": np.arange(BINS)}
    if drawn.family.n_levels:
        level = f"{drawn.problem.plan.model.response}_level"
        variables = {name: ((level, *dims), one) for name, one in values.items()}
        return Checked(variables, {level: np.array(levels), **coords})
    return Checked({name: (dims, one[0]) for name, one in values.items()}, coords)


def drawn_sums(drawn: Drawn, numbers: Array, n_bins: int, seed: int) -> Array:
    """Return the sums of drawn responses in each bin ``(kinds, bins, draws)``."""
    family, n_draws = drawn.family, drawn.n_draws
    most = max(FEWEST, DRAWN // max(1, drawn.n_rows))
    repeats = -(-min(REPEATS, most) // n_draws)

    def work(one: Range) -> Array:
        rng = np.random.default_rng([seed, int(one.at[0])])
        sums = np.zeros((len(numbers), repeats * n_draws, n_bins))
        for k in range(repeats):
            y = family.draw(rng, *one.told)
            for kind, of_kind in enumerate(numbers):
                values = y
                if family.n_levels:
                    values = y[kind] if family.words.counts_levels else y == kind
                inside = of_kind[one.at]
                counted, values = inside >= 0, np.broadcast_to(values, (n_draws, len(inside)))
                for draw, line in enumerate(values[:, counted]):
                    own = np.bincount(inside[counted], line, minlength=n_bins)
                    sums[kind, k * n_draws + draw] = own
        return sums.swapaxes(1, 2)

    return sum(sums for _, sums in drawn.each(work))  # type: ignore[return-value]


class Reliability(NamedTuple):
    """Chances of one kind that were told, in groups ``(groups,)`` of rising chance.

    ``observed`` is the share that rises with the chance and lies nearest to what was observed, with
    the band of true models; ``n`` are the trials of each group. The Brier score of shares is
    ``brier``, and ``miscalibration`` what `observed` in place of the chances would take off it.
    """

    chance: Array
    observed: Array
    lower: Array
    upper: Array
    n: Array
    brier: float
    miscalibration: float


def reliability(drawn: Drawn, told: Foretold, seed: int, prob: float) -> list[Reliability]:
    """Tell, for each kind of response, the share that was observed where each chance was told.

    By isotonic regression (Dimitriadis, Gneiting & Jordan 2021, PNAS 118:e2016191118); the band is
    that of responses drawn anew. Of many rows neighbouring chances are taken together.
    """
    counts = np.flatnonzero(drawn.weights > 0.0)
    trials = drawn.problem.design.predictors.trials
    rows = drawn.problem.design.predictors.rows
    n = np.ones(drawn.n_rows)
    if drawn.family.words.needs_trials or drawn.family.words.counts_levels:
        n = told.observed.sum(axis=0) if trials is None else trials[rows].astype(float)
    counts = counts[n[counts] > 0.0]
    numbers = np.full((len(told.expected), drawn.n_rows), -1)
    for kind, expected in enumerate(told.expected):
        numbers[kind, counts] = _groups(expected[counts] / n[counts])
    n_most = int(numbers.max(initial=-1)) + 1
    sums = drawn_sums(drawn, numbers, n_most, seed)
    every = []
    for kind, of_kind in enumerate(numbers):
        inside, n_groups = of_kind[counts], int(of_kind.max(initial=-1)) + 1

        def summed(values: Array, inside: Array = inside, n_groups: int = n_groups) -> Array:
            return np.bincount(inside, values, minlength=n_groups)

        size = summed(n[counts])
        observed, expected = told.observed[kind, counts], told.expected[kind, counts]
        share, chance = summed(observed) / size, summed(expected) / size
        rising = _rising(share, size)
        own_sums = sums[kind, :n_groups].T
        curves = np.stack([_rising(line / size, size) for line in own_sums])
        lower, upper = np.quantile(curves, [0.5 - prob / 2, 0.5 + prob / 2], axis=0)
        own = n[counts]
        brier = float(np.sum(own * np.square((observed - expected) / own)) / own.sum())
        best = float(np.sum(own * np.square(observed / own - rising[inside])) / own.sum())
        every.append(Reliability(chance, rising, lower, upper, size, brier, max(brier - best, 0.0)))
    return every


def _groups(chances: Array) -> Array:
    """Return the number of each chance's group, in their order; chances that are alike share one.

    >>> _groups(np.array([0.4, 0.1, 0.4 + 1e-15])).tolist()
    [1, 0, 1]
    """
    order = np.argsort(chances, kind="stable")
    differ = np.diff(chances[order], prepend=-1.0) > ALIKE
    ranks = np.empty(len(chances), dtype=np.intp)
    ranks[order] = np.cumsum(differ) - 1
    n = int(differ.sum())
    return ranks * min(GROUPS, n) // max(n, 1)


def _rising(share: Array, size: Array) -> Array:
    """Return the shares that do not fall and are nearest in weighted squares."""
    from scipy.optimize import isotonic_regression

    return isotonic_regression(share, weights=size).x
