"""The levels of a response of labels: their order, and the one that the others are held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from bayesglm.errors import ModelError
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.hints import an, closest, shown
from bayesglm.spec.noun import put
from bayesglm.spec.terms.levels import frozen_levels

if TYPE_CHECKING:
    from bayesglm.spec.model import GLM


@dataclass(frozen=True)
class First:
    """The level that comes first, whichever it is."""

    def __repr__(self) -> str:
        return "<first>"


FIRST = First()  # the reference where none is named
MOST_TOLD = 8  # levels in a message: chosen
COUNTS_OF_LEVELS = (
    "Counts of several levels are one variable with a dim of the levels, the columns of a "
    "DataFrame say: {'y': frame[['left', 'right']], 'x': frame['x']}."
)
type Reference = str | int | bool | First | None


def check_labels(model: GLM) -> None:
    """Freeze the levels of a model's response, or raise ModelError where they cannot be such."""
    labels = FAMILY_NAMES[model.family].labels
    if labels is not None and labels.most != 2:
        _check_no_numbers(model)
    if model.levels is None and model.reference == FIRST:
        return
    if labels is None:
        field = "levels" if model.levels is not None else "reference"
        takers = ", ".join(name for name, of in FAMILY_NAMES.items() if of.labels)
        raise ModelError(
            f"{field}={shown(getattr(model, field))}: {an(model.family)} response is a number and "
            f"has no levels; leave {field} out. Families of labels are {takers}."
        )
    put(model, levels=frozen_levels("response", model.levels))
    if model.levels is not None:
        fault = fault_of_levels(model.family, model.levels)
        if fault:
            raise ModelError(f"levels={shown(model.levels)}: {fault}")
    if model.reference == FIRST:
        return
    if model.reference is None and not labels.each:
        raise ModelError(
            f"reference=None: {an(model.family)} response has a level that the other is held "
            "against; name one of its levels, or leave reference out for the first."
        )
    if labels.ordered:
        raise ModelError(
            f"reference={shown(model.reference)}: the levels of {an(model.family)} response stand "
            "in an order, and none is a reference; leave it out."
        )
    if model.reference is not None:
        (label,) = frozen_levels("reference", [model.reference]) or ()
        put(model, reference=label)
        check_reference(model)


def _check_no_numbers(model: GLM) -> None:
    """Raise ModelError where a term reads levels as amounts, or one offset is meant for several."""
    for term in model.terms:
        if term.reads_response:
            raise ModelError(
                f"term {term.label!r} reads the past of {model.response!r} as amounts, and the "
                f"levels of {an(model.family)} response are none; give a 0/1 predictor of each "
                "level as a Lagged term, with lags from 1 on."
            )
    labels = FAMILY_NAMES[model.family].labels
    if labels is not None and labels.each and model.offset is not None:
        raise ModelError(
            f"offset={model.offset!r} is one number for each sample, and each level of "
            f"{an(model.family)} response has a linear predictor of its own; leave it out."
        )


def check_reference(model: GLM) -> None:
    """Raise ModelError where the reference is none of the levels, as far as these are known."""
    reference, levels = model.reference, model.levels
    if levels is None or reference is None or reference == FIRST or reference in levels:
        return
    raise ModelError(
        f"reference={reference!r} is no level of {model.response!r}; the levels are "
        f"{told(levels)}."
        f"{closest(reference, [str(one) for one in levels])}"
    )


def n_and_reference(model: GLM) -> tuple[int, int | None]:
    """Return how many levels a response has, and the number of the one held against, if any."""
    levels = model.levels or ()
    if model.reference is None:
        return len(levels), None
    return len(levels), 0 if model.reference == FIRST else levels.index(model.reference)


def between_levels(levels: Sequence[Any]) -> list[str]:
    """Return names of what lies between neighbours of levels in an order.

    >>> between_levels(("low", "mid", "high"))
    ['low|mid', 'mid|high']
    """
    return [f"{below}|{above}" for below, above in pairwise(levels)]


def fault_of_levels(family: str, levels: Sequence[Any], ordered: bool = False) -> str | None:
    """Say what is wrong where there are fewer levels than two, or more than a family takes.

    Where the levels have an order, a family that takes one is nearer.
    """
    labels = FAMILY_NAMES[family].labels
    assert labels is not None
    if len(levels) < 2:
        return (
            f"the only level is {levels[0]!r}, and from one there is nothing to learn; give data "
            "in which two levels occur."
        )
    if labels.most is None or len(levels) <= labels.most:
        return None
    wider = {name: of.labels for name, of in FAMILY_NAMES.items() if of.labels}
    fits = [name for name, of in wider.items() if not (of.most or of.counted)]
    fits.sort(key=lambda name: wider[name].ordered != ordered)
    meant = f" Did you mean family={fits[0]!r}?" if fits else ""
    return (
        f"there are {len(levels)} levels ({told(levels)}), and {an(family)} response has "
        f"{labels.most}.{meant}"
    )


def told(levels: Sequence[Any]) -> str:
    """Write levels for a message, the first few of many."""
    return ", ".join(map(repr, levels[:MOST_TOLD])) + (", ..." if len(levels) > MOST_TOLD else "")
