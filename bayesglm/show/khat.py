"""k-hat of every sample as a picture: which ones the leave-one-out weights do not stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.inference.weights.pool import FINITE_VARIANCE
from bayesglm.results.scores.khats import Khats, khats_of
from bayesglm.show.figures import (
    CHOOSES,
    COLOURS,
    GREY,
    INK,
    MOST_LETTERS,
    by_position,
    hide_beyond,
    members,
    named_handles,
    new_figure,
    not_drawn,
    write_note,
)
from bayesglm.show.text import plain
from bayesglm.show.units import unit_of_times

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray
MOST_UNITS = 6  # of a population, each with a panel of its own: chosen
WEIGHTS = "k-hat of importance weights"
BEHIND, REPLACED = "k-hat behind the score", "k-hat of first weights, replaced"
NO_VARIANCE = f"{FINITE_VARIANCE:.2f}, above which weights have no variance"
MOST_NAMED = 5  # samples that are named, those of the largest k-hat
MOST_DOTS = 20_000  # of samples below the limit, evenly spaced; those above are all drawn


def plot_khat(fit_or_elpd: Any, units: Any = None) -> Figure:
    """Draw the k-hat of every sample's leave-one-out weights, and name the largest.

    k-hat tells how heavy the tail of a sample's importance ratios is. Above the limit (the line),
    min(1 - 1/log10(S), 0.7) of S draws, its leave-one-out density is not to be trusted; most often
    the sample is one that the model did not expect. Of what `score` returns, dots are k-hats that
    stand behind the scores, 0 of refits, and circles those of the weights that were replaced:
    k-hats of influence, most often above the dashed line, from which on weights have no variance.

    Parameters
    ----------
    fit_or_elpd : xarray.DataTree or ELPDData
        A posterior fit, whose k-hats are computed; or what `loo` or `score` return, by this
        package or by ArviZ.
    units : label or sequence of labels, optional
        Members of a population to draw, at most 6; the first by default.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        Neither, scores without pointwise k-hats, units that there are not.

    Examples
    --------
    >>> import bayesglm as bg
    >>> x = [k / 10 for k in range(-20, 20)]
    >>> data = {"y": [round(2 + 1.5 * v) if v > -1 else 0 for v in x], "x": x}
    >>> fitted = bg.fit(bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0)), data)
    >>> bg.plot_khat(bg.loo(fitted)).axes[0].get_ylabel()
    'k-hat'
    """
    khats = khats_of(fit_or_elpd)
    khat = khats.behind
    population = str(khat.dims[1]) if khat.ndim == 2 else None
    labels = None if population is None else khat[population].values
    numbers = members(units, labels, population)
    n = min(len(numbers), MOST_UNITS)
    columns = min(n, 2)
    rows = -(-n // columns)
    figure, axes = new_figure(rows, columns, 0.6 + 2.6 * rows)
    hide_beyond(axes, n)
    x, along = _along(khat)
    for ax, number in zip(axes.flat, numbers[:n], strict=False):
        name = "" if labels is None else f"{plain(population)} {plain(labels[number], 20)}"
        _draw(ax, x, khats.of_unit(population, int(number)))
        ax.set_title(name, loc="left", fontsize=11)
    for ax in axes[:, 0]:
        ax.set_ylabel("k-hat", fontsize=10)
    for ax in axes.flat[max(0, n - columns) : n]:
        ax.set_xlabel(along, fontsize=10)
    handles = named_handles(axes)
    figure.legend(
        handles.values(), handles.keys(), loc="outside upper left", ncols=3, frameon=False
    )
    if labels is not None:
        write_note(figure, not_drawn(str(population), labels[numbers[n:]], CHOOSES))
    return figure


def _along(khat: xr.DataArray) -> tuple[Array, str]:
    """Return where samples stand, and what the axis says: time, where that is their label."""
    dim = str(khat.dims[0])
    values = khat[dim].values if dim in khat.coords else np.arange(len(khat))
    if dim == "time" and values.dtype.kind == "f":
        unit, size = unit_of_times(values)
        return values / size, f"time ({unit})"
    return np.arange(len(khat)), by_position(dim)


def _draw(ax: Axes, x: Array, khats: Khats) -> None:
    values, limit, replaced = khats.behind.values, khats.limit, khats.replaced
    is_bad, heights = values > limit, _within(values, limit)
    look: dict[str, Any] = {"linestyle": "none", "markersize": 4}
    told, label, named = "", WEIGHTS, heights
    if khats.influence is not None:
        told, label = f"{int(replaced.sum()):,} of {len(values):,} replaced, ", BEHIND
        named = np.where(replaced, _within(khats.influence.values, limit), heights)
        ax.axhline(FINITE_VARIANCE, color=INK, linewidth=0.8, linestyle="--", label=NO_VARIANCE)
    told += f"{int(is_bad.sum()):,} of {len(values):,} above {limit:.2f}"
    if replaced.any():
        hollow = look | {"color": "white", "markeredgecolor": INK, "markersize": 5}
        ax.plot(x[replaced], named[replaced], "o", label=REPLACED, **hollow)
    fine = np.flatnonzero(~is_bad & np.isfinite(values))
    fine = fine[:: -(-len(fine) // MOST_DOTS) or 1]
    dots = look | {"color": COLOURS[0], "alpha": 0.6, "markersize": 5, "label": label}
    ax.plot(x[fine], values[fine], ".", **dots)
    if is_bad.any():
        above = f"the same, above {limit:.2f}"
        ax.plot(x[is_bad], heights[is_bad], "o", color=COLOURS[1], label=above, **look)
    ax.axhline(limit, color=INK, linewidth=0.8, label=f"{limit:.2f}, the limit of trust")
    ax.axhline(0.0, color=GREY, linewidth=0.6, linestyle=":")
    _name_largest(ax, x, named, khats)
    ax.set_title(told, loc="right", fontsize=9, color=INK)


def _within(values: Array, limit: float) -> Array:
    """Return k-hats, infinite ones a little above all others."""
    finite = values[np.isfinite(values)]
    return np.where(np.isposinf(values), finite.max(initial=limit) + 0.5, values)


def _name_largest(ax: Axes, x: Array, values: Array, khats: Khats) -> None:
    """Write the labels of the samples with the largest k-hats: beyond the limit, or replaced."""
    dim = str(khats.behind.dims[0])
    labels = khats.behind[dim].values if dim in khats.behind.coords else np.arange(len(values))
    worst = np.flatnonzero((values > khats.limit) | khats.replaced)
    for k in worst[np.argsort(-values[worst], kind="stable")][:MOST_NAMED]:
        is_left = x[k] < 0.9 * x.max() + 0.1 * x.min()
        ax.annotate(
            plain(_label(labels[k]), MOST_LETTERS),
            (x[k], values[k]),
            xytext=(5 if is_left else -5, 0),
            textcoords="offset points",
            fontsize=9,
            va="center",
            ha="left" if is_left else "right",
            color=INK,
        )


def _label(label: Any) -> str:
    return f"{label:.6g}" if isinstance(label, float) else str(label)
