"""Scores of rows made one score of all, and what each row moves it by.

A score has influences, one for each row (or set of rows that count together), that sum to zero:
what the score moves by as a row counts a little more. Its standard error is the root of the sum of
their squares (the infinitesimal jackknife: Efron 1982, The jackknife, ch. 6), and that of the
difference of two scores the same of the differences of their influences.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

Array = np.ndarray


class Pooled(NamedTuple):
    """A score, and the influence on it of every row or set of rows; one alone tells no error."""

    value: float
    influence: Array

    @property
    def error(self) -> float:
        """The standard error."""
        return float(np.sqrt(np.sum(self.influence**2))) if len(self.influence) > 1 else np.nan


def averaged(values: Array, counts: Array, codes: Array) -> Pooled:
    """Return sum c s / sum c; its influences are c (s - mean) / sum c.

    ``codes`` are the numbers of the sets in which rows count together.

    >>> averaged(np.array([1.0, 0.0]), np.array([3.0, 1.0]), np.array([0, 1])).value
    0.75
    """
    total = counts.sum()
    if not total > 0.0:
        return Pooled(np.nan, np.full(1, np.nan))
    mean = float(np.sum(counts * values) / total)
    return Pooled(mean, by_set(counts * (values - mean), codes) / total)


def rooted(values: Array, counts: Array, codes: Array) -> Pooled:
    """Return the root of their mean, with influences of a mean over twice the root."""
    mean, influence = averaged(values, counts, codes)
    root = float(np.sqrt(mean))
    return Pooled(root, influence / (2.0 * root) if root > 0.0 else influence)


def totalled(values: Array, counts: Array, codes: Array) -> Pooled:
    """Return sum c s; the influence of a set is what it adds beyond what a set adds on average.

    It is that of n sets as n - 1 tell it, which makes the error ArviZ's.
    """
    sums = by_set(values * counts, codes)
    n = len(sums)
    return Pooled(float(sums.sum()), (sums - sums.mean()) * np.sqrt(n / max(n - 1, 1)))


def per_event(values: Array, counts: Array, codes: Array) -> Pooled:
    """Return sum s over the number of events that ``counts`` are, which is taken as given."""
    n, sums = float(counts.sum()), by_set(values, codes)
    if not n:
        return Pooled(np.nan, np.full(len(sums), np.nan))
    with np.errstate(invalid="ignore"):
        return Pooled(float(sums.sum()) / n, (sums - sums.mean()) / n)


def by_set(values: Array, codes: Array) -> Array:
    """Return the sums of sets of rows, by the numbers of these that there are."""
    return np.bincount(np.unique(codes, return_inverse=True)[1], values)


def ranked(chance: Array, is_yes: Array, counts: Array) -> Pooled:
    """Return the area under the curve of true against false positives: nan of one label alone.

        auc = P(chance of a yes > chance of a no) + P(they are equal) / 2

    Its influences are those of DeLong, DeLong & Clarke-Pearson (1988, Biometrics 44:837).

    >>> yes = np.array([False, True, False, True])
    >>> ranked(np.array([0.1, 0.4, 0.4, 0.9]), yes, np.ones(4)).value
    0.875
    """
    of_yes, of_no = counts * is_yes, counts * ~is_yes
    n_yes, n_no = of_yes.sum(), of_no.sum()
    if not (n_yes > 0.0 and n_no > 0.0):
        return Pooled(np.nan, np.zeros(len(counts)))
    above_no = _share_below(chance, chance, of_no) / n_no
    below_yes = 1.0 - _share_below(chance, chance, of_yes) / n_yes
    auc = float(np.sum(of_yes * above_no) / n_yes)
    influence = of_yes * (above_no - auc) / n_yes + of_no * (below_yes - auc) / n_no
    return Pooled(auc, influence)


def _share_below(at: Array, values: Array, counts: Array) -> Array:
    """Return how many values lie below each place, those at it by half."""
    order = np.argsort(values, kind="stable")
    total = np.r_[0.0, np.cumsum(counts[order])]
    low, high = (np.searchsorted(values[order], at, side) for side in ("left", "right"))
    return 0.5 * (total[low] + total[high])
