"""The comparison of the models, by what they foretell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayesglm.design.response_levels import as_numbers
from bayesglm.inference.tree.opened import model_of
from bayesglm.results.scores.compare import compare
from bayesglm.results.scores.pairing import common_samples, observed
from bayesglm.show import figures
from bayesglm.show.report.parts import Picture, Section, Table
from bayesglm.show.report.story import Story

if TYPE_CHECKING:
    import pandas as pd


def comparison(story: Story, best_text: str = "") -> tuple[Section, ...]:
    """Return the comparison table, where at least two models are scored."""
    if len(story.elpd) < 2:
        return ()
    table = compare(story.elpd)
    unit, per_event = _unit(story)
    rows = tuple(_row(str(name), table.loc[name], per_event) for name in table.index)
    head = ("model", "elpd", "difference", *((unit,) if per_event else ()), "weight")
    kinds = {getattr(one, "kind", "") for one in story.elpd.values()}
    how = (
        "Each model was fitted to some of the data and scored on the rest (k-fold), so these "
        "are forecasts of samples it had not seen."
        if kinds == {"loo_kfold"}
        else "Scores are pointwise leave-one-out (PSIS-LOO)."
    )
    history = any(model_of(story.fits[name]).has_history for name in story.elpd)
    caution = (
        "Pointwise leave-one-out is optimistic for models with spike history: a response left "
        "out as an outcome stays in as a covariate of the samples that follow. Blocks of time "
        "are the honest test."
        if history
        else ""
    )
    text = tuple(part for part in (how, best_text, caution) if part)
    scale = per_event or 1.0
    picture = Picture(
        figures.comparison_figure(
            [str(name) for name in table.index],
            table["elpd_diff"].to_numpy() / scale,
            table["dse"].to_numpy() / scale,
            unit if per_event else "nats",
        ),
        "Differences to the best model; thick lines are one standard error, thin ones two.",
    )
    left_out = table.attrs["left_out"]
    cut = ", ".join(f"{number:,} of {name!r}" for name, number in left_out.items() if number)
    note = f"Compared on the {table.attrs['compared_on']} that all models predict"
    notes = (f"{note}; left out: {cut}." if cut else f"{note}.",)
    return (Section("The comparison", (*text, Table(head, rows), picture, *notes)),)


def _unit(story: Story) -> tuple[str, float | None]:
    """Return the unit of differences, and how many nats in all are one of it."""
    events = _events_compared(story)
    if not events:
        return "nats", None
    event = "spike" if "spike" in story.response else "event"
    return f"bits per {event}", float(np.log(2) * events)


def _events_compared(story: Story) -> float | None:
    """Return the number of events in the samples that all scores have."""
    if not story.events:
        return None
    values = {name: one.elpd_i for name, one in story.elpd.items()}
    name, places = next(iter(common_samples(values).items()))
    counts = observed(values[name].isel(places))
    if counts is None:
        return story.events
    return float(as_numbers(model_of(next(iter(story.fits.values()))), counts).sum())


def _row(name: str, row: pd.Series, per_event: float | None) -> tuple[str, ...]:
    cells = [
        name,
        f"{row['elpd']:.1f} ± {row['se']:.1f}",
        "best" if row["elpd_diff"] == 0 else f"{row['elpd_diff']:.1f} ± {row['dse']:.1f}",
    ]
    if per_event:
        difference, error = row["elpd_diff"] / per_event, row["dse"] / per_event
        cells.append("best" if difference == 0 else f"{difference:.3f} ± {error:.3f}")
    return (*cells, f"{row['weight']:.2f}")
