"""Figures of fits: each function takes results and returns a matplotlib Figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.errors import DataError
from bayesglm.show.text import plain
from bayesglm.spec.hints import closest, is_among, is_unordered, shown

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

Array = np.ndarray
# Told apart by the colour-blind, and on paper (Okabe & Ito 2008).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
GREY, INK = "#9A9A9A", "#222222"
WIDTH = 9.0  # inches of every figure: that of the report's page
CHOOSES = "units=[...] chooses"  # of a population's members, which a figure takes by their labels
MOST_LEFT_OUT = 8  # of what a page does not hold are named
# The longest place over the shortest from which an axis is one of ratios, and up to which it has
# labels at 1, 2 and 5 of each power of ten.
LEAST_RATIO, MOST_RATIO = 3.0, 200.0
NORMAL_QUANTILE, DEVIATION = "standard normal quantile", "residual − normal quantile"
MOST_LETTERS = 25  # of a label, or of labels side by side, in a narrow panel


def new_figure(rows: int, columns: int, height: float, **keywords: Any) -> tuple[Figure, Array]:
    """Return a Figure with a grid of bare axes, without touching pyplot or its settings."""
    from matplotlib.ticker import MaxNLocator

    from bayesglm.show.displayed import DisplayedFigure

    figure = DisplayedFigure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **keywords)
    for ax in axes.flat:
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=10)
        ax.xaxis.set_major_locator(MaxNLocator(nbins=8, steps=[1, 2, 5, 10]))
    return figure, axes


def log_axis(ax: Axes, x: Array) -> None:
    """Make the axis of places one of ratios, with a few labels that do not touch."""
    from matplotlib.ticker import LogLocator, NullFormatter

    ratio = x[-1] / x[0]
    if ratio < LEAST_RATIO:
        return
    ax.set_xscale("log")
    steps = (1.0, 2.0, 5.0) if ratio < MOST_RATIO else (1.0,)
    ax.xaxis.set_major_locator(LogLocator(subs=steps))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter(NullFormatter())


def hide_beyond(axes: Array, n: int) -> None:
    """Hide the axes of a grid after the first n."""
    for ax in axes.flat[n:]:
        ax.set_visible(False)


def named_handles(axes: Array) -> dict[str, Any]:
    """Return what a legend of all axes holds, by its label: each label once."""
    named = (zip(*ax.get_legend_handles_labels(), strict=True) for ax in axes.flat)
    return {label: handle for of_axes in named for handle, label in of_axes}


def legend_height(n: int) -> float:
    """Return the inches that more than two rows of four names in a legend take."""
    return 0.25 * max(0, -(-n // 4) - 2)


def not_drawn(dim: str, labels: Sequence[Any] | Array, remedy: str) -> str:
    """Name the members of a dim that a page does not hold, and what shows them.

    >>> not_drawn("cell", ["a", "b"], CHOOSES)
    'Not drawn of cell: a, b; units=[...] chooses.'
    """
    if not len(labels):
        return ""
    named = ", ".join(plain(one, 20) for one in labels[:MOST_LEFT_OUT])
    rest = len(labels) - MOST_LEFT_OUT
    more = f" and {rest:,} more" if rest > 0 else ""
    return f"Not drawn of {plain(dim)}: {named}{more}; {remedy}."


def by_position(dim: str) -> str:
    """Label an axis of samples, or of levels, one beside the other.

    >>> by_position("obs")
    'obs (by position)'
    """
    return f"{plain(dim)} (by position)"


def members(units: Any, labels: Array | None, population: str | None) -> Array:
    """Return the numbers of those of a population that are asked for by label; None: of all.

    >>> members(["c", "a"], np.array(["a", "b", "c"]), "cell")
    array([2, 0])
    """
    if units is None:
        return np.arange(1 if labels is None else len(labels))
    if labels is None:
        raise DataError("units= chooses of a population, and this fit is of one response.")
    given = [units] if isinstance(units, str) or not np.iterable(units) else units
    wanted = [one.item() if hasattr(one, "item") else one for one in given]
    known = labels.tolist()
    lost = [one for one in wanted if one not in known]
    if is_unordered(units) or lost or not wanted or len(set(wanted)) < len(wanted):
        hint = closest(lost[0], map(str, known)) if lost else ""
        raise DataError(
            f"units={shown(units)} chooses of {population!r}, in a list, each once and one at "
            f"least, by their labels: {shown(known)}.{hint}"
        )
    return np.array([known.index(one) for one in wanted], dtype=np.intp)


def write_note(figure: Figure | SubFigure, text: str) -> None:
    """Write a note below a figure, or a part of one, if there is something to say."""
    if text:
        figure.supxlabel(text, fontsize=9, color="#59636e", x=0.01, ha="left", wrap=True)


def check_term(name: str, names: list[str], what: str) -> None:
    """Raise DataError where a path or a fit has no term of that name."""
    if not is_among(name, names):
        raise DataError(
            f"the {what} has no term {shown(name)}; its terms are {', '.join(names) or 'none'}."
            f"{closest(name, names)}"
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


def is_event_train(values: Array) -> bool:
    """Say whether values are counts so small that each event can be a tick."""
    return bool(
        np.array_equal(values, np.floor(values)) and values.min() >= 0 and values.max() <= 3
    )


def estimates_figure(x: Array, estimates: Mapping[str, Array], labels: tuple[str, str]) -> Figure:
    """Draw several estimates of one kernel side by side, on one scale."""
    figure, axes = new_figure(1, len(estimates), 3.0)
    for k, (name, values) in enumerate(estimates.items()):
        ax = axes[0, k]
        if k:
            ax.sharey(axes[0, 0])
        ax.axhline(0, color=INK, linewidth=0.8)
        ax.plot(x, values, color=COLOURS[k % len(COLOURS)], linewidth=1.8)
        ax.set_title(plain(name), loc="left", fontsize=10)
        ax.set_xlabel(labels[0], fontsize=10)
    axes[0, 0].set_ylabel(labels[1], fontsize=10)
    return figure


def lines_figure(
    x: Array, lines: Mapping[str, Array], labels: tuple[str, str], log_x: bool = False
) -> Figure:
    """Draw lines through dots over one axis, each in a colour of its own."""
    figure, axes = new_figure(1, 1, 3.4)
    ax = axes[0, 0]
    ax.axhline(0, color=INK, linewidth=0.8)
    for k, (name, values) in enumerate(lines.items()):
        look: dict[str, Any] = {
            "color": COLOURS[k % len(COLOURS)],
            "label": plain(name, MOST_LETTERS),
        }
        ax.plot(x, values, "o-", markersize=4, linewidth=1.6, **look)
    if log_x:
        ax.set_xscale("log")
    ax.set_xlabel(labels[0], fontsize=10)
    ax.set_ylabel(labels[1], fontsize=10)
    ax.legend(frameon=False, fontsize=10)
    return figure
