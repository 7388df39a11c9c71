"""What the models expect before they have seen the data, beside these."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from bayesglm.errors import BayesGLMError, BayesGLMWarning
from bayesglm.inference.tree.opened import model_of, stored_data
from bayesglm.results.prior_predictive import prior_means, prior_predictive
from bayesglm.show.prior_predictive import plot_prior_predictive
from bayesglm.show.report.cells import number
from bayesglm.show.report.parts import Block, Notes, Picture, Section, Table
from bayesglm.show.report.story import Story

if TYPE_CHECKING:
    import xarray as xr

    from bayesglm.spec.model import GLM

DRAWS = 100  # data sets that are drawn: enough to see what is expected; chosen
MOST_NUMBERS = (
    300_000  # responses that are drawn of a model, so that it takes half a second: chosen
)
QUANTILES = (0.03, 0.25, 0.5, 0.75, 0.97)


def before_data(story: Story) -> tuple[Section, ...]:
    """Return the prior predictive of each different model, or why it has none."""
    alike: dict[GLM, list[str]] = {}
    for name, fit in story.fits.items():
        alike.setdefault(model_of(fit), []).append(name)
    blocks: list[Block] = [
        f"Before the data: {DRAWS} data sets drawn from the priors of each model alone. What was "
        "observed should lie among what is expected, and nothing should be expected that no one "
        "would believe."
    ]
    notes: list[str] = []
    for model, names in alike.items():
        fit, called = story.fits[names[0]], ", ".join(names)
        picture, said = _expected(model, fit, called)
        blocks += [] if picture is None else [picture]
        notes += [f"{called}: {one}" for one in said]
    if notes:
        blocks.append(Notes(tuple(notes)))
    return (Section("What the priors expect", tuple(blocks)),)


def _expected(model: GLM, fit: xr.DataTree, called: str) -> tuple[Picture | None, list[str]]:
    """Return the picture of a model's prior predictive, if it has one, and what was said of it."""
    data, part = _part(model, fit)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", BayesGLMWarning)
        try:
            tree = prior_predictive(model, data, draws=DRAWS)
        except BayesGLMError as error:
            return None, [f"no responses can be drawn before the data: {error}"]
        means = prior_means(tree)
        figure = plot_prior_predictive(tree)
    said = [str(one.message) for one in caught if issubclass(one.category, BayesGLMWarning)]
    known = means[np.isfinite(means)]
    ends = np.quantile(known, QUANTILES) if known.size else np.full(len(QUANTILES), np.nan)
    seen = tree["observed_data"].to_dataset()[model.response].values
    is_number = seen.dtype.kind in "biuf"
    observed = f"; observed: {np.nanmean(seen):.3g}" if is_number else ""
    first = f", of the first along {fit.attrs['population']!r}" if fit.attrs["population"] else ""
    instead = tree.attrs.get("intercept")
    flat = f" In place of the flat intercept stands {instead}." if instead else ""
    caption = (
        f"{called}: what its priors expect of {model.response!r}{first}{part}. Left: how often "
        "responses fall into each bin, in 94% (thin) and half (thick) of the drawn data sets, and "
        f"in the data (dots). Right: the means of all samples in all draws.{flat}"
    )
    alt = (
        f"{called} expects means of {model.response} between {ends[0]:.3g} and {ends[-1]:.3g} "
        f"(94%), half of them between {ends[1]:.3g} and {ends[3]:.3g}{observed}."
    )
    rows = tuple((f"{q:.0%}", number(v)) for q, v in zip(QUANTILES, ends, strict=True))
    return Picture(figure, caption, alt, Table(("quantile of drawn means", "mean"), rows)), said


def _part(model: GLM, fit: xr.DataTree) -> tuple[xr.Dataset, str]:
    """Return so many of the first samples that drawing takes no time, and say so.

    Of a population whose members do not read one another, those of the first.
    """
    data, dim, population = stored_data(fit), fit.attrs["sample_dim"], fit.attrs["population"]
    is_coupled = any(term.facts.common_dims for term in model.every_term)
    if population and not is_coupled:
        data = data.isel({population: [0]})
    n, units = data.sizes[dim], data.sizes[population] if population else 1
    most = max(500, MOST_NUMBERS // (DRAWS * units))
    if n <= most:
        return data, ""
    return data.isel({dim: slice(0, most)}), f" (the first {most:,} samples of {n:,})"
