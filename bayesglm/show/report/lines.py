"""Kernels, curves and long rows of coefficients: panels on one scale, a member or a model each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayesglm.show.coefficients import LINES, axis_of, name_places, place_labels
from bayesglm.show.figures import (
    COLOURS,
    GREY,
    INK,
    MOST_LETTERS,
    hide_beyond,
    legend_height,
    named_handles,
    new_figure,
    not_drawn,
)
from bayesglm.show.report.cells import number
from bayesglm.show.report.parts import Cell, Picture, Table
from bayesglm.show.text import plain

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

Array = np.ndarray
MOST_PANELS = 24  # members of one term with a panel each; the data of the figure hold all: chosen
STYLES = ("-", "--", "-.", ":")
HATCHES = ("", "////", "\\\\\\\\", "....")
HEIGHT = 2.0  # inches of a row of panels


@dataclass(frozen=True)
class Line:
    """What a model says of one member of a term: means, and the ends of their 94% intervals."""

    x: Array
    mean: Array
    low: Array | None
    high: Array | None

    @staticmethod
    def of(node: xr.Dataset) -> Line:
        """Read the line of a node with one dim."""
        x, _ = axis_of(node)
        if "link_lower" not in node:
            return Line(np.asarray(x), node["link"].values, None, None)
        return Line(np.asarray(x), *(node[f"link{end}"].values for end in ("", "_lower", "_upper")))


def members_of(node: xr.Dataset, along: str) -> dict[str, xr.Dataset]:
    """Return the part of each unit, level or feature beside the dim that lines go along."""
    beside = [str(dim) for dim in node["link"].dims if dim != along]
    if not beside:
        return {"": node}
    labels = {dim: place_labels(node, dim) for dim in beside}
    members = {}
    for place in np.ndindex(*(node.sizes[dim] for dim in beside)):
        at = dict(zip(beside, place, strict=True))
        title = ", ".join(f"{plain(dim, 16)} {labels[dim][k]}" for dim, k in at.items())
        members[title] = node.isel(at, drop=True)
    return members


def lines(term: str, nodes: Mapping[str, xr.Dataset], unit: str, note: str) -> Picture:
    """Draw one term of several models: a panel for each member, or else for each model.

    Where each model has a panel, the means of the others are thin lines in it. Where members have
    panels, models stand in each, told apart by colours, styles of lines and hatches.
    """
    first = next(iter(nodes.values()))
    dims = [str(dim) for dim in first["link"].dims]
    along = next((dim for dim in LINES if dim in dims), dims[-1])
    parts = {name: members_of(node, along) for name, node in nodes.items()}
    every = {
        member: {name: Line.of(own[member]) for name, own in parts.items() if member in own}
        for member in dict.fromkeys(member for own in parts.values() for member in own)
    }
    joined = along in LINES
    by_model = len(every) == 1 and len(nodes) > 1
    panels = [(name, name) for name in nodes] if by_model else [(one, None) for one in every]
    shown = panels[:MOST_PANELS]
    across = min(len(shown), 2 if by_model or len(shown) == 4 else 4)
    down = -(-len(shown) // across)
    height = 0.6 + (2.6 if down == 1 else HEIGHT * down) + legend_height(len(nodes))
    figure, axes = new_figure(down, across, height, sharex=True, sharey=True)
    hide_beyond(axes, len(shown))
    _, label = axis_of(next(iter(parts[next(iter(parts))].values())))
    for k, (ax, (member, whose)) in enumerate(zip(axes.flat, shown, strict=False)):
        ax.axhline(0, color=INK, linewidth=0.8)
        drawn = next(iter(every.values())) if by_model else every[member]
        _draw(ax, drawn, list(nodes), whose, joined)
        ax.set_title(plain(member or term, 40), loc="left", fontsize=10)
        if not joined:
            name_places(ax, "x", place_labels(first, along), 10 if across == 1 else 5)
        if k + across >= len(shown):
            ax.set_xlabel(label if across < 3 else label.replace(" before", "\nbefore"), fontsize=9)
            ax.tick_params(labelbottom=True)
    for ax in axes[:, 0]:
        ax.set_ylabel(unit.replace(" per ", "\nper "), fontsize=9)
    handles = named_handles(axes)
    if len(nodes) > 1 and not by_model:
        figure.legend(
            list(handles.values()), list(handles), loc="outside upper right", ncols=4, frameon=False
        )
    left_out = [member for member, _ in panels[MOST_PANELS:]]
    rest = not_drawn(term, left_out, "the data of the figure hold them") if left_out else ""
    caption = _caption(term, nodes, by_model, rest, note)
    return Picture(figure, caption, _alt(term, every, label), _table(every, along, label))


def _draw(
    ax: Axes, drawn: Mapping[str, Line], names: list[str], whose: str | None, joined: bool
) -> None:
    n = len(drawn)
    for k, (name, line) in enumerate(drawn.items()):
        place = names.index(name)
        colour = COLOURS[place % len(COLOURS)]
        if whose is not None and name != whose:
            ax.plot(line.x, line.mean, color=GREY, linewidth=0.9, linestyle="--", zorder=1)
            continue
        label = plain(name, MOST_LETTERS)
        if joined:
            style = STYLES[place % 4] if whose is None else "-"
            ax.plot(line.x, line.mean, style, color=colour, linewidth=1.7, label=label)
            if line.low is not None and line.high is not None:
                hatch = HATCHES[place % 4] if whose is None and n > 1 else ""
                ax.fill_between(
                    line.x,
                    line.low,
                    line.high,
                    fc=(colour, 0.2),
                    ec=(colour, 0.45),
                    lw=0.4,
                    hatch=hatch,
                )
            continue
        x = line.x + (0.0 if whose is not None else 0.6 * (k - 0.5 * (n - 1)) / max(n, 4))
        ax.plot(x, line.mean, "o", color=colour, markersize=4 if len(x) < 60 else 1.5, label=label)
        if line.low is not None and line.high is not None:
            ax.vlines(x, line.low, line.high, color=colour, lw=1.2 if len(x) < 60 else 0.5)


def _caption(
    term: str, nodes: Mapping[str, xr.Dataset], by_model: bool, rest: str, note: str
) -> str:
    bands = [name for name, node in nodes.items() if "link_lower" in node]
    modes = [name for name in nodes if name not in bands]
    parts = [f"{term!r}" + (", a panel for each model, on one scale" if by_model else "")]
    if by_model:
        parts[0] += " (dashed: the others)"
    parts[0] += "."
    if bands:
        whose = "" if not modes else f"Of {', '.join(bands)}: "
        start = (
            "lines are posterior means, bands hold 94% of the posterior at each place by itself."
        )
        parts.append(whose + (start if whose else start.capitalize()))
    if modes:
        parts.append(f"{', '.join(modes)}: MAP, a mode without uncertainty, and so without a band.")
    return " ".join(filter(None, (*parts, rest, note)))


def _alt(term: str, every: Mapping[str, Mapping[str, Line]], label: str) -> str:
    """Say where each line is farthest from zero, and on how many places its band excludes zero."""
    told = []
    for member, drawn in every.items():
        for name, line in drawn.items():
            if not np.isfinite(line.mean).any():
                continue
            k = int(np.nanargmax(np.abs(line.mean)))
            whose = " of ".join(filter(None, (name, member)))
            words = f"{whose}: {line.mean[k]:.3g} at {line.x[k]:.4g}"
            if line.low is not None and line.high is not None:
                n = int((line.low * line.high > 0.0).sum())
                words += f", 94% bands exclude zero at {n} of {len(line.x)} places"
            told.append(words)
    more = f"; and {len(told) - MOST_PANELS:,} more lines" if len(told) > MOST_PANELS else ""
    return f"{term} over {label}, farthest from zero: {'; '.join(told[:MOST_PANELS])}{more}."


def _table(every: Mapping[str, Mapping[str, Line]], along: str, label: str) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for member, drawn in every.items():
        for name, line in drawn.items():
            missing = np.full(len(line.x), np.nan)
            low, high = (missing if one is None else one for one in (line.low, line.high))
            rows += [
                (member, name, number(x), number(m), number(a), number(b))
                for x, m, a, b in zip(line.x, line.mean, low, high, strict=True)
            ]
    return Table(
        ("of", "model", label if along in LINES else along, "estimate", "3%", "97%"), tuple(rows)
    )
