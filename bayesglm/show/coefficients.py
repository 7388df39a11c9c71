"""Coefficients in figures: kernels over lags, points with bars, pictures; before and after data."""

from __future__ import annotations

import itertools
import re
from collections.abc import Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np

from bayesglm.inference.tree.words import effect_name
from bayesglm.results.kernels import VALUES
from bayesglm.show.figures import (
    COLOURS,
    GREY,
    INK,
    MOST_LETTERS,
    hide_beyond,
    new_figure,
)
from bayesglm.show.text import plain
from bayesglm.show.units import unit_of_lags

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray
CURVE = "curve (link units)"
OF_LEVELS = re.compile(r"(?P<name>.+)_level(_\d+)?")  # dims along which levels stand
AROUND_EVENTS = "around_events"  # the attribute of kernels whose lags are counted from events
LINES = ("lag", "value")  # dims along which neighbours are joined: lags, and values of a predictor


def panels(nodes: Mapping[str, xr.Dataset]) -> dict[str, xr.Dataset]:
    """Split effects of levels, ``g`` of intercepts and ``g.x``, and their curves, ``x:g[a]``."""
    split = {}
    for term, node in nodes.items():
        levels = node.coords.get(f"{term}_level") if "value" in node.dims else None
        if levels is not None:
            for k, name in enumerate(levels.values):
                split[f"{term}[{name}]"] = node.isel({levels.name: k}, drop=True)
            continue
        effects = node.coords.get(f"{term}_effect")
        if effects is None:
            split[term] = _side_by_side(node) if are_of_levels(node["link"].dims) else node
            continue
        for k, effect in enumerate(effects.values):
            of_effect = node.isel({effects.name: k}, drop=True)
            split[effect_name(term, str(effect))] = of_effect
    return split


def are_of_levels(dims: Iterable[Hashable]) -> bool:
    """Say whether all dims hold levels: those of a factor, of several, or of the response."""
    return all(OF_LEVELS.fullmatch(str(dim)) for dim in dims)


def _side_by_side(node: xr.Dataset) -> xr.Dataset:
    """Put combinations of levels along one dim, each named by all its levels: ``North, pro``."""
    import xarray as xr

    dims = node["link"].dims
    if len(dims) < 2:
        return node
    of = [[str(label) for label in node[dim].values] for dim in dims]
    names = [", ".join(one) for one in itertools.product(*of)]
    values = {name: (dims[-1], one.transpose(*dims).values.ravel()) for name, one in node.items()}
    return xr.Dataset(values, coords={dims[-1]: names})


def name_positions(ax: Axes, node: xr.Dataset) -> None:
    """Label positions by the coordinate they stand for; a scalar needs no label."""
    link = node["link"]
    if link.ndim == 0:
        ax.set_xticks([])
        ax.set_xlim(-1.5, 1.5)
        return
    ax.set_xlim(-0.6, link.shape[-1] - 0.4)  # beside their names, however few there are
    name_places(ax, "x", place_labels(node, str(link.dims[-1])))


def place_labels(node: xr.Dataset, dim: str) -> list[str]:
    """Return the label of each place along a dim: the time of a lag, else its coordinate."""
    if dim == "lag" and "lag_time" in node.coords:
        times = node["lag_time"].values
        return [f"{one:.6g}" for one in times / unit_of_lags(times)[1]]
    values = node[dim].values if dim in node.coords else np.arange(node.sizes[dim])
    if dim in VALUES:
        apart = float(np.ptp(values)) / 10.0 or 1.0  # of the places that are labelled
        digits = max(0, 1 - int(np.floor(np.log10(apart))))
        return [f"{round(float(one), digits):g}" for one in values]
    return [plain(one, MOST_LETTERS) for one in values]


def name_places(ax: Axes, which: Literal["x", "y"], labels: list[str], most: int = 10) -> None:
    """Label about ten of the places along an axis, or ``most`` of them."""
    every = max(1, len(labels) // most)
    places, shown = np.arange(len(labels))[::every], labels[::every]
    if which == "y":
        ax.set_yticks(places, shown)
        return
    ax.set_xticks(places, shown)
    if sum(map(len, shown)) > MOST_LETTERS:
        ax.tick_params("x", rotation=45)
        for label in ax.get_xticklabels():
            label.set(horizontalalignment="right", rotation_mode="anchor")


def axis_of(node: xr.Dataset) -> tuple[Array, str]:
    """Return where to draw: a curve at its values, a kernel at times if it can be, or positions."""
    link = node["link"]
    if "value" in node.dims:
        told = node["value"].attrs
        return node["value"].values, value_label(told["long_name"], told.get("units"))
    dim = "lag" if "lag" in node.dims else str(link.dims[-1]) if link.ndim else ""
    if dim == "lag":
        places = node["lag"].values
        if "lag_time" in node.coords:
            places = node["lag_time"].values / unit_of_lags(node["lag_time"].values)[1]
        return places, dim_label(node, dim)
    return np.arange(link.shape[-1] if link.ndim else 1, dtype=float), dim_label(node, dim)


def value_label(variable: str, unit: str | None) -> str:
    """Return what the axis of a curve is called: its predictor, with the unit if there is one."""
    return f"{plain(variable)} ({plain(unit)})" if unit else plain(variable)


def dim_label(node: xr.Dataset, dim: str) -> str:
    if dim in VALUES:
        told = node[dim].attrs
        return value_label(told["long_name"], told.get("units"))
    if dim != "lag":
        levels = OF_LEVELS.fullmatch(dim)
        return plain(levels["name"] if levels else dim)
    if node.attrs.get(AROUND_EVENTS):
        return f"time from the event ({lag_unit(node)})"
    return f"lag ({lag_unit(node)} before the response)"


def lag_unit(node: xr.Dataset) -> str:
    """Return the unit in which lags are shown."""
    return unit_of_lags(node["lag_time"].values)[0] if "lag_time" in node.coords else "samples"


def draw_surface(ax: Axes, x: Array, y: Array, values: Array) -> None:
    """Draw the mean of a surface ``(x, y)`` in colours, zero in white."""
    largest = np.abs(values).max() or 1.0
    picture = values.reshape(len(x), len(y)).T
    shown = ax.pcolormesh(x, y, picture, cmap="RdBu_r", vmin=-largest, vmax=largest)
    ax.figure.colorbar(shown, ax=ax, shrink=0.9).set_label(f"posterior mean,\n{CURVE}", fontsize=9)


def prior_posterior_figure(nodes: Mapping[str, xr.Dataset]) -> Figure:
    """Draw every coefficient's 94% interval before (grey) and after (colour) the data.

    A panel a node, with ``prior_lower``, ``prior_upper``, ``link_lower`` and ``link_upper``.
    """
    columns = min(len(nodes), 3)
    rows = -(-len(nodes) // columns)
    figure, axes = new_figure(rows, columns, 0.4 + 2.9 * rows)
    hide_beyond(axes, len(nodes))
    for ax, (term, node) in zip(axes.flat, nodes.items(), strict=False):
        x, xlabel = axis_of(node)
        link = {key: np.atleast_1d(value.values) for key, value in node.data_vars.items()}
        lower, upper = link["prior_lower"], link["prior_upper"]
        step = float(np.diff(x).min()) if len(x) > 1 else 1.0
        ax.bar(x, upper - lower, 0.9 * step, bottom=lower, color=GREY, alpha=0.35, label="prior")
        ax.bar(
            x,
            link["link_upper"] - link["link_lower"],
            0.45 * step,
            bottom=link["link_lower"],
            color=COLOURS[0],
            label="posterior",
        )
        ax.axhline(0, color=INK, linewidth=0.8)
        ax.use_sticky_edges = False
        ax.margins(y=0.08)
        ax.set_xlabel(xlabel, fontsize=10)
        if "lag" not in node.dims:
            name_positions(ax, node)
        ax.set_title(plain(term), loc="left", fontsize=12)
    axes[0, 0].set_ylabel("94% interval", fontsize=10)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=2, frameon=False, fontsize=10)
    return figure
