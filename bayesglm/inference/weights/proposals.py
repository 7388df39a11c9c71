"""Proposals for importance sampling around a mode: Gaussian, split normal, and Student t."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import gammaln

Array = np.ndarray
PROBES = (1.0, 2.0, 3.0)  # standard deviations from the mode where the density is probed
NARROWEST, WIDEST = 0.4, 4.0  # a half's scale, in sds by the curvature at the mode: chosen
MOST_PROBED = 100  # parameters, of which the probes cost next to nothing beside a pool's draws
PROBED_AT = 2.0  # sds from the mode, where a density says whether it is a Gaussian ...
SKEWED = 0.05  # ... by a width on one side that is another by such a share
HEAVY_TAIL_DF = 5.0  # degrees of freedom of the proposal that has to agree: chosen
FLATTEST = 1e-13  # curvature, relative to the largest, that rounding leaves of none


@dataclass(frozen=True)
class SplitNormal:
    """theta = mode + factor z, each z_j a normal split at 0 with scales left_j and right_j.

    q(z_j) = 2 / (left_j + right_j) * phi(z_j / scale), scale = left_j below 0, right_j above
    (Geweke 1989, section 4); with both 1 it is the Gaussian. ``df`` divides z by a common
    sqrt(chi2_df / df): a Student t with the same centre and heavier tails.
    """

    name: str
    mode: Array
    factor: Array
    left: Array
    right: Array
    df: float | None = None

    def draw(self, rng: np.random.Generator, n: int) -> tuple[Array, Array]:
        """Return ``n`` draws ``(n, size)`` and their log densities."""
        total = self.left + self.right
        z = rng.standard_normal((n, len(self.mode)))
        if self.df is not None:
            z /= np.sqrt(rng.chisquare(self.df, n) / self.df)[:, None]
        squares = np.einsum("ij,ij->i", z, z)
        if np.any(total != 2.0):
            above = rng.random(z.shape) * total < self.right
            z = np.abs(z) * np.where(above, self.right, -self.left)
        constant = np.log(2.0 / total).sum() - float(np.linalg.slogdet(self.factor)[1])
        log_density = constant + log_standard(squares, len(self.mode), self.df)
        return self.mode + z @ self.factor.T, log_density

    def heavier(self) -> SplitNormal:
        """Return a Student t in place of a normal, one of half its df in place of a Student t."""
        if self.df is not None:
            return replace(self, df=0.5 * self.df)
        return replace(self, name=f"{self.name} Student t", df=HEAVY_TAIL_DF)


def log_standard(squares: Array, p: int, df: float | None) -> Array:
    """Return log densities of z of p dimensions, where z'z is known: normal, or Student t's."""
    if df is None:
        return -0.5 * squares - 0.5 * p * np.log(2.0 * np.pi)
    constant = gammaln(0.5 * (df + p)) - gammaln(0.5 * df) - 0.5 * p * np.log(df * np.pi)
    return constant - 0.5 * (df + p) * np.log1p(squares / df)


def gaussian(mode: Array, precision: Array) -> SplitNormal:
    """Return N(mode, precision^-1), its factor the symmetric root of the scaled covariance.

    The symmetric root keeps each z_j close to its own parameter, which `split` relies on.
    """
    scale = 1.0 / np.sqrt(np.diag(precision))
    values, vectors = np.linalg.eigh(precision * np.outer(scale, scale))
    values = np.maximum(values, FLATTEST * values[-1])
    root = (vectors / np.sqrt(values)) @ vectors.T
    ones = np.ones(len(mode))
    return SplitNormal("Gaussian", mode, scale[:, None] * root, ones, ones)


def split(around: SplitNormal, log_density: Callable[[Array], Array]) -> SplitNormal:
    """Fit the split scales to a density: as wide as it is at 1, 2 and 3 steps along each z_j.

    scale = max over d of d / sqrt(2 (log p(mode) - log p(mode + d e_j))) (Geweke 1989, eq. 22).
    """
    steps = around.factor.T
    top = float(log_density(around.mode[None])[0])
    sides = []
    for sign in (-1.0, 1.0):
        scales = []
        for distance in PROBES:
            drop = top - log_density(around.mode + sign * distance * steps)
            scales.append(distance / np.sqrt(2.0 * np.maximum(drop, 1e-3)))
        sides.append(np.clip(np.max(scales, axis=0), NARROWEST, WIDEST))
    return replace(around, name="split normal", left=sides[0], right=sides[1])


def by_tails(first: SplitNormal, log_density: Callable[[Array], Array]) -> Iterator[SplitNormal]:
    """Run through a Gaussian, the split normal of its density, and that with heavier tails.

    The Gaussian is left out where the density is another along its axes. A pool that has not met
    a longer tail has weights that look as if there were none.
    """
    if len(first.mode) > MOST_PROBED or _fits(first, log_density):
        yield first
    skewed = split(first, log_density)
    yield skewed
    yield skewed.heavier()


def _fits(around: SplitNormal, log_density: Callable[[Array], Array]) -> bool:
    """Say whether a density is as wide as a Gaussian on both sides of each axis."""
    steps = PROBED_AT * np.vstack([around.factor.T, -around.factor.T])
    values = log_density(around.mode + np.vstack([np.zeros((1, len(around.mode))), steps]))
    widths = PROBED_AT / np.sqrt(2.0 * np.maximum(values[0] - values[1:], 1e-3))
    return bool(np.abs(widths - 1.0).max(initial=0.0) < SKEWED)
