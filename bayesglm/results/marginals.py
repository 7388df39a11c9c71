"""What a prior says of one coefficient by itself: 94% intervals, and chances beyond a number."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.numerics.priors.record import Prior

Array = np.ndarray
PROB = 0.94  # of the equal-tailed intervals, as everywhere in the package
# Scales at which mass is looked for.
GRID = np.concatenate([[0.0], np.geomspace(1e-6, 1e6, 20_001)])
# Of positive numbers, in units of their middle: gamma priors of small shapes reach as far.
WIDE = np.concatenate(
    [np.geomspace(1e-250, 1e-6, 80_001)[:-1], GRID[1:], np.geomspace(1e6, 1e250, 80_001)[1:]]
)


def interval(part: PriorPart, size: int) -> tuple[Array, Array]:
    """Return the equal-tailed 94% interval of each entry of a proper prior of known scale."""
    scale, loc, units = _units(part, size)
    edges = np.array([_unit_interval(*unit) for unit in units])
    return loc + scale * edges[:, 0], loc + scale * edges[:, 1]


def tails(part: PriorPart, x: Array) -> Array:
    """Return the chance of lying further out than x ``(size,)``, on either side of the centre.

    Twice the smaller of the chances below and above each; in it the digits of small ones are kept
    down to what lies a million scales away.
    """
    scale, loc, units = _units(part, len(x))
    away = (x - loc) / scale
    return np.array([_unit_tail(z, *unit) for z, unit in zip(away, units, strict=True)])


def _units(part: PriorPart, size: int) -> tuple[Array, Array, list[tuple[Any, ...]]]:
    """Return units and centres, and of each entry what its density in those units is known by.

    Of a symmetric prior the unit is its scale; of another, which need not have one, its middle.
    """
    numbers = part.structure.of_each(part.parameters)
    given = {key: np.broadcast_to(value, size) for key, value in numbers.items()}
    loc = given.pop("loc", np.zeros(size))
    if part.prior.support == "real":
        unit, one = given["scale"], np.ones(size)
        given["scale"] = one
    else:
        unit = one = np.broadcast_to(part.prior.middle(**given), size)
    names = tuple(given)
    shapes = [tuple(float(given[name][k]) for name in names) for k in range(size)]
    return unit, loc, [(part.prior, names, *each) for each in zip(shapes, one, strict=True)]


@lru_cache(maxsize=64)  # priors with numbers of their own that are in use at a time: few
def _masses(
    prior: Prior, names: tuple[str, ...], numbers: tuple[float, ...], unit: float
) -> tuple[Array, Array, Array]:
    """Return a grid in a unit, the mass from 0 up to each of its points, and beyond it."""
    log_density: Callable[..., Array] = prior.marginal or prior.log_density
    grid = GRID if prior.support == "real" else WIDE
    with np.errstate(over="ignore"):
        density = unit * np.exp(log_density(grid * unit, **dict(zip(names, numbers, strict=True))))
    each = np.diff(grid) * (density[1:] + density[:-1]) / 2.0
    upto = np.concatenate([[0.0], np.cumsum(each)])
    return grid, upto, np.concatenate([np.cumsum(each[::-1])[::-1], [0.0]])


def _unit_interval(prior: Prior, *known: Any) -> tuple[float, float]:
    grid, upto, _ = _masses(prior, *known)
    if prior.support == "real":  # symmetric
        half = float(np.interp(PROB / 2.0, upto, grid))
        return -half, half
    tail = (1.0 - PROB) / 2.0
    return float(np.interp(tail, upto, grid)), float(np.interp(1.0 - tail, upto, grid))


def _unit_tail(z: float, prior: Prior, *known: Any) -> float:
    grid, upto, beyond = _masses(prior, *known)
    above = float(np.interp(abs(z), grid, beyond))
    if prior.support == "real":
        return min(1.0, 2.0 * above)
    below = float(np.interp(z, grid, upto))
    return min(1.0, 2.0 * min(above, below))


def interval_of(draws: Array) -> tuple[Array, Array]:
    """Return the equal-tailed 94% interval of draws along their first axis."""
    tail = (1.0 - PROB) / 2.0
    low, high = np.quantile(draws, [tail, 1.0 - tail], axis=0)
    return low, high


def tails_of(draws: Array, x: Array) -> Array:
    """Return what `tails` does, of draws ``(n, size)``: 1/n is the least that they tell apart."""
    below = (draws < x).sum(axis=0) + 0.5
    return 2.0 * np.minimum(below, len(draws) + 1.0 - below) / (len(draws) + 1.0)


class Spread(NamedTuple):
    """What a prior says of each of several numbers by itself; None of what it leaves free."""

    low: Array | None
    high: Array | None
    tails: Callable[[Array], Array]


def spread_of(part: PriorPart | None, draws: Array) -> Spread:
    """Return it from a part's density where that is one of single numbers, else from draws."""
    if part is not None and not part.prior.proper:
        return Spread(None, None, lambda x: np.full(len(x), np.nan))
    alone = part is not None and part.learned is None and part.structure.diagonal
    if part is None or not alone or part.prior.marginal or "scale" not in part.parameters:
        return Spread(*interval_of(draws), lambda x: tails_of(draws, x))
    return Spread(*interval(part, part.size), lambda x: tails(part, x))
