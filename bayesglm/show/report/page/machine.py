"""A report for machines: strict JSON with every sentence, table and number."""

from __future__ import annotations

import json
import math
from typing import Any, assert_never

from bayesglm.show.report.page.places import placed
from bayesglm.show.report.page.written import Written
from bayesglm.show.report.parts import (
    Block,
    Cell,
    Code,
    Entry,
    Lights,
    Notes,
    Number,
    Page,
    Part,
    Picture,
    Table,
)
from bayesglm.show.text import printable

FORM = "bayesglm report 1"  # the number grows when what a reader relies on changes


def machine(page: Page, folder: str) -> Written:
    """Return the page as JSON; ``folder`` is not asked for, since nothing stands beside.

    ``sections`` have ``blocks``, each with its ``kind``. Tables hold all their rows: text is a
    string, a number is ``{"value", "text"}``, whose value is null where it is NaN or infinite.
    Figures hold the table that they show, or null.
    """
    told = {
        "format": FORM,
        "title": page.title,
        "sections": [
            {
                "title": section.title,
                "blocks": [_told(one.block, one.number) for one in section.blocks],
            }
            for section in placed(page)
        ],
    }
    text = json.dumps(_printable(told), ensure_ascii=False, allow_nan=False, indent=1)
    return Written((text + "\n").encode("utf-8"))


def _told(block: Block, number: int) -> dict[str, Any]:
    """Return a block by its kind and what it holds; figures and tables have a number."""
    match block:
        case str():
            return {"kind": "paragraph", "text": block}
        case Part():
            return {"kind": "heading", "text": block.title}
        case Code():
            return {"kind": "code", "name": block.name, "text": block.text}
        case Table():
            return {"kind": "table", "number": number, **_table(block)}
        case Picture():
            data = None if block.data is None else _table(block.data)
            told = {"number": number, "caption": block.caption, "alt": block.alt, "data": data}
            return {"kind": "figure", **told}
        case Notes():
            return {"kind": "notes", "sentences": list(block.sentences)}
        case Entry():
            sayings = [{"heading": heading, "text": text} for heading, text in block.sayings]
            return {"kind": "entry", "name": block.name, "sayings": sayings}
        case Lights():
            lights = [dict(vars(light)) for light in block.lights]
            return {"kind": "checks", "name": block.name, "checks": lights}
        case _:
            assert_never(block)


def _table(table: Table) -> dict[str, Any]:
    return {
        "caption": table.caption,
        "head": list(table.head),
        "rows": [[_cell(cell) for cell in row] for row in table.rows],
    }


def _cell(cell: Cell) -> Any:
    if not isinstance(cell, Number):
        return cell
    value = float(cell.value)
    return {"value": value if math.isfinite(value) else None, "text": cell.text}


def _printable(told: Any) -> Any:
    """Return what is told, with characters that a file of text may not hold written out."""
    if isinstance(told, str):
        return printable(told)
    if isinstance(told, dict):
        return {name: _printable(one) for name, one in told.items()}
    return [_printable(one) for one in told] if isinstance(told, list) else told
