"""A problem of some levels of a group, and of their rows alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bayesglm.design.blocks import Block
from bayesglm.design.design import Predictors
from bayesglm.inference.problem.problem import Problem, make_problem

Array = np.ndarray


def some_levels(predictors: Predictors, number: int, levels: slice) -> tuple[Predictors, Array]:
    """Return predictors of some levels of a block, and which of the kept rows are theirs.

    The block has coefficients of these levels alone.
    """
    block = predictors.blocks[number]
    assert block.codes is not None
    codes = block.codes[predictors.rows]
    rows = np.flatnonzero((codes >= levels.start) & (codes < levels.stop))
    part = with_levels(block, block.codes - levels.start, block.coords[block.dims[-1]][levels])
    return with_block(replace(predictors, rows=predictors.rows[rows]), number, part), rows


def without_levels(predictors: Predictors, number: int) -> tuple[Predictors, Array]:
    """Return predictors of the rows that have no level of a block: it has one, which none reads."""
    block = predictors.blocks[number]
    assert block.codes is not None
    rows = np.flatnonzero(block.codes[predictors.rows] < 0)
    part = with_levels(block, block.codes, block.coords[block.dims[-1]][:1])
    return with_block(replace(predictors, rows=predictors.rows[rows]), number, part), rows


def with_levels(block: Block, codes: Array, labels: Array) -> Block:
    """Return a block of a factor with other levels."""
    return replace(
        block,
        codes=codes,
        shape=(*block.shape[:-1], len(labels)),
        coords={**block.coords, block.dims[-1]: labels},
    )


def with_block(predictors: Predictors, number: int, block: Block) -> Predictors:
    """Return predictors with another block in the place of one."""
    blocks = predictors.blocks
    return replace(predictors, blocks=(*blocks[:number], block, *blocks[number + 1 :]))


def problem_of(problem: Problem, predictors: Predictors) -> Problem:
    """Return a problem with other predictors of the same samples, priors unchanged."""
    return make_problem(
        problem.plan, problem.neuron, replace(problem.design, predictors=predictors)
    )
