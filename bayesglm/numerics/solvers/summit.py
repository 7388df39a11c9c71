"""The maximum of a smooth function of a few variables whose slopes are known, but cost much.

BFGS (Nocedal & Wright 2006, 6.1) from a guess of the second derivatives, with steps that are cut
short where they go far or do not rise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Array = np.ndarray
LONGEST = 2.0  # of any variable, in one step
MOST_STEPS = 100  # a bound
HALVINGS = 20  # of a step that does not rise: chosen
ENOUGH = 1e-4  # of the promised gain, that a step must bring (Nocedal & Wright 2006, 3.1)
SHORT = 1e-6  # of a last step's promised gain, in units of the function


class Summit(NamedTuple):
    """Where a function is largest, its value and slope, about the inverse of minus its Hessian.

    And how many values were asked for.
    """

    x: Array
    value: float
    slope: Array
    inverse: Array
    n_asked: int


def summit(
    function: Callable[[Array], tuple[float, Array]], x: Array, bends: Array
) -> Summit | None:
    """Climb from x ``(d,)`` to a maximum; None where there is none.

    ``bends`` are guesses of minus the second derivatives along each variable.

    >>> top = summit(lambda x: (-np.cosh(x[0] - 1.0), -np.sinh(x - 1.0)), np.zeros(1), np.ones(1))
    >>> bool(abs(top.x[0] - 1.0) < 2e-3)
    True
    """
    value, slope = function(x)
    n_asked, inverse = 1, np.diag(1.0 / bends)
    if not np.isfinite(value):
        return None
    for _ in range(MOST_STEPS):
        step = inverse @ slope
        gain = float(slope @ step)
        if gain < SHORT:
            return Summit(x, value, slope, inverse, n_asked)
        share = min(1.0, LONGEST / max(float(np.abs(step).max()), 1e-300))
        for _ in range(HALVINGS):
            there, theirs = function(x + share * step)
            n_asked += 1
            if there >= value + ENOUGH * share * gain and np.isfinite(theirs).all():
                break
            share *= 0.5
        else:
            return None
        moved, change = share * step, slope - theirs
        x, value, slope = x + moved, there, theirs
        along = float(moved @ change)
        if along > 0.0:
            back = np.eye(len(x)) - np.outer(moved, change) / along
            inverse = back @ inverse @ back.T + np.outer(moved, moved) / along
    return None
