"""Collapsed Gibbs sampling of indicators: which of two normals each coefficient is from.

Given the indicators z and a log likelihood that is a quadratic, h'x - x'Hx/2, the coefficients x
are Gaussian with the precision A = H + P(z), so they can be integrated out (George & McCulloch
1997). Where the precision of one coefficient's prior changes by d, the log of the integral changes
by

    log(prior's sd before / after) - log(1 + d C) / 2 - d m^2 / (2 (1 + d C))

C being its variance and m its mean under A^-1 and A^-1 h, both of which one rank-one update keeps
up to date. Many walkers do so at once, from indicators of their own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bayesglm.errors import ConvergenceError
from bayesglm.numerics.priors.record import TwoNormals

Array = np.ndarray
NOT_DEFINITE = "the curvature of the likelihood is not that of a maximum"
LEAST_ALIKE = 1e-3  # squared correlation, so that any pair may be tried
SWAPS = 0.5  # pairs that are tried for an exchange in a sweep, for each indicator: chosen


class Indicators(NamedTuple):
    """Coefficients ``where`` ``(q,)`` that are from one of two normals each."""

    where: Array
    normals: TwoNormals

    @property
    def drop(self) -> Array:
        """What a precision changes by when a coefficient goes from the narrow to the wide one."""
        return self.normals.wide**-2.0 - self.normals.narrow**-2.0

    @property
    def log_rise(self) -> Array:
        """What the log density at zero, odds included, changes by on the same way."""
        return self.normals.log_odds + np.log(self.normals.narrow / self.normals.wide)

    def precision(self, wide: Array) -> Array:
        """Return the precisions of the priors, given which coefficients are from the wide ones."""
        return np.where(wide, self.normals.wide, self.normals.narrow) ** -2.0


class Walkers:
    """Indicators ``wide`` ``(m, q)`` of many walkers, and the Gaussian of each given them."""

    def __init__(self, indicators: Indicators, wide: Array, precision: Array) -> None:
        """Begin at some indicators; a ``precision`` ``(k, k)`` says which ones are alike."""
        self.indicators, self.wide = indicators, wide
        self._drop, self._rise = indicators.drop, indicators.log_rise
        self._alike = _alike(precision[np.ix_(indicators.where, indicators.where)])

    def condition(self, precision: Array, pull: Array) -> None:
        """Take what the likelihood and all other priors say: H ``(m, k, k)`` and h ``(m, k)``.

        Their first axes may be one long. Raises ConvergenceError where H + P is not definite.
        """
        where, (n, _) = self.indicators.where, self.wide.shape
        total = np.array(np.broadcast_to(precision, (n, *precision.shape[1:])))
        total[:, where, where] += self.indicators.precision(self.wide)
        diagonal = np.diagonal(total, axis1=1, axis2=2)
        if not (np.isfinite(diagonal) & (diagonal > 0.0)).all():
            raise ConvergenceError(NOT_DEFINITE)
        unit = diagonal**-0.5
        units = unit[:, :, None] * unit[:, None, :]
        total *= units
        try:
            self.covariance = np.linalg.inv(total) * units
        except np.linalg.LinAlgError as error:
            raise ConvergenceError(NOT_DEFINITE) from error
        self.mean = np.matvec(self.covariance, pull)

    def draw(self, rng: np.random.Generator) -> Array:
        """Return coefficients ``(m, k)`` given the indicators."""
        variances = np.diagonal(self.covariance, axis1=1, axis2=2)
        if not (variances > 0.0).all():
            raise ConvergenceError(NOT_DEFINITE)
        sd = np.sqrt(variances)
        scaled = self.covariance / (sd[:, :, None] * sd[:, None, :])
        try:
            root = np.linalg.cholesky(0.5 * (scaled + scaled.swapaxes(1, 2)))
        except np.linalg.LinAlgError as error:
            raise ConvergenceError(NOT_DEFINITE) from error
        return self.mean + sd * np.matvec(root, rng.standard_normal(self.mean.shape))

    def sweep(self, rng: np.random.Generator) -> None:
        """Offer every indicator a flip, and some pairs an exchange, the coefficients left out."""
        n, q = self.wide.shape
        for k in rng.permutation(q):
            step, change = self._flip(k, *self._now(k))
            self._apply(k, step, np.flatnonzero(np.log(rng.random(n)) < change))
        if q > 1:
            for one, other in self._pairs(rng, int(np.ceil(SWAPS * q))):
                self._exchange(rng, one, other)

    def _now(self, k: int) -> tuple[Array, Array]:
        j = self.indicators.where[k]
        return self.covariance[:, j, j], self.mean[:, j]

    def _flip(self, k: int, variance: Array, mean: Array) -> tuple[Array, Array]:
        """Return what a flip adds to the precision of one coefficient, and to the log integral."""
        side = np.where(self.wide[:, k], -1.0, 1.0)
        step = side * self._drop[k]
        grown = 1.0 + step * variance
        with np.errstate(invalid="ignore", divide="ignore"):  # rounding of a next to singular one
            change = side * self._rise[k] - 0.5 * (np.log(grown) + step * mean * mean / grown)
        return step, np.where(grown > 0.0, change, -np.inf)

    def _apply(self, k: int, step: Array, who: Array) -> None:
        """Flip one indicator of some walkers."""
        if not len(who):
            return
        j = self.indicators.where[k]
        column = self.covariance[who, :, j]
        grown = 1.0 + step[who] * column[:, j]
        share = step[who] / grown
        self.mean[who] -= (share * self.mean[who, j])[:, None] * column
        self.covariance[who] -= (share[:, None] * column)[:, :, None] * column[:, None, :]
        # Differences of the spike's size lose digits that quotients keep.
        column /= grown[:, None]
        self.covariance[who, :, j] = self.covariance[who, j, :] = column
        self.wide[who, k] ^= True

    def _pairs(self, rng: np.random.Generator, n: int) -> Array:
        """Return pairs of indicators ``(n, 2)``, those more often that stand for one another."""
        q = self.wide.shape[1]
        chosen = rng.choice(q * q, size=n, p=self._alike.ravel())
        return np.stack(np.divmod(chosen, q), axis=-1)

    def _exchange(self, rng: np.random.Generator, one: int, other: int) -> None:
        """Offer two indicators that differ an exchange: one flips, then the other."""
        j, k = self.indicators.where[[one, other]]
        (variance, mean), (beside, mean_beside) = self._now(one), self._now(other)
        step, change = self._flip(one, variance, mean)
        share = step / (1.0 + step * variance)
        across = self.covariance[:, j, k]
        beside = beside - share * across**2
        second, further = self._flip(other, beside, mean_beside - share * mean * across)
        differ = self.wide[:, one] != self.wide[:, other]
        chance = np.log(rng.random(len(differ))) < change + further
        who = np.flatnonzero(differ & chance)
        self._apply(one, step, who)
        self._apply(other, second, who)


def _alike(precision: Array) -> Array:
    """Return chances of pairs ``(q, q)``, by how far one stands for the other to the likelihood."""
    unit = np.sqrt(np.maximum(np.diagonal(precision), np.finfo(float).tiny))
    alike = np.square(precision / np.outer(unit, unit)) + LEAST_ALIKE
    np.fill_diagonal(alike, 0.0)
    return alike / max(alike.sum(), np.finfo(float).tiny)
