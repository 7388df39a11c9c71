"""Columns of curves in unpenalised bases, by the names that formulas give them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from bayesglm.design.bases import (
    Functions,
    clamped,
    complement,
    natural_cubic,
    polynomials,
    recurrence,
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
from bayesglm.spec.terms.basis import Basis

Array = np.ndarray


class BasisKind(NamedTuple):
    """What computes a basis.

    - `settled(term, values)`: the term, whose bounds are known, with knots and constants.
    - `functions(term)`: its columns, of a term that is settled.
    - `beyond`: what they do outside the bounds, in words.
    """

    settled: Callable[[Basis, Array], Basis]
    functions: Callable[[Basis], Functions]
    beyond: str


def basis_block(term: Basis, readings: Readings) -> Block:
    """Lay the functions of a basis at each sample, each under a prior of its own scale."""
    kind, values = BASIS_KINDS[term.kind], predictor_of(term, readings)
    is_first = term.constants is None
    if is_first:
        every = all_values(term, readings)
        term = kind.settled(replace(term, bounds=range_of(term, every)), every)
    assert term.bounds is not None
    assert term.df is not None
    if is_first or readings.is_new:
        tell_outside(term, values, kind.beyond)
    return curve_block(
        term,
        readings,
        values,
        kind.functions(term),
        term.bounds,
        np.arange(1, term.df + 1),
        {"knots": term.knots, "constants": term.constants},
        per_column=True,
    )


def _settled_bs(term: Basis, values: Array) -> Basis:
    assert term.bounds is not None
    assert term.df is not None
    knots = inner_knots(term, values, term.bounds, term.df - term.degree)
    return replace(term, knots=tuple(knots.tolist()), constants=())


def _bs(term: Basis) -> Functions:
    """Return all B-splines but the first."""
    assert term.bounds is not None
    assert term.df is not None
    return clamped(np.array(term.knots), term.bounds, term.degree, np.eye(term.df + 1)[:, 1:])


def _settled_cr(term: Basis, values: Array) -> Basis:
    """Return knots, and the means over the samples of the splines that are one at one knot."""
    assert term.bounds is not None
    assert term.df is not None
    knots = inner_knots(term, np.unique(values), term.bounds, term.df - 1)
    means = natural_cubic(knots, term.bounds, np.eye(term.df + 1))(values).mean(axis=0)
    return replace(term, knots=tuple(knots.tolist()), constants=(tuple(means.tolist()),))


def _cr(term: Basis) -> Functions:
    """Return natural cubic splines whose values at the knots are orthogonal to the means."""
    assert term.bounds is not None
    assert term.constants is not None
    (means,) = term.constants
    return natural_cubic(np.array(term.knots), term.bounds, complement(np.array(means)))


def _settled_poly(term: Basis, values: Array) -> Basis:
    assert term.df is not None
    if len(np.unique(values)) <= term.df:
        refuse_few(term, values)
    centres, norms = recurrence(values, term.df)
    return replace(term, constants=(tuple(centres.tolist()), tuple(norms.tolist())))


def _poly(term: Basis) -> Functions:
    assert term.constants is not None
    centres, norms = map(np.array, term.constants)
    return polynomials(centres, norms)


# What curves do outside their bounds, for messages; and the kinds by name.
STRAIGHT = "the curve goes on as a straight line"
BASIS_KINDS: dict[str, BasisKind] = {
    "bs": BasisKind(_settled_bs, _bs, STRAIGHT),
    "cr": BasisKind(_settled_cr, _cr, STRAIGHT),
    "poly": BasisKind(_settled_poly, _poly, "the polynomial goes on"),
}
