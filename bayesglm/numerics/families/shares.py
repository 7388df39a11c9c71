"""psi, the share of counts that come from the process of counts: a number between 0 and 1."""

from collections.abc import Callable

import numpy as np

from bayesglm.numerics.families.record import Array, Dispersion
from bayesglm.numerics.theta.transforms import UNIT

# The largest number below 1, to which shares that were rounded to 1 go back: 1 - psi is a chance.
_LARGEST = float(np.nextafter(1.0, 0.0))


def inside(psi: Array | float) -> Array:
    """Return shares that are neither 0 nor 1, as rounding makes of what lies far out.

    >>> bool(inside(1.0) < 1.0)
    True
    """
    return np.clip(psi, 1e-300, _LARGEST)


def share_of_counts(start: Callable[[Array], float]) -> Dispersion:
    """Return the record of psi: under a uniform prior, and not too near an end at the start."""
    return Dispersion(
        default=lambda spread: ("Beta", {"alpha": 1.0, "beta": 1.0}),
        start=lambda y: float(np.clip(start(y), 0.05, 0.95)),
        transform=UNIT,
    )
