"""Nested Laplace: the coefficients by a Gaussian at every point of the scales' posterior.

psi holds the logarithms of the free dispersions and of the learned scales. Given psi the
coefficients have a mode w*(psi) and a curvature H(psi), and the marginal density is

    log p(psi | y) = log p(y, w*, psi) - log det(H) / 2 + constant

(Tierney & Kadane 1986, equation 4.1; Rue, Martino & Chopin 2009, equation 3). It is looked at along
the axes of its own curvature around its mode. What is seen there makes a proposal: a split
Student t for psi, and given psi a Gaussian whose mean and factor are, beside what a learned scale
does to a single coefficient, polynomials in psi. That is a density like any other, so importance
weights correct the joint draws for all that is approximate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from scipy.linalg.lapack import dpotrf, dtrtri

from bayesglm.errors import ConvergenceError
from bayesglm.inference.modes.judge import judge
from bayesglm.inference.modes.solve import with_moments
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.weights.proposals import NARROWEST, WIDEST, SplitNormal
from bayesglm.numerics.density.likelihood import CELLS
from bayesglm.numerics.priors.level_shrinkage import LevelShrinkage, level_shrinkage
from bayesglm.numerics.priors.shrinkage import Shrinkage, in_directions, shrinkage
from bayesglm.numerics.rows.parallel import share_out, unthreaded_products
from bayesglm.numerics.solvers.hilltop import hilltop

Array = np.ndarray
# Parameters beside the coefficients, at which a hundred points are solved: three effects that
# correlate, beside sigma; chosen.
MOST_SCALES = 7
MOST_NUMBERS = 50_000_000  # of all polynomials' coefficients
PROBES = (1.0, 2.0, 3.0)  # steps of one sd along each axis
CORNER = 1.5  # steps along two axes at once, where their interaction is fitted: chosen
DF = 8.0  # tails of the proposal for psi
FURTHEST = 3.5  # sd; beyond, the conditional Gaussian is that of the edge
DEGREE = 3  # of polynomials on each side of the mode, one for each of the PROBES
LITTLE = 9.0  # nats below the mode, where next to no mass is left
STRETCH = 1.4  # factor by which a reach that leaves out mass grows at a time: chosen
MOST_REACH = 12.0  # of one side, in steps of one sd: a bound
FEWEST = 256  # draws that are placed together


@dataclass(frozen=True)
class Conditional:
    """The coefficients given psi: log p(psi | y), their mode, and an upper factor of H^-1.

    The factor is one along the directions of priors whose scales are learned.
    """

    log_marginal: float
    mode: Array
    factor: Array
    gradient_norm: float


@dataclass(frozen=True)
class Nested:
    """A proposal for theta = (w, psi): psi by ``outer``, then w = mean(psi) + factor(psi) zeta.

    Polynomials in the standardised psi, in units of ``reach`` ``(2, d)`` to the left and right,
    with coefficients ``means`` ``(basis, p)``, ``log_diagonals`` ``(basis, p)`` and ``factors``
    ``(basis, p, p)``, relative to the diagonal of their column and without it, are what remains of
    mean and factor when those of single coefficients are taken out: ``shrinkages``.
    """

    outer: SplitNormal
    means: Array
    factors: Array
    log_diagonals: Array
    reach: Array
    shrinkages: tuple[Shrinkage | LevelShrinkage, ...]
    centre: Conditional
    n_solved: int
    name: str = "nested Gaussian"

    def heavier(self) -> Nested:
        """Return the same with heavier tails of psi."""
        return replace(self, outer=self.outer.heavier(), name=f"{self.name}, heavier-tailed")

    def draw(self, rng: np.random.Generator, n: int) -> tuple[Array, Array]:
        """Return draws of theta ``(n, size)`` and their log densities."""
        p = self.means.shape[1]
        psi, log_q = self.outer.draw(rng, n)
        theta = np.hstack([rng.standard_normal((n, p)), psi])
        step = max(FEWEST, CELLS // (4 * theta.shape[1]))

        def work(starts: Sequence[int]) -> None:
            for start in starts:
                some = slice(start, start + step)
                log_q[some] += self._place(theta[some])

        share_out(range(0, n, step), work)
        return theta, log_q

    def _place(self, theta: Array) -> Array:
        """Turn zeta, in place of w in theta ``(n, size)``, into w; return log q(w given psi)."""
        p = self.means.shape[1]
        zeta, psi = theta[:, :p], theta[:, p:]
        z = np.linalg.solve(self.outer.factor, (psi - self.outer.mode).T).T
        basis = _basis(z, self.reach)
        log_diagonal = basis @ self.log_diagonals
        log_q = -log_diagonal.sum(axis=1) - 0.5 * np.vecdot(zeta, zeta)
        scaled = np.exp(log_diagonal) * zeta
        noise = scaled.copy()
        for weight, factor in zip(basis.T, self.factors, strict=True):
            noise += weight[:, None] * (scaled @ factor.T)
        pull = basis @ self.means
        theta[:, :p] = noise + pull
        for one in self.shrinkages:
            where = one.where
            theta[:, where], volume = one.placed(theta, noise[:, where], pull[:, where])
            log_q -= volume
        return log_q - 0.5 * p * np.log(2.0 * np.pi)


def nested_proposal(problem: Problem) -> Nested:
    """Explore the posterior of the scales; raises as `scales_at_mode` does."""
    _refuse_many(problem)
    with _quiet(problem):
        given = conditionals(problem)
        return _explored(problem, given, *_mode_and_factor(problem, given))


def scales_at_mode(problem: Problem) -> tuple[Array, Array]:
    """Return the mode of psi's posterior, and a factor of the covariance that its curvature says.

    Raises ConvergenceError where there are too many scales, or no mode of theirs.
    """
    _refuse_many(problem)
    with _quiet(problem):
        return _mode_and_factor(problem, conditionals(problem))


def _refuse_many(problem: Problem) -> None:
    p = problem.unconstrained.n_coefficients
    d = problem.unconstrained.size - p
    if d > MOST_SCALES:
        raise ConvergenceError(
            f"nested Laplace looks at {MOST_SCALES} scales and dispersions at most, not at {d}"
        )
    if _basis(np.zeros((1, d)), np.ones((2, d))).size * p * p > MOST_NUMBERS:
        raise ConvergenceError(f"nested Laplace is not for {p} coefficients beside {d} scales")


@contextmanager
def _quiet(problem: Problem) -> Iterator[None]:
    """Keep small products to one thread, and let solvers try points where numbers overflow."""
    size = problem.unconstrained.n_coefficients
    with unthreaded_products(size), np.errstate(over="ignore", invalid="ignore"):
        yield


def _mode_and_factor(
    problem: Problem, given: Callable[[Array], Conditional]
) -> tuple[Array, Array]:
    p = problem.unconstrained.n_coefficients

    def log_marginal(psi: Array) -> float:
        try:
            return given(psi).log_marginal
        except ConvergenceError:  # far from where the posterior lies
            return -np.inf

    top = hilltop(log_marginal, problem.start(problem.unconstrained)[p:])
    if top is None:
        raise ConvergenceError(
            f"no mode of the {problem.unconstrained.size - p} scales and dispersions was found; "
            "their posterior may be at a boundary"
        )
    values, vectors = np.linalg.eigh(top.precision)
    return top.x, vectors / np.sqrt(values)


def conditionals(problem: Problem) -> Callable[[Array], Conditional]:
    """Return the function that solves for the coefficients given psi, each time from the last."""
    objective = problem.unconstrained
    p = objective.n_coefficients
    x = problem.start(objective)[:p]
    # Directions that turn with psi are no axes of polynomials in psi.
    still = tuple(part for part in objective.coefficients if not part.structure.turns)
    moments = None
    if objective.family.quadratic:
        moments = with_moments(objective, problem.start(objective)).moments

    def given(psi: Array) -> Conditional:
        nonlocal x
        theta = np.concatenate([np.zeros(p), psi])
        fixed = replace(objective.given(theta), moments=moments)
        found = judge(fixed, x)
        x = found.x
        curvature = in_directions(still, -fixed.evaluate(x).hessian, theta)
        lower, failed = dpotrf(curvature, lower=True, clean=True)
        if failed or not np.isfinite(lower).all():
            raise ConvergenceError("the coefficients' curvature at their mode is not definite")
        log_det = 2.0 * np.log(np.diagonal(lower)).sum()
        value = found.value + float(objective.log_prior_of_others(theta))
        value += 0.5 * p * np.log(2.0 * np.pi) - 0.5 * log_det
        return Conditional(value, x, dtrtri(lower, lower=True)[0].T, found.gradient_norm)

    return given


def _explored(
    problem: Problem, given: Callable[[Array], Conditional], psi: Array, factor: Array
) -> Nested:
    """Solve at points around the mode of psi, and lay polynomials through what is found there."""
    d, centre = len(psi), given(psi)
    top, p = centre.log_marginal, len(centre.mode)
    reach = np.array(
        [[_reach(given, psi, sign * axis, top) for axis in factor.T] for sign in (-1, 1)]
    )
    points = [np.zeros(d)]
    points += [sign * far * axis for axis in np.eye(d) for sign in (-1.0, 1.0) for far in PROBES]
    for i, j in combinations(range(d), 2):
        for one in (-CORNER, CORNER):
            for other in (-CORNER, CORNER):
                points.append(one * np.eye(d)[i] + other * np.eye(d)[j])
    z = np.array([point * np.where(point < 0.0, *reach) for point in points])
    found = [centre, *(given(psi + factor @ step) for step in z[1:])]
    drops = top - np.array([one.log_marginal for one in found])
    far = np.array(PROBES)
    widths = far / np.sqrt(2.0 * np.maximum(drops[1 : 1 + 2 * len(far) * d], 1e-3).reshape(-1, 3))
    sides = np.clip(widths.max(axis=1), NARROWEST, WIDEST).reshape(d, 2) * reach.T
    outer = SplitNormal("split Student t", psi, factor, sides[:, 0], sides[:, 1], DF)
    shrinkages = _shrinkages(problem, np.concatenate([centre.mode, psi]))
    thetas = np.hstack([[one.mode for one in found], psi + z @ factor.T])
    means, factors = thetas[:, :p].copy(), np.array([one.factor for one in found])
    for of_run in shrinkages:
        where = of_run.where
        means[:, where] = of_run.pulls(thetas, means[:, where])
        factors[:, where] = of_run.units(thetas, factors[:, where])
    diagonals = np.diagonal(factors, axis1=1, axis2=2)
    near = np.exp(-np.minimum(drops, 8.0) / 4.0)[:, None]
    solve = np.linalg.pinv(near * _basis(z, reach)) * near.T
    return Nested(
        outer,
        solve @ means,
        np.tensordot(solve, np.triu(factors / diagonals[:, None, :], 1), 1),
        solve @ np.log(diagonals),
        reach,
        shrinkages,
        centre,
        len(found),
    )


def _shrinkages(problem: Problem, theta: Array) -> tuple[Shrinkage | LevelShrinkage, ...]:
    """Return what learned scales do to the coefficients, from the information at a point."""
    given = problem.unconstrained.given(theta)
    every = np.arange(given.n_coefficients)
    curvature = given.likelihood_curvature(theta[: len(every)], every)
    learning = (part for part in problem.unconstrained.coefficients if part.learned is not None)
    return tuple(
        level_shrinkage(part, curvature)
        if part.structure.turns
        else shrinkage(part, curvature, theta)
        for part in learning
    )


def _reach(given: Callable[[Array], Conditional], psi: Array, step: Array, top: float) -> float:
    """Return how many sds a step along an axis takes, so that three leave next to no mass beyond.

    A scale of which the data say little has a long way to zero, on which its coefficients shrink
    with it: weights would not tell that a proposal never goes there.
    """
    reach = 1.0
    while reach < MOST_REACH and top - given(psi + 3.0 * reach * step).log_marginal < LITTLE:
        reach *= STRETCH
    return reach


def _basis(z: Array, reach: Array) -> Array:
    """Return polynomials of standardised psi ``(n, d)``: of each to each side, products of two."""
    left, right = (np.minimum(np.abs(z) / far, FURTHEST) for far in reach)
    sides = np.hstack([np.where(z < 0.0, left, 0.0), np.where(z < 0.0, 0.0, right)])
    powers = [sides**k for k in range(1, DEGREE + 1)]
    both = np.where(z < 0.0, -left, right)
    products = [both[:, [i]] * both[:, [j]] for i, j in combinations(range(z.shape[1]), 2)]
    return np.hstack([np.ones((len(z), 1)), *powers, *products])
