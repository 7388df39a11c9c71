"""The transform under which values stand, by their support."""

from __future__ import annotations

from bayesglm.numerics.theta.one_sign import ONE_SIGN
from bayesglm.numerics.theta.transforms import IDENTITY, LOG, UNIT

SUPPORTS = {"real": IDENTITY, "positive": LOG, "unit": UNIT, "one sign": ONE_SIGN}
