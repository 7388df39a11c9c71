"""The views of goodness of fit: what each shows, in the order in which they stand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from bayesglm.show.coefficients import value_label
from bayesglm.show.figures import MOST_LETTERS
from bayesglm.show.report.goodness_figures import Look
from bayesglm.show.report.traces import lag_unit
from bayesglm.show.text import plain
from bayesglm.show.units import mean_of, rate_unit, unit_of_step
from bayesglm.spec.families import FAMILY_NAMES, FamilyName
from bayesglm.spec.model import GLM


@dataclass(frozen=True)
class View:
    """One way to look at all fits.

    - ``title``, ``caption``: what it is, and how it is read.
    - ``look(model, step)``: how it is drawn.
    - ``places``: what a place on its axis is called, in the plural.
    - ``is_whole``: whether its band holds the curve at all places together; it is then that of
      the distribution ``of`` something.
    - ``is_noted``: whether the traces' own notes say all there is to say.
    """

    title: str
    caption: str
    look: Callable[[GLM, float | None], Look]
    places: str
    is_whole: bool = False
    of: str = ""
    is_noted: bool = False


def _words(model: GLM) -> FamilyName:
    return FAMILY_NAMES[model.family]


def _distribution(model: GLM, step: float | None) -> Look:
    counts = _words(model).counts
    return Look(
        value_label(model.response, None),
        "share of samples",
        bars=True,
        is_root=counts,
        band="94% of drawn data sets",
    )


def _calibration(model: GLM, step: float | None) -> Look:
    words, response = _words(model), plain(model.response, MOST_LETTERS)
    of_chances = words.discrete and not words.counts
    return Look(
        "predicted probability" if of_chances else f"predicted {mean_of(response, words)}",
        "observed share" if of_chances else "observed mean",
        line="diagonal",
        bars=not of_chances,
    )


def _residual_means(model: GLM, step: float | None) -> Look:
    response = plain(model.response, MOST_LETTERS)
    return Look(f"predicted {mean_of(response, _words(model))}", "quantile residual", line="zero")


def _stretch(model: GLM, step: float | None) -> Look:
    return replace(_along_time(model, step), has_ticks=True, band="94% of its mean")


def _along_time(model: GLM, step: float | None) -> Look:
    _, per = rate_unit(_words(model), step)
    unit = unit_of_step(step)[0] if step else "samples"
    response = plain(model.response, MOST_LETTERS)
    return Look(f"time ({unit})", f"{response}{per}", band="94% of drawn data sets")


def _rescaling(model: GLM, step: float | None) -> Look:
    return Look("rescaled interval", "Δ ECDF", line="zero")


def _autocorrelation(model: GLM, step: float | None) -> Look:
    return Look(f"lag ({lag_unit(step)[0]})", "correlation of residuals", line="zero")


def _pit(model: GLM, step: float | None) -> Look:
    return Look("probability integral transform", "Δ ECDF", line="zero")


VIEWS = {
    "distribution": View(
        "How often each value occurs",
        "Bars hold the share of responses in each bin in 94% of data sets drawn from the "
        "posterior, dots are the data. Heights of counts are square roots (a rootogram), so that "
        "rare ones are seen; a dot above its bar at zero says that there are more zeros than the "
        "model makes.",
        _distribution,
        "bins",
    ),
    "calibration": View(
        "Calibration",
        "What was observed where so much was expected; on the diagonal both are the same. Of "
        "probabilities the line is the rising curve nearest to the data (isotonic regression); of "
        "other responses dots are means in bins of the predicted mean.",
        _calibration,
        "places",
    ),
    "residual_means": View(
        "Residuals against what is fitted",
        "Dots are quantile residuals (standard normal in a true model), the line is their mean in "
        "bins of equally many samples. A mean that wanders out of the band says that the curve, or "
        "a predictor, is missing.",
        _residual_means,
        "bins",
    ),
    "stretch": View(
        "In the middle of the recording",
        "What each sample was expected to be, with the band that holds this mean with 94%, and "
        "what was observed; events are ticks below. A band of the mean is no band of the data.",
        _stretch,
        "samples",
        is_noted=True,
    ),
    "along_time": View(
        "Along time",
        "Means in stretches of time: what was observed, what is expected, and between what they "
        "lie in 94% of data sets drawn from the posterior. What leaves the band slowly is a drift "
        "of which the model knows nothing.",
        _along_time,
        "stretches",
    ),
    "rescaling": View(
        "Time rescaling",
        "Intervals between events, measured in what the model expects in between: their "
        "distribution less the uniform one that they have in a true model. The band holds the "
        "whole curve (Kolmogorov and Smirnov).",
        _rescaling,
        "places",
        is_whole=True,
        of="intervals",
    ),
    "autocorrelation": View(
        "Residuals along time",
        "How residuals go together with those so much earlier; independent ones stay in the band "
        "at 94% of lags. Correlation that is left says that errors of the estimates are too small.",
        _autocorrelation,
        "lags",
    ),
    "pit": View(
        "Probability integral transform",
        "Of each response the chance that the model gave to a smaller one (LOO-PIT: without that "
        "response), whose distribution less the uniform one is drawn. The band holds the whole "
        "curve. Rising at both ends: responses spread more than the model expects; falling there: "
        "less; on one side of zero: they lie lower (above) or higher (below).",
        _pit,
        "places",
        is_whole=True,
        of="responses",
    ),
}
