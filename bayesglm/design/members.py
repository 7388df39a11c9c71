"""Members of a population side by side: the same rows, and columns that are common or their own.

Neurons that differ only in what they read of a panel, each its own past say, are masks of it. One
pass over the rows serves them all: what they share is multiplied once, with a line of coefficients
for each.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from bayesglm.design.blocks import Block
from bayesglm.design.design import Design, Predictors
from bayesglm.numerics.rows.events import Events, Heard, OwnHeard, events
from bayesglm.numerics.rows.panel import Panel
from bayesglm.numerics.rows.picked import PickedPanel
from bayesglm.numerics.rows.rows import Own, Rows
from bayesglm.numerics.rows.source import Source

Array = np.ndarray
# Members, from which on those that read rare events are multiplied event by event: chosen; with few
# the windows of their signals are as fast.
MANY = 8


def kinship(predictors: Predictors) -> Hashable:
    """Return what predictors that can go side by side have in common: all but their own blocks."""
    known = (id(predictors.rows), id(predictors.offset), id(predictors.known))
    sizes = tuple(block.size for block in predictors.blocks)
    return (known, predictors.intercept, sizes, predictors.beside)


def share_columns(designs: Sequence[Design]) -> bool:
    """Say whether every column is common to all members."""
    first = designs[0].predictors
    return all(design.predictors is first for design in designs)


def take_together(designs: Sequence[Design], keep: Array) -> list[Design]:
    """Return the designs of some of the kept rows; what members share they still share."""
    rows: dict[int, Array] = {}
    shared: dict[int, Predictors] = {}
    for design in designs:
        predictors = design.predictors
        if id(predictors.rows) not in rows:
            rows[id(predictors.rows)] = predictors.rows[keep]
        if id(predictors) not in shared:
            own = rows[id(predictors.rows)]
            shared[id(predictors)] = replace(predictors, rows=own)
    return [replace(design, predictors=shared[id(design.predictors)]) for design in designs]


def joint_source(designs: Sequence[Design]) -> Source:
    """Return where the rows of members that go side by side come from.

    One design's arrays have a number for each row; those of several a line for each design.
    """
    if len(designs) == 1:
        return designs[0].source
    predictors = designs[0].predictors
    responses, lines = _responses(designs)
    own = _own_blocks(designs)

    def form(part: slice) -> Rows:
        samples = predictors.samples(part)
        # A view, of which the lines are picked later; or a copy, of no more lines than are meant.
        picked = lines is not None and not isinstance(samples, slice)
        return Rows(
            partial(predictors.parts, part, own),
            predictors.n_columns,
            responses[np.ix_(lines, samples)] if picked else responses[..., samples],
            0.0 if predictors.offset is None else predictors.offset[samples],
            _joint_weights(designs, samples),
            None if predictors.known is None else predictors.known[samples],
            None if picked else lines,
            part.start,
            partial(_panels, designs, own, part) if own else None,
            predictors.channels,
            sharing=predictors.sharing,
        )

    return Source(designs[0].n_rows, form)


def take(designs: Sequence[Design], keep: Array) -> list[Design]:
    """Return members with some of their common rows, who go side by side as they did."""
    rows = designs[0].predictors.rows[keep]
    taken = {id(one): replace(one, rows=rows) for one in (design.predictors for design in designs)}
    return [replace(design, predictors=taken[id(design.predictors)]) for design in designs]


def _own_blocks(designs: Sequence[Design]) -> tuple[int, ...]:
    """Return the numbers of the blocks that are each member's own."""
    if share_columns(designs):
        return ()
    by_place = zip(*(design.predictors.blocks for design in designs), strict=True)
    return tuple(
        k for k, blocks in enumerate(by_place) if any(block is not blocks[0] for block in blocks)
    )


def _panels(
    designs: Sequence[Design], own: tuple[int, ...], part: slice
) -> list[tuple[slice, Own]]:
    first = designs[0].predictors
    return [
        (
            first.places[first.blocks[k].name],
            _panel([design.predictors.blocks[k] for design in designs], first.rows[part]),
        )
        for k in own
    ]


def _panel(blocks: Sequence[Block], rows: Array) -> Own:
    """Return what each member reads of some rows: a block of its own, or picks among common ones.

    Members whose signals are one array, and that pick some of its columns each, have all in common.
    What many members read of signals that are mostly zero is multiplied event by event.
    """
    first = blocks[0]
    are_many = len(blocks) >= MANY
    if first.picked is not None and all(block.signal is first.signal for block in blocks):
        by_event = are_many and first.is_rare
        columns = Heard(_events([first], rows), first.functions) if by_event else first.every(rows)
        return PickedPanel(columns, np.array([block.picked for block in blocks]))
    is_own = first.picked is None and first.signal.shape[1] == 1
    if are_many and is_own and all(block.is_rare for block in blocks):
        return OwnHeard(_events(blocks, rows), first.functions, lambda k: blocks[k].on(rows))
    return Panel([block.on(rows) for block in blocks], np.eye(len(blocks), dtype=bool))


def _events(blocks: Sequence[Block], rows: Array) -> Events:
    """Return what some rows read of the signals of blocks that differ in these alone."""
    lags, clock = blocks[0].lags, blocks[0].clock
    assert lags is not None
    assert clock is not None
    edges = int(rows[0] - lags[-1]), int(rows[-1] - lags[0]) + 1
    parts: list[tuple[Array, Array, Array]] = []
    for k, block in enumerate(blocks):
        at, feature, value = block.past.happenings
        part = slice(*np.searchsorted(at, edges))
        parts.append((at[part], feature[part] + k, value[part]))
    at, feature, value = (np.concatenate(every) for every in zip(*parts, strict=True))
    n_features = max(len(blocks), blocks[0].signal.shape[1])
    return events(at, feature, value, n_features, rows, lags, clock.start, clock.stop)


def _responses(designs: Sequence[Design]) -> tuple[Array, Any]:
    """Return the responses, a line for each design, and which lines are meant; None if all."""
    panel, lines = designs[0].panel, [design.neuron for design in designs]
    if panel is None or any(design.panel is not panel for design in designs):
        return np.stack([design.responses for design in designs]), None
    return panel, None if lines == list(range(len(panel))) else lines


def _joint_weights(designs: Sequence[Design], rows: Any) -> Array | None:
    weights = designs[0].weights
    if weights is None or all(design.weights is weights for design in designs):
        return None if weights is None else weights[rows]
    return np.stack([design.weights[rows] for design in designs if design.weights is not None])
