"""The table of Bayes factors along the scale of priors, and what it says in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from bayesglm.inference.tree.shown import SENTENCES, Sentenced

if TYPE_CHECKING:
    from bayesglm.inference.tree.shown import Shown

NAMED = (1.0, 3.0, 5.0)  # nats, from which evidence is positive, strong, very strong ...
WORDS = (  # Kass & Raftery 1995
    "a bare mention",
    "positive evidence",
    "strong evidence",
    "very strong evidence",
)
CLOSE = 0.01  # of the logarithm of a factor at which a verdict turns
SURE = 2.0  # Monte-Carlo errors that a log Bayes factor is from zero, to be told from it
MOST_TIMES = 1e4  # a ratio that is written as a power beyond


class Factor(NamedTuple):
    """A log Bayes factor, its Monte-Carlo standard error, and the largest k-hat behind it."""

    log_bf: float
    se: float
    khat: float


class Contrast(NamedTuple):
    """Two hypotheses, and the Bayes factor of the first at every factor of the priors' scale.

    ``varied`` names the terms whose priors are widened; nothing is where there are none.
    """

    model: str
    against: str
    varied: Sequence[str]
    at: Callable[[float], Factor]


def table_of(contrasts: Sequence[Contrast], factors: Sequence[float]) -> Shown:
    """Return the Bayes factors of all contrasts at all factors, with sentences."""
    rows, keys, sentences = [], [], []
    for one in contrasts:
        curve = {factor: one.at(factor) for factor in (factors if one.varied else [1.0])}
        rows += list(curve.values())
        keys += [(one.model, factor) for factor in curve]
        sentences += [verdict(one, curve[1.0]), dependence(one, curve)]
    index = pd.MultiIndex.from_tuples(keys, names=["model", "scale_factor"])
    table = Sentenced(pd.DataFrame(rows, index=index, columns=Factor._fields))
    table.attrs = {SENTENCES: sentences}
    return table


def verdict(contrast: Contrast, factor: Factor) -> str:
    """Say what a Bayes factor says at the priors as they are.

    >>> contrast = Contrast("x", "nothing", ["x"], lambda factor: Factor(3.2, 0.01, 0.1))
    >>> print(verdict(contrast, contrast.at(1.0)))
    'x' is favoured over 'nothing': the data are 24.5 times as probable under it (log Bayes ...
    """
    better, worse = contrast.model, contrast.against
    if factor.log_bf < 0.0:
        better, worse = worse, better
    size = abs(factor.log_bf)
    amount = f"log Bayes factor {factor.log_bf:.2f} ± {factor.se:.1g}"
    if np.isnan(size):
        return f"The Bayes factor of {better!r} and {worse!r} cannot be told from these draws."
    if size <= SURE * factor.se or size == 0.0:
        return f"{better!r} and {worse!r} are as probable, within the error: {amount}."
    evidence = strength(size)
    worth = evidence if evidence != WORDS[0] else f"not worth more than {evidence}"
    return (
        f"{better!r} is favoured over {worse!r}: the data are {_times(size)} times as probable "
        f"under it ({amount}), which is {worth}."
    )


def strength(size: float) -> str:
    """Return the words for a log Bayes factor of some size, whichever model it favours."""
    return WORDS[int(np.searchsorted(NAMED, size, side="right"))]


def dependence(contrast: Contrast, curve: Mapping[float, Factor]) -> str:
    """Say how the verdict depends on the scale of the priors: where it turns, and how strong it is.

    >>> curve = {0.1: Factor(-0.06, 0.0, 0.1), 10.0: Factor(-3.56, 0.0, 0.1)}
    >>> print(dependence(Contrast("x", "nothing", ["x"], curve.__getitem__), curve))
    'nothing' is favoured with the prior of x from 0.1 to 10 times as wide, by a bare mention ...
    """
    if not contrast.varied:
        return (
            f"No prior of {contrast.model!r} or {contrast.against!r} has a scale to vary, so how "
            "the verdict depends on it is not shown."
        )
    what = f"the prior{'s' if len(contrast.varied) > 1 else ''} of {', '.join(contrast.varied)}"
    factors = list(curve)
    values = [curve[factor].log_bf for factor in factors]
    turns = [
        _turn(contrast, low, high)
        for low, high, one, other in zip(factors, factors[1:], values, values[1:], strict=False)
        if one * other < 0.0
    ]
    reach = f"from {factors[0]:g} to {factors[-1]:g} times as wide"
    if np.isnan(values).any():
        return f"How the verdict depends on {what} cannot be told from these draws."
    if not turns:
        least, most = (strength(end(np.abs(values))) for end in (np.min, np.max))
        course = f"the log Bayes factor goes from {values[0]:.2f} to {values[-1]:.2f}."
        if least == most:
            return f"The verdict is the same with {what} {reach}, {most}: {course}"
        better = contrast.model if max(values, key=abs) > 0.0 else contrast.against
        return f"{better!r} is favoured with {what} {reach}, by {least} to {most}: {course}"
    places = " and ".join(f"{turn:.2g}" for turn in turns)
    last = contrast.model if values[-1] > 0.0 else contrast.against
    return (
        f"The verdict turns with {what} {places} times as wide; beyond that {last!r} is favoured "
        f"({reach}, the log Bayes factor goes from {values[0]:.2f} to {values[-1]:.2f})."
    )


def of_defaults(labels: Sequence[str]) -> str:
    """Say that the widths of some priors are nobody's belief."""
    several = len(labels) > 1
    return (
        f"The prior{'s' * several} of {', '.join(labels)} {'are' if several else 'is'} the default "
        "of bayesglm, whose width is taken from the spread of the data and is nobody's belief; a "
        "Bayes factor wants a prior that says how large an effect is expected."
    )


def _turn(contrast: Contrast, low: float, high: float) -> float:
    """Return the factor at which the log Bayes factor is zero, between two of other signs."""
    ends = np.log(low), np.log(high)
    return float(np.exp(brentq(lambda t: contrast.at(float(np.exp(t))).log_bf, *ends, xtol=CLOSE)))


def _times(log_ratio: float) -> str:
    ratio = np.exp(min(log_ratio, 700.0))
    return f"{ratio:.3g}" if ratio < MOST_TIMES else f"10^{log_ratio / np.log(10.0):.1f}"
