"""Whether quantile residuals are normal, and how they depend on one another along time."""

from __future__ import annotations

import numpy as np
from scipy.special import betaincinv, kolmogi, kolmogorov, ndtr, ndtri

from bayesglm.results.check_part import Checked

Array = np.ndarray
GRID = 99  # chances at which quantiles are told: chosen
LAGS = 50  # of the autocorrelation, at most: chosen


def check_quantiles(residuals: Array, prob: float) -> Checked:
    """Compare quantiles of residuals with those of a standard normal."""
    own = np.sort(residuals[np.isfinite(residuals)])
    n, chances = len(own), np.arange(1, GRID + 1) / (GRID + 1)
    # The k-th of n uniforms is a beta variable (David & Nagaraja 2003, Order Statistics, 2.3).
    k = chances * (n + 1)
    edges = [ndtri(betaincinv(k, n + 1 - k, q)) for q in (0.5 - prob / 2, 0.5 + prob / 2)]
    distance, critical, p = kolmogorov_smirnov(ndtr(own), prob)
    dims = ("chance",)
    return Checked(
        {
            "normal": (dims, ndtri(chances)),
            "observed": (dims, np.quantile(own, chances) if n else np.full(GRID, np.nan)),
            "lower": (dims, edges[0]),
            "upper": (dims, edges[1]),
            "mean": ((), own.mean() if n else np.nan),
            "sd": ((), own.std(ddof=1) if n > 1 else np.nan),
            "ks_distance": ((), distance),
            "ks_critical": ((), critical),
            "p_value": ((), p),
        },
        {"chance": chances},
    )


def kolmogorov_smirnov(u: Array, prob: float) -> tuple[float, float, float]:
    """Return the distance of sorted u from uniform ones, what it stays below, and its p-value.

    By the limit distribution with the correction of Stephens (1970, JRSS B 32:115) for n values.

    >>> kolmogorov_smirnov(np.array([0.25, 0.75]), 0.95)[0]
    0.25
    """
    n = len(u)
    if not n:
        return np.nan, np.nan, np.nan
    steps = np.arange(n + 1) / n
    distance = float(max((steps[1:] - u).max(), (u - steps[:-1]).max()))
    scale = np.sqrt(n) + 0.12 + 0.11 / np.sqrt(n)
    return distance, float(kolmogi(1.0 - prob) / scale), float(kolmogorov(distance * scale))


def check_autocorrelation(
    residuals: Array, rows: Array, trial: Array, step: float | None, prob: float
) -> Checked:
    """Tell the autocorrelation of residuals inside trials, with the band of independent ones.

    ``rows`` are the numbers of the samples and ``trial`` the first of each one's trial: pairs are
    of samples so many steps apart.
    """
    lags = np.arange(1, min(LAGS, max(1, len(rows) // 4)) + 1)
    centred = np.where(np.isnan(residuals), 0.0, residuals - np.nanmean(residuals))
    variance = np.nanmean(np.square(centred))
    values, bounds = np.full(len(lags), np.nan), np.full(len(lags), np.nan)
    z = float(ndtri(0.5 + prob / 2))
    for k, lag in enumerate(lags):
        apart = rows[lag:] - rows[:-lag] == lag
        pairs = apart & (trial[lag:] == trial[:-lag])
        pairs &= np.isfinite(residuals[lag:]) & np.isfinite(residuals[:-lag])
        n = int(pairs.sum())
        if n > 1 and variance > 0.0:
            values[k] = (centred[lag:] * centred[:-lag])[pairs].mean() / variance
            bounds[k] = z / np.sqrt(n)
    dims = ("lag",)
    coords = {"lag": lags}
    if step is not None:
        coords["lag_time"] = (dims, lags * step, {"units": "s"})  # type: ignore[assignment]
    outside = np.abs(values) > bounds
    return Checked(
        {
            "autocorrelation": (dims, values),
            "lower": (dims, -bounds),
            "upper": (dims, bounds),
            "share_outside": ((), float(outside[np.isfinite(values)].mean())),
        },
        coords,
    )
