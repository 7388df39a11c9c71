"""The comparison of the models, by what they foretell: in a picture, in numbers, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.inference.tree.opened import model_of
from bayesglm.inference.tree.shown import SENTENCES
from bayesglm.results.scores.alike import FOLDS, QUESTIONS, taken
from bayesglm.results.scores.compared import to_a_tenth
from bayesglm.show.compared import MOST_MODELS, plot_compare
from bayesglm.show.report.cells import number, share, whole
from bayesglm.show.report.parts import Block, Cell, Notes, Number, Picture, Section, Table
from bayesglm.show.report.story import Story

if TYPE_CHECKING:
    import pandas as pd

MANY_OUTSIDE = 0.2  # share of lags, where 6% are expected, from which residuals depend: chosen
OF_HISTORY = (
    "Leave-one-out flatters models that read past responses: a response left out as an outcome "
    "stays in as a covariate of those that follow. Whole blocks of time, left out together, are "
    "the honest test: kfold(model, data, by='time'), or lfo."
)


def comparison(story: Story) -> tuple[Section, ...]:
    """Return how well the models foretell, where at least two are scored."""
    table = story.compared
    if table is None:
        return ()
    unscored = [story.called(name) for name in story.fits if name not in story.elpd]
    cautions = _cautions(story)
    notes = [
        *([f"Without a score: {', '.join(unscored)}."] if unscored else []),
        *cautions,
    ]
    blocks: list[Block] = [
        f"{_how(story)} Compared on the {table.attrs['compared_on']} that all models predict"
        f"{_left_out(table)}.",
        Notes(tuple(table.attrs[SENTENCES])),
        _picture(table),
        _numbers(table),
    ]
    return (Section("The comparison", (*blocks, *((Notes(tuple(notes)),) if notes else ()))),)


def _how(story: Story) -> str:
    """Say how the scores were made."""
    one = next(iter(story.elpd.values()))
    kinds = {score.kind for score in story.elpd.values()}
    some = taken(one)
    if kinds == {FOLDS}:
        return (
            "Each model was fitted to some of the data and scored on the rest (k-fold), so these "
            "are forecasts of samples it had not seen."
        )
    if kinds & QUESTIONS.keys():
        return "Each model was fitted to the past, and scored on what came after."
    if some is not None:
        return (
            f"Scores are leave-one-out (PSIS-LOO) of {len(some):,} of {one.n_data_points:,} "
            "samples, which were drawn by chance; the others by an approximation that these "
            "correct. What the drawing adds to the errors is in the table."
        )
    return (
        "Scores are leave-one-out: how probable each response is to a model that has seen all the "
        "others (PSIS-LOO)."
    )


def _left_out(table: pd.DataFrame) -> str:
    """Name the models of which samples were left out, and of how many."""
    left_out = table.attrs["left_out"]
    cut = ", ".join(f"{number:,} of {name!r}" for name, number in left_out.items() if number)
    return f" (left out: {cut})" if cut else ""


def _cautions(story: Story) -> list[str]:
    """Say of scores by leave-one-out what flatters them: a past that is read, or dependence."""
    by_one = [name for name, one in story.elpd.items() if one.kind not in (FOLDS, *QUESTIONS)]
    if not by_one:
        return []
    cautions = []
    if any(model_of(story.fits[name]).has_history for name in by_one):
        cautions.append(OF_HISTORY)
    outside = {}
    for name in by_one:
        told = story.checks.get(name)
        if told is not None and "autocorrelation" in told.children:
            node = told["autocorrelation"].to_dataset()
            outside[name] = float(np.nanmax(node["share_outside"].values))
    worst = max(outside, key=lambda name: outside[name], default=None)
    if worst is not None and outside[worst] > MANY_OUTSIDE:
        cautions.append(
            f"Residuals of {worst} go together along time ({outside[worst]:.0%} of lags are "
            "outside the band that holds 94% of independent ones): neighbours tell of the "
            "response that is left out, which flatters all models, and errors are larger than "
            "they look. Leave out blocks of time: kfold(model, data, by='time')."
        )
    return cautions


def _picture(table: pd.DataFrame) -> Picture:
    """Return the differences to the best, the scores and the weights as a picture."""
    best = table.iloc[:MOST_MODELS]
    others = zip(best.index[1:], best["elpd_diff"][1:], best["dse"][1:], strict=True)
    told = [f"{name} {difference:.1f} ± {error:.1f}" for name, difference, error in others]
    alt = (
        f"Of {len(table)} models {table.index[0]} scores highest. Differences to it, in nats: "
        f"{'; '.join(told)}."
    )
    caption = (
        "Left: how far each model falls short of the best, with one (thick) and two (thin) "
        "standard errors; this tells models apart. Middle: the scores themselves, which are mostly "
        "what all models share. Right: stacking weights, and how probably each model is worse."
    )
    names = ["elpd", "se", "elpd_diff", "dse", "p_worse", "weight"]
    rows: list[tuple[Cell, ...]] = [
        (str(name), *(number(row[one]) for one in names)) for name, row in table.iterrows()
    ]
    return Picture(plot_compare(table), caption, alt, Table(("model", *names), tuple(rows)))


def _numbers(table: pd.DataFrame) -> Table:
    """Return the table of `compare`: scores with their errors, weights, and what to mind."""
    per_event = np.log(2.0) * table.attrs["events"] if "bits_per_event" in table else None
    columns: dict[str, list[Cell]] = {
        "elpd": _to_tenths(table["elpd"], table["se"]),
        "se": _to_tenths(table["se"], table["se"]),
        "difference": _to_tenths(table["elpd_diff"], table["dse"]),
        "se of it": _to_tenths(table["dse"], table["dse"]),
    }
    if "subsampling_dse" in table:
        columns["se of the subsample"] = [number(one) for one in table["subsampling_dse"]]
    if per_event:
        difference, error = table["elpd_diff"] / per_event, table["dse"] / per_event
        columns["bits per event"] = [number(one) for one in table["bits_per_event"]]
        columns["difference in bits"] = _to_tenths(difference, error)
        columns["se in bits"] = _to_tenths(error, error)
    columns |= {
        "worse with probability": [_chance(one) for one in table["p_worse"]],
        "weight": [share(one) for one in table["weight"]],
        "effective parameters": [number(one) for one in table["p"]],
        "k-hat too high": [whole(one) for one in table["n_high_khat"]],
        "errors in doubt": list(table["diagnosis"]),
    }
    names = [str(name) for name in table.index]
    rows = tuple(zip(names, *columns.values(), strict=True))
    event = " Bits are per event, beyond one constant rate." if per_event else ""
    caption = (
        "Best first. elpd: expected log predictive density in nats, higher is better; se: standard "
        f"error; difference: to the best.{event} Weight: of stacking."
    )
    return Table(("model", *columns), rows, caption)


def _to_tenths(values: Any, errors: Any) -> list[Cell]:
    """Return numbers to a tenth of their standard errors."""
    return [
        Number(float(value), to_a_tenth(value, error))
        for value, error in zip(values, errors, strict=True)
    ]


def _chance(value: float) -> Cell:
    """Return a probability; of one that rounds to certainty that it is above 99%."""
    return Number(float(value), ">99%") if value >= 0.995 else share(value)
