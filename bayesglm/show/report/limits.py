"""What the report cannot tell: causes, inputs that were not observed, and what lies beyond."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayesglm.inference.tree.fit import samples_in_words
from bayesglm.inference.tree.opened import model_of
from bayesglm.show.report.kinds import Data, Variable
from bayesglm.show.report.parts import Cell, Notes, Number, Section, Table
from bayesglm.show.report.story import Story
from bayesglm.spec.terms.coupling import SOURCE

if TYPE_CHECKING:
    from bayesglm.spec.model import GLM

Array = np.ndarray
MOST_LEVELS = 8  # of a factor that a row names: chosen


def limits(story: Story) -> tuple[Section, ...]:
    """Return what the fits cannot tell, and the ranges beyond which they extrapolate."""
    models = {name: model_of(fit) for name, fit in story.fits.items()}
    sentences = (
        *_of_causes(story, models),
        *_of_time(models),
        *_of_groups(models),
        *_of_uncertainty(story),
        *_of_samples(story),
    )
    table = observed_ranges(story)
    beyond = (
        "Outside the ranges below no model has seen anything: predictions there are extrapolation, "
        "and rest on the form of the model alone. Inside, they may be so too where predictors are "
        "seldom seen together."
    )
    blocks = (Notes(sentences), beyond, table) if table.rows else (Notes(sentences),)
    return (Section("What this cannot tell", blocks),)


def _of_causes(story: Story, models: dict[str, GLM]) -> list[str]:
    """Say what kinds of predictors do not say of causes."""
    said = [
        "Causes. Coefficients are associations among what was observed, with the other terms of "
        f"the same model held fixed. Whether {story.response} would change if a predictor were "
        "changed depends on how the predictors came about, which the data do not say; where they "
        "were set at random by an experiment, such a reading is open."
    ]
    terms = [term for model in models.values() for term in model.every_term]
    if any(term.is_lagged and not term.reads_response for term in terms):
        said.append(
            "Before and after. That a predictor comes first does not make it a cause: what drives "
            "both may come earlier still."
        )
    if any(model.has_history for model in models.values()):
        said.append(
            "History. A term that reads the response's own past stands for all that makes the past "
            "predict the present: refractoriness, but slow drifts and unobserved inputs as well. "
            "What the other terms do is told given that past: a predictor that acts through it "
            "looks weaker than it is."
        )
    if any(SOURCE in term.facts.common_dims for term in terms):
        said.append(
            "Coupling. That one unit's past foretells another is no synapse: input that both share "
            "and nobody recorded, or a unit between them, makes the same trace."
        )
    return said


def _of_time(models: dict[str, GLM]) -> list[str]:
    if not any(term.is_lagged for model in models.values() for term in model.every_term):
        return []
    return [
        "Change. Each kernel is one for the whole recording: an effect that comes, goes or adapts "
        "is told as its average."
    ]


def _of_groups(models: dict[str, GLM]) -> list[str]:
    labels = [
        term.label for model in models.values() for term in model.every_term if term.facts.of_levels
    ]
    if not labels:
        return []
    named = ", ".join(dict.fromkeys(labels))
    return [
        f"Levels. Of {named} only the levels in the data have estimates, drawn towards their "
        "common mean; of a new level no more is known than how much levels differ."
    ]


def _of_uncertainty(story: Story) -> list[str]:
    maps = [name for name, fit in story.fits.items() if "map" in fit.children]
    said = []
    if maps:
        named = ", ".join(maps)
        said.append(
            f"Uncertainty. {named}: MAP estimates, single points without intervals. That a "
            "coefficient is exactly zero in one says what the penalty prefers, not that there is "
            "no effect."
        )
    if story.has_posterior:
        said.append(
            "Intervals. They hold the uncertainty about the coefficients of a model, given that it "
            "is true, and not that it may be wrong. Each holds 94% by itself: of many "
            "coefficients without effect about 6 in 100 stand outside zero by chance."
        )
    if len(story.elpd) > 1:
        said.append(
            "Comparison. The best of these models need not be good, nor its terms the true ones: "
            "better forecasts are all that is compared."
        )
    return said


def _of_samples(story: Story) -> list[str]:
    """Say which samples, and which weights, the fits are of."""
    counts = {name: samples_in_words(fit.attrs) for name, fit in story.fits.items()}
    if len(set(counts.values())) == 1:
        told = f"{next(iter(counts.values()))}"
    else:
        told = "; ".join(f"{name}: {words}" for name, words in counts.items())
    return [
        f"Samples. The fits are of {told}. What they say holds for samples that come about as "
        "these did."
    ]


def observed_ranges(story: Story) -> Table:
    """Return what was seen of each variable that some model reads, with its units."""
    every: dict[str, Variable] = {one.name: one for one in story.data.variables}
    for name, fit in story.fits.items():
        if any(variable not in every for variable in model_of(fit).variables):
            own = Data.of({name: fit}).variables  # of other samples than those of the first
            every = {one.name: one for one in own} | every
    head = ("variable", "lowest", "highest", "units", "levels", "missing")
    return Table(head, tuple(map(_row, every.values())), "What was observed of each variable.")


def _row(one: Variable) -> tuple[Cell, ...]:
    values = one.values.values
    if one.holds != "levels" and values.dtype.kind in "biuf":
        known = one.numbers[np.isfinite(one.numbers)]
        ends = (known.min(), known.max()) if known.size else (np.nan, np.nan)
        low, high = (Number(float(end) + 0.0, f"{end + 0.0:.4g}") for end in ends)  # no -0
        return (one.name, low, high, one.unit, "", _count(one.numbers.size - known.size))
    levels = [str(level) for level in one.levels]
    more = f" and {len(levels) - MOST_LEVELS:,} more" if len(levels) > MOST_LEVELS else ""
    missing = int(one.values.isnull().sum())
    told = f"{', '.join(levels[:MOST_LEVELS])}{more}"
    return (one.name, "", "", one.unit, told, _count(missing))


def _count(n: int) -> Number:
    return Number(float(n), f"{n:,}")
