"""Single coefficients of all models in one picture: rows of intervals, models side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayesglm.inference.tree.opened import group_redrawn, model_of, parameter_group
from bayesglm.inference.tree.words import entries_of, is_curve
from bayesglm.show.figures import COLOURS, INK, MOST_LETTERS, legend_height, new_figure
from bayesglm.show.report.cells import number
from bayesglm.show.report.kinds import Data
from bayesglm.show.report.parts import Cell, Picture, Table
from bayesglm.show.text import plain
from bayesglm.show.units import link_unit
from bayesglm.spec.terms.term import FACTOR, PREDICTOR

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
MOST_TOGETHER = 12  # coefficients of a term up to which they are rows beside those of others
MOST_ROWS = 60  # of a picture; of more those farthest from zero in their own sds are drawn
INTERVALS = {0.94: 1.2, 0.5: 3.2}  # probability, and the width of its line
MARKERS = "osD^vPX*"
ROW, BETWEEN = 0.13, 0.14  # inches of a model's line, and between rows


@dataclass(frozen=True)
class Row:
    """A coefficient of a model: its draws (of a MAP one), and what it is multiplied by.

    ``sd`` is that of its predictor over the samples, by which the picture multiplies it; 1 of
    levels, of yes and no, and of what is no predictor's.
    """

    words: str
    draws: Array
    sd: float
    is_map: bool


def rows_of(fit: xr.DataTree, data: Data) -> dict[str, Row]:
    """Return the coefficients of a fit that stand alone: neither kernels nor curves nor groups."""
    model, group = model_of(fit), parameter_group(fit)
    redrawn, population = group_redrawn(fit), fit.attrs["population"]
    sds = {
        one.name: float(np.nanstd(one.numbers)) for one in data.scalars if one.holds == "numbers"
    }
    found: dict[str, Row] = {}
    for entries in entries_of(model, group):
        term = entries.term
        if not entries.own or term is None or entries.name == redrawn:
            continue
        variable = group[entries.name]
        many = len(entries.words) > MOST_TOGETHER or population in variable.dims
        if many or term.is_lagged or term.facts.of_levels or is_curve(variable):
            continue
        is_map = "draw" not in variable.dims
        lead = () if is_map else ("chain", "draw")
        values = variable.transpose(*lead, ...).values.reshape(-1, int(np.prod(entries.shape)))
        of = [name for name, role in term.roles.items() if role == PREDICTOR and name in sds]
        alone = len(term.roles) - sum(role == FACTOR for role in term.roles.values()) == len(of)
        sd = sds[of[0]] if len(of) == 1 and alone else 1.0
        for words, k in zip(entries.words, entries.places, strict=True):
            found[words] = Row(words, values[:, k], sd, is_map)
    return found


def forest(
    fits: Mapping[str, xr.DataTree], called: Mapping[str, str], data: Data
) -> Picture | None:
    """Draw all coefficients that stand alone, a row each, its models on one scale below another.

    Those of numbers are told for one sd of the predictor, so that they can be compared. None where
    no model has such a coefficient.
    """
    every = {name: rows_of(fit, data) for name, fit in fits.items()}
    names = list(dict.fromkeys(words for rows in every.values() for words in rows))
    if not names:
        return None
    shown, more = _shown(names, every)
    model = model_of(next(iter(fits.values())))
    n = len(every)
    height = 0.9 + legend_height(n) + len(shown) * (n * ROW + BETWEEN)
    figure, axes = new_figure(1, 1, max(height, 1.6))
    ax = axes[0, 0]
    ax.axvline(0, color=INK, linewidth=0.8)
    step = 0.7 / n
    cells: list[tuple[Cell, ...]] = []
    for k, (name, rows) in enumerate(every.items()):
        colour = COLOURS[k % len(COLOURS)]
        here = [(i, rows[words]) for i, words in enumerate(shown) if words in rows]
        if not here:
            continue
        y = np.array([i + step * (k - 0.5 * (n - 1)) for i, _ in here])
        middle = np.array([row.draws.mean() * row.sd for _, row in here])
        if not here[0][1].is_map:
            for prob, width in INTERVALS.items():
                ends = [0.5 - prob / 2, 0.5 + prob / 2]
                low, high = np.array([np.quantile(row.draws * row.sd, ends) for _, row in here]).T
                ax.hlines(y, low, high, color=colour, linewidth=width)
        inside = "white" if here[0][1].is_map else colour
        marker, label = MARKERS[k % len(MARKERS)], plain(called[name], MOST_LETTERS)
        ax.plot(middle, y, marker, color=inside, markeredgecolor=colour, markersize=5, label=label)
        cells += [_cells(called[name], row) for row in rows.values()]
    ax.set_yticks(range(len(shown)), [plain(one, 32) for one in shown])
    ax.set_ylim(len(shown) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel(f"coefficient ({_unit(fits, shown, model)})", fontsize=10)
    if n > 1:
        handles, labels = ax.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=4, frameon=False, fontsize=9)
    head = ("coefficient", "model", "estimate", "3%", "97%", "sd of the predictor", "times sd")
    return Picture(
        figure, _caption(every, more), _alt(every, shown, called), Table(head, tuple(cells))
    )


def _shown(names: list[str], every: Mapping[str, dict[str, Row]]) -> tuple[list[str], int]:
    """Return the coefficients that have room, in their order, and how many have none."""
    if len(names) <= MOST_ROWS:
        return names, 0

    def size(words: str) -> float:
        rows = [rows[words] for rows in every.values() if words in rows]
        return max(abs(row.draws.mean()) / (row.draws.std() or 1.0 / row.sd) for row in rows)

    kept = set(sorted(names, key=size, reverse=True)[:MOST_ROWS])
    return [one for one in names if one in kept], len(names) - MOST_ROWS


def _unit(fits: Mapping[str, xr.DataTree], shown: list[str], model: object) -> str:
    """Return the unit of all coefficients, where all have one."""
    units = {
        link_unit(model_of(fit), term.label)
        for fit in fits.values()
        for term in model_of(fit).every_term
        if any(words.partition("[")[0] == term.label for words in shown)
    }
    return units.pop() if len(units) == 1 else "link units"


def _cells(name: str, row: Row) -> tuple[Cell, ...]:
    mean = float(row.draws.mean())
    low, high = (np.nan, np.nan) if row.is_map else np.quantile(row.draws, [0.03, 0.97])
    scaled = number(mean * row.sd)
    return (row.words, name, number(mean), number(low), number(high), number(row.sd), scaled)


def _caption(every: Mapping[str, dict[str, Row]], more: int) -> str:
    kinds = {row.is_map for rows in every.values() for row in rows.values()}
    scaled = any(row.sd != 1.0 for rows in every.values() for row in rows.values())
    parts = []
    if False in kinds:
        parts.append("Posterior means with 50% (thick) and 94% (thin) intervals.")
    if True in kinds:
        parts.append("Hollow: MAP estimates; a mode has no uncertainty, and so no interval.")
    if scaled:
        parts.append("Coefficients of numbers are those of one sd of the predictor.")
    if more:
        parts.append(f"Not drawn: {more:,} more, nearer to zero, which the figure's data hold.")
    parts.append("The intercept stands in the table.")
    parts.append("One interval of many that excludes zero is weak evidence.")
    return " ".join(parts)


def _alt(every: Mapping[str, dict[str, Row]], shown: list[str], called: Mapping[str, str]) -> str:
    """Say what is seen: of each model how many intervals exclude zero, and the largest."""
    told = []
    for name, rows in every.items():
        here = [rows[words] for words in shown if words in rows]
        if not here:
            continue
        largest = max(here, key=lambda row: abs(row.draws.mean() * row.sd))
        words = f"{called[name]}: largest {largest.words} ({largest.draws.mean() * largest.sd:.3g})"
        if not largest.is_map:
            ends = np.array([np.quantile(row.draws, [0.03, 0.97]) for row in here])
            n = int((ends[:, 0] * ends[:, 1] > 0.0).sum())
            words += f", {n} of {len(here)} 94% intervals exclude zero"
        told.append(words)
    return f"{len(shown)} rows. {'; '.join(told)}."
