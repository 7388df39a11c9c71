"""Leave-one-out densities of a gaussian response, in closed form but for sigma.

For the identity link under Gaussian priors. Given sigma the linear predictors of some rows are
normal; with r how far y lies from their means, and H their covariance, both in units of the rows'
own standard deviations sigma / sqrt(weight),

    log p(y_i | y_-i, sigma)  =  c + (log |1 - H| - r' (1 - H)^-1 r) / 2,

c being what the rows' density is at its top, to the power of their weights (H are leverages: Cook &
Weisberg 1982, Residuals and influence in regression, 2.2.2). In the basis of `Conjugate` the rows
have columns Q, orthonormal over all rows, and of each direction the prior says the share s(sigma),

    1 - H  =  (1 - Q Q') + Q s Q',

a sum in which nothing cancels, however little sigma is beside what the rows can be fitted to. What
leaving them out makes of sigma is told by the same density,

    p(sigma | y_-i)  ~  p(sigma | y) / p(y_i | y_-i, sigma),

so that 1 / p(y_i | y_-i) is the mean of 1 / p(y_i | y_-i, sigma) over sigma's posterior: a
trapezoidal rule, whose points are laid wider and closer until it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from bayesglm.errors import BayesGLMError
from bayesglm.inference.problem.centring import Centred
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.problem.row_space import in_row_space
from bayesglm.inference.problem.some_levels import problem_of
from bayesglm.inference.weights.given_sigma import MOST, has_form, with_sigma
from bayesglm.inference.weights.sigma import has_sigma_first, sigma_first
from bayesglm.numerics.density.channels import predictors
from bayesglm.numerics.density.conjugate import LOG_2_PI
from bayesglm.numerics.density.likelihood import block_rows, rotated_rows
from bayesglm.numerics.rows.parallel import unthreaded_products
from bayesglm.numerics.rows.rows import Rows

Array = np.ndarray
STEPS = 40  # of the rule over sigma's own posterior, at first
MOST_STEPS = 2000  # of the rule, beyond which it is not laid wider or closer: chosen
DEPTH = 30.0  # nats below its top at which what is integrated ends: 1e-13 of it
ENOUGH = 1e-6  # nats, that the rule may err by: chosen
LEAST = 1e-11  # of 1 - Q Q': less is rounding


class LeftOutExactly(NamedTuple):
    """Of each unit: its log density when left out, and what the rule over sigma errs by.

    Infinite where it does not stand.
    """

    elpd: Array
    error: Array


class Points(NamedTuple):
    """Points of a rule over sigma: log weights ``(k,)``, and what is known given each.

    ``of_prior`` ``(k, p)`` are the prior's shares s, and ``pull`` ``(k, p)`` how far it draws the
    means away from the least squares.
    """

    log_shares: Array
    sigma: Array
    of_prior: Array
    pull: Array


@dataclass(frozen=True)
class GivenEach:
    """A posterior given sigma: least squares ``w (p,)``, and a basis in which Q = X ``basis``.

    ``at`` tells points of sigma, and those of the first rule are ``step`` apart from ``start`` on,
    0 apart where sigma is known. ``spans`` says whether the columns can fit any response.
    """

    w: Array
    basis: Array
    at: Callable[[Array], Points]
    start: float
    step: float
    spans: bool


def left_out_exactly(centre: Centred, codes: Array | None) -> LeftOutExactly | None:
    """Return the log densities of each row, or set of rows, without itself.

    ``codes`` ``(rows,)`` are the sets' numbers from 0 on. None where there is no such form.
    """
    if not has_form(centre.problem):
        return None
    problem = in_row_space(centre.problem).problem
    if problem.unconstrained.n_coefficients > MOST:
        return None
    with unthreaded_products(problem.unconstrained.size):
        try:
            given = _learned(problem) if has_sigma_first(problem) else _known(problem)
        except BayesGLMError:  # as other ways of leaving out will tell, if it is theirs too
            return None
        parts = _of_rows(problem, given) if codes is None else _of_sets(problem, given, codes)
        return LeftOutExactly(*(np.concatenate(one) for one in zip(*parts, strict=True)))


def _learned(problem: Problem) -> GivenEach:
    first = sigma_first(problem)
    given, p = first.given, problem.unconstrained.n_coefficients
    told = given.of_data > 0.0
    scale = given.unit * np.sqrt(given.of_data[told])
    apart = (given.data_at - given.prior_at)[told] * scale

    def at(places: Array) -> Points:
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            log_shares = given.log_marginal(places)
        theta = np.column_stack([np.zeros((len(places), p)), places])
        sigma = np.asarray(problem.natural.phi(problem.natural_thetas(theta))[0])
        of_prior = (given.of_prior * given.variances(places))[:, told]
        log_shares = np.where(np.isfinite(log_shares), log_shares, -np.inf)
        return Points(log_shares, sigma, of_prior, of_prior * apart)

    return GivenEach(
        given.moments.anchor + given.basis @ given.data_at,
        given.basis[:, told] / scale,
        at,
        float(first.grid[0]),
        float(first.grid[-1] - first.grid[0]) / STEPS,
        int(told.sum()) >= problem.design.n_rows,
    )


def _known(problem: Problem) -> GivenEach:
    """Return the posterior where sigma is known, whose means need not be moved."""
    one = with_sigma(Centred(problem), 0, np.random.default_rng(0))
    (w,), none = one.means, np.zeros_like(one.means)
    points = Points(np.zeros(1), one.sigma, none, none)
    return GivenEach(w, one.basis / one.sigma, lambda _: points, 0.0, 0.0, False)


class Seen(NamedTuple):
    """Rows in units of their sd / sigma: Q ``own (q, p)``, ``away (q,)`` from the least squares."""

    own: Array
    away: Array
    weights: Array

    def constant(self, sigma: Array) -> Array:
        """Return log densities ``(k, q)`` at their tops."""
        return -self.weights * (0.5 * LOG_2_PI + np.log(sigma)[:, None])


def _seen(rows: Rows, given: GivenEach) -> Seen:
    (own,) = rotated_rows(rows, lambda X: X @ given.basis)
    away = rows.y - predictors(rows, given.w[None])[0, 0]
    weights = np.ones(len(rows)) if rows.weights is None else rows.weights
    return Seen(np.sqrt(weights)[:, None] * own, np.sqrt(weights) * away, weights)


def _of_rows(problem: Problem, given: GivenEach) -> Iterator[LeftOutExactly]:
    def work(run: Iterable[Rows]) -> list[LeftOutExactly]:
        return [_by_rule(given, _each(_seen(rows, given), given.spans)) for rows in run]

    for parts in problem.natural.source.reduce(work, block_rows(len(given.w), STEPS)):
        yield from parts


def _of_sets(problem: Problem, given: GivenEach, codes: Array) -> Iterator[LeftOutExactly]:
    test, order = problem.design.predictors, np.argsort(codes, kind="stable")
    for members in np.split(order, np.cumsum(np.bincount(codes))[:-1]):
        own = problem_of(problem, replace(test, rows=test.rows[members]))
        (rows,) = own.natural.source.ranges(len(members))
        yield _by_rule(given, _jointly(_seen(rows, given), given.spans))


type Density = Callable[[Points], Array]


def _each(seen: Seen, spans: bool) -> Density:
    """Return what tells the log densities ``(k, q)`` of rows given sigma, left out one by one."""
    squared = np.square(seen.own)
    outside = 1.0 - squared.sum(axis=1)
    is_inside = spans | (outside < LEAST)
    outside, away = (np.where(is_inside, 0.0, one) for one in (outside, seen.away))

    def densities(points: Points) -> Array:
        left = outside + points.of_prior @ squared.T
        r = (away + points.pull @ seen.own.T) / points.sigma[:, None]
        return seen.constant(points.sigma) + _normal(left, r)

    return densities


def _jointly(seen: Seen, spans: bool) -> Density:
    """Return the same ``(k, 1)`` of all rows together, along the eigenvectors of 1 - H."""
    own, away, rest = seen.own, seen.away, 0.0
    if len(own) > own.shape[1]:
        turn, own = np.linalg.qr(own)
        away = away @ turn
        rest = float(seen.away @ seen.away - away @ away)
    values, vectors = np.linalg.eigh(np.eye(len(own)) - own @ own.T)
    is_inside = spans | (values < LEAST)
    values, along = (np.where(is_inside, 0.0, one) for one in (values, away @ vectors))
    turned = vectors.T @ own

    def densities(points: Points) -> Array:
        every = np.diag(values) + turned @ (points.of_prior[:, :, None] * turned.T)
        left, axes = np.linalg.eigh(every)
        r = np.einsum("kq,kqj->kj", along + points.pull @ turned.T, axes)
        known = seen.constant(points.sigma).sum(axis=1) - 0.5 * rest / points.sigma**2
        own = _normal(left, r / points.sigma[:, None]).sum(axis=1)
        return (known + own)[:, None]

    return densities


def _normal(left: Array, r: Array) -> Array:
    """Return (log(left) - r^2 / left) / 2, minus infinity where nothing is left."""
    held = np.where(left > 0.0, left, 1.0)
    return np.where(left > 0.0, 0.5 * (np.log(held) - r**2 / held), -np.inf)


def _by_rule(given: GivenEach, density: Density) -> LeftOutExactly:
    """Average over sigma, by points that are laid wider and closer until all stand."""
    low, high, step = 0, STEPS if given.step else 0, given.step
    while True:
        points = given.at(given.start + step * np.arange(low, high + 1))
        inside = points.log_shares[:, None] - density(points)
        elpd = _mean(points.log_shares, inside)
        ends = inside > inside.max(axis=0) - DEPTH
        below, above = (bool(step) & ends[at] & np.isfinite(elpd) for at in (0, -1))
        error = np.where(np.isfinite(elpd), 0.0, np.inf)
        np.subtract(elpd, _mean(points.log_shares[::2], inside[::2]), out=error, where=error == 0.0)
        error, more = np.abs(error), high - low
        if 2 * more > MOST_STEPS or not step:
            break
        if below.any() or above.any():
            low, high = low - more // 2 * below.any(), high + more // 2 * above.any()
        elif (error[np.isfinite(error)] > ENOUGH).any():
            low, high, step = 2 * low, 2 * high, step / 2.0
        else:
            break
    stands = ~below & ~above & (error < ENOUGH)
    return LeftOutExactly(elpd, np.where(stands, error, np.inf))


def _mean(log_shares: Array, inside: Array) -> Array:
    return logsumexp(log_shares) - logsumexp(inside, axis=0)
