"""A hidden place on a grid, filtered and smoothed: Bayes's rule from one sample to the next."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import ndtr

Array = np.ndarray
LEAST = 1e-30  # probability of a move, so that products of two stay floats: chosen
WRAPS = 4  # times that a step may go around a circle: beyond lies nothing of steps up to a period


@dataclass(frozen=True)
class Axis:
    """Cells of equal width along one variable, and how it moves from one sample to the next.

    ``step`` is the standard deviation of a move. Of a ``circular`` variable the cells are one
    period; others stay between the ends.
    """

    name: str
    low: float
    high: float
    n_cells: int
    step: float
    circular: bool

    @property
    def width(self) -> float:
        """Width of a cell."""
        return (self.high - self.low) / self.n_cells

    @cached_property
    def centres(self) -> Array:
        """Centres of the cells."""
        return self.low + (np.arange(self.n_cells) + 0.5) * self.width

    @cached_property
    def moves(self) -> Array:
        """The probability ``(from, to)`` of each cell after a move from the centre of another.

        That of the normal distribution in the cell; what lies beyond the ends is given to all cells
        alike, or goes around. None is nothing at all, so that spikes which contradict the step move
        the place all the same.
        """
        edges = self.low + np.arange(self.n_cells + 1) * self.width
        away = edges - self.centres[:, None]
        turns = np.arange(-WRAPS, WRAPS + 1) if self.circular else np.zeros(1)
        period = self.high - self.low
        chance = sum(np.diff(ndtr((away + turn * period) / self.step), axis=1) for turn in turns)
        chance = np.maximum(chance, LEAST)
        return chance / chance.sum(axis=1, keepdims=True)


def smoothed(
    log_likelihood: Array, axes: tuple[Axis, ...], starts: Array, both: bool
) -> tuple[Array, Array]:
    """Return the probabilities of each cell ``(times, draws, cells)``, and log p(y) ``(draws,)``.

    ``log_likelihood (times, draws, cells)`` is overwritten. At ``starts (times,)`` a trial begins,
    in any cell alike. With ``both`` the samples after tell as well: the forward-backward recursion.
    """
    peak = log_likelihood.max(axis=-1, keepdims=True)
    likelihood = np.exp(np.subtract(log_likelihood, peak, out=log_likelihood), out=log_likelihood)
    n, draws, cells = likelihood.shape
    filtered = np.empty(likelihood.shape)
    evidence = peak.sum(axis=(0, 2))
    for t in range(n):
        before = (
            np.full((draws, cells), 1.0 / cells) if starts[t] else _moved(filtered[t - 1], axes)
        )
        joint = before * likelihood[t]
        total = joint.sum(axis=-1, keepdims=True)
        np.divide(joint, total, out=filtered[t])
        evidence += np.log(total[:, 0])
    if not both:
        return filtered, evidence
    later = np.ones((draws, cells))
    for t in reversed(range(n)):
        joint = filtered[t] * later
        told = likelihood[t] * later
        filtered[t] = joint / joint.sum(axis=-1, keepdims=True)
        later = np.ones((draws, cells)) if starts[t] else _moved(told, axes, back=True)
        later /= later.max(axis=-1, keepdims=True)
    return filtered, evidence


def _moved(chance: Array, axes: tuple[Axis, ...], back: bool = False) -> Array:
    """Return probabilities ``(draws, cells)`` after a move along every axis, or before it."""
    shape = (len(chance), *(axis.n_cells for axis in axes))
    moved = chance.reshape(shape)
    for k, axis in enumerate(axes, start=1):
        matrix = axis.moves.T if back else axis.moves
        moved = np.moveaxis(np.moveaxis(moved, k, -1) @ matrix, -1, k)
    return moved.reshape(chance.shape)


def told_of(chance: Array, axis: Axis, prob: float) -> dict[str, Array]:
    """Return mean, sd and a band ``(times,)`` of probabilities ``(times, cells)`` along one axis.

    Of a circular variable they are the direction of the mean, the circular sd sqrt(-2 log R), and
    quantiles of the period around the mean, which may lie beyond its ends.
    """
    centres, shares = axis.centres, np.array([0.5 - prob / 2, 0.5 + prob / 2])
    period = axis.high - axis.low
    if not axis.circular:
        mean = chance @ centres
        sd = np.sqrt(chance @ centres**2 - mean**2 + axis.width**2 / 12.0)
        edges = _quantiles(chance, shares)
        lower, upper = axis.low + edges * axis.width
        return {"mean": mean, "sd": sd, "lower": lower, "upper": upper}
    turn = np.exp(2j * np.pi * (centres - axis.low) / period)
    resultant = chance @ turn
    mean = axis.low + np.mod(np.angle(resultant), 2 * np.pi) * period / (2 * np.pi)
    length = np.clip(np.abs(resultant), np.finfo(float).tiny, 1.0)
    sd = np.sqrt(-2.0 * np.log(length)) * period / (2 * np.pi)
    cell = np.floor((mean - axis.low) / axis.width).astype(int)
    first = cell - axis.n_cells // 2
    order = np.mod(first[:, None] + np.arange(axis.n_cells), axis.n_cells)
    edges = _quantiles(np.take_along_axis(chance, order, axis=1), shares)
    lower, upper = axis.low + (first + edges) * axis.width
    return {"mean": mean, "sd": sd, "lower": lower, "upper": upper}


def _quantiles(chance: Array, shares: Array) -> Array:
    """Return quantiles ``(shares, times)``, in cells from the first edge, inside one uniform."""
    below = np.cumsum(chance, axis=1)
    found = np.empty((len(shares), len(chance)))
    rows = np.arange(len(chance))
    for k, share in enumerate(shares):
        cell = np.minimum((below < share).sum(axis=1), chance.shape[1] - 1)
        before = below[rows, cell] - chance[rows, cell]
        own = np.maximum(chance[rows, cell], np.finfo(float).tiny)
        found[k] = cell + np.clip((share - before) / own, 0.0, 1.0)
    return found
