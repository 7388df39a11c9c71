"""Draws of tilted densities: standard normal numbers taken to them by monotone maps.

The density N(eta; mean, variance) p(y | eta) of a row moves with the mean, which in sequential
draws is another for every draw. At nodes of the mean its quantile function is laid out over those
of a standard normal, as a cubic with the slopes that the density says; between nodes the maps are
mixed. They stay monotone, so that the density of what comes out is known exactly, whatever a map
falls short of the tilted density itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from bayesglm.inference.weights.sites import RowLikelihood, tilts
from bayesglm.numerics.density.bent import Curves, cubic

Array = np.ndarray
LOG_ROOT_2_PI = 0.5 * np.log(2.0 * np.pi)
LAST = 6.0  # of the normal numbers of a map; beyond it goes on straight
POINTS = 49  # of these: a cubic between two is right to 1e-4 sds
NODES = 97  # from which quantiles are laid for the first time
SPACING = 0.4  # of the means of two maps, in sds of the density that the mean is of
FEWEST, MOST = 3, 129  # maps of a row
FAR = 5.0  # sds of the mean that the maps of a row span

_TINY = np.finfo(float).tiny
GRID = np.linspace(-LAST, LAST, POINTS)
_NORMAL = np.exp(-0.5 * GRID**2 - LOG_ROOT_2_PI).reshape(-1, 1, 1)
_MASS = np.diff(ndtr(np.concatenate([[-np.inf], GRID, [np.inf]]))).reshape(-1, 1, 1)


@dataclass(frozen=True)
class Maps:
    """Maps of one row at ``means`` ``(k,)``, evenly spaced: values and slopes ``(k, points)``."""

    means: Array
    values: Array
    slopes: Array

    def at(self, mean: Array, zeta: Array) -> tuple[Array, Array]:
        """Return what normal numbers ``(n,)`` are taken to, and the logarithm of the slope there.

        Beyond the first and the last of the means a map is that of the end, moved as from there on.
        """
        points = self.values.shape[1]
        step = self.means[1] - self.means[0]
        along = (mean - self.means[0]) / step
        of_mean = np.clip(along.astype(np.intp), 0, len(self.means) - 2)
        share = np.clip(along - of_mean, 0.0, 1.0)
        gap = 2.0 * LAST / (points - 1)
        place = (zeta + LAST) / gap
        of_zeta = np.clip(place.astype(np.intp), 0, points - 2)
        t = np.clip(place - of_zeta, 0.0, 1.0)
        first = of_mean * points + of_zeta
        v0, v1, s0, s1 = (
            _mixed(table, first + k, points, share)
            for table in (self.values.ravel(), self.slopes.ravel())
            for k in (0, 1)
        )
        value, slope = cubic(v0, v1 - v0, gap * s0, gap * s1, t)
        slope /= gap
        beyond = place - of_zeta - t
        value += gap * beyond * slope
        value += (along - of_mean - share) * step * self._drift
        return value, np.log(slope)

    @property
    def _drift(self) -> float:
        """By how much a map moves with the mean, beyond the means of all."""
        middle = self.values[:, self.values.shape[1] // 2]
        return float((middle[-1] - middle[0]) / (self.means[-1] - self.means[0]))


def _mixed(table: Array, place: Array, points: int, share: Array) -> Array:
    near = table[place]
    return near + share * (table[place + points] - near)


def maps(
    likelihood: RowLikelihood, mean: Array, sd: Array, variance: Array, tau: Array
) -> list[Maps]:
    """Return the maps of some rows, whose means have some means and sds themselves ``(rows,)``.

    They change with the mean over what is the wider, the density that the mean is of or the
    likelihood, of which the precision ``tau`` of a row's site tells.
    """
    reach = np.maximum(FAR * sd, SPACING * np.sqrt(variance))
    unit = np.sqrt(variance + np.minimum(1.0 / np.maximum(tau, _TINY), sd**2))
    count = int(np.clip(2.0 * np.max(reach / unit) / SPACING, FEWEST, MOST))
    means = mean + np.linspace(-1.0, 1.0, count)[:, None] * reach
    values, slopes = _quantiles(likelihood, means, np.broadcast_to(variance, means.shape))
    return [
        Maps(*(np.ascontiguousarray(one[..., k].T) for one in (means, values, slopes)))
        for k in range(len(mean))
    ]


def curves(likelihood: RowLikelihood, mean: Array, variance: Array) -> Curves:
    """Return what takes standard normal numbers to the tilted densities of rows ``(rows,)``."""
    values, slopes = _quantiles(likelihood, mean[None], variance[None])
    return Curves(values[:, 0].T.copy(), slopes[:, 0].T.copy(), LAST)


@np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore")
def _quantiles(likelihood: RowLikelihood, mean: Array, variance: Array) -> tuple[Array, Array]:
    """Return quantiles of tilted densities, and their slopes, ``(points, ..., rows)``.

    They are laid twice, the second time at the quantiles that the first has found: where a
    likelihood is a wall, all that is between its two sides lies within a step of a rule.
    """
    first = tilts(likelihood, mean, variance, NODES)
    half = 0.5 * first.share
    below, above = np.cumsum(first.share, axis=0), np.cumsum(first.share[::-1], axis=0)[::-1]
    density = first.share / first.width
    values, slopes = _laid(first.eta, below - half, above - half, density)
    log_density = likelihood.value(values) - 0.5 * (values - mean) ** 2 / variance
    density = np.exp(log_density - log_density.max(axis=0))
    # Relative to the standard normal this hardly varies.
    ratio = density * slopes / _NORMAL
    ends = np.concatenate([ratio[:1], 0.5 * (ratio[1:] + ratio[:-1]), ratio[-1:]])
    share = _MASS * ends
    total = share.sum(axis=0)
    below, above = np.cumsum(share[:-1], axis=0), np.cumsum(share[:0:-1], axis=0)[::-1]
    return _laid(values, below / total, above / total, density / total)


def _laid(eta: Array, below: Array, above: Array, density: Array) -> tuple[Array, Array]:
    """Return quantiles and slopes ``(points, ...)`` of densities at nodes ``(nodes, ...)``.

    ``below`` and ``above`` are the shares of the mass on both sides of a node.
    """
    z = np.where(below < 0.5, ndtri(np.maximum(below, _TINY)), -ndtri(np.maximum(above, _TINY)))
    slope = np.exp(-0.5 * z**2 - LOG_ROOT_2_PI) / np.maximum(density, _TINY)
    lead, nodes = z.shape[1:], len(z)
    z, eta, slope = (one.reshape(nodes, -1) for one in (z, eta, slope))
    # How many nodes lie below each point of the grid, line by line.
    lines = z.shape[1]
    bins = np.clip(np.ceil((z + LAST) / (GRID[1] - GRID[0])), 0, POINTS).astype(np.intp)
    bins = bins * lines + np.arange(lines)
    counts = np.bincount(bins.ravel(), minlength=lines * (POINTS + 1))
    first = np.cumsum(counts.reshape(POINTS + 1, lines), axis=0)[:POINTS] - 1
    first = np.clip(first, 0, nodes - 2) * lines + np.arange(lines)
    z0, z1, v0, v1, s0, s1 = (
        of.ravel()[first + k * lines] for of in (z, eta, slope) for k in (0, 1)
    )
    gap = np.maximum(z1 - z0, _TINY)
    t = np.clip((GRID[:, None] - z0) / gap, 0.0, 1.0)
    rise = v1 - v0
    s0, s1 = (np.clip(gap * one, 0.0, 3.0 * rise) for one in (s0, s1))
    values, slopes = cubic(v0, rise, s0, s1, t)
    values, slopes = _monotone(values, slopes / gap)
    return values.reshape(POINTS, *lead), slopes.reshape(POINTS, *lead)


def _monotone(values: Array, slopes: Array) -> tuple[Array, Array]:
    """Return values that rise, and slopes with which cubics between them do (Fritsch & Carlson
    1980).
    """
    gap = GRID[1] - GRID[0]
    rise = np.diff(values, axis=0) / gap
    least = np.maximum(np.median(rise, axis=0) * 1e-6, _TINY)
    rise = np.where(rise > least, rise, least)
    values = np.concatenate([values[:1], values[:1] + np.cumsum(rise, axis=0) * gap])
    most = 3.0 * np.minimum(np.concatenate([rise, rise[-1:]]), np.concatenate([rise[:1], rise]))
    return values, np.clip(np.where(np.isfinite(slopes), slopes, 0.0), most / 30.0, most)
