"""Columns of the past of a population's other responses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bayesglm.design.blocks import Block
from bayesglm.design.readings import Readings
from bayesglm.design.terms.lagged import along_lags
from bayesglm.errors import DataError, ModelError
from bayesglm.spec.names import first_repeat
from bayesglm.spec.terms.coupling import SOURCE, Coupling


def coupling_block(term: Coupling, readings: Readings) -> Block:
    """Lay the responses of all members at each lag, of which a member reads all but its own.

    The signal is the same array for all members.
    """
    if readings.population is None or readings.neuron is None:
        raise ModelError(
            f"term {term.label!r} reads the past of the other responses of a population, and this "
            f"response has no dim beside {readings.dim!r}; give the responses as one variable of "
            "dims (time, neuron), or take History for a response's own past. Of a fit keep the "
            "whole population: what one unit reads is in the others."
        )
    if readings.panel is None:
        raise DataError(
            f"term {term.label!r} needs the past of the population's responses, but the data lack "
            "the response."
        )
    labels, own = readings.labels, readings.neuron
    if len(labels) < 2:
        raise ModelError(
            f"term {term.label!r} reads the past of others, and the population {labels.tolist()} "
            "has no other; leave the term out."
        )
    twice = first_repeat(labels.tolist())
    if twice is not None:
        raise DataError(
            f"two of {readings.population!r} are labelled {twice!r}, and the coefficients of term "
            f"{term.label!r} name each by its label; give them labels of their own."
        )
    every = along_lags(term, readings.panel, (len(labels),), {SOURCE: labels}, readings)
    others = np.delete(np.arange(len(labels)), own)
    numbers = others[:, None] + len(labels) * np.arange(every.shape[0])
    return replace(
        every,
        shape=numbers.shape,
        dims=every.dims[::-1],
        coords={**every.coords, SOURCE: labels[others]},
        picked=numbers.reshape(-1),
        part_of={SOURCE: labels},
    )
