"""Offsets on a log link that look like exposures without their logarithm."""

from __future__ import annotations

import numpy as np

from bayesglm.design.design import Plan
from bayesglm.design.variables import numbers
from bayesglm.errors import DataError, tell
from bayesglm.spec.families import LINK_NAMES

Array = np.ndarray
# Powers of e, that is differences between logarithms of exposures: of offsets from 0 up, as
# exposures themselves are. One person and all mankind are 23 apart, a second and a century 22.
FURTHEST_APART = 25.0
# The logarithm of an exposure, or of a ratio of two, that nobody has: there are e**55 molecules in
# a mole. As far may offsets lie apart of which some are negative, and so no exposures.
LARGEST = 60.0
# Logarithms are no whole numbers. Offsets that all are, from 0 up, and lie further apart than
# this, are hours, days or kilometres themselves.
WHOLE_APART = 5.0
LARGEST_EXPONENT = float(np.log(np.finfo(float).max))


def look_at_offset(plan: Plan) -> None:
    """Warn, once, where a log link's offset looks like an exposure without its logarithm.

    Raises DataError where its exponential overflows and no intercept can take it back.
    """
    model = plan.model
    if model.offset is None or not LINK_NAMES[model.link_name].is_log:
        return
    every = numbers(plan.dataset[model.offset], plan.sample_dim, "offset", plan.dataset)
    every = every.reshape(len(every), -1)
    seen = None
    for neuron, design in enumerate(plan.designs):
        if design.predictors is seen:
            continue  # neurons that share their predictors share the offset
        seen = design.predictors
        values = every[design.predictors.rows, min(neuron, every.shape[1] - 1)]
        low, high = float(values.min()), float(values.max())
        told = (
            f"offset {model.offset!r}{plan.name_of(neuron)} goes from {low:g} to {high:g}, and the "
            f"link is log, so that it multiplies means by e**{low:g} to e**{high:g}"
        )
        remedy = (
            f"Write exposure={model.offset!r} in place of offset={model.offset!r}, which takes the "
            "logarithm of a positive variable, or give the logarithm as offset."
        )
        if model.intercept is None and high > LARGEST_EXPONENT:
            raise DataError(f"{told}, which is no number, and there is no intercept. {remedy}")
        if _unlogged(values, low, high):
            tell(f"{told}: it looks like an exposure without its logarithm. {remedy}")
            return


def _unlogged(values: Array, low: float, high: float) -> bool:
    if low < 0:
        return high - low > LARGEST
    whole = bool(np.all(values == np.floor(values)))
    return low > LARGEST or high - low > (WHOLE_APART if whole else FURTHEST_APART)
