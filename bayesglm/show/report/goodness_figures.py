"""Panels of traces: a model beside a model, or a unit beside a unit, on the same scales."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bayesglm.show.figures import (
    COLOURS,
    GREY,
    INK,
    MOST_LETTERS,
    hide_beyond,
    is_event_train,
    legend_height,
    log_axis,
    named_handles,
    new_figure,
    write_note,
)
from bayesglm.show.prior_predictive import root
from bayesglm.show.report.traces import Trace
from bayesglm.show.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray
MOST_PANELS = 24  # of a figure; the numbers of all are in its data: chosen
MOST_TICKS = 9  # names of places below a panel
ACROSS = 3  # panels in a row, of models; of many units four
FEW = 12  # places of a curve, up to which it is drawn as bars
FAR = 20.0  # the largest place over the smallest, from which axes are of ratios
SAME = 0.05  # of their height, by which bands differ at most that are drawn once: chosen
APART = 0.16  # of the distance of two places, that models stand apart at one

type Panels = Mapping[str, Mapping[str, Trace]]  # by unit or level, then by model


@dataclass(frozen=True)
class Look:
    """How traces are drawn, and what the axes say.

    ``line`` is where a true model would be: the diagonal, zero, or nowhere in particular. ``bars``
    are for places that stand apart. Shares of counts are drawn as their roots (``is_root``). Single
    events are ticks below (``has_ticks``).
    """

    x: str
    y: str
    line: Literal["diagonal", "zero", ""] = ""
    bars: bool = False
    is_root: bool = False
    band: str = "a true model, 94%"
    has_ticks: bool = False


def panels_figure(panels: Panels, look: Look, note: str = "") -> Figure:
    """Draw a panel for each unit, of its models; of one unit a panel for each model."""
    single = len(panels) == 1
    shown: dict[str, Mapping[str, Trace]] = dict(list(panels.items())[:MOST_PANELS])
    if single:
        shown = {name: {name: one} for name, one in next(iter(panels.values())).items()}
    colours = {name: COLOURS[k % len(COLOURS)] for k, name in enumerate(_models(panels))}
    n = len(shown)
    columns = min(n, ACROSS if n <= 2 * ACROSS else ACROSS + 1)
    rows = -(-n // columns)
    height = (3.1 if columns < 3 else 2.6 if columns == 3 else 1.9) * rows
    more = 0.7 + legend_height(len(colours))
    figure, axes = new_figure(rows, columns, height + more, sharex=True, sharey=True)
    hide_beyond(axes, n)
    alone = single or len(colours) == 1
    every = [one for traces in shown.values() for one in traces.values()]
    x = np.sort(np.concatenate([one.x for one in every]))
    if all(one.is_positive for one in every) and x[-1] > FAR * x[0]:
        log_axis(axes[0, 0], x)
        axes[0, 0].set_yscale("log" if look.line == "diagonal" else "linear")
    for place, (ax, (title, traces)) in enumerate(zip(axes.flat, shown.items(), strict=False)):
        _draw_panel(ax, traces, look, {} if alone else colours)
        ax.set_title(plain(title, MOST_LETTERS), loc="left", fontsize=11)
        if len(traces) == 1 and columns < 4:
            ax.set_title(plain(next(iter(traces.values())).note), loc="right", fontsize=10)
        ax.tick_params(labelbottom=place + columns >= n)
        if place + columns >= n and (columns < 3 or place % columns == 1 or n == 1):
            ax.set_xlabel(look.x, fontsize=10)
    for ax in axes[:, 0]:
        ax.set_ylabel(look.y, fontsize=10)
    if look.has_ticks:
        low, high = axes[0, 0].get_ylim()
        axes[0, 0].set_ylim(low - 0.1 * (high - low), high)
    handles = named_handles(axes)
    figure.legend(
        handles.values(), handles.keys(), loc="outside upper left", ncols=4, frameon=False
    )
    write_note(figure, note)
    return figure


def _models(panels: Panels) -> list[str]:
    """Return the names of all models, each once."""
    return list(dict.fromkeys(name for traces in panels.values() for name in traces))


def _draw_panel(
    ax: Axes, traces: Mapping[str, Trace], look: Look, colours: Mapping[str, str]
) -> None:
    """Draw the traces of one panel; without colours of models bands are grey."""
    first = next(iter(traces.values()))
    if look.line == "zero":
        ax.axhline(0, color=INK, linewidth=0.8)
    elif look.line == "diagonal":
        low = first.x.min()  # of a constant, that all predictions are, the line goes on from it
        high = max(first.x.max(), low + 0.1 * (abs(low) or 1.0))
        ax.axline((low, low), (high, high), color=INK, linewidth=0.8)
    names = list(colours) or list(traces)
    alike = len(traces) > 1 and all(_are_alike(first, one) for one in traces.values())
    for name, trace in traces.items():
        place = names.index(name) - 0.5 * (len(names) - 1)
        own = None if alike and trace is not first else GREY if alike else colours.get(name, GREY)
        few = look.line == "diagonal" and len(trace.x) <= FEW
        (_draw_bars if look.bars or few else _draw_curve)(
            ax, trace, look, name if colours else "observed", (colours.get(name), own), place
        )
    if colours and not alike:
        ax.fill_between([], [], [], color=GREY, alpha=0.35, lw=0, label=look.band)
    _set_axes(ax, first, look)


def _are_alike(one: Trace, other: Trace) -> bool:
    """Say whether two bands can be one in a picture: of places that are the same."""
    if one.x.shape != other.x.shape or not np.allclose(one.x, other.x):
        return False
    apart = max(np.abs(one.lower - other.lower).max(), np.abs(one.upper - other.upper).max())
    return bool(apart <= SAME * (one.upper - one.lower).max())


def _draw_bars(
    ax: Axes,
    trace: Trace,
    look: Look,
    label: str,
    colours: tuple[str | None, str | None],
    place: float,
) -> None:
    """Draw bands as bars, and what was observed as dots; models beside one another."""
    colour, band = colours
    step = float(np.min(np.diff(trace.x))) if len(trace.x) > 1 and trace.labels else 0.0
    x = trace.x + APART * step * place
    if band is not None:
        name = look.band if band == GREY else f"_{look.band}"
        ax.vlines(x, trace.lower, trace.upper, color=band, alpha=0.55, linewidth=5, label=name)
    dots: dict[str, Any] = {"color": colour or COLOURS[0], "markersize": 4.5}
    inside = trace.inside
    ax.plot(x[inside], trace.observed[inside], "o", label=plain(label, MOST_LETTERS), **dots)
    hollow = dots | {"markerfacecolor": "white", "markersize": 5.5}
    if not inside.all():
        ax.plot(x[~inside], trace.observed[~inside], "o", label="outside its band", **hollow)


def _draw_curve(
    ax: Axes,
    trace: Trace,
    look: Look,
    label: str,
    colours: tuple[str | None, str | None],
    place: float,
) -> None:
    """Draw a band, what was observed as a line over it, and single residuals as dots."""
    colour, band = colours
    if trace.dots is not None and not look.has_ticks:
        ax.plot(*trace.dots, ".", color=INK, markersize=2.5, alpha=0.3, zorder=1)
    if band is not None:
        name = look.band if band == GREY else f"_{look.band}"
        fill: dict[str, Any] = {"color": band, "alpha": 0.35 if band == GREY else 0.2, "lw": 0}
        ax.fill_between(trace.x, trace.lower, trace.upper, label=name, **fill)
    line, named = colour or COLOURS[0], plain(label, MOST_LETTERS)
    if trace.expected is not None:  # what was observed is then the same of all models
        expected = "expected" if colour is None else named
        ax.plot(trace.x, trace.expected, color=line, linewidth=1.2, label=expected)
        line, named = INK, "observed"
        if look.has_ticks and trace.dots is not None and is_event_train(trace.dots[1]):
            at = np.repeat(trace.x, np.round(trace.dots[1]).astype(int))
            below: dict[str, Any] = {"transform": ax.get_xaxis_transform(), "label": "events"}
            ax.vlines(at, 0.01, 0.08, color=INK, linewidth=1.0, **below)
            return
    ax.plot(trace.x, trace.observed, color=line, linewidth=1.4, label=named)


def _set_axes(ax: Axes, trace: Trace, look: Look) -> None:
    """Set scales and ticks; below chances how often each was told."""
    if look.is_root:
        ax.set_yscale("function", functions=(root, np.square))
        ax.set_ylim(bottom=0.0)
    if trace.labels:
        step = -(-len(trace.x) // MOST_TICKS)
        ax.set_xticks(trace.x[::step], trace.labels[::step])
        ax.set_xlim(-0.6, len(trace.x) - 0.4)
