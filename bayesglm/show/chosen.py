"""The members of a population that a figure draws, and what it says of the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.kept import Kept
from bayesglm.inference.tree.opened import kept_of, reopen
from bayesglm.show.figures import CHOOSES, members, not_drawn
from bayesglm.show.text import plain

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Chosen:
    """The draws of some units, in the order asked for, and the note on those left out."""

    kept: list[Kept]
    note: str

    @property
    def first(self) -> Problem:
        """The problem of the first."""
        return self.kept[0].problem


def chosen_units(fit: xr.DataTree, units: Any, most: int) -> Chosen:
    """Open a fit, and choose units by their labels; so many at most, the first by default."""
    problems = reopen(fit)
    plan = problems[0].plan
    numbers = members(units, plan.labels, plan.population)
    every = kept_of(fit, problems)
    left_out = () if plan.labels is None else plan.labels[numbers[most:]]
    kept = [every[number] for number in numbers[:most]]
    return Chosen(kept, not_drawn(str(plan.population), left_out, CHOOSES))


def unit_title(problem: Problem) -> str:
    """Name one member of a population; empty of a single response."""
    plan = problem.plan
    if plan.labels is None:
        return ""
    return f"{plain(plan.population)} {plain(plan.labels[problem.neuron], 20)}"
