"""Posteriors of what stands above the effects of levels, by integrating these out.

An oracle where a sampler would take hours: the effects' integrals are done by quadrature or in
closed form, and what remains, in a handful of dimensions, is drawn from a Student t at its mode and
weighted. Nothing is shared with the package.
"""

from collections.abc import Callable

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from scipy.special import logsumexp, wrightomega

from benchmarks.sampling import Reference
from benchmarks.work import Array, Spec, Work, make

_NODES = 15
_DF = 8.0
_STEP = 0.1  # of finite differences, in units of a first guess at the standard deviation


def refer_poisson(spec: Spec, draws: int = 1000) -> Reference:
    """Return intercept, coefficients and scale of counts with one grouping."""
    work = make(spec)
    p = spec.p
    rate = max(float(work.y.mean()), 0.1)
    start = np.concatenate([[np.log(rate)], np.zeros(p), [np.log(0.5)]])
    guess = np.concatenate(
        [
            [0.5 / np.sqrt(spec.levels[0])],
            np.full(p, 1.0 / np.sqrt(spec.n * rate)),
            [1.0 / np.sqrt(spec.levels[0])],
        ]
    )
    rng = np.random.default_rng(0)
    points, log_weights = _weighted(_poisson_density(work), start, guess, draws, rng)
    top = np.column_stack([points[:, :-1], np.exp(points[:, -1])])
    return _summary(top, log_weights)


def _poisson_density(work: Work) -> Callable[[Array], float]:
    """Return the log density of (b, w, log scale), up to a constant.

    Of a level with counts that sum to Y and rates without its effect that sum to E, log of the
    integral of exp(Y u - E exp(u)) Normal(u; 0, scale^2), by Gauss-Hermite nodes around the mode:
    v + log v = log(scale^2 E) + scale^2 Y for v = scale^2 Y - u.
    """
    level, many = work.groups[:, 0], work.spec.levels[0]
    X = np.column_stack([np.ones(work.spec.n), work.X])
    onto_y, counts = X.T @ work.y, np.bincount(level, work.y, many)
    nodes, weights = np.polynomial.hermite.hermgauss(_NODES)

    def density(t: Array) -> float:
        w, variance = t[:-1], np.exp(2.0 * t[-1])
        rates = np.bincount(level, np.exp(X @ w), many)
        mode = variance * counts - wrightomega(np.log(variance * rates) + variance * counts)
        spread = np.sqrt(2.0 / (1.0 / variance + rates * np.exp(mode)))
        peak = counts * mode - rates * np.exp(mode) - mode**2 / (2.0 * variance)
        total = np.zeros(many)
        for node, weight in zip(nodes, weights, strict=True):
            u = mode + node * spread
            here = counts * u - rates * np.exp(u) - u**2 / (2.0 * variance)
            total += weight * np.exp(here - peak + node**2)
        levels = np.sum(peak + np.log(total * spread)) - many * t[-1]
        prior = -np.sum((w / np.r_[2.5, np.ones(len(w) - 1)]) ** 2) / 2 - variance / 2 + t[-1]
        return float(onto_y @ w + levels + prior)

    return density


def refer_crossed(spec: Spec, draws: int = 300) -> Reference:
    """Return intercept, coefficients, sigma and scales of a gaussian response, two groupings."""
    work = make(spec)
    rng = np.random.default_rng(0)
    given = _crossed(work)
    start = np.log([1.0, 0.5, 0.5])
    guess = 1.0 / np.sqrt([2.0 * spec.n, 2.0 * spec.levels[0], 2.0 * spec.levels[1]])
    points, log_weights = _weighted(lambda t: given(t)[0], start, guess, draws, rng)
    top = []
    for t in points:
        _, mean, factor = given(t)
        w = mean + factor @ rng.normal(size=len(mean))
        top.append(np.concatenate([w, np.exp(t)]))
    return _summary(np.array(top), log_weights)


def _crossed(work: Work) -> Callable[[Array], tuple[float, Array, Array]]:
    """Return log p(log sigma, log scales given y), and mean and factor of (b, w) given these.

    The first grouping's effects are eliminated, whose block is diagonal; the second's stand with
    the coefficients in one dense block.
    """
    spec, n = work.spec, work.spec.n
    first, second = work.groups.T
    Z = csr_matrix((np.ones(n), (np.arange(n), first)))
    by_second = csr_matrix((np.ones(n), (np.arange(n), second)))
    X = np.column_stack([np.ones(n), work.X])
    many = spec.levels[1]
    rows = np.asarray(Z.sum(axis=0)).ravel()
    cross = np.hstack([(Z.T @ by_second).toarray(), Z.T @ X])
    inner = np.empty((many + X.shape[1],) * 2)
    inner[:many, :many] = (by_second.T @ by_second).toarray()
    inner[:many, many:] = by_second.T @ X
    inner[many:, :many] = inner[:many, many:].T
    inner[many:, many:] = X.T @ X
    y_first, y_inner = Z.T @ work.y, np.concatenate([by_second.T @ work.y, X.T @ work.y])
    y_square = float(work.y @ work.y)
    of_w = np.r_[2.5**-2, np.ones(spec.p)]

    def given(t: Array) -> tuple[float, Array, Array]:
        sigma2, first2, second2 = np.exp(2.0 * t)
        prior = np.concatenate([np.full(many, 1.0 / second2), of_w])
        block = rows / sigma2 + 1.0 / first2
        scaled = cross / (sigma2 * block[:, None])
        schur = inner / sigma2 - cross.T @ scaled / sigma2
        schur[np.diag_indices_from(schur)] += prior
        factor, lower = cho_factor(schur, lower=True)
        right = y_inner / sigma2 - scaled.T @ y_first / sigma2
        mean = cho_solve((factor, lower), right)
        fitted = np.sum((y_first / sigma2) ** 2 / block) + right @ mean
        log_det = np.sum(np.log(block)) + 2.0 * np.sum(np.log(np.diag(factor)))
        log_det += spec.levels[0] * np.log(first2) - np.sum(np.log(prior)) + n * np.log(sigma2)
        above = -np.sum(np.exp(2.0 * t)) / 2 + np.sum(t)
        # The last rows of the factor are the factor of what remains for the coefficients.
        last = solve_triangular(factor[many:, many:], np.eye(len(of_w)), lower=True).T
        return float(-(log_det + y_square / sigma2 - fitted) / 2 + above), mean[many:], last

    return given


def _weighted(
    density: Callable[[Array], float],
    start: Array,
    guess: Array,
    draws: int,
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    """Draw from a Student t at the mode: points (draws, d), and their log weights."""

    def down(z: Array) -> float:
        return -density(start + guess * z)

    z = minimize(down, np.zeros(len(start)), method="BFGS", options={"gtol": 1e-2}).x
    factor = guess[:, None] * np.linalg.inv(np.linalg.cholesky(_hessian(down, z))).T
    mode, d = start + guess * z, len(z)
    chi = np.sqrt(rng.chisquare(_DF, draws) / _DF)
    unit = rng.normal(size=(draws, d)) / chi[:, None]
    points = mode + unit @ factor.T
    log_proposal = -(_DF + d) / 2 * np.log1p(np.sum(unit**2, axis=1) / _DF)
    return points, np.array([density(point) for point in points]) - log_proposal


def _hessian(function: Callable[[Array], float], z: Array) -> Array:
    """Return second derivatives by central differences."""
    unit = _STEP * np.eye(len(z))
    return np.array(
        [
            [
                function(z + one + two)
                - function(z + one - two)
                - function(z - one + two)
                + function(z - one - two)
                for two in unit
            ]
            for one in unit
        ]
    ) / (4.0 * _STEP**2)


def _summary(top: Array, log_weights: Array) -> Reference:
    weights = np.exp(log_weights - logsumexp(log_weights))
    size = 1.0 / np.sum(weights**2)
    mean = weights @ top
    sd = np.sqrt(weights @ (top - mean) ** 2)
    return Reference(mean, sd, sd / np.sqrt(size), sd / np.sqrt(2.0 * size))
