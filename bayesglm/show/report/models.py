"""The models, in mathematical notation."""

from __future__ import annotations

from bayesglm.inference.tree.opened import model_of
from bayesglm.show.report.parts import Code, Section
from bayesglm.show.report.story import Story
from bayesglm.show.report.told import priors_told

OF_MODELS = (
    "Each prior is a penalty on the sum of log-likelihoods: a Normal prior is ridge, a Laplace "
    "prior the lasso. The MAP estimate is the penalised optimum; the posterior says what else the "
    "data allow."
)
OF_PRIORS = (
    "Each prior as the penalty that it equals, as a belief in units of the data, and as the region "
    "in which the MAP is the best fit; then how much of the posterior it decided, and whether the "
    "data contradict it."
)


def models(story: Story) -> tuple[Section, ...]:
    """Return the models as they are written."""
    written = (Code(name, str(model_of(fit))) for name, fit in story.fits.items())
    return (Section("The models", (OF_MODELS, *written)),)


def beliefs(story: Story) -> tuple[Section, ...]:
    """Return what each fit's priors say, and what they decided."""
    title = "What the priors say, and what they decided"
    told = {name: priors_told(fit) for name, fit in story.posteriors.items()}
    return tuple(
        Section(f"{title}: {name}", (OF_PRIORS, *entries, *notes))
        for name, (entries, notes) in told.items()
    )
