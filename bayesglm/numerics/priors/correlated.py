"""Effects of levels that correlate: the same multivariate normal for every level.

A level's k effects have the covariance diag(s) R diag(s) = A diag(d)^2 A' with R = C C', where

    A_ij = s_i C_ij / (s_j C_jj),   d_j = s_j C_jj

A is lower triangular with ones on the diagonal, and keeps volumes; along its directions the effects
are independent, with the scales d. Both s and C stand in theta.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from bayesglm.numerics.priors.record import Prior
from bayesglm.numerics.priors.structure import Parameters, Spectrum, Structure
from bayesglm.numerics.theta.correlations import factors, gathered, pull_factor
from bayesglm.numerics.theta.transforms import FAR_OUT

Array = np.ndarray
# Of log s and u, in matrices of which proposals are made: beyond lies no probability, and up to
# there squares stay within the floats.
FURTHEST = 0.5 * FAR_OUT


@dataclass(frozen=True)
class CorrelatedScale:
    """Scales d of the directions: ``shape`` is ``(m, k, levels)``, of m correlation matrices.

    ``effects`` are the scales s ``(m k)``, ``place`` says where in theta u stands, of which C is a
    function.
    """

    own: ClassVar[bool] = False
    shared: ClassVar[bool] = False

    effects: Spectrum
    place: slice
    shape: tuple[int, int, int]

    @property
    def log_known(self) -> Array | None:
        """The logarithms of the effects' scales, where these are numbers."""
        known = self.effects.log_known
        return None if known is None else np.repeat(known, self.shape[2])

    def log_effects(self, theta: Array) -> Array:
        """Return log s ``(..., m, k)``."""
        log_scale, (m, k, _) = self.effects.log_scale(theta), self.shape
        every = np.broadcast_to(log_scale, (*log_scale.shape[:-1], m * k))
        return every.reshape(*log_scale.shape[:-1], m, k)

    def log_scale(self, theta: Array) -> Array:
        """Return log d ``(..., q)``."""
        m, k, levels = self.shape
        log_left = factors(theta[..., self.place], k).log_left
        each = self.log_effects(theta) + np.diagonal(log_left, axis1=-2, axis2=-1)
        return np.repeat(each.reshape(*each.shape[:-2], m * k), levels, axis=-1)

    def add_slope(self, theta: Array, slopes: Array, gradient: Array) -> None:
        """Add to gradients in theta what slopes in log d make of them, in place."""
        lead = slopes.shape[:-1]
        of_effects = slopes.reshape(*lead, *self.shape).sum(axis=-1)
        self.effects.add_slope(theta, of_effects.reshape(*lead, -1), gradient)
        z = factors(theta[..., self.place], self.shape[1]).z
        gradient[..., self.place] -= gathered(of_effects[..., None] * z)


@lru_cache(maxsize=16)  # sizes that are in use at a time
def _below(k: int) -> Array:
    """Return ones below a diagonal."""
    return np.tri(k, k, -1)


@dataclass(frozen=True)
class Correlated:
    """How the effects hang together; ``map`` and ``back`` are A and its inverse at some theta.

    >>> place, shape = slice(0, 1), (1, 2, 1)
    >>> from bayesglm.numerics.priors.spectra import KnownScale
    >>> scales = CorrelatedScale(KnownScale(np.log([1.0, 2.0])), place, shape)
    >>> at = Correlated(scales).at(np.array([np.arctanh(0.6)]))
    >>> at.rotate(np.array([1.0, 1.0]), back=True).round(12).tolist()
    [1.0, 2.2]
    """

    diagonal: ClassVar[bool] = False
    turns: ClassVar[bool] = True
    of_levels: ClassVar[bool] = True
    name: ClassVar[str] = "correlation"
    bases: ClassVar[tuple[Any, ...]] = ()
    groups: ClassVar[tuple[Array, ...]] = ()
    log_unit: ClassVar[float] = 0.0
    null_space: ClassVar[None] = None
    support: ClassVar[str | None] = None

    scales: CorrelatedScale
    map: Array | None = None
    back: Array | None = None

    def at(self, theta: Array) -> Structure:
        """Return the same at one theta or many."""
        of, ratio = factors(theta[..., self.scales.place], self.scales.shape[1]), self._ratio(theta)
        return Correlated(self.scales, ratio * of.unit, ratio * of.inverse)

    def _ratio(self, theta: Array) -> Array:
        """Return s_i / s_j ``(..., m, k, k)``."""
        log_s = self.scales.log_effects(theta)
        return np.exp(log_s[..., :, None] - log_s[..., None, :])

    def _levels(self, x: Array) -> Array:
        return x.reshape(*x.shape[:-1], *self.scales.shape)

    def _times(self, matrices: Array, x: Array) -> Array:
        product = matrices @ self._levels(x)
        return product.reshape(*product.shape[:-3], x.shape[-1])

    def rotate(self, x: Array, back: bool = False) -> Array:
        """Return A^-1 x, or A x on the way back."""
        matrices = self.map if back else self.back
        assert matrices is not None
        return self._times(matrices, x)

    def pull(self, slope: Array) -> Array:
        """Return A' slope."""
        assert self.map is not None
        return self._times(np.swapaxes(self.map, -1, -2), slope)

    def _push(self, slope: Array) -> Array:
        """Return A'^-1 slope: what slopes in the directions are in the coefficients."""
        assert self.back is not None
        return self._times(np.swapaxes(self.back, -1, -2), slope)

    def add_turn(self, theta: Array, u: Array, slope: Array, gradient: Array) -> None:
        """Add slope' (dA / dtheta) u to gradients in theta, in place."""
        scales, k, own = self.scales, self.scales.shape[1], theta[..., self.scales.place]
        of = factors(own, k)
        of_map = self._levels(slope) @ np.swapaxes(self._levels(u), -1, -2)
        of_unit = of_map * self._ratio(theta) * _below(k)
        each = of_unit * of.unit
        of_columns = each.sum(axis=-2)
        of_log_s = (each.sum(axis=-1) - of_columns).reshape(*theta.shape[:-1], -1)
        scales.effects.add_slope(theta, of_log_s, gradient)
        of_factor = (of_unit - np.eye(k) * of_columns[..., None, :]) / np.diagonal(
            of.C, axis1=-2, axis2=-1
        )[..., None, :]
        gradient[..., scales.place] += pull_factor(own, k, of_factor)

    def of_groups(self, parameters: Parameters) -> Parameters:
        """Return the parameters as they are."""
        return parameters

    def of_each(self, parameters: Parameters) -> Parameters:
        """Return the parameters as they are."""
        return parameters

    def log_density(self, prior: Prior, x: Array, parameters: Parameters) -> Array:
        """Return the sum over the directions."""
        u, numbers = self._around(x, parameters)
        return prior.log_density(u, **numbers).sum(axis=-1)

    def gradient(self, prior: Prior, x: Array, parameters: Parameters) -> Array:
        """Return that in the coefficients."""
        u, numbers = self._around(x, parameters)
        return self._push(prior.gradient(u, **numbers))

    def _around(self, x: Array, parameters: Parameters) -> tuple[Array, Parameters]:
        """Return the directions' coordinates around the centre, and what there is beside it."""
        numbers = dict(parameters)
        return self.rotate(x - numbers.pop("loc", 0.0)), numbers

    def slope_of_log_scale(self, away: Array, gradient: Array) -> Array:
        """Return that of each direction's scale."""
        return -1.0 - self.rotate(away) * self.pull(gradient)

    def precision(self, prior: Prior, x: Array, parameters: Parameters) -> Array:
        """Return those of the directions."""
        u, numbers = self._around(x, parameters)
        return np.broadcast_to(-prior.curvature(u, **numbers), np.shape(x))

    def typical(self, prior: Prior, x: Array, parameters: Parameters) -> Array | float:
        """Return the precisions of the coefficients, the others of their level given."""
        of_levels = self._of_levels(prior, x, parameters)
        return np.diagonal(of_levels, axis1=-2, axis2=-1).swapaxes(-1, -2).reshape(-1)

    def precision_of_level(self, theta: Array) -> Array:
        """Return the precision matrices ``(..., m, k, k)`` that a normal prior gives each level."""
        scales = self.scales
        u = np.clip(theta[..., scales.place], -FURTHEST, FURTHEST)
        log_s = np.clip(scales.log_effects(theta), -FURTHEST, FURTHEST)
        back = np.linalg.inv(factors(u, scales.shape[1]).C) * np.exp(-log_s)[..., None, :]
        return np.swapaxes(back, -1, -2) @ back

    def _of_levels(self, prior: Prior, x: Array, parameters: Parameters) -> Array:
        """Return the precision matrices ``(m, levels, k, k)`` of the levels."""
        assert self.back is not None
        each = self._levels(self.precision(prior, x, parameters))
        back = self.back[:, None]
        return np.swapaxes(back, -1, -2) @ (np.swapaxes(each, -1, -2)[..., None] * back)

    def curvature(self, prior: Prior, x: Array, parameters: Parameters, some: Array) -> Array:
        """Return the precision matrix of some coefficients: zero between levels."""
        of_levels = self._of_levels(prior, x, parameters)
        matrix, effect, level = np.unravel_index(some, self.scales.shape)
        alike = np.equal.outer(level, level) & np.equal.outer(matrix, matrix)
        first, second = np.nonzero(alike)
        whole = np.zeros((len(some), len(some)))
        own = (matrix[first], level[first], effect[first], effect[second])
        whole[first, second] = of_levels[own]
        return whole

    def product(self, prior: Prior, x: Array, parameters: Parameters, v: Array) -> Array:
        """Return the product of the precision matrix with v."""
        return self._push(self.precision(prior, x, parameters) * self.rotate(v))

    def draw(
        self,
        prior: Prior,
        rng: np.random.Generator,
        shape: tuple[int, ...],
        parameters: Parameters,
    ) -> Array:
        """Return draws along the directions, as coefficients."""
        assert prior.draw is not None
        numbers = dict(parameters)
        loc = numbers.pop("loc", 0.0)
        return loc + self.rotate(prior.draw(rng, shape, **numbers), back=True)
