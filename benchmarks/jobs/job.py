"""What a job is: one record."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

type Figures = Mapping[str, float]


class Job(NamedTuple):
    """A piece of work that a user waits for, and its bars.

    - `title`: as the table shows it.
    - `prepare(quick)`: makes data and fits, not timed, and returns what is timed: a function of an
      empty folder that returns further figures by name.
    - `most_s`: seconds that it may take.
    - `most`: what further figures may be at most, by their names.
    """

    title: str
    prepare: Callable[[bool], Callable[[Path], Figures]]
    most_s: float
    most: Figures = MappingProxyType({})
