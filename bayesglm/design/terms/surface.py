"""Columns of smooth surfaces: lines and bends of two predictors, and their products."""

from __future__ import annotations

import numpy as np

from bayesglm.design.bases import Functions
from bayesglm.design.blocks import Axis, Block, Curve
from bayesglm.design.readings import Readings
from bayesglm.design.terms.curves import all_values, predictor_of, tell_outside
from bayesglm.design.terms.spline import functions_of_spline, settled_spline
from bayesglm.spec.terms.spline import Spline
from bayesglm.spec.terms.surface import Surface

Array = np.ndarray
PLACES = 41  # along each predictor, at which a surface is drawn: chosen


def surface_block(term: Surface, readings: Readings) -> Block:
    """Lay lines, bends and their products at each sample."""
    is_first = term.margins is None
    margins = tuple(
        settled_spline(one, all_values(one, readings)) if is_first else one for one in term.parts
    )
    values = [predictor_of(one, readings) for one in margins]
    for margin, own in zip(margins, values, strict=True):
        if not margin.cyclic and (is_first or readings.is_new):
            tell_outside(margin, own, "the surface goes on as a straight line")
    one, other = margins
    order, labels = _order(one, other)
    first, second = (_margin(margin) for margin in margins)

    def columns(x: Array, y: Array) -> Array:
        every = first(x)[:, :, None] * second(y)[:, None, :]
        return every.reshape(len(x), -1)[:, order]

    axes = [np.linspace(*margin.bounds, PLACES) for margin in margins if margin.bounds]
    grid = [places.ravel() for places in np.meshgrid(*axes, indexing="ij")]
    known = readings.dataset.variables
    x_unit, y_unit = (known[name].attrs.get("units") for name in term.variable)
    dim = f"{term.label}_basis"
    return Block(
        term.label,
        columns(*values),
        (len(labels),),
        (dim,),
        {dim: labels},
        settles={"margins": margins},
        curve=Curve(
            term.variable[0],
            axes[0],
            columns(*grid),
            x_unit,
            Axis(term.variable[1], axes[1], y_unit),
        ),
        n_straight=term.n_straight,
    )


def _margin(margin: Spline) -> Functions:
    """Return one, the line in units of a uniform predictor's sd, and the bends of a margin."""
    functions = functions_of_spline(margin)
    assert margin.bounds is not None
    unit = np.ones(margin.df)
    if not margin.cyclic:
        unit[0] = (margin.bounds[1] - margin.bounds[0]) / np.sqrt(12.0)
    return lambda x: np.column_stack([np.ones(len(x)), functions(x) / unit])


def _order(one: Spline, other: Spline) -> tuple[Array, Array]:
    """Return which products of margins are columns, and their names: those of lines first."""
    names = [
        ["", *(["line"] if not margin.cyclic else []), *_bends(margin)] for margin in (one, other)
    ]
    pairs = [
        (a, b, k) for k, (a, b) in enumerate((a, b) for a in names[0] for b in names[1]) if a or b
    ]
    pairs.sort(key=lambda pair: "bend" in pair[0] or "bend" in pair[1])
    labels = [
        " x ".join(
            f"{name} of {margin.variable}" for name, margin in ((a, one), (b, other)) if name
        )
        for a, b, _ in pairs
    ]
    return np.array([k for _, _, k in pairs]), np.array(labels)


def _bends(margin: Spline) -> list[str]:
    return [f"bend {k + 1}" for k in range(margin.df - (not margin.cyclic))]
