"""The estimates: every term's coefficients, in pictures and in numbers."""

from __future__ import annotations

from bayesglm.results.kernels import kernels
from bayesglm.show.coefficients import (
    MOST_NEURONS,
    is_picture,
    kernel_figure,
    panels,
    prior_posterior_figure,
)
from bayesglm.show.intervals import before_and_after
from bayesglm.show.report.parts import Picture, Section
from bayesglm.show.report.story import Story
from bayesglm.show.report.told import numbers, of_many


def coefficients(story: Story) -> tuple[Section, ...]:
    """Return the kernels of the posterior fits."""
    trees = {name: kernels(fit) for name, fit in story.posteriors.items()}
    trees = {name: tree for name, tree in trees.items() if tree.children}
    if not trees:
        return ()
    shown = [
        node
        for tree in trees.values()
        for node in panels({term: tree[term].to_dataset() for term in tree.children}).values()
    ]
    lagged = any("lag" in node.dims for node in shown)
    caption = (
        "Lines and dots are posterior means, bands and bars hold 94% of the posterior at each "
        f"place by itself. One {'lag' if lagged else 'coefficient'} among many whose interval "
        "excludes zero is weak evidence."
        if story.has_posterior
        else "Lines and dots are MAP estimates. A mode has no uncertainty, and so no bands."
    )
    if any(map(is_picture, shown)):
        what = "posterior means, without their bands" if story.has_posterior else "MAP estimates"
        caption += f" Colours are {what}."
    if any(fit.attrs["population"] for fit in story.posteriors.values()):
        caption += (
            f" Of a population, lines are drawn for the first {MOST_NEURONS} neurons, "
            "pictures of lags for the first."
        )
    title = "The kernels" if lagged else "The coefficients"
    return (Section(title, (Picture(kernel_figure(trees), caption),)),)


def tables(story: Story) -> tuple[Section, ...]:
    """Return the table of each posterior fit of one response, with ratios where they are."""
    single = {name: f for name, f in story.posteriors.items() if not f.attrs["population"]}
    told = {name: numbers(fit) for name, fit in single.items()}
    return tuple(
        Section(f"In numbers: {name}", (table, *notes)) for name, (table, notes) in told.items()
    )


def prior_and_posterior(story: Story) -> tuple[Section, ...]:
    """Return what the data added to the priors, model by model."""
    pictures = []
    for name, fit in story.posteriors.items():
        intervals = before_and_after(fit) if "posterior" in fit.children else {}
        if intervals:
            figure = prior_posterior_figure(intervals)
            pictures.append(Picture(figure, f"{name}: 94% intervals{of_many(fit)}."))
    if not pictures:
        return ()
    text = (
        "Where the coloured bar is as long as the grey one, the prior speaks; where it is much "
        "shorter, the data do."
    )
    return (Section("Prior and posterior", (text, *pictures)),)
