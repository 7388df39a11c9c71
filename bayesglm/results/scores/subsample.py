"""Which samples of very many are left out, and what stands for the log densities of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bayesglm.errors import DataError
from bayesglm.inference.problem.asked import whole_number
from bayesglm.inference.tree.kept import Kept, one_row_each
from bayesglm.inference.weights.nearly_left_out import nearly_left_out
from bayesglm.numerics.density.pointwise import pointwise

Array = np.ndarray


def drawn_samples(kept: Sequence[Kept], subsample: Any, seed: int) -> Array:
    """Say which of ``(rows, neurons)`` are drawn, so many in all; DataError if there are too few.

    Every sample of the data has a random number, that of its position, and those with the smallest
    are drawn: models that leave out different rows share all that they can.
    """
    subsample = whole_number("subsample", subsample, 2)
    predictors = kept[0].problem.design.predictors
    n = len(predictors.rows) * len(kept)
    if subsample > n:
        raise DataError(
            f"subsample is {subsample:,}, and the fit has {n:,} samples; leave subsample out to "
            "score all."
        )
    numbers = np.stack(
        [
            np.random.default_rng([seed, one.problem.neuron]).random(predictors.n_samples)[
                one.problem.design.predictors.rows
            ]
            for one in kept
        ],
        axis=-1,
    )
    return numbers <= np.partition(numbers, subsample - 1, axis=None)[subsample - 1]


def surrogate(kept: Kept) -> Array:
    """Return what stands for the log density of every row without itself: one pass over all."""
    if one_row_each(kept.problem) is not None:
        middle = replace(kept, theta=kept.theta.mean(axis=0, keepdims=True), held={})
        return middle.each_row(lambda values: (values[0],))[0]
    if kept.redrawn is not None:
        return pointwise(kept.problem.natural, kept.mean_theta[None])[0]
    return nearly_left_out(kept.problem.natural, kept.theta)
