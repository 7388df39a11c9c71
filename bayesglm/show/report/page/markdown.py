"""A report as Markdown, its pictures and tables in a folder beside it."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from typing import assert_never
from urllib.parse import quote

from bayesglm.show.report.page.drawing import png
from bayesglm.show.report.page.places import SECTION, Placed, placed
from bayesglm.show.report.page.tables import csv_file, most_shown, numeric
from bayesglm.show.report.page.written import Written
from bayesglm.show.report.parts import (
    Cell,
    Code,
    Entry,
    Light,
    Lights,
    Notes,
    Number,
    Page,
    Part,
    Picture,
    Table,
)
from bayesglm.show.text import printable

# Puts a file beside the page by its kind, number, ending and content; returns its address.
Keep = Callable[[str, int, str, bytes], str]
# Letters that Markdown, or what reads it (GitHub's mathematics, HTML), takes for marks.
_MARKS = re.compile(r"([\\`*_\[\]<>|~$&])")
_AT_START = re.compile(r"^([#+=-]|\d+(?=[.)](?:\s|$)))")
_LINK = re.compile(r"(?i)(?<=http)(s?)(?=://)|(?<=www)(?=\.)")
SIGNS = {"green": "● fine", "amber": "▲ take care", "red": "■ problem"}  # as on the page
OURS = re.compile(r"(figure|table)-\d+-[0-9a-f]{12}\.(png|csv)")  # what stands in the folder


def markdown(page: Page, folder: str) -> Written:
    """Return the page as Markdown; ``folder`` is the name of what stands beside it.

    Names of files hold the hash of what is in them, so that a report that is written anew never
    shows a picture of the earlier one.
    """
    beside: dict[str, bytes] = {}

    def keep(kind: str, number: int, ending: str, content: bytes) -> str:
        name = f"{kind}-{number}-{hashlib.sha256(content).hexdigest()[:12]}.{ending}"
        beside[name] = content
        return quote(os.fsencode(f"{folder}/{name}"))

    lines = [f"# {_inline(page.title)}"]
    for section in placed(page):
        lines.append(f"{'#' * SECTION} {_inline(section.title)}")
        for block in section.blocks:
            lines.extend(_written(block, keep))
    return Written(("\n\n".join(lines) + "\n").encode("utf-8"), beside)


def _written(placed_block: Placed, keep: Keep) -> Iterator[str]:
    """Yield a block as paragraphs of Markdown."""
    block, level = placed_block.block, "#" * placed_block.level
    match block:
        case str():
            yield _inline(block)
        case Part():
            yield f"{level} {_inline(block.title)}"
        case Code():
            yield f"**{_inline(block.name)}**"
            yield _code(block.text)
        case Table():
            yield from _table(block, placed_block.number, keep)
        case Picture():
            yield from _picture(block, placed_block.number, keep)
        case Notes():
            yield "\n".join(f"- {_inline(one)}" for one in block.sentences)
        case Entry():
            yield f"{level} {_inline(block.name)}"
            yield "\n".join(f"- {_inline(head)}: {_inline(said)}" for head, said in block.sayings)
        case Lights():
            yield f"{level} {_inline(block.name)}"
            yield "\n".join(map(_light, block.lights))
        case _:
            assert_never(block)


def _table(table: Table, number: int, keep: Keep) -> Iterator[str]:
    """Yield the rows that a page shows, and the address of all."""
    if table.caption:
        yield _inline(table.caption)
    rules = ("--:" if is_right else ":--" for is_right in numeric(table))
    shown = table.rows[: most_shown(table)]
    rows = [map(_cell, table.head), rules, *(map(_cell, row) for row in shown)]
    yield "\n".join(f"| {' | '.join(row)} |" for row in rows)
    address = keep("table", number, "csv", csv_file(table))
    cut = f"{len(shown)} of {len(table.rows):,} rows; " if len(shown) < len(table.rows) else ""
    yield f"{cut}[table {number} in full, as CSV]({address})"


def _picture(picture: Picture, number: int, keep: Keep) -> Iterator[str]:
    """Yield a figure and its caption, and the address of the numbers that it shows."""
    alt = picture.alt or f"Figure {number}, which its caption describes."
    address = keep("figure", number, "png", png(picture.figure))
    yield f"![{_inline(alt)}]({address})"
    data = ""
    if picture.data is not None:
        address = keep("figure", number, "csv", csv_file(picture.data))
        data = f" [Its data, as CSV]({address})"
    yield f"**Figure {number}.** {_inline(picture.caption)}{data}"


def _light(light: Light) -> str:
    remedy = f" *{_inline(light.remedy)}*" if light.remedy else ""
    return f"- {SIGNS[light.colour]}: **{_inline(light.name)}.** {_inline(light.said)}{remedy}"


def _code(text: str) -> str:
    """Return text between fences that are longer than any in it."""
    text = printable(text)
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}text\n{text}\n{fence}"


def _cell(cell: Cell) -> str:
    return _marked(cell.text if isinstance(cell, Number) else cell)


def _inline(text: str) -> str:
    r"""Return text on one line in which nothing is a mark of Markdown.

    >>> _inline("1. *a* | <b>")
    '1\\. \\*a\\* \\| \\<b\\>'
    """
    return _AT_START.sub(_escaped_start, _marked(text))


def _escaped_start(start: re.Match[str]) -> str:
    return f"{start[0]}\\" if start[0].isdigit() else f"\\{start[0]}"


def _marked(text: str) -> str:
    one_line = " ".join(printable(text).split())
    return _LINK.sub(r"\1\\", _MARKS.sub(r"\\\1", one_line))
