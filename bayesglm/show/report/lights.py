"""Checks of a fit as traffic lights: numbers with limits, the worst unit of a population told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bayesglm.show.report.parts import Light

Array = np.ndarray
type Colour = Literal["green", "amber", "red"]
COLOURS: tuple[Colour, Colour, Colour] = ("green", "amber", "red")
MOST_NAMED = 3  # units that a light names: chosen


@dataclass(frozen=True)
class Finding:
    """What a check found: a badness of each unit, which is amber and red from these limits on.

    ``said`` writes what was found of the k-th unit; ``remedy`` says what to do where it is not
    green. Values that are NaN were not told, and count as green; a finding of these alone is none.
    """

    name: str
    values: Array
    amber: float
    red: float
    said: Callable[[int], str]
    remedy: str = ""

    @property
    def grades(self) -> Array:
        """How bad each unit is: 0, 1 or 2."""
        values = np.nan_to_num(self.values, nan=-np.inf, posinf=np.inf, neginf=-np.inf)
        return (values >= self.amber).astype(int) + (values >= self.red)


def light_of(finding: Finding, units: Sequence[str]) -> Light | None:
    """Return the light of a finding: of a population that of its worst unit, with the counts.

    >>> one = Finding("r-hat", np.array([1.0, 1.3]), 1.01, 1.05, "r-hat {}".format, "draw more")
    >>> light_of(one, ["a", "b"]).said
    '1 of 2 units green, 1 red (b). Worst is b: r-hat 1.'
    """
    if np.isnan(finding.values).all():
        return None
    known = np.where(np.isnan(finding.values), -np.inf, finding.values)
    grades, worst = finding.grades, int(np.argmax(known))
    grade, said = int(grades.max()), finding.said(worst)
    if len(units) > 1:
        differ = np.ptp(known) > 0.0
        said = (
            f"{_counted(grades, units)}. {f'Worst is {units[worst]}' if differ else 'All'}: {said}"
        )
    return Light(COLOURS[grade], finding.name, f"{said}.", finding.remedy if grade else "")


def _counted(grades: Array, units: Sequence[str]) -> str:
    """Say how many units have each light, and which are not green."""
    parts = [f"{int((grades == 0).sum()):,} of {len(units):,} units green"]
    for grade in (1, 2):
        own = [units[k] for k in np.flatnonzero(grades == grade).tolist()]
        if own:
            more = f" and {len(own) - MOST_NAMED} more" if len(own) > MOST_NAMED else ""
            parts.append(f"{len(own):,} {COLOURS[grade]} ({', '.join(own[:MOST_NAMED])}{more})")
    return ", ".join(parts)
