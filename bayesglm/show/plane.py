"""Two coefficients in their plane: the data, the prior, and what comes of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.errors import DataError
from bayesglm.results.plane import DROPS, Box, Plane, Surface, plane_of
from bayesglm.show.figures import COLOURS, GREY, INK, MOST_LETTERS, hide_beyond, new_figure
from bayesglm.show.text import plain
from bayesglm.spec.families import LINK_NAMES
from bayesglm.spec.hints import shown
from bayesglm.spec.model import GLM

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray
SHADES = ("#B9D7EA", "#5FA3CE")  # of the posterior: within 94%, and within 50%
PASSES = 2  # of the layout, after which labels stand inside: measured, of one to nine panels
MOST_ACROSS = 3  # panels in a row
MOST_STRETCHED = 2.5  # sides of a panel whose two coefficients have one unit and one scale


def plot_plane(
    model: GLM | Mapping[str, GLM],
    data: Any,
    coefficients: tuple[str, str] | None = None,
    truth: Sequence[float] | None = None,
) -> Figure:
    r"""Draw likelihood, prior and posterior of two coefficients in their plane.

    Contours of prior and posterior hold 50% and 94% of the probability; those of the likelihood are
    0.7 and 2.8 nats below its best, as those of a Gaussian with these shares. The constraint region
    is the level set of the penalty through the MAP: under it, and not added to it, the likelihood
    has its maximum there (a circle of the ridge, the diamond of the lasso). Where the MAP is at
    the prior's centre, or a prior is flat, there is none. All other parameters, if there are any,
    follow the two along their conditional mode, to first order; those held at a kink stay there.

    Parameters
    ----------
    model : GLM or mapping of names to GLMs
        Of several models on the same data each has a panel, on the same axes.
    data
        As in `fit_map`.
    coefficients : pair of str, optional
        The two to draw, as `summary` calls them (``"age"``, ``"x[0]"``, ``"intercept"``); by
        default those of a model that has two beside the intercept, or one and the intercept.
    truth : pair of numbers, optional
        Values known from a simulation, to be drawn as a star.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        Names that are no two coefficients, a whole population, or as in `fit_map`.
    ModelError
        As in `fit_map`: a learned scale has no joint mode.
    ConvergenceError
        As in `fit_map`.

    Examples
    --------
    >>> import bayesglm as bg
    >>> data = {"y": [1.9, -1.1, 0.3, 2.2, -0.8], "a": [1, -1, 0, 2, -1], "b": [1, 0, 1, 0, -1]}
    >>> model = bg.GLM("y", ["a", "b"], dispersion=1.0, prior=bg.lasso(2.0))
    >>> figure = bg.plot_plane(model, data)
    >>> figure.axes[0].get_xlabel()
    'a\n(response units per unit of predictor)'
    """
    models = dict(model) if isinstance(model, Mapping) else {"": model}
    if not models or not all(isinstance(one, GLM) for one in models.values()):
        raise DataError("plot_plane draws a GLM on its data, or a mapping of names to GLMs.")
    star = _point(truth)
    planes = {name: plane_of(one, data, coefficients, star) for name, one in models.items()}
    first = next(iter(planes.values()))
    if any(plane.through.names != first.through.names for plane in planes.values()):
        raise DataError("the models have other coefficients; name two that all have.")
    display = first.display
    for plane in planes.values():
        display = display.join(plane.display)
    columns = min(len(planes), MOST_ACROSS)
    rows = -(-len(planes) // columns)
    height = 4.6 if columns == 1 else {2: 4.3, 3: 3.0}[columns] * rows + 0.8
    figure, axes = new_figure(rows, columns, height, sharex=True, sharey=True)
    hide_beyond(axes, len(planes))
    handles = dict[str, Any]()
    for ax, (name, plane) in zip(axes.flat, planes.items(), strict=False):
        handles |= _draw(ax, plane, display, star)
        if name:
            letters = MOST_LETTERS if columns > 2 else 2 * MOST_LETTERS
            ax.set_title(plain(name, letters), loc="left", fontsize=11)
    _label(axes, next(iter(models.values())), first, display)
    _explain(figure, handles, planes, columns)
    if len(planes) > 1 and axes.flat[0].get_aspect() != "auto":
        _settle(figure)
    return figure


def _settle(figure: Figure) -> None:
    """Lay out panels of equal units, whose shape waits on the room for labels, and it on theirs."""
    layout = figure.get_layout_engine()
    assert layout is not None
    for _ in range(PASSES):
        layout.execute(figure)


def _point(truth: Any) -> Array | None:
    if truth is None:
        return None
    try:
        point = np.asarray(truth, dtype=float)
    except (TypeError, ValueError):
        point = np.zeros(0)
    if point.shape != (2,) or not np.isfinite(point).all():
        raise DataError(f"truth must be two numbers, one for each coefficient; got {shown(truth)}.")
    return point


def _draw(ax: Axes, plane: Plane, display: Box, truth: Array | None) -> dict[str, Any]:
    """Draw one model's panel; return what a legend holds."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    at = plane.posterior
    ax.axhline(0, color=INK, linewidth=0.6)
    ax.axvline(0, color=INK, linewidth=0.6)
    levels = [*plane.levels, float(at.values.max()) + 1.0]
    ax.contourf(at.x, at.y, _finite(at), levels=_rising(levels), colors=SHADES, zorder=1)
    handles: dict[str, Any] = {"posterior": Patch(color=SHADES[1])}
    lines = {"likelihood": (plane.likelihood, _drops(plane), GREY, "--", 1.3)}
    if plane.prior is not None:
        lines["prior"] = (plane.prior, list(plane.prior_levels), COLOURS[2], "-", 1.3)
    if plane.region is not None:
        region = [plane.region_level]
        lines["constraint region"] = (plane.region, region, COLOURS[4], "-", 2.2)
    for name, (surface, heights, colour, style, width) in lines.items():
        look: dict[str, Any] = {"colors": colour, "linestyles": style, "linewidths": width}
        drawn = ax.contour(surface.x, surface.y, _finite(surface), levels=_rising(heights), **look)
        if any(display.holds_any(np.asarray(path.vertices)) for path in drawn.get_paths()):
            handles[name] = Line2D([], [], color=colour, linestyle=style, linewidth=width)
    dots: list[tuple[str, Array | None, dict[str, Any]]] = [
        ("maximum likelihood", plane.best, {"marker": "s", "color": "#6E6E6E", "ms": 7})
    ]
    dots.append(("truth", truth, {"marker": "*", "color": INK, "ms": 12}))
    mode = "MAP" if plane.is_highest else "MAP (a local mode)"
    dots.append((mode, plane.through.map, {"marker": "D", "color": COLOURS[1], "ms": 9}))
    look = {"marker": "o", "color": "white", "mec": COLOURS[0], "mew": 2, "ms": 7}
    dots.append(("posterior mean", plane.mean, look))
    for name, point, look in dots:
        if point is not None and display.holds(point):
            (handles[name],) = ax.plot(*point, linestyle="none", zorder=4, **look)
    ax.set_xlim(display.low[0], display.high[0])
    ax.set_ylim(display.low[1], display.high[1])
    return handles


def _finite(surface: Surface) -> Array:
    """Return the values with the axes' order of a picture, -inf as far below all levels."""
    values = surface.values
    low = float(values[np.isfinite(values)].min())
    return np.where(np.isfinite(values), values, low - 1e3).T


def _drops(plane: Plane) -> list[float]:
    best = float(plane.likelihood.values.max())
    return [best - drop for drop in DROPS]


def _rising(levels: Sequence[float]) -> Array:
    """Return levels that rise strictly, as contours need them."""
    heights = np.array(levels)
    for k in range(1, len(heights)):
        heights[k] = max(heights[k], np.nextafter(heights[k - 1], np.inf))
    return heights


def _label(axes: Array, model: GLM, plane: Plane, display: Box) -> None:
    """Name the axes with their units; give both one scale where they have one unit."""
    unit = LINK_NAMES[model.link_name].unit
    sides = display.high - display.low
    terms = {name.partition("[")[0] for name in plane.through.names}
    if len(terms) == 1 and sides.max() < MOST_STRETCHED * sides.min():
        for ax in axes.flat:
            ax.set_aspect("equal")
    size = 10 if axes.shape[1] < MOST_ACROSS else 8  # of labels side by side
    first, second = (_axis_name(name, unit) for name in plane.through.names)
    for k, ax in enumerate(axes.flat):
        last = k + axes.shape[1] >= sum(one.get_visible() for one in axes.flat)
        if last:
            ax.set_xlabel(first, fontsize=size)
            ax.tick_params(labelbottom=True)
    for ax in axes[:, 0]:
        ax.set_ylabel(second, fontsize=size)


def _axis_name(name: str, unit: str) -> str:
    if name.startswith("intercept"):
        return f"{plain(name, MOST_LETTERS)} ({unit})"
    return f"{plain(name, MOST_LETTERS)}\n({unit} per unit of predictor)"


def _explain(
    figure: Figure, handles: dict[str, Any], planes: Mapping[str, Plane], columns: int
) -> None:
    """Give the figure its legend, and say below what of the rest of the model is drawn."""
    place = "outside right upper" if columns == 1 else "outside upper center"
    figure.legend(
        list(handles.values()),
        list(handles),
        loc=place,
        ncols=1 if columns == 1 else 4,
        frameon=False,
        fontsize=10,
    )
    notes = list(dict.fromkeys(note for plane in planes.values() for note in _notes(plane)))
    if notes:
        figure.supxlabel("\n".join(notes), fontsize=9, color=INK)


def _notes(plane: Plane) -> list[str]:
    through, notes = plane.through, []
    if through.n_following:
        one, several = "the other parameter follows", "the other {} parameters follow"
        others = one if through.n_following == 1 else several.format(through.n_following)
        notes.append(f"{others} the two along the conditional mode (to first order)")
    if through.n_held:
        notes.append(f"{through.n_held} parameters are held at the MAP")
    if plane.best is None:
        notes.append("no maximum likelihood: the likelihood keeps rising")
    if plane.prior is None:
        notes.append("a flat prior has no contours")
    return notes
