"""Coordinates bent row by row, in which likelihoods that cut a posterior off are no walls.

Of few rows for many coefficients the posterior of a row's linear predictor eta is nearly a normal
density that the row's likelihood cuts off: a wall, beside which no step of one length serves. A
monotone map g takes standard normal numbers to such a density (`Curves`), and in

    eta_i = g_i(t_i),   theta = centre + basis (eta, rest)

t and the rest are nearly jointly normal, with the correlations that `straight` gives them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from bayesglm.numerics.density.coordinates import Coordinates, Slope

Array = np.ndarray


def cubic(start: Array, rise: Array, s0: Array, s1: Array, t: Array) -> tuple[Array, Array]:
    """Return value and slope at t of the cubic with given ends, and slopes there, at t = 0 and 1.

    >>> cubic(*map(np.array, (2.0, 3.0, 3.0, 3.0, 0.5)))
    (np.float64(3.5), np.float64(3.0))
    """
    bend = s0 + s1 - 2.0 * rise
    value = start + t * (s0 + t * (rise - s0 - bend * (1.0 - t)))
    return value, s0 + t * (2.0 * (rise - s0 - bend) + 3.0 * bend * t)


@dataclass(frozen=True)
class Curves:
    """Rising curves, cubic between the points of an even grid from ``-last`` to ``last``.

    ``values`` and ``slopes`` there are ``(k, points)``, of k curves; beyond they go on straight.

    >>> curves = Curves(np.array([[0.0, 1.0, 4.0]]), np.array([[0.5, 1.0, 2.0]]), 2.0)
    >>> [one.tolist() for one in curves.at(np.array([[-3.0], [1.0]]))]
    [[[-0.5], [2.25]], [[0.5], [1.5]], [[0.0], [0.5]]]
    """

    values: Array
    slopes: Array
    last: float

    @cached_property
    def _table(self) -> Array:
        """Of each cell start, rise, slopes at both ends, and nothing else; ``(k, cells, 4)``."""
        gap = self.gap
        ends = (self.values[:, :-1], np.diff(self.values, axis=1))
        return np.stack([*ends, gap * self.slopes[:, :-1], gap * self.slopes[:, 1:]], axis=-1)

    @property
    def gap(self) -> float:
        """From one point of the grid to the next."""
        return 2.0 * self.last / (self.values.shape[1] - 1)

    def at(self, z: Array) -> tuple[Array, Array, Array]:
        """Return values, slopes and second derivatives at z ``(..., k)``, one for each curve."""
        k, cells = self._table.shape[:2]
        place = (z + self.last) / self.gap
        cell = np.clip(place.astype(np.intp), 0, cells - 1)
        t = np.clip(place - cell, 0.0, 1.0)
        found = self._table.reshape(-1, 4)[cell + cells * np.arange(k)]
        start, rise, s0, s1 = (found[..., j] for j in range(4))
        value, slope = cubic(start, rise, s0, s1, t)
        beyond, bend = place - cell - t, s0 + s1 - 2.0 * rise
        second = 2.0 * (rise - s0 - bend) + 6.0 * bend * t
        second = np.where(beyond == 0.0, second, 0.0) / self.gap**2
        return value + beyond * slope, slope / self.gap, second


@dataclass(frozen=True)
class Bent:
    """theta = centre + basis u, the first of u being curves of the first of `straight`'s t.

    >>> line = Curves(np.array([[-2.0, 0.0, 2.0]]), np.ones((1, 3)), 2.0)
    >>> bent = Bent(Coordinates(np.zeros(1), np.ones(1)), line, np.ones(1), np.eye(1))
    >>> bent.to_theta(np.array([0.5])).tolist(), float(bent.log_det(np.array([0.5])))
    ([1.5], 0.0)
    """

    straight: Coordinates
    curves: Curves
    centre: Array
    basis: Array

    def to_theta(self, x: Array) -> Array:
        """Return theta ``(..., size)`` of x ``(..., size)``."""
        return self._theta(self._bent(self.straight.to_theta(x))[0])

    def _bent(self, t: Array) -> tuple[Array, Array, Array]:
        """Return u, the slopes of its curves, and their second derivatives."""
        k = len(self.curves.values)
        value, slope, second = self.curves.at(t[..., :k])
        return np.concatenate([value, t[..., k:]], axis=-1), slope, second

    def _theta(self, u: Array) -> Array:
        return self.centre + u @ self.basis.T

    @cached_property
    def _log_volume(self) -> float:
        return float(np.linalg.slogdet(self.basis)[1])

    def log_det(self, x: Array) -> Array:
        """Return log |d theta / dx| ``(...)`` at x ``(..., size)``."""
        slope = self._bent(self.straight.to_theta(x))[1]
        return self.straight.log_det(x) + np.log(slope).sum(axis=-1) + self._log_volume

    def in_x(self, slope: Slope) -> Slope:
        """Return the density's value and gradient in theta as one of value and gradient in x.

        At one point or many, as the density takes them.
        """

        def slope_in_t(t: Array) -> tuple[Any, Array]:
            u, rate, second = self._bent(t)
            value, gradient = slope(self._theta(u))
            gradient, k = gradient @ self.basis, rate.shape[-1]
            gradient[..., :k] = rate * gradient[..., :k] + second / rate
            return value + np.log(rate).sum(axis=-1) + self._log_volume, gradient

        return self.straight.in_x(slope_in_t)
