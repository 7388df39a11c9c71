"""The demo: what does a grasshopper's ear tell, and does its own past matter?"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.datasets import grasshopper
from bayesglm.errors import BayesGLMWarning, DataError
from bayesglm.inference.fit import fit
from bayesglm.inference.map import fit_map
from bayesglm.results.kernels import quiet_kernels
from bayesglm.results.predict import predict
from bayesglm.results.scores.elpd import summed
from bayesglm.results.scores.kfold import kfold
from bayesglm.show import figures
from bayesglm.show.coefficients import axis_of
from bayesglm.show.predictive import PREDICTIVE_DRAWS, thin
from bayesglm.show.report.parts import Number, Picture, Section, Table
from bayesglm.show.report.report import page_of
from bayesglm.show.report.story import Story
from bayesglm.show.report.writing import check_page, write_page
from bayesglm.spec.model import GLM
from bayesglm.spec.names import EVENTS
from bayesglm.spec.penalties import ridge, smooth
from bayesglm.spec.priors import CoefficientPrior, Flat, Normal
from bayesglm.spec.terms.history import History
from bayesglm.spec.terms.lagged import Lagged

if TYPE_CHECKING:
    import os

    import xarray as xr

Array = np.ndarray
STIMULUS_ONLY, WITH_HISTORY, CONSTANT = "stimulus", "stimulus + history", "constant rate"
LAGS, HISTORY_LAGS, FOLDS = 25, 20, 5  # milliseconds of sound and of past, blocks of time
SCALES = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)  # of the history's prior, as it widens
SHOWN_LAGS = (1, 2, 3, 5, 10)  # of the history, in milliseconds
SMOOTH = smooth(1000.0, order=2)  # of the sound's kernel, which bends little from lag to lag
PRIORS: dict[str, CoefficientPrior] = {
    "flat: maximum likelihood": Flat(),
    "ridge(25): each lag by itself": ridge(25.0),
    "smooth(1000, order=2)": SMOOTH,
}
QUESTION = (
    "A receptor neuron in the ear of a grasshopper (Locusta migratoria) hears ten seconds of a "
    "tone whose loudness is random noise (recording of Rokem et al. 2006, J Neurophysiol "
    "95:2541-2552). Which stretch of the sound drives its spikes, and does it matter when it last "
    "fired?"
)


def models() -> dict[str, GLM]:
    """Return the three models that the demo compares."""
    heard = Lagged("stimulus", lags=LAGS, prior=SMOOTH)
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
        The file to write, as `report` does.
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
    check_page(out)
    began = time.perf_counter()
    data = grasshopper() if data is None else data
    fits, scores, held_out = {}, {}, max(draws // 4, 1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", BayesGLMWarning)
        for name, model in models().items():
            say(f"posterior of {name!r}")
            fits[name] = fit(model, data, draws=draws)
            say(f"{FOLDS} held-out blocks of time for {name!r}")
            scores[name] = kfold(model, data, by="time", folds=FOLDS, draws=held_out)
        say("other priors, maximum likelihood, and where it does not exist")
        story = Story.open(fits, scores, QUESTION)
        further = (
            three_estimates(data, held_out, scores[STIMULUS_ONLY]),
            diverging_history(models()[WITH_HISTORY], data),
            adaptation(data, fits[WITH_HISTORY]),
        )
        say("writing the page")
        told = tuple(dict.fromkeys(str(one.message) for one in caught))
        page = page_of(replace(story, said=told), "What does a grasshopper's ear tell?", further)
    path = write_page(out, page)
    say(f"done in {time.perf_counter() - began:.0f} s: open {path}")
    return path


def three_estimates(data: Any, draws: int, smooth_score: Any) -> Section:
    """Compare the kernel of the sound under three priors, one of which is none."""
    estimates: dict[str, Array] = {}
    gaps = []
    for name, prior in PRIORS.items():
        model = GLM("spikes", Lagged("stimulus", lags=LAGS, prior=prior), family="poisson")
        node = quiet_kernels(fit_map(model, data), 0.94)["stimulus"].to_dataset()
        estimates[name] = node["link"].values
        if prior != SMOOTH:
            score = kfold(model, data, by="time", folds=FOLDS, draws=draws)
            change = (score.elpd_i - smooth_score.elpd_i).values
            gap, error, _ = summed(change, np.zeros(change.size))
            gaps.append(f"{gap:+.1f} ± {error:.1f} nats for “{name}”")
    x, xlabel = axis_of(node)
    spikes = float(smooth_score.elpd_i.coords[EVENTS].sum())
    turns = [float(np.abs(np.diff(one)).sum()) for one in estimates.values()]
    text = (
        "The sound holds no modulation above 200 Hz, so neighbouring milliseconds of it are nearly "
        "the same, and the likelihood alone cannot say which of them matters: the maximum "
        f"likelihood kernel swings up and down {turns[0] / turns[2]:.1f} times as much (total "
        f"variation) as the smooth one, and that of ridge still {turns[1] / turns[2]:.1f} times. "
        f"On held-out blocks of time, with {spikes:,.0f} spikes, the scores differ "
        f"from that of the smooth prior by {' and '.join(gaps)} (± one standard error): which of "
        "these kernels one reads is decided by the prior far more than by how well it foretells.",
    )
    names = list(PRIORS)
    peaks = [f"{name} {one.max():.2f} at {x[one.argmax()]:g}" for name, one in estimates.items()]
    picture = Picture(
        figures.estimates_figure(x, estimates, (xlabel, "log rate per dB")),
        "One kernel, three penalties: none; the size of each lag by itself, 25/2 times the sum of "
        "squares; and how much the kernel bends, 1000/2 times the sum of squared second "
        "differences. MAP estimates of the model without history, on one scale.",
        alt=(
            "Three kernels of the sound over lags in milliseconds on one scale. The first two "
            "zigzag from lag to lag, the third is a smooth wave with one peak and one dip. Peaks "
            f"(log rate per dB, at ms): {'; '.join(peaks)}."
        ),
        data=_table(("lag (ms)", *names), [x, *estimates.values()]),
    )
    return Section("What the prior decides: one kernel, three penalties", (*text, picture))


def _table(head: tuple[str, ...], columns: list[Array]) -> Table:
    """Return columns of numbers as a table."""
    rows = zip(*columns, strict=True)
    return Table(head, tuple(tuple(Number(float(v), f"{v:.4g}") for v in row) for row in rows))


def diverging_history(model: GLM, data: Any) -> Section:
    """Show the history weights that have no maximum likelihood estimate, and what cures them."""
    heard, past = model.terms
    found = [
        fit_map(replace(model, terms=(heard, replace(past, prior=Normal(scale)))), data)["map"]
        for scale in SCALES
    ]
    weights = np.array([one["history"].values for one in found])
    scales = np.array(SCALES)
    curves = {f"lag {lag} ms": weights[:, lag - 1] for lag in SHOWN_LAGS}
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
    ends = "; ".join(f"{name} from {one[0]:.1f} to {one[-1]:.1f}" for name, one in curves.items())
    picture = Picture(
        figures.lines_figure(
            scales,
            curves,
            ("sd of the Normal prior (wider: weaker penalty)", "MAP weight (log rate per spike)"),
            log_x=True,
        ),
        "MAP weights of the spike history as the prior widens. Lags at which spikes do occur "
        f"settle; those below {shortest} ms keep falling.",
        alt=(
            "Lines of the weights at five lags of the history against the sd of their prior, from "
            f"{SCALES[0]:g} to {SCALES[-1]:g} on a logarithmic axis. Log rate per spike: {ends}."
        ),
        data=_table(("sd of the prior", *curves), [scales, *curves.values()]),
    )
    return Section("What the data cannot say: the first milliseconds of the past", (*text, picture))


def adaptation(data: Any, fitted: xr.DataTree) -> Section:
    """Say how the firing drifts over the recording, which no model here can follow."""
    rate = thin(fitted, PREDICTIVE_DRAWS)
    predicted = predict(rate)["spikes"].mean(("chain", "draw")).values
    spikes, n = data["spikes"].values, data.sizes["time"]
    edges = np.linspace(0, n, 11).astype(int)
    parts = [slice(a, b) for a, b in pairwise(edges)]
    seen = np.array([spikes[part].sum() for part in parts], dtype=float)
    told = np.array([np.nansum(predicted[part]) for part in parts])
    tires = seen[0] > seen[-1]
    text = (
        f"{'The cell tires' if tires else 'The firing drifts'}: {seen[0]:.0f} spikes in the first "
        f"tenth of the recording, where {told[0]:.0f} are predicted, and {seen[-1]:.0f} in the "
        f"last, where {told[-1]:.0f} are. The models know of nothing so slow: a recent past in "
        "which the cell fired often is to them a reason to expect less, whatever made it fire. A "
        "slow drift of the intercept would be the next thing to add.",
        "At the loudest moments the exponential link promises more than one spike per "
        "millisecond, which no neuron fires (the rightmost points of the calibration above); a "
        "softplus link would saturate less steeply.",
    )
    tenths = np.arange(1.0, 11.0)
    picture = Picture(
        figures.lines_figure(
            tenths,
            {"observed": seen, "predicted": told},
            ("tenth of the recording", "number of spikes"),
        ),
        f"Spikes in each tenth of the recording, and what “{WITH_HISTORY}” expects of its sound "
        "and of the past that was recorded.",
        alt=(
            f"Two lines over the tenths of the recording: observed spikes fall from {seen[0]:.0f} "
            f"to {seen[-1]:.0f}, predicted ones go from {told[0]:.0f} to {told[-1]:.0f}."
        ),
        data=_table(("tenth", "spikes", "predicted"), [tenths, seen, told]),
    )
    return Section("What the models miss: a slow drift", (*text, picture))
