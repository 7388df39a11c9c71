"""The size of steps, moved after every tree, or after one of each walker, by how well it went."""

from __future__ import annotations

import numpy as np

Array = np.ndarray
# Of a log size, for an acceptance that is too large by one. Near 0.8 acceptances fall by about half
# as much as log sizes rise, and trees tell of the size that was when they began.
GAIN = 0.7


class Pace:
    """Sizes of steps ``(m,)``, each drawn to where acceptances are as they should be.

    Stochastic approximation (Robbins & Monro 1951) with means of the path (Polyak & Juditsky 1992).
    """

    def __init__(self, size: Array, target: float, largest: float = np.inf) -> None:
        self._target, self._largest = target, np.log(largest)
        self._log_size = np.minimum(np.log(size), self._largest)
        self._mean, self._turns = self._log_size.copy(), np.zeros(len(size))

    @property
    def size(self) -> Array:
        """The sizes to try next."""
        return np.exp(self._log_size)

    @property
    def settled(self) -> Array:
        """Geometric means of the sizes that were tried, later ones weighing more."""
        return np.exp(self._mean)

    def turn(self, rows: Array, accepted: Array) -> None:
        """Take account of the mean acceptances on the trees of some rows."""
        log_size = self._log_size[rows] + GAIN * (accepted - self._target)
        self._log_size[rows] = np.minimum(log_size, self._largest)
        self._turns[rows] += 1.0
        weight = 2.0 / (self._turns[rows] + 1.0)
        self._mean[rows] += weight * (self._log_size[rows] - self._mean[rows])
