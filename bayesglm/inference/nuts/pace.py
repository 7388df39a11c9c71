"""The size of steps, by dual averaging: Hoffman & Gelman (2014), section 3.2."""

from __future__ import annotations

import numpy as np

Array = np.ndarray
GAMMA, DELAY, KAPPA = 0.05, 10.0, 0.75  # as they are there


class Pace:
    """Sizes of steps ``(m,)``, each drawn to where acceptances are as they should be."""

    def __init__(
        self, size: Array, target: float, largest: float = np.inf, ahead: float = 10.0
    ) -> None:
        self.target, self._largest = target, np.log(largest)
        self._ahead = np.log(ahead * size)
        self._log_size = np.minimum(np.log(size), self._largest)
        self._mean_log_size, self._short, self._turns = np.zeros((3, len(size)))

    @property
    def size(self) -> Array:
        """The sizes to try next."""
        return np.exp(self._log_size)

    @property
    def settled(self) -> Array:
        """Means of the sizes that were tried, later ones weighing more."""
        return np.exp(np.where(self._turns > 0, self._mean_log_size, self._log_size))

    def turn(self, rows: Array, accepted: Array) -> None:
        """Take account of the mean acceptances on the trees of some rows."""
        turns = self._turns[rows] + 1.0
        self._turns[rows] = turns
        share = 1.0 / (turns + DELAY)
        self._short[rows] += share * (self.target - accepted - self._short[rows])
        log_size = self._ahead[rows] - np.sqrt(turns) / GAMMA * self._short[rows]
        log_size = np.minimum(log_size, self._largest)
        self._log_size[rows] = log_size
        weight = turns**-KAPPA
        self._mean_log_size[rows] += weight * (log_size - self._mean_log_size[rows])
