"""Pareto-smoothed importance sampling, what may be believed of it, and effective sizes.

Source: Vehtari, Simpson, Gelman, Yao & Gabry (2024), Pareto smoothed importance sampling, JMLR 25.
ArviZ smooths one vector at a time; here it is done for a block of rows at once, with the same
numbers, because `loo` needs it for every sample of the data.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

Array = np.ndarray
KISH_PER_CHAIN = 100  # Kish's size of the weights that draws need, of each chain: chosen
FEWEST = 30  # ratios, of which a fifth is the tail: no Pareto shape is fitted to less than six
SHARE = 8  # numbers to one that is looked at for a threshold of the largest: measured, of 4 to 16
EQUAL = 1e-6  # log ratios that differ by less are equal: the proposal is the posterior
RHAT_LIMIT = 1.01  # of the rank-normalised r-hat (Vehtari et al. 2021)
FEWEST_DRAWS = 4  # in a chain, of which ArviZ tells an effective size


class Smoothed(NamedTuple):
    """Normalised log weights after smoothing, k-hat, the Kish size 1/sum(W**2), and the scale.

    `log_mean` is the logarithm of the mean of the smoothed ratios.
    """

    log_weights: Array
    khat: float
    kish: float
    log_mean: float


class LeftOut(NamedTuple):
    """Of each row: its log density when left out, the k-hat of its ratios, and what that cost."""

    elpd: Array
    khat: Array
    p: Array


@np.errstate(over="ignore", divide="ignore", invalid="ignore")
def pareto_smoothed(log_ratios: Array) -> Smoothed:
    """Smooth importance ratios log p - log q.

    Too few ratios to have a tail are left as they are, with an infinite k-hat.
    """
    n = len(log_ratios)
    if np.ptp(log_ratios) < EQUAL:
        return Smoothed(np.full(n, -np.log(n)), 0.0, float(n), float(log_ratios.mean()))
    most, khat = float(log_ratios.max()), np.inf
    log_weights = log_ratios - most
    if n >= FEWEST:
        size = tail_size(n)
        order = np.argsort(log_weights)
        tail, cutoff = order[n - size :], order[n - size - 1]
        smoothed, khats = _smoothed_tails(log_weights[None, tail], log_weights[None, cutoff])
        log_weights[tail], khat = smoothed[0], khats[0]
    log_sum = float(np.logaddexp.reduce(log_weights))
    log_weights -= log_sum
    kish = float(1.0 / np.exp(2.0 * log_weights).sum())
    return Smoothed(log_weights, float(khat), kish, most + log_sum - float(np.log(n)))


@np.errstate(over="ignore", divide="ignore", invalid="ignore")
def smoothed_lines(log_ratios: Array, relative_efficiency: float = 1.0) -> tuple[Array, Array]:
    """Return normalised log weights of lines of ratios ``(m, n)``, smoothed, and k-hats ``(m,)``.

    Of too few ratios to have a tail k-hat is infinite, and nan where no ratio is above zero.
    """
    n = log_ratios.shape[1]
    log_weights = log_ratios - log_ratios.max(axis=1, keepdims=True)
    khat = np.where(np.ptp(log_ratios, axis=1) < EQUAL, 0.0, np.inf)
    if n >= FEWEST and len(log_ratios):
        size = tail_size(n, relative_efficiency)
        largest = np.argpartition(log_weights, n - size - 1, axis=1)[:, n - size - 1 :]
        values = np.take_along_axis(log_weights, largest, axis=1)
        order = np.argsort(values, axis=1)
        values = np.take_along_axis(values, order, axis=1)
        tail = np.take_along_axis(largest, order[:, 1:], axis=1)
        smoothed, own = _smoothed_tails(values[:, 1:], values[:, 0])
        np.put_along_axis(log_weights, tail, smoothed, axis=1)
        khat = np.where(khat == 0.0, 0.0, own)
    log_weights -= np.logaddexp.reduce(log_weights, axis=1, keepdims=True)
    return log_weights, khat


@np.errstate(over="ignore", divide="ignore", invalid="ignore")
def leave_one_out(log_likelihood: Array, relative_efficiency: float = 1.0) -> LeftOut:
    """Estimate the log density of each row without itself, from ``(row, draw)`` log likelihoods.

    With the ratios 1 / p(y_i | theta), smoothed to w, it is log(sum(w p) / sum(w)) (Vehtari,
    Gelman & Gabry 2017, eq. 10), and p what it falls short of log(mean(p)). Every ratio below the
    tail gives the same product w p, so that only the tail's own ratios are put in order.
    """
    n = log_likelihood.shape[1]
    size = tail_size(n, relative_efficiency)
    low, high = log_likelihood.min(axis=1), log_likelihood.max(axis=1)
    ratios = low[:, None] - log_likelihood
    mean = high + np.log(np.exp(log_likelihood - high[:, None]).mean(axis=1))
    largest = largest_of_rows(ratios, size + 1)
    tail = largest[:, 1:]
    smoothed, khat = _smoothed_tails(tail, largest[:, 0])
    # The tail's ratios count as the largest below them, and then not at all.
    every = np.exp(np.minimum(ratios, largest[:, :1], out=ratios), out=ratios).sum(axis=1)
    total = every - size * np.exp(largest[:, 0]) + np.exp(smoothed).sum(axis=1)
    moved = smoothed - tail
    most = np.maximum(moved.max(axis=1), 0.0)
    product = (n - size) * np.exp(-most) + np.exp(moved - most[:, None]).sum(axis=1)
    elpd = low + most + np.log(product / total)
    constant = low == high  # there is nothing to smooth
    elpd, khat = np.where(constant, low, elpd), np.where(constant, -np.inf, khat)
    return LeftOut(elpd, khat, np.where(constant, 0.0, mean - elpd))


def largest_of_rows(values: Array, size: int) -> Array:
    """Return the ``size`` largest numbers of each line ``(m, n)``, in ascending order.

    A threshold that a share of the numbers tells leaves few to be put in order; where it lies above
    one that is asked for, all are.
    """
    m, n = values.shape
    some = values[:, ::SHARE]
    # So many of some, that of all there are as many as asked for but for one time in 30,000.
    above = int(np.ceil((2.0 + np.sqrt(4.0 + size / SHARE)) ** 2))
    if 2 * SHARE * above > n:
        return np.sort(np.partition(values, n - size, axis=1)[:, n - size :], axis=1)
    place = some.shape[1] - above
    threshold = np.partition(some, place, axis=1)[:, place]
    numbers = np.flatnonzero(values >= threshold[:, None])
    starts = np.searchsorted(numbers, np.arange(m + 1) * n)
    counts = np.diff(starts)
    rows = np.repeat(np.arange(m), counts)
    chosen = np.full((m, max(size, int(counts.max(initial=0)))), -np.inf)
    chosen[rows, np.arange(len(numbers)) - starts[rows]] = values.ravel()[numbers]
    chosen.sort(axis=1)
    chosen = chosen[:, chosen.shape[1] - size :]
    for row in np.flatnonzero(counts < size):
        chosen[row] = np.sort(np.partition(values[row], n - size)[n - size :])
    return chosen


def tail_size(n: int, relative_efficiency: float = 1.0) -> int:
    """Return to how many of the largest of n ratios a Pareto density is fitted.

    3 sqrt(n / r_eff) (Vehtari et al. 2024, section 2.3), and a fifth of few.
    """
    if n * relative_efficiency > 225:
        return int(3.0 * np.sqrt(n / relative_efficiency))
    return n // 5


def _smoothed_tails(log_tails: Array, log_cutoffs: Array) -> tuple[Array, Array]:
    """Return log tails ``(m, size)``, in order, by the quantiles of their Pareto fits; and k-hats.

    Log ratios stand relative to the largest, which no smoothed one exceeds. A tail whose first
    quartile is its smallest is left as it is, with a k-hat of nan; a constant one with -inf.
    """
    size = log_tails.shape[1]
    cutoffs = np.exp(log_cutoffs)[:, None]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        khat, sigma = _pareto_fit(np.exp(log_tails) - cutoffs)
        k, chance = khat[:, None], (np.arange(size) + 0.5) / size
        log_rest = np.log1p(-chance)
        excess = np.where(k == 0.0, -log_rest, np.expm1(-k * log_rest) / k)
        smoothed = np.log(cutoffs + sigma[:, None] * excess)
    kept = np.isfinite(khat)[:, None]
    smoothed = np.where(kept, np.minimum(smoothed, log_tails[:, -1:]), log_tails)
    return smoothed, np.where(log_tails[:, -1] == log_tails[:, 0], -np.inf, khat)


def _pareto_fit(excess: Array) -> tuple[Array, Array]:
    """Fit the generalised Pareto density to each line of ``(m, n)``, in ascending order.

    The quasi-Bayesian estimate of Zhang & Stephens (2009), its shape k drawn towards 1/2 by a
    prior worth ten observations (Vehtari et al. 2024, appendix C).
    """
    n = excess.shape[1]
    n_points = 30 + int(n**0.5)
    quartile = excess[:, int(n / 4 + 0.5) - 1, None]
    quartile = np.where(quartile > excess[:, :1], quartile, np.nan)
    points = 1.0 - np.sqrt(n_points / (np.arange(n_points) + 0.5))
    b = points / (3.0 * quartile) + 1.0 / excess[:, -1:]
    logs = -b[:, :, None] * excess[:, None, :]
    k = np.log1p(logs, out=logs).mean(axis=2)
    log_profile = n * (np.log(-b / k) - k - 1.0)
    weight = np.exp(log_profile - log_profile.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    weight[weight < 10.0 * np.finfo(float).eps] = 0.0
    mean_b = (b * weight).sum(axis=1) / weight.sum(axis=1)
    shape = np.log1p(-mean_b[:, None] * excess).mean(axis=1)
    khat = (n * shape + 5.0) / (n + 10.0)
    khat[np.isnan(khat) & ~np.isnan(quartile[:, 0])] = np.inf
    return khat, -shape / mean_b


def khat_limit(n_draws: int) -> float:
    """Return the largest k-hat that ``n_draws`` draws stand: min(1 - 1/log10(S), 0.7)."""
    return min(1.0 - 1.0 / np.log10(n_draws), 0.7) if n_draws > 10 else 0.0


def effective_sizes(draws: Array) -> Array:
    """Return the bulk effective sizes of draws ``(chain, draw, size)``.

    Infinite where a chain is too short to tell.
    """
    from arviz_stats.base import array_stats

    if draws.shape[1] < FEWEST_DRAWS:
        return np.full(draws.shape[-1], np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.array([float(array_stats.ess(one)) for one in np.moveaxis(draws, -1, 0)])


def efficiency(values: Array, chains: int) -> float:
    """Return how many independent draws one of a chain is worth, 1 at most, as values tell."""
    if len(values) % chains or len(values) < FEWEST_DRAWS * chains:
        return 1.0
    (size,) = effective_sizes(values.reshape(chains, -1, 1))
    return min(1.0, float(size) / len(values)) if np.isfinite(size) else 1.0


def rank_rhats(draws: Array) -> Array:
    """Return the rank-normalised r-hats of draws ``(chain, draw, size)``.

    NaN where chains stand still, so that it cannot be told.
    """
    from arviz_stats.base import array_stats

    with np.errstate(divide="ignore", invalid="ignore"):
        return np.array([float(array_stats.rhat(one)) for one in np.moveaxis(draws, -1, 0)])


def smallest_ess(draws: Array) -> float:
    """Return the smallest bulk effective size over parameters, infinite where there is none."""
    return float(np.min(effective_sizes(draws), initial=np.inf))


def largest_rhat(draws: Array) -> float:
    """Return the largest rank-normalised r-hat over parameters."""
    return float(np.max(rank_rhats(draws), initial=1.0))


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


def worth(log_weights: Array, thetas: Array, n_draws: float = np.inf) -> float:
    """Return how many independent draws the ``n_draws`` that `resample` takes are worth.

    The smallest over parameters of sum(W d^2) / sum(W max(W, 1/n_draws) d^2), d being how far theta
    lies from its mean: the variance of one draw over that of the mean of all. The weights' part of
    it is sum(W^2 d^2) (Owen 2013, Monte Carlo theory, methods and examples, eq. 9.8), which exceeds
    what Kish's size tells where large weights stand far out; the rest is the resampling's, of
    which infinitely many draws have none.
    """
    weights = np.exp(log_weights)
    squares = (thetas - weights @ thetas) ** 2
    spread = (weights * np.maximum(weights, 1.0 / n_draws)) @ squares
    return float(np.min((weights @ squares) / spread, initial=float(n_draws)))
