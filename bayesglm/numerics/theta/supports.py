"""The transform under which values stand, by their support."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bayesglm.numerics.theta.one_sign import ONE_SIGN
from bayesglm.numerics.theta.transforms import IDENTITY, LOG, UNIT, Transform, logit

SUPPORTS = {"real": IDENTITY, "positive": LOG, "unit": UNIT, "one sign": ONE_SIGN}


def transform_of(support: str, parameters: Mapping[str, Any]) -> Transform:
    """Return the transform of a support, whose ends may be among a prior's numbers.

    >>> import numpy as np
    >>> transform_of("interval", {"lower": 0.0, "upper": 4.0}).natural(np.zeros(1)).tolist()
    [2.0]
    """
    if support == "interval":
        return logit(float(parameters["lower"]), float(parameters["upper"]))
    return SUPPORTS[support]
