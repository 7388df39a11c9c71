"""Scales of coefficients as functions of hyperparameters, mostly logarithms in theta."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import numpy as np

from bayesglm.numerics.priors.kernels import FourierField
from bayesglm.numerics.theta.simplex import log_shares, pull_logs, shares
from bayesglm.numerics.theta.transforms import LOG, Transform

Array = np.ndarray
LARGEST = 700.0  # logarithm of a number that a float holds


@dataclass(frozen=True)
class LearnedScale:
    """For each coefficient, or once for all of them, the place of its scale in theta.

    ``transform`` is the one under which scales stand there: logarithms, if not said otherwise.
    """

    own: ClassVar[bool] = False
    log_known: ClassVar[None] = None

    places: Array
    transform: Transform = LOG

    @property
    def shared(self) -> bool:
        """Whether all coefficients share the scale."""
        return len(self._scales) == 1

    def for_each(self, n: int) -> LearnedScale:
        """Return the scales of n coefficients, of which runs of the same length share one."""
        return replace(self, places=np.repeat(self.places, n // len(self.places)))

    def log_scale(self, theta: Array) -> Array:
        """Return the logarithms of the scales, ``(..., 1)`` where all coefficients share one."""
        places = self._scales if len(self._scales) == 1 else self.places
        return self.transform.log_natural(theta[..., places])

    def add_slope(self, theta: Array, slopes: Array, gradient: Array) -> None:
        """Add to gradients in theta what slopes in the log scales make of them, in place."""
        if len(self._scales) == 1:
            of_each = np.add.reduce(slopes, axis=-1, keepdims=True)
        else:
            ordered = slopes if self._order is None else slopes[..., self._order]
            of_each = np.add.reduceat(ordered, self._starts, axis=-1)
        if self.transform is not LOG:
            of_each = of_each * self.transform.log_slope(theta[..., self._scales])
        gradient[..., self._scales] += of_each

    @cached_property
    def _scales(self) -> Array:
        """The places of scales, each once, in increasing order."""
        return np.unique(self.places)

    @cached_property
    def _order(self) -> Array | None:
        """The coefficients in the order of their scales; None where that is their own."""
        ordered = np.all(np.diff(self.places) >= 0)
        return None if ordered else np.argsort(self.places, kind="stable")

    @cached_property
    def _starts(self) -> Array:
        """Where in that order the coefficients of each scale start."""
        return np.searchsorted(np.sort(self.places), self._scales)


@dataclass(frozen=True)
class KnownScale:
    """Scales that are numbers, with the logarithms ``log_known (q,)``."""

    own: ClassVar[bool] = False
    shared: ClassVar[bool] = False
    log_known: Array

    def log_scale(self, theta: Array) -> Array:
        """Return them at theta ``(..., size)``."""
        return np.broadcast_to(self.log_known, (*theta.shape[:-1], len(self.log_known)))

    def add_slope(self, theta: Array, slopes: Array, gradient: Array) -> None:
        """Add nothing."""


@dataclass(frozen=True)
class BesideKnown:
    """Learned scales of some coefficients, beside numbers that are those of others.

    ``log_known (q,)`` holds the logarithms of these, and NaN where the scale is learned.
    """

    learned: LearnedScale
    own: ClassVar[bool] = False
    shared: ClassVar[bool] = False
    log_known: Array

    @cached_property
    def _is_learned(self) -> Array:
        return np.isnan(self.log_known)

    def log_scale(self, theta: Array) -> Array:
        """Return the logarithms of the scales."""
        return np.where(self._is_learned, self.learned.log_scale(theta), self.log_known)

    def add_slope(self, theta: Array, slopes: Array, gradient: Array) -> None:
        """Add to gradients in theta what slopes in the log scales make of them, in place."""
        self.learned.add_slope(theta, np.where(self._is_learned, slopes, 0.0), gradient)


@dataclass(frozen=True)
class HorseshoeScale:
    """Of a regularised horseshoe: a common scale, one of each coefficient, and the slab's variance.

    log scale = -log(exp(-2 wide) + 1/slab) / 2 with wide = log(tau local).
    """

    own: ClassVar[bool] = True
    shared: ClassVar[bool] = False
    log_known: ClassVar[None] = None

    common: LearnedScale
    local: slice
    slab: int

    def _wide(self, theta: Array) -> Array:
        return self.common.log_scale(theta) + theta[..., self.local]

    def log_scale(self, theta: Array) -> Array:
        """Return the logarithms of the scales: the smaller end, less what the other takes."""
        wide, slab = self._wide(theta), 0.5 * theta[..., self.slab, None]
        return np.minimum(wide, slab) - 0.5 * np.log1p(np.exp(-2.0 * np.abs(wide - slab)))

    def add_slope(self, theta: Array, slopes: Array, gradient: Array) -> None:
        """Add to gradients in theta what slopes in the log scales make of them, in place."""
        beyond = 2.0 * self._wide(theta) - theta[..., self.slab, None]
        of_wide = slopes / (1.0 + np.exp(np.minimum(beyond, LARGEST)))
        gradient[..., self.slab] += 0.5 * np.add.reduce(slopes - of_wide, axis=-1)
        gradient[..., self.local] += of_wide
        self.common.add_slope(theta, of_wide, gradient)


@dataclass(frozen=True)
class VarianceScale:
    """Of a share of variance that is dealt out over coefficients.

    log scale_j = log unit_j + log sigma + (logit R2 + log share_j) / 2, of which theta holds logit
    R2 at ``r2``, the shares as `theta.simplex` has them, and log sigma; without a place sigma is in
    the units, and the only coefficient has the whole.
    """

    own: ClassVar[bool] = True
    shared: ClassVar[bool] = False
    log_known: ClassVar[None] = None

    log_unit: Array
    r2: int
    share: slice | None = None
    sigma: int | None = None

    def log_scale(self, theta: Array) -> Array:
        """Return the logarithms of the scales."""
        common = 0.5 * theta[..., self.r2, None]
        if self.sigma is not None:
            common = common + theta[..., self.sigma, None]
        if self.share is None:
            return self.log_unit + common
        return self.log_unit + common + 0.5 * log_shares(theta[..., self.share])

    def add_slope(self, theta: Array, slopes: Array, gradient: Array) -> None:
        """Add to gradients in theta what slopes in the log scales make of them, in place."""
        total = np.add.reduce(slopes, axis=-1)
        gradient[..., self.r2] += 0.5 * total
        if self.sigma is not None:
            gradient[..., self.sigma] += total
        if self.share is not None:
            gradient[..., self.share] += 0.5 * pull_logs(shares(theta[..., self.share]), slopes)


@dataclass(frozen=True)
class FieldScale:
    """Of the waves of a field: one scale above all of them, and the root of each one's variance.

    Those are the ``field``'s under lengthscales, which stand in theta at ``places`` under
    ``transform``, where there is one; NaN among ``log_lengths (d,)`` marks where. ``common`` is the
    scale, or its logarithm where it is known.
    """

    own: ClassVar[bool] = False
    shared: ClassVar[bool] = False
    log_known: ClassVar[None] = None

    common: LearnedScale | float
    field: FourierField
    log_lengths: Array
    places: Array
    transform: Transform = LOG

    def _lengths(self, theta: Array) -> Array:
        """Return the logarithms of the lengthscales ``(..., d)``."""
        every = np.broadcast_to(self.log_lengths, (*theta.shape[:-1], len(self.log_lengths))).copy()
        every[..., self._learned] = self.transform.log_natural(theta[..., self.places])
        return every

    @cached_property
    def _learned(self) -> Array:
        return np.flatnonzero(np.isnan(self.log_lengths))

    def log_scale(self, theta: Array) -> Array:
        """Return the logarithms of the scales."""
        known = self.common
        above = known if isinstance(known, float) else known.log_scale(theta)
        return above + 0.5 * self.field.log_variance(self._lengths(theta))

    def add_slope(self, theta: Array, slopes: Array, gradient: Array) -> None:
        """Add to gradients in theta what slopes in the log scales make of them, in place."""
        of_lengths = 0.5 * self.field.pull(self._lengths(theta), slopes)[..., self._learned]
        gradient[..., self.places] += of_lengths * self.transform.log_slope(theta[..., self.places])
        if not isinstance(self.common, float):
            self.common.add_slope(theta, slopes, gradient)


@dataclass(frozen=True)
class UnequalScale:
    """Scales that are one number to be learned times units that are known, ``log_unit (q,)``."""

    own: ClassVar[bool] = False
    shared: ClassVar[bool] = False
    log_known: ClassVar[None] = None

    common: LearnedScale
    log_unit: Array

    def log_scale(self, theta: Array) -> Array:
        """Return the logarithms of the scales."""
        return self.common.log_scale(theta) + self.log_unit

    def add_slope(self, theta: Array, slopes: Array, gradient: Array) -> None:
        """Add to gradients in theta what slopes in the log scales make of them, in place."""
        self.common.add_slope(theta, slopes, gradient)
