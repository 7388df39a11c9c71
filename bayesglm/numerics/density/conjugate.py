"""A gaussian response with the identity link under Gaussian priors: all is known given sigma.

Given sigma the coefficients have the precision X'X / sigma^2 + P, P being that of their priors. In
a basis in which X'X / s^2 and P are diagonal together, for one s and so for every sigma (Golub &
Van Loan 2013, Matrix Computations, 8.7.2), each direction has a mean and a variance of its own, and
log p(y, sigma) is a sum over the directions (Gelman et al. 2013, Bayesian Data Analysis, 14.2).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from bayesglm.errors import ConvergenceError
from bayesglm.numerics.density.likelihood import CELLS
from bayesglm.numerics.density.moments import Moments
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.theta.parameter import Parameter

Array = np.ndarray
LEAST = 1e-13  # share of a precision, which rounding leaves of none
LOG_2_PI = float(np.log(2.0 * np.pi))


def is_gaussian_given_sigma(objective: Objective) -> bool:
    """Say whether the coefficients' posterior is a Gaussian, dispersions and scales given."""
    smooth = all(part.prior.quadratic for part in objective.coefficients)
    straight = smooth and objective.registry.straight
    return objective.family.quadratic and straight and not objective.kinks.any


@dataclass(frozen=True)
class Conjugate:
    """The posterior of w = anchor + basis u and of sigma, anchor being that of the ``moments``.

    Of the directions u_j the data say N(``data_at``, (rho ``of_data``)^-1) with rho = (``unit`` /
    sigma)^2, the priors N(``prior_at``, ``of_prior``^-1); the two precisions add up to 1 where
    rho = 1. ``squares`` are the least of the residuals' squares, in units of ``unit``^2. What is
    told ``at`` an entry of theta is told at the ``sigma`` that it stands for.
    """

    moments: Moments
    basis: Array
    log_volume: float
    of_data: Array
    of_prior: Array
    data_at: Array
    prior_at: Array
    squares: float
    unit: float
    constant: float
    sigma: Parameter

    def _log_sigma(self, at: Array) -> Array:
        """Return the logarithms of sigma ``(k,)``, in which both densities are written."""
        return self.sigma.log_natural(at[:, None])[:, 0]

    def _precisions(self, at: Array) -> tuple[Array, Array, Array]:
        """Return rho ``(k, 1)``, and the precisions from the data and in all ``(k, p)``."""
        rho = np.exp(2.0 * (np.log(self.unit) - self._log_sigma(at)))[:, None]
        data = rho * self.of_data
        return rho, data, data + self.of_prior

    def log_marginal(self, at: Array) -> Array:
        """Return log p(y, sigma) ``(k,)`` at many entries of theta, as a density of these."""
        total = self.sigma.log_density(at[:, None])
        total += self.constant + self.log_volume - self.moments.count * self._log_sigma(at)
        apart = np.square(self.data_at - self.prior_at)
        step = max(1, CELLS // max(len(apart), 1))
        for start in range(0, len(at), step):
            some = slice(start, start + step)
            rho, data, every = self._precisions(at[some])
            misfit = rho[:, 0] * self.squares + (data / every * self.of_prior) @ apart
            total[some] -= 0.5 * (misfit + np.log(every).sum(axis=1))
        return total

    def variances(self, at: Array) -> Array:
        """Return the variances ``(k, p)`` of the directions u given sigma."""
        return 1.0 / self._precisions(at)[2]

    def coefficients(self, at: Array, zeta: Array) -> tuple[Array, Array]:
        """Return w ``(k, p)`` made of standard normal zeta, and their log densities given sigma."""
        _, data, every = self._precisions(at)
        u = (data * self.data_at + self.of_prior * self.prior_at) / every + zeta / np.sqrt(every)
        log_q = 0.5 * np.log(every).sum(axis=1) - 0.5 * np.vecdot(zeta, zeta) - self.log_volume
        return self.moments.anchor + u @ self.basis.T, log_q - 0.5 * zeta.shape[1] * LOG_2_PI


def conjugate(objective: Objective, take: Callable[[Array], Moments], start: Array) -> Conjugate:
    """Diagonalise the posterior given sigma of an objective; ``take`` takes moments around a w.

    ``start`` is a theta whose sigma has the order of the response's. Raises ConvergenceError where
    nothing holds a direction of the coefficients.
    """
    p, unit = objective.n_coefficients, float(objective.phi(start)[0])
    taken = take(start[:p])
    precision = objective.priors.curvature(start, np.arange(p))
    centre, constant = _centre(objective)
    basis, log_volume, of_prior = _diagonalised(taken.gram / unit**2, precision)
    of_data = np.where(of_prior > 1.0 - LEAST, 0.0, 1.0 - of_prior)
    of_prior = np.where(of_prior < LEAST, 0.0, of_prior)
    known = of_data > 0.0

    def towards_data() -> Array:
        pull = basis.T @ taken.pull / unit**2
        return np.divide(pull, of_data, out=np.zeros(p), where=known)

    # Around the least squares themselves, to lose no digits of the residuals.
    taken = take(taken.anchor + basis @ towards_data())
    data_at = towards_data()
    held = basis.T @ (precision @ (centre - taken.anchor))
    prior_at = np.divide(held, of_prior, out=np.zeros(p), where=of_prior > 0.0)
    squares = taken.squares / unit**2 - float(of_data @ data_at**2)
    constant += 0.5 * (p - taken.count) * LOG_2_PI
    (sigma,) = objective.free
    return Conjugate(
        taken,
        basis,
        log_volume,
        of_data,
        of_prior,
        data_at,
        prior_at,
        max(squares, 0.0),
        unit,
        constant,
        sigma,
    )


def _centre(objective: Objective) -> tuple[Array, float]:
    """Return where the priors of w have their maximum, and the log density there."""
    centre, constant = np.zeros(objective.n_coefficients), 0.0
    for part in objective.coefficients:
        centre[part.where] = part.loc
        constant += float(part.total(centre[part.where]))
    return centre, constant


def _diagonalised(information: Array, precision: Array) -> tuple[Array, float, Array]:
    """Return V with V'(information + precision)V = 1, log |det V|, and V' precision V."""
    total = information + precision
    scale = 1.0 / np.sqrt(np.diagonal(total))
    try:
        lower = np.linalg.cholesky(total * np.outer(scale, scale))
    except np.linalg.LinAlgError as error:
        raise ConvergenceError("nothing holds a direction of the coefficients") from error
    half = solve_triangular(lower, precision * np.outer(scale, scale), lower=True)
    shares, turn = np.linalg.eigh(solve_triangular(lower, half.T, lower=True))
    basis = scale[:, None] * solve_triangular(lower, turn, lower=True, trans="T")
    log_volume = float(np.log(scale).sum() - np.log(np.diagonal(lower)).sum())
    return basis, log_volume, np.clip(shares, 0.0, 1.0)
