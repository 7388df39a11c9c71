"""Pareto-smoothed importance sampling, by ArviZ's array functions, and what may be believed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

Array = np.ndarray
KISH_PER_CHAIN = 100
FEWEST = 30  # ratios, of which a fifth is the tail: ArviZ fits no Pareto shape to less than six
EQUAL = 1e-9  # log ratios that differ by less are equal: the proposal is the posterior


class Smoothed(NamedTuple):
    """Normalised log weights after smoothing, k-hat, and the Kish size 1/sum(W**2)."""

    log_weights: Array
    khat: float
    kish: float


def smooth(log_ratios: Array) -> Smoothed:
    """Smooth importance ratios log p - log q (Vehtari et al. 2024) by ArviZ's ``psislw``.

    Too few ratios to have a tail are left as they are, with an infinite k-hat.
    """
    from arviz_stats.base import array_stats

    n = len(log_ratios)
    if np.ptp(log_ratios) < EQUAL:
        return Smoothed(np.full(n, -np.log(n)), 0.0, float(n))
    if n < FEWEST:
        log_weights, khat = log_ratios, np.inf
    else:
        # ArviZ takes log likelihoods to leave out, whose ratios are their negatives.
        log_weights, khat = array_stats.psislw(-log_ratios)
    log_weights = log_weights - np.logaddexp.reduce(log_weights)
    return Smoothed(log_weights, float(khat), float(1.0 / np.exp(2.0 * log_weights).sum()))


def khat_limit(n_draws: int) -> float:
    """Return the largest k-hat that ``n_draws`` draws stand: min(1 - 1/log10(S), 0.7)."""
    return min(1.0 - 1.0 / np.log10(n_draws), 0.7) if n_draws > 10 else 0.0


def smallest_ess(draws: Array) -> float:
    """Return the smallest bulk effective size over parameters, draws ``(chain, draw, size)``."""
    from arviz_stats.base import array_stats

    return min(
        (float(array_stats.ess(draws[..., k])) for k in range(draws.shape[-1])),
        default=float(draws[..., 0].size) if draws.shape[-1] else np.inf,
    )


def largest_rhat(draws: Array) -> float:
    """Return the largest rank-normalised r-hat over parameters, draws ``(chain, draw, size)``."""
    from arviz_stats.base import array_stats

    return max(
        (float(array_stats.rhat(draws[..., k])) for k in range(draws.shape[-1])), default=1.0
    )


def resample(rng: np.random.Generator, log_weights: Array, n_draws: int) -> Array:
    """Draw indices with probabilities W, no index twice unless its W exceeds 1/n_draws.

    Systematic sampling: the expected number of copies is exactly n_draws * W (Kitagawa 1996),
    and an index with n_draws * W <= 1 is never drawn twice. The order is shuffled.
    """
    order = rng.permutation(len(log_weights))
    edges = np.cumsum(np.exp(log_weights[order]))
    points = (np.arange(n_draws) + rng.random()) / n_draws * edges[-1]
    index = np.searchsorted(edges, points, side="right")
    return rng.permutation(order[np.minimum(index, len(order) - 1)])
