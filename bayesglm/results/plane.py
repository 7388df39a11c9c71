"""Likelihood, prior and posterior on a plane of two coefficients: surfaces, levels, points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from bayesglm.results.through import MOST_FOLLOWING, Through, grid_points, only_problem, through_map
from bayesglm.spec.model import GLM

Array = np.ndarray
type Density = Callable[[Array], Array]
SHARES = (0.94, 0.5)  # of the probability within the contours
# What a Gaussian of two numbers has lost, in nats, where these shares lie within.
DROPS = tuple(-np.log1p(-share) for share in SHARES)
NEGLIGIBLE = 14.0  # nats below the peak: what lies beyond holds a millionth of a Gaussian
ROUND, ROUNDS = 13, 12  # points of a side on which a region is looked for, and how often
COARSE, FINE = 23, 241  # points of a side: of smooth functions, and of what has kinks
MOST_OF_REGION = 1.6  # sides of the picture without it, up to which the constraint is seen whole
FURTHEST = 20.0  # times the posterior's reach: how far from it anything else is looked for


class Box(NamedTuple):
    """A rectangle: its lower and upper corners ``(2,)``."""

    low: Array
    high: Array

    def axes(self, n: int) -> tuple[Array, Array]:
        """Return n even places along each side."""
        return tuple(np.linspace(*ends, n) for ends in zip(self.low, self.high, strict=True))  # type: ignore[return-value]

    def with_point(self, point: Array) -> Box:
        """Return the smallest box that holds this one and a point."""
        return Box(np.minimum(self.low, point), np.maximum(self.high, point))

    def join(self, other: Box) -> Box:
        """Return the smallest box that holds both."""
        return self.with_point(other.low).with_point(other.high)

    def within(self, other: Box) -> Box:
        """Return what both have in common."""
        return Box(np.maximum(self.low, other.low), np.minimum(self.high, other.high))

    def wider(self, factor: float) -> Box:
        """Return a box of the same centre."""
        centre, half = (self.low + self.high) / 2.0, (self.high - self.low) / 2.0
        return Box(centre - factor * half, centre + factor * half)

    def holds(self, point: Array) -> bool:
        """Say whether a point is inside."""
        return self.holds_any(point[None])

    def holds_any(self, points: Array) -> bool:
        """Say whether any of several points ``(k, 2)`` is inside."""
        return bool(((self.low <= points) & (points <= self.high)).all(axis=1).any())


class Surface(NamedTuple):
    """Values ``(len(x), len(y))`` on a grid."""

    x: Array
    y: Array
    values: Array

    def box_above(self, level: float) -> Box:
        """Return the box around all that is no lower than a level."""
        inside = self.values >= level
        along = [axis[inside.any(axis=k)] for axis, k in ((self.x, 1), (self.y, 0))]
        low, high = (np.array([pick(one) for one in along]) for pick in (np.min, np.max))
        return Box(low, high)


@dataclass(frozen=True)
class Plane:
    """What is drawn of one model: surfaces of log densities, levels, and points ``(2,)``.

    ``best`` is where the likelihood has its maximum; None where it keeps rising. ``prior`` and
    ``region``, the penalty's level set through the MAP, are None where there is none. ``display``
    holds all that should be seen.
    """

    through: Through
    posterior: Surface
    levels: tuple[float, ...]
    likelihood: Surface
    prior: Surface | None
    prior_levels: tuple[float, ...]
    region: Surface | None
    region_level: float
    mean: Array
    best: Array | None
    is_highest: bool
    display: Box


def plane_of(
    model: GLM, data: Any, coefficients: tuple[str, str] | None, truth: Array | None
) -> Plane:
    """Compute all that a picture of two coefficients shows; raises as `plot_plane` says."""
    through = through_map(only_problem(model, data, "plot_plane"), coefficients)
    reach = _region(through.log_posterior, through.map, _first_reach(through), NEGLIGIBLE)[0]
    posterior = _posterior(through, reach)
    levels = _levels(posterior.values, _cells(posterior.x, posterior.y))
    density = np.exp(posterior.values - posterior.values.max())
    mean = np.array(
        [(density.sum(axis=1 - k) @ axis) for k, axis in enumerate((posterior.x, posterior.y))]
    )
    mean /= density.sum()
    close = posterior.box_above(levels[0]).with_point(through.map)
    likelihood, best = _likelihood(through, close)
    region, region_level = _penalty(through)
    display = _display(through, close, likelihood, best, truth)
    if region is not None:
        edge = region.box_above(region_level)
        if np.all(edge.high - edge.low < MOST_OF_REGION * (display.high - display.low)):
            display = display.join(edge.wider(1.05))
    if best is None:
        likelihood = _smooth_surface(through.log_likelihood, display, FINE)
    prior, prior_levels = _prior(through)
    at_map = float(through.log_posterior(through.map[None])[0])
    return Plane(
        through,
        posterior,
        levels,
        likelihood,
        prior,
        prior_levels,
        region,
        region_level,
        mean,
        best,
        bool(posterior.values.max() < at_map + 0.02),
        display,
    )


def _first_reach(through: Through) -> Box:
    """Return a box of several standard deviations around the MAP, as its curvature tells them."""
    objective, two = through.objective, list(through.places)
    if objective.size <= MOST_FOLLOWING:
        precision = -objective.evaluate(through.theta).hessian
        own = through.slopes.T @ precision @ through.slopes
    else:
        own = np.diag(objective.curvature(through.theta, np.array(two)).diagonal())
    own = own + np.diag(objective.kinks.precision()[two])
    spread = 1.0 / np.sqrt(np.maximum(np.abs(np.diagonal(own)), 1e-12 / through.scales**2))
    try:
        marginal = np.linalg.inv(own).diagonal()
        spread = np.where(marginal > 0.0, np.sqrt(np.abs(marginal)), spread)
    except np.linalg.LinAlgError:
        pass
    return Box(through.map - 5.0 * spread, through.map + 5.0 * spread)


def _region(
    log_density: Density, peak: Array, box: Box, drop: float, limit: Box | None = None
) -> tuple[Box, bool]:
    """Return a box around all that is ``drop`` nats below the best at most; and whether it ends.

    It grows where the edge is inside, and shrinks where few points are. With a ``limit`` it ends
    there.
    """
    ends = False
    for _ in range(ROUNDS):
        x, y = box.axes(ROUND)
        values = log_density(grid_points(x, y)).reshape(ROUND, ROUND)
        best = max(float(values.max()), float(log_density(peak[None])[0]))
        inside = Surface(x, y, values).values >= best - drop
        step = (box.high - box.low) / (ROUND - 1)
        if not inside.any():
            box = Box(peak - 2.0 * step, peak + 2.0 * step)
            continue
        found = Surface(x, y, values).box_above(best - drop).with_point(peak)
        grow_low, grow_high = found.low <= box.low, found.high >= box.high
        grown = (box.high - box.low) * 0.75
        after = Box(
            np.where(grow_low, box.low - grown, found.low - step),
            np.where(grow_high, box.high + grown, found.high + step),
        )
        ends = not (grow_low.any() or grow_high.any())
        if limit is not None:
            after = after.within(limit)
        fills = np.all((after.high - after.low) > 0.6 * (box.high - box.low))
        unchanged = np.allclose(after.low, box.low) and np.allclose(after.high, box.high)
        box = after
        if (ends and fills) or unchanged:
            break
    return box, ends


def _even(low: float, high: float, n: int, through: float) -> Array:
    """Return even places from low to high, one of which is exactly at ``through`` if that is."""
    step = (high - low) / (n - 1)
    if not low < through < high:
        return np.linspace(low, high, n)
    first = int(np.ceil((low - through) / step))
    return through + step * np.arange(first, first + n)


def _smooth_surface(log_density: Density, box: Box, n: int) -> Surface:
    """Return a smooth function on a fine grid, by splines through its values on a coarse one."""
    x, y = box.axes(n)
    return Surface(x, y, _interpolated(log_density, box, x, y))


def _interpolated(log_density: Density, box: Box, x: Array, y: Array) -> Array:
    from scipy.interpolate import RectBivariateSpline

    coarse_x, coarse_y = box.axes(COARSE)
    values = log_density(grid_points(coarse_x, coarse_y)).reshape(COARSE, COARSE)
    if np.isfinite(values).all():
        return np.asarray(RectBivariateSpline(coarse_x, coarse_y, values, kx=5, ky=5)(x, y))
    return log_density(grid_points(x, y)).reshape(len(x), len(y))  # a link's domain ends here


def _posterior(through: Through, reach: Box) -> Surface:
    """Return the log posterior on a fine grid that meets the kinks of the priors."""
    x, y = (
        _even(low, high, FINE, at)
        for low, high, at in zip(reach.low, reach.high, through.centre, strict=True)
    )
    outer = Box(np.array([x[0], y[0]]), np.array([x[-1], y[-1]])).join(reach)
    values = _interpolated(through.log_smooth, outer, x, y) + through.log_prior(x, y)
    return Surface(x, y, values)


def _cells(x: Array, y: Array) -> Array:
    """Return the areas that the points of a grid stand for."""
    return np.outer(np.gradient(x), np.gradient(y))


def _levels(log_density: Array, areas: Array) -> tuple[float, ...]:
    """Return the heights above which `SHARES` of the probability lie."""
    heights = log_density.ravel()
    order = np.argsort(-heights)
    mass = np.cumsum((np.exp(heights - heights.max()) * areas.ravel())[order])
    return tuple(float(heights[order[np.searchsorted(mass, s * mass[-1])]]) for s in SHARES)


def _likelihood(through: Through, close: Box) -> tuple[Surface, Array | None]:
    """Return the log likelihood around its maximum, and that; None where it keeps rising."""
    limit = close.wider(FURTHEST).with_point(through.centre)
    box, ends = _region(through.log_likelihood, through.map, close.wider(1.5), 4.0, limit)
    surface = _smooth_surface(through.log_likelihood, box, FINE)
    at = np.unravel_index(int(np.argmax(surface.values)), surface.values.shape)
    on_edge = any(k in (0, FINE - 1) for k in at)
    if not ends or on_edge:
        return surface, None
    near = [int(np.clip(k, 1, FINE - 2)) for k in at]
    return surface, _vertex(surface, near)


def _vertex(surface: Surface, at: list[int]) -> Array:
    """Return the top of the paraboloid through a point of a grid and its eight neighbours."""
    i, j = at
    z = surface.values[i - 1 : i + 2, j - 1 : j + 2]
    step = np.array([surface.x[1] - surface.x[0], surface.y[1] - surface.y[0]])
    slope = np.array([z[2, 1] - z[0, 1], z[1, 2] - z[1, 0]]) / 2.0
    cross = (z[2, 2] - z[2, 0] - z[0, 2] + z[0, 0]) / 4.0
    bend = np.array(
        [
            [z[2, 1] - 2.0 * z[1, 1] + z[0, 1], cross],
            [cross, z[1, 2] - 2.0 * z[1, 1] + z[1, 0]],
        ]
    )
    move = np.linalg.lstsq(bend, -slope)[0]
    return np.array([surface.x[i], surface.y[j]]) + step * np.clip(move, -1.0, 1.0)


def _display(
    through: Through, close: Box, likelihood: Surface, best: Array | None, truth: Array | None
) -> Box:
    """Return the box that is seen: the posterior, and what else is not too far from it."""
    limit = close.wider(FURTHEST)
    seen = close if best is not None else close.wider(1.6)
    if best is not None:
        region = likelihood.box_above(float(likelihood.values.max()) - DROPS[0])
        seen = seen.join(region.within(limit)) if limit.holds(best) else seen
    for point in (through.centre, truth):
        if point is not None and limit.holds(point):
            seen = seen.with_point(point)
    return seen.wider(1.12)


def _prior(through: Through) -> tuple[Surface | None, tuple[float, ...]]:
    """Return the log prior on a grid that is fine at its centre and reaches far, and its levels."""
    if not through.is_proper:
        return None, ()
    steps = np.sinh(np.linspace(-9.0, 9.0, FINE)) / 40.0  # up to a hundred scales
    x, y = (at + scale * steps for at, scale in zip(through.centre, through.scales, strict=True))
    surface = Surface(x, y, through.log_prior(x, y))
    return surface, _levels(surface.values, _cells(x, y))


def _penalty(through: Through) -> tuple[Surface | None, float]:
    """Return the log prior around its centre, and its height at the MAP: the constraint's edge."""
    away = through.map - through.centre
    level = float(through.log_prior(through.map[:1], through.map[1:])[0, 0])
    peak = float(through.log_prior(through.centre[:1], through.centre[1:])[0, 0])
    if not away.any() or not level < peak < np.inf:
        return None, level
    half = np.abs(away)
    shape = through.scales / through.scales.max()
    half = np.maximum(half, shape * np.max(half / shape)) * 1.05
    for _ in range(20):
        box = Box(through.centre - half, through.centre + half)
        x, y = (
            _even(low, high, FINE, at)
            for low, high, at in zip(box.low, box.high, through.centre, strict=True)
        )
        surface = Surface(x, y, through.log_prior(x, y))
        inside = surface.values >= level
        open_x = inside[[0, -1]].any()
        open_y = inside[:, [0, -1]].any()
        if not (open_x or open_y):
            return surface, level
        half = half * np.where([open_x, open_y], 1.5, 1.0)
    return None, level
