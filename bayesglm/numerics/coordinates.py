"""Coordinates in which a posterior is nearly a standard normal, for samplers to move in.

A change of coordinates changes no probability:

    log p(x) = log p(theta(x)) + log |d theta/dx|

It is a linear one, after which coefficients whose scale is learned are given in units of the sds
that data and prior leave them: the coefficients themselves where the scale is large, multiples of
it where it is small (centred, non-centred, and what is between: Papaspiliopoulos, Roberts & Skold
2007). Then they narrow neither as the scale does, nor where the data pin them down.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import solve_triangular

from bayesglm.numerics.quadratic import scaled_model
from bayesglm.numerics.shrinkage import Shrinkage

Array = np.ndarray


@dataclass(frozen=True)
class Shrunk:
    """A run of coefficients, given in units of what is left of their sds as their scale shrinks.

    ``towards`` ``(q,)`` says where they would be if their scale were infinite.
    """

    shrinkage: Shrinkage
    towards: Array

    def to_theta(self, v: Array, theta: Array) -> None:
        """Turn units, in place, into coefficients."""
        of = self.shrinkage
        log_precision, share = of.log_precision(v), np.exp(of.log_share(v))
        w = np.exp(-0.5 * log_precision) * v[..., of.where] + share * self.towards
        theta[..., of.where] = of.loc + of.turned(w, back=True)

    def log_det(self, v: Array) -> Array:
        """Return log |d theta / dv| ``(...)``."""
        return -0.5 * self.shrinkage.log_precision(v).sum(axis=-1)

    def pull_back(self, v: Array, gradient: Array) -> None:
        """Turn a gradient in theta ``(size,)``, in place, into one in v, log_det's added."""
        of = self.shrinkage
        sd, share = np.exp(-0.5 * of.log_precision(v)), np.exp(of.log_share(v))
        slope = of.turned(gradient[of.where])
        moved = sd * v[of.where] + 2.0 * share * self.towards
        slopes = (1.0 - share) * (slope * moved + 1.0)
        gradient[of.where] = slope * sd
        if len(of.learned.places) == 1:
            slopes = slopes.sum(keepdims=True)
        of.learned.add_slope(v, slopes, gradient)


@dataclass(frozen=True)
class Coordinates:
    """v = centre + factor x, the factor a matrix ``(size, size)`` or a diagonal ``(size,)``.

    theta is v, but for what is ``shrunk`` in it.

    >>> coordinates = Coordinates(np.array([1.0, 0.0]), np.array([2.0, 0.5]))
    >>> coordinates.to_theta(np.ones(2)).tolist(), float(coordinates.log_det(np.ones(2)))
    ([3.0, 0.5], 0.0)
    >>> coordinates.pull_back(np.ones(2), np.array([1.0, 1.0])).tolist()
    [2.0, 0.5]
    """

    centre: Array
    factor: Array
    shrunk: tuple[Shrunk, ...] = ()

    def _straight(self, x: Array) -> Array:
        if self.factor.ndim == 1:
            return self.centre + self.factor * x
        return self.centre + x @ self.factor.T

    def to_theta(self, x: Array) -> Array:
        """Return theta ``(..., size)`` of x ``(..., size)``."""
        v = self._straight(x)
        theta = v.copy() if self.shrunk else v
        for one in self.shrunk:
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
        if self.shrunk:
            v = self._straight(x)
            found = found + sum(one.log_det(v) for one in self.shrunk)
        return found

    def pull_back(self, x: Array, gradient: Array) -> Array:
        """Return the gradient in x of log p(theta(x)) + log_det(x), given log p's in theta."""
        if self.shrunk:
            v, gradient = self._straight(x), gradient.copy()
            for one in self.shrunk:
                one.pull_back(v, gradient)
        return gradient * self.factor if self.factor.ndim == 1 else gradient @ self.factor

    def in_x(self, slope: Callable[[Array], tuple[float, Array]]) -> Callable[[Array], tuple]:
        """Return the density's value and gradient in theta as one of value and gradient in x."""

        def slope_in_x(x: Array) -> tuple[float, Array]:
            value, gradient = slope(self.to_theta(x))
            return value + float(self.log_det(x)), self.pull_back(x, gradient)

        return slope_in_x


def whitened(centre: Array, precision: Array, shrunk: tuple[Shrunk, ...] = ()) -> Coordinates:
    """Return coordinates in which N(centre, precision^-1) is a standard normal.

    ``precision`` is a matrix, or the diagonal of one. The factor of a matrix is triangular: the
    inverse transpose of the Cholesky factor, so that each x_j moves theta_1 to theta_j alone. Where
    the matrix is not positive definite its scaled diagonal is raised until it is.
    """
    if precision.ndim == 1:
        return Coordinates(centre, 1.0 / np.sqrt(precision), shrunk)
    model = scaled_model(precision, 0.0)
    identity = np.eye(len(centre))
    inverse = solve_triangular(model.factor[0], identity, lower=True, check_finite=False)
    factor = np.ascontiguousarray(model.scale[:, None] * inverse.T)
    return Coordinates(centre, factor, shrunk)
