"""Figures of fits: each function takes results and returns a matplotlib Figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bayesglm.errors import DataError
from bayesglm.show.text import plain
from bayesglm.spec.hints import near

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray
# Okabe & Ito's palette, told apart by colour-blind readers too.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
GREY, INK = "#9A9A9A", "#222222"
WIDTH = 9.0
MOST_NEURONS = 4
MOST_LETTERS = 25  # of a label, or of labels side by side, in a narrow panel
COEFFICIENT = "coefficient (link units\nper unit of predictor)"


def new_figure(rows: int, columns: int, height: float, **keywords: Any) -> tuple[Figure, Array]:
    """Return a Figure with a grid of bare axes, without touching pyplot or its settings."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **keywords)
    for ax in axes.flat:
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=10)
        ax.xaxis.set_major_locator(MaxNLocator(nbins=8, steps=[1, 2, 5, 10]))
    return figure, axes


def _legend_height(n: int) -> float:
    """Return the inches that more than two rows of four names in a legend take."""
    return 0.25 * max(0, -(-n // 4) - 2)


def check_term(name: str, names: list[str], what: str) -> None:
    """Raise DataError where a path or a fit has no term of that name."""
    if name not in names:
        raise DataError(
            f"the {what} has no term {name!r}; its terms are {', '.join(names) or 'none'}."
            f"{near(name, names)}"
        )


def coefficient_labels(coefficients: xr.DataArray) -> list[str]:
    """Name every coefficient of a term by its coordinates; a single one by the term."""
    dims = coefficients.dims
    if not dims:
        return [plain(coefficients.name)]
    found = []
    for index in np.ndindex(*coefficients.shape):
        at = zip(dims, index, strict=True)
        found.append(plain(", ".join(str(coefficients[dim].values[k]) for dim, k in at)))
    return found


def kernel_figure(kernels: Mapping[str, xr.DataTree]) -> Figure:
    """Draw every term's coefficients with bands, one panel a term, models in colours."""
    nodes = {
        name: panels({term: tree[term].to_dataset() for term in tree.children})
        for name, tree in kernels.items()
    }
    drawn = _shared_panels(nodes)
    columns = min(len(drawn), 2)
    rows = -(-len(drawn) // columns)
    figure, axes = new_figure(rows, columns, 3.3 * rows + _legend_height(len(nodes)))
    for ax in axes.flat[len(drawn) :]:
        ax.set_visible(False)
    places = {name: place for place, name in enumerate(nodes)}
    for ax, (title, members) in zip(axes.flat, drawn, strict=False):
        for k, (name, node) in enumerate(members.items()):
            shift = 0.15 * (k - 0.5 * (len(members) - 1))
            draw_kernel(
                ax, node, plain(name, MOST_LETTERS), COLOURS[places[name] % len(COLOURS)], shift
            )
        ax.set_title(title, loc="left", fontsize=12)
    named = (zip(*ax.get_legend_handles_labels(), strict=True) for ax in axes.flat)
    handles = {label: handle for own in named for handle, label in own}
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
    return link.ndim > 2 or (link.ndim == 2 and link.dims[1] != "lag")


def panels(nodes: Mapping[str, xr.Dataset]) -> dict[str, xr.Dataset]:
    """Split the effects of a factor's levels: the intercepts ``g`` and each slope, ``g.x``."""
    found = {}
    for term, node in nodes.items():
        effects = node.coords.get(f"{term}_effect")
        if effects is None:
            found[term] = node
            continue
        for k, name in enumerate(effects.values):
            title = term if k == 0 else f"{term}.{name}"
            found[title] = node.isel({effects.name: k}, drop=True)
    return found


def draw_kernel(ax: Axes, node: xr.Dataset, label: str, colour: str, shift: float = 0.0) -> None:
    """Draw one term of one model: a line with its band over lags, points with bars elsewhere.

    Coefficients of two dims or more (lags by pixels, an image) are drawn as a picture, but for
    the lagged kernels of a population, which are lines. ``shift`` moves points to the side.
    """
    node = _few_neurons(node)
    if is_picture(node):
        _draw_picture(ax, node)
        return
    ax.set_ylabel(COEFFICIENT, fontsize=10)
    ax.axhline(0, color=INK, linewidth=0.8)
    x, xlabel = lag_axis(node)
    values = {str(name): np.atleast_2d(v.values) for name, v in node.data_vars.items()}
    for k in range(values["link"].shape[0]):
        pick = {name: value[k] for name, value in values.items()}
        name = label if k == 0 else None
        if "lag" in node.dims:
            ax.plot(x, pick["link"], color=colour, linewidth=1.8, label=name)
            if "link_lower" in pick:
                ax.fill_between(
                    x, pick["link_lower"], pick["link_upper"], color=colour, alpha=0.22, lw=0
                )
        else:
            _points(ax, x + shift, pick, colour, name)
    if "lag" not in node.dims:
        name_positions(ax, node)
    ax.set_xlabel(xlabel, fontsize=10)


def name_positions(ax: Axes, node: xr.Dataset) -> None:
    """Label positions by the coordinate they stand for; a scalar needs no label."""
    link = node["link"]
    if link.ndim == 0:
        ax.set_xticks([])
        ax.set_xlim(-1.5, 1.5)
        return
    _name_places(ax, "x", _labels(node, str(link.dims[-1])))


def _labels(node: xr.Dataset, dim: str) -> list[str]:
    """Return the label of each place along a dim: ms of a lag in time, else its coordinate."""
    if dim == "lag" and "lag_time" in node.coords:
        return [f"{1e3 * seconds:.6g}" for seconds in node["lag_time"].values]
    values = node[dim].values if dim in node.coords else np.arange(node.sizes[dim])
    return [plain(one, MOST_LETTERS) for one in values]


def _name_places(ax: Axes, which: Literal["x", "y"], labels: list[str]) -> None:
    """Label about ten of the places along an axis."""
    every = max(1, len(labels) // 10)
    places, shown = np.arange(len(labels))[::every], labels[::every]
    if which == "y":
        ax.set_yticks(places, shown)
        return
    ax.set_xticks(places, shown)
    if sum(map(len, shown)) > MOST_LETTERS:
        ax.tick_params("x", rotation=45)
        for label in ax.get_xticklabels():
            label.set(horizontalalignment="right", rotation_mode="anchor")


def lag_axis(node: xr.Dataset) -> tuple[Array, str]:
    """Return where to draw a kernel's coefficients: ms where there is time, else positions."""
    link = node["link"]
    dim = "lag" if "lag" in node.dims else str(link.dims[-1]) if link.ndim else ""
    if dim == "lag":
        places = 1e3 * node["lag_time"].values if "lag_time" in node.coords else node["lag"].values
        return places, _dim_label(node, dim)
    return np.arange(link.shape[-1] if link.ndim else 1, dtype=float), _dim_label(node, dim)


def _dim_label(node: xr.Dataset, dim: str) -> str:
    if dim != "lag":
        return plain(dim)
    return f"lag ({'ms' if 'lag_time' in node.coords else 'samples'} before the response)"


def _points(ax: Axes, x: Array, pick: dict[str, Array], colour: str, label: str | None) -> None:
    ax.plot(x, pick["link"], "o", color=colour, label=label)
    if "link_lower" in pick:
        ax.vlines(x, pick["link_lower"], pick["link_upper"], color=colour, linewidth=2)


def _draw_picture(ax: Axes, node: xr.Dataset) -> None:
    """Draw coefficients in colours, the first dim downwards and the others across.

    Of the lagged coefficients of a population those of the first neuron.
    """
    link, whose = node["link"], ""
    if link.ndim > 2 and "lag" in link.dims[1:]:
        neuron = str(link.dims[0])
        whose = f"\n({plain(neuron)}={_labels(node, neuron)[0]})"
        link = link.isel({neuron: 0})
    down, *across = map(str, link.dims)
    flat = link.values.reshape(link.shape[0], -1)
    largest = np.abs(flat[np.isfinite(flat)]).max(initial=0.0) or 1.0
    shown = ax.imshow(flat, cmap="RdBu_r", vmin=-largest, vmax=largest, aspect="auto")
    bar = ax.figure.colorbar(shown, ax=ax, shrink=0.8)
    bar.set_label(f"{COEFFICIENT}{whose}", fontsize=9)
    _name_places(ax, "y", _labels(node, down))
    if len(across) == 1:
        _name_places(ax, "x", _labels(node, across[0]))
    ax.set_xlabel(" x ".join(_dim_label(node, dim) for dim in across), fontsize=10)
    ax.set_ylabel(_dim_label(node, down), fontsize=10)


def _few_neurons(node: xr.Dataset) -> xr.Dataset:
    """Keep the lines of the first neurons of a population; captions say that there are more."""
    dims = node["link"].dims
    return node.isel({dims[0]: slice(0, MOST_NEURONS)}) if dims[1:] == ("lag",) else node


def data_figure(data: xr.Dataset, response: str, time: Array, unit: str) -> Figure:
    """Draw the response and up to two scalar predictors over a stretch of samples."""
    scalars = [str(n) for n, v in data.data_vars.items() if v.ndim == 1 and n != response][:2]
    figure, axes = new_figure(len(scalars) + 1, 1, 1.6 + 1.5 * len(scalars), sharex=True)
    for ax, name in zip(axes[:, 0], scalars, strict=False):
        ax.plot(time, data[name].values, color=COLOURS[0], linewidth=0.9)
        units = data[name].attrs.get("units", "")
        ax.set_ylabel(plain(name) + (f"\n({plain(units)})" if units else ""), fontsize=10)
    ax, values = axes[-1, 0], data[response].values
    values = values if values.ndim == 1 else values[:, 0]
    if is_event_train(values):
        at = np.repeat(time, values.astype(int))
        ax.vlines(at, 0, 1, color=INK, linewidth=0.8)
        ax.set_yticks([])
    else:
        ax.plot(time, values, color=INK, linewidth=0.9)
    ax.set_ylabel(plain(response), fontsize=10)
    ax.set_xlabel(unit, fontsize=10)
    figure.align_ylabels()
    return figure


def is_event_train(values: Array) -> bool:
    """Say whether values are counts so small that each event can be a tick."""
    return bool(
        np.array_equal(values, np.floor(values)) and values.min() >= 0 and values.max() <= 3
    )


def prior_posterior_figure(nodes: Mapping[str, xr.Dataset]) -> Figure:
    """Draw every coefficient's 94% interval before (grey) and after (colour) the data.

    A panel a node, with ``prior_lower``, ``prior_upper``, ``link_lower`` and ``link_upper``.
    """
    columns = min(len(nodes), 3)
    rows = -(-len(nodes) // columns)
    figure, axes = new_figure(rows, columns, 0.4 + 2.9 * rows)
    for ax in axes.flat[len(nodes) :]:
        ax.set_visible(False)
    for ax, (term, node) in zip(axes.flat, nodes.items(), strict=False):
        x, xlabel = lag_axis(node)
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


def predictive_figure(
    stretch: tuple[Array, Array, Mapping[str, tuple[Array, ...]]] | None,
    bins: Mapping[str, tuple[Array, Array, Array, Array]],
    unit: str,
    response: str,
) -> Figure:
    """Draw predicted against observed: along time (if given), and in bins of the prediction.

    ``stretch`` is time, observed, and per model (time, mean, lower, upper); ``bins`` per model the
    predicted mean, the observed mean, and the predictive interval of the latter.
    """
    columns = 2 if stretch else 1
    widths = [2.1, 1.0][:columns]
    height = 3.5 + _legend_height(len(bins))
    figure, axes = new_figure(1, columns, height, gridspec_kw={"width_ratios": widths})
    if stretch:
        ax, (time, observed, models) = axes[0, 0], stretch
        for k, (name, (own, mean, lower, upper)) in enumerate(models.items()):
            colour = COLOURS[k % len(COLOURS)]
            ax.fill_between(own, lower, upper, color=colour, alpha=0.25, lw=0)
            ax.plot(own, mean, color=colour, linewidth=1.5, label=plain(name, MOST_LETTERS))
        if is_event_train(observed):
            low, high = ax.get_ylim()
            bottom = low - 0.12 * (high - low)
            at = np.repeat(time, observed.astype(int))
            ax.vlines(at, bottom, low, color=INK, linewidth=1.1, label="observed")
            ax.set_yticks([tick for tick in ax.get_yticks() if 0 <= tick <= high])
            ax.set_ylim(bottom=bottom)
        else:
            ax.plot(time, observed, color=INK, linewidth=1.0, label="observed")
        ax.set_xlabel("time (s)", fontsize=10)
        ax.set_ylabel(plain(unit), fontsize=10)
        handles, labels = ax.get_legend_handles_labels()
        figure.legend(
            handles, labels, loc="outside upper left", ncols=4, frameon=False, fontsize=10
        )
    ax = axes[0, -1]
    edge = 0.0
    for k, (name, (predicted, observed, lower, upper)) in enumerate(bins.items()):
        colour = COLOURS[k % len(COLOURS)]
        ax.vlines(predicted, lower, upper, color=colour, alpha=0.4, linewidth=3)
        ax.plot(
            predicted, observed, "o", color=colour, markersize=4, label=plain(name, MOST_LETTERS)
        )
        edge = max(edge, float(predicted.max()), float(upper.max()))
    ax.set_xlim(-0.03 * edge, 1.06 * edge)
    ax.set_ylim(-0.03 * edge, 1.06 * edge)
    ax.axline((0, 0), slope=1, color=INK, linewidth=0.8)
    ax.set_xlabel(f"predicted mean {plain(response)}", fontsize=10)
    ax.set_ylabel("observed mean in the bin", fontsize=10)
    if not stretch and len(bins) > 1:
        ax.legend(frameon=False, fontsize=10)
    return figure


def comparison_figure(names: list[str], difference: Array, error: Array, unit: str) -> Figure:
    """Draw each model's difference to the best with one and two standard errors."""
    figure, axes = new_figure(1, 1, 1.0 + 0.5 * len(names))
    ax, y = axes[0, 0], np.arange(len(names))[::-1]
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.hlines(y, difference - 2 * error, difference + 2 * error, color=COLOURS[0], linewidth=1.5)
    ax.hlines(y, difference - error, difference + error, color=COLOURS[0], linewidth=4)
    ax.plot(difference, y, "o", color="white", markeredgecolor=COLOURS[0], markersize=7)
    ax.set_yticks(y, [plain(name) for name in names])
    ax.set_ylim(-0.6, len(names) - 0.4)
    ax.set_xlabel(f"held-out difference to the best model ({unit})", fontsize=10)
    return figure


def estimates_figure(
    x: Array, curves: Mapping[str, Array], band: tuple[Array, Array] | None, labels: tuple[str, str]
) -> Figure:
    """Draw several estimates of one kernel over each other, with one band."""
    figure, axes = new_figure(1, 1, 3.4)
    ax = axes[0, 0]
    ax.axhline(0, color=INK, linewidth=0.8)
    if band is not None:
        ax.fill_between(x, *band, color=COLOURS[0], alpha=0.2, lw=0, label="94% posterior band")
    styles = ("-", "--", ":")
    for k, (name, values) in enumerate(curves.items()):
        colour = COLOURS[k % len(COLOURS)]
        ax.plot(
            x, values, styles[k % 3], color=colour, linewidth=1.8, label=plain(name, MOST_LETTERS)
        )
    ax.set_xlabel(labels[0], fontsize=10)
    ax.set_ylabel(labels[1], fontsize=10)
    ax.legend(frameon=False, fontsize=10)
    return figure


def divergence_figure(scales: Array, weights: Mapping[str, Array]) -> Figure:
    """Draw MAP weights against the sd of their prior: those that diverge keep falling."""
    figure, axes = new_figure(1, 1, 3.4)
    ax = axes[0, 0]
    for k, (name, values) in enumerate(weights.items()):
        look: dict[str, Any] = {
            "color": COLOURS[k % len(COLOURS)],
            "label": plain(name, MOST_LETTERS),
        }
        ax.plot(scales, values, "o-", markersize=4, linewidth=1.6, **look)
    ax.set_xscale("log")
    ax.set_xlabel("sd of the Normal prior (wider: weaker penalty)", fontsize=10)
    ax.set_ylabel("MAP weight (log rate per spike)", fontsize=10)
    ax.axhline(0, color=INK, linewidth=0.8)
    ax.legend(frameon=False, fontsize=10)
    return figure
