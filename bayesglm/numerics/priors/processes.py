"""A Gaussian process along a vector whose entries lie one apart: as a density by itself."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bayesglm.numerics.priors.kernels import LOG_LEAST, Kernel
from bayesglm.numerics.priors.record import Prior
from bayesglm.numerics.priors.structure import Parameters

Array = np.ndarray


@dataclass(frozen=True)
class Process:
    """Correlations k(d/length) of q entries, of unit variance.

    Their eigenvalues are taken to be 1e-10 of the largest at least, as rounding leaves no smaller.
    """

    q: int
    kernel: Kernel
    length: float

    @cached_property
    def _eigen(self) -> tuple[Array, Array]:
        places = np.arange(self.q)
        K = self.kernel.correlation(np.subtract.outer(places, places) / self.length)
        values, vectors = np.linalg.eigh(K)
        return np.maximum(values, np.exp(LOG_LEAST) * values[-1]), vectors

    def log_density(self, prior: Prior, x: Array, parameters: Parameters) -> Array:
        """-x'K^-1 x / (2 scale^2) - q log(scale) - log det(K) / 2 - q log(2 pi) / 2."""
        values, _ = self._eigen
        log_scale = self.q * np.log(np.asarray(parameters["scale"]))
        log_scale = log_scale[..., 0] if np.ndim(log_scale) else log_scale
        constant = 0.5 * (np.log(values).sum() + self.q * np.log(2.0 * np.pi))
        return -self.penalty(prior, x, parameters) - log_scale - constant

    def penalty(self, prior: Prior, x: Array, parameters: Parameters) -> Array:
        """x'K^-1 x / (2 scale^2)."""
        values, vectors = self._eigen
        u = x / parameters["scale"] @ vectors
        return 0.5 * (u * u / values).sum(axis=-1)

    def prox(self, prior: Prior, x: Array, step: float, parameters: Parameters) -> Array:
        """Return the solution z of (1 + step K^-1 / scale^2) z = x."""
        values, vectors = self._eigen
        weight = step / np.square(parameters["scale"])
        return (x @ vectors / (1.0 + weight / values)) @ vectors.T

    def draw(
        self,
        prior: Prior,
        rng: np.random.Generator,
        shape: tuple[int, ...],
        parameters: Parameters,
    ) -> Array:
        """Return independent draws ``(..., q)``."""
        values, vectors = self._eigen
        z = rng.standard_normal(shape) * np.sqrt(values)
        return z @ vectors.T * parameters["scale"]
