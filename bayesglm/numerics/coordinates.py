"""Coordinates in which a posterior is nearly a standard normal, for samplers to move in.

A change of coordinates changes no probability:

    log p(x) = log p(theta(x)) + log |d theta/dx|

It is a linear one, after which coefficients whose scale is learned, and of which the data say less
than their prior, are multiples u of that scale: w = loc + scale(psi) u (non-centred:
Papaspiliopoulos, Roberts & Skold 2007). Then u does not narrow as the scale does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from bayesglm.numerics.parts import LearnedScale
from bayesglm.numerics.quadratic import scaled_model

Array = np.ndarray


@dataclass(frozen=True)
class Multiples:
    """A run of coefficients of which some (``apart``) are given as multiples of their scales."""

    where: slice
    loc: Array | float
    learned: LearnedScale
    apart: NDArray[np.bool_]

    def log_scale(self, v: Array) -> Array:
        """Return the logarithms of what they are multiplied by ``(..., q)``; zero elsewhere."""
        return np.where(self.apart, self.learned.log_scale(v), 0.0)

    def to_theta(self, v: Array, theta: Array) -> None:
        """Turn multiples, in place, into coefficients."""
        w = self.loc + np.exp(self.log_scale(v)) * v[..., self.where]
        theta[..., self.where] = np.where(self.apart, w, v[..., self.where])

    def pull_back(self, v: Array, gradient: Array) -> None:
        """Turn a gradient in theta ``(size,)``, in place, into one in v, log_det's added."""
        scale = np.exp(self.log_scale(v))
        slopes = self.apart * (scale * v[self.where] * gradient[self.where] + 1.0)
        gradient[self.where] *= scale
        if len(self.learned.places) == 1:
            slopes = slopes.sum(keepdims=True)
        self.learned.add_slope(v, slopes, gradient)


@dataclass(frozen=True)
class Coordinates:
    """v = centre + factor x, the factor a matrix ``(size, size)`` or a diagonal ``(size,)``.

    theta is v, but for the ``multiples`` in it.

    >>> coordinates = Coordinates(np.array([1.0, 0.0]), np.array([2.0, 0.5]))
    >>> coordinates.to_theta(np.ones(2)).tolist(), float(coordinates.log_det(np.ones(2)))
    ([3.0, 0.5], 0.0)
    >>> coordinates.pull_back(np.ones(2), np.array([1.0, 1.0])).tolist()
    [2.0, 0.5]
    """

    centre: Array
    factor: Array
    multiples: tuple[Multiples, ...] = ()

    def _straight(self, x: Array) -> Array:
        if self.factor.ndim == 1:
            return self.centre + self.factor * x
        return self.centre + x @ self.factor.T

    def to_theta(self, x: Array) -> Array:
        """Return theta ``(..., size)`` of x ``(..., size)``."""
        v = self._straight(x)
        theta = v.copy() if self.multiples else v
        for one in self.multiples:
            one.to_theta(v, theta)
        return theta

    @cached_property
    def _log_det(self) -> float:
        diagonal = self.factor if self.factor.ndim == 1 else np.diagonal(self.factor)
        return float(np.log(np.abs(diagonal)).sum())

    def variance(self) -> Array:
        """Return the variances ``(size,)`` of theta when x is a standard normal."""
        return self.factor**2 if self.factor.ndim == 1 else np.square(self.factor).sum(axis=1)

    def log_det(self, x: Array) -> Array:
        """Return log |d theta / dx| ``(...)`` at x ``(..., size)``."""
        found = np.zeros(x.shape[:-1]) + self._log_det
        if self.multiples:
            v = self._straight(x)
            found = found + sum(one.log_scale(v).sum(axis=-1) for one in self.multiples)
        return found

    def pull_back(self, x: Array, gradient: Array) -> Array:
        """Return the gradient in x of log p(theta(x)) + log_det(x), given log p's in theta."""
        if self.multiples:
            v, gradient = self._straight(x), gradient.copy()
            for one in self.multiples:
                one.pull_back(v, gradient)
        return gradient * self.factor if self.factor.ndim == 1 else gradient @ self.factor

    def in_x(self, slope: Callable[[Array], tuple[float, Array]]) -> Callable[[Array], tuple]:
        """Return the density's value and gradient in theta as one of value and gradient in x."""

        def slope_in_x(x: Array) -> tuple[float, Array]:
            value, gradient = slope(self.to_theta(x))
            return value + float(self.log_det(x)), self.pull_back(x, gradient)

        return slope_in_x


def whitened(centre: Array, precision: Array, multiples: tuple[Multiples, ...] = ()) -> Coordinates:
    """Return coordinates in which N(centre, precision^-1) is a standard normal.

    ``precision`` is a matrix, or the diagonal of one. The factor of a matrix is triangular: the
    inverse transpose of the Cholesky factor, so that each x_j moves theta_1 to theta_j alone. Where
    the matrix is not positive definite its scaled diagonal is raised until it is.
    """
    if precision.ndim == 1:
        return Coordinates(centre, 1.0 / np.sqrt(precision), multiples)
    model = scaled_model(precision, 0.0)
    identity = np.eye(len(centre))
    inverse = solve_triangular(model.factor[0], identity, lower=True, check_finite=False)
    factor = np.ascontiguousarray(model.scale[:, None] * inverse.T)
    return Coordinates(centre, factor, multiples)
