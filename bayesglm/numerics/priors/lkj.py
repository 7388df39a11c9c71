"""The LKJ prior of correlation matrices: log p(R) = (eta - 1) log det R + constant.

It is the density of the entries below the diagonal. Each canonical partial correlation of column j
(of k) is a Beta(b, b) on (-1, 1) with b = eta + (k - 1 - j)/2, independent of the others, from
which the constant follows (Lewandowski, Kurowicka & Joe 2009, Journal of Multivariate Analysis 100,
1989, section 2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from scipy.special import betaln

from bayesglm.numerics.theta.correlations import NEAREST, correlations, partial_of

Array = np.ndarray


@dataclass(frozen=True)
class LKJ:
    """The density of correlation matrices of k rows, one behind the other in x ``(..., m k k)``.

    >>> uniform = LKJ(1.0, 2)  # of a correlation from -1 to 1
    >>> float(np.exp(uniform.total(np.array([1.0, 0.3, 0.3, 1.0]))).round(12))
    0.5
    """

    kind: ClassVar[str] = "LKJ"
    proper: ClassVar[bool] = True

    eta: float
    k: int

    @property
    def parameters(self) -> Mapping[str, float]:
        """The number that the prior takes."""
        return {"eta": self.eta}

    @cached_property
    def log_norm(self) -> float:
        """The logarithm of the integral of det(R)^(eta - 1)."""
        column = np.arange(1, self.k)
        b = self.eta + 0.5 * (self.k - 1 - column)
        each = (2.0 * b - 1.0) * np.log(2.0) + betaln(b, b)
        return float((self.k - column) @ each)

    def total(self, x: Array) -> Array:
        """Return the log density ``(...)``, summed over the matrices."""
        matrices = self._matrices(x)
        if self.eta == 1.0:
            return np.full(matrices.shape[:-3], -self.log_norm * matrices.shape[-3])
        each = (self.eta - 1.0) * np.log1p(-np.square(partial_of(matrices))).sum(axis=(-1, -2))
        return (each - self.log_norm).sum(axis=-1)

    def gradient(self, x: Array) -> Array:
        """Return its derivatives at x ``(..., m k k)``: (eta - 1) R^-1."""
        if self.eta == 1.0:
            return np.zeros_like(x)
        z = partial_of(self._matrices(x))
        steps = 0.5 * np.log1p(-z * z)
        C = (z + np.eye(self.k)) * np.exp(np.cumsum(steps, axis=-1) - steps)
        inverse = np.linalg.inv(C)
        return (self.eta - 1.0) * (np.swapaxes(inverse, -1, -2) @ inverse).reshape(x.shape)

    def curvature(self, x: Array) -> Array:
        """Raise: no solver moves correlations."""
        raise NotImplementedError("no solver moves correlations")

    def draw(self, rng: np.random.Generator, shape: tuple[int, int]) -> Array:
        """Return independent draws ``(n, m k k)``, of their partial correlations."""
        n, m = shape[0], shape[1] // self.k**2
        row, column = np.tril_indices(self.k, -1)
        b = self.eta + 0.5 * (self.k - 1 - (column + 1))
        z = 2.0 * rng.beta(b, b, (n, m, len(row))) - 1.0
        u = np.arctanh(np.clip(z, -NEAREST, NEAREST))
        return correlations(self.k).natural(u.reshape(n, -1))

    def _matrices(self, x: Array) -> Array:
        return x.reshape(*x.shape[:-1], -1, self.k, self.k)
