"""The demo: what does a grasshopper's ear tell, and does its own past matter?"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.datasets import grasshopper
from bayesglm.errors import BayesGLMWarning, DataError
from bayesglm.inference.fit import fit
from bayesglm.inference.map import fit_map
from bayesglm.results.kernels import kernels
from bayesglm.results.predict import predict
from bayesglm.results.scores.elpd import summed
from bayesglm.results.scores.kfold import kfold
from bayesglm.show import figures
from bayesglm.show.coefficients import axis_of
from bayesglm.show.predictive import PREDICTIVE_DRAWS, thin
from bayesglm.show.report.comparison import comparison
from bayesglm.show.report.data import data as data_section
from bayesglm.show.report.diagnostics import diagnostics
from bayesglm.show.report.estimates import coefficients, prior_and_posterior
from bayesglm.show.report.goodness import predictions
from bayesglm.show.report.models import models as models_section
from bayesglm.show.report.parts import Notes, Page, Picture, Section
from bayesglm.show.report.story import Story
from bayesglm.show.report.writing import write_page
from bayesglm.spec.model import GLM
from bayesglm.spec.priors import Flat, Normal
from bayesglm.spec.terms.history import History
from bayesglm.spec.terms.lagged import Lagged

if TYPE_CHECKING:
    import os

    import xarray as xr

STIMULUS_ONLY, WITH_HISTORY, CONSTANT = "stimulus", "stimulus + history", "constant rate"
LAGS, HISTORY_LAGS, FOLDS = 25, 20, 5  # milliseconds of sound and of past, blocks of time
SCALES = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)  # of the history's prior, as it widens


def models() -> dict[str, GLM]:
    """Return the three models that the demo compares."""
    heard = Lagged("stimulus", lags=LAGS, prior=Normal(0.2))
    past = History(lags=HISTORY_LAGS, prior=Normal(1.0))
    return {
        WITH_HISTORY: GLM("spikes", [heard, past], family="poisson"),
        STIMULUS_ONLY: GLM("spikes", [heard], family="poisson"),
        CONSTANT: GLM("spikes", [], family="poisson"),
    }


def run(
    out: str | os.PathLike[str] = "report.html",
    data: xr.Dataset | None = None,
    draws: int = 1000,
    say: Callable[[str], None] = print,
) -> Path:
    """Fit the recording with and without spike history, compare, and write the report.

    Parameters
    ----------
    out : path
        The HTML file to write.
    data : xarray.Dataset, optional
        ``stimulus`` and ``spikes`` over ``time``; the bundled recording 1 by default.
    draws : int
        Posterior draws in each of four chains.
    say : callable
        Told, in a few words, what is being done.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    DataError
        The folder of ``out`` does not exist.
    """
    out = Path(out)
    if not out.parent.is_dir():
        raise DataError(f"the folder {str(out.parent)!r} does not exist; make it first.")
    began = time.perf_counter()
    data = grasshopper() if data is None else data
    every, fits, scores, held_out = models(), {}, {}, max(draws // 4, 1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", BayesGLMWarning)
        for name in (WITH_HISTORY, STIMULUS_ONLY):
            say(f"posterior of {name!r}")
            fits[name] = fit(every[name], data, draws=draws)
        for name, model in every.items():
            say(f"{FOLDS} held-out blocks of time for {name!r}")
            scores[name] = kfold(model, data, by="time", folds=FOLDS, draws=held_out)
        say("the constant rate")
        fits[CONSTANT] = fit(every[CONSTANT], data, draws=draws)
        say("maximum likelihood, and where it does not exist")
        flat_score = kfold(
            without_prior(every[STIMULUS_ONLY]), data, by="time", folds=FOLDS, draws=held_out
        )
        story = Story.open(fits, scores)
        shown = replace(story, fits={k: fits[k] for k in (WITH_HISTORY, STIMULUS_ONLY)})
        sections = [
            _question(),
            *models_section(story),
            *data_section(shown),
            *coefficients(shown),
            map_and_maximum_likelihood(
                every[STIMULUS_ONLY], data, fits[STIMULUS_ONLY], scores[STIMULUS_ONLY], flat_score
            ),
            diverging_history(every[WITH_HISTORY], data),
            *prior_and_posterior(shown),
            *_with_text(predictions(shown), adaptation(data, fits[WITH_HISTORY])),
            *comparison(story, gains(scores, float(data["spikes"].sum()))),
            *diagnostics(story),
        ]
        say("writing the page")
    told = tuple(dict.fromkeys(str(one.message) for one in caught))
    sections[-1] = replace(sections[-1], blocks=(*sections[-1].blocks, Notes(told)))
    path = write_page(out, Page("What does a grasshopper's ear tell?", tuple(sections)))
    say(f"done in {time.perf_counter() - began:.0f} s: open {path}")
    return path


def _with_text(sections: tuple[Section, ...], text: str) -> tuple[Section, ...]:
    return tuple(replace(one, blocks=(text, *one.blocks)) for one in sections)


def _question() -> Section:
    return Section(
        "The question",
        (
            "A receptor neuron in the ear of a locust hears ten seconds of a tone whose loudness "
            "is random noise (recording of Rokem et al. 2006, J Neurophysiol 95:2541-2552). Which "
            "stretch of the sound drives its spikes, and does it matter when it last fired?",
            "Two Poisson models answer, both fitted to spike counts in bins of 1 ms: one hears "
            f"the last {LAGS} ms of the sound, the other also remembers its own last "
            f"{HISTORY_LAGS} ms.",
        ),
    )


def without_prior(model: GLM) -> GLM:
    """Return the model with flat priors, whose MAP is the maximum likelihood estimate."""
    return replace(model, terms=tuple(replace(term, prior=Flat()) for term in model.terms))


def map_and_maximum_likelihood(
    model: GLM, data: Any, posterior: xr.DataTree, score: Any, flat_score: Any
) -> Section:
    """Compare the penalised with the unpenalised kernel of the stimulus."""
    flat = without_prior(model)
    penalised, likely = (
        kernels(fit_map(one, data))["stimulus"].to_dataset() for one in (model, flat)
    )
    node = kernels(posterior)["stimulus"].to_dataset()
    x, xlabel = axis_of(node)
    change = (flat_score.elpd_i - score.elpd_i).values
    lost, error, _ = summed(change, np.zeros(change.size))
    rough = [float(np.abs(np.diff(one["link"].values)).sum()) for one in (penalised, likely)]
    figure = figures.estimates_figure(
        x,
        {
            "MAP, Normal(0.2) prior = ridge(25)": penalised["link"].values,
            "maximum likelihood, flat prior": likely["link"].values,
        },
        (node["link_lower"].values, node["link_upper"].values),
        (xlabel, "log rate per dB"),
    )
    text = (
        "The sound holds no modulation above 200 Hz, so neighbouring milliseconds of it are nearly "
        "the same and the likelihood alone cannot say which of them matters: the maximum "
        f"likelihood kernel swings up and down {rough[1] / rough[0]:.1f} times as much (total "
        "variation) as the penalised one. On held-out blocks of time, the difference in elpd "
        f"between the flat prior and this one is {lost:.1f} ± {error:.1f} nats.",
    )
    caption = (
        "One kernel, two estimates. A Normal(0.2) prior says that 1 dB at one lag rarely changes "
        "the log rate by more than 0.4; as a penalty it is 25/2 times the sum of squares."
    )
    title = "MAP against maximum likelihood: the stimulus"
    return Section(title, (*text, Picture(figure, caption)))


def diverging_history(model: GLM, data: Any) -> Section:
    """Show the history weights that have no maximum likelihood estimate, and what cures them."""
    heard, past = model.terms
    found = [
        fit_map(replace(model, terms=(heard, replace(past, prior=Normal(scale)))), data)["map"]
        for scale in SCALES
    ]
    weights = np.array([one["history"].values for one in found])
    lags = (1, 2, 3, 5, 10)
    figure = figures.divergence_figure(
        np.array(SCALES), {f"lag {lag} ms": weights[:, lag - 1] for lag in lags}
    )
    try:
        fit_map(replace(model, terms=(heard, replace(past, prior=Flat()))), data)
        answer = "Under a flat prior the estimate exists here."
    except DataError as error:
        answer = f"Asked for it all the same, fit_map answers: {error}"
    shortest = int(np.diff(np.flatnonzero(data["spikes"].values)).min())
    text = (
        f"The shortest interval between two spikes of this recording is {shortest} ms, so no spike "
        "ever follows another at a shorter lag. The likelihood keeps rising as those weights go to "
        "minus infinity: they have no maximum likelihood estimate, and a number printed for one is "
        "where the optimiser stopped.",
        answer,
        "A proper prior settles the matter. It does not hide that the data speak of an upper limit "
        "only: how far below it the weight lies, the prior decides.",
    )
    caption = (
        "MAP weights of the spike history as the prior widens. Lags at which spikes do occur "
        "settle; the first two keep falling."
    )
    title = "The history: what the data cannot say"
    return Section(title, (*text, Picture(figure, caption)))


def adaptation(data: Any, fitted: xr.DataTree) -> str:
    """Say how the firing drifts over the recording, which no model here can follow."""
    rate = thin(fitted, PREDICTIVE_DRAWS)
    predicted = predict(rate)["spikes"].mean(("chain", "draw"))
    tenth = data.sizes["time"] // 10
    ends = {"first": slice(0, tenth), "last": slice(-tenth, None)}
    told = [
        f"{int(data['spikes'][part].sum())} spikes in the {end} tenth of the recording (predicted "
        f"{float(predicted[part].sum()):.0f})"
        for end, part in ends.items()
    ]
    return (
        f"The cell tires: {' and '.join(told)}. Neither model knows of anything so slow, and the "
        "one with history takes the early, faster firing for a reason to expect less of it. A slow "
        "drift of the intercept would be the next thing to add. At the loudest moments the "
        "exponential link promises more than one spike per millisecond, which no neuron fires "
        "(rightmost dots); a softplus link would saturate less steeply. The middle of the "
        "recording is shown."
    )


def gains(scores: dict[str, Any], spikes: float) -> str:
    """Say what each model knows about a spike in advance, in bits over a constant rate."""
    parts = []
    base = scores[CONSTANT].elpd_i
    for name in (STIMULUS_ONLY, WITH_HISTORY):
        found = (scores[name].elpd_i - base) / np.log(2)
        total, error, _ = summed(found.values, np.zeros(found.size))
        parts.append(f"{name} {total / spikes:.2f} ± {error / spikes:.2f}")
    return f"Over a constant rate, in bits per spike (± one standard error): {'; '.join(parts)}."
