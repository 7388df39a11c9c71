"""The data at a glance, as the field of each kind shows them."""

from __future__ import annotations

import numpy as np

from bayesglm.inference.tree.fit import samples_in_words
from bayesglm.show.report.cells import number, whole
from bayesglm.show.report.distributions import distributions, response_against, short
from bayesglm.show.report.grouped import group_picture
from bayesglm.show.report.kinds import Data, Variable
from bayesglm.show.report.parts import Block, Cell, Picture, Section, Table
from bayesglm.show.report.recordings import intervals, over_trials, raster, recording, units
from bayesglm.show.report.story import Story

MOST_GROUPS = 3  # factors of groups with a picture each
MOST_SAID = 8  # levels that are named in a cell
OF_CENSORED = (
    "Of censored responses no more is known than an interval: their means are not drawn, "
    "and what is counted below are the ends as they were recorded."
)


def data(story: Story) -> tuple[Section, ...]:
    """Return what the data are, their variables, and pictures of them as their kind asks for."""
    own = story.data
    blocks: list[Block] = [f"{own.words}.", *_samples(story)]
    if any(model.censored for model in own.models):
        blocks.append(OF_CENSORED)
    blocks += [picture for picture in _pictures(own) if picture is not None]
    blocks.append(variables(own))
    return (Section("The data at a glance", tuple(blocks)),)


def _samples(story: Story) -> list[str]:
    """Say how many samples each fit is of, and how many were left out; once where all are alike."""
    told = {name: samples_in_words(fit.attrs) for name, fit in story.fits.items()}
    is_told = story.events is not None and story.data.are_events
    events = f" They hold {story.events:,.0f} events." if is_told else ""
    if len(set(told.values())) == 1:
        every = "The fit is" if len(told) == 1 else "All fits are"
        return [f"{every} of {next(iter(told.values()))}.{events}"]
    each = "; ".join(f"{name!r} of {words}" for name, words in told.items())
    return [f"The fits are of different samples: {each}.{events}"]


def _pictures(own: Data) -> list[Picture | None]:
    """Return the pictures of a kind of data, in the order in which they are read."""
    if own.layout == "rows":
        drawn: list[Picture | None] = [distributions(own), response_against(own)]
        if own.population:
            drawn.append(units(own)[0])
        by_name = {one.name: one for one in own.variables}
        return drawn + [group_picture(own, by_name[name]) for name in own.groups[:MOST_GROUPS]]
    drawn = [units(own)[0]] if own.population and own.response.values.ndim == 2 else []
    if own.are_events and (own.population or own.layout == "trials"):
        drawn.append(raster(own))
    drawn.append(over_trials(own) if own.layout == "trials" else None)
    if own.layout == "series" and not (own.population and own.are_events):
        drawn.append(recording(own))
    if own.are_events and not own.population:
        drawn.append(intervals(own))
    return [*drawn, distributions(own) if own.scalars or not own.are_events else None]


def variables(own: Data) -> Table:
    """Return a table of the variables: what each is and holds, its numbers or levels."""
    head = (
        "variable",
        "part",
        "holds",
        "unit",
        "values",
        "missing",
        "mean",
        "sd",
        "range or levels",
    )
    rows = tuple(_row(own, one) for one in own.variables)
    return Table(head, rows, f"The {len(rows):,} variables that the models read.")


def _row(own: Data, variable: Variable) -> tuple[Cell, ...]:
    dims = [str(dim) for dim in variable.values.dims if dim != own.dim]
    shape = [f"{variable.values.sizes[dim]:,}" for dim in dims]
    holds = variable.holds + (f" along {', '.join(dims)} ({' x '.join(shape)})" if dims else "")
    first = (variable.name, variable.part, holds, variable.unit)
    if variable.holds == "times":
        return (*first, whole(variable.values.size), "", "", "", "")
    is_response = variable is own.response
    values = own.observed if is_response else variable.numbers
    labels = own.model.levels if is_response else None
    known = values[np.isfinite(values)]
    counted = (whole(known.size), whole(values.size - known.size))
    if variable.holds == "levels":
        names = list(map(str, labels or variable.levels))
        more = f" and {len(names) - MOST_SAID:,} more" if len(names) > MOST_SAID else ""
        told = f"{len(names):,}: {', '.join(names[:MOST_SAID])}{more}"
        return (*first, *counted, "", "", told)
    if not known.size:
        return (*first, *counted, "", "", "")
    told = f"{short(float(known.min()))} to {short(float(known.max()))}"
    if variable.holds == "yes or no":
        told = ", ".join(map(str, labels or ("no", "yes")))
    return (*first, *counted, number(known.mean()), number(known.std()), told)
