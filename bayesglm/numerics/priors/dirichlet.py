"""The symmetric Dirichlet prior of shares that add up to one.

log p(x) = (a - 1) sum_j log x_j + log G(n a) - n log G(a), the density of all shares but the last
(Johnson, Kotz & Balakrishnan 2000, Continuous Multivariate Distributions, chapter 49).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from scipy.special import gammaln

from bayesglm.numerics.theta.simplex import against_last, log_shares, shares

Array = np.ndarray


@dataclass(frozen=True)
class Dirichlet:
    """The density of n shares x ``(..., n)``.

    >>> float(np.exp(Dirichlet(1.0, 3).total(np.array([0.2, 0.3, 0.5]))).round(12))
    2.0
    """

    kind: ClassVar[str] = "Dirichlet"
    proper: ClassVar[bool] = True

    concentration: float
    n: int

    @property
    def parameters(self) -> Mapping[str, float]:
        """The number that the prior takes."""
        return {"concentration": self.concentration}

    @cached_property
    def constant(self) -> float:
        """What no share moves."""
        a, n = self.concentration, self.n
        return float(gammaln(n * a) - n * gammaln(a))

    def total(self, x: Array) -> Array:
        """Return the log density ``(...)``."""
        logs = np.add.reduce(np.log(x), axis=-1)
        return (self.concentration - 1.0) * logs + self.constant

    def draw(self, rng: np.random.Generator, shape: tuple[int, int]) -> Array:
        """Return independent draws ``(draws, n)``."""
        return rng.dirichlet(np.full(self.n, self.concentration), shape[0])

    def gradient(self, x: Array) -> Array:
        """Return its derivatives at x ``(..., n)``, each share moving by itself."""
        return (self.concentration - 1.0) / x

    def slope_in_theta(self, u: Array) -> tuple[Array, Array]:
        """Return the log density of u ``(..., n - 1)``, Jacobian included, and its derivatives."""
        logs = np.add.reduce(log_shares(u), axis=-1)
        value = self.concentration * logs + np.log(self.n) + self.constant
        return value, -self.concentration * self.n * against_last(shares(u))

    def curvature(self, x: Array) -> Array:
        """Return its second derivatives at x ``(n,)``, as a matrix."""
        return np.diag(-(self.concentration - 1.0) / x / x)
