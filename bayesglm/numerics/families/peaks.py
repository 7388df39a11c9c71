"""Where a function of one linear predictor is largest, element by element."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

type Array = NDArray[np.float64]

_DOUBLINGS = 40  # of the reach of 1 in search of an end: as far as 1e12; chosen
_NEGLIGIBLE = 1e-9  # gain in log density of going twice as far, up to which none is taken: chosen
_HALVINGS = 60  # of the interval, after which what is left of it is below rounding


@np.errstate(all="ignore")  # far out
def peak(slope: Callable[[Array], Array], like: Array) -> Array:
    """Return the eta at which a slope turns from positive to negative, in the shape of ``like``.

    Of a function that rises to a limit without end, it is where all but nothing is left to gain.

    >>> peak(lambda eta: 2.0 - np.exp(eta), np.zeros(1)).round(6)
    array([0.693147])
    """
    (low, least), (high, most) = (_reach(slope, np.full(np.shape(like), u)) for u in (-1.0, 1.0))
    # A slope that still rises at 1, or falls at -1, turns beyond the last place that was passed.
    low, high = (
        np.where((most > 0.0) & (least == 0.0), most, low),
        np.where((least < 0.0) & (most == 0.0), least, high),
    )
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        rises = slope(middle) > 0.0
        low, high = np.where(rises, middle, low), np.where(rises, high, middle)
    return 0.5 * (low + high)


def _reach(slope: Callable[[Array], Array], end: Array) -> tuple[Array, Array]:
    """Return how far a function grows to one side, and the last place passed before, 0 if none."""
    passed = np.zeros_like(end)
    for _ in range(_DOUBLINGS):
        gains = slope(end) * end > _NEGLIGIBLE
        if not gains.any():
            break
        passed, end = np.where(gains, end, passed), np.where(gains, 2.0 * end, end)
    return end, passed
