"""An independent optimiser with fifty digits: what every solver's answer is held against.

It shares no code with the package: log posteriors are written out from their definitions, with
arrays of mpmath numbers, and maximised by damped Newton steps, on the face where the coefficients
of a kinked prior stand.
"""

from dataclasses import dataclass
from typing import Any

import mpmath as mp
import numpy as np

import bayesglm as bg

mp.mp.dps = 60
LOG_2_PI = mp.log(2 * mp.pi)


def exact(values):
    """Return the very numbers that floats stand for."""
    return np.vectorize(mp.mpf, otypes=[object])(np.asarray(values, dtype=float))


def solve(A, B):
    """Return A^-1 B by Gaussian elimination, columns scaled and rows pivoted."""
    unit = np.array([1 / mp.sqrt(abs(d)) if d else mp.mpf(1) for d in np.diagonal(A)])
    M = np.concatenate([unit[:, None] * A * unit, unit[:, None] * B], axis=1)
    p = len(A)
    for j in range(p):
        k = j + max(range(p - j), key=lambda i: abs(M[j + i, j]))
        M[[j, k]] = M[[k, j]]
        if abs(M[j, j]) < mp.mpf(10) ** -40:
            raise ZeroDivisionError("singular")
        M[j, j:] = M[j, j:] / M[j, j]
        M[j + 1 :, j:] -= np.outer(M[j + 1 :, j], M[j, j:])
    for j in reversed(range(p)):
        M[:j, p:] -= np.outer(M[:j, j], M[j, p:])
    return unit[:, None] * M[:, p:]


def _binary(link, eta, y, n):
    """Value and two derivatives in eta of y log p + (n - y) log(1 - p)."""
    if link == "logit":
        p, q = 1 / (1 + mp.exp(-eta)), 1 / (1 + mp.exp(eta))
        return y * mp.log(p) + (n - y) * mp.log(q), y * q - (n - y) * p, -n * p * q
    if link == "probit":
        p, q, f = mp.ncdf(eta), mp.ncdf(-eta), mp.npdf(eta)
        value, slope = y * mp.log(p) + (n - y) * mp.log(q), y * f / p - (n - y) * f / q
        bend = -y * (f / p) * (eta + f / p) + (n - y) * (f / q) * (eta - f / q)
        return value, slope, bend
    h = mp.exp(eta)
    p = -mp.expm1(-h)
    b = h * mp.exp(-h) / p
    value = (y * mp.log(p) if y else 0) - (n - y) * h
    return value, y * b - (n - y) * h, y * b * (1 - h - b) - (n - y) * h


def _poisson(link, eta, y):
    if link == "log":
        mu = mp.exp(eta)
        return y * eta - mu, y - mu, -mu
    p, q, mu = 1 / (1 + mp.exp(-eta)), 1 / (1 + mp.exp(eta)), mp.log1p(mp.exp(eta))
    return y * mp.log(mu) - mu, (y / mu - 1) * p, (y / mu - 1) * p * q - y * (p / mu) ** 2


def _constant(family, y, n):
    if family == "poisson":
        return -mp.loggamma(y + 1)
    if family == "binomial":
        return mp.loggamma(n + 1) - mp.loggamma(y + 1) - mp.loggamma(n - y + 1)
    return -LOG_2_PI / 2 if family == "gaussian" else mp.mpf(0)


@dataclass
class Posterior:
    """A log posterior: X has the intercept's column first; one prior to each column, or a walk.

    ``sigma`` is a number, or the prior (Flat or HalfNormal) of one that is learned, whose
    logarithm is then the last parameter.
    """

    family: str
    link: str
    X: Any
    y: Any
    priors: list
    sigma: Any = None
    trials: Any = None
    weights: Any = None
    offset: Any = None
    walk: Any = None

    def __post_init__(self):
        n = len(self.y)
        self.X, self.y = exact(self.X), exact(self.y)
        self.trials = exact(np.ones(n) if self.trials is None else self.trials)
        self.weights = exact(np.ones(n) if self.weights is None else self.weights)
        self.offset = exact(np.zeros(n) if self.offset is None else self.offset)
        self.free = self.family == "gaussian" and not isinstance(self.sigma, float)
        pairs = zip(self.y, self.trials, self.weights, strict=True)
        self.constant = mp.fsum(w * _constant(self.family, y, n) for y, n, w in pairs if w)
        self.kink = exact([_kink(prior) for prior in self.priors] + [0.0] * self.free)

    def smooth(self, theta):
        """Return value, gradient and Hessian of all but the kinks."""
        p = self.X.shape[1]
        eta = self.X.dot(theta[:p]) + self.offset
        parts = [self._row(i, eta[i], theta) for i in range(len(eta))]
        value, slope, bend, *rest = (self.weights * np.array(c) for c in zip(*parts, strict=True))
        total = value.sum() + self.constant
        gradient, hessian = slope.dot(self.X), self.X.T.dot(bend[:, None] * self.X)
        if self.free:
            tau, tau_tau, eta_tau = rest
            cross = eta_tau.dot(self.X)[:, None]
            gradient = np.append(gradient, tau.sum())
            corner = np.array([[tau_tau.sum()]], dtype=object)
            hessian = np.block([[hessian, cross], [cross.T, corner]])
        total += self._priors(theta, gradient, hessian)
        return total, gradient, hessian

    def _row(self, i, eta, theta):
        y, n = self.y[i], self.trials[i]
        if self.family in ("bernoulli", "binomial"):
            return _binary(self.link, eta, y, n)
        if self.family == "poisson":
            return _poisson(self.link, eta, y)
        sigma = mp.exp(theta[-1]) if self.free else mp.mpf(self.sigma)
        mu, slope, curve = {
            "identity": lambda: (eta, 1, 0),
            "log": lambda: (mp.exp(eta),) * 3,
        }[self.link]()
        z = (y - mu) / sigma
        found = (-z * z / 2 - mp.log(sigma), z * slope / sigma)
        found += (z * curve / sigma - (slope / sigma) ** 2,)
        return (*found, z * z - 1, -2 * z * z, -2 * z * slope / sigma) if self.free else found

    def _priors(self, theta, gradient, hessian):
        total = mp.mpf(0)
        for j, prior in enumerate(self.priors):
            if isinstance(prior, bg.Flat):
                continue
            s, d = mp.mpf(prior.scale), theta[j] - mp.mpf(prior.loc)
            if isinstance(prior, bg.Laplace):
                total -= mp.log(2 * s)
                continue
            rest = mp.mpf(1)
            if isinstance(prior, bg.ElasticNet):
                ratio = mp.mpf(prior.ratio)
                rest = 1 - ratio
                tail = mp.exp(ratio**2 / rest / 2) * mp.erfc(ratio / mp.sqrt(2 * rest))
                total -= mp.log(s * mp.sqrt(2 * mp.pi / rest) * tail)
            else:
                total -= mp.log(s) + LOG_2_PI / 2
            total -= rest * d * d / s / s / 2
            gradient[j] -= rest * d / s / s
            hessian[j, j] -= rest / s / s
        if self.walk is not None:
            total += self._walk(theta, gradient, hessian)
        if isinstance(self.sigma, bg.HalfNormal):
            s, sigma = mp.mpf(self.sigma.scale), mp.exp(theta[-1])
            total += mp.log(2) - mp.log(s) - LOG_2_PI / 2 - (sigma / s) ** 2 / 2
            gradient[-1] -= (sigma / s) ** 2
            hessian[-1, -1] -= 2 * (sigma / s) ** 2
        return total

    def _walk(self, theta, gradient, hessian):
        """The first-order walk of all columns but the first: pdet(Q) = q for q coefficients."""
        s, w = mp.mpf(self.walk.scale), theta[1:]
        D = exact(np.diff(np.eye(len(w)), axis=0))
        gradient[1:] -= D.T.dot(D.dot(w)) / s / s
        hessian[1:, 1:] -= D.T.dot(D) / s / s
        log_norm = mp.log(len(w)) / 2 - (len(w) - 1) * (LOG_2_PI / 2 + mp.log(s))
        return log_norm - (D.dot(w) ** 2).sum() / s / s / 2

    def optimum(self, start):
        """Return the maximum from a start, its log density, and the covariance (p, p) there.

        Coefficients that stand at their kink stay there, and the others keep their sign: whether
        that is right is for `residual` to say, and asserted.
        """
        loc = exact([getattr(prior, "loc", 0.0) for prior in self.priors] + [0.0] * self.free)
        theta = exact(start)
        kinked = np.array([k != 0 for k in self.kink])
        move = np.flatnonzero(~kinked | (theta != loc))
        sign = np.array([mp.sign(d) for d in theta - loc])

        def here(at):
            value, gradient, hessian = self.smooth(at)
            value = value - (self.kink * sign).dot(at - loc)
            return value, (gradient - self.kink * sign)[move], hessian[np.ix_(move, move)]

        value, gradient, hessian = here(theta)
        for _ in range(200):
            step = solve(-hessian, gradient[:, None])[:, 0]
            gain = step.dot(gradient)
            if abs(gain) < mp.mpf(10) ** -50:
                break
            if gain < 0:
                raise ArithmeticError("the reference left the concave region")
            t = mp.mpf(1)
            while True:
                trial = theta.copy()
                trial[move] = theta[move] + step * t
                new = here(trial)
                if new[0] >= value + t * gain / 10000 - mp.mpf(10) ** -40:
                    break
                t /= 2
            theta, (value, gradient, hessian) = trial, new
        else:
            raise ArithmeticError("the reference has not converged")
        inverse = solve(-hessian, exact(np.eye(len(move))))
        covariance = np.zeros((len(theta), len(theta)), dtype=object)
        covariance[np.ix_(move, move)] = inverse
        still = np.array([mp.sign(d) for d in theta - loc])
        assert np.all((still == sign) | ~kinked), "a coefficient at the optimum has another sign"
        return theta, value, covariance

    def rounding(self, theta):
        """Say by how much value and gradient move as products of X and w, and sums, are rounded."""
        p, eps = self.X.shape[1], mp.mpf(float(np.finfo(float).eps))
        w = exact(theta)
        eta = self.X.dot(w[:p]) + self.offset
        rows = [self._row(i, eta[i], w)[1:3] for i in range(len(eta))]
        slopes, bends = (np.abs(self.weights * np.array(part)) for part in zip(*rows, strict=True))
        reach = np.abs(self.X).dot(np.abs(w[:p])) + np.abs(self.offset)
        gradient = (slopes + bends * reach).dot(np.abs(self.X)) * eps
        return eps * (slopes * reach).sum(), np.append(gradient, [mp.mpf(0)] * self.free)

    def residual(self, theta):
        """Distance from 0 to the superdifferential, in units of the root of the curvature."""
        loc = exact([getattr(prior, "loc", 0.0) for prior in self.priors] + [0.0] * self.free)
        theta = exact(theta)
        _, gradient, hessian = self.smooth(theta)
        found = []
        for g, k, d, h in zip(gradient, self.kink, theta - loc, np.diagonal(hessian), strict=True):
            size = max(abs(g) - k, mp.mpf(0)) if d == 0 and k else abs(g - k * mp.sign(d))
            unit = mp.sqrt(abs(h))
            # A column without curvature has no unit but the kink itself.
            found.append(size / max(unit, k / 10**6, mp.mpf(10) ** -300))
        return float(max(found))


def _kink(prior):
    if isinstance(prior, bg.Laplace):
        return 1.0 / prior.scale
    if isinstance(prior, bg.ElasticNet):
        return prior.ratio / prior.scale
    return 0.0


def gaussian_moments(X, y, precision, log_prior):
    """Means and sds of sigma and of w, for y = X w + sigma noise and w ~ N(0, precision^-1).

    A sum over a grid of log(sigma), given which w is Gaussian; ``precision`` may be singular.
    """
    log_sigma = np.linspace(-10.0, 9.0, 1901)
    sigma = np.exp(log_sigma)
    H = X.T @ X / sigma[:, None, None] ** 2 + precision
    covariance = np.linalg.inv(H)
    mean = covariance @ X.T @ y / sigma[:, None] ** 2
    residual = y - mean @ X.T
    fit = (residual**2).sum(axis=1) / sigma**2 + np.vecdot(mean @ precision, mean)
    log_density = log_prior(sigma) + log_sigma - 0.5 * fit - len(y) * log_sigma
    log_density -= 0.5 * np.linalg.slogdet(H)[1]
    share = np.exp(log_density - log_density.max())
    share /= share.sum()
    of_sigma, of_w = share @ sigma, share @ mean
    variance = share @ (np.diagonal(covariance, axis1=1, axis2=2) + (mean - of_w) ** 2)
    return of_sigma, np.sqrt(share @ (sigma - of_sigma) ** 2), of_w, np.sqrt(variance)
