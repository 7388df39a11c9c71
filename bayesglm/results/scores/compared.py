"""The table of a comparison, with what a careful statistician says of each pair beneath it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import norm

from bayesglm.inference.tree.shown import Sentenced, cell
from bayesglm.results.scores.differences import FEW, SURE, TINY, Difference

ERRORS = {"elpd": "se", "se": "se", "elpd_diff": "dse", "dse": "dse"}  # to whose tenth all is shown
LEAST = 1e-4  # of an error by which digits are chosen: below, four are shown
FEW_MODELS = 11  # of more, selection may make a difference (McLatchie & Vehtari 2024)


class Compared(Sentenced):
    """A table of models that says what it tells of them; its parts are tables without words."""

    def written(self) -> pd.DataFrame:
        """Return the table as text, scores to the digits that their errors leave them."""
        table = super().written()
        for name, error in ERRORS.items():
            table[name] = [
                to_a_tenth(value, sd) for value, sd in zip(self[name], self[error], strict=True)
            ]
        return table


def to_a_tenth(value: float, error: float) -> str:
    """Write a number to a tenth of its error.

    >>> to_a_tenth(-12345.678, 80.2), to_a_tenth(1.234, 0.5), to_a_tenth(0.0, 0.0)
    ('-12346', '1.23', '0')
    """
    if not LEAST < error < np.inf:
        return cell(value)
    decimals = max(0, 1 - int(np.floor(np.log10(error))))
    return f"{value:.{decimals}f}"


def sentence_of(better: object, worse: object, difference: Difference) -> str:
    """Say what a difference tells of two models, and what it does not.

    >>> print(sentence_of("a", "b", Difference(12.34, 2.0, 1000)))
    'a' predicts better than 'b': by 12.3 ± 2.0 nats over 1,000 samples.
    >>> print(sentence_of("a", "b", Difference(12.34, 20.0, 1000)))
    'a' and 'b' cannot be told apart: they differ by 12.3 ± 20.0 nats over 1,000 samples.
    """
    one, other, d = repr(better), repr(worse), difference
    if d.elpd == 0.0:
        return f"{one} and {other} cannot be told apart: their scores are the same."
    over = d.over or f"{d.n:,} sample{'s' if d.n > 1 else ''}"
    error = f" ± {_amount(d.se)}" if d.has_error else ""
    amount = f"{_amount(d.elpd)}{error} nats over {over}"
    doubts = _doubts(d)
    if d.is_told:
        told = f"{one} predicts better than {other}: by {amount}"
        return f"{told}; {'; '.join(doubts)}." if doubts else f"{told}."
    if d.errors <= SURE:
        told = f"{one} and {other} cannot be told apart: they differ by {amount}"
        return f"{told}; {'; '.join(doubts)}." if doubts else f"{told}."
    return (
        f"{one} scores above {other}, by {amount}, which does not yet show that it predicts "
        f"better: {'; '.join(doubts)}."
    )


def _amount(value: float) -> str:
    return f"{value:,.1f}" if value >= 0.05 or value == 0.0 else f"{value:.1g}"


def _doubts(d: Difference) -> list[str]:
    """Return why an error is not what it says, or a score."""
    doubts = {
        "differences that are all the same tell no error": not d.has_error and d.n > 1,
        "a single difference tells no error": d.n == 1,
        f"of fewer than {FEW} the error may be twice as large": d.has_error and d.n < FEW,
        f"a difference below {TINY * d.overlap:g} nats is small, and its error not to be trusted": (
            d.tiny
        ),
        "few of them make most of it": d.heavy,
        "the single differences are skewed": d.skewed and not d.heavy,
        f"differences are alike within {d.together}, and of these as wholes the error is "
        f"{_amount(d.wider)}": d.wider > 0.0,
        "k-hat is too high at some of them, whose scores only score() mends": d.high_khat,
    }
    return [doubt for doubt, holds in doubts.items() if holds]


def selection_told(elpds: pd.Series) -> str:
    """Say whether the best of many models may be so by chance; empty where it is not, or few.

    Differences to the model in the middle are as of normal ones about zero, of the spread of the
    better half: the largest of k has its quantile 1 - 1/(2 k) (McLatchie & Vehtari 2024, Statistics
    and Computing 34:132, section 4).
    """
    if len(elpds) <= FEW_MODELS:
        return ""
    ordered = np.sort(elpds.to_numpy(float))[::-1]
    above = ordered - ordered[len(ordered) // 2]
    half = above[above >= np.median(above)]
    largest = norm.isf(0.5 / (len(ordered) - 1)) * np.sqrt(np.mean(half**2))
    if above[0] > largest:
        return ""
    return (
        f"the best of {len(elpds)} models stands {_amount(above[0])} nats above the one in the "
        f"middle, and the best of so many would by chance alone by {_amount(largest)}: its score "
        "flatters it. Average them by their weights (stack), or compare few, chosen beforehand."
    )
