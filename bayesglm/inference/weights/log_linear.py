"""Densities of one number whose logarithm is linear between the points of a grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Array = np.ndarray
FLAT = 1e-6  # change of a log density over a cell of the grid, below which it is constant there


@dataclass(frozen=True)
class LogLinear:
    """The density whose logarithm goes straight from point to point of an even ``grid``.

    >>> even = LogLinear(np.array([0.0, 1.0, 2.0]), np.zeros(3))
    >>> at, log_q = even.draw(np.random.default_rng(0), 4)
    >>> np.sort(at).astype(int).tolist(), np.exp(log_q).tolist()
    ([0, 0, 1, 1], [0.5, 0.5, 0.5, 0.5])
    """

    grid: Array
    log_density: Array

    def draw(self, rng: np.random.Generator, n: int) -> tuple[Array, Array]:
        """Return ``n`` draws and their log densities.

        They are stratified: one from each n-th of the distribution, in random order.
        """
        left, right = self.log_density[:-1], self.log_density[1:]
        step, rise = self.grid[1] - self.grid[0], right - left
        flat = np.abs(rise) < FLAT
        steep = np.where(flat, 1.0, rise)
        mean = np.where(flat, 1.0 + 0.5 * rise, np.expm1(steep) / steep)
        edges = np.append(0.0, np.cumsum(step * np.exp(left) * mean))
        share = rng.permutation((np.arange(n) + rng.random(n)) / n) * edges[-1]
        cell = np.clip(np.searchsorted(edges, share, side="right") - 1, 0, len(left) - 1)
        part = np.clip((share - edges[cell]) / (edges[cell + 1] - edges[cell]), 0.0, 1.0)
        curved = np.log1p(part * np.expm1(steep[cell])) / steep[cell]
        along = np.where(flat[cell], part, curved)
        log_q = left[cell] + rise[cell] * along - np.log(edges[-1])
        return self.grid[cell] + step * along, log_q
