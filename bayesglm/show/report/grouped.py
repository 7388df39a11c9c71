"""Groups at a glance: how many rows each has, and how their means differ."""

from __future__ import annotations

import itertools

import numpy as np

from bayesglm.show.figures import COLOURS, GREY, INK, new_figure
from bayesglm.show.report.distributions import means_of
from bayesglm.show.report.kinds import Data, Variable
from bayesglm.show.report.parts import Number, Picture, Table
from bayesglm.show.text import plain

Array = np.ndarray
MOST_NAMED = 40  # groups whose names stand beside the axis
MOST_BARS = 2_000  # groups with a bar of their own error
ROW = 0.19  # inches of a group with a name


def group_picture(data: Data, variable: Variable) -> Picture:
    """Draw the size of every group, and the mean of its responses with two standard errors.

    Groups are sorted by their mean. Censored responses have no means here, and sizes alone.
    """
    codes, names = variable.numbers, [str(one) for one in variable.levels]
    order = np.argsort(np.where(np.isfinite(codes), codes, np.inf), kind="stable")
    starts = np.searchsorted(codes[order], np.arange(len(names) + 1))
    parts = [order[a:b] for a, b in itertools.pairwise(starts)]
    sizes = np.array([len(part) for part in parts])
    means = means_of(data)
    told = np.array([[one[-1] for one in means.within(part)] for part in parts]).T
    if any(model.censored for model in data.models):
        told = np.full_like(told, np.nan)
    ranks = np.argsort(np.where(np.isfinite(told[0]), told[0], np.inf), kind="stable")
    is_named = len(names) <= MOST_NAMED
    figure, axes = new_figure(1, 2, 0.9 + max(2.2, ROW * len(names) if is_named else 3.4))
    right, y = axes[0, 1], np.arange(len(names))
    _draw_sizes(axes[0], variable.name, [names[k] for k in ranks], sizes[ranks])
    mean, error = told[:, ranks]
    if len(names) <= MOST_BARS:
        right.hlines(y, mean - 2 * error, mean + 2 * error, color=GREY, linewidth=1.2)
    right.plot(mean, y, "o", color=INK, markersize=4 if is_named else 2)
    overall = means.within(np.arange(len(codes)))[0][-1]
    right.axvline(overall, color=COLOURS[1], linewidth=1.0)
    right.set_xlabel(_label(means.names, plain(means.label, 40)), fontsize=9)
    known = np.flatnonzero(np.isfinite(told[0]))
    alt = (
        f"{len(names):,} groups of {variable.name} with {sizes.min():,} to {sizes.max():,} rows "
        f"(median {np.median(sizes):g})"
    )
    if len(known):
        low, high = known[np.argmin(told[0][known])], known[np.argmax(told[0][known])]
        alt += (
            f"; {means.label} lies between {told[0][low]:.3g} ({names[low]}) and "
            f"{told[0][high]:.3g} ({names[high]}), that of all rows is {overall:.3g}"
        )
    caption = (
        f"Left: rows of each {variable.name!r}. Right: {means.label} in each, sorted, with two "
        "standard errors; the line is the mean of all rows."
    )
    rows = tuple(
        (
            names[k],
            Number(float(sizes[k]), f"{sizes[k]:,}"),
            Number(float(told[0][k]), f"{told[0][k]:.4g}"),
            Number(float(told[1][k]), f"{told[1][k]:.2g}"),
        )
        for k in ranks
    )
    head = (variable.name, "rows", means.label, "standard error")
    return Picture(figure, caption, f"{alt}.", Table(head, rows))


def _label(names: tuple[str, ...], label: str) -> str:
    return f"{label}: {plain(names[-1], 20)}" if len(names) > 1 else label


def _draw_sizes(axes: Array, name: str, names: list[str], sizes: Array) -> None:
    """Draw the rows of each group on the left, named, or how often there are so many."""
    left, right = axes
    if len(names) <= MOST_NAMED:
        left.barh(np.arange(len(names)), sizes, color=COLOURS[0], alpha=0.75, height=0.8)
        for ax in axes:
            ax.set_yticks(np.arange(len(names)), [plain(one, 14) for one in names], fontsize=8)
            ax.set_ylim(len(names) - 0.4, -0.6)
        left.set_xlabel("rows", fontsize=9)
        return
    left.hist(sizes, bins=min(30, int(np.ptp(sizes)) + 1), color=COLOURS[0], alpha=0.75)
    left.set_xlabel(f"rows of a {plain(name, 20)}", fontsize=9)
    left.set_ylabel("groups", fontsize=9)
    right.set_ylabel(f"{plain(name, 20)}, sorted by mean", fontsize=9)
    right.set_yticks([])
