"""What was observed of a unit, and where a true model would have it: the numbers of pictures.

All are made in one pass over the unit, by the same draws as its checks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from bayesglm.design.clock import Clock, seconds
from bayesglm.inference.tree.kept import evenly, one_row_each
from bayesglm.numerics.families.record import Family
from bayesglm.results.check import CheckedUnit
from bayesglm.results.check_calibration import Reliability, drawn_sums, reliability
from bayesglm.results.foretold import Drawn
from bayesglm.results.residuals import quantile_residuals
from bayesglm.results.scores.loo_pit import leave_one_out_chances
from bayesglm.results.uniformity import distribution_at, uniform_band
from bayesglm.show.posterior_predictive import data_sets
from bayesglm.show.prior_predictive import Bins, bins_of
from bayesglm.show.units import rate_unit, unit_of_lags, unit_of_step

Array = np.ndarray
DATA_SETS = 100  # drawn responses of all rows, of which shares in bins are made: chosen
FEWEST_LEFT_OUT = 100  # draws by which a row is left out, whose weights have a tail: chosen
MOST_LEFT_OUT = 20_000_000  # rows times draws that are left out one by one: chosen, a second
BINS, FEWEST = 20, 25  # bins of residuals at most, and samples in a bin at least
MOST_DOTS = 400  # residuals that are drawn, evenly spaced
MOST_PLACES = 200  # of a rising curve, evenly spaced among all
PLACES, PLACES_OF_MANY = 60, 24  # bins along time, at most; of one of many units
STRETCH = 300  # samples that are shown one by one, at most
MOST_STRETCHES = 4  # units of which a stretch is shown: chosen
TIME_RESCALING, CALIBRATION = "time_rescaling", "calibration"  # parts of a check


@dataclass(frozen=True)
class Trace:
    """What one model has of one unit, or of one level of it.

    - ``x``: places ``(n,)``, whose names are ``labels`` where they are words.
    - ``observed``, ``lower``, ``upper``: what was observed there, and between what it should be.
    - ``expected``: what the model expects there.
    - ``dots``: single residuals, where and what; or single responses.
    - ``is_positive``: whether axes of ratios can hold it.
    - ``note``: a few words beside the title.
    """

    x: Array
    observed: Array
    lower: Array
    upper: Array
    expected: Array | None = None
    labels: tuple[str, ...] = ()
    dots: tuple[Array, Array] | None = None
    is_positive: bool = False
    note: str = ""

    @property
    def inside(self) -> Array:
        """Where what was observed is as it should be; a hair's breadth is no difference."""
        slack = 1e-9 * (1.0 + np.abs(self.observed))
        return (self.observed >= self.lower - slack) & (self.observed <= self.upper + slack)


@dataclass(frozen=True)
class Along:
    """What the units of several models share: the bins of each unit's responses."""

    bins: dict[int, Bins]
    is_left_out: bool  # whether responses are left out one by one
    efficiency: float


type Traces = Mapping[str, Trace]  # by level; the name of a response that has none is empty


def distribution(one: CheckedUnit, along: Along) -> Traces:
    """Return how often responses fall into each bin, in the data and in drawn data sets."""
    family, problem = one.drawn.family, one.drawn.problem
    model = problem.plan.model
    if family.words.labels is not None or model.censored is not None or _is_of_chances(family):
        return {}
    if TIME_RESCALING in one.parts:
        return {}
    drawn, observed = data_sets(one.drawn, DATA_SETS, one.asked.seed)
    bins = along.bins.setdefault(problem.neuron, bins_of(model, drawn, observed))
    shares, of_data = bins.shares(drawn), bins.shares(observed)
    lower, upper = np.quantile(shares, _ends(one.asked.prob), axis=0)
    x = bins.places if bins.ticks is None else np.arange(len(bins.places), dtype=float)
    beyond = float(1.0 - shares.sum(axis=-1).mean())
    note = f"{beyond:.1%} drawn beyond the axis" if beyond > 0.005 else ""
    labels = tuple(bins.ticks or ())
    mean = shares.mean(axis=0)
    return {"": Trace(x, of_data, lower, upper, mean, labels, is_positive=bins.is_log, note=note)}


def calibration(one: CheckedUnit, along: Along) -> Traces:
    """Return what was observed where so much was expected: of chances by isotonic regression."""
    drawn = one.drawn
    if CALIBRATION not in one.parts:
        return {}
    names = [str(level) for level in drawn.problem.plan.model.levels or ()]
    if _is_of_chances(drawn.family):
        every = reliability(drawn, one.told, one.asked.seed, one.asked.prob)
        return {
            name: _of_chance(told)
            for name, told in zip(names if len(every) > 1 else [""], every, strict=True)
        }
    part = one.parts[CALIBRATION].variables
    known = np.isfinite(part["predicted"][1])
    x, y, lower, upper = (
        part[name][1][known] for name in ("predicted", "observed", "lower", "upper")
    )
    is_positive = bool(len(x) and x[0] > 0.0 and min(lower.min(), y.min()) > 0.0)
    return {"": Trace(x, y, lower, upper, is_positive=is_positive)}


def _of_chance(told: Reliability) -> Trace:
    """Return the rising curve of one kind of response, at some of its places."""
    some = evenly(np.arange(len(told.chance)), MOST_PLACES)
    values = (told.chance, told.observed, told.lower, told.upper)
    x, observed, lower, upper = (one[some] for one in values)
    note = f"Brier {told.brier:.3g}, miscalibrated {told.miscalibration:.2g}"
    return Trace(x, observed, lower, upper, note=note)


def residual_means(one: CheckedUnit, along: Along) -> Traces:
    """Return means of quantile residuals in bins of what is fitted, and single ones as dots."""
    family, told = one.drawn.family, one.told
    if told.chances is None or family.n_levels or _is_of_chances(family):
        return {}
    if TIME_RESCALING in one.parts:
        return {}
    values = quantile_residuals(told.chances, one.drawn, one.asked.seed)
    fitted = told.expected[0]
    known = np.flatnonzero(np.isfinite(values) & np.isfinite(fitted))
    n_bins = min(BINS, len(known) // FEWEST)
    if n_bins < 2:
        return {}
    order = known[np.argsort(fitted[known], kind="stable")]
    bins = np.array_split(order, n_bins)
    x, mean = (np.array([of[own].mean() for own in bins]) for of in (fitted, values))
    half = float(ndtri(0.5 + one.asked.prob / 2)) / np.sqrt([len(own) for own in bins])
    some = evenly(order, MOST_DOTS)
    is_positive = bool(fitted[order[0]] > 0.0)
    dots = fitted[some], values[some]
    return {"": Trace(x, mean, -half, half, dots=dots, is_positive=is_positive)}


def pit(one: CheckedUnit, along: Along) -> Traces:
    """Return how the distribution of chances below each response differs from uniform."""
    labels = one.drawn.family.words.labels
    if one.told.chances is None or (labels is not None and not labels.ordered):
        return {}
    chances = one.told.chances
    left_out = along.is_left_out and one.drawn.n_draws >= FEWEST_LEFT_OUT
    left_out = left_out and one_row_each(one.drawn.problem) is None
    if left_out:
        chances, _ = leave_one_out_chances(one.drawn.kept, along.efficiency)
    rng = np.random.default_rng([one.asked.seed, one.drawn.problem.neuron])
    u = chances.uniform(rng)[one.drawn.weights > 0.0]
    places, lower, upper = uniform_band(len(u), one.asked.prob)
    observed = distribution_at(u, places) - places
    note = "LOO-PIT" if left_out else "PIT in sample"
    return {"": Trace(places, observed, lower - places, upper - places, note=note)}


def rescaling(one: CheckedUnit, along: Along) -> Traces:
    """Return how the distribution of rescaled intervals between events differs from uniform."""
    if TIME_RESCALING not in one.parts:
        return {}
    part = one.parts[TIME_RESCALING].variables
    x, n = np.asarray(one.parts[TIME_RESCALING].coords["uniform"]), part["n_intervals"][1]
    if not n:
        return {}
    observed, lower, upper = (part[name][1] - x for name in ("observed", "lower", "upper"))
    p = float(part["p_value"][1])
    note = f"{n:,} intervals, {'p < 0.001' if p < 0.001 else f'p = {p:.2g}'}"
    return {"": Trace(x, observed, lower, upper, note=note)}


def autocorrelation(one: CheckedUnit, along: Along) -> Traces:
    """Return the autocorrelation of residuals, and the band of independent ones."""
    if "autocorrelation" not in one.parts:
        return {}
    part = one.parts["autocorrelation"]
    step = one.asked.clock.step
    lag = np.asarray(part.coords["lag"]) * (step or 1.0) / lag_unit(step)[1]
    values, lower, upper = (
        part.variables[name][1] for name in ("autocorrelation", "lower", "upper")
    )
    known = np.isfinite(values)
    return {"": Trace(lag[known], values[known], lower[known], upper[known])} if known.any() else {}


def along_time(one: CheckedUnit, along: Along) -> Traces:
    """Return mean responses along the recording, or along its trials, and what is expected."""
    drawn, clock = one.drawn, one.asked.clock
    if not _is_course(one):
        return {}
    rows = drawn.problem.design.predictors.rows
    place = rows - clock.start[rows]
    n_most = PLACES if one.asked.n_units == 1 else PLACES_OF_MANY
    edges = np.unique(np.linspace(place.min(), place.max() + 1, n_most + 1).astype(np.intp))
    numbers = np.searchsorted(edges, place, side="right") - 1
    numbers = np.where(drawn.weights > 0.0, numbers, -1)
    n_bins, used = len(edges) - 1, numbers >= 0
    size = np.bincount(numbers[used], minlength=n_bins)

    def mean(values: Array) -> Array:
        return np.bincount(numbers[used], values[used], n_bins) / np.maximum(size, 1)

    sums = drawn_sums(drawn, numbers[None], n_bins, one.asked.seed + 1)[0]
    lower, upper = np.quantile(sums / np.maximum(size, 1)[:, None], _ends(one.asked.prob), axis=1)
    scale, _ = rate_unit(drawn.family.words, clock.step)
    _, size_of_unit = unit_of_step(clock.step or 1.0)
    x = 0.5 * (edges[1:] + edges[:-1] - 1.0) * (clock.step or 1.0) / size_of_unit
    observed, expected = mean(one.told.observed[0]) * scale, mean(one.told.expected[0]) * scale
    kept = size > 0
    band = lower[kept] * scale, upper[kept] * scale
    return {"": Trace(x[kept], observed[kept], *band, expected[kept])}


def stretch(one: CheckedUnit, along: Along) -> Traces:
    """Return what was observed and expected sample by sample, in the middle of the recording.

    The band holds the expected mean with the probability, and not what is observed.
    """
    drawn, clock = one.drawn, one.asked.clock
    if not _is_course(one) or one.asked.n_units > MOST_STRETCHES:
        return {}
    rows = drawn.problem.design.predictors.rows
    first = max(0, (len(rows) - STRETCH) // 2)
    some = np.arange(first, min(len(rows), first + STRETCH))
    some = some[clock.start[rows[some]] == clock.start[rows[len(rows) // 2]]]
    means = np.empty((drawn.n_draws, len(some)))
    for part in drawn.ranges:
        own = np.isin(part.at, some)
        if own.any():
            expected = np.broadcast_to(drawn.family.expected(*part.told), (len(means), len(own)))
            means[:, np.searchsorted(some, part.at[own])] = expected[:, own]
    scale, _ = rate_unit(drawn.family.words, clock.step)
    observed = one.told.observed[0, some]
    lower, upper = np.quantile(means, _ends(one.asked.prob), axis=0) * scale
    x = _times(drawn, clock)[rows[some]]
    note = ""
    if drawn.family.words.counts_events:
        note = f"{observed.sum():,.0f} events, {means.sum(axis=1).mean():,.1f} expected"
    mean = means.mean(axis=0) * scale
    return {"": Trace(x, observed * scale, lower, upper, mean, dots=(x, observed), note=note)}


def _is_course(one: CheckedUnit) -> bool:
    """Say whether responses have a course in time with a mean."""
    words, model = one.drawn.family.words, one.drawn.problem.plan.model
    in_time = "autocorrelation" in one.parts and not one.drawn.family.n_levels
    return bool(in_time and model.censored is None and not words.circular)


def _times(drawn: Drawn, clock: Clock) -> Array:
    """Return the time of every sample in the unit of the eye, or its number."""
    dataset = drawn.problem.plan.dataset
    if "time" not in dataset.coords:
        return np.arange(clock.n_samples, dtype=float)
    times = np.asarray(seconds(dataset["time"]))
    return times / unit_of_step(clock.step or 1.0)[1]


def lag_unit(step: float | None) -> tuple[str, float]:
    """Return the unit of lags of so many seconds each, and its seconds; samples without time.

    >>> lag_unit(0.001), lag_unit(None)
    (('ms', 0.001), ('samples', 1.0))
    """
    return ("samples", 1.0) if step is None else unit_of_lags(np.array([step]))


def _is_of_chances(family: Family) -> bool:
    """Say whether what is predicted are chances: of yes, of trials, or of levels."""
    return bool(family.words.discrete and not family.words.counts)


def _ends(prob: float) -> list[float]:
    return [0.5 - prob / 2, 0.5 + prob / 2]
