"""What is asked of effects: on which scale, averaged over what, of which levels, how it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from bayesglm.design.readings import OfGroups
from bayesglm.errors import DataError, ModelError
from bayesglm.inference.problem.asked import check_between_0_and_1
from bayesglm.inference.tree.opened import model_of
from bayesglm.results.predict import asked_of_groups
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.hints import closest, is_among, is_unordered, shown

if TYPE_CHECKING:
    import xarray as xr

KINDS = ("mean", "linear")


class Asked(NamedTuple):
    """What the verbs of effects take alike, checked.

    - `kind`: what is predicted: "mean", "linear" or a dispersion.
    - `by`: the columns within whose values is averaged, none of all rows; None where every row
      stands by itself.
    - `of_groups`: whose effects of levels are read.
    - `level`: the probability of the intervals.
    - `draws`: whether draws are told in place of intervals.
    - `hypothesis`: what is computed of the estimates, if anything.
    """

    kind: str
    by: tuple[str, ...] | None
    of_groups: OfGroups
    level: float
    draws: bool
    hypothesis: Any

    @property
    def holds_draws(self) -> bool:
        """Whether the draws of all estimates are needed at once."""
        return self.draws or self.hypothesis is not None


def asked_of(
    fit: xr.DataTree,
    kind: Any,
    by: Any,
    hypothesis: Any,
    of_levels: tuple[Any, Any],
    level: Any,
    draws: Any,
) -> Asked:
    """Check what all verbs of effects take; ``of_levels`` are groups= and new_levels=.

    Raises DataError or ModelError with what was meant, or what is known.
    """
    kinds = (*KINDS, *FAMILY_NAMES[model_of(fit).family].dispersions)
    if not is_among(kind, kinds):
        raise ModelError(
            f"unknown kind {shown(kind)}; effects know {', '.join(kinds)}.{closest(kind, kinds)}"
        )
    if not isinstance(draws, bool):
        raise DataError(f"draws must be True or False, got {shown(draws)}.")
    return Asked(
        kind,
        _by_columns(by),
        asked_of_groups(*of_levels),
        check_between_0_and_1("level", level, "0.94 gives intervals from 3% to 97%"),
        draws,
        hypothesis,
    )


def _by_columns(by: Any) -> tuple[str, ...] | None:
    """Return the columns within whose values is averaged; DataError unless they are names."""
    if by is None or by is False:
        return None
    if by is True:
        return ()
    names = (by,) if isinstance(by, str) else by
    fits = isinstance(names, (list, tuple)) and not is_unordered(names)
    if not fits or not names or not all(isinstance(name, str) for name in names):
        raise DataError(
            f"by must be True, the name of a column or a list of names, got {shown(by)}; by=True "
            "averages over all rows, by='region' within each region."
        )
    return tuple(dict.fromkeys(map(str, names)))
