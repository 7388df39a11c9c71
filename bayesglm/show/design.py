"""The design matrix as a picture: what each term reads of each sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.design.blocks import Block
from bayesglm.design.clock import seconds
from bayesglm.design.design import Plan, Predictors
from bayesglm.design.plan import plan_fit
from bayesglm.errors import DataError
from bayesglm.inference.problem.asked import whole_number
from bayesglm.show.displayed import DisplayedFigure
from bayesglm.show.figures import WIDTH, write_note
from bayesglm.show.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray
MOST_COLUMNS = 400  # of one term: as many as have a pixel each on the widest page
MOST_TERMS = 12
LEAST_WIDTH = 0.06  # of a term, as a share of the widest: its name needs some place
MOST_NAMED = 12  # columns under which a name is written


def plot_design(model: Any, data: Any, start: int = 0, rows: int = 200) -> Figure:
    """Draw the design matrix over a stretch of samples, an image for each term.

    A row is a sample (time runs downwards), a column what one coefficient multiplies: lags, the
    functions of a basis, levels, pixels. Each term is scaled to its largest size in the stretch,
    which stands above it; blue is negative, red positive, white zero.

    Parameters
    ----------
    model : GLM
    data : Dataset, DataFrame or mapping
        As for `fit`.
    start, rows : int
        The first kept sample of the stretch, and how many there are; of a population with
        predictors of their own those of the first member are drawn.

    Returns
    -------
    matplotlib.figure.Figure
        Of more than 12 terms the first 12, of more than 400 columns of one the first 400; the
        titles count all.

    Raises
    ------
    DataError, ModelError
        As for `fit`; a stretch outside the data, a model without terms.

    Examples
    --------
    >>> import bayesglm as bg
    >>> data = {"y": [2, 0, 3, 1, 4, 1], "x": [0.1, -0.9, 1.2, -0.3, 0.8, 0.2]}
    >>> figure = bg.plot_design(bg.GLM("y", bg.Lagged("x", lags=2), family="poisson"), data)
    >>> figure.axes[0].get_title(loc="left")
    'x (2)'
    """
    start, rows = whole_number("start", start, 0), whole_number("rows", rows, 1)
    plan = plan_fit(model, data)
    predictors = plan.designs[0].predictors
    names = [block.name for block in predictors.blocks]
    if not names:
        raise DataError("the model has no term to draw, only an intercept.")
    n_kept = len(predictors.rows)
    if start >= n_kept:
        raise DataError(f"start={start} lies behind the {n_kept} samples that the model reads.")
    part = slice(start, min(start + rows, n_kept))
    X = predictors.columns(part)
    where, unit = _where(plan, predictors, part)
    drawn = names[:MOST_TERMS]
    places = [predictors.column_places[name] for name in drawn]
    sizes = np.array([min(place.stop - place.start, MOST_COLUMNS) for place in places])
    widths = np.maximum(sizes / sizes.max(), LEAST_WIDTH)
    figure = DisplayedFigure(figsize=(WIDTH, 5.2), layout="constrained")
    grid = {"width_ratios": widths}
    axes = figure.subplots(1, len(drawn), squeeze=False, sharey=True, gridspec_kw=grid)
    shares = widths / widths.sum()
    for ax, block, place, share in zip(axes[0], predictors.blocks, places, shares, strict=False):
        labels = [_within(block, k) for k in range(block.size)]
        _draw_term(ax, X[:, place][:, :MOST_COLUMNS], where, labels, float(share))
        ax.set_title(f"{plain(block.name, 20)} ({block.size:,})", loc="left", fontsize=10)
    axes[0, 0].set_ylabel(unit, fontsize=10)
    if len(names) > len(drawn):
        rest = ", ".join(plain(name, 20) for name in names[MOST_TERMS:])
        write_note(figure, f"Not drawn: {rest}.")
    return figure


def _within(block: Block, k: int) -> str:
    """Return the label of a column without its term's name: ``lag=3`` of ``x[x_lag=3]``."""
    return (
        block.label(k)
        .removeprefix(f"{block.name}[")
        .removesuffix("]")
        .replace(f"{block.name}_", "")
    )


def _where(plan: Plan, predictors: Predictors, part: slice) -> tuple[Array, str]:
    """Return the time of each row of the stretch, or its number, and what it is called."""
    at = predictors.rows[part]
    if "time" in plan.dataset.variables:
        times = seconds(plan.dataset["time"])
        if times is not None:
            return np.asarray(times)[at], "time (s)"
    return at.astype(float), "sample"


def _draw_term(ax: Axes, X: Array, where: Array, labels: list[str], share: float) -> None:
    largest = float(np.abs(X).max(initial=0.0)) or 1.0
    ax.imshow(X, cmap="RdBu_r", vmin=-largest, vmax=largest, aspect="auto", interpolation="nearest")
    ax.set_title(f"±{largest:.2g}", loc="right", fontsize=8, color="#59636e")
    ax.tick_params(labelsize=8)
    rows = np.linspace(0, len(where) - 1, min(len(where), 6)).astype(int)
    ax.set_yticks(rows, [f"{where[row]:.6g}" for row in rows])
    room = max(1, int(MOST_NAMED * share))
    places = np.linspace(0, X.shape[1] - 1, min(X.shape[1], room)).astype(int)
    ax.set_xticks(places, [plain(labels[k], 20) for k in places], rotation=60, ha="right")
    for label in ax.get_xticklabels():
        label.set_rotation_mode("anchor")
