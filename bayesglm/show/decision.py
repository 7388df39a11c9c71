"""Choices in the plane of two predictors: what was chosen, what a fit tells, and its boundary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.results.decision import SURE, Decision, decision_of
from bayesglm.show.figures import COLOURS, INK, MOST_LETTERS, new_figure
from bayesglm.show.text import plain

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray
HATCH = "#8A8A8A"
MARKERS = "os^Dv<>p"
ASIDE = 0.014  # of the axis, by which marks of two labels at one place stand apart
AREA = 22.0  # of a mark of one sample, in squared points
LEAST_AREA = 2.0  # of a mark of one sample among very many, in squared points
MANY = 500  # marks, of which more are drawn smaller, so that what they stand on is seen


def plot_decision(fit: xr.DataTree, predictors: tuple[str, str] | None = None) -> Figure:
    """Draw choices in the plane of two predictors, of two cells say, and the boundary of a fit.

    The colours are the label that the fit tells there, paler where it is less sure of it; dots are
    the samples, by the label that was observed. The line is the boundary, where two labels are
    equally probable; the hatched band is where no label is the likeliest in more than 97% of the
    posterior's draws: at any place along it, 94% of the draws have their boundary of two labels in
    the band, which is never drawn narrower than a sixtieth of the axes, the cells on which it is
    told. A MAP has a line and no band. Marks of labels that share a place stand side by side.

    Parameters
    ----------
    fit : xarray.DataTree
        Any fit of labels: bernoulli, categorical or ordinal.
    predictors : pair of str, optional
        The two: variables, or features of one as `summary` calls them (``"spikes[3]"``); by default
        those of a model that reads two numbers. All others are held at their mean, factors at
        their most frequent level, and the effects of groups are averaged.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        Names that are no two numbers that the model reads, one that does not vary, lagged terms,
        a population.
    ModelError
        A response that has no labels.

    Examples
    --------
    >>> import bayesglm as bg
    >>> ds = bg.datasets.simulate_choices(100, 2)
    >>> model = bg.GLM("choice", "spikes", family="bernoulli", prior=bg.Normal(1.0))
    >>> figure = bg.plot_decision(bg.fit(model, ds, draws=250))
    >>> figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()
    ('spikes[0]', 'spikes[1]')
    """
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    decision = decision_of(fit, predictors)
    figure, axes = new_figure(1, 1, 4.8)
    ax = axes[0, 0]
    ax.imshow(
        _colours(decision),
        extent=(*_edges(decision.x.cells), *_edges(decision.y.cells)),
        origin="lower",
        aspect="auto",
        interpolation="bilinear",
        zorder=0,
    )
    handles: list[Any] = []
    if _draw_band(ax, decision):
        handles.append(Patch(facecolor="white", edgecolor=HATCH, hatch="//", label="its 94% band"))
    if _draw_boundary(ax, decision):
        handles.insert(0, Line2D([], [], color=INK, linewidth=1.6, label="boundary"))
    aside, area = _aside(decision), _area(decision)
    for k, label in enumerate(decision.labels):
        marker, colour = MARKERS[k % len(MARKERS)], COLOURS[k % len(COLOURS)]
        name = f"{plain(decision.response, 20)} = {plain(label, 20)}"
        ax.scatter(
            *_dots(decision, k, aside, area),
            marker=marker,
            color=colour,
            edgecolor="white",
            alpha=0.85,
            linewidth=0.6 * min(1.0, area / AREA),
            label=name,
            zorder=3,
        )
        look: dict[str, Any] = {"marker": marker, "color": colour, "linestyle": "none"}
        handles.append(Line2D([], [], markersize=5, label=name, **look))
    ax.set_xlim(_beyond(decision.x.cells))
    ax.set_ylim(_beyond(decision.y.cells))
    ax.set_xlabel(plain(decision.x.name, 2 * MOST_LETTERS))
    ax.set_ylabel(plain(decision.y.name, 2 * MOST_LETTERS))
    figure.legend(handles=handles, loc="outside right upper", frameon=False, fontsize=10)
    notes = _notes(decision)
    if notes:
        figure.supxlabel("\n".join(notes), fontsize=9, color=INK)
    return figure


def _draw_band(ax: Axes, decision: Decision) -> bool:
    """Hatch where no label is sure; return whether there is such a place.

    Between the cells shares are interpolated, so that a band narrower than a cell is drawn, too,
    as wide as one.
    """
    if decision.shares is None:
        return False
    shares = decision.shares[..., 1:] if len(decision.labels) == 2 else decision.shares
    is_crossed = False
    for share in np.moveaxis(shares, -1, 0):
        if share.max() <= 1.0 - SURE or share.min() >= SURE:
            continue
        look: dict[str, Any] = {"colors": "none", "hatches": ["//"], "zorder": 1}
        levels = [1.0 - SURE, SURE]
        band = ax.contourf(decision.x.cells, decision.y.cells, share.T, levels=levels, **look)
        band.set(edgecolor=HATCH, linewidth=0.0)
        is_crossed = True
    return is_crossed


def _draw_boundary(ax: Axes, decision: Decision) -> bool:
    """Draw where two labels are equally probable; return whether there is such a place."""
    is_crossed = False
    for k in range(len(decision.labels)):
        others = np.delete(decision.probability, k, axis=-1).max(axis=-1)
        lead = (decision.probability[..., k] - others).T
        if lead.min() < 0.0 < lead.max():
            for colour, width in (("white", 3.2), (INK, 1.6)):
                look: dict[str, Any] = {"colors": [colour], "linewidths": width, "zorder": 4}
                ax.contour(decision.x.cells, decision.y.cells, lead, levels=[0.0], **look)
            is_crossed = True
    return is_crossed


def _aside(decision: Decision) -> float:
    """Return how far marks of labels stand apart along x: not at all where none share a place."""
    at = np.column_stack([decision.x.values, decision.y.values, decision.observed])
    labelled = np.unique(at, axis=0)
    is_shared = len(np.unique(labelled[:, :2], axis=0)) < len(labelled)
    return ASIDE * float(np.ptp(decision.x.cells)) if is_shared else 0.0


def _area(decision: Decision) -> float:
    """Return the area of the mark of one sample: small where there are very many."""
    places = len(np.unique(np.column_stack([decision.x.values, decision.y.values]), axis=0))
    return max(LEAST_AREA, AREA * min(1.0, MANY / places))


def _dots(decision: Decision, k: int, aside: float, area: float) -> tuple[Array, Array, Array]:
    """Return places of the samples of a label, each once and aside of other labels', and areas."""
    which = decision.observed == k
    at = np.column_stack([decision.x.values[which], decision.y.values[which]])
    places, counts = np.unique(at, axis=0, return_counts=True)
    off = aside * (k - (len(decision.labels) - 1) / 2.0)
    return places[:, 0] + off, places[:, 1], area * counts


def _edges(cells: Array) -> tuple[float, float]:
    """Return the outer edges of the cells, whose middles are given."""
    half = float(cells[1] - cells[0]) / 2.0
    return float(cells[0]) - half, float(cells[-1]) + half


def _beyond(cells: Array) -> tuple[float, float]:
    """Return the ends of an axis, a little beyond its cells, so that marks at the edge are seen."""
    room = 0.04 * float(cells[-1] - cells[0])
    return float(cells[0]) - room, float(cells[-1]) + room


def _colours(decision: Decision) -> Array:
    """Return an image ``(y, x, 3)``: the label's colour, white where all are equally probable."""
    from matplotlib.colors import to_rgb

    n = len(decision.labels)
    palette = np.array([to_rgb(COLOURS[k % len(COLOURS)]) for k in range(n)])
    told = decision.probability.argmax(axis=-1)
    sure = (decision.probability.max(axis=-1) - 1.0 / n) / (1.0 - 1.0 / n)
    image = 1.0 - (0.6 * sure[..., None]) * (1.0 - palette[told])
    return image.transpose(1, 0, 2)


def _notes(decision: Decision) -> list[str]:
    notes = []
    if decision.n_held:
        other = (
            "the other predictor"
            if decision.n_held == 1
            else f"{decision.n_held:,} other predictors"
        )
        notes.append(f"{other} held at the mean, or most frequent level; the samples' own differ")
    if decision.shares is None:
        notes.append("a MAP: a line without a band; fit the posterior for how sure it is")
    if len({*zip(decision.x.values, decision.y.values, strict=True)}) < len(decision.observed):
        notes.append("the area of a mark is the number of samples at its place")
    return notes
