"""Columns of predictors as they are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bayesglm.design.arithmetic import Computation
from bayesglm.design.blocks import Block
from bayesglm.design.readings import Readings
from bayesglm.errors import DataError, ModelError
from bayesglm.spec.terms.category import Category
from bayesglm.spec.terms.linear import Linear
from bayesglm.spec.terms.term import PREDICTOR, Term


def linear_block(term: Linear, readings: Readings) -> Block:
    """Lay a variable with its feature dims, or several variables side by side."""
    if term.transform is not None:
        return _computed_block(term, readings)
    if isinstance(term.variable, tuple):
        columns = []
        for name in term.variable:
            values, dims = readings.values(name, PREDICTOR)
            if dims:
                raise DataError(
                    f"predictor {name!r} has further dims {dims}; a term of several variables "
                    f"takes variables over {readings.dim!r} only. Make it a term of its own."
                )
            columns.append(values)
        dim = f"{term.label}_column"
        return Block(
            term.label,
            np.column_stack(columns),
            (len(columns),),
            (dim,),
            {dim: np.array(term.variable)},
            per_column=True,
            column_names=term.variable,
        )
    values, dims = readings.values(term.variable, PREDICTOR)
    signal = values.reshape(len(values), -1)
    coords = readings.coords(term.variable, dims)
    return Block(term.label, signal, values.shape[1:], tuple(dims), coords)


def _computed_block(term: Linear, readings: Readings) -> Block:
    """Lay the column that an expression of the variables makes, with the feature dims of one."""
    columns, dims, coords = {}, [], {}
    for name in term.variables:
        values, own = readings.values(name, PREDICTOR)
        if own and len(term.variables) > 1:
            raise DataError(
                f"predictor {name!r} has further dims {own}; a column of several variables is "
                f"computed of variables over {readings.dim!r} only."
            )
        columns[name] = np.asarray(values, dtype=np.float64)
        dims, coords = own, readings.coords(name, own)
    computation = Computation(columns, term.constants, readings.place, readings.whole)
    values = computation.of(term.tree)
    settled = {"constants": tuple(computation.kept)} if computation.kept else {}
    return Block(
        term.label,
        values.reshape(len(values), -1),
        values.shape[1:],
        tuple(dims),
        coords,
        settles=settled,
    )


def category_of_labels(term: Linear, has_labels: Callable[[str], bool]) -> Linear | Category:
    """Return the category that a term is whose one variable holds labels."""
    name = term.variable
    if isinstance(name, tuple) or term.transform is not None or not has_labels(name):
        return term
    if term.pooled:
        raise ModelError(
            f"term {term.label!r} is pooled, and {name!r} holds labels, whose effects are not; "
            "leave pooled= out."
        )
    return Category(name, name=term.name, prior=term.prior)


def takes_values(term: Term) -> bool:
    """Say whether a term's columns are the values of its variables as they are."""
    return isinstance(term, Linear) and term.transform is None


def takes_columns(term: Term) -> bool:
    """Say whether a term's columns are variables side by side."""
    return isinstance(term, Linear) and isinstance(term.variable, tuple)
