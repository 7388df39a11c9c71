"""Predictions along one variable as a picture: lines and bands, or dots and intervals."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bayesglm.show.effect_lines import CHOOSES, Along, Lines, lines_of
from bayesglm.show.figures import CHOOSES as CHOOSES_UNITS
from bayesglm.show.figures import (
    COLOURS,
    GREY,
    MOST_LETTERS,
    hide_beyond,
    legend_height,
    members,
    named_handles,
    new_figure,
    not_drawn,
    write_note,
)
from bayesglm.show.text import plain
from bayesglm.show.units import link_unit, mean_of
from bayesglm.spec.families import FAMILY_NAMES, LINK_NAMES

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray
MOST_PANELS = 12
COLUMNS, HEIGHT, HIGHER = 3, 2.7, 3.4  # of panels, in inches; of those in one row
MOST_UNITS = 4  # of a population, each with panels of its own
MOST_DOTS = 600  # samples, of more of which means are drawn: chosen
BINS, LEAST = 10, 20  # means along a line at most, and samples of each at least: chosen
INSIDE = (0.01, 0.99)  # quantiles of the data that an axis reaches for beyond the lines
SIDE, NUDGE = 0.6, 0.18  # of the distance of two labels, across which colours stand, and dots aside
MOST_LETTERS_ACROSS = 70  # of labels side by side under all panels of a row
OBSERVED, MEANS = "observed", "observed means"
MODE, MEDIAN = "MAP estimate", "posterior median, with 94% interval"


def plot_effects(
    fit: xr.DataTree,
    variable: str,
    by: Any = None,
    *,
    at: Mapping[str, Any] | None = None,
    kind: str = "mean",
    groups: str | None = None,
    observed: bool = True,
    units: Any = None,
) -> Figure:
    """Draw what a fit predicts along one variable, with 94% intervals, over the data.

    A variable of numbers is a line (the posterior median) with a band, a factor dots with bars;
    each stands for one sample whose other predictors are held at their mean, or most frequent
    level, as the note below the figure says. Lines go as far as the samples of the same levels do.
    The data are small dots, whose other predictors are not held; of yes and no, and of more than
    600 samples, they are hollow and means: of neighbours along a line, 20 at least, or of a level.

    Parameters
    ----------
    fit : xarray.DataTree
        Any fit whose predictions need no samples before or after.
    variable : str
        The predictor along the axis.
    by : str or sequence of str, optional
        Predictors that split the lines: the first by colours, others by panels. Numbers stand at
        their quartiles, where they are more than 6. Of responses of labels each has a colour, and
        all of ``by`` split panels.
    at : mapping of names to values, optional
        Where other predictors are held; of ``variable`` and ``by`` the values to draw.
    kind : {"mean", "linear"} or a dispersion's name
        As in `predictions`. Of counts out of trials the mean is a probability.
    groups : {"own", "average", "zero"}, optional
        As in `predict`; by default the average over all levels, where no factor of a `Group` is
        drawn, and else the effects of the levels that are.
    observed : bool
        Whether the data are drawn, beside means only.
    units : label or sequence of labels, optional
        Members of a population to draw: at most 4 of them, the first by default.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        A variable that the fit does not read, or with several values for each sample; a fit with
        lagged terms, whose kernels `plot_kernels` draws; values of ``at`` that no sample can have.
    ModelError
        An unknown ``kind`` or ``groups``, or an average over groups that has none.

    Examples
    --------
    >>> import bayesglm as bg
    >>> data = {"y": [2, 0, 3, 1, 4, 1, 5], "x": [0.1, -0.9, 1.2, -0.3, 0.8, 0.2, 1.5]}
    >>> fitted = bg.fit(bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0)), data)
    >>> figure = bg.plot_effects(fitted, "x")
    >>> figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()
    ('x', 'mean of y')
    """
    return effects_figure({"": lines_of(fit, variable, by, at, kind, groups)}, observed, units)


class Observed(NamedTuple):
    """The data on the axes of a figure: heights ``(units, samples)``, and how often each counts.

    ``x`` are values along a line, else places; ``places`` those of each split, in which a sample
    ``is_apart`` where the split is of numbers between which samples lie. ``is_mean`` says that dots
    are means of several samples.
    """

    x: Array
    y: Array
    weights: Array
    places: dict[str, Array]
    is_apart: dict[str, Array]
    is_mean: bool

    def dots(self, rows: Array, unit: int, x: Along) -> tuple[Array, Array]:
        """Return the dots of some samples: themselves, or means of bins, or at each place."""
        rows = rows[np.isfinite(self.x[rows]) & (self.x[rows] >= 0.0 if not x.is_line else True)]
        place, y, weights = self.x[rows], self.y[unit, rows], self.weights[rows]
        if not self.is_mean:
            return place, y
        part = _bins(place, weights) if x.is_line else place.astype(np.intp)
        total = np.bincount(part, weights)
        there = total > 0.0
        means = (np.bincount(part, weights * one)[there] / total[there] for one in (place, y))
        at, height = means
        return at, height


def _bins(x: Array, weights: Array) -> Array:
    """Return the bin of each sample, neighbours together, as many samples in each.

    >>> _bins(np.arange(8.0), np.full(8, 5.0))
    array([0, 0, 0, 0, 1, 1, 1, 1])
    """
    order = np.argsort(x, kind="stable")
    upto = np.cumsum(weights[order])
    n = int(np.clip(weights.sum() // LEAST, 1, BINS))
    bins = np.zeros(len(x), dtype=np.intp)
    if len(x):
        bins[order] = ((upto - 0.5 * weights[order]) / upto[-1] * n).astype(np.intp)
    return bins


class Panel(NamedTuple):
    """A part of the lines of one fit: one unit, at one value of each split that has no colour."""

    title: str
    of: str
    lines: Lines
    unit: int
    at: dict[str, int]


def effects_figure(fits: Mapping[str, Lines], observed: bool = True, units: Any = None) -> Figure:
    """Draw the same lines of one fit or several, side by side on one scale, over the data.

    The fits' names stand above their panels.
    """
    panels, notes = _panels(fits, units)
    lines = panels[0].lines
    columns = 2 if len(panels) == 4 else min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    height = 1.0 + (HEIGHT if rows > 1 else HIGHER) * rows + legend_height(len(_colours(lines)))
    figure, axes = new_figure(rows, columns, height, sharex=True, sharey=True)
    hide_beyond(axes, len(panels))
    seen = {name: observed_of(one) if observed else None for name, one in fits.items()}
    dots = []
    for k, (ax, panel) in enumerate(zip(axes.flat, panels, strict=False)):
        data = seen[panel.of]
        if data is not None:
            dots += [_draw_observed(ax, panel, data)]
        _draw(ax, panel)
        ax.set_title(panel.title, loc="left", fontsize=10)
        if k + columns >= len(panels):
            ax.set_xlabel(lines.x.label, fontsize=10)
            ax.tick_params(labelbottom=True)
    for ax in axes[:, 0]:
        ax.set_ylabel(value_of(lines), fontsize=10)
    _set_limits(axes[0, 0], fits, np.concatenate([*dots, np.empty(0)]))
    _add_legend(figure, axes, lines, next(iter(seen.values())))
    told = dict.fromkeys(note for one in fits.values() for note in (one.held, *one.notes))
    write_note(figure, " ".join(filter(None, [*told, *notes])))
    return figure


def observed_of(lines: Lines) -> Observed | None:
    """Return the data on the scale of the predictions; None where they have no such number.

    Rates are at the exposure, or the offset, that the predictions are of.
    """
    model, fitted, words = lines.model, lines.fitted, FAMILY_NAMES[lines.model.family]
    link = LINK_NAMES[model.link_name]
    if lines.kind != "mean" or lines.levels or model.censored is not None:
        return None
    if model.offset is not None and not link.is_log:
        return None
    rows, y = fitted.observed.rows, []
    for problem, predictors in zip(fitted.problems, fitted.observed.every, strict=True):
        own = np.asarray(problem.design.typical, dtype=float)[rows]
        trials = predictors.trials
        y.append(own if trials is None else own / np.maximum(trials[rows], 1))
    values = np.stack(y)
    if model.exposure is not None:
        values = (
            values * lines.grid[model.exposure].iloc[0] / fitted.observed.column(model.exposure)
        )
    if model.offset is not None:
        values = values * np.exp(lines.grid[model.offset].iloc[0] - _column(lines, model.offset))
    counts = lines.x.column.weights > 0.0
    is_mean = bool(words.noun == "probability" or counts.sum() > MOST_DOTS)
    places = {one.name: one.places() for one in lines.splits}
    splits = {one.name: np.full(len(counts), one.is_between) for one in lines.splits}
    x = lines.x.column.values if lines.x.is_line else lines.x.places()
    return Observed(x.astype(float), values, lines.x.column.weights, places, splits, is_mean)


def _column(lines: Lines, name: str) -> Array:
    """Return a variable on the samples in use."""
    column = lines.fitted.observed.column(name)
    assert column is not None
    return column


def value_of(lines: Lines) -> str:
    """Name what is predicted, for an axis."""
    model, words = lines.model, FAMILY_NAMES[lines.model.family]
    if lines.kind == "linear":
        return f"linear predictor\n({link_unit(model, 'intercept')})"
    if lines.kind != "mean":
        return plain(f"{lines.kind} of {model.response}")
    if lines.levels:
        return f"probability of {plain(model.response, MOST_LETTERS)}"
    named = plain(mean_of(model.response, words))
    unit = lines.fitted.stored[model.response].attrs.get("units")
    return f"{named} ({plain(unit)})" if unit else named


def _panels(fits: Mapping[str, Lines], units: Any) -> tuple[list[Panel], list[str]]:
    """Return the panels that are drawn, and notes on those left out."""
    plan = next(iter(fits.values())).fitted.plan
    chosen = members(units, plan.labels, plan.population)
    panels = []
    for fit, lines in fits.items():
        apart = lines.splits if lines.levels else lines.splits[1:]
        for unit in chosen[:MOST_UNITS]:
            name = [] if plan.labels is None else [f"{plan.population} {plan.labels[unit]}"]
            for at in product(*(range(len(one.values)) for one in apart)):
                own = dict(zip((one.name for one in apart), at, strict=True))
                titles = [f"{one.name} {one.words[k]}" for one, k in zip(apart, at, strict=True)]
                parts = filter(None, [fit, *name, *titles])
                title = ", ".join(plain(part, MOST_LETTERS) for part in parts)
                panels.append(Panel(title, fit, lines, int(unit), own))
    labels = () if plan.labels is None else plan.labels[chosen[MOST_UNITS:]]
    notes = [not_drawn(str(plan.population), labels, CHOOSES_UNITS)]
    if len(panels) > MOST_PANELS:
        notes.append(f"Not drawn: {len(panels) - MOST_PANELS} more panels; {CHOOSES}.")
    return panels[:MOST_PANELS], notes


def _colours(lines: Lines) -> list[str]:
    """Return what each colour stands for: levels of the response, or of the first split."""
    if lines.levels:
        return [plain(one, MOST_LETTERS) for one in lines.levels]
    return [plain(one, MOST_LETTERS) for one in lines.splits[0].words] if lines.splits else [""]


def _draw(ax: Axes, panel: Panel) -> None:
    """Draw the lines, or the dots, of one panel."""
    lines, table = panel.lines, panel.lines.table
    inside = table["within"] & (table["unit"] == panel.unit)
    for name, place in panel.at.items():
        inside &= table[name] == place
    names = _colours(lines)
    coloured = "level" if lines.levels else lines.splits[0].name if lines.splits else "level"
    for k, name in enumerate(names):
        own = table[inside & (table[coloured] == k)]
        middle, low, high = (own[one].to_numpy() for one in ("estimate", "conf_low", "conf_high"))
        look: dict[str, Any] = {"color": COLOURS[k % len(COLOURS)]}
        label = name or _single(lines)
        x = _positions(lines, own["x"].to_numpy(), k, len(names))
        if lines.x.is_line:
            ax.fill_between(x, low, high, alpha=0.22, lw=0, **look)
            dash = ("-", "--", ":")[k // len(COLOURS) % 3]
            ax.plot(x, middle, dash, linewidth=1.8, label=label, **look)
        else:
            ax.vlines(x, low, high, linewidth=2.0, **look)
            ax.plot(x, middle, "o", markersize=5, label=label, **look)


def _single(lines: Lines) -> str:
    """Name the one line of a figure."""
    return MODE if lines.is_map else MEDIAN


def _positions(lines: Lines, places: Array, k: int, n: int) -> Array:
    """Return where the k-th of n colours stands on the axis: at numbers, else side by side."""
    if lines.x.is_line:
        return np.array(lines.x.values)[places]
    return places + SIDE * ((k + 0.5) / n - 0.5)


def _draw_observed(ax: Axes, panel: Panel, seen: Observed) -> Array:
    """Draw the data of one panel, by colour where samples have one; return their heights."""
    lines = panel.lines
    inside = np.ones(len(seen.weights), dtype=bool)
    for name, place in panel.at.items():
        inside &= (seen.places[name] == place) | seen.is_apart[name]
    first = lines.splits[0].name if lines.splits and not lines.levels else ""
    by_colour = bool(first) and not seen.is_apart[first].any()
    n = len(_colours(lines)) if by_colour else 1
    heights = []
    for k in range(n):
        own = np.flatnonzero(inside & (seen.places[first] == k) if by_colour else inside)
        x, y = seen.dots(own, panel.unit, lines.x)
        if not lines.x.is_line:
            x = x + SIDE * ((k + 0.5) / n - 0.5) + NUDGE / n
        look: dict[str, Any] = {"color": COLOURS[k % len(COLOURS)] if by_colour else GREY}
        hollow = {"markerfacecolor": "none"} if seen.is_mean else {"alpha": 0.45, "mew": 0}
        size = 5 if seen.is_mean else 3.5
        ax.plot(x, y, "o", markersize=size, zorder=1, **look, **hollow)
        heights.append(y)
    return np.concatenate(heights)


def _set_limits(ax: Axes, fits: Mapping[str, Lines], dots: Array) -> None:
    """Let the axes hold all lines with their intervals, and most of the data."""
    lines, *_ = fits.values()
    shown = [one.table[one.table["within"]] for one in fits.values()]
    columns = ["estimate", "conf_low", "conf_high"]
    ends = np.concatenate([one[columns].to_numpy().ravel() for one in shown])
    ends = ends[np.isfinite(ends)]
    if dots.size:
        ends = np.concatenate([ends, np.quantile(dots, INSIDE)])
    low, high = float(ends.min()), float(ends.max())
    room = 0.06 * ((high - low) or abs(high) or 1.0)
    ax.set_ylim(low - room, high + room)
    if not lines.x.is_line:
        words = [plain(one, MOST_LETTERS) for one in lines.x.words]
        is_long = sum(map(len, words)) > MOST_LETTERS_ACROSS
        turn: dict[str, Any] = {"rotation": 40, "ha": "right"} if is_long else {}
        ax.set_xticks(range(len(words)), words, **turn)
        ax.set_xlim(-0.6, len(words) - 0.4)


def _add_legend(figure: Figure, axes: Array, lines: Lines, seen: Observed | None) -> None:
    """Say what colours are, and what the dots of the data."""
    from matplotlib.lines import Line2D

    handles = named_handles(axes)
    if seen is not None:
        look: dict[str, Any] = (
            {"mfc": "none", "ms": 5.0} if seen.is_mean else {"mew": 0.0, "ms": 3.5}
        )
        dot = Line2D([], [], color=GREY, marker="o", linestyle="none", **look)
        handles[MEANS if seen.is_mean else OBSERVED] = dot
    title = lines.model.response if lines.levels else lines.splits[0].name if lines.splits else None
    figure.legend(
        handles.values(),
        handles.keys(),
        loc="outside upper left",
        ncols=5,
        frameon=False,
        title=None if title is None else plain(title, MOST_LETTERS),
        alignment="left",
        fontsize=10,
    )
