"""Priors laid on runs of theta, and scales that are themselves parameters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import expit

from bayesglm.numerics.priors.structure import Differences
from bayesglm.numerics.priors.table import Prior

Array = np.ndarray


@dataclass(frozen=True)
class LearnedScale:
    """Where in theta the scales of coefficients stand, as logarithms.

    - `places`: for each coefficient (or once for all of them) the place of its log scale.
    - `local`, `slab`: of a regularised horseshoe the places of the logarithms of the coefficients'
      own scales, and of the slab's variance: log scale = -log(exp(-2 wide) + 1/slab) / 2 with
      wide = log(tau local).
    """

    places: Array
    local: slice | None = None
    slab: int | None = None

    def log_scale(self, theta: Array) -> Array:
        """Return the logarithms of the scales ``(..., q)`` at theta ``(..., size)``."""
        common = theta[..., self.places]
        if self.local is None:
            return common
        wide = common + theta[..., self.local]
        return -0.5 * np.logaddexp(-2.0 * wide, -theta[..., self.slab, None])

    def add_slope(self, theta: Array, slopes: Array, gradient: Array) -> None:
        """Add to a gradient in theta what slopes in the log scales ``(q,)`` make of it."""
        if self.local is not None:
            wide = theta[self.places] + theta[self.local]
            share = expit(theta[self.slab] - 2.0 * wide)
            gradient[self.slab] += 0.5 * float(slopes @ (1.0 - share))
            slopes = slopes * share
            gradient[self.local] += slopes
        if self._only is None:
            np.add.at(gradient, self.places, slopes)
        else:
            gradient[self._only] += slopes.sum()

    @cached_property
    def _only(self) -> int | None:
        """The place of the scale that all coefficients share, if they do."""
        first = int(self.places[0])
        return first if np.all(self.places == first) else None


@dataclass(frozen=True)
class PriorPart:
    """The prior of a run of theta: of coefficients, a dispersion, or learned scales.

    A record and its parameters; ``shape`` is that of a coefficient array in which neighbours may be
    alike, and empty where they are not (the levels of a factor). Where the scale is
    ``learned``, ``parameters`` lack it.
    """

    where: slice
    prior: Prior
    parameters: dict[str, Any]
    shape: tuple[int, ...] = ()
    learned: LearnedScale | None = None

    def given(self, theta: Array) -> PriorPart:
        """Return the same with its scale fixed where it is at theta, one or ``(draws, size)``."""
        if self.learned is None:
            return self
        scale = np.exp(self.learned.log_scale(theta))
        return replace(self, parameters={**self.parameters, "scale": scale}, learned=None)

    def add_slope(self, theta: Array, gradient: Array) -> float:
        """Return the log density at one theta, its scale learned; add its gradient in place."""
        assert self.learned is not None
        x, scale = theta[self.where], np.exp(self.learned.log_scale(theta))
        slope = self.prior.gradient(x, **self.parameters, scale=scale)
        gradient[self.where] += slope
        self.learned.add_slope(theta, self.slope_of_log_scale(x, slope), gradient)
        return float(np.sum(self.prior.log_density(x, **self.parameters, scale=scale)))

    def slope_of_log_scale(self, x: Array, gradient: Array) -> Array:
        """Return the derivatives in the logarithms of the scales, from those in x ``(..., q)``.

        With a scale family, log p = -r log(scale) + f((x - loc)/scale), they are
        -r - (x - loc)' gradient.
        """
        product = (x - self.parameters.get("loc", 0.0)) * gradient
        if self.prior.joint:
            return -self.parameters["structure"].rank - product.sum(axis=-1, keepdims=True)
        return -1.0 - product

    def waves(self) -> list[Differences]:
        """Return what has eigenbases in which the prior is diagonal, and signals nearly are.

        That of a random walk, which leaves the axes free that it does not smooth, and that of
        differences along every free axis, whose waves stand for stationary signals as Fourier's do.
        """
        if self.prior.joint:
            structure = self.parameters["structure"]
            found, taken = [structure], structure.axes
            alike = np.size(self.parameters["scale"]) == 1
        else:
            found, taken = [], ()
            alike = all(np.size(value) == 1 for value in self.parameters.values())
        free = tuple(k for k, size in enumerate(self.shape) if size > 1 and k not in taken)
        return [*found, Differences(self.shape, free, 1)] if free and alike else found

    def total(self, x: Array) -> Array:
        """Return the log density of arrays ``(..., q)``, summed over the last axis."""
        found = self.prior.log_density(x, **self.parameters)
        if self.prior.joint:
            return found
        return np.broadcast_to(found, np.shape(x)).sum(axis=-1)

    def precision(self, x: Array) -> Array | float:
        """Return minus the second derivatives at x ``(q,)``; of a joint prior what they come to."""
        if self.prior.joint:
            return self.parameters["structure"].eigenvalues.mean() / self.parameters["scale"] ** 2
        return -self.prior.curvature(x, **self.parameters)

    def bends_like(self, other: PriorPart) -> bool:
        """Say whether another prior of the same kind and place has the same curvature."""
        if self.prior.joint:
            return np.array_equal(self.parameters["scale"], other.parameters["scale"])
        at = np.zeros(self.where.stop - self.where.start)
        own = self.prior.curvature(at, **self.parameters)
        return np.array_equal(own, other.prior.curvature(at, **other.parameters))

    def add_curvature(self, x: Array, hessian: Array) -> None:
        """Add the second derivatives at x ``(q,)`` to the Hessian, in place."""
        curvature = self.prior.curvature(x, **self.parameters)
        if self.prior.joint:
            hessian[self.where, self.where] += curvature
        else:
            index = np.arange(len(hessian))[self.where]
            hessian[index, index] += curvature
