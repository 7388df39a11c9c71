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

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from bayesglm.numerics.density.likelihood import CELLS, Moments, Rowwise, rows_beside
from bayesglm.numerics.density.near import Near
from bayesglm.numerics.families.family import Family
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.numerics.rows.parallel import share_out
from bayesglm.numerics.rows.rows import Rows
from bayesglm.numerics.solvers.newton import Evaluation

Array = np.ndarray
MOST_FREE = 50  # directions that no prior holds, of which the curvature is formed
FAR_OUT = 150.0  # of log(phi): beyond lies no probability, and squares leave the floats


class ApproximateInverse(NamedTuple):
    """The product with a matrix B near (-Hessian)^-1, and what the priors say of B (-Hessian).

    - `free`: the directions ``(k, p)`` that no prior holds, orthonormal by B^-1; None if many.
    - `held`: the least curvature that the priors give to a direction beside them, relative to B^-1.
    - `sd`: what -Hessian's diagonal leaves of each coordinate ``(p,)``, as the sample has it.
    """

    times: Callable[[Array], Array]
    free: Array | None
    held: float
    sd: Array


@dataclass(frozen=True)
class Objective:
    """The log posterior as a function of theta.

    ``blocks(size)`` runs through `Rows` of at most ``size`` rows. ``coefficients`` are the priors
    of runs of w; ``dispersions`` those of free dispersions, or fixed numbers; ``scales`` those of
    learned scales. ``jacobian`` adds the log Jacobian of phi = exp(theta), for densities on the
    unconstrained scale. With ``moments``, a gaussian likelihood is read off them, and not summed
    over the rows again; with ``near``, that of many thetas near a point is summed in single
    precision where that is enough.
    """

    blocks: Callable[[int], Iterable[Rows]]
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
        return Rowwise(self.blocks, self.family)

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
    def log_concave(self) -> bool:
        """Whether there is one mode of the coefficients, dispersions and scales given."""
        return self.family.log_concave and all(one.prior.log_concave for one in self.coefficients)

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
        found = np.zeros(self.size)
        for part in self.coefficients:
            if part.prior.kink is not None and part.learned is None:
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

        Of all the priors whose smooth part is a quadratic; the others are in `_other_priors`, and
        those of learned scales in neither.
        """
        constant, centre = 0.0, np.zeros(self.n_coefficients)
        precision = np.zeros(self.n_coefficients)
        for part in self.coefficients:
            if part.prior.quadratic and part.learned is None:
                centre[part.where] = part.parameters.get("loc", 0.0)
                at = centre[part.where]
                constant += float(part.total(at))
                precision[part.where] = -part.prior.curvature(at, **part.parameters)
        return constant, centre, precision

    @cached_property
    def _other_priors(self) -> tuple[PriorPart, ...]:
        fixed = (part for part in self.coefficients if part.learned is None)
        return tuple(part for part in fixed if not part.prior.quadratic)

    @cached_property
    def _learning(self) -> tuple[PriorPart, ...]:
        return tuple(part for part in self.coefficients if part.learned is not None)

    @cached_property
    def _kinks(self) -> tuple[Array, Array, Array]:
        """Where the kinks are: their places in theta, their weights, and the values of theta."""
        places = np.flatnonzero(self.kink)
        return places, self.kink[places], self.kink_at[places]

    def add_smooth_prior(self, W: Array, values: Array, gradients: Array) -> None:
        """Add the smooth part of log p(w), and its gradient, at each w ``(k, p)``, in place."""
        constant, centre, precision = self._quadratic
        away = W - centre
        pull = precision * away
        values += constant - 0.5 * np.vecdot(pull, away)
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
        for part, k in zip(self.positive, self.free, strict=False):
            found[k] = np.exp(theta[..., part.where.start])
        return found

    def value(self, theta: Array) -> float:
        """Return the smooth part of the log posterior at one theta."""
        if self.far_out(theta[None])[0]:
            return -np.inf
        w = theta[: self.n_coefficients]
        values, unused = np.zeros(1), np.zeros((1, self.n_coefficients))
        self.add_smooth_prior(w[None], values, unused)
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

    def pointwise(self, thetas: Array) -> Array:
        """Return weighted log likelihoods ``(draws, rows)`` at many thetas."""
        blocks = list(self.blocks(rows_beside(len(thetas))))
        ends = np.cumsum([0, *map(len, blocks)])
        found = np.empty((len(thetas), ends[-1]))
        w, phi = thetas[:, : self.n_coefficients], self.phi(thetas)

        def work(run: Sequence[int]) -> None:
            for k in run:
                found[:, ends[k] : ends[k + 1]] = self.rowwise.pointwise(blocks[k], w, phi)

        share_out(range(len(blocks)), work)
        return found

    def each_pointwise[Result](
        self, thetas: Array, summary: Callable[[Array], Result]
    ) -> list[Result]:
        """Return summary(values) for the same values ``(draws, rows)`` of each block of rows.

        Each thread holds one block at a time, of so few rows that it stays in cache.
        """
        w, phi = thetas[:, : self.n_coefficients], self.phi(thetas)

        def work(run: Sequence[Rows]) -> list[Result]:
            return [summary(self.rowwise.pointwise(rows, w, phi)) for rows in run]

        found = share_out(self.blocks(rows_beside(len(thetas))), work)
        return [one for run in found for one in run]

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
        inverse, precision, sd = np.zeros((3, self.n_coefficients))
        for k, part in enumerate(self.coefficients):
            at = theta[part.where]
            own = np.maximum(np.abs(plain[part.where]), floor)
            sd[part.where] = 1.0 / np.sqrt(own + part.precision(at))
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

        def times(v: Array) -> Array:
            return turned(turned(v) * inverse, back=True)

        return ApproximateInverse(times, few, held, sd)

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
        values, gradient, p = np.zeros(1), np.zeros(self.size), self.n_coefficients
        self.add_smooth_prior(theta[None, :p], values, gradient[None, :p])
        value = float(values[0])
        places, weights, at = self._kinks
        if len(places):
            away = theta[places] - at
            value -= float(weights @ np.abs(away))
            gradient[places] -= weights * np.sign(away)
        for part in self._learning:
            value += part.add_slope(theta, gradient)
        for part in self.positive:
            log_phi = theta[part.where]
            phi = np.exp(np.clip(log_phi, -FAR_OUT, FAR_OUT))
            value += float(self._positive_prior(part, phi, log_phi))
            slope = phi * part.prior.gradient(phi, **part.parameters)
            gradient[part.where] += slope + float(self.jacobian)
        return value, gradient

    def _prior(self, thetas: Array) -> Array:
        total = self._positive_priors(thetas)
        for part in self.coefficients:
            total += part.given(thetas).total(thetas[:, part.where])
        return total

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
