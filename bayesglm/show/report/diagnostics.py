"""How far to believe the fits: checks as traffic lights, with words and what to do."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from bayesglm.inference.tree.opened import parameter_group
from bayesglm.show.report.checked import findings_of_data, findings_of_fitting, findings_of_score
from bayesglm.show.report.convergence import findings_of_fit
from bayesglm.show.report.lights import COLOURS, light_of
from bayesglm.show.report.parts import Light, Lights, Notes, Section, Table
from bayesglm.show.report.story import Story

if TYPE_CHECKING:
    import xarray as xr

OF_LIGHTS = (
    "Green: nothing stands against it. Amber: read the results with this in mind. Red: what it "
    "touches is not to be used before it is mended. A check that says nothing of these responses "
    "is not listed."
)
FINE = "All else"
SAID = "What was said while the models were scored and checked:"
MOST_ROWS = 10  # of the table of all checks that stand on the page: chosen


def diagnostics(story: Story) -> tuple[Section, ...]:
    """Return the checks of each fit as lights, all of them in a table, and what was said."""
    every = {name: lights_of(story, name) for name in story.fits}
    lights = [
        Lights(f"{story.called(name)}: {_counted(own)}", _short(own)) for name, own in every.items()
    ]
    unchecked = [f"{name} could not be checked: {why}" for name, why in story.unchecked.items()]
    said = (*unchecked, *story.said)
    notes = (SAID, Notes(said)) if said else ()
    blocks = (OF_LIGHTS, *lights, _table(every), *notes)
    return (Section("How far to believe it", blocks),)


def _short(lights: tuple[Light, ...]) -> tuple[Light, ...]:
    """Return the lights that are not green, the red ones first, and one for all others."""
    green, amber, red = ([one for one in lights if one.colour == colour] for colour in COLOURS)
    names = ", ".join(one.name.lower() for one in green)
    fine = (Light("green", FINE, f"nothing stands against these: {names}."),) if green else ()
    return (*red, *amber, *fine)


def _table(every: dict[str, tuple[Light, ...]]) -> Table:
    """Return a row for each check of each fit, the worst first."""
    found = [(name, one) for name, lights in every.items() for one in lights]
    found.sort(key=lambda pair: -COLOURS.index(pair[1].colour))
    rows = tuple((one.name, name, one.colour, one.said) for name, one in found)
    head = ("check", "model", "light", "found")
    return Table(head, rows, "All checks, with their numbers.", MOST_ROWS)


def lights_of(story: Story, name: str) -> tuple[Light, ...]:
    """Return the lights of one fit: how it was made, its data, its score, and how it fits."""
    fit, told = story.fits[name], story.checks.get(name)
    elpd = story.elpd.get(name)
    found = [
        *findings_of_fit(fit),
        *findings_of_data(fit, told),
        *findings_of_score(fit, elpd),
        *findings_of_fitting(told),
    ]
    units = units_of(fit)
    lights = [light_of(one, units if len(one.values) == len(units) else [""]) for one in found]
    return tuple(one for one in lights if one is not None)


def units_of(fit: xr.DataTree) -> list[str]:
    """Return the names of the units of a population; one without a name where there is none."""
    population = fit.attrs["population"]
    if not population:
        return [""]
    return [str(one) for one in np.atleast_1d(parameter_group(fit)[population].values)]


def _counted(lights: tuple[Light, ...]) -> str:
    """Say how many lights of each colour there are.

    >>> _counted((Light("green", "a", ""), Light("red", "b", ""), Light("green", "c", "")))
    '2 green, 1 red'
    """
    counts = Counter(one.colour for one in lights)
    return ", ".join(f"{counts[colour]} {colour}" for colour in COLOURS if counts[colour])
