"""Blocks over the waves of which their priors make the coefficients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bayesglm.design.blocks import Block
from bayesglm.design.design import Design, Predictors
from bayesglm.inference.problem.arrangements import field_of
from bayesglm.spec.model import GLM


def over_waves(model: GLM, design: Design) -> Design:
    """Return the design whose blocks have a column for each wave of their coefficients.

    It is the design itself where there are no such; members of a population that shared a block, or
    all predictors, still do.
    """
    predictors = design.predictors
    pairs = zip(model.every_term, predictors.blocks, strict=True)
    blocks = tuple(_laid(term.prior, block) for term, block in pairs)
    if all(made is block for made, block in zip(blocks, predictors.blocks, strict=True)):
        return design
    last: dict[str, Any] = predictors.__dict__.setdefault("_over_waves", {})
    if last.get("blocks") != [id(block) for block in blocks]:
        last.update(
            blocks=[id(block) for block in blocks],
            predictors=replace(predictors, blocks=blocks),
        )
    return replace(design, predictors=last["predictors"])


def over_same_waves(
    fitted: Sequence[Predictors], every: Sequence[Predictors]
) -> tuple[Predictors, ...]:
    """Return predictors on new data, of each member, over the waves that the fitted ones have."""
    known: dict[int, Block] = {}

    def like(old: Block, new: Block) -> Block:
        if old.wave_field is None:
            return new
        if id(new) not in known:
            known[id(new)] = new.over_waves(old.wave_field, old.wave_prior)
        return known[id(new)]

    return tuple(
        replace(new, blocks=tuple(map(like, old.blocks, new.blocks)))
        if any(block.wave_field is not None for block in old.blocks)
        else new
        for old, new in zip(fitted, every, strict=True)
    )


def _laid(prior: Any, block: Block) -> Block:
    """Return a block over the waves of its prior; the last one that was made is remembered."""
    bare = block.bare or block
    if not prior.traits.of_field:
        return bare
    key = replace(prior, scale=1.0)
    if block.wave_prior == key:
        return block
    last: dict[str, Any] = bare.__dict__.setdefault("_over_waves", {})
    if last.get("key") != key:
        last.clear()
        last.update(key=key, block=bare.over_waves(field_of(prior, bare), key))
    return last["block"]
