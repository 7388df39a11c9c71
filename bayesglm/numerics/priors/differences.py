"""Differences along the axes of a coefficient array: the structure of a random walk.

Q is the Kronecker sum over the chosen axes of D'D, D taking differences of some order along one
axis, and the identity along the others: w'Qw is the sum of all squared differences. Source: Rue &
Held (2005), Gaussian Markov Random Fields, 3.3.1 (the intrinsic density), 3.4.1 (order 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import ClassVar

import numpy as np

from bayesglm.numerics.priors.record import Prior
from bayesglm.numerics.priors.structure import Parameters, Structure

Array = np.ndarray


@dataclass(frozen=True)
class Differences:
    """Differences of one order along some axes of arrays of one shape, flattened.

    >>> walk = Differences((3,), (0,), 1)
    >>> walk.matrix().tolist()
    [[1.0, -1.0, 0.0], [-1.0, 2.0, -1.0], [0.0, -1.0, 1.0]]
    >>> walk.rank, round(float(np.exp(walk.log_pdet)), 12)
    (2, 3.0)
    """

    diagonal: ClassVar[bool] = False
    turns: ClassVar[bool] = False
    of_levels: ClassVar[bool] = False
    name: ClassVar[str] = "random walk"
    groups: ClassVar[tuple[Array, ...]] = ()
    support: ClassVar[str | None] = None

    shape: tuple[int, ...]
    axes: tuple[int, ...]
    order: int

    @property
    def size(self) -> int:
        """Number of coefficients."""
        return int(np.prod(self.shape, dtype=int))

    @property
    def rank(self) -> int:
        """Rank of Q: all but the polynomials of lower degree along every axis at once."""
        smoothed = int(np.prod([self.shape[axis] for axis in self.axes], dtype=int))
        return self.size // smoothed * (smoothed - self.order ** len(self.axes))

    @cached_property
    def _axis_bases(self) -> list[tuple[Array, Array]]:
        """Eigenvalues and orthonormal eigenvectors of D'D per axis, the zeros exact and first."""
        found = []
        for axis in self.axes:
            D = np.diff(np.eye(self.shape[axis]), self.order, axis=0)
            values, vectors = np.linalg.eigh(D.T @ D)
            values[: self.order] = 0.0
            found.append((values, vectors))
        return found

    @cached_property
    def eigenvalues(self) -> Array:
        """Eigenvalues of Q, in the order of `rotate`."""
        total = np.zeros(self.shape)
        for axis, (values, _) in zip(self.axes, self._axis_bases, strict=True):
            total += values.reshape([-1 if k == axis else 1 for k in range(len(self.shape))])
        return total.reshape(-1)

    @cached_property
    def log_pdet(self) -> float:
        """Logarithm of the product of the eigenvalues that are not zero."""
        return float(np.log(self.eigenvalues[self.eigenvalues > 0.0]).sum())

    def rotate(self, x: Array, back: bool = False) -> Array:
        """Return arrays ``(..., size)`` in the eigenbasis of Q, or back from it."""
        lead = x.shape[:-1]
        y = x.reshape(*lead, *self.shape)
        for axis, (_, vectors) in zip(self.axes, self._axis_bases, strict=True):
            place = len(lead) + axis
            turned = np.moveaxis(y, place, -1) @ (vectors.T if back else vectors)
            y = np.moveaxis(turned, -1, place)
        return y.reshape(*lead, self.size)

    def apply(self, x: Array) -> Array:
        """Return Q x for arrays ``(..., size)``."""
        lead = x.shape[:-1]
        y = x.reshape(*lead, *self.shape)
        total = np.zeros_like(y)
        for axis in self.axes:
            place = len(lead) + axis
            steps = np.diff(y, self.order, axis=place)
            for _ in range(self.order):
                steps = -np.diff(steps, 1, axis=place, prepend=0.0, append=0.0)
            total += steps
        return total.reshape(*lead, self.size)

    def squares(self, x: Array, per_coefficient: Array | float = 1.0) -> Array:
        """Return x'Qx of arrays ``(..., size)``, as a sum of squares that cannot cancel.

        ``per_coefficient`` divides x first; it must not vary along the smoothed axes.
        """
        lead = x.shape[:-1]
        y = (x / per_coefficient).reshape(*lead, *self.shape)
        total = np.zeros(lead)
        for axis in self.axes:
            steps = np.diff(y, self.order, axis=len(lead) + axis)
            total += np.square(steps).reshape(*lead, -1).sum(axis=-1)
        return total

    def matrix(self) -> Array:
        """Return Q as a dense matrix."""
        return self.apply(np.eye(self.size))

    @cached_property
    def null_space(self) -> Array:
        """Columns that span what Q maps to zero, ``(size, size - rank)``."""
        flat = np.flatnonzero(self.eigenvalues == 0.0)
        basis = np.zeros((len(flat), self.size))
        basis[np.arange(len(flat)), flat] = 1.0
        return self.rotate(basis, back=True).T

    def varies_along(self, values: Array) -> bool:
        """Say whether values of the full shape change along a smoothed axis."""
        full = np.broadcast_to(values, self.shape)
        return any(
            not np.array_equal(full.take(a, axis), full.take(b, axis))
            for axis in self.axes
            for a, b in pairwise(range(self.shape[axis]))
        )

    @property
    def bases(self) -> tuple[Differences, ...]:
        """The waves along the smoothed axes."""
        return (self,)

    @cached_property
    def log_unit(self) -> Array:
        """The logarithms of the eigenvalues."""
        with np.errstate(divide="ignore"):
            return np.log(self.eigenvalues)

    def at(self, theta: Array) -> Structure:
        """Return the same: the waves depend on nothing."""
        return self

    def pull(self, slope: Array) -> Array:
        """Return slopes in the eigenbasis."""
        return self.rotate(slope)

    def add_turn(self, theta: Array, u: Array, slope: Array, gradient: Array) -> None:
        """Add nothing."""

    def of_groups(self, parameters: Parameters) -> Parameters:
        """Return the parameters as they are."""
        return parameters

    def of_each(self, parameters: Parameters) -> Parameters:
        """Return the parameters as they are."""
        return parameters

    def log_density(self, prior: Prior, x: Array, parameters: Parameters) -> Array:
        """-(r / 2) log(2 pi scale^2) + log pdet(Q) / 2 - x'Qx / (2 scale^2), r = rank Q."""
        scale, rank = parameters["scale"], self.rank
        log_scale = rank * np.mean(np.log(np.atleast_1d(scale)), axis=-1)
        constant = 0.5 * self.log_pdet - log_scale - 0.5 * rank * np.log(2.0 * np.pi)
        return constant - 0.5 * self.squares(x, scale)

    def penalty(self, prior: Prior, x: Array, parameters: Parameters) -> Array:
        """x'Qx / (2 scale^2)."""
        return 0.5 * self.squares(x, parameters["scale"])

    def prox(self, prior: Prior, x: Array, step: float, parameters: Parameters) -> Array:
        """Return the solution z of (1 + step Q / scale^2) z = x, one scale for each x."""
        weight = step / np.square(parameters["scale"])
        return self.rotate(self.rotate(x) / (1.0 + weight * self.eigenvalues), back=True)

    def gradient(self, prior: Prior, x: Array, parameters: Parameters) -> Array:
        """Return -Q x / scale^2."""
        return -self.apply(x / parameters["scale"]) / parameters["scale"]

    def slope_of_log_scale(self, away: Array, gradient: Array) -> Array:
        """Return that of the scale that all share, ``(..., 1)``."""
        return -self.rank - (away * gradient).sum(axis=-1, keepdims=True)

    def precision(self, prior: Prior, x: Array, parameters: Parameters) -> Array:
        """Return those of the waves."""
        return self.eigenvalues / np.square(parameters["scale"])

    def typical(self, prior: Prior, x: Array, parameters: Parameters) -> Array | float:
        """Return their mean: no coefficient differs much from another."""
        return self.eigenvalues.mean() / np.square(parameters["scale"])

    def curvature(self, prior: Prior, x: Array, parameters: Parameters, some: Array) -> Array:
        """Return Q / scale^2 on some coefficients."""
        scale = np.broadcast_to(parameters["scale"], self.size)
        whole = self.matrix() / scale / scale[:, None]
        return whole if len(some) == self.size else whole[np.ix_(some, some)]

    def product(self, prior: Prior, x: Array, parameters: Parameters, v: Array) -> Array:
        """Return Q v / scale^2."""
        return -self.gradient(prior, v, parameters)

    def draw(
        self,
        prior: Prior,
        rng: np.random.Generator,
        shape: tuple[int, ...],
        parameters: Parameters,
    ) -> Array:
        """Return draws of the waves, of which those that nothing holds are left out."""
        held = self.eigenvalues > 0.0
        u = np.zeros(shape)
        z = rng.standard_normal((*shape[:-1], self.rank))
        u[..., held] = z / np.sqrt(self.eigenvalues[held])
        return self.rotate(u, back=True) * parameters["scale"]
