"""Units in which walkers move: what their warm-up says of sds and correlations of a density.

x = centre + factor z. In z the density should be a standard normal: its draws have unit covariance,
and so have its gradients. Of a normal density N(m, S) the gradients have the covariance of S^-1, so
that both tell of S; the geometric mean of the one and the other's inverse,

    S = G^-1/2 (G^1/2 C G^1/2)^1/2 G^-1/2,  C = cov(draws), G = cov(gradients),

is where the mean Fisher divergence from the density is least (Seyboldt, Carlson & Carpenter 2026,
Preconditioning Hamiltonian Monte Carlo by minimizing Fisher divergence).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh

from bayesglm.inference.nuts.trees import Slopes

Array = np.ndarray
PER_SIZE = 3  # draws of each parameter, from which correlations are learnt as well as sds
FEWEST = 10  # draws, from which anything is
CUTOFF = 1.5  # a direction's variance, or one over it, from which it is more than noise


class Units(NamedTuple):
    """x = centre + factor z, the factor ``(size,)`` or a matrix ``(size, size)``.

    >>> units = Units(np.array([1.0, 0.0]), np.array([2.0, 0.5]))
    >>> x = units.to_x(np.ones((1, 2)))
    >>> x.tolist(), units.to_z(x).tolist()
    ([[3.0, 0.5]], [[1.0, 1.0]])
    """

    centre: Array
    factor: Array

    def to_x(self, z: Array) -> Array:
        """Return x ``(..., size)``."""
        turned = z * self.factor if self.factor.ndim == 1 else z @ self.factor.T
        return self.centre + turned

    def to_z(self, x: Array) -> Array:
        """Return z of some x ``(m, size)``."""
        away = x - self.centre
        if self.factor.ndim == 1:
            return away / self.factor
        return np.linalg.solve(self.factor, away.T).T

    def slopes(self, slopes: Slopes) -> Slopes:
        """Return values and gradients in x as those in z, but for the constant in the values."""

        def slopes_in_z(z: Array) -> tuple[Array, Array]:
            value, gradient = slopes(self.to_x(z))
            if self.factor.ndim == 1:
                return value, gradient * self.factor
            return value, gradient @ self.factor

        return slopes_in_z

    def learnt(self, z: Array, gradients: Array) -> Units:
        """Return units that draws in z ``(n, size)``, and the gradients there, tell.

        Sds alone where draws are too few to tell correlations.
        """
        n, size = z.shape
        if n < FEWEST:
            return self
        centre, variance, steepness = z.mean(axis=0), z.var(axis=0), gradients.var(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            sds = (variance / steepness) ** 0.25
        sds = np.where(np.isfinite(sds) & (sds > 0.0), sds, 1.0)
        factor = sds * self.factor if self.factor.ndim == 1 else self.factor * sds
        if n >= PER_SIZE * size:
            turn = _geometric((z - centre) / sds, (gradients - gradients.mean(axis=0)) * sds)
            if turn is not None:
                factor = factor[:, None] * turn if factor.ndim == 1 else factor @ turn
        return Units(self.to_x(centre), factor)


def _geometric(z: Array, gradients: Array) -> Array | None:
    """Return a symmetric A whose square is the geometric mean; None where it is next to one."""
    n = len(z)
    spread, steepness = z.T @ z / n, gradients.T @ gradients / n
    values, vectors = eigh(steepness, check_finite=False)
    root = np.sqrt(np.maximum(values, values[-1] * 1e-12))
    half, back = (vectors * root) @ vectors.T, (vectors / root) @ vectors.T
    values, vectors = eigh(half @ spread @ half, check_finite=False)
    middle = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    values, vectors = eigh(back @ middle @ back, check_finite=False)
    told = (values > CUTOFF) | (values < 1.0 / CUTOFF)
    if not told.any():
        return None
    some = vectors[:, told]
    return np.eye(z.shape[1]) + (some * (np.sqrt(values[told]) - 1.0)) @ some.T
