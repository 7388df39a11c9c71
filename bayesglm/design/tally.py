"""Rows that are alike, counted: a design without copies, and how many rows each row stands for."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from bayesglm.design.design import Design

Array = np.ndarray
MOST_COLUMNS = 12  # of more, rows that are alike are too rare to be looked for: chosen
LOOKED_AT = 512  # rows that tell whether there are copies
FEWEST = 2000  # rows, of fewer copies cost nothing


class Tally(NamedTuple):
    """Rows without copies: their numbers, how often each occurs, and the place of every row."""

    rows: Array
    counts: Array
    places: Array


def tally(design: Design) -> Tally | None:
    """Return the rows that differ; None where there are too few copies to gain anything.

    >>> import pandas as pd
    >>> from bayesglm.design.plan import lay
    >>> from bayesglm.spec.model import GLM
    >>> data = pd.DataFrame({"y": [0, 1] * 2000, "x": [2.0, 2.0, 3.0, 3.0] * 1000})
    >>> tally(lay(GLM("y", "x", family="poisson"), data).designs[0]).counts.tolist()
    [1000, 1000, 1000, 1000]
    """
    predictors, n = design.predictors, design.n_rows
    if n < FEWEST or predictors.n_columns > MOST_COLUMNS:
        return None
    some = np.linspace(0, n - 1, LOOKED_AT).astype(np.intp)
    if len(_distinct(design.take(some)).rows) > LOOKED_AT // 2:
        return None
    own = _distinct(design)
    return own if len(own.rows) < n // 2 else None


def counted(design: Design, alike: Tally) -> Design:
    """Return a design of the rows that differ, each of the weight of all that are like it."""
    rows = design.predictors.rows[alike.rows]
    n = len(design.y[-1]) if design.y.ndim > 1 else len(design.y)
    weights = np.ones(n) if design.weights is None else design.weights.astype(np.float64)
    weights[rows] *= alike.counts
    return replace(design.take(alike.rows), weights=weights)


def _distinct(design: Design) -> Tally:
    predictors, rows = design.predictors, design.predictors.rows
    parts = [predictors.columns(slice(0, len(rows))), design.responses[..., rows].T]
    others = [predictors.offset, predictors.known, design.weights]
    parts += [one[rows] for one in others if one is not None]
    codes: Array = np.zeros(len(rows), dtype=np.intp)
    for part in parts:
        for column in part.reshape(len(rows), -1).T:
            own = np.unique(column, return_inverse=True)[1]
            codes = np.unique(codes * (own.max() + 1) + own, return_inverse=True)[1]
    _, first, places, counts = np.unique(
        codes, return_index=True, return_inverse=True, return_counts=True
    )
    return Tally(first, counts, places)
