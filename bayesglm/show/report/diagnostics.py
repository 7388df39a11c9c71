"""How far to believe the fits: checks as traffic lights, with words and what to do."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from bayesglm.inference.tree.opened import parameter_group
from bayesglm.show.report.checked import findings_of_data, findings_of_fitting, findings_of_score
from bayesglm.show.report.convergence import findings_of_fit
from bayesglm.show.report.lights import COLOURS, light_of
from bayesglm.show.report.parts import Light, Lights, Notes, Section
from bayesglm.show.report.story import Story

if TYPE_CHECKING:
    import xarray as xr

OF_LIGHTS = (
    "Green: nothing stands against it. Amber: read the results with this in mind. Red: do not use "
    "the numbers that it touches before it is mended. A check that says nothing of these responses "
    "is not listed."
)


def diagnostics(story: Story) -> tuple[Section, ...]:
    """Return the checks of each fit as lights, and what was said while scoring."""
    every = {name: lights_of(story, name) for name in story.fits}
    lights = [Lights(f"{name}: {_counted(own)}", own) for name, own in every.items()]
    unchecked = [f"{name} could not be checked: {why}" for name, why in story.unchecked.items()]
    said = (*unchecked, *story.said)
    notes = (Notes(said),) if said else ()
    return (Section("How far to believe it", (OF_LIGHTS, *lights, *notes)),)


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
