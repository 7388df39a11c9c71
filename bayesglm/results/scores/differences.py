"""What may be said of the difference of two scores: how large it is, and how far to trust that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import chi2, norm, skew

from bayesglm.results.stretches import STRETCHES, error_of

Array = np.ndarray
FEW = 100  # samples; of fewer the standard error may be half of what it is (Sivula et al. 2020)
TINY = 4.0  # nats; below, models are so alike that the error is not calibrated (the same)
# Samples for each squared skewness that a mean needs to be near normal (Cochran 1977, Sampling
# Techniques, section 2.15).
COCHRAN = 25.0
# Pareto k-hat of the differences' tails: above a half they have no variance. Chosen, since the
# estimate of 100 of Laplace's, which have one, passes 0.7 in 1 of 100, and of normal ones in none.
HEAVY = 0.7
SURE, IN_DOUBT = 2.0, 4.0  # errors that tell two models apart, and where errors are in doubt
SAME = 1e-9  # nats, by which the densities of a sample differ where models are the same: rounding
FEWEST_TOGETHER = 8  # stretches or groups, of fewer of which no error is told: chosen
SHORTEST = 4  # samples of a stretch: chosen, so that 32 samples may tell that they are a series
BY_CHANCE = 1e-3  # chance that differences without dependence are called dependent: chosen


@dataclass(frozen=True)
class Difference:
    """The difference of two elpds, the better less the worse.

    ``se`` is its standard error, samples being independent; ``wider`` that where those that belong
    ``together`` (under a label, in a stretch of time, in all units of a sample) count as one, if it
    is larger by more than chance, else 0. ``high_khat`` says whether a score itself is in doubt.
    ``subsampling`` is the error that scoring only some of the samples adds. Of blocks that overlap,
    ``overlap`` is how many hold a sample, and ``n`` how many there are that do not. ``over`` says
    of what the values are.
    """

    elpd: float
    se: float
    n: int
    skewness: float = 0.0
    heavy: bool = False
    wider: float = 0.0
    together: str = ""
    high_khat: bool = False
    subsampling: float = 0.0
    overlap: int = 1
    over: str = ""

    @property
    def p_worse(self) -> float:
        """How probably the worse is worse, the difference being normal; NaN of no difference.

        >>> round(Difference(2.0, 1.0, 200).p_worse, 4)
        0.9772
        """
        if self.elpd == 0.0 or not self.has_error:
            return np.nan
        error = np.hypot(self.se, self.subsampling)
        return float(norm.cdf(self.elpd / error)) if error > 0.0 else 1.0

    @property
    def diagnosis(self) -> str:
        """Why the normal approximation may not hold, in few words; empty where nothing says so."""
        if self.elpd == 0.0:
            return ""
        words = {
            f"N < {FEW}": self.n < FEW,
            f"|elpd_diff| < {TINY * self.overlap:g}": self.tiny,
            "skewed": self.skewed,
            "heavy tail": self.heavy,
            f"alike within {self.together}": self.wider > 0.0,
        }
        return ", ".join(word for word, holds in words.items() if holds)

    @property
    def tiny(self) -> bool:
        """Whether the models are so alike that the error is not calibrated."""
        return self.elpd < TINY * self.overlap

    @property
    def skewed(self) -> bool:
        """Whether the samples are too few for their skewness, that of their mean to be normal."""
        return self.n < COCHRAN * self.skewness**2

    @property
    def error(self) -> float:
        """The standard error, that of samples together where it is larger."""
        return float(np.hypot(max(self.se, self.wider), self.subsampling))

    @property
    def has_error(self) -> bool:
        """Whether the samples tell an error: one does not, nor do a few that differ alike."""
        return self.n > 1 and (self.error > 0.0 or self.n >= FEW)

    @property
    def is_told(self) -> bool:
        """Whether the better is told apart from the worse."""
        if not self.has_error:
            return False
        in_doubt = self.n < FEW or self.heavy or self.high_khat
        return not self.tiny and self.errors > (IN_DOUBT if in_doubt else SURE)

    @property
    def errors(self) -> float:
        """How many errors the difference is, fewer where the samples' skewness makes it uncertain.

        t + g / (6 sqrt(n)) + g t^2 / (3 sqrt(n)), with the skewness g (Johnson 1978, JASA 73:536),
        where that is less than t.
        """
        if not self.error > 0.0:
            return np.inf
        t = self.elpd / self.error
        bent = self.skewness / np.sqrt(self.n) * (1.0 / 6.0 + t**2 / 3.0)
        return float(t + min(bent, 0.0)) if self.skewed else t


def difference_of(
    values: Array,
    labels: Mapping[str, Array],
    order: Array | None,
    high_khat: bool,
    overlap: int = 1,
) -> Difference:
    """Return the difference that pointwise differences ``(sample[, unit])`` add up to.

    Of blocks of h samples that ``overlap``, h of them hold each sample: the sum is h times that of
    n / h blocks that do not, and its error sqrt(h) times that of n independent values.

    ``labels`` of the samples may tell which belong together; their ``order`` is that of time, None
    where they have none: rows may be sorted by a predictor, and are alike for that.
    """
    flat = values.reshape(-1)
    n, apart = len(flat), max(1, len(flat) // overlap)
    if np.abs(flat).max() < SAME:
        return Difference(0.0, 0.0, apart)
    centred = flat - flat.mean()
    spread = float(centred.std()) * np.sqrt(overlap)
    spread = spread if spread > SAME else 0.0
    bent = float(skew(flat)) if spread else 0.0
    wider, together = _wider(centred.reshape(len(values), -1).sum(axis=1), labels, order, n, spread)
    return Difference(
        elpd=float(flat.sum()),
        se=float(np.sqrt(n) * spread) if n > 1 else np.nan,
        n=apart,
        skewness=bent,
        heavy=n >= FEW and bent != 0.0 and _tail(flat) > HEAVY,
        wider=wider,
        together=together,
        high_khat=high_khat,
        overlap=overlap,
    )


def subsampled_difference(better: Any, worse: Any, high_khat: bool) -> Difference:
    """Return the difference of two subsampled scores, by ArviZ's difference estimator.

    (Magnusson, Vehtari, Jonasson & Andersen 2020, AISTATS, section 3.)
    """
    from arviz_stats import compare

    row = compare({0: better, 1: worse}, method="pseudo-bma", reference=0, round_to="none").loc[1]
    return Difference(
        elpd=-float(row["elpd_diff"]),
        se=float(row["dse"]),
        n=int(better.n_data_points),
        high_khat=high_khat,
        subsampling=float(row["subsampling_dse"]),
    )


def _tail(values: Array) -> float:
    """Return the larger k-hat of both tails."""
    from arviz_stats.base import array_stats

    return float(array_stats.pareto_khat(values[None], r_eff=1.0, tail="both"))


def _wider(
    rows: Array, labels: Mapping[str, Array], order: Array | None, n: int, spread: float
) -> tuple[float, str]:
    """Return the largest error of rows that count together, and what they are, if any is larger.

    Where rows are independent, squares of such errors are chi squared about that of single ones.
    """
    single, largest, together = n * spread**2, 0.0, ""
    if single == 0.0:
        return 0.0, ""
    sets = list(_sets(labels, order, len(rows)))
    if FEWEST_TOGETHER <= len(rows) < n:
        sets.append(("the units of a sample", np.arange(len(rows))))
    for name, codes in sets:
        sums = np.bincount(codes, weights=rows)
        count = len(sums)
        square = float(error_of(np.sum(sums**2, keepdims=True), count)[0]) ** 2
        unlikely = chi2.isf(BY_CHANCE, count - 1) / (count - 1)
        if square > max(unlikely * single, largest**2):
            largest, together = float(np.sqrt(square)), name
    return largest, together


def _sets(labels: Mapping[str, Array], order: Array | None, n: int) -> Iterator[tuple[str, Array]]:
    """Give what each sample belongs to, in numbers: stretches of several lengths, and labels."""
    if order is not None:
        place, count = np.argsort(order), STRETCHES
        while count >= FEWEST_TOGETHER:
            if n >= SHORTEST * count:
                yield "stretches of time", place * count // n
            count //= 2
    for name, label in labels.items():
        codes = pd.factorize(label, use_na_sentinel=False)[0]
        if FEWEST_TOGETHER <= codes.max() + 1 <= n // 2:
            yield name, codes
