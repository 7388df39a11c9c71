"""Predictive densities of a gaussian response, in closed form but for sigma.

For the identity link under Gaussian priors: given sigma the coefficients are normal, and so is a
response that was not seen,

    y_i | sigma  ~  Normal(offset_i + x_i m(sigma), sigma^2 / weight_i + x_i V(sigma) x_i'),

and the trapezoidal rule over sigma's own posterior, smooth and next to nothing at its ends, gives
the rest. A weight is an exponent of the density: p^weight is that normal times what is known.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from bayesglm.inference.modes.optimum import find_mode
from bayesglm.inference.problem.centring import Centred, centred
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.problem.row_space import in_row_space
from bayesglm.inference.weights.sigma import has_sigma_first, sigma_first
from bayesglm.numerics.density.channels import predictors
from bayesglm.numerics.density.conjugate import LOG_2_PI, is_gaussian_given_sigma
from bayesglm.numerics.density.likelihood import block_rows, rotated_rows
from bayesglm.numerics.density.near import log_averages
from bayesglm.numerics.rows.parallel import unthreaded_products
from bayesglm.numerics.rows.rows import Rows

Array = np.ndarray
# From point to point of the grid of sigma. Of the first there are some 40 nodes, about 0.4 of its
# sds apart, for which the rule is exact to rounding where it is near a normal. As many coefficients
# as rows leave a long tail towards zero, and a top that is narrow beside it.
EVERY = 100, 50, 25, 10, 5
EXACT = 1e-10  # share of the sum over all points by which that over some of them may err: chosen
MOST = 1000  # coefficients, of more, the covariance is too large for each fold: chosen


class GivenSigma(NamedTuple):
    """The posterior at nodes of sigma: w = ``means (k, p)`` + basis u, u_j ~ N(0, variances_kj).

    ``theta (draws, size)`` are natural draws of it.
    """

    shares: Array
    sigma: Array
    means: Array
    basis: Array
    variances: Array
    theta: Array

    def log_densities(self, problem: Problem) -> Array:
        """Return the log predictive densities ``(rows,)`` of a problem's rows."""
        source = problem.natural.source
        densities = np.empty(source.n_rows)

        def work(run: Iterable[Rows]) -> None:
            for rows in run:
                (own,) = rotated_rows(rows, lambda X: X @ self.basis)
                of_mean = self.variances @ np.square(own).T
                away = rows.y - predictors(rows, self.means)[0]
                values = _log_normal(away, self.sigma[:, None], of_mean, rows.weights)
                densities[rows.place] = log_averages(values, self.shares[None])[0]

        source.reduce(work, block_rows(self.means.shape[1], len(self.means)))
        return densities


def _log_normal(away: Array, sigma: Array, of_mean: Array, weights: Array | None) -> Array:
    """Return log E p(y)^weight, where E y is normal with variance ``of_mean``."""
    if weights is None:
        every = sigma**2 + of_mean
        return -0.5 * (LOG_2_PI + np.log(every) + away**2 / every)
    counted = np.where(weights > 0.0, weights, 1.0)
    noise = sigma**2 / counted
    every = noise + of_mean
    known = -counted * (0.5 * LOG_2_PI + np.log(sigma)) + 0.5 * (LOG_2_PI + np.log(noise))
    values = known - 0.5 * (LOG_2_PI + np.log(every) + away**2 / every)
    return np.where(weights > 0.0, values, 0.0)


def has_form(problem: Problem) -> bool:
    """Say whether all but sigma is normal, and nothing else is learned."""
    is_known = not problem.learned and not problem.pooled
    return is_known and is_gaussian_given_sigma(problem.unconstrained)


def given_sigma(problem: Problem, draws: int, rng: np.random.Generator) -> GivenSigma | None:
    """Return the posterior of a problem; None where it has no such form. Raises as `find_mode`."""
    objective = problem.unconstrained
    if not has_form(problem) or objective.n_coefficients > MOST:
        return None
    centre = centred(problem)
    if in_row_space(centre.problem).spans:
        return None
    with unthreaded_products(objective.size):
        if has_sigma_first(problem):
            return _learned(centre, draws, rng)
        return with_sigma(centre, draws, rng)


def _learned(centre: Centred, draws: int, rng: np.random.Generator) -> GivenSigma:
    inner = centre.problem
    first = sigma_first(inner)
    at = first.grid[:: _every(first.log_density)]
    # As far again, where sigma is what rows far out would have it.
    at = np.concatenate([at, at[-1] + (at[1:] - at[0])])
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        logs = first.given.log_marginal(at)
        logs = np.where(np.isfinite(logs), logs, -np.inf)
        shares = np.exp(logs - logs.max())
    p, given = inner.unconstrained.n_coefficients, first.given
    means = given.coefficients(at, np.zeros((len(at), p)))[0]
    whole = centre.raw_unconstrained(np.column_stack([means, at]))
    natural = centre.problem.natural_thetas(whole)
    raw = centre.raw_unconstrained(first.draw(rng, draws)[0])
    return GivenSigma(
        shares / shares.sum(),
        np.asarray(inner.natural.phi(natural)[0]),
        natural[:, :p],
        _raw_basis(centre, given.basis),
        given.variances(at),
        centre.problem.natural_thetas(raw),
    )


def _every(log_density: Array) -> int:
    """Return the longest way from point to point, by which a rule tells all of a density."""
    density = np.exp(log_density)
    total = density.sum()
    return next(
        (k for k in EVERY if abs(k * density[::k].sum() - total) < EXACT * total), EVERY[-1]
    )


def with_sigma(centre: Centred, draws: int, rng: np.random.Generator) -> GivenSigma:
    """Return the posterior where sigma is not learned, at its only node."""
    inner = centre.problem
    objective = inner.unconstrained
    mode = np.array(find_mode(inner, objective).x)
    precision = -objective.evaluate(mode).hessian
    scale = 1.0 / np.sqrt(np.diagonal(precision))
    root = np.linalg.cholesky(precision * np.outer(scale, scale))
    basis = scale[:, None] * np.linalg.inv(root).T
    theta = mode + rng.standard_normal((draws, len(mode))) @ basis.T
    return GivenSigma(
        np.ones(1),
        np.array([float(objective.phi(mode)[0])]),
        centre.raw(mode)[None],
        _raw_basis(centre, basis),
        np.ones((1, len(mode))),
        centre.raw(theta),
    )


def _raw_basis(centre: Centred, basis: Array) -> Array:
    """Return directions of the coefficients of the problem as it was."""
    if centre.shift is None:
        return basis
    raw = np.array(basis)
    raw[centre.place] -= centre.shift @ basis
    return raw
