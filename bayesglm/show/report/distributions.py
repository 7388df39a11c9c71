"""How variables are distributed, and how the response goes with each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bayesglm.show.figures import COLOURS, INK, MOST_LETTERS, hide_beyond, new_figure
from bayesglm.show.report.kinds import GROUP, Data, Variable
from bayesglm.show.report.parts import Cell, Number, Picture, Table
from bayesglm.show.text import plain
from bayesglm.show.units import mean_of
from bayesglm.spec.families import FAMILY_NAMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = np.ndarray
MOST_PANELS = 16  # variables that are drawn; the table of variables holds all: chosen
MOST_LEVELS = 12  # of one variable that are drawn, the most frequent
MOST_EACH = 40  # whole numbers in a row that have a bar each
MOST_VALUES = 200_000  # of a field whose distribution is drawn, evenly spaced
BINS, GROUPED = 30, 10  # bins of a histogram, and of a predictor whose response is averaged
ACROSS = 4
HEIGHT = 1.9  # inches of a row of panels


class Means(NamedTuple):
    """What is averaged of each row: ``of (rows, series)`` over ``per (rows,)``, and its names.

    Means are sum(of) / sum(per): of counts with an exposure a rate, of trials a share.
    """

    of: Array
    per: Array
    names: tuple[str, ...]
    label: str

    def within(self, rows: Array) -> tuple[Array, Array]:
        """Return the mean of each series over some rows, and its standard error."""
        of, per = self.of[rows], self.per[rows]
        known = np.isfinite(of).all(axis=1) & np.isfinite(per)
        of, per = of[known], per[known]
        total, n = per.sum(), len(per)
        if n == 0 or total <= 0.0:
            return np.full(self.of.shape[1], np.nan), np.full(self.of.shape[1], np.nan)
        mean = of.sum(axis=0) / total
        rest = ((of - mean * per[:, None]) ** 2).sum(axis=0)
        error = np.sqrt(rest * n / (n - 1)) / total if n > 1 else np.full(len(mean), np.nan)
        return mean, error


def means_of(data: Data) -> Means:
    """Return what is averaged of the response: amounts, rates, or the shares of labels."""
    model, words = data.model, FAMILY_NAMES[data.model.family]
    values = data.observed
    n = len(values)
    numbers = {one.name: one.numbers for one in data.scalars}
    weights = np.ones(n) if model.weights is None else numbers[model.weights]
    per, label = weights, mean_of(data.response.name, words)
    names: tuple[str, ...] = ("",)
    of = values.reshape(n, -1)
    if data.population:
        of = np.nanmean(of, axis=1)[:, None]
    elif words.counts_levels:
        per = weights * of.sum(axis=1)
        names, label = tuple(map(str, model.levels or ())), f"share of {data.response.name}"
    elif words.labels is not None and words.labels.most != 2:
        names = tuple(map(str, model.levels or ()))
        of = np.where(np.isfinite(of), of == np.arange(len(names)), np.nan)
        label = f"share of {data.response.name}"
    elif model.trials is not None:
        per = weights * numbers[model.trials]
    elif model.exposure is not None:
        per = weights * numbers[model.exposure]
        label = f"rate of {data.response.name} per {model.exposure}"
    return Means(of * weights[:, None], per, names, label)


def distributions(data: Data) -> Picture:
    """Draw histograms of numbers, bars of counts and levels, the response first."""
    every = [data.response, *(one for one in data.variables if one is not data.response)]
    every = [one for one in every if one.holds != "times" and one.part != GROUP]
    drawn = every[:MOST_PANELS]
    rows: list[tuple[Cell, ...]] = []
    seen = []
    figure, axes = _grid(len(drawn))
    for ax, variable in zip(axes.flat, drawn, strict=False):
        own = _levels_of(data, variable)
        if own is None:
            bars = _histogram(_some_numbers(variable))
            _draw_histogram(ax, bars, variable)
        else:
            bars = own
            _draw_levels(ax, bars)
        rows += [(variable.name, *one) for one in bars.cells()]
        seen.append(f"{variable.name}: {bars.said()}")
        ax.set_title(plain(variable.name, MOST_LETTERS), loc="left", fontsize=10)
    left_out = [one.name for one in every[MOST_PANELS:]]
    more = (
        f" Not drawn: {len(left_out):,} more variables, which the table holds." if left_out else ""
    )
    caption = f"How often each value occurs, the response {data.response.name!r} first.{more}"
    alt = f"{len(drawn)} histograms. {'; '.join(seen)}."
    table = Table(("variable", "from, or level", "to", "samples"), tuple(rows))
    return Picture(figure, caption, alt, table)


class Bars(NamedTuple):
    """How often values lie between edges, or levels occur; ``left_out`` are levels not drawn."""

    counts: Array
    edges: Array
    labels: tuple[str, ...] = ()
    left_out: int = 0

    def cells(self) -> list[tuple[Cell, ...]]:
        """Return the bars as rows: from, to, how many."""
        counts = [Number(float(one), f"{one:,.0f}") for one in self.counts]
        if self.labels:
            return [(label, "", n) for label, n in zip(self.labels, counts, strict=True)]
        ends = [Number(float(one), short(one)) for one in self.edges]
        return list(zip(ends[:-1], ends[1:], counts, strict=True))

    def said(self) -> str:
        """Say what is seen."""
        if not len(self.counts) or not self.counts.sum():
            return "no value"
        top = int(np.argmax(self.counts))
        share = f"{self.counts[top] / self.counts.sum():.0%}"
        if self.labels:
            n = len(self.labels) + self.left_out
            return f"{n:,} levels, {self.labels[top]} the most frequent ({share} of those drawn)"
        return (
            f"from {short(self.edges[0])} to {short(self.edges[-1])}, most often between "
            f"{short(self.edges[top])} and {short(self.edges[top + 1])} ({share})"
        )


def short(value: float) -> str:
    """Write a number of some axis in few letters, years and the like whole.

    >>> short(2014.0), short(0.123456), short(1.2e9)
    ('2014', '0.123', '1.2e+09')
    """
    return f"{value:.3g}" if not 1e3 <= abs(value) < 1e7 else f"{value:.0f}"


def _grid(n: int, **keywords: Any) -> tuple:
    across = min(n, ACROSS)
    down = -(-n // across)
    figure, axes = new_figure(down, across, 0.3 + HEIGHT * down, **keywords)
    hide_beyond(axes, n)
    for ax in axes.flat:
        ax.tick_params(labelsize=8)
    return figure, axes


def _some_numbers(variable: Variable) -> Array:
    values = variable.numbers.reshape(-1)
    values = values[:: -(-len(values) // MOST_VALUES)] if variable.values.ndim > 1 else values
    return values[np.isfinite(values)]


def _levels_of(data: Data, variable: Variable) -> Bars | None:
    """Return the levels of a variable with their counts; None of numbers."""
    words = FAMILY_NAMES[data.model.family]
    if variable is data.response and words.counts_levels:
        totals, labels = np.nansum(data.observed, axis=0), data.model.levels or ()
        return _most_frequent(totals, tuple(map(str, labels)))
    if variable is data.response and words.labels is not None:
        labels = data.model.levels or ("no", "yes")
        codes = data.observed
    elif variable.holds == "yes or no":
        labels, codes = ("no", "yes"), variable.numbers
    elif variable.holds == "levels":
        labels, codes = tuple(variable.levels), variable.numbers
    else:
        return None
    counts = np.bincount(codes[np.isfinite(codes)].astype(int), minlength=len(labels))
    return _most_frequent(counts, tuple(map(str, labels)))


def _most_frequent(counts: Array, labels: tuple[str, ...]) -> Bars:
    """Keep the levels that have room, in their order."""
    kept = np.sort(np.argsort(-counts, kind="stable")[:MOST_LEVELS])
    names = tuple(labels[k] for k in kept)
    return Bars(counts[kept], np.zeros(0), names, len(labels) - len(kept))


def _histogram(values: Array) -> Bars:
    if not len(values):
        return Bars(np.zeros(0), np.zeros(1))
    low, high = float(values.min()), float(values.max())
    if np.all(values == np.floor(values)):
        width = np.ceil((high - low + 1.0) / MOST_EACH)  # of whole numbers each bin has as many
        edges = np.arange(low - 0.5, high + width, width)
    elif high > low:
        edges = np.linspace(low, high, BINS + 1)
    else:
        edges = np.array([low - 0.5, high + 0.5])
    return Bars(np.histogram(values, edges)[0], edges)


def _draw_histogram(ax: Axes, bars: Bars, variable: Variable) -> None:
    if len(bars.counts):
        ax.stairs(bars.counts, bars.edges, fill=True, color=COLOURS[0], alpha=0.75)
    ax.set_ylim(bottom=0)
    ax.yaxis.set_major_locator(_few())
    ax.xaxis.set_major_locator(_few(5, whole=variable.holds == "counts"))
    if variable.unit:
        ax.set_xlabel(plain(variable.unit, MOST_LETTERS), fontsize=9)


def _few(most: int = 4, whole: bool = False) -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(nbins=most, steps=[1, 2, 5, 10], integer=whole)


def _draw_levels(ax: Axes, bars: Bars) -> None:
    """Draw a bar for each level, the first on top."""
    y = np.arange(len(bars.labels))
    ax.barh(y, bars.counts, color=COLOURS[0], alpha=0.75, height=0.75)
    ax.set_yticks(y, [plain(one, 14) for one in bars.labels], fontsize=8 if len(y) < 9 else 6.5)
    ax.set_ylim(len(y) - 0.4, -0.6)
    ax.xaxis.set_major_locator(_few())
    if bars.left_out:
        ax.set_xlabel(f"and {bars.left_out:,} more levels", fontsize=8)


def response_against(data: Data) -> Picture | None:
    """Draw means of the response in bins of each predictor, or at each of its levels.

    None where there is nothing to draw, or of censored responses, whose means say nothing.
    """
    aside = {*data.model.roles.values(), *data.groups}
    predictors = [one for one in data.scalars if one.name not in aside]
    if not predictors or any(model.censored for model in data.models):
        return None
    drawn, means = predictors[:MOST_PANELS], means_of(data)
    figure, axes = _grid(len(drawn), sharey=True)
    rows: list[tuple[Cell, ...]] = []
    seen = []
    for k, (ax, variable) in enumerate(zip(axes.flat, drawn, strict=False)):
        where, labels, parts = _parts(variable)
        at = np.array([means.within(part) for part in parts]).transpose(1, 2, 0)
        _draw_means(ax, where, labels, at, means)
        ax.set_title(plain(variable.name, MOST_LETTERS), loc="left", fontsize=10)
        if k % ACROSS == 0:
            ax.set_ylabel(plain(means.label, MOST_LETTERS), fontsize=9)
        for s, name in enumerate(means.names):
            rows += _rows(variable, name, labels or [short(one) for one in where], parts, at[:, s])
        seen.append(_seen(variable, where, labels, at[0, 0]))
    if len(means.names) > 1:
        handles, names = axes.flat[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper right", ncols=4, frameon=False, fontsize=9)
    left_out = len(predictors) - len(drawn)
    pooled = f", averaged over {data.population!r}" if data.population else ""
    caption = (
        f"{means.label[:1].upper()}{means.label[1:]}{pooled} against each predictor by itself "
        f"(bars: two standard errors); numbers in {GROUPED} bins of equally many samples."
        + (f" Not drawn: {left_out:,} more predictors." if left_out else "")
    )
    head = ("variable", "at", "response", "mean", "standard error", "samples")
    return Picture(figure, caption, f"{'; '.join(seen)}.", Table(head, tuple(rows)))


def _parts(variable: Variable) -> tuple[Array, list[str], list[Array]]:
    """Return where parts of the samples stand, their labels if these are levels, and each part."""
    values = variable.numbers
    if variable.holds in ("levels", "yes or no"):
        labels = (
            [str(one) for one in variable.levels] if variable.holds == "levels" else ["no", "yes"]
        )
        counts = np.bincount(values[np.isfinite(values)].astype(int), minlength=len(labels))
        kept = np.sort(np.argsort(-counts, kind="stable")[:MOST_LEVELS])
        return (
            np.arange(len(kept)),
            [labels[k] for k in kept],
            [np.flatnonzero(values == k) for k in kept],
        )
    distinct = np.unique(values[np.isfinite(values)])
    if len(distinct) <= GROUPED:
        return distinct, [], [np.flatnonzero(values == one) for one in distinct]
    edges = np.unique(np.nanquantile(values, np.linspace(0.0, 1.0, GROUPED + 1)))
    places = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    places = np.where(np.isfinite(values), places, -1)
    parts = [np.flatnonzero(places == k) for k in range(len(edges) - 1)]
    parts = [part for part in parts if len(part)]
    return np.array([values[part].mean() for part in parts]), [], parts


def _draw_means(ax: Axes, where: Array, labels: list[str], at: Array, means: Means) -> None:
    markers = "osD^vP"
    n = len(means.names)
    apart = float(np.ptp(where)) / max(len(where) - 1, 1) if len(where) > 1 else 1.0
    for s, name in enumerate(means.names):
        x = where + 0.5 * apart * (s - 0.5 * (n - 1)) / max(n, 4)
        colour = COLOURS[s % len(COLOURS)] if n > 1 else INK
        mean, error = at[:, s]
        ax.vlines(x, mean - 2 * error, mean + 2 * error, color=colour, linewidth=1.4)
        look: dict[str, Any] = {
            "color": colour,
            "markersize": 4,
            "label": plain(name, MOST_LETTERS),
        }
        ax.plot(x, mean, markers[s % len(markers)], **look)
    ax.yaxis.set_major_locator(_few(5))
    if labels:
        ax.set_xticks(where, [plain(one, 12) for one in labels])
        ax.set_xlim(-0.6, len(labels) - 0.4)
        if sum(map(len, labels)) > 18:
            ax.tick_params("x", rotation=40)
            for label in ax.get_xticklabels():
                label.set(horizontalalignment="right", rotation_mode="anchor")
    else:
        ax.xaxis.set_major_locator(_few(5))


def _rows(
    variable: Variable, name: str, at: Sequence[str], parts: list[Array], told: Array
) -> list[tuple[Cell, ...]]:
    return [
        (
            variable.name,
            place,
            name,
            Number(float(mean), f"{mean:.4g}"),
            Number(float(error), f"{error:.2g}"),
            Number(float(len(part)), f"{len(part):,}"),
        )
        for place, part, mean, error in zip(at, parts, *told, strict=True)
    ]


def _seen(variable: Variable, where: Array, labels: list[str], mean: Array) -> str:
    """Say where the mean is lowest and highest."""
    if not np.isfinite(mean).any():
        return f"{variable.name}: nothing observed"
    low, high = int(np.nanargmin(mean)), int(np.nanargmax(mean))
    names = labels or [short(one) for one in where]
    return (
        f"{variable.name}: lowest {mean[low]:.3g} at {names[low]}, "
        f"highest {mean[high]:.3g} at {names[high]}"
    )
