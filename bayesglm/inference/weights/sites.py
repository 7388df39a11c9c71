"""Expectation propagation over rows: a Gaussian site for the likelihood of each sample.

Under Gaussian priors the posterior of coefficients w with linear predictors eta = offset + X w is

    p(w | y)  ~  N(w; centre, P^-1)  prod_i p(y_i | eta_i)

Expectation propagation finds for each row the site exp(nu eta - tau eta^2 / 2) that stands for its
likelihood best beside the prior and all other sites: with it the Gaussian has the mean and the
variance of eta that the likelihood itself gives beside these (Minka 2001; Rasmussen & Williams
2006, section 3.6). Of few rows for many coefficients no Gaussian at the mode says where a posterior
lies, which is a Gaussian cut off softly by each row; this one does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotri

from bayesglm.errors import ConvergenceError
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.families.record import Family

Array = np.ndarray
SWEEPS = 60  # of all sites together
DAMPING = 0.5  # share of a correction that is made once whole ones did not help: chosen
SLOW, STALLED = 0.7, 3  # share of what moved last time that is no progress; times that are the end
SETTLED = 2e-3  # posterior sds by which the sites still move a mean, or share of a variance
LEAST = 1e-8  # of a row's posterior precision: what the others leave of it at least
NODES = 193  # of the rule for moments: right to 0.005 sds beside a wall of a hundredth of that
REACH = 9.0  # sds of what all but the row's likelihood say, where its tilted density ends
CLIMBS = 60  # steps to the mode of a tilted density, each a Newton step or half of an interval
CLOSE = 1e-3  # sds to which such a mode is found: it only places the rule


@dataclass(frozen=True)
class RowLikelihood:
    """The log likelihoods of rows as functions of their linear predictors ``(..., rows)``.

    Rows that count nothing are left out.
    """

    family: Family
    y: Array
    trials: Array | None
    weights: Array | None
    phi: Sequence[Any]

    def __len__(self) -> int:
        return self.y.shape[-1]

    def take(self, some: Any) -> RowLikelihood:
        """Return those of some rows."""
        return replace(
            self,
            y=self.y[..., some],
            trials=None if self.trials is None else self.trials[..., some],
            weights=None if self.weights is None else self.weights[some],
        )

    def value(self, eta: Array) -> Array:
        """Return the log likelihoods, without what no parameter moves."""
        value = self.family.kernel(self.y, eta[None], self.phi, self.trials, 0).value
        return value if self.weights is None else self.weights * value

    def slopes(self, eta: Array) -> tuple[Array, Array]:
        """Return their first and second derivatives."""
        d = self.family.kernel(self.y, eta[None], self.phi, self.trials, 2)
        weights = 1.0 if self.weights is None else self.weights
        return weights * d.eta[0], weights * d.eta_eta[0, 0]


class Tilts(NamedTuple):
    """Tilted densities N(eta; mean, variance) p(y | eta), at nodes ``(nodes, ...)`` of a rule.

    ``share`` are the shares of the nodes, ``eta`` where they are, ``log_mass`` the logarithm of the
    integral ``(...)``, and ``width`` the steps between nodes.
    """

    eta: Array
    share: Array
    width: Array
    log_mass: Array

    def moments(self) -> tuple[Array, Array]:
        """Return means and variances."""
        mean = (self.share * self.eta).sum(axis=0)
        return mean, (self.share * (self.eta - mean) ** 2).sum(axis=0)


@np.errstate(over="ignore", invalid="ignore", under="ignore")
def tilts(likelihood: RowLikelihood, mean: Array, variance: Array, nodes: int = NODES) -> Tilts:
    """Return the tilted densities of rows, of log-concave likelihoods ``(..., rows)``.

    By the trapezoidal rule in t with eta = mode + sd sinh(t), which is as fine as the narrower of
    the two factors near the mode, and reaches as far as the wider.

    >>> from bayesglm.numerics.families.table import FAMILIES
    >>> rows = RowLikelihood(FAMILIES["poisson", "log"], np.array([3.0]), None, None, ())
    >>> flat = tilts(rows, np.array([0.0]), np.array([1e6]))
    >>> flat.moments()[0].round(4).tolist()  # digamma(3)
    [0.9228]
    """
    mode, sd = _peaks(likelihood, mean, variance)
    reach = np.arcsinh(REACH * np.sqrt(variance) / sd)
    t = np.linspace(-1.0, 1.0, nodes).reshape(-1, *(1 for _ in mode.shape)) * reach
    eta, width = mode + sd * np.sinh(t), sd * np.cosh(t) * (2.0 / (nodes - 1)) * reach
    log_density = likelihood.value(eta) - 0.5 * (eta - mean) ** 2 / variance
    log_density = np.where(np.isnan(log_density), -np.inf, log_density)
    top = log_density.max(axis=0)
    share = np.exp(log_density - top) * width
    total = share.sum(axis=0)
    log_mass = top + np.log(total) - 0.5 * np.log(2.0 * np.pi * variance)
    return Tilts(eta, share / total, width, log_mass)


def _peaks(likelihood: RowLikelihood, mean: Array, variance: Array) -> tuple[Array, Array]:
    """Return the modes of tilted densities, and the standard deviations by their curvature.

    By Newton's method inside an interval, which is halved where that is faster.
    """

    def slopes(eta: Array) -> tuple[Array, Array]:
        slope, bend = likelihood.slopes(eta)
        return slope - (eta - mean) / variance, 1.0 / variance - np.minimum(bend, 0.0)

    slope, curvature = slopes(mean)
    side, far = np.sign(slope), np.sqrt(variance)
    beyond = mean + side * far
    for _ in range(CLIMBS):
        short = side * slopes(beyond)[0] > 0.0
        if not short.any():
            break
        far = np.where(short, 2.0 * far, far)
        beyond = mean + side * far
    low, high = np.minimum(mean, beyond), np.maximum(mean, beyond)
    at, last = mean, far
    for _ in range(CLIMBS):
        step = slope / curvature
        new = at + step
        fast = (new >= low) & (new <= high) & (np.abs(step) <= 0.5 * last)
        new = np.where(fast, new, 0.5 * (low + high))
        last, at = np.abs(new - at), new
        slope, curvature = slopes(at)
        low, high = np.where(slope > 0.0, at, low), np.where(slope > 0.0, high, at)
        if not np.any(last * np.sqrt(curvature) > CLOSE):
            break
    return at, 1.0 / np.sqrt(curvature)


class Regression(NamedTuple):
    """What is known beside the sites: rows that count, and the Gaussian prior of w.

    ``columns`` ``(rows, p)`` and ``offset`` make the linear predictors; ``precision`` and ``pull``
    are P and P centre, and ``constant`` is log p(w) + w'P w / 2 - pull'w, with that of the
    likelihood.
    """

    likelihood: RowLikelihood
    columns: Array
    offset: Array
    precision: Array
    pull: Array
    constant: float


@dataclass(frozen=True)
class Propagated:
    """The Gaussian N(mean, covariance) of w, with the sites tau and nu of its rows.

    ``log_evidence`` is that of expectation propagation (Rasmussen & Williams 2006, eq. 3.65); it is
    not exact.
    """

    of: Regression
    mean: Array
    covariance: Array
    tau: Array
    nu: Array
    log_evidence: float

    @property
    def eta(self) -> Array:
        """The means of the linear predictors."""
        return self.of.columns @ self.mean + self.of.offset


def has_sites(objective: Objective) -> bool:
    """Say whether the coefficients' posterior is one that sites can stand for.

    One log-concave likelihood of a linear predictor for each row, under Gaussian priors, and
    nothing to learn beside the coefficients.
    """
    alone = objective.size == objective.n_coefficients and objective.registry.straight
    family = objective.family
    scalar = len(family.channels) == 1 and family.domain.is_real_line and not family.quadratic
    gaussian = all(part.is_gaussian or part.is_flat for part in objective.coefficients)
    return alone and scalar and family.log_concave and gaussian


def propagate(
    objective: Objective, start: Array, sites: tuple[Array, Array] | None = None
) -> Propagated:
    """Return the Gaussian that expectation propagation finds, from the mode or from given sites.

    Raises ConvergenceError where the Gaussian is not proper on the way.
    """
    of = _regression(objective, start)
    X, offset, likelihood = of.columns, of.offset, of.likelihood
    tau, nu = _at_mode(likelihood, X @ start + offset) if sites is None else sites
    share, before, stalled = 1.0, np.inf, 0
    for sweep in range(SWEEPS):
        mean, covariance, log_mass = _joined(of, tau, nu)
        eta, variance = X @ mean + offset, np.einsum("ij,ij->i", X @ covariance, X)
        left = np.maximum(1.0 / variance - tau, LEAST / variance)
        pull = eta / variance - nu
        tilted = tilts(likelihood, pull / left, 1.0 / left)
        found, spread = tilted.moments()
        moved = max(
            float(np.max(np.abs(found - eta) / np.sqrt(variance))),
            float(np.max(np.abs(spread / variance - 1.0))),
        )
        if moved > SLOW * before:  # it swings, or comes no nearer than the rule is right
            share, stalled = DAMPING, stalled + 1
        if moved < SETTLED or stalled == STALLED or sweep == SWEEPS - 1:
            break
        before = moved
        tau = tau + share * (np.maximum(1.0 / spread - left, 0.0) - tau)
        nu = nu + share * (found / spread - pull - nu)
    total = left + tau
    of_sites = 0.5 * (np.log(left / total) + (pull + nu) ** 2 / total - pull**2 / left)
    log_evidence = log_mass + float(np.sum(tilted.log_mass - of_sites))
    return Propagated(of, mean, covariance, tau, nu, log_evidence)


def _regression(objective: Objective, theta: Array) -> Regression:
    """Return what an objective without anything to learn beside w says."""
    n, p = objective.source.n_rows, objective.n_coefficients
    rows = objective.source.form(slice(0, n))
    counted = slice(None) if rows.weights is None else np.flatnonzero(rows.weights > 0.0)
    phi = objective.phi(theta)
    likelihood = RowLikelihood(objective.family, rows.y, rows.trials, rows.weights, phi)
    precision, centre = objective.priors.curvature(theta, np.arange(p)), np.zeros(p)
    for part in objective.coefficients:
        centre[part.where] = part.loc
    pull = precision @ centre
    constant = objective.log_prior(centre) - 0.5 * float(centre @ pull)
    return Regression(
        likelihood.take(counted),
        np.asarray(rows.X, dtype=np.float64)[counted],
        np.broadcast_to(rows.offset, n)[counted],
        precision,
        pull,
        constant + objective.rowwise.constant,
    )


def _joined(of: Regression, tau: Array, nu: Array) -> tuple[Array, Array, float]:
    """Return mean and covariance of prior times sites, and the logarithm of its integral."""
    X, offset = of.columns, of.offset
    lower, failed = dpotrf(of.precision + X.T @ (tau[:, None] * X), lower=True, clean=True)
    if failed:
        raise ConvergenceError("the sites leave a direction of the coefficients free")
    below = dpotri(lower, lower=True)[0]
    covariance = below + np.tril(below, -1).T
    pull = of.pull + X.T @ (nu - tau * offset)
    mean = covariance @ pull
    log_mass = of.constant + 0.5 * float(mean @ pull) - float(np.log(np.diagonal(lower)).sum())
    log_mass += 0.5 * len(mean) * np.log(2.0 * np.pi)
    return mean, covariance, log_mass + float(np.sum((nu - 0.5 * tau * offset) * offset))


def _at_mode(likelihood: RowLikelihood, eta: Array) -> tuple[Array, Array]:
    """Return sites that are the likelihoods' own expansions at linear predictors."""
    slope, bend = likelihood.slopes(eta)
    tau = np.maximum(-bend, 0.0)
    return tau, slope + tau * eta
