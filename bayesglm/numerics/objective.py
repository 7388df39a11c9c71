"""The log posterior of one GLM: value, gradient and Hessian.

theta holds the coefficients w, then log(phi) of every free dispersion:

    value = log likelihood(w, phi) + log p(w) + log p(phi) [+ log phi]

where the bracket is the Jacobian of log(phi), there only on the unconstrained scale. The kinks of
Laplace and elastic-net priors are kept apart: `evaluate` gives the smooth part, `kink` and
`kink_at` the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from bayesglm.numerics.families import Family
from bayesglm.numerics.likelihood import ROWS, Moments, Rowwise
from bayesglm.numerics.priors import Prior
from bayesglm.numerics.rows import Rows
from bayesglm.numerics.solvers import Evaluation
from bayesglm.numerics.structure import Differences

Array = np.ndarray
MOST_FREE = 50  # directions that no prior holds, of which the curvature is formed
FAR_OUT = 150.0  # of log(phi): beyond lies no probability, and squares leave the floats
DRAWS = 1024  # draws taken together: with as many rows, eta is 8 MB


@dataclass(frozen=True)
class PriorPart:
    """The prior of a run of coefficients, or of one dispersion: a record and its parameters.

    ``shape`` is that of the coefficient array.
    """

    where: slice
    prior: Prior
    parameters: dict[str, Any]
    shape: tuple[int, ...] = ()

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


class ApproximateInverse(NamedTuple):
    """The product with a matrix B near (-Hessian)^-1, and what the priors say of B (-Hessian).

    - `free`: the directions ``(k, p)`` that no prior holds, orthonormal by B^-1; None if many.
    - `held`: the least curvature that the priors give to a direction beside them, relative to B^-1.
    """

    times: Callable[[Array], Array]
    free: Array | None
    held: float


@dataclass(frozen=True)
class Objective:
    """The log posterior as a function of theta.

    ``blocks(size)`` runs through `Rows` of at most ``size`` rows. ``coefficients`` are the priors
    of runs of w; ``dispersions`` those of free dispersions, or fixed numbers. ``jacobian`` adds the
    log Jacobian of phi = exp(theta), for densities on the unconstrained scale. With ``moments``,
    a gaussian likelihood is read off them, and not summed over the rows again.
    """

    blocks: Callable[[int], Iterable[Rows]]
    family: Family
    n_coefficients: int
    coefficients: tuple[PriorPart, ...]
    dispersions: tuple[PriorPart | float, ...]
    jacobian: bool
    moments: Moments | None = None

    @cached_property
    def rowwise(self) -> Rowwise:
        """The likelihood as a sum over the rows."""
        return Rowwise(self.blocks, self.family)

    @property
    def _likelihood(self) -> Rowwise | Moments:
        return self.rowwise if self.moments is None else self.moments

    @cached_property
    def free(self) -> tuple[int, ...]:
        """Indices of the dispersions that are parameters."""
        return tuple(k for k, part in enumerate(self.dispersions) if isinstance(part, PriorPart))

    def _free_parts(self) -> Iterable[tuple[int, PriorPart]]:
        """Run through the free dispersions: their place in theta, and their prior."""
        parts = (part for part in self.dispersions if isinstance(part, PriorPart))
        return enumerate(parts, start=self.n_coefficients)

    @property
    def size(self) -> int:
        """Length of theta."""
        return self.n_coefficients + len(self.free)

    @cached_property
    def kink(self) -> Array:
        """Weights of |theta_j - kink_at_j| in minus the log posterior; zero where smooth."""
        found = np.zeros(self.size)
        for part in self.coefficients:
            if part.prior.kink is not None:
                found[part.where] = part.prior.kink(**part.parameters)
        return found

    @cached_property
    def kink_at(self) -> Array:
        """Where the kinks are."""
        found = np.zeros(self.size)
        for part in self.coefficients:
            if part.prior.kink is not None:
                found[part.where] = part.parameters["loc"]
        return found

    @cached_property
    def _quadratic(self) -> tuple[float, Array, Array]:
        """Sum of log densities at their centres, the centres, and minus the second derivatives.

        Of all the priors whose smooth part is a quadratic; the others are in `_other_priors`.
        """
        constant, centre = 0.0, np.zeros(self.n_coefficients)
        precision = np.zeros(self.n_coefficients)
        for part in self.coefficients:
            if part.prior.quadratic:
                centre[part.where] = part.parameters.get("loc", 0.0)
                at = centre[part.where]
                constant += float(part.total(at))
                precision[part.where] = -part.prior.curvature(at, **part.parameters)
        return constant, centre, precision

    @cached_property
    def _other_priors(self) -> tuple[PriorPart, ...]:
        return tuple(part for part in self.coefficients if not part.prior.quadratic)

    def add_smooth_prior(self, W: Array, values: Array, gradients: Array) -> None:
        """Add the smooth part of log p(w), and its gradient, at each w ``(k, p)``, in place."""
        constant, centre, precision = self._quadratic
        away = W - centre
        pull = precision * away
        values += constant - 0.5 * (pull * away).sum(axis=1)
        gradients -= pull
        for part in self._other_priors:
            at = W[:, part.where]
            values += part.total(at)
            gradients[:, part.where] += part.prior.gradient(at, **part.parameters)

    def phi(self, theta: Array) -> list[Any]:
        """Return every dispersion at theta, ``(size,)`` or ``(draws, size)``; fixed ones as are."""
        found: list[Any] = [
            0.0 if isinstance(part, PriorPart) else part for part in self.dispersions
        ]
        for place, k in enumerate(self.free, start=self.n_coefficients):
            found[k] = np.exp(theta[..., place])
        return found

    def value(self, theta: Array) -> float:
        """Return the smooth part of the log posterior at one theta."""
        if self.far_out(theta[None])[0]:
            return -np.inf
        w = theta[: self.n_coefficients]
        values, unused = np.zeros(1), np.zeros((1, self.n_coefficients))
        self.add_smooth_prior(w[None], values, unused)
        of_phi = float(self.dispersion_prior(theta[None])[0])
        return self._likelihood.value(w, self.phi(theta)) + float(values[0]) + of_phi

    def log_density(self, thetas: Array) -> Array:
        """Return the whole log posterior, kinks included, at many thetas ``(draws, size)``."""
        total = np.full(len(thetas), -np.inf)
        possible = np.flatnonzero(~self.far_out(thetas))
        for start in range(0, len(possible), DRAWS):
            some = possible[start : start + DRAWS]
            total[some] = 0.0
            for part in self.pointwise_blocks(thetas[some], ROWS):
                total[some] += part.sum(axis=1)
        return total + self._prior(thetas)

    def change(self, step: Array) -> float:
        """Return max |X dw| (and |d log phi|): how far a step moves any linear predictor."""
        largest = self._likelihood.change(step[: self.n_coefficients])
        return max(largest, float(np.abs(step[self.n_coefficients :]).max(initial=0.0)))

    def pointwise(self, thetas: Array) -> Array:
        """Return weighted log likelihoods ``(draws, rows)`` at many thetas."""
        return np.concatenate(list(self.pointwise_blocks(thetas, ROWS)), axis=1)

    def pointwise_blocks(self, thetas: Array, rows: int) -> Iterable[Array]:
        """Run through the same, at most ``rows`` rows at a time."""
        phi = [v[:, None] if isinstance(v, np.ndarray) else v for v in self.phi(thetas)]
        w = thetas[:, : self.n_coefficients]
        for block in self.blocks(max(16, min(rows, DRAWS * DRAWS // max(len(thetas), 1)))):
            values = self.family.log_likelihood(
                block.y, block.times(w) + block.offset, phi, block.trials
            )
            if block.weights is not None:
                with np.errstate(invalid="ignore"):
                    values = np.where(block.weights == 0, 0.0, block.weights * values)
            yield values

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
        self.add_smooth_prior(theta[None, :p], values, gradient[None, :p])
        hessian.flat[: p * (self.size + 1) : self.size + 1] -= self._quadratic[2]
        for part in self._other_priors:
            part.add_curvature(theta[part.where], hessian)
        if self.free:
            self._dispersion_derivatives(theta, gradient, hessian)
            values += self.dispersion_prior(theta[None])
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
        return found + self.prior_curvature(theta, members)

    def prior_curvature(self, theta: Array, members: Array) -> Array:
        """Return minus the Hessian of the priors' smooth part on some coefficients."""
        p = self.n_coefficients
        found = np.zeros((len(members), len(members)))
        place = np.full(p, -1)
        place[members] = np.arange(len(members))
        for part in self.coefficients:
            own = np.arange(p)[part.where]
            own = own[place[own] >= 0]
            bend = part.prior.curvature(theta[part.where], **part.parameters)
            if part.prior.joint:
                inside = own - part.where.start
                found[np.ix_(place[own], place[own])] -= bend[np.ix_(inside, inside)]
            else:
                bend = np.broadcast_to(bend, part.where.stop - part.where.start)
                found[place[own], place[own]] -= bend[own - part.where.start]
        return found

    def bends_by_prior(self) -> bool:
        """Say whether any prior of w has a curvature, its kink apart."""
        return bool(self._other_priors) or bool(self._quadratic[2].any())

    def log_prior(self, theta: Array) -> float:
        """Return the log prior density at one theta, kinks included."""
        return float(self._prior(theta[None])[0])

    def curvature_product(self, theta: Array) -> Callable[[Array], Array]:
        """Return the product of minus the Hessian with vectors, dispersions fixed, never formed."""
        likelihood = self.rowwise.curvature_product(theta[: self.n_coefficients], self.phi(theta))

        def times(v: Array) -> Array:
            found = likelihood(v) + self._quadratic[2] * v
            for part in self._other_priors:  # random walks: quadratics around zero
                own = v[part.where]
                found[part.where] -= part.prior.gradient(own, **part.parameters)
            return found

        return times

    def approximate_inverse(self, theta: Array, sample: Rowwise) -> ApproximateInverse:
        """Return the product with an approximation of (-Hessian)^-1, never formed.

        It is diagonal for each prior's coefficients, as a sample of rows has it: as they are, or as
        sums of waves, whichever comes nearer (no positive matrix has a determinant beyond the
        product of its diagonal: Hadamard). Natural images over time are nearly diagonal in waves.
        """
        w, phi = theta[: self.n_coefficients], self.phi(theta)
        waves = {k: part.waves() for k, part in enumerate(self.coefficients)}

        def turned(v: Array, back: bool = False) -> Array:
            found = np.array(v)
            for k, part in enumerate(self.coefficients):
                for basis in reversed(waves[k]) if back else waves[k]:
                    found[..., part.where] = basis.rotate(found[..., part.where], back=back)
            return found

        plain, in_waves = sample.diagonal(w, phi), sample.diagonal(w, phi, turned)
        floor = 1e-10 * np.abs(plain).max(initial=0.0)
        inverse, precision = np.empty(self.n_coefficients), np.zeros(self.n_coefficients)
        for k, part in enumerate(self.coefficients):
            at = theta[part.where]
            own = np.maximum(np.abs(plain[part.where]), floor)
            if not part.prior.joint:
                bend = -part.prior.curvature(at, **part.parameters)
                own = own + bend
                precision[part.where] = bend
            if not waves[k]:
                inverse[part.where] = 1.0 / own
                continue
            if part.prior.joint:
                bend = waves[k][0].eigenvalues / np.mean(part.parameters["scale"]) ** 2
                precision[part.where] = bend
            waved = np.maximum(np.abs(in_waves[part.where]), floor) + bend
            if not part.prior.joint and np.log(own).sum() <= np.log(waved).sum():
                waves[k], waved = [], own
            inverse[part.where] = 1.0 / waved
        few = self._free_directions(inverse, precision, turned)
        held = float((precision * inverse)[precision > 0.0].min(initial=np.inf))
        return ApproximateInverse(lambda v: turned(turned(v) * inverse, back=True), few, held)

    def _free_directions(
        self, inverse: Array, precision: Array, turned: Callable[..., Array]
    ) -> Array | None:
        """Return the directions of the basis that no prior holds, unit ones by the inverse."""
        free = np.flatnonzero(precision <= 0.0)
        alike = all(
            np.size(part.parameters["scale"]) == 1 for part in self.coefficients if part.prior.joint
        )
        if len(free) > MOST_FREE or not alike:
            return None
        units = np.zeros((len(free), self.n_coefficients))
        units[np.arange(len(free)), free] = np.sqrt(inverse[free])
        return turned(units, back=True)

    def add_dispersion_slopes(self, theta: Array, gradient: Array) -> None:
        """Add the priors of phi, then turn slopes in phi into those in log(phi), in place."""
        for place, part in self._free_parts():
            phi = np.exp(theta[place])
            gradient[place] += part.prior.gradient(phi, **part.parameters)
            gradient[place] *= phi
            gradient[place] += float(self.jacobian)

    def _dispersion_derivatives(self, theta: Array, gradient: Array, hessian: Array) -> None:
        """Do the same, and to the Hessian what goes with it."""
        self.add_dispersion_slopes(theta, gradient)
        for place, part in self._free_parts():
            phi = np.exp(theta[place])
            hessian[place, place] += part.prior.curvature(phi, **part.parameters)
            hessian[place, :] *= phi
            hessian[:, place] *= phi
            hessian[place, place] += gradient[place] - float(self.jacobian)

    def _prior(self, thetas: Array) -> Array:
        total = self.dispersion_prior(thetas)
        for part in self.coefficients:
            total += part.total(thetas[:, part.where])
        return total

    def dispersion_prior(self, thetas: Array) -> Array:
        """Return log p(phi), and the Jacobian where it counts, at many thetas."""
        total = np.zeros(len(thetas))
        for place, part in self._free_parts():
            phi = np.exp(np.clip(thetas[:, place], -FAR_OUT, FAR_OUT))
            total += part.prior.log_density(phi, **part.parameters)
            total += float(self.jacobian) * thetas[:, place]
        return total

    def far_out(self, thetas: Array) -> Array:
        """Say which thetas have dispersions where no probability lies."""
        if not self.free:
            return np.zeros(len(thetas), dtype=bool)
        return np.abs(thetas[:, self.n_coefficients :]).max(axis=1) > FAR_OUT
