"""Where solvers start: the mean response, and every linear predictor in the domain of its link."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.optimize import bisect, brentq

from bayesglm.numerics.density.channels import matrices, predictors
from bayesglm.numerics.density.likelihood import block_rows
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.families.record import Family
from bayesglm.numerics.rows.rows import Rows
from bayesglm.numerics.solvers.feasible import Inside, Interval, inside

Array = np.ndarray
ENOUGH = 10_000  # rows that tell the mean of all well enough to start from


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


def eta_of_mean(
    family: Family,
    y: Array,
    phi: tuple[Any, ...],
    trials: Array | None,
    offset: Array | None = None,
) -> float:
    """Return the intercept whose mean is that of y, or the last that still moves the mean.

    The offset is added to it, that of so many rows, evenly spaced, as tell the mean.
    """
    average = float(y.mean())
    tries = None if trials is None else np.float64(trials.mean())
    domain = family.domain
    some = np.zeros(1) if offset is None else offset[:: max(1, len(offset) // ENOUGH)]
    centre = float(some.mean()) if offset is None else domain.nearest(offset)
    apart = some - centre
    # Of a link whose means fall as eta grows, both sides change their sign.
    sign = -1.0 if _mean_falls(family, phi, tries) else 1.0

    def excess(u: float) -> float:
        with np.errstate(over="ignore"):
            mean = family.mean((domain.place(u) + apart)[None], phi, tries).mean()
        return sign * (float(mean) - average)

    edges = []
    for edge, side in ((-1.0, 1.0), (1.0, -1.0)):
        little = 1e-3 * abs(excess(edge))
        while side * excess(edge) > 0:
            if abs(excess(2 * edge) - excess(edge)) < little:
                return domain.place(edge) - centre
            edge *= 2
        edges.append(edge)
    # Means that overflow, as offsets may make them, leave only their sign to go by.
    root = brentq if np.isfinite([excess(edge) for edge in edges]).all() else bisect
    return domain.place(float(root(excess, *edges, xtol=1e-3, rtol=1e-6))) - centre


def _mean_falls(family: Family, phi: tuple[Any, ...], trials: Any) -> bool:
    """Say whether means fall as eta grows."""
    domain = family.domain
    low, high = (family.mean(np.array([[domain.place(u)]]), phi, trials) for u in (-1.0, 1.0))
    return float(low[0]) > float(high[0])
