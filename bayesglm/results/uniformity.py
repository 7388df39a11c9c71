"""Whether numbers are uniform: simultaneous bands of their distribution function."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.special import bdtr, bdtrik

Array = np.ndarray
PLACES = 100  # at which a distribution function is told: chosen
SIMULATIONS = 2_000  # of uniform numbers, whose furthest excursions set the band: chosen


def distribution_at(u: Array, places: Array) -> Array:
    """Return the share of numbers up to each place.

    >>> distribution_at(np.array([0.2, 0.9]), np.array([0.1, 0.5, 1.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    return np.searchsorted(np.sort(u), places, side="right") / max(len(u), 1)


@lru_cache(maxsize=32)  # units of a population have the same number of responses
def uniform_band(n: int, prob: float, seed: int = 0) -> tuple[Array, Array, Array]:
    """Return places in (0, 1), and where the distribution function of n uniform numbers stays.

    It stays inside at all places together with the probability: the band is that of each place by
    itself, at a level that holds for the furthest of all (Säilynoja, Bürkner & Vehtari 2022, Stat
    Comput 32:32, algorithm 1), found among simulated numbers.
    """
    places = np.arange(1, PLACES) / PLACES
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(n, np.full(PLACES, 1.0 / PLACES), SIMULATIONS)[:, :-1].cumsum(axis=1)
    below = bdtr(counts, n, places).min(axis=1)
    above = (1.0 - np.where(counts > 0, bdtr(np.maximum(counts - 1, 0), n, places), 0.0)).min(
        axis=1
    )
    tail = float(np.quantile(np.minimum(below, above), 1.0 - prob))
    lower, upper = (np.ceil(bdtrik(one, n, places)) / n for one in (tail, 1.0 - tail))
    band = places, np.nan_to_num(lower), upper
    for one in band:
        one.setflags(write=False)  # all who ask share it
    return band
