"""Cards: small pieces of HTML that notebooks show in place of a repr. Nothing in them is run."""

from __future__ import annotations

import html
from collections.abc import Container, Iterable, Sequence

CARD = (
    "border:1px solid #8884;border-radius:6px;padding:.6em 1em;margin:.3em 0;max-width:60em;"
    "overflow-x:auto"
)
MONO = "margin:.2em 0;font:.85em/1.5 ui-monospace,Menlo,Consolas,monospace;background:none"
CELL = "text-align:right;padding:.15em .8em;white-space:nowrap"
WORDS = "text-align:left;padding:.15em .8em;white-space:nowrap"
PART = "display:flex;flex-wrap:wrap;column-gap:.8em;margin:.1em 0"
HEADING = "flex:0 0 4.5em;opacity:.65"
FIRST = "text-align:left;padding:.15em .8em .15em 0;white-space:nowrap"


def card(title: str, parts: Iterable[str]) -> str:
    """Return a card of a title and of parts that are HTML already."""
    return f'<div style="{CARD}"><strong>{html.escape(title)}</strong>{"".join(parts)}</div>'


def formula_part(text: str) -> str:
    """Return text of several lines, as mathematics is written in this package."""
    return f'<pre style="{MONO}">{html.escape(text)}</pre>'


def words_part(text: str) -> str:
    """Return a paragraph."""
    return f'<p style="margin:.4em 0">{html.escape(text)}</p>'


def table_part(
    head: Sequence[str], rows: Iterable[Sequence[str]], of_words: Container[str] = ()
) -> str:
    """Return a table of text; the first column, and those of words, begin on the left."""
    styles = [FIRST, *(WORDS if name in of_words else CELL for name in head[1:])]
    lines = [_line("th", head, styles), *(_line("td", row, styles) for row in rows)]
    return f'<table style="font-variant-numeric:tabular-nums">{"".join(lines)}</table>'


def entries_part(
    entries: Iterable[tuple[str, Sequence[tuple[str, str]]]], notes: Iterable[str] = ()
) -> str:
    """Return titles, and under each what is said of it, part by part, with a heading to each."""
    pieces = []
    for title, parts in entries:
        lines = "".join(
            f'<div style="{PART}"><span style="{HEADING}">{html.escape(heading)}</span>'
            f'<span style="flex:1 1 16em">{html.escape(text)}</span></div>'
            for heading, text in parts
        )
        pieces.append(f'<p style="margin:.7em 0 .1em"><b>{html.escape(title)}</b></p>{lines}')
    return "".join([*pieces, *map(words_part, notes)])


def _line(tag: str, cells: Sequence[str], styles: Sequence[str]) -> str:
    inside = (
        f'<{tag} style="{style}">{html.escape(cell)}</{tag}>'
        for style, cell in zip(styles, cells, strict=True)
    )
    return f"<tr>{''.join(inside)}</tr>"
