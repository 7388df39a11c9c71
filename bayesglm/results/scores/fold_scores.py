"""Folds, and log densities of their rows by the posterior of the others, as they are found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from bayesglm.errors import BayesGLMError, DataError, tell
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.kept import Kept
from bayesglm.results.scores.folds import Sets

Array = np.ndarray
# How the posterior of a fold came about.
EXACT, CORRECTED, WEIGHTED, REFITTED = WAYS = "exact", "corrected", "weighted", "refitted"


class Fold(NamedTuple):
    """One fold: its number, its rows, their sets from 0 on, and where its scores stand."""

    number: int
    rows: Array
    sets: Array | None
    places: Array


type Pairs = list[tuple[Fold, int]]  # folds, and the numbers of the neurons to score


def each_fold(fold_of: Array, sets: Sets | None) -> Iterator[Fold]:
    """Run through the folds."""
    for number in range(int(fold_of.max()) + 1):
        rows = np.flatnonzero(fold_of == number)
        if sets is None:
            yield Fold(number, rows, None, rows)
        else:
            own, codes = np.unique(sets.codes[rows], return_inverse=True)
            yield Fold(number, rows, codes, own)


@dataclass(frozen=True)
class CrossScores:
    """Log densities of rows, or sets, by the posterior of the other folds, and how they came.

    - `elpd`: ``(row or set, neuron)``.
    - `in_sample`: the same by the posterior of all rows; NaN where it was not asked for.
    - `khat`: ``(fold, neuron)``, of the weights that were tried; NaN where none were.
    - `ways`: ``(fold, neuron)``, how the posterior came about: one of `WAYS`.
    - `whole`: draws of the posterior of all rows of each neuron, if they were needed.
    - `hanging`: which of them hang on few draws, and no ratio of evidences told them.
    - `drawn`: of each fold and neuron a few draws of the posterior without it.
    - `advance`: is told of each that is scored.
    """

    elpd: Array
    in_sample: Array
    khat: Array
    ways: Array
    hanging: Array
    whole: Sequence[Kept] | None = None
    drawn: dict[tuple[int, int], Kept] = field(default_factory=dict)
    advance: Callable[[], None] = lambda: None

    @staticmethod
    def empty(
        problems: Sequence[Problem],
        fold_of: Array,
        sets: Sets | None,
        whole: Sequence[Kept] | None = None,
    ) -> CrossScores:
        """Return scores into which those of every fold are still to be written."""
        shape = (len(fold_of) if sets is None else len(sets.labels), len(problems))
        by_fold = (int(fold_of.max()) + 1, len(problems))
        khat, ways = np.full(by_fold, np.nan), np.full(by_fold, REFITTED, dtype=object)
        hanging = np.zeros(shape, dtype=bool)
        return CrossScores(np.empty(shape), np.full(shape, np.nan), khat, ways, hanging, whole)

    def take(self, fold: Fold, neuron: int, scored: FoldScore) -> None:
        """Write down the scores of a fold."""
        self.elpd[fold.places, neuron] = scored.elpd
        if scored.in_sample is not None:
            self.in_sample[fold.places, neuron] = scored.in_sample
        self.ways[fold.number, neuron] = scored.way
        self.drawn[fold.number, neuron] = scored.drawn
        self.hanging[fold.places, neuron] = scored.hanging
        self.advance()

    def tell_of_hanging(self) -> None:
        """Warn of log densities that hang on few draws."""
        n = int(self.hanging.sum())
        if n:
            tell(
                f"{n} of {self.hanging.size} held-out log densities hang on so few draws of the "
                "posterior of the other folds, which expects something else, that they err by "
                "tenths of a nat, or by many nats. score(fit) leaves out rows one by one and tells "
                "such densities by ratios of evidences; or give more draws."
            )

    def told(self) -> dict[str, float | int]:
        """Say in numbers how many posteriors of folds came about which way."""
        ways, counts = np.unique(self.ways.astype(str), return_counts=True)
        by_way = dict(zip(ways.tolist(), counts.tolist(), strict=True))
        kept = self.khat[np.isin(self.ways.astype(str), (CORRECTED, WEIGHTED))]
        largest = {} if not len(kept) else {"khat": float(kept.max())}
        return {f"n_{way}": by_way.get(way, 0) for way in WAYS} | largest


class FoldScore(NamedTuple):
    """Scores of one fold of one neuron, and a few draws of the posterior without it.

    ``hanging`` are those that hang on few draws.
    """

    elpd: Array
    in_sample: Array | None
    way: str
    drawn: Kept
    hanging: Array | bool = False


def unfitted(fold: int, n_folds: int, error: BayesGLMError) -> DataError:
    """Return what to raise where the rows outside a fold cannot be fitted."""
    return DataError(
        f"fold {fold + 1} of {n_folds} cannot be fitted: {error} Use fewer folds, or proper priors."
    )


def check_possible(elpd_i: Array, problem: Problem, sets: Sets | None = None) -> None:
    """Raise DataError where held-out responses have no probability at all."""
    plan, lost = problem.plan, ~np.isfinite(elpd_i).all(axis=1)
    if lost.any():
        rows = problem.design.predictors.rows
        if sets is not None:
            rows = rows[np.unique(sets.codes, return_index=True)[1]]
        first = int(rows[np.argmax(lost)])
        raise DataError(
            f"{int(lost.sum())} held-out responses of {plan.model.response!r} have a predictive "
            f"density of zero, the first at {plan.sample_dim}={first}: the folds they were left "
            "out of predict something else altogether. Look at the scales of the predictors and "
            "of the offset, and give proper priors."
        )
