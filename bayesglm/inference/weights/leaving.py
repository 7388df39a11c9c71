"""Leaving out by importance weights, with what each draw moves: errors of sums of estimates.

All estimates are made of the same draws, so that their errors are no more independent than they
are. With r_is = 1 / p_i(theta_s) the estimate of one is -log mean_s r_is, which draw s moves by
1 - r_is / mean_s r_is; what it moves a sum by is the sum of these, whose standard deviation over
the root of the effective number of draws is the sum's error.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from typing import NamedTuple

import numpy as np

from bayesglm.inference.weights.psis import effective_sizes, leave_one_out

Array = np.ndarray


class Leaving(NamedTuple):
    """Of each: its log density when left out, k-hat, what leaving it out cost, and the error."""

    elpd: Array
    khat: Array
    p: Array
    error: Array


@dataclass
class Moves:
    """What each of some draws moves the sum of those estimates that stand, as they are added."""

    n_draws: int
    relative_efficiency: float
    limit: float  # of the k-hats of estimates that stand
    total: Array = field(init=False)
    lock: Lock = field(default_factory=Lock, repr=False)

    def __post_init__(self) -> None:
        """Begin with none."""
        self.total = np.zeros(self.n_draws)

    def add(self, log_likelihood: Array) -> Leaving:
        """Return estimates of what has the log likelihoods ``(draws, n)``, and add their moves."""
        of_rows = np.ascontiguousarray(log_likelihood.T)
        left = leave_one_out(of_rows, self.relative_efficiency)
        moves = moves_of(of_rows)
        error = np.sqrt((moves**2).mean(axis=1) / (self.n_draws * self.relative_efficiency))
        stands = left.khat < self.limit
        with self.lock:
            self.total += moves[stands].sum(axis=0)
        return Leaving(*left, error)


def moves_of(log_likelihood: Array) -> Array:
    """Return what each draw moves estimates by, of log likelihoods ``(..., draws)``."""
    with np.errstate(over="ignore", invalid="ignore"):
        ratios = np.exp(log_likelihood.min(axis=-1, keepdims=True) - log_likelihood)
        return 1.0 - ratios / ratios.mean(axis=-1, keepdims=True)


def error_of(moves: Array, chains: int) -> float:
    """Return the standard error of an estimate that draws move so, of ``chains`` chains."""
    if not moves.any():
        return 0.0
    effective = float(effective_sizes(moves.reshape(chains, -1, 1))[0])
    n = min(effective, float(len(moves))) if effective > 0.0 else float(len(moves))
    return float(np.sqrt((moves**2).mean() / n))
