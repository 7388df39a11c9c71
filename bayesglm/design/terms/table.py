"""The builders of columns, one for each kind of term."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bayesglm.design.blocks import Block
from bayesglm.design.readings import Readings
from bayesglm.design.terms.basis import basis_block
from bayesglm.design.terms.category import category_block
from bayesglm.design.terms.coupling import coupling_block
from bayesglm.design.terms.event import event_block
from bayesglm.design.terms.group import group_block
from bayesglm.design.terms.interaction import coded, interaction_block
from bayesglm.design.terms.lagged import history_block, lagged_block
from bayesglm.design.terms.linear import category_of_labels, linear_block
from bayesglm.design.terms.monotonic import monotonic_block
from bayesglm.design.terms.spline import spline_block
from bayesglm.design.terms.surface import surface_block
from bayesglm.spec.terms.basis import Basis
from bayesglm.spec.terms.category import Category
from bayesglm.spec.terms.coupling import Coupling
from bayesglm.spec.terms.event import Event
from bayesglm.spec.terms.group import Group
from bayesglm.spec.terms.history import History
from bayesglm.spec.terms.interaction import Interaction
from bayesglm.spec.terms.lagged import Lagged
from bayesglm.spec.terms.linear import Linear
from bayesglm.spec.terms.monotonic import Monotonic
from bayesglm.spec.terms.spline import Spline
from bayesglm.spec.terms.surface import Surface
from bayesglm.spec.terms.term import Term

BUILDERS: dict[type[Term], Callable[[Any, Readings], Block]] = {
    Linear: linear_block,
    Lagged: lagged_block,
    History: history_block,
    Event: event_block,
    Coupling: coupling_block,
    Group: group_block,
    Spline: spline_block,
    Surface: surface_block,
    Basis: basis_block,
    Category: category_block,
    Interaction: lambda term, readings: interaction_block(term, readings, build_block),
    Monotonic: monotonic_block,
}
# What terms are whose variables, by a function that says which, hold labels.
LABELLED: dict[type[Term], Callable[[Any, Callable[[str], bool]], Term]] = {
    Linear: category_of_labels,
}
# Those that are laid by what stands beside them in one linear predictor.
BESIDE_OTHERS: tuple[Callable[[Sequence[Term], bool, Callable[[Term], Term]], list[Term]], ...] = (
    coded,
)


def build_block(term: Term, readings: Readings) -> Block:
    """Turn one term and the data into its block."""
    return BUILDERS[type(term)](term, readings)
