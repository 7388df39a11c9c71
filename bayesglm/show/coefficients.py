"""Coefficients in figures: kernels over lags, points with bars, pictures; before and after data."""

from __future__ import annotations

import itertools
import re
from collections.abc import Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bayesglm.inference.tree.words import effect_name
from bayesglm.results.kernels import VALUES
from bayesglm.show.figures import (
    COLOURS,
    GREY,
    INK,
    MOST_LETTERS,
    hide_beyond,
    legend_height,
    named_handles,
    new_figure,
)
from bayesglm.show.text import plain
from bayesglm.show.units import unit_of_lags

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray
MOST_NEURONS = 4  # of a population whose kernels are drawn, as lines that can be told apart
COEFFICIENT = "coefficient (link units\nper unit of predictor)"
CURVE = "curve (link units)"
OF_LEVELS = re.compile(r"(?P<name>.+)_level(_\d+)?")  # dims along which levels stand
AROUND_EVENTS = "around_events"  # the attribute of kernels whose lags are counted from events
LINES = ("lag", "value")  # dims along which neighbours are joined: lags, and values of a predictor


def kernel_figure(kernels: Mapping[str, xr.DataTree]) -> Figure:
    """Draw every term's coefficients with bands, one panel a term, models in colours."""
    nodes = {
        name: panels({term: tree[term].to_dataset() for term in tree.children})
        for name, tree in kernels.items()
    }
    drawn = _shared_panels(nodes)
    columns = min(len(drawn), 2)
    rows = -(-len(drawn) // columns)
    figure, axes = new_figure(rows, columns, 3.3 * rows + legend_height(len(nodes)))
    hide_beyond(axes, len(drawn))
    places = {name: place for place, name in enumerate(nodes)}
    for ax, (title, members) in zip(axes.flat, drawn, strict=False):
        for k, (name, node) in enumerate(members.items()):
            shift = 0.15 * (k - 0.5 * (len(members) - 1))
            draw_kernel(
                ax, node, plain(name, MOST_LETTERS), COLOURS[places[name] % len(COLOURS)], shift
            )
        ax.set_title(title, loc="left", fontsize=12)
    handles = named_handles(axes)
    if len(kernels) > 1 and handles:
        labels = [plain(name, MOST_LETTERS) for name in nodes]
        shown = [label for label in dict.fromkeys(labels) if label in handles]
        figure.legend(
            [handles[name] for name in shown],
            shown,
            loc="outside upper right",
            ncols=4,
            frameon=False,
        )
    return figure


def _shared_panels(
    nodes: Mapping[str, Mapping[str, xr.Dataset]],
) -> list[tuple[str, dict[str, xr.Dataset]]]:
    """Return a title and the models of each panel: those whose term has the same dims.

    What is drawn as a picture has a panel for each model.
    """
    found = []
    for term in dict.fromkeys(term for own in nodes.values() for term in own):
        alike: dict[Any, dict[str, xr.Dataset]] = {}
        for name, own in nodes.items():
            if term in own:
                key = (name, "picture") if is_picture(own[term]) else own[term]["link"].dims
                alike.setdefault(key, {})[name] = own[term]
        for members in alike.values():
            names = f" ({', '.join(map(plain, members))})" if len(alike) > 1 else ""
            found.append((plain(term) + names, members))
    return found


def is_picture(node: xr.Dataset) -> bool:
    """Say whether coefficients are drawn as a picture, as which they have no bands."""
    link = node["link"]
    return link.ndim > 2 or (link.ndim == 2 and link.dims[1] not in LINES)


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


def draw_kernel(ax: Axes, node: xr.Dataset, label: str, colour: str, shift: float = 0.0) -> None:
    """Draw one term of one model: a line with its band over lags or values, else points with bars.

    Coefficients of two dims or more (lags by pixels, an image) are drawn as a picture, but for
    the kernels and curves of a population, which are lines. ``shift`` moves points to the side.
    """
    node = _few_neurons(node)
    if is_picture(node):
        _draw_picture(ax, node)
        return
    ax.set_ylabel(CURVE if "value" in node.dims else COEFFICIENT, fontsize=10)
    ax.axhline(0, color=INK, linewidth=0.8)
    x, xlabel = axis_of(node)
    joined = any(dim in node.dims for dim in LINES)
    values = {str(name): np.atleast_2d(v.values) for name, v in node.data_vars.items()}
    for k in range(values["link"].shape[0]):
        pick = {name: value[k] for name, value in values.items()}
        name = label if k == 0 else None
        if joined:
            ax.plot(x, pick["link"], color=colour, linewidth=1.8, label=name)
            if "link_lower" in pick:
                ax.fill_between(
                    x, pick["link_lower"], pick["link_upper"], color=colour, alpha=0.22, lw=0
                )
        else:
            _points(ax, x + shift, pick, colour, name)
    if not joined:
        name_positions(ax, node)
    if len(x) > 1 or x.any() or not ax.get_xlabel():  # lag 0 alone tells no unit
        ax.set_xlabel(xlabel, fontsize=10)


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


def _points(ax: Axes, x: Array, pick: dict[str, Array], colour: str, label: str | None) -> None:
    ax.plot(x, pick["link"], "o", color=colour, label=label)
    if "link_lower" in pick:
        ax.vlines(x, pick["link_lower"], pick["link_upper"], color=colour, linewidth=2)


def _draw_picture(ax: Axes, node: xr.Dataset) -> None:
    """Draw coefficients in colours, the first dim downwards and the others across.

    Of the lagged coefficients of a population those of the first neuron.
    """
    link, whose = node["link"], ""
    if link.ndim > 2 and not {"lag", "value"}.isdisjoint(link.dims[1:]):
        neuron = str(link.dims[0])
        whose = f"\n({plain(neuron)}={place_labels(node, neuron)[0]})"
        link = link.isel({neuron: 0})
    down, *across = map(str, link.dims)
    flat = link.values.reshape(link.shape[0], -1)
    largest = np.abs(flat[np.isfinite(flat)]).max(initial=0.0) or 1.0
    shown = ax.imshow(flat, cmap="RdBu_r", vmin=-largest, vmax=largest, aspect="auto")
    bar = ax.figure.colorbar(shown, ax=ax, shrink=0.8)
    label = CURVE if "value" in link.dims else COEFFICIENT
    bar.set_label(f"{label}{whose}", fontsize=9)
    name_places(ax, "y", place_labels(node, down))
    if len(across) == 1:
        name_places(ax, "x", place_labels(node, across[0]))
    ax.set_xlabel(" x ".join(dim_label(node, dim) for dim in across), fontsize=10)
    ax.set_ylabel(dim_label(node, down), fontsize=10)


def draw_surface(ax: Axes, x: Array, y: Array, values: Array) -> None:
    """Draw the mean of a surface ``(x, y)`` in colours, zero in white."""
    largest = np.abs(values).max() or 1.0
    picture = values.reshape(len(x), len(y)).T
    shown = ax.pcolormesh(x, y, picture, cmap="RdBu_r", vmin=-largest, vmax=largest)
    ax.figure.colorbar(shown, ax=ax, shrink=0.9).set_label(f"posterior mean,\n{CURVE}", fontsize=9)


def _few_neurons(node: xr.Dataset) -> xr.Dataset:
    """Keep the lines of the first neurons of a population; captions say that there are more."""
    dims = node["link"].dims
    lines = len(dims) == 2 and dims[1] in LINES
    return node.isel({dims[0]: slice(0, MOST_NEURONS)}) if lines else node


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
