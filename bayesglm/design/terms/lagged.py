"""Columns of the past: of a predictor, and of the response itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from bayesglm.design.blocks import Block
from bayesglm.design.lag_bases import functions_of
from bayesglm.design.readings import Readings
from bayesglm.errors import DataError, ModelError
from bayesglm.spec.lag_bases import labels_of
from bayesglm.spec.terms.history import History
from bayesglm.spec.terms.lagged import Lagged
from bayesglm.spec.terms.term import PREDICTOR

Array = np.ndarray


def lagged_block(term: Lagged, readings: Readings) -> Block:
    """Lay a predictor at each lag."""
    values, dims = readings.values(term.variable, PREDICTOR)
    signal = values.reshape(len(values), -1)
    coords = readings.coords(term.variable, dims)
    block = along_lags(term, signal, values.shape[1:], coords, readings)
    if term.rank is None:
        return block
    n, features = block.shape[0], signal.shape[1]
    if term.rank >= min(n, features):
        raise ModelError(
            f"term {term.label!r}: a field of {n} lags (or functions of them) and {features} "
            f"features has a rank of {min(n, features)} at most, so rank={term.rank} says nothing; "
            "leave it out, or say less."
        )
    return replace(block, rank=term.rank)


def history_block(term: History, readings: Readings) -> Block:
    """Lay the response's own past at each lag."""
    if readings.response is None:
        raise DataError(
            f"term {term.label!r} needs the response's own past, but the data lack the response."
        )
    return along_lags(term, readings.response[:, None], (), {}, readings)


def along_lags(
    term: Any,
    signal: Array,
    shape: tuple[int, ...],
    coords: Mapping[str, Array],
    readings: Readings,
) -> Block:
    """Lay a signal at each lag; its features have the labels ``coords``, in the order of dims."""
    step = readings.clock.step
    lags = np.array(term.lag_range(step))
    functions = functions_of(term, len(lags), step)
    own, labels = f"{term.label}_lag", lags
    if functions is not None:
        own, labels = f"{term.label}_basis", np.array(labels_of(term.basis, len(lags)))
    return Block(
        term.label,
        signal,
        (len(labels), *shape),
        (own, *coords),
        {own: labels, **coords},
        lags=lags,
        clock=readings.clock,
        step=step,
        functions=functions,
    )
