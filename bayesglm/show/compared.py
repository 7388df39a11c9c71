"""A comparison as a picture: what each model foretells worse than the best, with its errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.errors import DataError
from bayesglm.show.figures import (
    COLOURS,
    GREY,
    INK,
    MOST_LETTERS,
    named_handles,
    new_figure,
    write_note,
)
from bayesglm.show.text import plain
from bayesglm.spec.hints import shown

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray
COLUMNS = ("elpd", "se", "elpd_diff", "dse", "weight")  # that are drawn
SCORES = ("elpd", "elpd_diff", "weight")  # of these, what no model may lack
WORSE, DOUBTS = "p_worse", "diagnosis"  # of tables that have them
MOST_MODELS = 40  # in a figure: the best
ROW = 0.34  # inches


def plot_compare(table: pd.DataFrame) -> Figure:
    """Draw the table of `compare`: differences to the best, scores, and weights.

    Left: how much lower the expected log predictive density of each model is than that of the best,
    with one (thick) and two (thin) standard errors of the difference, which is what tells models
    apart; of events along the upper side in bits per event. In the middle the densities themselves
    with their own errors: these are nearly all of what the models have in common, and say nothing
    of which is better. Right: the stacking weight, and how probably each model is worse than the
    best.

    Parameters
    ----------
    table : pandas.DataFrame
        What `compare` returns, or ArviZ's ``compare``. Of more than 40 models the best are drawn.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        Something else, or a table without models, or whose scores are no numbers.

    Examples
    --------
    >>> import bayesglm as bg
    >>> x = [k / 10 for k in range(-20, 20)]
    >>> data = {"y": [round(2 + 1.5 * v) if v > -1 else 0 for v in x], "x": x}
    >>> with_x = bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0))
    >>> without = bg.GLM("y", [], family="poisson")
    >>> table = bg.compare({"x": bg.fit(with_x, data), "nothing": bg.fit(without, data)})
    >>> [one.get_text() for one in bg.plot_compare(table).axes[0].get_yticklabels()]
    ['x', 'nothing']
    """
    if not all(name in getattr(table, "columns", ()) for name in COLUMNS):
        raise DataError(
            "plot_compare draws the table that compare({'a': fit, 'b': other}) returns; got "
            f"{shown(table)}."
        )
    _check_numbers(table)
    best = table.sort_values("elpd", ascending=False, kind="stable").iloc[:MOST_MODELS]
    y = np.arange(len(best))
    figure, axes = new_figure(
        1, 3, 1.5 + ROW * len(best), sharey=True, gridspec_kw={"width_ratios": [2.2, 2.2, 1.0]}
    )
    difference, score, weight = axes[0]
    # Of ArviZ's tables a difference is below zero, or above it in older ones.
    _intervals(difference, -np.abs(best["elpd_diff"].to_numpy(float)), best["dse"], y)
    difference.axvline(0, color=INK, linewidth=0.8)
    _intervals(score, best["elpd"].to_numpy(float), best["se"], y)
    score.axvline(float(best["elpd"].iloc[0]), color=GREY, linewidth=0.8, linestyle=":")
    weight.barh(y, best["weight"], height=0.5, color=COLOURS[0], alpha=0.5)
    weight.set_xlim(0.0, 1.0)
    weight.set_xticks([0.0, 0.5, 1.0])
    difference.set_yticks(y, [plain(name, MOST_LETTERS) for name in best.index])
    difference.set_ylim(len(best) - 0.4, -0.6)
    for ax, most in ((difference, 5), (score, 4)):
        ax.locator_params(axis="x", nbins=most)
    difference.set_xlabel("difference to the best (nats)", fontsize=10)
    if table.attrs.get("events"):
        _add_bits(difference, float(table.attrs["events"]))
    score.set_xlabel("elpd (nats)", fontsize=10)
    weight.set_xlabel("weight", fontsize=10)
    for ax in axes[0]:
        ax.tick_params(axis="y", length=0)
    handles = named_handles(axes[:, :1])
    figure.legend(
        handles.values(), handles.keys(), loc="outside upper left", ncols=3, frameon=False
    )
    told, more = table.attrs.get("compared_on", ""), len(table) - len(best)
    if more:
        told += f"{', ' if told else ''}{more} worse models not drawn"
    weight.set_title(told, loc="right", fontsize=9, color=INK)
    _write_doubts(figure, weight, best, y)
    return figure


def _add_bits(ax: Axes, events: float) -> None:
    """Write the same differences as bits per event along the upper side."""
    nats = np.log(2.0) * events
    upper = ax.secondary_xaxis("top", functions=(lambda x: x / nats, lambda x: x * nats))
    upper.set_xlabel("bits per event", fontsize=9)
    upper.tick_params(labelsize=9)
    upper.locator_params(axis="x", nbins=5)


def _check_numbers(table: pd.DataFrame) -> None:
    """Raise DataError unless the table has models, and numbers that can be drawn."""
    if not len(table):
        raise DataError("the table has no models to draw; give that which compare returns whole.")
    for name in COLUMNS:
        try:
            values = table[name].to_numpy(float)
        except (TypeError, ValueError) as error:
            raise DataError(
                f"column {name!r} of the table holds {shown(table[name].iloc[0])} of model "
                f"{shown(table.index[0])}, and plot_compare draws numbers; give what compare "
                "returns."
            ) from error
        lost = ~np.isfinite(values)
        if name in SCORES and lost.any():
            raise DataError(
                f"column {name!r} of the table is {values[lost][0]} for {int(lost.sum())} models, "
                f"the first {shown(table.index[int(np.argmax(lost))])}; score that model again, or "
                "leave it out."
            )


def _write_doubts(figure: Figure, ax: Axes, table: pd.DataFrame, y: Array) -> None:
    """Write beside each model how probably it is the worse one, and below what speaks against it.

    Tables of others do not say so.
    """
    if WORSE in table:
        for place, chance in zip(y, table[WORSE], strict=True):
            if np.isfinite(chance):
                told = f"worse: {chance:.0%}" if chance < 0.995 else "worse: >99%"
                look: dict[str, Any] = {"fontsize": 9, "color": INK, "va": "center", "ha": "right"}
                ax.text(0.98, place, told, transform=ax.get_yaxis_transform(), **look)
    if DOUBTS in table:
        named = [
            f"{plain(name, MOST_LETTERS)} ({doubt})"
            for name, doubt in table[DOUBTS].astype(str).items()
            if doubt
        ]
        write_note(figure, f"Errors not to be trusted: {'; '.join(named[:4])}." if named else "")


def _intervals(ax: Axes, values: Array, errors: Any, y: Array) -> None:
    """Draw a row for each model: one and two standard errors, and the value."""
    error = np.nan_to_num(np.asarray(errors, float))
    for times, width, label in ((2, 1.5, "2 standard errors"), (1, 4.0, "1 standard error")):
        look: dict[str, Any] = {"color": COLOURS[0], "linewidth": width, "label": label}
        ax.hlines(y, values - times * error, values + times * error, **look)
    ax.plot(values, y, "o", color="white", markeredgecolor=COLOURS[0], markersize=6)
