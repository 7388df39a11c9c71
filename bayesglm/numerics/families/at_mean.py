"""Where the mean is that of the responses: eta there, and what one response tells of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import bisect, brentq

from bayesglm.numerics.families.record import Family

Array = np.ndarray
ENOUGH = 10_000  # rows that tell the mean of all well enough to start from


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


def residual_sd(family: Family, y: Array, trials: Array | None, phi: tuple[Any, ...]) -> float:
    """Return the pseudo standard deviation of one response about eta, nan where it has none.

    I^-1/2, of the information I = -d2/deta2 log p(y | eta) that one response, or trial, has where
    it is its own mean, that of all (Piironen & Vehtari 2017, EJS 11:5018, section 3.3). Canonical
    links and others alike have the expected information there.
    """
    if family.n_levels:
        return np.nan
    average = y.mean() if trials is None else y.sum() / trials.sum()
    mean = np.array([float(average)])
    eta = np.array([[eta_of_mean(family, mean, phi, None)]])
    with np.errstate(all="ignore"):
        bend = float(np.ravel(family.kernel(mean, eta, phi, None, 2).eta_eta)[0])
    return (-bend) ** -0.5 if bend < 0.0 else np.nan
