"""Means and quantiles of draws, of which some may be infinite or next to the largest float."""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def mean_of(draws: Array) -> Array:
    """Return the mean over the first axis; the infinity of more draws where they hold both.

    >>> mean_of(np.array([[1.0, 1.5e308, np.inf], [2.0, 1.7e308, -1.0]])).tolist()
    [1.5, 1.6e+308, inf]
    """
    with np.errstate(over="ignore", invalid="ignore"):
        mean = np.mean(draws, axis=0)
        if np.isfinite(mean).all():
            return mean
        mean = np.sum(draws / len(draws), axis=0)
    both = np.copysign(np.inf, np.sign(draws).sum(axis=0))
    return np.where(np.isnan(mean), both, mean)


def quantiles_of(draws: Array, probabilities: Array) -> Array:
    """Return quantiles over the first axis, ``(probabilities, ...)``, interpolated linearly.

    Between two infinite draws, or a finite and an infinite one, that is the nearer of them.

    >>> quantiles_of(np.array([1.0, 2.0, np.inf, np.inf]), np.array([0.25, 0.9])).tolist()
    [1.75, inf]
    """
    # Quantiles along the last axis, which is contiguous, are several times as fast.
    last = np.ascontiguousarray(np.moveaxis(draws, 0, -1))
    with np.errstate(over="ignore", invalid="ignore"):
        quantiles = np.quantile(last, probabilities, axis=-1)
    if np.isfinite(quantiles).all():
        return quantiles
    nearest = np.quantile(last, probabilities, axis=-1, method="nearest")
    return np.where(np.isfinite(quantiles), quantiles, nearest)


def simultaneous_of(draws: Array, prob: float, axes: tuple[int, ...]) -> tuple[Array, Array]:
    """Return a band that holds whole curves with a probability, from draws along the first axis.

    It is mean -+ q sd, q being the quantile of max |draw - mean| / sd over ``axes``: each curve
    along them is held by itself (Ruppert, Wand & Carroll 2003, Semiparametric Regression, 6.5).
    Where draws are infinite it reaches as far as they do.

    >>> two = np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, 3.0], [0.0, -3.0]])
    >>> [edge.round(12).tolist() for edge in simultaneous_of(two, 0.9, (1,))]
    [[-1.0, -3.0], [1.0, 3.0]]
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        mean, sd = draws.mean(axis=0), draws.std(axis=0)
        away = np.abs(draws - mean) / sd
        away[:, ~(sd > 0.0)] = 0.0
        most = np.quantile(away.max(axis=axes, keepdims=True), prob, axis=0)
        lower, upper = mean - most * sd, mean + most * sd
    known = np.isfinite(lower) & np.isfinite(upper)
    if known.all():
        return lower, upper
    return np.where(known, lower, draws.min(axis=0)), np.where(known, upper, draws.max(axis=0))


def finished(thetas: Array) -> Array:
    """Return the positions of those draws ``(draws, size)`` that an interruption did not leave out.

    >>> finished(np.array([[0.0, 1.0], [np.nan, np.nan]])).tolist()
    [0]
    """
    return np.flatnonzero(~np.isnan(thetas).any(axis=1))
