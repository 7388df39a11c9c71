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
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import solve_triangular
from scipy.linalg.blas import dtrmm

from bayesglm.numerics.priors.shrinkage import Shrinkage
from bayesglm.numerics.solvers.quadratic import scaled_model

Array = np.ndarray
# Points from which a product with a triangle takes 0.55 of the time of one with a square, of 300 to
# 2000 coordinates; that of a single point takes more (OpenBLAS on one core of an AMD EPYC).
SEVERAL = 8
# Values (...) and gradients (..., size) at points (..., size).
type Slope = Callable[[Array], tuple[Any, Array]]


class Units(NamedTuple):
    """Of a run of coefficients: log precisions, sds and shares of the data ``(..., q)``."""

    log_precision: Array
    sd: Array
    share: Array


@dataclass(frozen=True)
class Shrunk:
    """A run of coefficients, given in units of what is left of their sds as their scale shrinks.

    ``towards`` ``(q,)`` says where they would be if their scale were infinite.
    """

    shrinkage: Shrinkage
    towards: Array

    def units(self, v: Array) -> Units:
        """Return the units that the scales in v ``(..., size)`` make."""
        precision = self.shrinkage.precision(v)
        share = self.shrinkage.information / precision
        return Units(np.log(precision), 1.0 / np.sqrt(precision), share)

    def to_theta(self, v: Array, units: Units, theta: Array) -> None:
        """Turn what is given in units, in place, into coefficients."""
        of = self.shrinkage
        u = units.sd * v[..., of.where] + units.share * self.towards
        theta[..., of.where] = of.coefficients(u, v)

    def pull_back(self, v: Array, units: Units, gradient: Array) -> None:
        """Turn gradients in theta ``(..., size)``, in place, into ones in v, log_det's added."""
        of = self.shrinkage
        along, own = units.sd * v[..., of.where], gradient[..., of.where]
        pulled = units.share * self.towards
        along += pulled
        if of.structure.turns:
            slope = of.structure.at(v).pull(own)
            of.structure.add_turn(v, along, own, gradient)
        else:
            slope = of.structure.pull(own)
        along += pulled
        along *= slope
        along += 1.0
        along *= 1.0 - units.share
        of.learned.add_slope(v, along, gradient)
        gradient[..., of.where] = slope * units.sd


@dataclass(frozen=True)
class Coordinates:
    """v = centre + factor x, the factor a matrix ``(size, size)`` or a diagonal ``(size,)``.

    theta is v, but for what is ``shrunk`` in it.

    >>> coordinates = Coordinates(np.array([1.0, 0.0]), np.array([2.0, 0.5]))
    >>> coordinates.to_theta(np.ones(2)).tolist(), float(coordinates.log_det(np.ones(2)))
    ([3.0, 0.5], 0.0)
    >>> value, gradient = coordinates.in_x(lambda theta: (-theta @ theta, -2.0 * theta))(np.ones(2))
    >>> float(value), gradient.tolist()
    (-9.25, [-12.0, -0.5])
    """

    centre: Array
    factor: Array
    shrunk: tuple[Shrunk, ...] = ()

    def _straight(self, x: Array) -> Array:
        v = self._times(x)
        v += self.centre
        return v

    @cached_property
    def _is_triangular(self) -> bool:
        """Whether the factor is a matrix with zeros below the diagonal."""
        return self.factor.ndim == 2 and not np.tril(self.factor, -1).any()

    def _times(self, x: Array, back: bool = False) -> Array:
        """Return factor x at x ``(..., size)``, or factor' x on the way back."""
        if self.factor.ndim == 1:
            return self.factor * x
        if x.ndim != 2 or len(x) < SEVERAL or not self._is_triangular:
            return x @ (self.factor if back else self.factor.T)
        return dtrmm(1.0, self.factor.T, x.T, lower=True, trans_a=not back).T

    def _units(self, v: Array) -> list[Units]:
        return [one.units(v) for one in self.shrunk]

    def to_theta(self, x: Array) -> Array:
        """Return theta ``(..., size)`` of x ``(..., size)``."""
        v = self._straight(x)
        return self._theta(v, self._units(v))

    def _theta(self, v: Array, units: list[Units]) -> Array:
        theta = v.copy() if self.shrunk else v
        for one, own in zip(self.shrunk, units, strict=True):
            one.to_theta(v, own, theta)
        return theta

    @cached_property
    def _straight_log_det(self) -> float:
        diagonal = self.factor if self.factor.ndim == 1 else np.diagonal(self.factor)
        return float(np.log(np.abs(diagonal)).sum())

    def variance(self) -> Array:
        """Return the variances ``(size,)`` of theta when x is a standard normal."""
        return self.factor**2 if self.factor.ndim == 1 else np.square(self.factor).sum(axis=1)

    def log_det(self, x: Array) -> Array:
        """Return log |d theta / dx| ``(...)`` at x ``(..., size)``."""
        units = self._units(self._straight(x)) if self.shrunk else []
        return np.zeros(x.shape[:-1]) + self._log_det(units)

    def _log_det(self, units: list[Units]) -> Any:
        return self._straight_log_det - 0.5 * sum(one.log_precision.sum(axis=-1) for one in units)

    def in_x(self, slope: Slope) -> Slope:
        """Return the density's value and gradient in theta as one of value and gradient in x.

        At one point or many, as the density takes them. Its gradients are overwritten.
        """

        def slope_in_x(x: Array) -> tuple[Any, Array]:
            v = self._straight(x)
            units = self._units(v)
            value, gradient = slope(self._theta(v, units))
            for one, own in zip(self.shrunk, units, strict=True):
                one.pull_back(v, own, gradient)
            return value + self._log_det(units), self._times(gradient, back=True)

        return slope_in_x


def whitened(centre: Array, precision: Array, shrunk: tuple[Shrunk, ...] = ()) -> Coordinates:
    """Return coordinates in which N(centre, precision^-1) is a standard normal.

    ``precision`` is a matrix, or the diagonal of one. The factor of a matrix is triangular: the
    inverse transpose of the Cholesky factor, so that each x_j moves theta_1 to theta_j alone. Where
    the matrix is not positive definite its scaled diagonal is raised until it is.
    """
    if precision.ndim == 1:
        return Coordinates(centre, 1.0 / np.sqrt(precision), shrunk)
    model = scaled_model(precision)
    identity = np.eye(len(centre))
    inverse = solve_triangular(model.factor[0], identity, lower=True, check_finite=False)
    factor = np.ascontiguousarray(model.scale[:, None] * inverse.T)
    return Coordinates(centre, factor, shrunk)
