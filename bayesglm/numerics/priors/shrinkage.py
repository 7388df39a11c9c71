"""How coefficients narrow, and go to the centre of their prior, as a learned scale does."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.numerics.priors.spectra import LARGEST
from bayesglm.numerics.priors.structure import Spectrum, Structure

Array = np.ndarray
LEAST = 1e-10  # information, relative to the largest, that rounding leaves of none


@dataclass(frozen=True)
class Shrinkage:
    """A run of coefficients whose prior has a learned scale s.

    Along each direction of its ``structure`` (waves, of a random walk) the prior gives a precision
    k / s^2, and the data, as ``information``, h. Under a Gaussian prior, and
    correlations left aside, its conditional sd is (k/s^2 + h)^(-1/2), and its mean goes with
    h / (k/s^2 + h), the share of the data: as s and s^2 where s is small, constant where it is
    large (the shrinkage of Gelman & Hill 2007, 12.2). Under other priors both are a rough guide.
    """

    where: slice
    loc: Array | float
    learned: Spectrum
    structure: Structure
    information: Array

    def precision(self, theta: Array) -> Array:
        """Return k/s^2 + h, ``(..., q)``, at theta ``(..., size)``."""
        log_of_prior = self.structure.log_unit - 2.0 * self.learned.log_scale(theta)
        return np.exp(np.minimum(log_of_prior, LARGEST)) + self.information

    def log_precision(self, theta: Array) -> Array:
        """Return its logarithm."""
        return np.log(self.precision(theta))

    def log_share(self, log_precision: Array) -> Array:
        """Return log(h / (k/s^2 + h)) ``(..., q)`` where the precisions are known."""
        return self._log_information - log_precision

    def directions(self, w: Array, theta: Array) -> Array:
        """Return coefficients ``(..., q)``, around the centre, along the directions at theta."""
        return self.structure.at(theta).rotate(w - self.loc)

    def coefficients(self, u: Array, theta: Array) -> Array:
        """Return the coefficients of what `directions` gives."""
        return self.loc + self.structure.at(theta).rotate(u, back=True)

    def placed(self, theta: Array, noise: Array, pull: Array) -> tuple[Array, Array]:
        """Return coefficients ``(..., q)`` of standard noise and a pull, and log |dw / dnoise|.

        The pull is where they would be if their scale were infinite, along the directions.
        """
        log_precision = self.log_precision(theta)
        u = np.exp(-0.5 * log_precision) * noise + np.exp(self.log_share(log_precision)) * pull
        volume = -0.5 * (log_precision + np.zeros_like(noise)).sum(axis=-1)
        return self.coefficients(u, theta), volume

    def pulls(self, theta: Array, w: Array) -> Array:
        """Return the pulls ``(..., q)`` that make given coefficients the means."""
        share = np.exp(self.log_share(self.log_precision(theta)))
        return self.directions(w, theta) / share

    def units(self, theta: Array, factors: Array) -> Array:
        """Return rows ``(..., q, p)`` of factors, along the directions, in units of their own."""
        return factors * np.exp(0.5 * self.log_precision(theta))[..., None]

    @cached_property
    def _log_information(self) -> Array:
        return np.log(self.information)


def shrinkage(part: PriorPart, information: Array, theta: Array) -> Shrinkage:
    """Return that of a prior whose scale is learned.

    ``information`` is minus the log likelihood's Hessian ``(p, p)``, or the diagonal of it;
    directions are those at ``theta``.
    """
    assert part.learned is not None
    wide = information.ndim == 1
    every = information if wide else np.diagonal(information)
    own = every[part.where]
    if not part.structure.diagonal:
        own = (
            np.full(len(own), own.mean())
            if wide
            else np.diagonal(in_directions((part,), information, theta))[part.where]
        )
    floor = max(LEAST * float(np.abs(every).max()), np.finfo(float).tiny)
    return Shrinkage(part.where, part.loc, part.learned, part.structure, np.maximum(own, floor))


def in_directions(parts: tuple[PriorPart, ...], curvature: Array, theta: Array) -> Array:
    """Return a Hessian ``(p, p)`` along the directions of priors whose scales are learned."""
    for part in parts:
        if part.learned is not None and not part.structure.diagonal:
            structure, curvature = part.structure.at(theta), curvature.copy()
            for matrix in (curvature, curvature.T):
                matrix[:, part.where] = structure.pull(matrix[:, part.where])
    return curvature
