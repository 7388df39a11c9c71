"""A report as one self-contained HTML page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayesglm.show.policy import policy_of
from bayesglm.show.report.page.drawing import svg
from bayesglm.show.report.page.places import Placed, PlacedSection, placed
from bayesglm.show.report.page.tables import (
    SHORT_HEAD,
    SHORT_NAME,
    csv_of,
    look_of,
    most_shown,
    numeric,
)
from bayesglm.show.report.page.written import Written
from bayesglm.show.report.parts import Cell, Number, Page, Picture, Table
from bayesglm.show.text import printable

if TYPE_CHECKING:
    from jinja2 import Environment
    from matplotlib.figure import Figure

TEMPLATES = Path(__file__).parents[2] / "templates"
PIXELS = 96  # of a page, to an inch
# What may not stand in an address that stands in an attribute, and how it is written there.
IN_ADDRESSES = str.maketrans(
    {"%": "%25", "'": "%27", '"': "'", "#": "%23", "&": "%26", "<": "%3C", ">": "%3E"}
)
LIGHTS = {"green": "fine", "amber": "take care", "red": "problem"}  # the same in words


def html(page: Page, folder: str) -> Written:
    """Return the page as one text that needs no other file and no network.

    ``folder`` is not asked for: nothing stands beside.
    """
    style, script = (
        (TEMPLATES / name).read_text(encoding="utf-8") for name in ("page.css", "page.js")
    )
    sections = placed(page)
    text = (
        _environment()
        .get_template("page.html")
        .render(
            title=page.title,
            sections=sections,
            style=style,
            script=script,
            policy=policy_of(style, script),
            data=_inert_json(_data(sections)),
            lights=LIGHTS,
            numeric=numeric,
            most_shown=most_shown,
            look_of=look_of,
            SHORT_NAME=SHORT_NAME,
            SHORT_HEAD=SHORT_HEAD,
        )
    )
    return Written(text.encode("utf-8"))


@cache
def _environment() -> Environment:
    """Return what fills templates in; in it, the text of users is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_fit_for_a_page,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["number"] = lambda cell: isinstance(cell, Number)
    environment.filters |= {"source": _source, "size": _size, "value": _value, "alt": _alt}
    return environment


def _data(sections: Sequence[PlacedSection]) -> dict[str, dict[str, Any]]:
    """Return what can be downloaded, and the rows that the page does not show at first."""
    every = (block for section in sections for block in section.blocks)
    return {block.anchor: told for block in every if (told := _of_block(block))}


def _of_block(placed_block: Placed) -> dict[str, Any]:
    block = placed_block.block
    if isinstance(block, Picture):
        return {} if block.data is None else {"csv": csv_of(block.data)}
    if not isinstance(block, Table):
        return {}
    most, are_right = most_shown(block), numeric(block)
    more = [list(map(_told, row, are_right, count())) for row in block.rows[most:]]
    return {"csv": csv_of(block), "most": most, "more": more}


def _told(cell: Cell, is_right: bool, column: int) -> list[str]:
    """Return a cell as the script reads it: its text, its look and, of a number, its value."""
    text = printable(cell.text if isinstance(cell, Number) else cell)
    told = [text, look_of(text, is_right, 0 if column else SHORT_NAME)]
    return [*told, _value(cell)] if isinstance(cell, Number) else told


def _value(number: Number) -> str:
    """Return the value of a number as the script reads it; empty where it is none."""
    value = float(number.value) + 0.0  # minus zero is zero
    return "" if value != value else repr(value).replace("inf", "Infinity")


def _inert_json(data: Mapping[str, Any]) -> Any:
    """Return JSON that stands in a page and never ends the element that holds it."""
    from markupsafe import Markup

    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _source(figure: Figure) -> Any:
    """Return a figure as a data URI, in letters that an attribute between quotes holds."""
    from markupsafe import Markup

    drawn = svg(figure).decode("utf-8")
    return Markup("data:image/svg+xml," + drawn.translate(IN_ADDRESSES))


def _size(figure: Figure) -> tuple[int, int]:
    """Return the width and height of a figure in pixels of a page."""
    width, height = figure.get_size_inches() * PIXELS
    return round(width), round(height)


def _alt(picture: Picture, number: int) -> str:
    """Return what is read out in place of a figure."""
    return picture.alt or f"Figure {number}, which its caption describes."


def _fit_for_a_page(value: Any) -> Any:
    """Return what stands in a page: text of users printable, the page's own as it is."""
    return printable(value) if type(value) is str else value
