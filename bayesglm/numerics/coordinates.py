"""Coordinates in which a posterior is nearly a standard normal, for samplers to move in.

A change of coordinates leaves the density what it is: log p(x) = log p(theta(x)) + log |d theta/dx|.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import solve_triangular

from bayesglm.numerics.solvers import scaled_model

Array = np.ndarray


@dataclass(frozen=True)
class Coordinates:
    """theta = centre + factor x, the factor a matrix ``(size, size)`` or a diagonal ``(size,)``.

    >>> coordinates = Coordinates(np.array([1.0, 0.0]), np.array([2.0, 0.5]))
    >>> coordinates.to_theta(np.ones(2)).tolist(), float(coordinates.log_det(np.ones(2)))
    ([3.0, 0.5], 0.0)
    >>> coordinates.pull_back(np.ones(2), np.array([1.0, 1.0])).tolist()
    [2.0, 0.5]
    """

    centre: Array
    factor: Array

    def to_theta(self, x: Array) -> Array:
        """Return theta ``(..., size)`` of x ``(..., size)``."""
        if self.factor.ndim == 1:
            return self.centre + self.factor * x
        return self.centre + x @ self.factor.T

    @cached_property
    def _log_det(self) -> float:
        diagonal = self.factor if self.factor.ndim == 1 else np.diagonal(self.factor)
        return float(np.log(np.abs(diagonal)).sum())

    def log_det(self, x: Array) -> Array:
        """Return log |d theta / dx| ``(...)`` at x ``(..., size)``."""
        return np.full(x.shape[:-1], self._log_det)

    def pull_back(self, x: Array, gradient: Array) -> Array:
        """Return the gradient in x, of log p(theta(x)) + log_det(x), from that of log p in theta."""
        return gradient * self.factor if self.factor.ndim == 1 else gradient @ self.factor

    def in_x(self, slope: Callable[[Array], tuple[float, Array]]) -> Callable[[Array], tuple]:
        """Return the density's value and gradient in theta as one of value and gradient in x."""

        def slope_in_x(x: Array) -> tuple[float, Array]:
            value, gradient = slope(self.to_theta(x))
            return value + float(self.log_det(x)), self.pull_back(x, gradient)

        return slope_in_x


def whitened(centre: Array, precision: Array) -> Coordinates:
    """Return coordinates in which N(centre, precision^-1) is a standard normal.

    ``precision`` is a matrix, or the diagonal of one. The factor of a matrix is triangular: the
    inverse transpose of the Cholesky factor, so that each x_j moves theta_1 to theta_j alone. Where
    the matrix is not positive definite its scaled diagonal is raised until it is.
    """
    if precision.ndim == 1:
        return Coordinates(centre, 1.0 / np.sqrt(precision))
    model = scaled_model(precision, 0.0)
    identity = np.eye(len(centre))
    inverse = solve_triangular(model.factor[0], identity, lower=True, check_finite=False)
    return Coordinates(centre, np.ascontiguousarray(model.scale[:, None] * inverse.T))
