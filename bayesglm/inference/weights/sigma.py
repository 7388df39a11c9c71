"""A proposal that is the posterior: sigma from its own density, then the coefficients given it.

For a gaussian response with the identity link under Gaussian priors, where sigma is learned. No
Gaussian follows coefficients and log(sigma) together when the data are few, and importance weights
that are kept or refused by what they look like favour pools that miss its tail.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesglm.errors import ModelError
from bayesglm.inference.modes.exact import has_tiny_noise, reproduced
from bayesglm.inference.modes.identified import check_identified
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.weights.log_linear import LogLinear
from bayesglm.numerics.density.conjugate import Conjugate, conjugate, is_gaussian_given_sigma
from bayesglm.numerics.density.moments import Moments, moments
from bayesglm.numerics.theta.transforms import FAR_OUT

Array = np.ndarray
POINTS = 4001  # of the grid of sigma's place in theta
DEPTH = 36.0  # nats below its top at which the density ends: 2e-16 of it
MOST_ROUNDS = 20  # of narrowing the grid, each by a factor of hundreds at best


@dataclass(frozen=True)
class SigmaFirst:
    """Sigma by a density that is log-linear between ``grid`` in theta, then w given it."""

    given: Conjugate
    grid: Array
    log_density: Array
    name: str = "sigma-first"

    def heavier(self) -> SigmaFirst:
        """Return the same: it is the posterior, in its tails as well."""
        return self

    @property
    def mode(self) -> Array:
        """The most probable place of sigma, after the coefficients' mean given it."""
        at = self.grid[[np.argmax(self.log_density)]]
        w, _ = self.given.coefficients(at, np.zeros((1, len(self.given.basis))))
        return np.append(w[0], at)

    def draw(self, rng: np.random.Generator, n: int) -> tuple[Array, Array]:
        """Return ``n`` draws ``(n, size)`` and their log densities.

        Those of sigma are stratified (`LogLinear`).
        """
        at, of_sigma = LogLinear(self.grid, self.log_density).draw(rng, n)
        zeta = rng.standard_normal((n, len(self.given.basis)))
        w, log_q = self.given.coefficients(at, zeta)
        return np.column_stack([w, at]), log_q + of_sigma


def has_sigma_first(problem: Problem) -> bool:
    """Say whether there is a sigma to learn, given which the coefficients are Gaussian."""
    objective = problem.unconstrained
    return bool(objective.free) and not problem.learned and is_gaussian_given_sigma(objective)


def sigma_first(problem: Problem) -> SigmaFirst:
    """Lay a grid over the posterior of sigma, by its place in theta.

    Raises
    ------
    DataError
        Columns that are linear combinations of others under flat priors.
    ModelError
        The posterior of sigma is improper.
    """
    check_identified(problem)
    objective, gram = problem.unconstrained, None

    def taken(w: Array) -> Moments:
        nonlocal gram
        known = moments(objective.rowwise, w, gram)
        gram = known.gram
        return known

    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        given = conjugate(objective, taken, problem.start(objective))
        _refuse_reproduced(problem, given)
        return SigmaFirst(given, *_grid(problem, given))


def _refuse_reproduced(problem: Problem, given: Conjugate) -> None:
    """Raise where no residuals are left of more samples than there are directions to fit.

    The posterior of sigma then goes like sigma^(rank - n) near zero, whatever the proper priors of
    the coefficients; n are the samples, each as often as its weight says.
    """
    count, rank = given.moments.count, np.count_nonzero(given.of_data)
    least = given.unit * np.sqrt(max(given.squares / count, np.finfo(float).tiny))
    at = given.sigma.transform.inner(np.array([least]))
    nearest = np.append(given.moments.anchor, at)
    if count > rank and has_tiny_noise(problem, nearest):
        raise reproduced(problem, count)


def _grid(problem: Problem, given: Conjugate) -> tuple[Array, Array]:
    """Return an even grid of sigma's place that ends where the density does, and log densities."""
    first, last = -FAR_OUT, FAR_OUT
    for narrowing in range(MOST_ROUNDS):
        grid = np.linspace(first, last, POINTS)
        values = given.log_marginal(grid)
        values = np.where(np.isfinite(values), values, -np.inf)
        inside = np.flatnonzero(values > values.max() - DEPTH)
        if not narrowing and (inside[0] == 0 or inside[-1] == POINTS - 1):
            break
        if len(inside) > POINTS // 2:
            return grid, np.maximum(values, values.max() - 2.0 * DEPTH) - values.max()
        first = grid[max(inside[0] - 1, 0)]
        last = grid[min(inside[-1] + 1, POINTS - 1)]
    raise ModelError(
        f"{problem.plan.model.response!r}{problem.where}: the posterior of the dispersion is "
        "improper: the samples say too little of it. Give it a proper prior "
        "(dispersion=bg.HalfNormal(1.0), say), or fix it (dispersion=1.0)."
    )
