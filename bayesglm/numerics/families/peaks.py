"""Where a function of one linear predictor is largest, element by element."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

type Array = NDArray[np.float64]

_FAR = 60.0  # the largest |eta| that is looked at
_HALVINGS = 64  # of the interval, after which what is left of it is below rounding


def peak(slope: Callable[[Array], Array], like: Array) -> Array:
    """Return the eta at which a slope turns from positive to negative, in the shape of ``like``.

    >>> peak(lambda eta: 2.0 - np.exp(eta), np.zeros(1)).round(6)
    array([0.693147])
    """
    low, high = np.full(np.shape(like), -_FAR), np.full(np.shape(like), _FAR)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        rises = slope(middle) > 0.0
        low, high = np.where(rises, middle, low), np.where(rises, high, middle)
    return 0.5 * (low + high)
