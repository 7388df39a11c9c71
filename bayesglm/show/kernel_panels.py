"""Panels of kernels: lines in bands, images with their sds, matrices of coupling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bayesglm.results.kernels import VALUES
from bayesglm.show.coefficients import (
    LINES,
    axis_of,
    dim_label,
    lag_unit,
    name_places,
    place_labels,
)
from bayesglm.show.figures import COLOURS, GREY, INK, MOST_LETTERS, hide_beyond
from bayesglm.show.text import plain

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

Array = np.ndarray
MOST_FRAMES = 6  # lags at which a field is drawn
MOST_WRITTEN = 12  # members of a population up to which each gain is written into its cell
MOST_NAMED = 40  # of these beside a matrix, in small letters
SURE = 0.975  # probability of its sign from which an edge has a dot: that of a 95% interval


def bare(axes: Array) -> None:
    """Take from axes what no panel of the house has."""
    for ax in axes.flat:
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=9)


def members(node: xr.Dataset, population: str) -> list[tuple[str, xr.Dataset]]:
    """Return each member of a population with its label; of one response the whole."""
    if not population:
        return [("", node)]
    labels = place_labels(node, population)
    return [
        (f"{plain(population)} {label}", node.isel({population: k}))
        for k, label in enumerate(labels)
    ]


def draw_curves(part: SubFigure, node: xr.Dataset, population: str, grid: tuple[int, int]) -> None:
    """Draw lines with bands, a panel for each member, all on one scale."""
    axes = part.subplots(*grid, squeeze=False, sharex=True, sharey=True)
    bare(axes)
    every = members(node, population)
    hide_beyond(axes, len(every))
    for ax, (title, one) in zip(axes.flat, every, strict=False):
        _draw_lines(ax, one)
        ax.set_title(title, loc="left", fontsize=10)
    _, label = axis_of(every[0][1])
    across = grid[1]
    for k, ax in enumerate(axes.flat[: len(every)]):
        if k + across >= len(every):
            ax.set_xlabel(label if across < 3 else _in_two(label), fontsize=10)
            ax.tick_params(labelbottom=True)
    for ax in axes[:, 0]:
        ax.set_ylabel(node.attrs["unit"], fontsize=9)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    if labels:
        part.legend(handles, labels, loc="outside right upper", frameon=False, fontsize=9)


def _in_two(label: str) -> str:
    """Return a label in two lines: what is told, and how it is read."""
    return label.replace(" before ", "\nbefore ").replace(" from ", "\nfrom ")


def _draw_lines(ax: Axes, node: xr.Dataset) -> None:
    ax.axhline(0, color=INK, linewidth=0.8)
    x, _ = axis_of(node)
    (along,) = [dim for dim in node["link"].dims if dim in LINES]
    others = [str(dim) for dim in node["link"].dims if dim != along]
    labels = place_labels(node, others[0]) if others else [None]
    values = {
        str(name): one.transpose(*others, along).values.reshape(-1, len(x))
        for name, one in node.data_vars.items()
    }
    for k, label in enumerate(labels):
        colour = COLOURS[k % len(COLOURS)]
        ax.plot(x, values["link"][k], color=colour, linewidth=1.8, label=label)
        if "link_lower" in values:
            ends = values["link_lower"][k], values["link_upper"][k]
            ax.fill_between(x, *ends, color=colour, alpha=0.22, lw=0)
        if "link_simultaneous_lower" in values:
            for side in ("lower", "upper"):
                ends = values[f"link_simultaneous_{side}"][k]
                ax.plot(x, ends, color=colour, linewidth=0.9, linestyle=":")


def draw_field(part: SubFigure, node: xr.Dataset, population: str) -> None:
    """Draw a field of two dims, its posterior sd beside it, a row for each member, on one scale.

    A surface stands on its two predictors, the second upwards, in equal units where they have one.
    """
    every = members(node, population)
    kinds = _kinds(node)
    axes = part.subplots(len(every), len(kinds), squeeze=False)
    bare(axes)
    largest = {name: float(np.nanmax(np.abs(node[name].values), initial=0.0)) for name, _ in kinds}
    dims = [str(dim) for dim in node["link"].dims if dim != population]
    on_values = tuple(dims) == VALUES
    flipped = on_values or dims[0] in LINES
    down, across = (dims[1], dims[0]) if flipped else (dims[0], dims[1])
    for row, (title, one) in zip(axes, every, strict=True):
        for ax, (name, words) in zip(row, kinds, strict=True):
            values = one[name].transpose(down, across).values
            shown = _image(ax, values, name, largest[name] or 1.0, "auto")
            if on_values:
                _on_values(ax, shown, one)
            else:
                name_places(ax, "y", place_labels(one, down))
                name_places(ax, "x", place_labels(one, across))
            bar = part.colorbar(shown, ax=ax, shrink=0.85)
            bar.set_label(node.attrs["unit"], fontsize=8)
            ax.set_ylabel(dim_label(one, down), fontsize=10)
            ax.set_xlabel(dim_label(one, across), fontsize=10)
            ax.set_title(f"{title} {words}".strip(), loc="left", fontsize=10)


def _on_values(ax: Axes, shown: Any, node: xr.Dataset) -> None:
    """Put the image of a surface on its predictors' own axes."""
    from matplotlib.ticker import MaxNLocator

    extent: list[float] = []
    for name in VALUES:
        x = node[name].values
        half = 0.5 * float(x[1] - x[0])
        extent += [float(x[0]) - half, float(x[-1]) + half]
    shown.origin = "lower"
    shown.set_extent(extent)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    units = [node[name].attrs.get("units") for name in VALUES]
    if units[0] is not None and units[0] == units[1]:
        ax.set_aspect("equal")


def draw_frames(part: SubFigure, node: xr.Dataset, population: str) -> None:
    """Draw a field of images at the lags where it is strongest, with their sds below."""
    every = members(node, population)
    kinds = _kinds(node)
    (along,) = [str(dim) for dim in node["link"].dims if dim in LINES]
    n = min(MOST_FRAMES, node.sizes[along])
    axes = part.subplots(len(every) * len(kinds), n, squeeze=False)
    for k, (title, one) in enumerate(every):
        others = [dim for dim in one["link"].dims if dim != along]
        strength = (one["link"] ** 2).sum(others).values
        places = np.sort(np.argsort(-strength, kind="stable")[:n])
        labels = place_labels(one, along)
        for row, (name, words) in zip(axes[len(kinds) * k :], kinds, strict=False):
            frames = one[name].transpose(along, *others).values
            largest = float(np.nanmax(np.abs(node[name].values), initial=0.0)) or 1.0
            for ax, place in zip(row, places, strict=True):
                shown = _image(ax, frames[place], name, largest, "equal")
                ax.set_xticks([])
                ax.set_yticks([])
                if name == "link":
                    unit = f" {lag_unit(one)}" if along == "lag" else ""
                    ax.set_title(f"{float(labels[place]):.3g}{unit}", fontsize=9)
            row[0].set_ylabel(f"{title}\n{words}".strip(), fontsize=10)
            bar = part.colorbar(shown, ax=list(row), shrink=0.85)
            bar.set_label(node.attrs["unit"], fontsize=8)


def _kinds(node: xr.Dataset) -> list[tuple[str, str]]:
    """Return what is drawn of a field, and what it is called."""
    if "link_sd" not in node:
        return [("link", "")]
    return [("link", "mean"), ("link_sd", "sd")]


def _image(
    ax: Axes, values: Array, name: str, largest: float, shape: Literal["auto", "equal"]
) -> Any:
    """Draw signed values from blue to red, and sds in shades."""
    least, colours = (-largest, "RdBu_r") if name == "link" else (0.0, "cividis")
    return ax.imshow(values, cmap=colours, vmin=least, vmax=largest, aspect=shape)


def draw_numbers(part: SubFigure, node: xr.Dataset, along: str) -> None:
    """Draw coefficients as points with bars along one dim, in colours along the others."""
    axes = part.subplots(1, 1, squeeze=False)
    bare(axes)
    ax = axes[0, 0]
    ax.axhline(0, color=INK, linewidth=0.8)
    others = [str(dim) for dim in node["link"].dims if dim != along]
    order = [*others, along] if along else []
    n = node.sizes[along] if along else 1
    values = {
        str(name): one.transpose(*order).values.reshape(-1, n)
        for name, one in node.data_vars.items()
    }
    n_lines = len(values["link"])
    names = place_labels(node, others[0]) if len(others) == 1 else range(n_lines)
    for k, name in enumerate(names):
        x = np.arange(n) + 0.6 * (k - 0.5 * (n_lines - 1)) / max(n_lines, 4)
        colour = COLOURS[k % len(COLOURS)]
        ax.plot(x, values["link"][k], "o", color=colour, markersize=5, label=name)
        if "link_lower" in values:
            ax.vlines(x, values["link_lower"][k], values["link_upper"][k], color=colour, lw=2)
    ax.set_ylabel(node.attrs["unit"], fontsize=9)
    if not along:
        ax.set_xticks([])
        ax.set_xlim(-3.0, 3.0)
        return
    ax.set_xlim(-0.6, n - 0.4)
    name_places(ax, "x", place_labels(node, along))
    ax.set_xlabel(dim_label(node, along), fontsize=10)
    if n_lines > 1:
        title = dim_label(node, others[0]) if len(others) == 1 else None
        part.legend(loc="outside right upper", frameon=False, fontsize=9, title=title)


def draw_matrix(part: SubFigure, node: xr.Dataset, population: str) -> None:
    """Draw the integrated kernel from each source (down) to each member (across)."""
    from matplotlib.patches import Rectangle

    axes = part.subplots(1, 1, squeeze=False)
    bare(axes)
    ax, gain = axes[0, 0], node["gain"].transpose("source", population)
    largest = float(np.nanmax(np.abs(gain.values), initial=0.0)) or 1.0
    shown = ax.imshow(gain.values, cmap="RdBu_r", vmin=-largest, vmax=largest, aspect="auto")
    bar = part.colorbar(shown, ax=ax, shrink=0.85)
    unit = node.attrs["unit"].replace("\n", " ")
    bar.set_label(f"integrated kernel\n({unit})", fontsize=9)
    sure = (
        node["p_sign"].transpose("source", population).values
        if "p_sign" in node
        else np.full(gain.shape, np.nan)
    )
    is_small = max(gain.shape) <= MOST_WRITTEN
    for (row, column), value in np.ndenumerate(gain.values):
        if np.isnan(value):  # no member drives itself through coupling
            corner = column - 0.5, row - 0.5
            ax.add_patch(Rectangle(corner, 1.0, 1.0, hatch="////", fc=GREY, ec="white", lw=0.0))
            continue
        dark = abs(value) > 0.6 * largest
        colour = "white" if dark else INK
        if is_small:
            chance = "" if np.isnan(sure[row, column]) else f"\nP {sure[row, column]:.2f}"
            text = f"{value:.2g}{chance}"
            ax.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
        elif sure[row, column] > SURE:
            ax.plot(column, row, ".", color=colour, markersize=3)
    sides: tuple[tuple[Literal["x", "y"], str], ...] = (("y", "source"), ("x", population))
    for which, dim in sides:
        labels = [plain(one, MOST_LETTERS) for one in place_labels(node, dim)]
        name_places(ax, which, labels, MOST_NAMED)
        if len(labels) > MOST_WRITTEN:
            ax.tick_params(which, labelsize=7)
    ax.set_ylabel("from", fontsize=10)
    ax.set_xlabel(f"to {plain(population)}", fontsize=10)
