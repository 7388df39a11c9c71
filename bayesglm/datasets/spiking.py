"""Spikes of neurons that hear themselves and one another, drawn bin by bin."""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def spikes_of(drive: Array, kernels: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Draw Poisson counts with log link, whose past is fed back.

    eta[t, i] = drive[t, i] + sum over sources j and lags k of kernels[j, k - 1, i] y[t - k, j], and
    y[t, i] ~ Poisson(exp(eta[t, i])).

    Parameters
    ----------
    drive : (bins, units)
    kernels : (sources, lags, units)
        Lags 1, 2, ...; sources are the units themselves.

    Returns
    -------
    counts : (bins, units), uint8
    rate : (bins, units)
        Expected spikes in the bin, given the past that was drawn.

    Notes
    -----
    A count is that of the arrivals of a Poisson process before its rate. A bin is silent where the
    first arrival comes later, that is, where eta is below its logarithm: bins without a spike,
    which are most, cost one comparison.

    Examples
    --------
    >>> refractory = np.full((1, 2, 1), -50.0)
    >>> counts, _ = spikes_of(np.full((6, 1), 9.0), refractory, np.random.default_rng(0))
    >>> (counts[:, 0] > 0).tolist()
    [True, False, False, True, False, False]
    """
    n_bins, n_units = drive.shape
    n_lags = kernels.shape[1]
    eta = np.concatenate([drive, np.zeros((n_lags, n_units))])
    first, gap = rng.exponential(size=(2, *drive.shape))
    one, two = np.log(first), np.log(first + gap)
    counts = np.zeros(drive.shape, dtype=np.uint8)
    for t in range(n_bins):
        now = eta[t]
        for unit in (now > one[t]).nonzero()[0].tolist():
            heard = eta[t + 1 : t + 1 + n_lags]
            if now[unit] <= two[t, unit]:
                counts[t, unit] = 1
                heard += kernels[unit]
            else:
                further = rng.poisson(np.exp(now[unit]) - first[t, unit] - gap[t, unit])
                counts[t, unit] = min(2 + further, np.iinfo(np.uint8).max)
                heard += float(counts[t, unit]) * kernels[unit]
    return counts, np.exp(eta[:n_bins])
