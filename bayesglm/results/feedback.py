"""What responses add to later ones: kernels of terms that read the response, and all else.

The kernel of a term is what its columns make of a single response of one, sample by sample: so it
is read off the block itself, whatever basis, sources or lags that has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from bayesglm.design.blocks import Block
from bayesglm.design.clock import Clock
from bayesglm.design.design import Predictors
from bayesglm.errors import ModelError
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.kept import Kept
from bayesglm.numerics.density.channels import predictors as linear_predictors
from bayesglm.spec.model import GLM

Array = np.ndarray
TOGETHER = 2_000_000  # linear predictors (8 bytes each) that are made at a time: chosen


class Fed(NamedTuple):
    """The blocks of a unit that read responses: their numbers, and themselves."""

    numbers: tuple[int, ...]
    blocks: tuple[Block, ...]

    @property
    def n_lags(self) -> int:
        """The largest lag."""
        return max(
            (int(block.lags[-1]) for block in self.blocks if block.lags is not None), default=0
        )

    @property
    def n_sources(self) -> int:
        """Of how many units the responses are read: 1 of its own alone."""
        return max((block.signal.shape[1] for block in self.blocks), default=1)


def fed_back(model: GLM, predictors: Predictors) -> Fed:
    """Return the blocks that read responses; ModelError where a product with others does."""
    numbers = []
    for k, (term, block) in enumerate(zip(model.every_term, predictors.blocks, strict=True)):
        if not term.reads_response:
            continue
        if block.multiplier is not None or block.codes is not None:
            raise ModelError(
                f"term {term.label!r} multiplies past responses by something else, so that what "
                "one adds to those to come is no kernel; simulate knows History and Coupling terms "
                "by themselves."
            )
        numbers.append(k)
    return Fed(tuple(numbers), tuple(predictors.blocks[k] for k in numbers))


def kernels_of(
    problem: Problem, predictors: Predictors, fed: Fed, theta: Array, n_lags: int
) -> Array:
    """Return what a response of one adds ``(draws, sources, lags, channels)``, from lag 1 on."""
    w = problem.natural.w(theta)
    n_channels = len(problem.natural.family.channels)
    total = np.zeros((len(theta), fed.n_sources, n_lags, n_channels))
    own = problem.neuron if fed.n_sources > 1 else 0
    for k, block in zip(fed.numbers, fed.blocks, strict=True):
        q = block.signal.shape[1]
        columns = _responses_to_one(block)[:, 1:]
        reach = columns.shape[1]
        sources = slice(None) if q == fed.n_sources else slice(own, own + 1)
        for channel, coefficients in _by_channel(predictors, k, block, w):
            made = np.tensordot(coefficients, columns, axes=(1, 2))
            total[:, sources, :reach, channel] += made
    return total


def _by_channel(
    predictors: Predictors, k: int, block: Block, w: Array
) -> Sequence[tuple[int, Array]]:
    """Return the channels that a block's columns are in, and its coefficients there."""
    place = predictors.column_places[block.name]
    if predictors.sharing is None:
        return [(predictors.line_of(k), w[:, place])]
    own = predictors.sharing.spread(w)
    return [(channel, own[:, channel, place]) for channel in range(own.shape[1])]


def _responses_to_one(block: Block) -> Array:
    """Return the columns ``(features, lag 0 on, columns)`` after a single one in each feature."""
    assert block.lags is not None
    q, n = block.signal.shape[1], int(block.lags[-1]) + 1
    signal = np.zeros((q * n, q))
    signal[np.arange(q) * n, np.arange(q)] = 1.0
    start = np.repeat(np.arange(q) * n, n)
    alone = replace(block, signal=signal, clock=Clock(start, start + n, block.step))
    return alone.columns(np.arange(q * n)).reshape(q, n, -1)


def others_eta(kept: Kept, predictors: Predictors, fed: Fed) -> Array:
    """Return linear predictors without what is fed back ``(channels, draws, samples)``.

    Zeros where a sample is not among the rows of the predictors.
    """
    n_channels = len(kept.problem.natural.family.channels)
    eta = np.zeros((n_channels, kept.n_draws, predictors.n_samples))
    for problem, own, theta, _ in kept.on(predictors):
        w = problem.natural.w(theta)
        size = max(16, TOGETHER // max(1, len(theta)))
        for start in range(0, len(own.rows), size):
            part = slice(start, min(start + size, len(own.rows)))
            with np.errstate(over="ignore", invalid="ignore"):
                made = linear_predictors(own.block(part, fed.numbers), w)
            eta[:, :, own.rows[part]] = made
    return eta
