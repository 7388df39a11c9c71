"""The report: what the models say, what the data say of them, and how far to believe it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.design.clock import seconds
from bayesglm.design.response_levels import as_numbers
from bayesglm.errors import BayesGLMWarning, DataError
from bayesglm.inference.tree.fit import samples_in_words
from bayesglm.inference.tree.opened import are_named, model_of, parameter_group, stored_data
from bayesglm.results.kernels import kernels
from bayesglm.results.scores.compare import check_scores, compare
from bayesglm.results.scores.loo import loo
from bayesglm.results.scores.pairing import check_fits, common_samples, observed
from bayesglm.show import figures
from bayesglm.show.coefficients import (
    MOST_NEURONS,
    is_picture,
    kernel_figure,
    panels,
    prior_posterior_figure,
)
from bayesglm.show.intervals import before_and_after
from bayesglm.show.page import Picture, Section, Table, check_page, write_page
from bayesglm.show.predictive import STRETCH, predictive
from bayesglm.show.told import in_words, numbers, of_many, priors_told
from bayesglm.show.units import unit_of_times
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.hints import shown
from bayesglm.spec.terms.term import FACTOR

if TYPE_CHECKING:
    import os

    import pandas as pd
    import xarray as xr

Array = np.ndarray
LEFT_PANEL = {
    True: "Left: the predicted mean with its 94% band, and what was observed. Right: ",
    False: "Left: the predicted mean, and what was observed. Right: ",
}
OF_PRIORS = (
    "Each prior as the penalty that it equals, as a belief in units of the data, and as the region "
    "in which the MAP is the best fit; then how much of the posterior it decided, and whether the "
    "data contradict it.",
)
OF_CENSORED = (
    "Of censored responses no more is known than an interval, and those seen exactly are not like "
    "the others: means of either say nothing of the means that are predicted, so none are drawn."
)


def report(
    fits: Mapping[str, xr.DataTree],
    path: str | os.PathLike[str],
    *,
    elpd: Mapping[str, Any] | None = None,
    title: str | None = None,
    question: str | None = None,
) -> Path:
    """Write one self-contained HTML page about fits of the same response.

    Sections: the question; the models with their priors as penalties; the data; kernels with 94%
    bands; tables of coefficients, with odds and rate ratios; prior and posterior; what the priors
    say, and what they decided; predictions against observations; the comparison, in elpd and (for
    counts) bits per event; diagnostics in words.

    Parameters
    ----------
    fits : mapping of names to fits
        MAP fits take no part in the comparison.
    path : path
        The HTML file to write.
    elpd : mapping of names to ELPDData, optional
        Results of `kfold` or `loo` to compare; by default `loo` of every posterior fit.
    title, question : str, optional
        What stands on top.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    DataError
        No fits, fits of different responses or without common samples (see `compare`), scores
        that are none, a path that cannot be written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import bayesglm as bg
    >>> data = {"y": [2, 0, 3, 1, 4, 1, 0, 2], "x": [0.1, -0.9, 1.2, -0.3, 0.8, 0.2, -1.0, 0.5]}
    >>> fitted = bg.fit(bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0)), data)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     bg.report({"x": fitted}, pathlib.Path(folder) / "report.html").name
    'report.html'
    """
    check_page(path)
    for name, words in {"title": title, "question": question}.items():
        if words is not None and not isinstance(words, str):
            raise DataError(f"{name} is what stands on top, a string; got {shown(words)}.")
    story = Story.open(fits, elpd)
    asked = (question or f"What explains {story.response!r}, and how sure can one be of it?",)
    sections = [
        Section("The question", asked),
        story.models(),
        story.data(),
        *story.kernels(),
        *story.tables(),
        *story.prior_and_posterior(),
        *story.explained(),
        story.predictions(),
        *story.comparison(),
        story.diagnostics(),
    ]
    return write_page(path, title or f"Models of {story.response}", sections)


@dataclass(frozen=True)
class Story:
    """Fits of one response, opened once; each method makes one section (or none)."""

    fits: Mapping[str, xr.DataTree]
    elpd: Mapping[str, Any]
    response: str
    said: tuple[str, ...]

    @staticmethod
    def open(fits: Mapping[str, xr.DataTree], elpd: Mapping[str, Any] | None) -> Story:
        """Check the fits, and score them by leave-one-out where no scores are given."""
        if not are_named(fits, 1):
            raise DataError(
                "report needs a mapping of names to fits, with at least one fit; write "
                "report({'model': fit}, path)."
            )
        for name in fits:
            if re.search("[\ud800-\udfff]", str(name)):
                raise DataError(
                    f"the name {name!r} of a fit holds half a character (a lone surrogate), which "
                    "no page can hold; give the fit another name."
                )
        responses = {name: model_of(fit).response for name, fit in fits.items()}
        for name, fit in fits.items():
            parameter_group(fit)
            if "observed_data" not in fit.children:
                raise DataError(f"fit {name!r} lacks its observed_data; give the fit whole.")
        if len(set(responses.values())) > 1:
            raise DataError(f"the fits explain different responses: {responses}; report each.")
        if len(fits) > 1:
            check_fits(fits)
        if elpd is not None:
            check_scores(elpd, fits)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            if elpd is None:
                elpd = {name: loo(f) for name, f in fits.items() if "posterior" in f.children}
        said = tuple(str(w.message) for w in caught if issubclass(w.category, BayesGLMWarning))
        return Story(dict(fits), dict(elpd), next(iter(responses.values())), said)

    @cached_property
    def posteriors(self) -> dict[str, xr.DataTree]:
        """The fits with a posterior; all fits where there is none."""
        found = {name: f for name, f in self.fits.items() if "posterior" in f.children}
        return found or dict(self.fits)

    @property
    def has_posterior(self) -> bool:
        """Whether `posteriors` are such, and not MAPs."""
        return any("posterior" in fit.children for fit in self.fits.values())

    @cached_property
    def events(self) -> float | None:
        """The number of events, for responses whose information is told per event."""
        first = next(iter(self.fits.values()))
        model = model_of(first)
        family = FAMILY_NAMES[model.family]
        if not family.discrete or (family.labels and family.labels.most != 2):
            return None
        seen = first["observed_data"].to_dataset()[self.response]
        counts = as_numbers(model, seen.values)
        return float(counts.sum())

    def models(self) -> Section:
        """Return the models in mathematical notation."""
        text = (
            "Each prior is a penalty on the sum of log-likelihoods: a Normal prior is ridge, a "
            "Laplace prior the lasso. The MAP estimate is the penalised optimum; the posterior "
            "says what else the data allow.",
        )
        written = tuple((name, str(model_of(fit))) for name, fit in self.fits.items())
        return Section("The models", text, code=written)

    def data(self) -> Section:
        """Return a look at the first stretch of the data."""
        fit = next(iter(self.fits.values()))
        dim = fit.attrs["sample_dim"]
        dataset = stored_data(fit)
        terms = model_of(fit).every_term
        roles = {name: role for term in terms for name, role in term.roles.items()}
        factors = {name for name, role in roles.items() if role == FACTOR}
        part = dataset.drop_vars(factors & dataset.data_vars.keys())
        part = part.isel({dim: slice(0, 2 * STRETCH)})
        seen = as_numbers(model_of(fit), part[self.response].values)
        part = part.assign({self.response: part[self.response].copy(data=seen)})
        x: Array = np.arange(part.sizes[dim])
        label = "sample"
        time = seconds(part["time"]) if "time" in part.coords else None
        if time is not None and "trial" not in part.coords:
            unit, size = unit_of_times(time)
            x, label = time / size, f"time ({unit})"
        text = f"{samples_in_words(fit.attrs, f' of {self.response!r}')}."
        if self.events is not None:
            text += f" They hold {self.events:,.0f} events."
        picture = Picture(
            figures.data_figure(part, self.response, x, label, self._levels()),
            f"The first {part.sizes[dim]:,} samples.",
        )
        return Section("The data", (text,), pictures=(picture,))

    def _levels(self) -> tuple[str, ...]:
        """Return the labels that the response takes, where it is neither a number nor yes or no."""
        model = model_of(next(iter(self.fits.values())))
        labels = FAMILY_NAMES[model.family].labels
        levels = model.levels if labels is not None and labels.most != 2 else None
        return tuple(map(str, levels or ()))

    def kernels(self) -> tuple[Section, ...]:
        """Return the kernels of the posterior fits."""
        trees = {name: kernels(fit) for name, fit in self.posteriors.items()}
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
            if self.has_posterior
            else "Lines and dots are MAP estimates. A mode has no uncertainty, and so no bands."
        )
        if any(map(is_picture, shown)):
            what = "posterior means, without their bands" if self.has_posterior else "MAP estimates"
            caption += f" Colours are {what}."
        if any(fit.attrs["population"] for fit in self.posteriors.values()):
            caption += (
                f" Of a population, lines are drawn for the first {MOST_NEURONS} neurons, "
                "pictures of lags for the first."
            )
        picture = Picture(kernel_figure(trees), caption)
        return (Section("The kernels" if lagged else "The coefficients", pictures=(picture,)),)

    def tables(self) -> tuple[Section, ...]:
        """Return the table of each posterior fit of one response, with ratios where they are."""
        single = {name: f for name, f in self.posteriors.items() if not f.attrs["population"]}
        return tuple(
            Section(f"In numbers: {name}", (), (), (), *numbers(fit))
            for name, fit in single.items()
        )

    def prior_and_posterior(self) -> tuple[Section, ...]:
        """Return what the data added to the priors, model by model."""
        pictures = []
        for name, fit in self.posteriors.items():
            found = before_and_after(fit) if "posterior" in fit.children else {}
            if found:
                figure = prior_posterior_figure(found)
                pictures.append(Picture(figure, f"{name}: 94% intervals{of_many(fit)}."))
        if not pictures:
            return ()
        text = (
            "Where the coloured bar is as long as the grey one, the prior speaks; where it is much "
            "shorter, the data do.",
        )
        return (Section("Prior and posterior", text, pictures=tuple(pictures)),)

    def explained(self) -> tuple[Section, ...]:
        """Return what each fit's priors say, and what they decided."""
        title = "What the priors say, and what they decided"
        found = {name: priors_told(fit) for name, fit in self.posteriors.items()}
        return tuple(
            Section(f"{title}: {name}", OF_PRIORS, notes=notes, entries=entries)
            for name, (entries, notes) in found.items()
        )

    def predictions(self) -> Section:
        """Return the predicted means against what was observed."""
        if any(model_of(fit).censored for fit in self.posteriors.values()):
            return Section("Predictions against observations", (OF_CENSORED,))
        found = {name: predictive(fit) for name, fit in self.posteriors.items()}
        first = next(iter(found.values()))
        models = {
            name: (one.time, *one.stretch) for name, one in found.items() if one.time is not None
        }
        stretch = None if first.time is None else (first.time, first.observed, models)
        picture = Picture(
            figures.predictive_figure(
                stretch, {name: one.bins for name, one in found.items()}, first.unit, first.binned
            ),
            (LEFT_PANEL[self.has_posterior] if stretch else "")
            + ("samples" if stretch else "Samples")
            + " sorted by their predicted mean into bins that expect equally much (or "
            "hold equally many samples): the observed means (dots) should fall into the 94% "
            "predictive intervals (bars"
            + (")" if self.has_posterior else ", given the MAP: its own uncertainty is left out)")
            + ". The data are those of the fit, so this shows misfit, not forecasting skill.",
        )
        return Section("Predictions against observations", pictures=(picture,))

    def comparison(self, best_text: str = "") -> tuple[Section, ...]:
        """Return the comparison table, where at least two models are scored."""
        if len(self.elpd) < 2:
            return ()
        table = compare(self.elpd)
        unit, per_event = self._unit()
        rows = tuple(self._row(str(name), table.loc[name], per_event) for name in table.index)
        head = ("model", "elpd", "difference", *((unit,) if per_event else ()), "weight")
        kinds = {getattr(one, "kind", "") for one in self.elpd.values()}
        how = (
            "Each model was fitted to some of the data and scored on the rest (k-fold), so these "
            "are forecasts of samples it had not seen."
            if kinds == {"loo_kfold"}
            else "Scores are pointwise leave-one-out (PSIS-LOO)."
        )
        history = any(model_of(self.fits[name]).has_history for name in self.elpd)
        caution = (
            "Pointwise leave-one-out is optimistic for models with spike history: a response left "
            "out as an outcome stays in as a covariate of the samples that follow. Blocks of time "
            "are the honest test."
            if history
            else ""
        )
        text = tuple(part for part in (how, best_text, caution) if part)
        scale = per_event or 1.0
        picture = Picture(
            figures.comparison_figure(
                [str(name) for name in table.index],
                table["elpd_diff"].to_numpy() / scale,
                table["dse"].to_numpy() / scale,
                unit if per_event else "nats",
            ),
            "Differences to the best model; thick lines are one standard error, thin ones two.",
        )
        left_out = table.attrs["left_out"]
        cut = ", ".join(f"{number:,} of {name!r}" for name, number in left_out.items() if number)
        note = f"Compared on the {table.attrs['compared_on']} that all models predict"
        notes = (f"{note}; left out: {cut}." if cut else f"{note}.",)
        return (Section("The comparison", text, (), (picture,), Table(head, rows), notes),)

    def _unit(self) -> tuple[str, float | None]:
        """Return the unit of differences, and how many nats in all are one of it."""
        events = self._events_compared()
        if not events:
            return "nats", None
        event = "spike" if "spike" in self.response else "event"
        return f"bits per {event}", float(np.log(2) * events)

    def _events_compared(self) -> float | None:
        """Return the number of events in the samples that all scores have."""
        if not self.events:
            return None
        values = {name: one.elpd_i for name, one in self.elpd.items()}
        name, places = next(iter(common_samples(values).items()))
        counts = observed(values[name].isel(places))
        if counts is None:
            return self.events
        return float(as_numbers(model_of(next(iter(self.fits.values()))), counts).sum())

    def _row(self, name: str, row: pd.Series, per_event: float | None) -> tuple[str, ...]:
        cells = [
            name,
            f"{row['elpd']:.1f} ± {row['se']:.1f}",
            "best" if row["elpd_diff"] == 0 else f"{row['elpd_diff']:.1f} ± {row['dse']:.1f}",
        ]
        if per_event:
            difference, error = row["elpd_diff"] / per_event, row["dse"] / per_event
            cells.append("best" if difference == 0 else f"{difference:.3f} ± {error:.3f}")
        return (*cells, f"{row['weight']:.2f}")

    def diagnostics(self) -> Section:
        """Return, in words, how each fit was made and what to mind."""
        notes = [note for name, fit in self.fits.items() for note in in_words(name, fit)]
        notes += self.said
        return Section("How far to believe it", notes=tuple(notes))
