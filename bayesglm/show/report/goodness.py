"""Goodness of fit: what the models predict of their own data, against what was observed."""

from __future__ import annotations

from bayesglm.inference.tree.opened import model_of
from bayesglm.show import figures
from bayesglm.show.predictive import predictive
from bayesglm.show.report.parts import Picture, Section
from bayesglm.show.report.story import Story

LEFT_PANEL = {
    True: "Left: the predicted mean with its 94% band, and what was observed. Right: ",
    False: "Left: the predicted mean, and what was observed. Right: ",
}
OF_CENSORED = (
    "Of censored responses no more is known than an interval, and those seen exactly are not like "
    "the others: means of either say nothing of the means that are predicted, so none are drawn."
)


def predictions(story: Story) -> tuple[Section, ...]:
    """Return the predicted means against what was observed."""
    if any(model_of(fit).censored for fit in story.posteriors.values()):
        return (Section("Predictions against observations", (OF_CENSORED,)),)
    compared = {name: predictive(fit) for name, fit in story.posteriors.items()}
    first = next(iter(compared.values()))
    models = {
        name: (one.time, *one.stretch) for name, one in compared.items() if one.time is not None
    }
    stretch = None if first.time is None else (first.time, first.observed, models)
    picture = Picture(
        figures.predictive_figure(
            stretch, {name: one.bins for name, one in compared.items()}, first.unit, first.binned
        ),
        (LEFT_PANEL[story.has_posterior] if stretch else "")
        + ("samples" if stretch else "Samples")
        + " sorted by their predicted mean into bins that expect equally much (or "
        "hold equally many samples): the observed means (dots) should fall into the 94% "
        "predictive intervals (bars"
        + (")" if story.has_posterior else ", given the MAP: its own uncertainty is left out)")
        + ". The data are those of the fit, so this shows misfit, not forecasting skill.",
    )
    return (Section("Predictions against observations", (picture,)),)
