"""Tails of priors that are symmetric around `loc`, in units of their scale.

Of z = (x - loc)/scale: `tail(z)` is P(Z > z) for z >= 0, and `far(q)` the z above which lies q.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import erfcx, ndtr, ndtri, stdtr, stdtrit

from bayesglm.errors import ModelError
from bayesglm.numerics.priors.record import Array

LEAST = 1e-250  # of roots; and one over it the largest
FINE = 4.0 * np.finfo(float).eps  # relative, of roots: as fine as brentq takes it
# Of log scale, over which a learned scale is integrated out: the integrand falls off exponentially
# to both sides, so that sums over equal steps are exact to rounding (Trefethen & Weideman 2014).
STEP, LOWEST, HIGHEST = 0.02, -60.0, 350.0
LOST = 1e-11  # of the density of a scale, at most, beyond these


@dataclass(frozen=True)
class Symmetric:
    """One kind: its tail, and that inverted for 0 < q < 1/2, as functions of its ``shape``."""

    tail: Callable[..., Any]
    inverse: Callable[..., float]
    shape: tuple[str, ...] = ()

    def given(self, numbers: Mapping[str, Any]) -> Symmetric:
        """Return the kind with the shape that is among numbers, as functions of z and q alone."""
        shape = {name: numbers[name] for name in self.shape}
        return Symmetric(partial(self.tail, **shape), partial(self.inverse, **shape))

    def far(self, q: float) -> float:
        """Return the z above which lies q; below zero where q is more than a half.

        >>> NORMAL.far(0.5), NORMAL.far(0.75) == -NORMAL.far(0.25)
        (0.0, True)
        """
        if q > 0.5:
            return -self.far(1.0 - q)
        return self.inverse(q) if q < 0.5 else 0.0


def root(function: Callable[[float], float]) -> float:
    """Return the positive x at which a function that falls with log x crosses zero.

    Raises ModelError where that is beyond what floats hold.

    >>> round(root(lambda x: 8.0 - x**3), 12)
    2.0
    """
    low = high = 1.0
    while function(low) < 0.0 and low > LEAST:
        low /= 8.0
    while function(high) > 0.0 and high < 1.0 / LEAST:
        high *= 8.0
    if not function(low) >= 0.0 >= function(high):
        raise ModelError("floating point holds no numbers so small, or so large, as it asks for.")
    if low == high:
        return low
    log_x = brentq(lambda log: function(np.exp(log)), np.log(low), np.log(high), xtol=FINE)
    return float(np.exp(log_x))


def searched(tail: Callable[..., Any], shape: tuple[str, ...] = ()) -> Symmetric:
    """Return the kind of a tail whose inverse is looked for."""

    def inverse(q: float, **numbers: float) -> float:
        return root(lambda z: float(np.log(tail(z, **numbers)) - np.log(q)))

    return Symmetric(tail, inverse, shape)


def _elastic_net_tail(z: Any, ratio: float) -> Any:
    """Half of exp(-ratio z - (1 - ratio) z^2 / 2) times erfcx there over erfcx at zero."""
    rest = 1.0 - ratio
    width = np.sqrt(2.0 * rest)
    share = erfcx((ratio + rest * z) / width) / erfcx(ratio / width)
    return 0.5 * np.exp(-ratio * z - 0.5 * rest * z * z) * share


def with_learned_scale(kind: Symmetric, log_density: Callable[[Array], Array]) -> Symmetric:
    """Return the kind whose scale s has a prior itself, with that integrated out.

    ``log_density`` is that of s. P(Z > z) is the integral of tail(z/s) p(s) over s. Raises
    ModelError where the scale reaches further than floats do.
    """
    log_scale = np.arange(LOWEST, HIGHEST, STEP)
    scale = np.exp(log_scale)
    with np.errstate(under="ignore", over="ignore"):
        weight = np.exp(log_density(scale) + log_scale) * STEP
    if not abs(weight.sum() - 1.0) < LOST:
        raise ModelError(
            "the prior of the scale reaches too far, or too close to zero, to be integrated over; "
            "take HalfNormal(1.0), say."
        )

    def tail(z: float) -> float:
        with np.errstate(under="ignore", over="ignore"):
            return float(weight @ kind.tail(z / scale))

    return searched(tail)


NORMAL = Symmetric(lambda z: ndtr(-z), lambda q: -float(ndtri(q)))
LAPLACE = Symmetric(lambda z: 0.5 * np.exp(-z), lambda q: -float(np.log(2.0 * q)))
STUDENT_T = Symmetric(
    lambda z, df: stdtr(df, -z), lambda q, df: -float(stdtrit(df, q)), shape=("df",)
)
CAUCHY = Symmetric(lambda z: np.arctan2(1.0, z) / np.pi, lambda q: 1.0 / float(np.tan(np.pi * q)))
ELASTIC_NET = searched(_elastic_net_tail, shape=("ratio",))
