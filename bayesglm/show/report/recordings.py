"""Recordings at a glance: the whole and a stretch in time, trials on each other, units by name."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from bayesglm.show.figures import (
    COLOURS,
    GREY,
    INK,
    MOST_LETTERS,
    hide_beyond,
    new_figure,
    not_drawn,
)
from bayesglm.show.raster import plot_raster
from bayesglm.show.report.cells import number, whole
from bayesglm.show.report.kinds import Data, Variable
from bayesglm.show.report.parts import Cell, Picture, Table
from bayesglm.show.text import plain
from bayesglm.show.units import ONE_OF, unit_of_lags, unit_of_step

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = np.ndarray
STRETCH = 600  # samples of a stretch in which single events can be told apart: chosen
MOST_PREDICTORS = 3  # drawn above the response
OVER_ALL = 100  # stretches of a whole recording, of each its mean
MOST_UNITS = 24  # of a population, each with a panel
MOST_INTERVALS = 60  # bins of intervals between events
AFTER = 0.3  # as long as what is drawn before an event is drawn after it
ACROSS = 4


def recording(data: Data) -> Picture:
    """Draw the whole recording in means, and a stretch: predictors, and events as ticks."""
    scalars = [one for one in data.scalars if one.holds == "numbers"][:MOST_PREDICTORS]
    n, x, label = _axis(data)
    stop = min(n, STRETCH)
    figure, axes = new_figure(2 + len(scalars), 1, 2.4 + 1.2 * len(scalars))
    values = data.observed.reshape(n, -1)[:, 0]
    means, edges = _over_all(values, x)
    per, unit = _rate_unit(data)
    axes[0, 0].stairs(means * per, edges, color=COLOURS[0], linewidth=1.2, baseline=None)
    axes[0, 0].set_ylabel(plain(data.response.name, 20) + f"\n{unit}", fontsize=9)
    axes[0, 0].set_xlabel(f"{label}: the whole recording in {len(means)} means", fontsize=9)
    part, told = slice(0, stop), []
    for ax, one in zip(axes[1:, 0], scalars, strict=False):
        ax.plot(x[part], one.numbers[part], color=COLOURS[1], linewidth=0.9)
        ax.set_ylabel(_named(one), fontsize=9)
        told.append(f"{one.name} between {_range(one.numbers[part])}")
    ax = axes[-1, 0]
    _draw_response(ax, data, x[part], values[part])
    ax.set_xlabel(f"{label}: the first {stop:,} samples", fontsize=9)
    for ax in axes[1:, 0]:
        ax.set_xlim(x[0], x[stop - 1] if stop > 1 else x[0] + 1.0)
    figure.align_ylabels()
    events = f"; {np.nansum(values[part]):,.0f} events" if data.are_events else ""
    alt = (
        f"Over the whole recording {data.response.name} lies between "
        f"{_range(means * per)}{unit and ' '}{unit}, "
        f"{_change(means)}. In the first {stop:,} samples: {'; '.join(told) or 'the response'}"
        f"{events}."
    )
    caption = (
        f"Top: the whole recording, in {len(means)} means. Below: its first {stop:,} samples, "
        + ("a tick for each event." if data.are_events else f"{data.response.name} at the bottom.")
    )
    rows = tuple((number(a), number(v * per)) for a, v in zip(edges[:-1], means, strict=True))
    return Picture(figure, caption, alt, Table((label, f"{data.response.name} {unit}"), rows))


def intervals(data: Data) -> Picture | None:
    """Draw the intervals between events, and the predictors' mean around an event."""
    values = data.observed.reshape(len(data.observed), -1)[:, 0]
    at = np.flatnonzero(values > 0)
    if len(at) < 2:
        return None
    gaps = np.diff(at)[data.start_of[at[1:]] == data.start_of[at[:-1]]]
    step, unit = data.step
    scalars = [one for one in data.scalars if one.holds == "numbers"][:MOST_PREDICTORS]
    lags = _lags(data)
    n = 1 + (len(scalars) if lags is not None else 0)
    figure, axes = new_figure(1, n, 2.6)
    last = float(np.quantile(gaps, 0.99)) if len(gaps) else 1.0
    width = max(1, int(np.ceil(last / MOST_INTERVALS)))
    edges = np.arange(0.5, last + width + 0.5, width)
    counts = np.histogram(gaps, edges)[0]
    axes[0, 0].stairs(counts, edges * step, fill=True, color=COLOURS[0], alpha=0.75)
    axes[0, 0].set_xlabel(f"interval between events ({unit})", fontsize=9)
    axes[0, 0].set_ylabel("intervals", fontsize=9)
    least, median = (step * float(one) for one in (gaps.min(), np.median(gaps)))
    told = [f"Intervals between events: {least:g} {unit} the shortest, {median:g} the median"]
    rows: list[tuple[Cell, ...]] = [
        ("intervals", number(e * step), number(c)) for e, c in zip(edges[:-1], counts, strict=True)
    ]
    for ax, one in zip(axes[0, 1:], scalars, strict=False):
        assert lags is not None
        mean = _around(one.numbers, at, lags, data.start_of)
        ax.axhline(np.nanmean(one.numbers), color=GREY, linewidth=1.0)
        ax.axvline(0, color=GREY, linewidth=0.8, linestyle=":")
        ax.plot(lags * step, mean, color=COLOURS[1], linewidth=1.6)
        ax.set_ylabel(f"mean {_named(one)}", fontsize=9)
        ax.set_xlabel(f"time from an event ({unit})", fontsize=9)
        k = int(np.nanargmax(np.abs(mean - np.nanmean(one.numbers))))
        told.append(
            f"{one.name} departs most from its mean {np.nanmean(one.numbers):.4g} at "
            f"{lags[k] * step:g} {unit} from an event: {mean[k]:.4g}"
        )
        rows += [
            (f"mean {one.name}", number(lag * step), number(v))
            for lag, v in zip(lags, mean, strict=True)
        ]
    shown = " Right: the mean of each predictor around an event (grey: over all samples)."
    caption = (
        f"Left: intervals between events, the longest 1% (above {last * step:g} {unit}) beyond the "
        f"axis.{shown if n > 1 else ''}"
    )
    table = Table(("what", f"at ({unit})", "value"), tuple(rows))
    return Picture(figure, caption, f"{'; '.join(told)}.", table)


def raster(data: Data) -> Picture:
    """Draw a tick for each event, in rows of trials or of units."""
    figure = plot_raster(data.dataset, data.response.name)
    n = np.nansum(data.observed)
    units = f" of {len(data.units):,} units" if data.units else ""
    if data.layout == "trials":
        trials = len(np.unique(data.start_of))
        alt = f"A raster{units}: {n:,.0f} events in {trials:,} trials, a row each."
        return Picture(figure, "Each event is a tick, each trial a row.", alt)
    alt = f"A raster{units}: {n:,.0f} events in all, a row for each unit."
    return Picture(figure, "Each event is a tick, each unit a row, by its name.", alt)


def over_trials(data: Data) -> Picture:
    """Draw the response over the time of a trial, averaged over trials, a panel for each unit."""
    since = np.arange(len(data.start_of)) - data.start_of
    step, unit = data.step
    n = int(since.max()) + 1
    values = data.observed.reshape(len(since), -1)
    per, of = _rate_unit(data)
    names = data.units or (data.response.name,)
    shown = min(len(names), MOST_UNITS)
    scalars = [one for one in data.scalars if one.holds == "numbers"][:MOST_PREDICTORS]
    panels = [(name, values[:, k] * per, COLOURS[0]) for k, name in enumerate(names[:shown])]
    panels = [(_named(one), one.numbers, COLOURS[1]) for one in scalars] + panels
    across = min(len(panels), ACROSS)
    down = -(-len(panels) // across)
    figure, axes = new_figure(down, across, 0.5 + 2.0 * down, sharex=True)
    hide_beyond(axes, len(panels))
    rows: list[tuple[Cell, ...]] = []
    told = []
    for k, (ax, (name, one, colour)) in enumerate(zip(axes.flat, panels, strict=False)):
        mean, error = _mean_over_trials(one, since, n)
        x = np.arange(n) * step
        low = np.maximum(mean - 2 * error, np.nanmin(one))
        ax.fill_between(x, low, mean + 2 * error, color=colour, alpha=0.25, lw=0)
        ax.plot(x, mean, color=colour, linewidth=1.4)
        ax.set_title(plain(name, MOST_LETTERS), loc="left", fontsize=9)
        if k + across >= len(panels):
            ax.set_xlabel(f"time in the trial ({unit})", fontsize=9)
            ax.tick_params(labelbottom=True)
        if k >= len(scalars):
            top = int(np.nanargmax(mean))
            told.append(f"{name}: highest {mean[top]:.3g} at {x[top]:g} {unit}")
        rows += [
            (name, number(a), number(m), number(e)) for a, m, e in zip(x, mean, error, strict=True)
        ]
    more = not_drawn(data.population, names[shown:], "the table of units holds them")
    caption = (
        f"Over the time of a trial, averaged over trials (bands: two standard errors): "
        f"{'predictors, then ' if scalars else ''}the response {of}. {more}"
    ).strip()
    table = Table(("panel", f"time in the trial ({unit})", "mean", "standard error"), tuple(rows))
    return Picture(figure, caption, f"{'; '.join(told)}.", table)


def units(data: Data) -> tuple[Picture, Table]:
    """Draw the mean of each unit's responses, by its name, and give them as a table."""
    values = data.observed
    per, of = _rate_unit(data)
    mean, n = np.nanmean(values, axis=0) * per, np.isfinite(values).sum(axis=0)
    spread, sums = np.nanstd(values, axis=0), np.nansum(values, axis=0)
    figure, axes = new_figure(1, 1, 2.6)
    ax, x = axes[0, 0], np.arange(len(mean))
    ax.plot(x, mean, "o", color=COLOURS[0], markersize=5 if len(mean) <= 60 else 2.5)
    ax.set_ylim(min(0.0, ax.get_ylim()[0]), ax.get_ylim()[1] + 0.05 * float(np.ptp(mean)))
    every = max(1, -(-len(mean) // 40))
    ax.set_xticks(x[::every], [plain(one, 12) for one in data.units[::every]])
    if sum(map(len, data.units[::every])) > 80:
        ax.tick_params("x", rotation=60)
    ax.set_xlabel(plain(data.population), fontsize=9)
    ax.set_ylabel(f"mean {plain(data.response.name, 20)}\n{of}", fontsize=9)
    total = ("events",) if data.are_events else ()
    counted = [(whole(one),) if total else () for one in sums]
    rows = tuple(
        (name, whole(n[k]), *counted[k], number(mean[k]), number(spread[k]))
        for k, name in enumerate(data.units)
    )
    head = (data.population, "samples", *total, f"mean {of}".strip(), "sd of a sample")
    low, high = int(np.nanargmin(mean)), int(np.nanargmax(mean))
    alt = (
        f"Means of {len(mean):,} units {of}, from {mean[low]:.3g} ({data.units[low]}) to "
        f"{mean[high]:.3g} ({data.units[high]})."
    )
    table = Table(head, rows, f"Each unit along {data.population!r}.")
    return Picture(figure, "The mean response of each unit.", alt, table), table


def _axis(data: Data) -> tuple[int, Array, str]:
    """Return the number of samples, where they stand, and what the axis is called."""
    n = len(data.start_of)
    if data.time is None:
        return n, np.arange(n, dtype=float), "sample"
    unit, size = unit_of_lags(np.array([0.0, data.time[-1] - data.time[0]]))
    return n, (data.time - data.time[0]) / size, f"time ({unit})"


def _rate_unit(data: Data) -> tuple[float, str]:
    """Return what a mean of samples is multiplied by to be a rate, and its unit in words."""
    if not data.are_events or data.time is None:
        return 1.0, "" if data.response.holds == "numbers" else "per sample"
    inside = np.diff(data.start_of) == 0
    seconds = float(np.median(np.diff(data.time)[inside]))
    unit, size = unit_of_step(seconds)
    return size / seconds, f"per {ONE_OF.get(unit, unit)}"


def _over_all(values: Array, x: Array) -> tuple[Array, Array]:
    """Return the mean in each of some stretches of all samples, and their ends."""
    n = min(OVER_ALL, len(values))
    cuts = np.linspace(0, len(values), n + 1).astype(int)
    means = np.array(
        [
            part.mean() if (part := values[a:b][np.isfinite(values[a:b])]).size else np.nan
            for a, b in itertools.pairwise(cuts)
        ]
    )
    ends = np.append(x[cuts[:-1]], x[-1] + (x[-1] - x[-2] if len(x) > 1 else 1.0))
    return means, ends


def _draw_response(ax: Axes, data: Data, x: Array, values: Array) -> None:
    known = np.isfinite(values)
    if data.are_events:
        at = np.repeat(x[known], values[known].astype(int))
        ax.vlines(at, 0, 1, color=INK, linewidth=0.8)
        ax.set_yticks([])
    elif data.response.holds in ("levels", "yes or no"):
        ax.plot(x, values, color=INK, linestyle="none", marker=".", markersize=3)
        labels = [plain(one, MOST_LETTERS) for one in data.model.levels or ("no", "yes")]
        ax.set_yticks(range(len(labels)), labels)
    else:
        ax.plot(x, values, color=INK, linewidth=0.9)
    of_events = plain(data.response.name, 20)
    ax.set_ylabel(of_events if data.are_events else _named(data.response), fontsize=9)


def _named(variable: Variable) -> str:
    unit = f"\n({plain(variable.unit, 20)})" if variable.unit else ""
    return plain(variable.name, 20) + unit


def _range(values: Array) -> str:
    known = values[np.isfinite(values)]
    return f"{known.min():.4g} and {known.max():.4g}" if known.size else "nothing known"


def _change(means: Array) -> str:
    """Say how the last tenth of some means differs from the first."""
    tenth = max(1, len(means) // 10)
    first, last = np.nanmean(means[:tenth]), np.nanmean(means[-tenth:])
    if not first > 0.0:
        return f"{last - first:+.3g} from its first tenth to its last"
    return f"{last / first - 1.0:+.0%} from its first tenth to its last"


def _lags(data: Data) -> Array | None:
    """Return the samples around an event that the longest lagged term of a predictor reads."""
    step = None
    if data.time is not None:
        step = float(np.median(np.diff(data.time)[np.diff(data.start_of) == 0]))
    ranges = [
        lags
        for model in data.models
        for term in model.every_term
        if term.is_lagged and not term.reads_response
        for lags in [term.lag_range(step)]
        if lags
    ]
    if not ranges:
        return None
    longest = max(max(abs(one[0]), abs(one[-1])) for one in ranges) + 1
    return np.arange(-longest, int(AFTER * longest) + 2)


def _around(values: Array, at: Array, lags: Array, start_of: Array) -> Array:
    """Return the mean of values at lags around events, inside their own trials."""
    n, means = len(values), np.full(len(lags), np.nan)
    for k, lag in enumerate(lags):
        places = at + lag
        inside = (places >= 0) & (places < n)
        places, own = places[inside], at[inside]
        same = values[places[start_of[places] == start_of[own]]]
        same = same[np.isfinite(same)]
        means[k] = same.mean() if same.size else np.nan
    return means


def _mean_over_trials(values: Array, since: Array, n: int) -> tuple[Array, Array]:
    known = np.isfinite(values)
    count = np.bincount(since[known], minlength=n).astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(since[known], values[known], minlength=n) / count
        square = np.bincount(since[known], (values[known] - mean[since[known]]) ** 2, minlength=n)
        return mean, np.sqrt(square / np.maximum(count - 1, 1) / count)
