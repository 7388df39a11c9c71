"""Columns of smooth curves: a straight line, and bends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bayesglm.design.bases import (
    Functions,
    bends,
    clamped,
    clamped_knots,
    greville,
    periodic,
    periodic_bends,
    periodic_knots,
    wrapped,
)
from bayesglm.design.blocks import Block
from bayesglm.design.readings import Readings
from bayesglm.design.terms.curves import (
    all_values,
    curve_block,
    inner_knots,
    predictor_of,
    range_of,
    refuse_few,
    tell_outside,
)
from bayesglm.spec.terms.spline import Spline

Array = np.ndarray


def spline_block(term: Spline, readings: Readings) -> Block:
    """Lay line and bends of a spline at each sample."""
    values, is_first = predictor_of(term, readings), term.constants is None
    if is_first:
        term = settled_spline(term, all_values(term, readings))
    assert term.bounds is not None
    if not term.cyclic and (is_first or readings.is_new):
        tell_outside(term, values, "the curve goes on as a straight line")
    n_straight = 0 if term.cyclic else 1
    bend_labels = [f"bend {k + 1}" for k in range(term.df - n_straight)]
    return curve_block(
        term,
        readings,
        values,
        functions_of_spline(term),
        term.bounds,
        np.array(["line", *bend_labels][1 - n_straight :]),
        {"knots": term.knots, "df": term.df, "constants": term.constants},
        n_straight=n_straight,
    )


def settled_spline(term: Spline, values: Array) -> Spline:
    """Return a spline with bounds, knots and constants, from the distinct values of the data."""
    low, high = bounds = range_of(term, values)
    distinct = np.unique(wrapped(values, bounds) if term.cyclic else values)
    inside = distinct[(distinct >= low) & (distinct <= high)]
    if len(inside) < term.df + 1:
        refuse_few(term, inside)
    n_inner = term.df if term.cyclic else term.df - term.degree
    knots = inner_knots(term, inside, bounds, n_inner)
    nothing = (0.0,) * term.df
    term = replace(term, bounds=bounds, knots=tuple(knots.tolist()), constants=(nothing, nothing))
    columns = functions_of_spline(term)(inside)
    constants = columns.mean(axis=0)
    slopes = np.zeros(term.df)
    if not term.cyclic:
        away = inside - constants[0]
        slopes[1:] = away @ columns[:, 1:] / (away @ away)
    return replace(term, constants=(tuple(constants.tolist()), tuple(slopes.tolist())))


def functions_of_spline(term: Spline) -> Functions:
    """Return the functions of a spline that is settled, what its constants say taken out.

    B-splines add up to one, and times their Greville abscissae to x: so constant and slope are
    taken from their coefficients, and the functions stay splines.
    """
    assert term.bounds is not None
    assert term.knots is not None
    assert term.constants is not None
    knots, bounds, degree = np.array(term.knots), term.bounds, term.degree
    constants, slopes = map(np.array, term.constants)
    if term.cyclic:
        every = periodic_knots(knots, bounds, degree)
        places = greville(every, degree)[: len(knots) + 1]
        made_of = periodic_bends(places, bounds[1] - bounds[0])
        return periodic(knots, bounds, degree, made_of - constants)
    places = greville(clamped_knots(knots, bounds, degree), degree)
    made_of = np.column_stack([places, bends(places)])
    line = places - constants[0]
    return clamped(knots, bounds, degree, made_of - constants - line[:, None] * slopes)
