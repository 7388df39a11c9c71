"""Time rescaling: intervals between spikes, in units of what the model expects of them.

If the model is true, what it expects between one spike and the next is exponential, and

    z = 1 - exp(-(sum of q over the bins between + delta)),  q = -log P(Y = 0)

is uniform (Brown et al. 2002, Neural Comput 14:325). Bins are discrete, so of the bin with the
spike a part delta = -log(1 - r (1 - exp(-q))) is added, r being uniform (Haslinger, Pipa & Brown
2010, Neural Comput 22:2477): without it intervals of few bins are rejected though the model be
true. A bin of several spikes counts as one that is not empty. Trials are laid end to end: what is
expected between the last spike of one and the first of the next is exponential as well.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from bayesglm.results.check_part import Checked
from bayesglm.results.check_residuals import kolmogorov_smirnov
from bayesglm.results.foretold import Drawn, Range

Array = np.ndarray
GRID = 99  # places between 0 and 1 at which the distribution of intervals is told: chosen
EDGE = 1e-12
FURTHEST = 745.0  # nats: a chance of no event in a bin that is less is none in floats


class Passed(NamedTuple):
    """What is expected before the bins with spikes, and in these ``(draws + 1, spikes)``.

    The last line is that of the mean chances over draws.
    """

    before: Array
    inside: Array


def expected_until_spikes(drawn: Drawn) -> Passed:
    """Add up -log P(Y = 0) over the rows."""
    family = drawn.family

    def work(one: Range) -> tuple[Array, Array, Array]:
        y = one.rows.y
        silent = family.log_likelihood(np.zeros(len(y)), *one.told)
        silent = np.maximum(silent, -FURTHEST)
        mean = np.logaddexp.reduce(silent, axis=0) - np.log(len(silent))
        q = np.concatenate([-silent, -mean[None]])
        q *= one.weights > 0.0
        spikes = np.flatnonzero((y > 0.0) & (one.weights > 0.0))
        passed = np.cumsum(q, axis=1)
        return passed[:, spikes] - q[:, spikes], q[:, spikes], passed[:, -1:]

    before, inside, total = [], [], np.zeros((drawn.n_draws + 1, 1))
    for _, (own, at, passed) in drawn.each(work):
        before.append(total + own)
        inside.append(at)
        total = total + passed
    return Passed(np.concatenate(before, axis=1), np.concatenate(inside, axis=1))


def rescaled(passed: Passed, rng: np.random.Generator) -> Array:
    """Return the intervals z ``(draws + 1, spikes)``, with one r for each spike."""
    r = rng.random(passed.before.shape[1])
    last = np.zeros_like(passed.before)
    last[:, 1:] = (passed.before + passed.inside)[:, :-1]
    part = -np.log1p(r * np.expm1(-passed.inside))
    return -np.expm1(-(passed.before - last + part))


def check_rescaling(drawn: Drawn, rng: np.random.Generator, prob: float) -> Checked:
    """Compare rescaled intervals with uniform ones, and each with the one before it."""
    z = rescaled(expected_until_spikes(drawn), rng)
    own, n = np.sort(z[-1]), z.shape[1]
    grid, dims = np.arange(1, GRID + 1) / (GRID + 1), ("uniform",)
    distance, critical, p = kolmogorov_smirnov(own, prob)

    def share(sorted_values: Array) -> Array:
        return np.searchsorted(sorted_values, grid, side="right") / max(n, 1)

    variables = {
        "observed": (dims, share(own) if n else np.full(GRID, np.nan)),
        "lower": (dims, np.maximum(grid - critical, 0.0)),
        "upper": (dims, np.minimum(grid + critical, 1.0)),
        "ks_distance": ((), distance),
        "ks_critical": ((), critical),
        "p_value": ((), p),
        "serial_correlation": ((), _serial_correlation(z[-1])),
        "serial_critical": ((), float(ndtri(0.5 + prob / 2)) / np.sqrt(max(n - 1, 1))),
        "n_intervals": ((), n),
    }
    if drawn.n_draws > 1:
        curves = np.stack([share(np.sort(one)) for one in z[:-1]])
        lower, upper = np.quantile(curves, [0.5 - prob / 2, 0.5 + prob / 2], axis=0)
        variables |= {"observed_lower": (dims, lower), "observed_upper": (dims, upper)}
    return Checked(variables, {"uniform": grid})


def _serial_correlation(z: Array) -> float:
    """Return the correlation of an interval with the next, both as normal variables."""
    if len(z) < 3:
        return np.nan
    normal = ndtri(np.clip(z, EDGE, 1.0 - EDGE))
    if normal[1:].std() == 0.0 or normal[:-1].std() == 0.0:
        return np.nan
    return float(np.corrcoef(normal[1:], normal[:-1])[0, 1])
