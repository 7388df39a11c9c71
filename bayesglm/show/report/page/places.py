"""Blocks in their places: what number a figure or table has, and how deep a heading lies."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass

from bayesglm.show.report.parts import Block, Page, Part

SECTION, PART = 2, 3  # levels of headings; the title of the page is of the first


@dataclass(frozen=True)
class Placed:
    """A block, its number among those of its kind, and the level of a heading of its own."""

    block: Block
    number: int
    level: int

    @property
    def kind(self) -> str:
        """The kind of the block, by which a page knows how to write it."""
        return type(self.block).__name__.lower()

    @property
    def anchor(self) -> str:
        """A name that no other block of the page has."""
        return f"{self.kind}-{self.number}"


@dataclass(frozen=True)
class PlacedSection:
    """A section with its blocks in their places, and a name that links lead to."""

    title: str
    anchor: str
    blocks: tuple[Placed, ...]


def placed(page: Page) -> tuple[PlacedSection, ...]:
    """Return the sections of a page with the places of their blocks."""
    counts: Counter[type] = Counter()
    anchors: Counter[str] = Counter()
    sections = []
    for section in page.sections:
        level, blocks = PART, []
        for block in section.blocks:
            counts[type(block)] += 1
            own = PART if isinstance(block, Part) else level
            level = PART + 1 if isinstance(block, Part) else level
            blocks.append(Placed(block, counts[type(block)], own))
        anchor = f"about-{_slug(section.title)}"
        anchors[anchor] += 1
        again = f".{anchors[anchor]}" if anchors[anchor] > 1 else ""  # no slug has a dot
        sections.append(PlacedSection(section.title, anchor + again, tuple(blocks)))
    return tuple(sections)


def _slug(title: str) -> str:
    """Return a title in small letters of ASCII, as it stands in links."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    return "-".join(re.findall("[a-z0-9]+", plain.lower()))[:60] or "section"
