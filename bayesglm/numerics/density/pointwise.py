"""Log likelihoods of single rows at many thetas, range by range."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from bayesglm.numerics.density.likelihood import SOME_ROWS, SOME_W, rows_beside
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.rows.rows import Rows

Array = np.ndarray


def pointwise(objective: Objective, thetas: Array) -> Array:
    """Return weighted log likelihoods ``(draws, rows)`` at many thetas."""
    values = np.empty((len(thetas), objective.source.n_rows))
    w, phi = objective.w(thetas), objective.phi(thetas)
    lots = [slice(start, start + SOME_W) for start in range(0, len(w), SOME_W)]

    def work(run: Iterable[Rows]) -> None:
        for rows in run:
            for some in lots:
                own = [v[some] if isinstance(v, np.ndarray) else v for v in phi]
                values[some, rows.place] = objective.rowwise.pointwise(rows, w[some], own)

    objective.source.reduce(work, SOME_ROWS)
    return values


def each_pointwise[Result](
    objective: Objective, thetas: Array, summary: Callable[[Array], Result]
) -> list[Result]:
    """Return summary(values) for the same values ``(draws, rows)`` of each range of rows.

    Each thread holds one range at a time, of so few rows that it stays in cache.
    """
    w, phi = objective.w(thetas), objective.phi(thetas)

    def work(run: Iterable[Rows]) -> list[Result]:
        return [summary(objective.rowwise.pointwise(rows, w, phi)) for rows in run]

    runs = objective.source.reduce(work, rows_beside(len(thetas)))
    return [one for run in runs for one in run]
