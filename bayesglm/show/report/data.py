"""The data at a glance."""

from __future__ import annotations

import numpy as np

from bayesglm.design.clock import seconds
from bayesglm.design.response_levels import as_numbers
from bayesglm.inference.tree.fit import samples_in_words
from bayesglm.inference.tree.opened import stored_data
from bayesglm.show import figures
from bayesglm.show.predictive import STRETCH
from bayesglm.show.report.parts import Picture, Section
from bayesglm.show.report.story import Story
from bayesglm.show.units import unit_of_times
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.terms.term import FACTOR

Array = np.ndarray


def data(story: Story) -> tuple[Section, ...]:
    """Return a look at the first stretch of the data."""
    fit, model = story.first, story.model
    dim = fit.attrs["sample_dim"]
    dataset = stored_data(fit)
    roles = {name: role for term in model.every_term for name, role in term.roles.items()}
    factors = {name for name, role in roles.items() if role == FACTOR}
    part = dataset.drop_vars(factors & dataset.data_vars.keys())
    part = part.isel({dim: slice(0, 2 * STRETCH)})
    seen = as_numbers(model, part[story.response].values)
    part = part.assign({story.response: part[story.response].copy(data=seen)})
    x: Array = np.arange(part.sizes[dim])
    label = "sample"
    time = seconds(part["time"]) if "time" in part.coords else None
    if time is not None and "trial" not in part.coords:
        unit, size = unit_of_times(time)
        x, label = time / size, f"time ({unit})"
    text = f"{samples_in_words(fit.attrs, f' of {story.response!r}')}."
    if story.events is not None:
        text += f" They hold {story.events:,.0f} events."
    picture = Picture(
        figures.data_figure(part, story.response, x, label, _levels(story)),
        f"The first {part.sizes[dim]:,} samples.",
    )
    return (Section("The data", (text, picture)),)


def _levels(story: Story) -> tuple[str, ...]:
    """Return the labels that the response takes, where it is neither a number nor yes or no."""
    labels = FAMILY_NAMES[story.model.family].labels
    levels = story.model.levels if labels is not None and labels.most != 2 else None
    return tuple(map(str, levels or ()))
