"""The maximum of a smooth function of a few variables that is known by its values alone.

Newton's method on central differences. Their steps are in units of the function's own width, a
third of an sd along each axis of its curvature where it is a log density: so short that the third
derivative moves their zero by a small part of an sd (step^2 f''' / (6 f''), Abramowitz & Stegun
1964, 25.3.21), however narrow the density, and so long that rounding does not show.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import NamedTuple

import numpy as np

Array = np.ndarray
FIRST = 0.1  # length of the differences' steps before anything is known
LOOK = 0.3  # the same in sds
LONGEST_LOOK = 0.5  # the same, however flat the function is
TOO_LONG = 1.0  # sd; differences over longer steps are taken again over shorter ones
FLATTEST = 1e-2  # second derivative, below which a direction is climbed as if it had so much
SHORT = 0.05  # sd; a Newton step so short is the last
LONGEST = 2.0  # of any variable, in one step
MOST_STEPS = 60  # a bound
HALVINGS = 8  # of a step that does not rise: chosen


class Hilltop(NamedTuple):
    """Where a function is largest, its value, and minus its Hessian there."""

    x: Array
    value: float
    precision: Array


def hilltop(value: Callable[[Array], float], x: Array) -> Hilltop | None:
    """Climb from x ``(d,)`` to a maximum inside; None where there is none.

    >>> top = hilltop(lambda x: 1e6 * (x[0] - np.exp(x[0] - 3.0)), np.zeros(1))
    >>> bool(abs(top.x[0] - 3.0) < 1e-4), round(float(top.precision[0, 0]), -4)
    (True, 1000000.0)
    """
    best, axes = value(x), FIRST * np.eye(len(x))
    if not np.isfinite(best):
        return None
    for _ in range(MOST_STEPS):
        gradient, hessian = _differences(value, x, best, axes)
        if not (np.isfinite(gradient).all() and np.isfinite(hessian).all()):
            axes = 0.25 * axes
            continue
        bends, vectors = np.linalg.eigh(-hessian)
        lengths = np.linalg.norm(axes @ vectors, axis=0)
        # A direction that bends the other way is climbed as if it bent as much the right way.
        bent = np.maximum(np.abs(bends), FLATTEST * lengths**2)
        looked = axes @ (vectors * np.minimum(LOOK / np.sqrt(bent), LONGEST_LOOK / lengths))
        if bent.max() > TOO_LONG**2:
            axes = looked
            continue
        along = (vectors.T @ gradient) / bent
        step = axes @ (vectors @ along)
        share = min(1.0, LONGEST / max(float(np.abs(step).max()), 1e-300))
        if share * np.sqrt(bent @ along**2) < SHORT and (bends >= bent).all():
            inverse = np.linalg.inv(axes)
            return Hilltop(x, best, inverse.T @ (vectors * bent) @ vectors.T @ inverse)
        for shorter in share * 0.5 ** np.arange(HALVINGS):
            trial = value(x + shorter * step)
            if trial > best:
                x, best = x + shorter * step, trial
                axes = looked
                break
        else:
            axes = 0.5 * axes
    return None


def _differences(
    value: Callable[[Array], float], x: Array, at: float, axes: Array
) -> tuple[Array, Array]:
    """Return gradient and Hessian in u of value(x + axes u), by differences over u = 1."""
    d = len(x)
    up, down = (np.array([value(x + sign * step) for step in axes.T]) for sign in (1.0, -1.0))
    gradient, hessian = 0.5 * (up - down), np.diag(up - 2.0 * at + down)
    for i, j in combinations(range(d), 2):
        both = value(x + axes[:, i] + axes[:, j]) - up[i] - up[j] + at
        other = value(x - axes[:, i] - axes[:, j]) - down[i] - down[j] + at
        hessian[i, j] = hessian[j, i] = 0.5 * (both + other)
    return gradient, hessian
