"""What a report is made of: sections, and the blocks that stand in them, inert and unwritten."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_ROWS = 20  # of a table on a page; its data hold them all: chosen


@dataclass(frozen=True)
class Number:
    """A number in a table, and how it is written; tables are sorted by its value."""

    value: float
    text: str


Cell = str | Number


@dataclass(frozen=True)
class Table:
    """Rows of words and numbers under a head; a page shows the first ``most`` and says so."""

    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""
    most: int = MOST_ROWS


@dataclass(frozen=True)
class Picture:
    """A figure, what it is (caption), what one sees in it (alt), and the numbers that it shows.

    ``alt`` is read out in place of the figure: it states what is seen, with numbers.
    """

    figure: Figure
    caption: str
    alt: str = ""
    data: Table | None = None


@dataclass(frozen=True)
class Code:
    """Text in letters of one width, under a name: a model as it is written."""

    name: str
    text: str


@dataclass(frozen=True)
class Notes:
    """A list of sentences."""

    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """Something with several sayings of it, a heading to each."""

    name: str
    sayings: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Light:
    """What a check found of a fit: green, amber or red, the same in words, and what to do."""

    colour: Literal["green", "amber", "red"]
    name: str
    said: str
    remedy: str = ""


@dataclass(frozen=True)
class Lights:
    """Checks of one fit, each with its light."""

    name: str
    lights: tuple[Light, ...]


@dataclass(frozen=True)
class Part:
    """A heading inside a section: of one model, or of one term."""

    title: str


Block = str | Part | Code | Table | Picture | Notes | Entry | Lights  # a string is a paragraph


@dataclass(frozen=True)
class Section:
    """A title, and blocks in the order in which they are read."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Page:
    """A whole report, before it is written as a page, as Markdown or for machines."""

    title: str
    sections: tuple[Section, ...]
