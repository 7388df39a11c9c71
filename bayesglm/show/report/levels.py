"""Effects of the levels of groups: sorted, every one with its interval, models side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from bayesglm.show.figures import COLOURS, INK, MOST_LETTERS, hide_beyond, new_figure
from bayesglm.show.report.cells import number
from bayesglm.show.report.parts import Cell, Picture, Table
from bayesglm.show.text import plain

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
MOST_NAMED = 40  # levels with a name beside the axis
MOST_BARS = 400  # levels with an interval each; of more the intervals are a band
ROW = 0.17  # inches of a level with a name


def levels(term: str, nodes: Mapping[str, xr.Dataset], unit: str) -> Picture:
    """Draw the effects of all levels of one term, a panel for each model, in the first's order."""
    first = next(iter(nodes.values()))
    dim = next(str(one) for one in first["link"].dims)
    labels = [str(one) for one in first[dim].values]
    order = np.argsort(first["link"].values, kind="stable")
    sorted_labels = [labels[k] for k in order]
    n, across = len(labels), min(len(nodes), 3)
    down = -(-len(nodes) // across)
    is_named = n <= MOST_NAMED
    height = 0.7 + down * (max(1.6, ROW * n) if is_named else 3.6)
    figure, axes = new_figure(down, across, height, sharex=True, sharey=True)
    hide_beyond(axes, len(nodes))
    rows: list[tuple[Cell, ...]] = []
    told = []
    for k, (ax, (name, node)) in enumerate(zip(axes.flat, nodes.items(), strict=False)):
        own = node.reindex({dim: first[dim].values}).isel({dim: order})
        mean, y, colour = own["link"].values, np.arange(n), COLOURS[k % len(COLOURS)]
        low = high = np.full(n, np.nan)
        ax.axvline(0, color=INK, linewidth=0.8)
        if "link_lower" in own:
            low, high = own["link_lower"].values, own["link_upper"].values
            if n <= MOST_BARS:
                ax.hlines(y, low, high, color=colour, linewidth=1.4 if is_named else 0.7)
            else:
                ax.fill_betweenx(y, low, high, color=colour, alpha=0.3, lw=0)
        inside = colour if "link_lower" in own else "white"
        size = 4 if is_named else 1.5
        ax.plot(mean, y, "o", color=inside, markeredgecolor=colour, markersize=size)
        ax.set_title(plain(name, MOST_LETTERS), loc="left", fontsize=10)
        ax.set_ylim(-0.8, n - 0.2)
        if k + across >= len(nodes):
            ax.set_xlabel(plain(unit, 40), fontsize=9)
            ax.tick_params(labelbottom=True)
        rows += [
            (label, name, number(m), number(a), number(b))
            for label, m, a, b in zip(sorted_labels, mean, low, high, strict=True)
        ]
        told.append(_seen(name, sorted_labels, mean, low, high))
    for ax in axes[:, 0]:
        if is_named:
            ax.set_yticks(range(n), [plain(one, 16) for one in sorted_labels], fontsize=8)
        else:
            ax.set_yticks([])
            ax.set_ylabel(f"{n:,} levels, sorted", fontsize=9)
    caption = _caption(term, nodes, n)
    head = ("level", "model", "estimate", "3%", "97%")
    return Picture(figure, caption, f"{term}: {'; '.join(told)}.", Table(head, tuple(rows)))


def _seen(name: str, labels: list[str], mean: Array, low: Array, high: Array) -> str:
    known = np.flatnonzero(np.isfinite(mean))
    if not len(known):
        return f"{name}: no estimate"
    least, most = known[np.argmin(mean[known])], known[np.argmax(mean[known])]
    words = f"{name}: from {mean[least]:.3g} ({labels[least]}) to {mean[most]:.3g} ({labels[most]})"
    if np.isfinite(low).any():
        words += f", {int((low * high > 0.0).sum()):,} of {len(known):,} intervals exclude zero"
    return words


def _caption(term: str, nodes: Mapping[str, xr.Dataset], n: int) -> str:
    modes = [name for name, node in nodes.items() if "link_lower" not in node]
    words = f"{term!r}: all {n:,} levels, sorted by the first model's estimates."
    if len(modes) < len(nodes):
        words += " Dots are posterior means, bars hold 94% of the posterior of each."
    if modes:
        words += f" {', '.join(modes)}: MAP, modes without uncertainty (hollow)."
    return words
