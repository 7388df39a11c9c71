"""Where solvers start: the mean response, and every linear predictor in the domain of its link."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from bayesglm.numerics.density.channels import matrices, predictors
from bayesglm.numerics.density.likelihood import block_rows
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.rows.rows import Rows
from bayesglm.numerics.solvers.feasible import Inside, Interval, inside

Array = np.ndarray


def is_inside(objective: Objective, w: Array) -> bool:
    """Say whether the link is defined in every row that counts, at coefficients w ``(p,)``."""
    domain = objective.family.domain
    if domain.is_real_line:
        return True
    return all(
        bool(domain.holds(predictors(rows, w[None])[0, 0, _counted(rows)]).all())
        for rows in objective.source.ranges(block_rows(objective.rowwise.width))
    )


def coefficients_inside(objective: Objective, size: int, centre: float) -> Inside:
    """Return the first ``size`` coefficients, those of the mean, such that `is_inside` holds.

    Where there are none, the row that stands in the way is numbered among those that count.
    """
    domain, source = objective.family.domain, objective.source

    def blocks() -> Iterator[tuple[Array, Array]]:
        for rows in source.ranges(block_rows(objective.rowwise.width)):
            counted = _counted(rows)
            offset = np.broadcast_to(rows.offset, len(rows))
            yield matrices(rows)[0][1][counted], offset[counted]

    positive = np.zeros(size, dtype=bool)
    for part in objective.coefficients:
        if part.bounded and part.where.stop <= size:
            positive[part.where] = True
    return inside(blocks, Interval(domain.low, domain.high, centre), positive)


def _counted(rows: Rows) -> Any:
    return slice(None) if rows.weights is None else rows.weights > 0.0
