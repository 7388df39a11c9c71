"""Calibration: what was observed where so much was expected."""

from __future__ import annotations

import numpy as np

from bayesglm.results.check_part import Checked
from bayesglm.results.foretold import Drawn, Foretold, Range

Array = np.ndarray
BINS = 12  # of the predicted mean: chosen
# Responses that are drawn for each row, by all draws together: at most, and at least where rows are
# many; and how many in all: bands need no more. Chosen.
REPEATS, FEWEST, DRAWN = 200, 25, 2_000_000


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
    sums = _drawn_sums(drawn, numbers, seed)
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


def _drawn_sums(drawn: Drawn, numbers: Array, seed: int) -> Array:
    """Return the sums of drawn responses in each bin ``(kinds, bins, draws)``."""
    family, n_draws = drawn.family, drawn.n_draws
    most = max(FEWEST, DRAWN // max(1, drawn.n_rows))
    repeats = -(-min(REPEATS, most) // n_draws)

    def work(one: Range) -> Array:
        rng = np.random.default_rng([seed, int(one.at[0])])
        sums = np.zeros((len(numbers), BINS, repeats * n_draws))
        for k in range(repeats):
            y = family.draw(rng, *one.told)
            for kind, of_kind in enumerate(numbers):
                values = y
                if family.n_levels:
                    values = y[kind] if family.words.counts_levels else y == kind
                inside = of_kind[one.at, None] == np.arange(BINS)
                lines = slice(k * n_draws, (k + 1) * n_draws)
                sums[kind, :, lines] = (values @ inside.astype(np.float64)).T
        return sums

    return sum(sums for _, sums in drawn.each(work))  # type: ignore[return-value]
