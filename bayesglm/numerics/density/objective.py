"""The log posterior of one GLM: value, gradient and Hessian.

theta stands for the coefficients w, the free dispersions phi, and the scales that are learned, each
under its transform in the registry:

    value = log likelihood(w, phi) + log p(w | scales) + log p(phi) + log p(scales) [+ Jacobian]

where the bracket is there for densities on the unconstrained scale. With learned scales there is no
joint mode to look for: solvers see the objective `given` them. Kinks are
kept apart: `evaluate` gives the smooth part, `kinks` the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from bayesglm.numerics.density.coefficients import CoefficientPriors
from bayesglm.numerics.density.likelihood import CELLS, Rowwise
from bayesglm.numerics.density.moments import Moments
from bayesglm.numerics.density.near import Near
from bayesglm.numerics.families.record import Family
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.numerics.rows.source import Source
from bayesglm.numerics.solvers.kinks import Kinks
from bayesglm.numerics.solvers.newton import Evaluation
from bayesglm.numerics.theta.parameter import Parameter
from bayesglm.numerics.theta.registry import Theta

Array = np.ndarray


@dataclass(frozen=True)
class Objective:
    """The log posterior as a function of theta.

    ``source`` is where its rows come from. ``registry`` says what stands in theta, and holds the
    priors of dispersions and learned scales; ``coefficients`` are those of runs of
    w. With ``moments``, a gaussian likelihood is read off them, and not summed over the rows again;
    with ``near``, that of many thetas near a point is summed in single precision where that is
    enough.
    """

    source: Source
    family: Family
    registry: Theta
    coefficients: tuple[PriorPart, ...]
    moments: Moments | None = None
    near: Near | None = None

    @cached_property
    def rowwise(self) -> Rowwise:
        """The likelihood as a sum over the rows."""
        return Rowwise(self.source, self.family)

    @property
    def _likelihood(self) -> Rowwise | Moments:
        return self.rowwise if self.moments is None else self.moments

    @property
    def n_coefficients(self) -> int:
        """Number of coefficients, which come first in theta."""
        return self.registry.n_coefficients

    @property
    def size(self) -> int:
        """Length of theta."""
        return self.registry.size

    @property
    def free(self) -> tuple[Parameter, ...]:
        """The dispersions that are learned."""
        return self.registry.free_dispersions

    @cached_property
    def priors(self) -> CoefficientPriors:
        """The priors of the coefficients, added up."""
        inside = not self.registry.straight
        return CoefficientPriors(self.n_coefficients, self.coefficients, inside)

    @cached_property
    def log_concave(self) -> bool:
        """Whether there is one mode of the coefficients, dispersions and scales given."""
        concave = self.family.log_concave and self.priors.log_concave
        return concave and self.registry.straight

    def given(self, theta: Array) -> Objective:
        """Return the log posterior of the coefficients, dispersions and scales fixed at theta."""
        return replace(
            self,
            registry=self.registry.given(theta),
            coefficients=tuple(part.given(theta) for part in self.coefficients),
        )

    @cached_property
    def kinks(self) -> Kinks:
        """The kinks of minus the log posterior in theta."""
        return self.priors.kinks.pad(self.size)

    def phi(self, theta: Array) -> list[Any]:
        """Return every dispersion at theta, ``(size,)`` or ``(draws, size)``; fixed ones as are."""
        return self.registry.phi(theta)

    def w(self, theta: Array) -> Array:
        """Return the coefficients ``(..., p)`` at theta ``(..., size)``."""
        return self.registry.natural_coefficients(theta)[..., : self.n_coefficients]

    def value(self, theta: Array) -> float:
        """Return the smooth part of the log posterior at one theta."""
        if self.registry.far_out(theta):
            return -np.inf
        w = self.w(theta)
        values, unused = np.zeros(1), np.zeros((1, self.n_coefficients))
        self.priors.add_smooth(w[None], values, unused)
        return self._likelihood.value(w, self.phi(theta)) + float(
            values[0] + self._own(theta[None])[0]
        )

    def log_density(self, thetas: Array) -> Array:
        """Return the whole log posterior, kinks included, at many thetas ``(draws, size)``."""
        total = self.log_likelihoods(thetas)
        possible = np.flatnonzero(~self.far_out(thetas))
        step = max(1, CELLS // max(self.size, 1))
        for start in range(0, len(possible), step):
            part = possible[start : start + step]
            total[part] += self.log_priors(thetas[part])
        return total

    def log_likelihoods(self, thetas: Array) -> Array:
        """Return the log likelihoods ``(draws,)`` at many thetas: minus infinity far out."""
        total = np.full(len(thetas), -np.inf)
        possible = np.flatnonzero(~self.far_out(thetas))
        some = thetas[possible]
        likelihood = self.near or self._likelihood
        with np.errstate(over="ignore", invalid="ignore"):  # far out
            total[possible] = likelihood.values(self.w(some), self.phi(some))
        return total

    def change(self, step: Array) -> float:
        """Return max |X dw|: how far a step moves any linear predictor.

        Moments tell it in units of the residuals. Of all that stands under a transform, and of what
        is no coefficient, it is the step itself.
        """
        moves, w = self.registry.moves, step[: self.n_coefficients]
        if not self.registry.straight:
            w = np.where(moves[: len(w)], w, 0.0)
        if self.moments is None:
            largest = self.rowwise.change(w)
        else:
            fixed = [one.fixed for one in self.registry.dispersions if one.fixed is not None]
            largest = self.moments.change(w, float(np.max(fixed, initial=0.0)))
        return max(largest, float(np.abs(step[~moves]).max(initial=0.0)))

    def evaluate(self, theta: Array) -> Evaluation:
        """Return value, gradient and Hessian of the smooth part in one pass over the rows."""
        p = self.n_coefficients
        if self.registry.far_out(theta):
            return Evaluation(-np.inf, np.zeros(self.size), np.zeros((self.size, self.size)))
        v = self.registry.natural_coefficients(theta)
        found = self._likelihood.terms(v[:p], self.phi(theta))
        gradient, hessian = np.zeros(self.size), np.zeros((self.size, self.size))
        gradient[:p], hessian[:p, :p] = found.w, found.w_w
        learned = self.registry.learned_phi
        for i, k in enumerate(learned, start=p):
            gradient[i] = found.phi[k]
            hessian[:p, i] = hessian[i, :p] = found.w_phi[k]
            hessian[i, p:] = [found.phi_phi[k][j] for j in learned]
        values = np.array([found.value])
        self.priors.add_smooth(v[None, :p], values, gradient[None, :p])
        self.priors.add_curvature(v, hessian)
        self.registry.add_prior_derivatives(theta, gradient, hessian)
        self.registry.pull(theta, gradient, hessian)
        return Evaluation(float(values[0] + self._own(theta[None])[0]), gradient, hessian)

    def likelihood_curvature(self, theta: Array, members: Array, single: bool = False) -> Array:
        """Return minus the Hessian of the likelihood on some coefficients, dispersions fixed.

        ``single`` is faster, and good to six digits.
        """
        w, phi = self.w(theta), self.phi(theta)
        if not self.registry.straight:
            found = self._likelihood.terms(w, phi)
            self.registry.pull_likelihood(theta, found.w, found.w_w)
            return -found.w_w[np.ix_(members, members)]
        if self.moments is not None:
            sigma = float(phi[0])
            return self.moments.gram[np.ix_(members, members)] / sigma / sigma
        some = members if len(members) < len(w) else None
        return self.rowwise.curvature(w, phi, some, single)

    def curvature(self, theta: Array, members: Array, single: bool = False) -> Array:
        """Return minus the Hessian of the smooth part, as `likelihood_curvature` does."""
        found = self.likelihood_curvature(theta, members, single)
        return found + self.prior_curvature(theta, members)

    def prior_curvature(self, theta: Array, members: Array) -> Array:
        """Return minus the Hessian of the smooth part of the coefficients' priors."""
        if self.registry.straight:
            return self.priors.curvature(theta, members)
        v, p = self.registry.natural_coefficients(theta), self.n_coefficients
        gradient, hessian = np.zeros(self.size), np.zeros((self.size, self.size))
        self.priors.add_smooth(v[None, :p], np.zeros(1), gradient[None, :p])
        self.priors.add_curvature(v, hessian)
        self.registry.pull(theta, gradient, hessian)
        return -hessian[np.ix_(members, members)]

    def likelihood_diagonal(self, theta: Array) -> Array:
        """Return the diagonal ``(p,)`` of minus the Hessian of the likelihood in w, dispersions
        fixed; of coefficients under transforms the natural one in the units of theta.
        """
        diagonal = self.rowwise.diagonal(self.w(theta), self.phi(theta))
        return diagonal * self.registry.coefficient_slopes(theta) ** 2

    def log_prior(self, theta: Array) -> float:
        """Return the log prior density at one theta, kinks included."""
        return float(self.log_priors(theta[None])[0])

    def curvature_product(self, theta: Array) -> Callable[[Array], Array]:
        """Return the product of minus the Hessian with vectors, dispersions fixed, never formed."""
        if not self.registry.straight:
            p = self.n_coefficients
            return partial(np.matmul, -self.evaluate(theta).hessian[:p, :p])
        likelihood = self.rowwise.curvature_product(self.w(theta), self.phi(theta))
        return lambda v: likelihood(v) + self.priors.product(theta, v)

    def prior_slopes(self, thetas: Array) -> tuple[Array, Array]:
        """Return log p(theta) ``(...)`` and its gradients at thetas ``(..., size)``.

        With kinks, at which the slope is 0.
        """
        values, gradients = np.zeros(thetas.shape[:-1]), np.zeros(thetas.shape)
        self.priors.add_slopes(self.registry.natural_coefficients(thetas), values, gradients)
        self.registry.pull_coefficients(thetas, gradients)
        self.registry.add_prior_slopes(thetas, values, gradients)
        return values, gradients

    def add_likelihood_slopes(
        self, thetas: Array, of_w: Array, of_phi: Array, gradients: Array
    ) -> None:
        """Add to gradients in theta what the likelihood's make of them, in place.

        Those are slopes in w ``(..., p)``, which are overwritten, and in phi ``(..., n_phi)``.
        """
        self.registry.pull_coefficients(thetas, of_w)
        gradients[..., : self.n_coefficients] += of_w
        self.registry.add_dispersion_slopes(thetas, of_phi, gradients)

    def log_priors(self, thetas: Array) -> Array:
        """Return the log prior densities ``(draws,)`` at many thetas, kinks included."""
        of_w = self.priors.log_density(self.registry.natural_coefficients(thetas))
        return self._own(thetas) + of_w

    def log_priors_by_name(self, thetas: Array) -> dict[str, Array]:
        """Return the log prior density ``(draws,)`` of each parameter, given those above it.

        Of natural values, without the Jacobian: they add up to `log_priors` of a density of these.
        """
        values = self.registry.natural_coefficients(thetas)
        parts = {(part.where.start, part.where.stop): part for part in self.coefficients}
        found = {}
        for one in self.registry.free:
            part = parts.get((one.place.start, one.place.stop))
            if one.prior is not None:
                found[one.name] = one.prior.total(one.natural(thetas))
            elif part is not None and one.role == "coefficients":
                found[one.name] = part.given(values).total(values[:, part.where])
        return found

    @cached_property
    def below(self) -> tuple[str, ...]:
        """The coefficients whose priors have scales, or means, that are parameters themselves."""
        return self._named(part for part in self.coefficients if part.is_below)

    @cached_property
    def top(self) -> tuple[str, ...]:
        """The parameters whose priors say something, and have no parameter above them."""
        fixed = (part for part in self.coefficients if not (part.is_below or part.is_flat))
        others = tuple(one.name for one in self.registry.free if one.prior is not None)
        return (*self._named(fixed), *others)

    def _named(self, parts: Iterable[PriorPart]) -> tuple[str, ...]:
        """Return the names of coefficients on which some priors are laid."""
        names = {(run.start, run.stop): name for name, run in self.registry.places.items()}
        return tuple(names[part.where.start, part.where.stop] for part in parts)

    def _own(self, thetas: Array) -> Array:
        """Return what neither the likelihood nor the priors of the coefficients say."""
        of_others = self.registry.log_prior(thetas)
        if self.registry.straight:
            return of_others
        return of_others + self.registry.log_jacobian_of_coefficients(thetas)

    def log_prior_of_others(self, theta: Array) -> float:
        """Return the log prior density of free dispersions and learned scales at one theta."""
        return float(self.registry.log_prior(theta[None])[0])

    def far_out(self, thetas: Array) -> Array:
        """Say which thetas stand for values where no probability lies."""
        return self.registry.far_out(thetas)
