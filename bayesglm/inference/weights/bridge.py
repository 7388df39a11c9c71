"""The ratio of two evidences from draws of both posteriors.

Of draws a of p(t) / Z and b of p(t) / (p_i(t) Z_i) the ratio r = Z / Z_i is where

    sum over a of 1 / (s_a p_i + s_b r)  *  r / n_a  =  sum over b of p_i / (s_a p_i + s_b r) / n_b,

s_a and s_b being the shares of draws: the estimate of least error that is made of both (Meng & Wong
1996, Statistica Sinica 6, 831-860, eq. 4.1), a draw at which p_i is small weighing little in either
sum. It asks that the posteriors overlap, and not that those without y_i reach it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import log_expit, logsumexp

Array = np.ndarray
STEPS = 200  # of the fixed point: a bound
STILL = 1e-10  # nats, in a step that is the last


class Bridged(NamedTuple):
    """log r, and its standard error."""

    log_ratio: float
    error: float


def bridged(of_whole: Array, of_rest: Array, n_whole: float, n_rest: float) -> Bridged:
    """Return log r from log p_i at draws of both posteriors, worth so many independent ones.

    >>> bridged(np.full(4, -1.5), np.full(4, -1.5), 4, 4)
    Bridged(log_ratio=-1.5, error=0.0)
    """
    log_odds = float(np.log(n_whole / n_rest))
    log_r = 0.5 * float(np.median(of_whole) + np.median(of_rest))
    for _ in range(STEPS):
        # p_i / (s_a p_i + s_b r), and r / (s_a p_i + s_b r), but for s_a and s_b, in logs: where
        # posteriors are far apart all of either are beyond the floats.
        above = _log_mean(log_expit(log_odds + of_rest - log_r))
        below = _log_mean(log_expit(log_r - log_odds - of_whole))
        step = above - below - log_odds
        log_r += step
        if abs(step) < STILL:
            break
    squares = (
        _relative_variance(log_expit(log_odds + of_rest - log_r)) / n_rest
        + _relative_variance(log_expit(log_r - log_odds - of_whole)) / n_whole
    )
    return Bridged(log_r, float(np.sqrt(squares)))


def _log_mean(logs: Array) -> float:
    return float(logsumexp(logs)) - float(np.log(len(logs)))


def _relative_variance(logs: Array) -> float:
    values = np.exp(logs - logs.max())
    return float(values.var() / values.mean() ** 2)
