"""How far posteriors move where a density is raised to a power near one.

Kallioinen, Paananen, Buerkner & Vehtari (2024), Detecting and diagnosing prior and likelihood
sensitivity with power-scaling, Statistics and Computing 34:57. The draws are weighted, not drawn
anew, and the distance is that of Jensen and Shannon between cumulative distributions.
"""

from __future__ import annotations

from collections.abc import Container

import numpy as np

from bayesglm.inference.tree.kept import Kept

Array = np.ndarray
POWERS = (0.99, 1.01)  # to which a density is raised
FEWEST = 50  # draws, of whose weights both tails are to be smoothed
THRESHOLD = 0.05  # above which a posterior is said to move


def power_scaling(log_density: Array, values: Array) -> Array:
    """Return how far each of some values ``(draws, n)`` moves with a density ``(draws,)``.

    The derivative of the distance in log2 of the power, ``(n,)``: a normal whose mean moves by 0.3
    of its sds where the power doubles has 0.05. It is 0 where the density is the same at all draws,
    and NaN for values that are the same in all.
    """
    from arviz_stats.base import array_stats

    if not len(log_density) or not np.ptp(log_density) > 0.0:
        return np.zeros(values.shape[1])
    lower, upper = (_weights(log_density, power) for power in POWERS)
    moved = np.full(values.shape[1], np.nan)
    for k in np.flatnonzero(np.ptp(values, axis=0) > 0.0):
        one_chain = (of[None] for of in (values[:, k], lower, upper))
        moved[k] = array_stats.power_scale_sense(*one_chain, *POWERS)
    return moved


def _weights(log_density: Array, power: float) -> Array:
    """Return weights ``(draws,)`` under a density raised to a power, smoothed at both ends."""
    from arviz_stats.base import array_stats

    weights = np.exp(array_stats.power_scale_lw(log_density, alpha=power))
    return weights / weights.sum()


def log_prior_of_top(kept: Kept, besides: Container[str] = ()) -> Array:
    """Return the log prior ``(draws,)`` that is scaled: of what has nothing above it.

    What stands below, levels and coefficients given their scale, is a part of the model that links
    the top to the data. Parameters ``besides`` are left out, and effects that are redrawn.
    """
    problem, theta = kept.first()
    total = np.zeros(len(theta))
    by_name = problem.natural.log_priors_by_name(theta)
    for name in problem.natural.top:
        if name != kept.redrawn and name not in besides:
            total += by_name[name]
    return total
