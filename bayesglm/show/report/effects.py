"""Effects: what a change of each predictor does to the response, in a table and in pictures."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayesglm.errors import BayesGLMError, BayesGLMWarning
from bayesglm.inference.tree.opened import model_of
from bayesglm.show.effect_lines import Lines, lines_of
from bayesglm.show.effects import MOST_UNITS, effects_figure, observed_of, value_of
from bayesglm.show.predictive import thin
from bayesglm.show.report.averages import Averages, Interval, averages_of
from bayesglm.show.report.cells import number
from bayesglm.show.report.parts import Block, Cell, Notes, Part, Picture, Section, Table
from bayesglm.show.report.story import Story

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from bayesglm.spec.model import GLM

DRAWS = 400  # of each posterior, of which medians and intervals of effects are made: chosen
MOST_PICTURES, MOST_MODELS = 4, 4  # variables that are drawn, and models side by side: chosen
MOST_SAID = 3  # effects in a sentence
MOST_LINES = 6  # of a picture that are read out


def effects(story: Story) -> tuple[Section, ...]:
    """Return averaged effects of every fit, and predictions along the variables that matter."""
    few = {
        name: thin(fit, DRAWS) if "posterior" in fit.children else fit
        for name, fit in story.posteriors.items()
    }
    every, faults = {}, []
    for name, fit in few.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", BayesGLMWarning)
                averages = averages_of(fit)
        except BayesGLMError as error:
            faults.append(f"{story.called(name)}: {error}")
            continue
        if averages.changes:
            every[name] = averages
    notes = (Notes(tuple(faults)),) if faults else ()
    if not every:
        return (Section("Effects", notes),) if faults else ()
    best = story.best if story.best in every else next(iter(every))
    blocks: list[Block] = [
        _introduction(every[best], few[best]),
        _sentence(story.called(best) if len(few) > 1 else "", every[best]),
        _table(story, every),
    ]
    blocks += _drawn(story, few, every, best)
    return (Section("Effects", (*blocks, *_left_out(story, every), *notes)),)


def _introduction(averages: Averages, fit: xr.DataTree) -> str:
    ordinal = {2: "second", 3: "third"}.get(averages.step, f"{averages.step}th")
    some = "" if averages.step == 1 else f" (every {ordinal} of them)"
    drawn = "posterior" in fit.children
    sizes = fit["posterior"].sizes if drawn else {}
    draws = f", from {sizes['chain'] * sizes['draw']:,} posterior draws" if drawn else ""
    return (
        f"What a change of one predictor does to the {averages.value}, all others as the data have "
        f"them: the average over {averages.n_samples:,} samples{some}{draws}. "
        "Numbers change from their lower to their upper quartile, labels from the first to each "
        "other. These are differences between predictions; whether a change would bring them "
        "about, a model of observed data cannot tell."
    )


def _sentence(model: str, averages: Averages) -> str:
    """Say the largest changes, and which may be none."""
    by = f"by the model {model!r}, " if model else ""
    certain = sorted(averages.changes, key=lambda one: -abs(one.difference[0]) * one.is_certain)
    largest = {one.variable: one for one in reversed(certain) if one.is_certain}
    ranked = [one for one in certain if largest.get(one.variable) is one][:MOST_SAID]
    if not ranked:
        doubt = "every 94% interval holds zero: no change of one predictor has a certain sign"
        return _capital(f"{by}{doubt}.")
    told = "; ".join(one.told(averages.of, averages.is_map) for one in ranked)
    text = f"{by}the {averages.value} changes most with {told}."
    n = sum(not one.is_certain for one in averages.changes)
    if n and not averages.is_map:
        intervals = f"interval of {n} holds" if n == 1 else f"intervals of {n} hold"
        text += f" Of {len(averages.changes)} changes, the 94% {intervals} zero."
    return _capital(text)


def _capital(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"


def _table(story: Story, every: Mapping[str, Averages]) -> Table:
    """Return all changes, models one below the other at each."""
    first = next(iter(every.values()))
    several, has_ends = len(story.posteriors) > 1, not first.is_map
    has_ratio = any(one.ratio is not None for own in every.values() for one in own.changes)
    order = list(dict.fromkeys(name for own in every.values() for name in own.order()))
    lines = [
        (order.index(one.variable), k, name, one)
        for name, own in every.items()
        for k, one in enumerate(own.changes)
    ]
    lines.sort(key=lambda line: line[:2])
    rows: list[tuple[Cell, ...]] = []
    for _, _, name, one in lines:
        row: list[Cell] = [one.variable, one.change, *one.of]
        row += [story.called(name)] if several else []
        row += _cells(one.difference, has_ends)
        if has_ratio:
            row += _cells(one.ratio or (np.nan, np.nan, np.nan), has_ends)
        rows.append(tuple(row))
    of = dict.fromkeys(label for own in every.values() for label in own.of)
    head = ["predictor", "change", *of, *(["model"] if several else [])]
    ends = ["3%", "97%"] if has_ends else []
    head += ["difference", *ends]
    head += ["ratio", *(f"ratio, {one}" for one in ends)] if has_ratio else []
    return Table(tuple(head), tuple(rows), f"Averaged differences in the {first.value}.")


def _cells(interval: Interval, has_ends: bool) -> list[Cell]:
    """Return an estimate, and the ends of its interval where it has any."""
    return [number(one) for one in (interval if has_ends else interval[:1])]


def _drawn(
    story: Story, fits: Mapping[str, xr.DataTree], every: Mapping[str, Averages], best: str
) -> Iterator[Block]:
    """Run through headings and pictures of predictions along the variables that matter most.

    Models whose lines are split alike stand side by side.
    """
    names = sorted(every, key=lambda name: name != best)
    done: set[tuple[str, str, str | None]] = set()
    for variable in every[best].order()[:MOST_PICTURES]:
        alike: dict[tuple[str, str | None], dict[str, Lines]] = {}
        for name in [one for one in names if variable in every[one].order()][:MOST_MODELS]:
            axes = _axes(model_of(fits[name]), variable, every[name])
            lines = None if (name, *axes) in done else _quiet_lines(fits[name], *axes)
            done.add((name, *axes))
            if lines is not None:
                label = story.called(name) if len(fits) > 1 else ""
                alike.setdefault(axes, {})[label] = lines
        for named in alike.values():
            yield from _picture(named)


def _axes(model: GLM, variable: str, averages: Averages) -> tuple[str, str | None]:
    """Return the variable along the axis, and the one that splits the lines: of an interaction."""
    known = averages.order()
    for term in model.terms:
        others = [name for name in term.variables if name != variable and name in known]
        if variable in term.variables and hasattr(term, "terms") and others:
            pair = (variable, others[0])
            turned = others[0] in averages.numbers and variable not in averages.numbers
            return (pair[1], pair[0]) if turned else pair
    return variable, None


def _quiet_lines(fit: xr.DataTree, variable: str, by: str | None) -> Lines | None:
    """Return the lines; None of a model that reads the past, whose kernels are drawn."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BayesGLMWarning)
        try:
            return lines_of(fit, variable, by)
        except BayesGLMError:
            return None


def _picture(named: Mapping[str, Lines]) -> tuple[Block, ...]:
    """Return predictions along a variable as a heading and a picture."""
    first = next(iter(named.values()))
    variable = first.x.name
    split = f", split by {' and '.join(one.name for one in first.splits)}" if first.splits else ""
    what = "MAP estimates" if first.is_map else "posterior medians with 94% intervals"
    value = value_of(first).replace("\\$", "$").replace("\n", " ")
    models = [name for name in named if name]
    beside = f" Models side by side, on one scale: {', '.join(models)}." if len(models) > 1 else ""
    own = f" Model: {models[0]}." if len(models) == 1 else ""
    dots = " Dots are the data, in which the others vary." if observed_of(first) else ""
    caption = (
        f"The {value} along {variable}{split}: {what}, the other predictors held.{dots}{beside}"
        f"{own}"
    )
    title = f"Along {variable}{split}"
    alt = f"The {value} along {variable}. {_read_out(named)}"
    return Part(title), Picture(effects_figure(named), caption, alt, _numbers(named))


def _read_out(named: Mapping[str, Lines]) -> str:
    """Say what is seen: where each line begins and ends, or where each dot lies."""
    told: list[str] = []
    more = 0
    for name, lines in named.items():
        keys = [*(one.name for one in lines.splits), "unit", "level"]
        seen = lines.table["within"] & (lines.table["unit"] < MOST_UNITS)
        for places, own in lines.table[seen].groupby(keys, sort=False):
            if len(told) == MOST_LINES:
                more += 1
                continue
            of = ", ".join(filter(None, [name, *_of(lines, places)]))
            shown = own.iloc[[0, -1]] if lines.x.is_line else own
            dots = ", ".join(
                f"{_interval(row)} at {lines.x.words[int(row['x'])]}"
                for _, row in shown.head(MOST_LINES).iterrows()
            )
            told.append(f"{of}: {dots}" if of else dots)
    rest = f" And {more} more lines, in the data of the figure." if more else ""
    return f"{'. '.join(told)}.{rest}"


def _of(lines: Lines, places: Sequence[int]) -> list[str]:
    """Name what a line is of, by its places among the splits, the units and the levels."""
    *at, unit, level = places
    labels = lines.fitted.plan.labels
    named = [f"{one.name} {one.words[k]}" for one, k in zip(lines.splits, at, strict=True)]
    named += [] if labels is None else [f"{lines.fitted.plan.population} {labels[unit]}"]
    return [*named, *([lines.levels[level]] if lines.levels else [])]


def _interval(row: pd.Series) -> str:
    """Write an estimate with its interval, if it has one."""
    middle, low, high = (f"{row[name]:.3g}" for name in ("estimate", "conf_low", "conf_high"))
    return middle if low == "nan" else f"{middle} [{low}, {high}]"


def _numbers(named: Mapping[str, Lines]) -> Table:
    """Return the numbers of the lines that are drawn."""
    first = next(iter(named.values()))
    population = first.fitted.plan.population
    rows: list[tuple[Cell, ...]] = []
    for name, lines in named.items():
        for row in lines.table[lines.table["within"]].to_dict("records"):
            value = lines.x.values[row["x"]]
            at: Cell = number(value) if isinstance(value, float) else str(value)
            splits = [one.words[row[one.name]] for one in lines.splits]
            labels = lines.fitted.plan.labels
            unit = [] if labels is None else [str(labels[row["unit"]])]
            level = [lines.levels[row["level"]]] if lines.levels else []
            estimate = [number(row[key]) for key in ("estimate", "conf_low", "conf_high")]
            rows.append((*([name] if name else []), at, *splits, *unit, *level, *estimate))
    of = [*(one.name for one in first.splits), *([] if population is None else [str(population)])]
    of += [first.model.response] if first.levels else []
    head = (*(["model"] if next(iter(named)) else []), first.x.name, *of, "estimate", "3%", "97%")
    return Table(head, tuple(rows))


def _left_out(story: Story, every: Mapping[str, Averages]) -> tuple[Block, ...]:
    """Name the predictors that have no change here, and the variables that are not drawn."""
    said = [
        f"{story.called(name)}: {variable} is not compared ({why})."
        for name, own in every.items()
        for variable, why in own.left_out.items()
    ]
    drawn = every[story.best].order() if story.best in every else []
    if len(drawn) > MOST_PICTURES:
        rest = ", ".join(drawn[MOST_PICTURES : MOST_PICTURES + 8])
        more = len(drawn) - MOST_PICTURES - 8
        end = f" and {more} more" if more > 0 else ""
        said.append(f"Not drawn, with smaller effects: {rest}{end}; bayesglm.plot_effects does.")
    return (Notes(tuple(said)),) if said else ()
