"""One self-contained HTML page from sections of text, tables and figures."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bayesglm.errors import DataError

if TYPE_CHECKING:
    import os

    from matplotlib.figure import Figure

TEMPLATES = Path(__file__).with_name("templates")


@dataclass(frozen=True)
class Picture:
    """A figure and what one sees in it."""

    figure: Figure
    caption: str

    @property
    def source(self) -> str:
        """The figure as a data URI (SVG, its text as outlines, so that it looks alike anywhere)."""
        import matplotlib as mpl

        out = io.BytesIO()
        with mpl.rc_context({"svg.fonttype": "path", "svg.hashsalt": "bayesglm"}):
            self.figure.savefig(out, format="svg", metadata={"Date": None})
        return "data:image/svg+xml;base64," + base64.b64encode(out.getvalue()).decode()


@dataclass(frozen=True)
class Table:
    """A table of words and numbers already written out."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Section:
    """A part of the page: a title, paragraphs, then models as written, pictures, a table, notes."""

    title: str
    text: tuple[str, ...] = ()
    code: tuple[tuple[str, str], ...] = ()
    pictures: tuple[Picture, ...] = ()
    table: Table | None = None
    notes: tuple[str, ...] = ()


def write_page(path: str | os.PathLike[str], title: str, sections: Sequence[Section]) -> Path:
    """Write the page; raises DataError where its folder does not exist."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    path = Path(path)
    if not path.parent.is_dir():
        raise DataError(f"the folder {str(path.parent)!r} does not exist; make it first.")
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined
    )
    style = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    page = environment.get_template("page.html").render(title=title, sections=sections, style=style)
    path.write_text(page, encoding="utf-8")
    return path
