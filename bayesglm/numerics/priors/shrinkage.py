"""How coefficients narrow, and go to the centre of their prior, as a learned scale does."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bayesglm.numerics.priors.parts import LearnedScale, PriorPart
from bayesglm.numerics.priors.structure import Differences

Array = np.ndarray
LEAST = 1e-10  # information, relative to the largest, that rounding leaves of none


@dataclass(frozen=True)
class Shrinkage:
    """A run of coefficients whose prior has a learned scale s.

    In the eigenbasis of the prior, which for a random walk are waves, each has the precision
    k / s^2 from its prior, and ``information`` h from the data. Under a Gaussian prior, and
    correlations left aside, its conditional sd is (k/s^2 + h)^(-1/2), and its mean goes with
    h / (k/s^2 + h), the share of the data: as s and s^2 where s is small, constant where it is
    large (the shrinkage of Gelman & Hill 2007, 12.2). Under other priors both are a rough guide.
    """

    where: slice
    loc: Array | float
    learned: LearnedScale
    structure: Differences | None
    information: Array

    def turned(self, x: Array, back: bool = False) -> Array:
        """Return arrays ``(..., q)`` in the prior's eigenbasis, or back from it."""
        return x if self.structure is None else self.structure.rotate(x, back=back)

    def log_precision(self, theta: Array) -> Array:
        """Return log(k/s^2 + h), ``(..., q)``, at theta ``(..., size)``."""
        log_scale = self.learned.log_scale(theta)
        return np.logaddexp(self.log_k - 2.0 * log_scale, self._log_information)

    def log_share(self, log_precision: Array) -> Array:
        """Return log(h / (k/s^2 + h)) ``(..., q)`` where the precisions are known."""
        return self._log_information - log_precision

    @cached_property
    def log_k(self) -> Array | float:
        """Return the logarithms of the precisions from the prior where s is 1."""
        if self.structure is None:
            return 0.0
        with np.errstate(divide="ignore"):
            return np.log(self.structure.eigenvalues)

    @cached_property
    def _log_information(self) -> Array:
        return np.log(self.information)


def shrinkage(part: PriorPart, information: Array) -> Shrinkage:
    """Return that of a prior whose scale is learned.

    ``information`` is minus the log likelihood's Hessian ``(p, p)``, or the diagonal of it.
    """
    assert part.learned is not None
    structure = part.parameters["structure"] if part.prior.joint else None
    wide = information.ndim == 1
    every = information if wide else np.diagonal(information)
    own = every[part.where]
    if structure is not None and wide:
        own = np.full(len(own), own.mean())
    elif structure is not None:
        own = np.diagonal(turned((part,), information))[part.where]
    floor = max(LEAST * float(np.abs(every).max()), np.finfo(float).tiny)
    loc = part.parameters.get("loc", 0.0)
    return Shrinkage(part.where, loc, part.learned, structure, np.maximum(own, floor))


def turned(parts: tuple[PriorPart, ...], curvature: Array) -> Array:
    """Return a Hessian ``(p, p)`` in the eigenbases of random walks whose scales are learned."""
    for part in parts:
        if part.learned is not None and part.prior.joint:
            curvature = curvature.copy()
            for matrix in (curvature, curvature.T):
                matrix[:, part.where] = part.parameters["structure"].rotate(matrix[:, part.where])
    return curvature
