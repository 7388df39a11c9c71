"""Coordinates of coefficients above zero, for samplers to move in.

theta holds such coefficients as u = log w. Where the data push one against zero, u has a wall on
its right that falls off as exp(-exp(u)), and no step of one length serves on both sides of it. With

    w = unit log(1 + exp(v))

v has tails that are no steeper than exponentials on the left and those of w on the right: an
exponential density of mean ``unit`` is a logistic one of v, and a coefficient far above zero is v
itself, but for its unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, log_expit

from bayesglm.numerics.density.coordinates import Coordinates, Slope

Array = np.ndarray
LEFT = -30.0  # of v: beyond, log(1 + exp(v)) is exp(v) to the last digit


@dataclass(frozen=True)
class Above:
    """Coordinates whose theta holds v in ``places``, where the density's holds log w.

    >>> from bayesglm.numerics.density.coordinates import Coordinates
    >>> above = Above(Coordinates(np.zeros(1), np.ones(1)), np.array([0]), np.array([2.0]))
    >>> np.exp(above.to_theta(np.zeros(1))).round(4).tolist()
    [1.3863]
    """

    straight: Coordinates
    places: Array
    unit: Array

    def to_theta(self, x: Array) -> Array:
        """Return theta ``(..., size)`` of x ``(..., size)``."""
        return self._theta(self.straight.to_theta(x))

    def _theta(self, t: Array) -> Array:
        theta = t.copy()
        theta[..., self.places] = np.log(self.unit) + _log_softplus(t[..., self.places])
        return theta

    def variance(self) -> Array:
        """Return the variances ``(size,)`` of theta, v in it, when x is a standard normal."""
        return self.straight.variance()

    def log_det(self, x: Array) -> Array:
        """Return log |d theta / dx| ``(...)`` at x ``(..., size)``."""
        v = self.straight.to_theta(x)[..., self.places]
        return self.straight.log_det(x) + (log_expit(v) - _log_softplus(v)).sum(axis=-1)

    def in_x(self, slope: Slope) -> Slope:
        """Return the density's value and gradient in theta as one of value and gradient in x.

        At one point or many, as the density takes them. Its gradients are overwritten.
        """

        def slope_in_t(t: Array) -> tuple[Any, Array]:
            value, gradient = slope(self._theta(t))
            v = t[..., self.places]
            log_rate = log_expit(v) - _log_softplus(v)
            rate = np.exp(log_rate)
            gradient[..., self.places] = rate * gradient[..., self.places] + expit(-v) - rate
            return value + log_rate.sum(axis=-1), gradient

        return self.straight.in_x(slope_in_t)


def inverse(w: Array, unit: Array) -> Array:
    """Return the v of coefficients w above zero."""
    z = w / unit
    return z + np.log(-np.expm1(-z))


def _log_softplus(v: Array) -> Array:
    inside = np.maximum(v, LEFT)
    return np.where(v < LEFT, v, np.log(np.logaddexp(0.0, inside)))
