"""Columns of the past: of a predictor, and of the response itself."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bayesglm.design.blocks import Block
from bayesglm.design.readings import Readings
from bayesglm.errors import DataError
from bayesglm.spec.terms.history import History
from bayesglm.spec.terms.lagged import Lagged
from bayesglm.spec.terms.term import PREDICTOR, Term

Array = np.ndarray


def lagged_block(term: Lagged, readings: Readings) -> Block:
    """Lay a predictor at each lag."""
    values, dims = readings.values(term.variable, PREDICTOR)
    signal = values.reshape(len(values), -1)
    coords = readings.coords(term.variable, dims)
    return _along_lags(term, signal, values.shape[1:], coords, readings)


def history_block(term: History, readings: Readings) -> Block:
    """Lay the response's own past at each lag."""
    if readings.response is None:
        raise DataError(
            f"term {term.label!r} needs the response's own past, but the data lack the response."
        )
    return _along_lags(term, readings.response[:, None], (), {}, readings)


def _along_lags(
    term: Term,
    signal: Array,
    shape: tuple[int, ...],
    coords: Mapping[str, Array],
    readings: Readings,
) -> Block:
    """Lay a signal at each lag; its features have the labels ``coords``, in the order of dims."""
    lags, dim = np.array(term.lag_range(readings.clock.step)), f"{term.label}_lag"
    return Block(
        term.label,
        signal,
        (len(lags), *shape),
        (dim, *coords),
        {dim: lags, **coords},
        lags=lags,
        clock=readings.clock,
        step=readings.clock.step,
    )
