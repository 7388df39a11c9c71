"""Log likelihoods of single rows at many thetas, block by block."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from bayesglm.numerics.density.likelihood import rows_beside
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.rows.parallel import share_out
from bayesglm.numerics.rows.rows import Rows

Array = np.ndarray


def pointwise(objective: Objective, thetas: Array) -> Array:
    """Return weighted log likelihoods ``(draws, rows)`` at many thetas."""
    blocks = list(objective.blocks(rows_beside(len(thetas))))
    ends = np.cumsum([0, *map(len, blocks)])
    found = np.empty((len(thetas), ends[-1]))
    w, phi = thetas[:, : objective.n_coefficients], objective.phi(thetas)

    def work(run: Sequence[int]) -> None:
        for k in run:
            found[:, ends[k] : ends[k + 1]] = objective.rowwise.pointwise(blocks[k], w, phi)

    share_out(range(len(blocks)), work)
    return found


def each_pointwise[Result](
    objective: Objective, thetas: Array, summary: Callable[[Array], Result]
) -> list[Result]:
    """Return summary(values) for the same values ``(draws, rows)`` of each block of rows.

    Each thread holds one block at a time, of so few rows that it stays in cache.
    """
    w, phi = thetas[:, : objective.n_coefficients], objective.phi(thetas)

    def work(run: Sequence[Rows]) -> list[Result]:
        return [summary(objective.rowwise.pointwise(rows, w, phi)) for rows in run]

    found = share_out(objective.blocks(rows_beside(len(thetas))), work)
    return [one for run in found for one in run]
