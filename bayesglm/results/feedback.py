"""What responses add to later ones: kernels of terms that read the response, and all else."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bayesglm.design.blocks import Block
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
    for k, block in zip(fed.numbers, fed.blocks, strict=True):
        assert block.lags is not None
        sources = _sources(block, problem.neuron if fed.n_sources > 1 else 0)
        coefficients = block.transform.natural(w[:, predictors.places[block.name]])
        kernels = block.read(coefficients).reshape(len(w), *block.drawn_shape)
        # Sources stand before lags, or after them.
        along = [axis for axis, dim in enumerate(block.dims, 1) if dim in block.part_of]
        kernels = np.moveaxis(kernels, along, [1]) if along else kernels[:, None]
        total[:, sources[:, None], block.lags - 1, predictors.line_of(k)] += kernels
    return total


def _sources(block: Block, own: int) -> Array:
    """Return the numbers of the units whose responses a block reads: its own, or others."""
    for dim, labels in block.part_of.items():
        places = {label: k for k, label in enumerate(labels.tolist())}
        return np.array([places[label] for label in block.coords[dim].tolist()])
    return np.array([own])


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
