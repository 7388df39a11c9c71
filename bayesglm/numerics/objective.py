"""The log posterior of one GLM: value, gradient and Hessian, summed over blocks of rows.

theta holds the coefficients w, then log(phi) of every free dispersion. With f the family's log
likelihood and X the columns of a block,

    value    = sum(weight * f(y, eta, phi)) + log p(w) + log p(phi) [+ log phi],  eta = X w + offset
    gradient = X' (weight * f_eta) + ...
    Hessian  = X' diag(weight * f_eta_eta) X + ...

where the bracket is the Jacobian of log(phi), there only on the unconstrained scale. The kinks of
Laplace priors are kept apart: `evaluate` gives the smooth part, `kink` and `kink_at` the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesglm.numerics.families import Derivatives, Family
from bayesglm.numerics.priors import Prior
from bayesglm.numerics.solvers import Evaluation

Array = np.ndarray
ROWS = 4096  # rows of a block: X of some 50 columns then stays in cache
FAR_OUT = 150.0  # of log(phi): beyond lies no probability, and squares leave the floats
DRAWS = 1024  # draws taken together: with as many rows, eta is 8 MB


@dataclass(frozen=True)
class PriorPart:
    """The prior of a run of coefficients, or of one dispersion: a record and its parameters."""

    where: slice
    prior: Prior
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Objective:
    """The log posterior as a function of theta.

    ``blocks(size)`` runs through records of at most ``size`` rows: X, y, offset, weights, trials.
    ``coefficients`` are the priors of runs of w; ``dispersions`` those of free dispersions, or
    fixed numbers. ``jacobian`` adds the log Jacobian of phi = exp(theta), for densities on the
    unconstrained scale.
    """

    blocks: Callable[[int], Iterable[Any]]
    family: Family
    n_coefficients: int
    coefficients: tuple[PriorPart, ...]
    dispersions: tuple[PriorPart | float, ...]
    jacobian: bool

    @property
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

    @property
    def kink(self) -> Array:
        """Weights of |theta_j - kink_at_j| in minus the log posterior; zero where smooth."""
        found = np.zeros(self.size)
        for part in self.coefficients:
            if part.prior.kink is not None:
                found[part.where] = part.prior.kink(**part.parameters)
        return found

    @property
    def kink_at(self) -> Array:
        """Where the kinks are."""
        found = np.zeros(self.size)
        for part in self.coefficients:
            if part.prior.kink is not None:
                found[part.where] = part.parameters["loc"]
        return found

    def phi(self, theta: Array) -> list[Array | float]:
        """Return every dispersion at theta, ``(size,)`` or ``(draws, size)``; fixed ones as are."""
        found: list[Array | float] = [
            0.0 if isinstance(part, PriorPart) else part for part in self.dispersions
        ]
        for place, k in enumerate(self.free, start=self.n_coefficients):
            found[k] = np.exp(theta[..., place])
        return found

    def value(self, theta: Array) -> float:
        """Return the smooth part of the log posterior at one theta."""
        return float(self._likelihood(theta[None])[0] + self._prior(theta[None], smooth=True)[0])

    def log_density(self, thetas: Array) -> Array:
        """Return the whole log posterior, kinks included, at many thetas ``(draws, size)``."""
        return self._likelihood(thetas) + self._prior(thetas, smooth=False)

    def change(self, step: Array) -> float:
        """Return max |X dw| (and |d log phi|): how far a step moves any linear predictor."""
        w = step[: self.n_coefficients]
        largest = max((float(np.abs(rows.X @ w).max()) for rows in self.blocks(ROWS)), default=0.0)
        return max(largest, float(np.abs(step[self.n_coefficients :]).max(initial=0.0)))

    def pointwise(self, thetas: Array) -> Array:
        """Return weighted log likelihoods ``(draws, rows)`` at many thetas."""
        return np.concatenate(list(self.pointwise_blocks(thetas, ROWS)), axis=1)

    def pointwise_blocks(self, thetas: Array, rows: int) -> Iterable[Array]:
        """Run through the same, at most ``rows`` rows at a time."""
        phi = self._phi_columns(thetas)
        return self._map_rows(thetas, lambda block, eta: self._weighted(block, eta, phi), rows)

    def evaluate(self, theta: Array) -> Evaluation:
        """Return value, gradient and Hessian of the smooth part in one pass over the blocks."""
        p, w, phi = self.n_coefficients, theta[: self.n_coefficients], self.phi(theta)
        value, gradient = 0.0, np.zeros(self.size)
        hessian = np.zeros((self.size, self.size))
        for rows in self.blocks(ROWS):
            d = self.family.derivatives(rows.y, rows.X @ w + rows.offset, phi, rows.trials)
            d = d if rows.weights is None else _times(d, rows.weights)
            value += float(d.value.sum())
            gradient[:p] += rows.X.T @ d.eta
            hessian[:p, :p] += rows.X.T @ (d.eta_eta[:, None] * rows.X)
            for i, k in enumerate(self.free):
                gradient[p + i] += d.phi[k].sum()
                hessian[:p, p + i] += rows.X.T @ d.eta_phi[k]
                for j, other in enumerate(self.free):
                    hessian[p + i, p + j] += d.phi_phi[k][other].sum()
        hessian[p:, :p] = hessian[:p, p:].T
        for part in self.coefficients:
            at = theta[part.where]
            if part.prior.kink is None:
                gradient[part.where] += part.prior.gradient(at, **part.parameters)
            index = np.arange(p)[part.where]
            hessian[index, index] += part.prior.curvature(at, **part.parameters)
        self._dispersion_derivatives(theta, gradient, hessian)
        value += float(self._prior(theta[None], smooth=True)[0])
        return Evaluation(value, gradient, hessian)

    def _dispersion_derivatives(self, theta: Array, gradient: Array, hessian: Array) -> None:
        """Add the priors of phi, then turn derivatives in phi into those in log(phi)."""
        for place, part in self._free_parts():
            phi = np.exp(theta[place])
            gradient[place] += part.prior.gradient(phi, **part.parameters)
            hessian[place, place] += part.prior.curvature(phi, **part.parameters)
            gradient[place] *= phi
            hessian[place, :] *= phi
            hessian[:, place] *= phi
            hessian[place, place] += gradient[place]
            gradient[place] += float(self.jacobian)

    def _prior(self, thetas: Array, smooth: bool) -> Array:
        total = np.zeros(len(thetas))
        for part in self.coefficients:
            at = thetas[:, part.where]
            if smooth and part.prior.kink is not None:
                # The density at its kink: the normalising constant without the penalty.
                at = np.broadcast_to(part.parameters["loc"], at.shape)
            total += np.broadcast_to(part.prior.log_density(at, **part.parameters), at.shape).sum(1)
        for place, part in self._free_parts():
            phi = np.exp(np.clip(thetas[:, place], -FAR_OUT, FAR_OUT))
            total += part.prior.log_density(phi, **part.parameters)
            total += float(self.jacobian) * thetas[:, place]
        return total

    def _likelihood(self, thetas: Array) -> Array:
        total = np.full(len(thetas), -np.inf)
        far_out = np.abs(thetas[:, self.n_coefficients :]).max(axis=1, initial=0.0) > FAR_OUT
        possible = np.flatnonzero(~far_out)
        for start in range(0, len(possible), DRAWS):
            some = possible[start : start + DRAWS]
            total[some] = 0.0
            for part in self.pointwise_blocks(thetas[some], ROWS):
                total[some] += part.sum(axis=1)
        return total

    def _phi_columns(self, thetas: Array) -> list[Array | float]:
        return [
            value[:, None] if isinstance(value, np.ndarray) else value for value in self.phi(thetas)
        ]

    def _weighted(self, rows: Any, eta: Array, phi: list[Array | float]) -> Array:
        values = self.family.log_likelihood(rows.y, eta, phi, rows.trials)
        if rows.weights is None:
            return values
        with np.errstate(invalid="ignore"):
            return np.where(rows.weights == 0, 0.0, rows.weights * values)

    def _map_rows(
        self, thetas: Array, function: Callable[[Any, Array], Array], most: int
    ) -> Iterable[Array]:
        w = thetas[:, : self.n_coefficients]
        for rows in self.blocks(max(16, min(most, DRAWS * DRAWS // max(len(thetas), 1)))):
            yield function(rows, w @ rows.X.T + rows.offset)


def _times(d: Derivatives, weights: Array) -> Derivatives:
    counted = weights > 0

    def times(values: Array) -> Array:
        return np.where(counted, weights * np.where(counted, values, 0.0), 0.0)

    return Derivatives(
        times(d.value),
        times(d.eta),
        times(d.eta_eta),
        tuple(map(times, d.phi)),
        tuple(map(times, d.eta_phi)),
        tuple(tuple(map(times, row)) for row in d.phi_phi),
    )
