"""Priors laid on runs of theta."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from bayesglm.numerics.priors.differences import Differences
from bayesglm.numerics.priors.record import Prior
from bayesglm.numerics.priors.structure import APART, Spectrum, Structure

Array = np.ndarray


@dataclass(frozen=True)
class PriorPart:
    """The prior of a run of theta: of coefficients, a dispersion, or learned scales.

    A record and its parameters; ``shape`` is that of a coefficient array in which neighbours may be
    alike, and empty where they are not (the levels of a factor). ``structure`` says how the
    coefficients hang together. Where the scales are ``learned``, ``parameters`` lack them; where
    the ``mean`` is as well, it stands in that run of theta, and is what they lie around.
    """

    where: slice
    prior: Prior
    parameters: dict[str, Any]
    shape: tuple[int, ...] = ()
    learned: Spectrum | None = None
    structure: Structure = APART
    mean: slice | None = None

    @property
    def size(self) -> int:
        """Number of coefficients."""
        return self.where.stop - self.where.start

    @property
    def loc(self) -> Any:
        """Where the prior has its centre."""
        return self.parameters.get("loc", 0.0)

    @property
    def quadratic(self) -> bool:
        """Whether the smooth part is a sum of squares of single coefficients around `loc`."""
        return self.prior.quadratic and self.structure.diagonal

    @property
    def support(self) -> str:
        """Where the coefficients may lie, which says how they stand on the unconstrained scale."""
        return self.structure.support or self.prior.support

    @property
    def bounded(self) -> bool:
        """Whether the coefficients cannot be negative."""
        return self.prior.support == "positive"

    def kink_weight(self) -> Array | None:
        """Return the weights of the kinks at `loc`: of coefficients or groups; None if smooth.

        That of a bound is the slope on the side allowed.
        """
        if self.bounded:
            return -self.prior.gradient(np.zeros(self.size), **self.parameters)
        if self.prior.kink is None:
            return None
        return np.asarray(self.prior.kink(**self.structure.of_groups(self.parameters)))

    @property
    def is_gaussian(self) -> bool:
        """Whether it is a Gaussian, given one scale in common if that is learned.

        It may leave directions free, but not all.
        """
        smooth = self.prior.quadratic and self.prior.kink is None and self.support == "real"
        straight = not (self.structure.turns or self.structure.groups)
        one_scale = self.learned is None or self.learned.shared
        holds = self.prior.proper or self.structure.null_space is not None
        return smooth and straight and one_scale and holds

    @property
    def is_flat(self) -> bool:
        """Whether it says nothing of any coefficient."""
        return self.prior.quadratic and not self.prior.proper and self.structure.null_space is None

    @property
    def is_below(self) -> bool:
        """Whether its scale, or its mean, is a parameter itself."""
        return self.learned is not None or self.mean is not None

    @property
    def tells_width(self) -> bool:
        """Whether a curvature at a mode tells how wide the density is: at no kink, and no bound."""
        return self.prior.curved and not self.bounded

    @property
    def alike(self) -> bool:
        """Whether the prior's numbers are the same for all coefficients."""
        return all(np.size(value) == 1 for value in self.parameters.values())

    def given(self, theta: Array) -> PriorPart:
        """Return the same with its scale fixed where it is at theta, one or ``(draws, size)``."""
        if self.learned is None:
            return self
        parameters = {**self.parameters, "scale": np.exp(self.learned.log_scale(theta))}
        if self.mean is not None:
            parameters["loc"] = theta[..., self.mean]
        structure = self.structure.at(theta)
        return replace(self, parameters=parameters, learned=None, structure=structure, mean=None)

    def add_slope(self, theta: Array, gradient: Array) -> Array:
        """Return the log density ``(...)`` at theta ``(..., size)``, its scale learned.

        Adds its gradients in place.
        """
        assert self.learned is not None
        if self.mean is not None:
            return self._add_around_mean(theta, gradient)
        if self.quadratic and not self.prior.holds:
            return self._add_quadratic(theta, gradient)
        x, structure = theta[..., self.where], self.structure
        parameters = {**self.parameters, "scale": np.exp(self.learned.log_scale(theta))}
        turned = structure.at(theta) if structure.turns else structure
        away, slope = x - self.loc, turned.gradient(self.prior, x, parameters)
        gradient[..., self.where] += slope
        self.learned.add_slope(theta, turned.slope_of_log_scale(away, slope), gradient)
        if structure.turns:
            structure.add_turn(theta, turned.rotate(away), -slope, gradient)
        return turned.log_density(self.prior, x, parameters)

    def _add_around_mean(self, theta: Array, gradient: Array) -> Array:
        """Do so where the mean is learned as well, which is pulled as coefficients pull away."""
        moved, slopes = theta.copy(), np.zeros(gradient.shape)
        moved[..., self.where] -= theta[..., self.mean]
        value = replace(self, mean=None).add_slope(moved, slopes)
        slopes[..., self.mean] -= slopes[..., self.where]
        gradient += slopes
        return value

    @cached_property
    def _of_one(self) -> tuple[float, Array]:
        """The log density at the centre, and the second derivatives there, of scales of one."""
        centre = np.zeros(self.size) + self.loc
        parameters = {**self.parameters, "scale": 1.0}
        bends = self.prior.curvature(centre, **parameters)
        return float(self.structure.log_density(self.prior, centre, parameters)), bends

    def _add_quadratic(self, theta: Array, gradient: Array) -> Array:
        """Do so where the log density is a sum of squares: the record's is a scale family."""
        assert self.learned is not None
        peak, bends = self._of_one
        log_scale, away = self.learned.log_scale(theta), theta[..., self.where] - self.loc
        pull = bends * np.exp(-2.0 * log_scale) * away
        gradient[..., self.where] += pull
        pull *= away
        value = peak + 0.5 * np.add.reduce(pull, axis=-1)
        alike = self.size if log_scale.shape[-1] == 1 else 1
        value -= alike * np.add.reduce(log_scale, axis=-1)
        pull += 1.0
        self.learned.add_slope(theta, np.negative(pull, out=pull), gradient)
        return value

    def waves(self) -> list[Any]:
        """Return what has eigenbases in which the prior is diagonal, and signals nearly are.

        Those of its structure, which may leave axes free, and that of differences along every free
        axis, whose waves stand for stationary signals as Fourier's do.
        """
        bases = list(self.structure.bases)
        taken = {axis for basis in bases for axis in basis.axes}
        free = tuple(k for k, size in enumerate(self.shape) if size > 1 and k not in taken)
        return [*bases, Differences(self.shape, free, 1)] if free and self.alike else bases

    def total(self, x: Array) -> Array:
        """Return the log density of arrays ``(..., q)``, summed over the last axis."""
        return self.structure.log_density(self.prior, x, self.parameters)

    def gradient(self, x: Array) -> Array:
        """Return the gradient at x ``(..., q)``, as the record has it at a kink."""
        return self.structure.gradient(self.prior, x, self.parameters)

    def precision(self, x: Array) -> Array:
        """Return minus the second derivatives along the directions of the structure ``(q,)``."""
        return self.structure.precision(self.prior, x, self.parameters)

    def typical_precision(self, x: Array) -> Array | float:
        """Return what these come to, about, for each coefficient itself."""
        return self.structure.typical(self.prior, x, self.parameters)

    def bends_like(self, other: PriorPart) -> bool:
        """Say whether another prior of the same kind and place has the same curvature."""
        at = np.zeros(self.size)
        return np.array_equal(self.precision(at), other.precision(at))

    def free_directions(self) -> Array:
        """Return the directions of the run that the prior does not hold, as columns ``(q, k)``."""
        if self.prior.proper:
            return np.zeros((self.size, 0))
        null = self.structure.null_space
        if null is None:
            return np.eye(self.size)
        return null / np.reshape(self.parameters.get("scale", 1.0), (-1, 1))

    def curvature(self, x: Array, some: Array) -> Array:
        """Return minus the Hessian at x ``(q,)`` on some coefficients: a matrix or a diagonal."""
        return self.structure.curvature(self.prior, x, self.parameters, some)

    def draw(self, rng: np.random.Generator, n: int) -> Array:
        """Return independent draws ``(n, q)``, where scales are known: all alike, or one a draw."""
        return self.structure.draw(self.prior, rng, (n, self.size), self.parameters)

    def product(self, x: Array, v: Array) -> Array:
        """Return the product of minus the Hessian at x with v, both ``(q,)``."""
        return self.structure.product(self.prior, x, self.parameters, v)
