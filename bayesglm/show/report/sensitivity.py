"""Prior sensitivity: whether conclusions hang on a prior, or on data that a prior contradicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.errors import BayesGLMError
from bayesglm.inference.tree.shown import SENTENCES
from bayesglm.results.power_scaling import THRESHOLD
from bayesglm.results.sensitivity import CONFLICT, STRONG, sensitivity
from bayesglm.show.figures import (
    COLOURS,
    INK,
    MOST_LETTERS,
    hide_beyond,
    named_handles,
    new_figure,
    write_note,
)
from bayesglm.show.report.cells import number
from bayesglm.show.report.parts import Block, Cell, Notes, Picture, Section, Table
from bayesglm.show.report.scoring import n_rows, some_draws
from bayesglm.show.report.story import Story
from bayesglm.show.text import plain

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_DENSITIES = 400_000_000  # rows times draws of a fit that are computed: chosen, some seconds
MOST_DRAWN = 10  # parameters in a panel, those that move most with their prior: chosen
ROW = 0.24  # inches of one
ACROSS = 3  # panels in a row
HEAD = ("model", "parameter", "moves with the prior", "with the data", "diagnosis")
HOW = (
    "The prior, or the likelihood, is made a little stronger and a little weaker, and the draws "
    "are weighted accordingly (power scaling): numbers say how far a posterior moves with either. "
    f"From {THRESHOLD:g} on it moves, as if a mean moved by 0.3 of its sds where the power is "
    "doubled. A strong prior that is meant is no fault."
)


def prior_sensitivity(story: Story) -> tuple[Section, ...]:
    """Return, of each fit with a posterior, what moves with its prior."""
    tables: dict[str, pd.DataFrame] = {}
    notes: list[str] = []
    for name, fit in story.fits.items():
        if "posterior" not in fit.children:
            continue
        few, note = some_draws(fit, n_rows(fit), MOST_DENSITIES)
        try:
            tables[name] = sensitivity(few)
            notes += [f"{name}: by {note}."] if note else []
        except BayesGLMError as error:
            notes.append(f"{name}: {error}")
    if not tables:
        return (Section("Prior sensitivity", tuple(notes)),) if notes else ()
    said = [f"{name}: {one}" for name, table in tables.items() for one in table.attrs[SENTENCES]]
    moving = _moving(tables)
    further = (moving,) if moving.rows else ()
    blocks: tuple[Block, ...] = (HOW, Notes((*said, *notes)), _picture(tables), *further)
    return (Section("Prior sensitivity", blocks),)


def _picture(tables: dict[str, pd.DataFrame]) -> Picture:
    """Return how far every parameter moves with its prior, and with the data."""
    caption = (
        "How far each parameter's posterior moves where its prior (filled) or the data (hollow) "
        "are made stronger or weaker. Right of the dashed line it moves: with both, prior and data "
        "pull apart; with the prior alone, the data tell little."
    )
    alt = " ".join(_counted(name, table) for name, table in tables.items())
    return Picture(_figure(tables), caption, alt, Table(HEAD, tuple(_rows(tables))))


def _counted(name: str, table: pd.DataFrame) -> str:
    """Say how many parameters move with what, and which of them most."""
    both, alone = (int((table["diagnosis"] == one).sum()) for one in (CONFLICT, STRONG))
    most = _by_prior(table)
    by = f", {most.index[0]} most, by {most['prior'].iloc[0]:.2g}" if len(most) else ""
    return (
        f"{name}: of {len(table)} parameters {both} move with prior and data, {alone} with the "
        f"prior alone{by}."
    )


def _figure(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw a panel for each model, and a row for each parameter that moves most."""
    n = len(tables)
    columns = min(n, ACROSS)
    rows = -(-n // columns)
    tallest = max(min(len(table), MOST_DRAWN) for table in tables.values())
    height = 0.9 + rows * (0.9 + ROW * tallest)
    figure, axes = new_figure(rows, columns, height, sharex=True)
    hide_beyond(axes, n)
    for ax, (name, table) in zip(axes.flat, tables.items(), strict=False):
        _draw(ax, table)
        ax.set_title(plain(name, MOST_LETTERS), loc="left", fontsize=11)
        ax.set_xlabel("how far it moves", fontsize=10)
        ax.tick_params(labelbottom=True)
    shown = [_by_prior(table).iloc[:MOST_DRAWN] for table in tables.values()]
    furthest = max(float(np.nanmax(one[["prior", "likelihood"]], initial=0.0)) for one in shown)
    axes[0, 0].set_xlim(-0.02 * furthest, 1.08 * max(furthest, THRESHOLD))
    handles = named_handles(axes)
    figure.legend(
        handles.values(), handles.keys(), loc="outside upper left", ncols=3, frameon=False
    )
    left_out = sum(max(0, len(table) - MOST_DRAWN) for table in tables.values())
    note = f"Not drawn: {left_out:,} parameters that move less; they are in the figure's data."
    write_note(figure, note if left_out else "")
    return figure


def _draw(ax: Axes, table: pd.DataFrame) -> None:
    """Draw how far parameters move with the data, and over it how far with their prior."""
    most = _by_prior(table).iloc[:MOST_DRAWN]
    y = np.arange(len(most))
    look: dict[str, Any] = {"linestyle": "none", "markersize": 6}
    hollow = look | {"color": INK, "markerfacecolor": "white"}
    ax.plot(most["likelihood"], y, "o", label="with the data", **hollow)
    ax.plot(most["prior"], y, "o", label="with the prior", color=COLOURS[1], **look)
    ax.axvline(THRESHOLD, color=INK, linewidth=0.8, linestyle="--", label="where it moves")
    ax.set_yticks(y, [plain(one, MOST_LETTERS) for one in most.index])
    ax.set_ylim(len(most) - 0.5, -0.5)


def _by_prior(table: pd.DataFrame) -> pd.DataFrame:
    """Return the parameters, those first that move most with their prior."""
    return table.sort_values("prior", ascending=False, kind="stable")


def _rows(tables: dict[str, pd.DataFrame]) -> list[tuple[Cell, ...]]:
    """Return how far each parameter of each model moves, those first that move most."""
    return [
        (name, str(parameter), number(prior), number(likelihood), diagnosis)
        for name, table in tables.items()
        for parameter, prior, likelihood, diagnosis in _by_prior(table).itertuples()
    ]


def _moving(tables: dict[str, pd.DataFrame]) -> Table:
    """Return the parameters that move with their prior."""
    rows = tuple(row for row in _rows(tables) if row[-1] in (CONFLICT, STRONG))
    return Table(HEAD, rows, "What moves with its prior; of the others, see the figure's data.")
