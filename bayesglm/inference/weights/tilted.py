"""A proposal under kinked priors: a Gaussian into which the kinks are put back one by one.

A kink exp(-k |v|), v = w - loc, has no curvature that says anything, and tails that no Gaussian
covers. Expectation propagation finds the Gaussian site exp(nu v - tau v^2 / 2) that stands for each
kink best beside the likelihood and all other sites (Minka 2001; Seeger 2008, section 3). A draw
then goes through the coefficients in turn: each comes from its conditional under the Gaussian, in
which its own site has been exchanged for its kink, while those to come still have their sites (as
in the simulator of Geweke, Hajivassiliou and Keane: Hajivassiliou & Ruud 1994). Such a
conditional is two halves of normals, known in closed form. With orthogonal columns and a gaussian
response of known sigma that is the posterior itself; elsewhere importance weights correct it, and
their k-hat says whether they can.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.special import erfcx, log_ndtr, ndtri_exp

from bayesglm.inference.modes.judge import inverse_curvature, judge_from
from bayesglm.inference.modes.solve import maximise
from bayesglm.inference.problem.problem import Problem
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.numerics.priors.table import PRIORS
from bayesglm.numerics.solvers.kinks import Kinks

Array = np.ndarray
LOG_ROOT_2_PI = 0.5 * np.log(2.0 * np.pi)
ROUNDS = 5  # of sites, each around the mode that the sites before gave
SWEEPS = 20  # of expectation propagation around one mode
DAMPING = 0.7  # share of each correction of a site that is made: chosen; 1 may oscillate
SETTLED = 0.02  # posterior standard deviations by which the sites still move a mean
WEAKEST = 1e-6  # of k^2, or of the posterior's precision at a bare bound: a site's least
WIDER = 1.03  # times the sds: little is lost by it, and tails that were too light are covered
FAR = -30.0  # below, a tail's moments come from their series


type Sites = tuple[Array, Array]  # precisions and pulls of the Gaussians that stand for kinks


class Halves(NamedTuple):
    """exp(-precision v^2 / 2 + pull v - kink |v|): halves of normals on both sides of the kink.

    Of a bound there is no half on the left.

    In units of 1/sqrt(precision) the half on the right is that of N(right, 1) above 0, the mirrored
    one on the left that of N(left, 1) above 0, each with its log share of the mass.
    """

    precision: Array
    pull: Array
    kink: Array
    left: Array
    right: Array
    log_left: Array
    log_right: Array
    log_norm: Array

    def log_density(self, v: Array) -> Array:
        """Return the normalised log density."""
        exponent = (self.pull - 0.5 * self.precision * v) * v - self.kink * np.abs(v)
        return exponent - self.log_norm

    def quantile(self, u: Array) -> Array:
        """Return v below which the mass is u, which moves smoothly with everything."""
        on_right = np.log(u) > self.log_left
        t = np.where(on_right, self.right, self.left)
        outside = np.where(on_right, np.log1p(-u) - self.log_right, np.log(u) - self.log_left)
        y = t - ndtri_exp(np.minimum(outside, 0.0) + log_ndtr(t))
        return np.where(on_right, 1.0, -1.0) * np.maximum(y, 0.0) / np.sqrt(self.precision)

    def moments(self) -> tuple[Array, Array]:
        """Return mean and variance."""
        root = np.sqrt(self.precision)
        (left, left2), (right, right2) = _half_moments(self.left), _half_moments(self.right)
        on_left, on_right = np.exp(self.log_left), np.exp(self.log_right)
        mean = (on_right * right - on_left * left) / root
        second = (on_right * right2 + on_left * left2) / self.precision
        return mean, second - mean**2


def halves(precision: Array, pull: Array, kink: Array, bound: Array | bool = False) -> Halves:
    """Return the two halves of a normal, of a precision and a pull, that has a kink at 0.

    Where there is a ``bound`` at 0 the left one has no mass.

    >>> at = halves(np.array(4.0), np.array(1.0), np.array(2.0))
    >>> v = np.linspace(-9.0, 9.0, 20001)
    >>> float(np.trapezoid(np.exp(at.log_density(v)), v).round(6))
    1.0
    """
    root = np.sqrt(precision)
    left, right = -(pull + kink) / root, (pull - kink) / root
    log_left, log_right = np.where(bound, -np.inf, _log_scaled_tail(left)), _log_scaled_tail(right)
    both = np.logaddexp(log_left, log_right)
    log_norm = both + LOG_ROOT_2_PI - np.log(root)
    return Halves(precision, pull, kink, left, right, log_left - both, log_right - both, log_norm)


def _log_scaled_tail(t: Array) -> Array:
    """Return log Phi(t) + t^2 / 2, which does not cancel far out."""
    below = np.log(0.5 * erfcx(-np.minimum(t, 0.0) / np.sqrt(2.0)))
    above = np.maximum(t, 0.0)
    return np.where(t < 0.0, below, log_ndtr(above) + 0.5 * above**2)


def _half_moments(t: Array) -> tuple[Array, Array]:
    """Return first and second moment of N(t, 1) above 0."""
    mean = t + np.exp(-LOG_ROOT_2_PI - _log_scaled_tail(t))
    x = np.maximum(-t, -FAR)
    far = t < FAR
    return (
        np.where(far, (1.0 - 2.0 / x**2 + 10.0 / x**4) / x, mean),
        np.where(far, (2.0 - 10.0 / x**2) / x**2, 1.0 + t * mean),
    )


@dataclass(frozen=True)
class Tilted:
    """The proposal: a Gaussian, and the kinks that stand in it as sites.

    ``order`` takes the kinked parameters first; ``root`` is the lower Cholesky factor of the
    covariance in that order. ``kinks`` are those of the kinked ones, ``tau`` and ``nu`` their
    sites. ``width`` widens all that is no kink, for tails that cover those of the posterior.
    """

    mode: Array
    order: Array
    root: Array
    kinks: Kinks
    tau: Array
    nu: Array
    width: float = 1.0

    @property
    def sites(self) -> Sites:
        """What stands for the kinks."""
        return self.tau, self.nu

    @property
    def last_sd(self) -> float:
        """The Gaussian's standard deviation of the last parameter."""
        return float(np.linalg.norm(self.root[np.argmax(self.order)]))

    def heavier(self) -> Tilted:
        """Return the same, a little wider."""
        return replace(self, width=WIDER * self.width)

    def draw(self, rng: np.random.Generator, n: int) -> tuple[Array, Array]:
        """Return ``n`` draws ``(n, size)`` and their log densities."""
        size, n_kinked = len(self.mode), len(self.tau)
        uniform, z = rng.random((n_kinked, n)), np.empty((size, n))
        z[n_kinked:] = rng.standard_normal((size - n_kinked, n))
        log_q, weight, bound = np.zeros(n), self.kinks.weight, _bounds(self.kinks)
        least = _least(self.kinks, np.square(np.diagonal(self.root)[:n_kinked]))
        for j in range(n_kinked):
            sd = self.root[j, j]
            mean = self.mode[self.order[j]] - self.kinks.at[j] + self.root[j, :j] @ z[:j]
            precision = max(sd**-2.0 - self.tau[j], least[j])
            pull = mean / sd**2 - self.nu[j]
            one = halves(precision / self.width**2, pull / self.width**2, weight[j], bound[j])
            v = one.quantile(uniform[j])
            log_q += one.log_density(v)
            z[j] = (v - mean) / sd
        sds = self.width * np.diagonal(self.root)[n_kinked:]
        log_q -= (0.5 * z[n_kinked:] ** 2 + LOG_ROOT_2_PI).sum(axis=0) + np.log(sds).sum()
        z[n_kinked:] *= self.width
        thetas = np.empty((n, size))
        thetas[:, self.order] = (self.root @ z).T
        return thetas + self.mode, log_q


def tilted(
    problem: Problem,
    objective: Objective,
    start: Array | None,
    sites: Sites | None = None,
) -> Tilted:
    """Find the Gaussian and its sites, from some mode and sites; raises ConvergenceError."""
    kinked = np.flatnonzero(objective.kinks.single)
    kinks = objective.kinks.take(kinked)
    # At first Gaussians as wide as the priors.
    tau, nu = sites or (kinks.precision(), np.zeros(len(kinked)))
    x = start
    for place in range(ROUNDS):
        surrogate = _with_sites(objective, kinked, tau, nu)
        x = maximise(problem, surrogate).x if x is None else judge_from(problem, surrogate, x).x
        precision = -surrogate.evaluate(x).hessian
        covariance = inverse_curvature(precision)
        if place == ROUNDS - 1:
            break
        tau_new, nu_new, moved = _propagate(
            precision, covariance, kinked, x[kinked] - kinks.at, tau, nu, kinks
        )
        if moved < SETTLED:
            break
        tau, nu = tau_new, nu_new
    order = np.r_[kinked, np.flatnonzero(~objective.kinks.single)]
    root = np.linalg.cholesky(0.5 * (covariance + covariance.T)[np.ix_(order, order)])
    return Tilted(np.array(x), order, root, kinks, tau, nu)


def _with_sites(objective: Objective, kinked: Array, tau: Array, nu: Array) -> Objective:
    """Return the objective in which Gaussian sites stand for the kinks."""
    precision, pull = np.zeros(objective.size), np.zeros(objective.size)
    precision[kinked], pull[kinked] = tau, nu
    parts = []
    for part in objective.coefficients:
        if part.kink_weight() is not None:
            at = objective.kinks.at[part.where]
            total = precision[part.where] + part.precision(at)
            normal = {"scale": total**-0.5, "loc": at + pull[part.where] / total}
            part = PriorPart(part.where, PRIORS["Normal"], normal, part.shape)
        parts.append(part)
    return replace(objective, coefficients=tuple(parts))


def _bounds(kinks: Kinks) -> Array:
    return np.zeros(len(kinks.at), dtype=bool) if kinks.one_sided is None else kinks.one_sided


def _least(kinks: Kinks, variance: Array) -> Array:
    """Return the least precisions of sites, of coordinates that have some variance."""
    return WEAKEST * np.where(kinks.weight > 0.0, kinks.weight**2, 1.0 / variance)


@np.errstate(over="ignore", divide="ignore", invalid="ignore")  # told by what comes of it
def _propagate(
    precision: Array,
    covariance: Array,
    kinked: Array,
    mode: Array,
    tau: Array,
    nu: Array,
    kinks: Kinks,
) -> tuple[Array, Array, float]:
    """Return better sites around one mode, and by how many sds they move a mean.

    Sites are updated together and damped; ``mode`` is that of the kinked, relative to their kinks.
    """
    own = np.ix_(kinked, kinked)
    # What the likelihood and the smooth priors say of the kinked, the others integrated out.
    rest = np.linalg.inv(covariance[own]) - np.diag(tau)
    pull = (rest + np.diag(tau)) @ mode - nu
    inner, mean, first = covariance[own], mode, mode
    bound = _bounds(kinks)
    for _ in range(SWEEPS):
        variance = np.diagonal(inner)
        least = _least(kinks, variance)
        left = np.maximum(1.0 / variance - tau, least)
        found, spread = halves(left, mean / variance - nu, kinks.weight, bound).moments()
        wanted = np.maximum(1.0 / spread - left, least)
        step = DAMPING * (wanted - tau)
        nu = nu + DAMPING * (found / spread - (mean / variance - nu) - nu)
        tau = tau + step
        inner = inverse_curvature(rest + np.diag(tau))
        last, mean = mean, inner @ (pull + nu)
        if np.max(np.abs(mean - last) / np.sqrt(variance)) < SETTLED:
            break
    return tau, nu, float(np.max(np.abs(mean - first) / np.sqrt(np.diagonal(inner))))
