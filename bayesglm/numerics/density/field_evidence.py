"""The evidence of a field's covariance, where the likelihood is a quadratic in its coefficients.

Around a mode the log likelihood of the waves' amplitudes a, all else integrated out, is about

    constant + h'a - a'G a / 2

so that with a ~ N(0, C)

    log p(y | C) = constant + h'(C^-1 + G)^-1 h / 2 - log det(1 + C G) / 2

(Laplace's approximation, in which C may change while G and h stay: Aoi & Pillow 2017, "Scalable
Bayesian inference for high-dimensional neural receptive fields", section 4). With G = L L' and
T = 1 + L'C L nothing is inverted that may be singular.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import cho_solve, solve_triangular

from bayesglm.errors import ConvergenceError

Array = np.ndarray
# What is added to G's diagonal, relative to its largest entry, first and then: as rounding leaves
# of directions of which no row tells.
NUGGETS = (1e-12, 1e-11, 1e-10, 1e-9, 1e-8)


@dataclass(frozen=True, eq=False)
class FieldEvidence:
    """The log likelihood of amplitudes a as a quadratic: ``G (r, r)``, ``h (r,)`` and a constant.

    The constant is the log evidence without a field.

    >>> one = FieldEvidence(np.array([[4.0]]), np.array([2.0]), 0.0)
    >>> value, slope = one.of(np.array([[1.0]]))
    >>> round(value, 6), float(slope[0, 0].round(6))
    (-0.404719, -0.32)
    """

    G: Array
    h: Array
    constant: float

    @cached_property
    def _lower(self) -> Array:
        unit = max(float(np.abs(np.diagonal(self.G)).max(initial=0.0)), np.finfo(float).tiny)
        for nugget in NUGGETS:
            try:
                return np.linalg.cholesky(self.G + nugget * unit * np.eye(len(self.G)))
            except np.linalg.LinAlgError:
                continue
        raise ConvergenceError("the likelihood's curvature in a field is not positive definite")

    @cached_property
    def _towards(self) -> Array:
        """L^-1 h."""
        return solve_triangular(self._lower, self.h, lower=True)

    def _factored(self, C: Array) -> tuple[Array, Array, float]:
        """Return the lower factor of T, T^-1 L^-1 h, and the log evidence."""
        L = self._lower
        T = L.T @ C @ L
        T.flat[:: len(T) + 1] += 1.0
        factor = np.linalg.cholesky(T)
        solved = cho_solve((factor, True), self._towards)
        value = self.constant + 0.5 * (self._towards @ self._towards - self._towards @ solved)
        return factor, solved, float(value - np.log(np.diagonal(factor)).sum())

    def value(self, C: Array) -> float:
        """Return the log evidence of a covariance ``(r, r)``."""
        return self._factored(C)[2]

    def of(self, C: Array) -> tuple[float, Array]:
        """Return the same, and its slopes in each entry of the covariance."""
        factor, solved, value = self._factored(C)
        half = solve_triangular(factor, self._lower.T, lower=True)
        away = self._lower @ solved
        return value, 0.5 * (np.outer(away, away) - half.T @ half)

    def mean(self, C: Array) -> Array:
        """Return the mean of a under a covariance: (C^-1 + G)^-1 h."""
        return C @ (self._lower @ self._factored(C)[1])
