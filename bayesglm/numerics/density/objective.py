"""The log posterior of one GLM: value, gradient and Hessian.

theta holds the coefficients w, then log(phi) of every free dispersion, then the logarithms of the
scales that are learned:

    value = log likelihood(w, phi) + log p(w | scales) + log p(phi) + log p(scales) [+ log phi ...]

where the bracket is the Jacobian of the logarithms, there only on the unconstrained scale. With
learned scales there is no joint mode to look for: solvers see the objective `given` them. Kinks of
Laplace and elastic-net priors are kept apart: `evaluate` gives the smooth part, `kink` and
`kink_at` the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from bayesglm.numerics.density.coefficients import CoefficientPriors
from bayesglm.numerics.density.likelihood import CELLS, Rowwise
from bayesglm.numerics.density.moments import Moments
from bayesglm.numerics.density.near import Near
from bayesglm.numerics.families.family import Family
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.numerics.rows.source import Source
from bayesglm.numerics.solvers.newton import Evaluation

Array = np.ndarray
FAR_OUT = 150.0  # of log(phi): beyond lies no probability, and squares leave the floats


@dataclass(frozen=True)
class Objective:
    """The log posterior as a function of theta.

    ``source`` is where its rows come from. ``coefficients`` are the priors of runs of w;
    ``dispersions`` those of free dispersions, or fixed numbers; ``scales`` those of learned
    scales. ``jacobian`` adds the log Jacobian of phi = exp(theta), for densities on the
    unconstrained scale. With ``moments``, a gaussian likelihood is read off them, and not summed
    over the rows again; with ``near``, that of many thetas near a point is summed in single
    precision where that is enough.
    """

    source: Source
    family: Family
    n_coefficients: int
    coefficients: tuple[PriorPart, ...]
    dispersions: tuple[PriorPart | float, ...]
    jacobian: bool
    moments: Moments | None = None
    scales: tuple[PriorPart, ...] = ()
    near: Near | None = None

    @cached_property
    def rowwise(self) -> Rowwise:
        """The likelihood as a sum over the rows."""
        return Rowwise(self.source, self.family)

    @property
    def _likelihood(self) -> Rowwise | Moments:
        return self.rowwise if self.moments is None else self.moments

    @cached_property
    def free(self) -> tuple[int, ...]:
        """Indices of the dispersions that are parameters."""
        return tuple(k for k, part in enumerate(self.dispersions) if isinstance(part, PriorPart))

    @cached_property
    def positive(self) -> tuple[PriorPart, ...]:
        """The priors of all that theta holds as a logarithm, in its order."""
        free = [part for part in self.dispersions if isinstance(part, PriorPart)]
        return (*free, *self.scales)

    @cached_property
    def size(self) -> int:
        """Length of theta."""
        return max((part.where.stop for part in self.positive), default=self.n_coefficients)

    @cached_property
    def priors(self) -> CoefficientPriors:
        """The priors of the coefficients, added up."""
        return CoefficientPriors(self.n_coefficients, self.coefficients)

    @cached_property
    def log_concave(self) -> bool:
        """Whether there is one mode of the coefficients, dispersions and scales given."""
        return self.family.log_concave and self.priors.log_concave

    def given(self, theta: Array) -> Objective:
        """Return the log posterior of the coefficients, dispersions and scales fixed at theta."""
        return replace(
            self,
            coefficients=tuple(part.given(theta) for part in self.coefficients),
            dispersions=tuple(map(float, self.phi(theta))),
            scales=(),
        )

    @cached_property
    def kink(self) -> Array:
        """Weights of |theta_j - kink_at_j| in minus the log posterior; zero where smooth."""
        return np.pad(self.priors.kink, (0, self.size - self.n_coefficients))

    @cached_property
    def kink_at(self) -> Array:
        """Where the kinks are."""
        return np.pad(self.priors.kink_at, (0, self.size - self.n_coefficients))

    def phi(self, theta: Array) -> list[Any]:
        """Return every dispersion at theta, ``(size,)`` or ``(draws, size)``; fixed ones as are."""
        found: list[Any] = [
            0.0 if isinstance(part, PriorPart) else part for part in self.dispersions
        ]
        for part, k in zip(self.positive, self.free, strict=False):
            found[k] = np.exp(theta[..., part.where.start])
        return found

    def value(self, theta: Array) -> float:
        """Return the smooth part of the log posterior at one theta."""
        if self.far_out(theta[None])[0]:
            return -np.inf
        w = theta[: self.n_coefficients]
        values, unused = np.zeros(1), np.zeros((1, self.n_coefficients))
        self.priors.add_smooth(w[None], values, unused)
        of_phi = float(self._positive_priors(theta[None])[0])
        return self._likelihood.value(w, self.phi(theta)) + float(values[0]) + of_phi

    def log_density(self, thetas: Array) -> Array:
        """Return the whole log posterior, kinks included, at many thetas ``(draws, size)``."""
        total = np.full(len(thetas), -np.inf)
        possible = np.flatnonzero(~self.far_out(thetas))
        some = thetas[possible]
        likelihood = self.near or self._likelihood
        with np.errstate(over="ignore", invalid="ignore"):  # far out
            total[possible] = likelihood.values(some[:, : self.n_coefficients], self.phi(some))
        step = max(1, CELLS // max(self.size, 1))
        for start in range(0, len(possible), step):
            part = possible[start : start + step]
            total[part] += self._prior(thetas[part])
        return total

    def change(self, step: Array) -> float:
        """Return max |X dw| (and |d log phi|): how far a step moves any linear predictor.

        Moments tell it in units of the residuals.
        """
        w = step[: self.n_coefficients]
        if self.moments is None:
            largest = self.rowwise.change(w)
        else:
            fixed = [phi for phi in self.dispersions if not isinstance(phi, PriorPart)]
            largest = self.moments.change(w, max(fixed, default=0.0))
        return max(largest, float(np.abs(step[self.n_coefficients :]).max(initial=0.0)))

    def evaluate(self, theta: Array) -> Evaluation:
        """Return value, gradient and Hessian of the smooth part in one pass over the rows."""
        p = self.n_coefficients
        if self.far_out(theta[None])[0]:
            return Evaluation(-np.inf, np.zeros(self.size), np.zeros((self.size, self.size)))
        found = self._likelihood.terms(theta[:p], self.phi(theta))
        gradient, hessian = np.zeros(self.size), np.zeros((self.size, self.size))
        gradient[:p], hessian[:p, :p] = found.w, found.w_w
        for i, k in enumerate(self.free, start=p):
            gradient[i] = found.phi[k]
            hessian[:p, i] = hessian[i, :p] = found.w_phi[k]
            hessian[i, p:] = [found.phi_phi[k][j] for j in self.free]
        values = np.array([found.value])
        self.priors.add_smooth(theta[None, :p], values, gradient[None, :p])
        self.priors.add_curvature(theta, hessian)
        if self.free:
            self._dispersion_derivatives(theta, gradient, hessian)
            values += self._positive_priors(theta[None])
        return Evaluation(float(values[0]), gradient, hessian)

    def likelihood_curvature(self, theta: Array, members: Array, single: bool = False) -> Array:
        """Return minus the Hessian of the likelihood on some coefficients, dispersions fixed.

        ``single`` is faster, and good to six digits.
        """
        m, p = len(members), self.n_coefficients
        if self.moments is not None:
            sigma = float(self.phi(theta)[0])
            return self.moments.gram[np.ix_(members, members)] / sigma / sigma
        some = members if m < p else None
        return self.rowwise.curvature(theta[:p], self.phi(theta), some, single)

    def curvature(self, theta: Array, members: Array, single: bool = False) -> Array:
        """Return minus the Hessian of the smooth part, as `likelihood_curvature` does."""
        found = self.likelihood_curvature(theta, members, single)
        return found + self.priors.curvature(theta, members)

    def log_prior(self, theta: Array) -> float:
        """Return the log prior density at one theta, kinks included."""
        return float(self._prior(theta[None])[0])

    def curvature_product(self, theta: Array) -> Callable[[Array], Array]:
        """Return the product of minus the Hessian with vectors, dispersions fixed, never formed."""
        likelihood = self.rowwise.curvature_product(theta[: self.n_coefficients], self.phi(theta))
        return lambda v: likelihood(v) + self.priors.product(theta, v)

    def _dispersion_derivatives(self, theta: Array, gradient: Array, hessian: Array) -> None:
        """Add the priors of phi, then turn derivatives in phi into those in log(phi)."""
        for part in self.positive:
            place = part.where.start
            phi = np.exp(theta[place])
            gradient[place] += part.prior.gradient(phi, **part.parameters)
            hessian[place, place] += part.prior.curvature(phi, **part.parameters)
            gradient[place] *= phi
            hessian[place, :] *= phi
            hessian[:, place] *= phi
            hessian[place, place] += gradient[place]
            gradient[place] += float(self.jacobian)

    def prior_slope(self, theta: Array) -> tuple[float, Array]:
        """Return log p(theta) and its gradient, kinks included; 0 is the slope at a kink."""
        gradient = np.zeros(self.size)
        value = self.priors.add_slope(theta, gradient)
        for part in self.positive:
            log_phi = theta[part.where]
            phi = np.exp(np.clip(log_phi, -FAR_OUT, FAR_OUT))
            value += float(self._positive_prior(part, phi, log_phi))
            slope = phi * part.prior.gradient(phi, **part.parameters)
            gradient[part.where] += slope + float(self.jacobian)
        return value, gradient

    def _prior(self, thetas: Array) -> Array:
        return self._positive_priors(thetas) + self.priors.log_density(thetas)

    def log_prior_of_positive(self, theta: Array) -> float:
        """Return the log prior density of free dispersions and learned scales at one theta."""
        return float(self._positive_priors(theta[None])[0])

    def _positive_priors(self, thetas: Array) -> Array:
        total = np.zeros(len(thetas))
        for part in self.positive:
            log_phi = thetas[..., part.where]
            phi = np.exp(np.clip(log_phi, -FAR_OUT, FAR_OUT))
            total += self._positive_prior(part, phi, log_phi)
        return total

    def _positive_prior(self, part: PriorPart, phi: Array, log_phi: Array) -> Array:
        """Return the log density of one of them, its Jacobian included, over the last axis."""
        density = part.prior.log_density(phi, **part.parameters) + float(self.jacobian) * log_phi
        return density.sum(axis=-1)

    def far_out(self, thetas: Array) -> Array:
        """Say which thetas have dispersions or scales where no probability lies."""
        if not self.positive:
            return np.zeros(len(thetas), dtype=bool)
        return np.abs(thetas[:, self.n_coefficients :]).max(axis=1) > FAR_OUT
