"""Designs of more columns than rows, turned so that they have a column for each row.

Under a prior that looks the same from everywhere, Normal(0, s) of every coefficient, no coefficient
leaves zero in a direction that moves no row (Kimeldorf & Wahba 1971, J Math Anal Appl 33:82). With
X' = Q R, the columns of Q orthonormal, and w = Q z

    X w = R' z,   |w|^2 = |z|^2,

so that R' in the place of X gives the same linear predictors at the mode, for any s, for any rows
that are left out, and for any family: only the coefficients are others.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np
from scipy.linalg import qr

from bayesglm.design.blocks import Block
from bayesglm.design.design import Design, Predictors
from bayesglm.inference.problem.problem import Problem
from bayesglm.numerics.priors.parts import PriorPart

Array = np.ndarray
MOST_AT_ONCE = 5e7  # numbers of a block (8 bytes each) that are turned: chosen


def narrowed(problems: Sequence[Problem]) -> list[Design]:
    """Return the designs of all neurons with every block turned that may be.

    Modes on them have the linear predictors of the problems', and coefficients of their own. What
    members share they still share.
    """
    known: dict[int, Block] = {}
    shared: dict[Hashable, Predictors] = {}
    designs = []
    for problem in problems:
        design, turns = problem.design, _that_turn(problem)
        if not turns:
            designs.append(design)
            continue
        key = id(design.predictors), turns
        if key not in shared:
            shared[key] = _narrowed(design.predictors, turns, known)
        designs.append(replace(design, predictors=shared[key]))
    return designs


def _that_turn(problem: Problem) -> tuple[int, ...]:
    """Return the numbers of the blocks of a problem that may be turned."""
    parts = {part.where.start: part for part in problem.natural.coefficients}
    design = problem.design
    return tuple(
        k
        for k, block in enumerate(design.predictors.blocks)
        if _may_turn(block, parts.get(problem.places[block.name].start), design.n_rows)
    )


def _narrowed(
    predictors: Predictors, turns: tuple[int, ...], known: dict[int, Block]
) -> Predictors:
    """Return predictors with some blocks turned; ``known`` are those that were."""
    blocks = list(predictors.blocks)
    for k in turns:
        block = blocks[k]
        if id(block) not in known:
            known[id(block)] = _turned(block, predictors.rows)
        blocks[k] = known[id(block)]
    return replace(predictors, blocks=tuple(blocks))


def _may_turn(block: Block, part: PriorPart | None, n_rows: int) -> bool:
    if part is None:
        return False
    plain = block.codes is None and block.wave_field is None and not block.steps
    plain = plain and not (block.part_of or block.rank or block.sums)
    same = part.quadratic and part.is_gaussian and part.alike and not part.is_below
    around_zero = same and not np.any(part.loc)
    is_wide = n_rows < block.size and n_rows * block.size <= MOST_AT_ONCE
    return plain and around_zero and is_wide


def _turned(block: Block, rows: Array) -> Block:
    """Return a block with the columns R' on some rows, and zeros elsewhere."""
    (triangle,) = qr(block.columns(rows).T, mode="r")
    n = len(rows)
    signal = np.zeros((len(block.signal), n))
    signal[rows] = triangle[:n].T
    dim = f"{block.name}_direction"
    return Block(block.name, signal, (n,), (dim,), {dim: np.arange(n)})
