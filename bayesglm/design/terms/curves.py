"""What builders of curves over one predictor share: its values, its range, and the block."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bayesglm.design.bases import Functions
from bayesglm.design.blocks import Block, Curve
from bayesglm.design.readings import Readings
from bayesglm.design.variables import numbers, require
from bayesglm.errors import DataError, tell
from bayesglm.spec.terms.term import PREDICTOR

Array = np.ndarray
PLACES = 201  # at which a curve is drawn: more than the pixels of a bend can show


def predictor_of(term: Any, readings: Readings) -> Array:
    """Return the predictor's values, one per sample."""
    values, dims = readings.values(term.variable, PREDICTOR)
    if dims:
        raise DataError(
            f"predictor {term.variable!r} of term {term.label!r} has further dims {dims}, and a "
            f"curve takes one value per sample over {readings.dim!r}; use Linear for all of them, "
            "or give each a variable of its own."
        )
    return values.astype(np.float64)


def all_values(term: Any, readings: Readings) -> Array:
    """Return the values of all neurons, from which knots are settled that all of them share."""
    variable = require(readings.dataset, term.variable, PREDICTOR)
    values = numbers(variable, readings.dim, PREDICTOR, readings.dataset)
    return values[readings.whole].astype(np.float64).reshape(-1)


def range_of(term: Any, values: Array) -> tuple[float, float]:
    """Return the bounds of a term: its own, or the range of the data."""
    low, high = term.bounds or (float(values.min()), float(values.max()))
    if low == high:
        raise DataError(
            f"predictor {term.variable!r} of term {term.label!r} is {low:g} for every sample; a "
            "constant has no curve. Remove the term."
        )
    knots = term.knots
    if knots and not low < knots[0] <= knots[-1] < high:
        raise DataError(
            f"the inner knots of term {term.label!r} reach from {knots[0]:g} to {knots[-1]:g}, and "
            f"{term.variable!r} from {low:g} to {high:g}; choose knots inside, or give bounds=."
        )
    return low, high


def inner_knots(term: Any, values: Array, bounds: tuple[float, float], n: int) -> Array:
    """Return the inner knots of a term: its own, or ``n`` at quantiles of values in the bounds."""
    if term.knots is not None:
        return np.array(term.knots)
    low, high = bounds
    inside = values[(values >= low) & (values <= high)]
    if n > len(inside):
        refuse_few(term, inside)
    shares = np.linspace(0.0, 1.0, n + 2)[1:-1]
    every = np.concatenate([[low], np.quantile(inside, shares) if n else shares, [high]])
    if not np.all(np.diff(every) > 0.0):
        refuse_few(term, inside)
    return every[1:-1]


def refuse_few(term: Any, values: Array) -> None:
    """Raise: the values are too few, or too many are alike, for the knots that a term asks for."""
    kind, n = type(term).__name__, len(np.unique(values))
    raise DataError(
        f"predictor {term.variable!r} has {n} distinct values inside the bounds of term "
        f"{term.label!r}, and {kind}(df={term.df}) needs more knots than they give; use a smaller "
        "df, give knots= of your own, or take each value for a level of a Group."
    )


def tell_outside(term: Any, values: Array, words: str) -> None:
    """Warn of samples outside the bounds of a curve, where it goes on in a way that ``words`` say.

    Nothing is told of rounding errors at the bounds.
    """
    low, high = term.bounds
    slack = 1e-9 * (high - low)
    n = int(np.sum((values < low - slack) | (values > high + slack)))
    if n:
        tell(
            f"{n} of {len(values)} samples of {term.variable!r} lie outside the bounds of term "
            f"{term.label!r}, {low:.6g} to {high:.6g} ({values.min():.6g} to {values.max():.6g}), "
            f"where {words}."
        )


def curve_block(
    term: Any,
    readings: Readings,
    values: Array,
    functions: Functions,
    bounds: tuple[float, float],
    labels: Array,
    settles: Mapping[str, Any],
    **traits: Any,
) -> Block:
    """Lay functions of a predictor at its values, and at places at which they are drawn."""
    places, dim = np.linspace(*bounds, PLACES), f"{term.label}_basis"
    unit = readings.dataset.variables[term.variable].attrs.get("units")
    return Block(
        term.label,
        functions(values),
        (len(labels),),
        (dim,),
        {dim: labels},
        settles={"bounds": bounds, **settles},
        curve=Curve(term.variable, places, functions(places), unit),
        **traits,
    )
