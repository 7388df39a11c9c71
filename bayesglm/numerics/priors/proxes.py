"""What proximal operators are made of: thresholds, and the least of a cubic's stationary points.

prox(x, step) is the z that makes step * penalty(z) + (z - x)^2 / 2 least (Moreau 1965; Parikh &
Boyd 2014, Proximal Algorithms, chapter 6).
"""

from collections.abc import Callable

import numpy as np

from bayesglm.numerics.priors.record import Array

MOST_STEPS = 100  # of Newton's method: it is quadratic, and a double root halves its distance

HALVINGS = 110  # of an interval, whose root may be at 1e-17 of it


def soft_threshold(x: Array, weight: Array | float) -> Array:
    """Return x moved towards zero by a weight, and zero where that would pass it.

    >>> soft_threshold(np.array([-3.0, 0.5, 2.0]), 1.0).tolist()
    [-2.0, 0.0, 1.0]
    """
    return np.sign(x) * np.maximum(np.abs(x) - weight, 0.0)


def crossing(function: Callable[[Array], Array], low: Array, high: Array) -> Array:
    """Return where a function of arrays comes to be above zero, between two ends, by bisection.

    It is the upper end where it is nowhere above, the lower one where it is everywhere.

    >>> crossing(lambda z: z * z - 2.0, np.zeros(1), np.full(1, 2.0)).round(12)
    array([1.41421356])
    """
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        above = function(middle) > 0.0
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return high


def least_root(b: Array, c: Array, d: Array, objective: Callable[[Array], Array]) -> Array:
    """Return the root of z^3 - b z^2 + c z - d at which an objective is least; c and d >= 0.

    All roots are at least zero, by Descartes' rule, and at most max(b, d/c). The cubic is concave
    up to b/3 and convex beyond: from below Newton's method finds the first root if it is in the
    concave part, from above the last if it is in the convex one. A middle one is no minimum.

    >>> of_one_two_three = map(np.array, (6.0, 11.0, 6.0))
    >>> float(least_root(*of_one_two_three, lambda z: abs(z - 3.0)).round(12))
    3.0
    """
    high = np.maximum(b, d / np.maximum(c, np.finfo(float).tiny))
    unit = np.where(high > 0.0, high, 1.0)
    # In units of the bound, and with the cubic divided by its largest term, so that no power of a
    # large number overflows and none of a small one.
    root = np.sqrt(c)
    largest = np.maximum(unit, root)
    a, c = np.square(unit / largest), np.square(root / largest)
    a, b, c, d = np.broadcast_arrays(a, a * (b / unit), c, d / unit / largest / largest)
    first, last = (unit * _newton(a, b, c, d, start) for start in (0.0, 1.0))
    return np.where(objective(first) < objective(last), first, last)


def _newton(a: Array, b: Array, c: Array, d: Array, start: float) -> Array:
    """Return where Newton's steps to a root of a z^3 - b z^2 + c z - d end, from 0 or from 1.

    They stay between the two.
    """
    z = np.full(b.shape, start)
    for _ in range(MOST_STEPS):
        value = ((a * z - b) * z + c) * z - d
        slope = (3.0 * a * z - 2.0 * b) * z + c
        step = np.divide(value, slope, out=np.zeros_like(z), where=slope != 0.0)
        after = np.clip(z - step, 0.0, 1.0)
        if np.all(np.abs(after - z) <= 1e-16):
            return after
        z = after
    return z
