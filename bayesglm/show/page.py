"""One self-contained HTML page from sections of text, tables and figures."""

from __future__ import annotations

import base64
import io
import os
import threading
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayesglm.errors import DataError
from bayesglm.results.replacing import as_path, replace_file
from bayesglm.show.text import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEMPLATES = Path(__file__).with_name("templates")
# Drawing sets what all threads share: Matplotlib's settings, and the filters of warnings.
_drawing = threading.Lock()


@dataclass(frozen=True)
class Picture:
    """A figure and what one sees in it."""

    figure: Figure
    caption: str

    @property
    def source(self) -> str:
        """The figure as a data URI (SVG, its text as outlines, so that it looks alike anywhere)."""
        import matplotlib as mpl

        out, look = io.BytesIO(), {"svg.fonttype": "path", "svg.hashsalt": "bayesglm"}
        with _drawing, mpl.rc_context(look), warnings.catch_warnings():
            # Letters that no font at hand has are boxes in figures; the text names them, too.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            self.figure.savefig(out, format="svg", metadata={"Date": None})
        return "data:image/svg+xml;base64," + base64.b64encode(out.getvalue()).decode()


@dataclass(frozen=True)
class Table:
    """A table of words and numbers already written out."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Section:
    """A part of the page: a title, paragraphs, then models as written, pictures, a table, notes.

    ``entries`` are things with several sayings of each, a heading to each saying.
    """

    title: str
    text: tuple[str, ...] = ()
    code: tuple[tuple[str, str], ...] = ()
    pictures: tuple[Picture, ...] = ()
    table: Table | None = None
    notes: tuple[str, ...] = ()
    entries: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()


def check_page(path: str | os.PathLike[str]) -> Path:
    """Return the path of a page; DataError where it is none, or cannot be written."""
    given = as_path(path)
    if not os.path.isdir(given.parent):
        raise DataError(f"the folder {str(given.parent)!r} does not exist; make it first.")
    if os.path.exists(given) and not os.path.isfile(given):
        raise DataError(f"what stands at {str(given)!r} is no file; take another name.")
    return given


def write_page(path: str | os.PathLike[str], title: str, sections: Sequence[Section]) -> Path:
    """Write the page whole or not at all; raises DataError where it cannot be written."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    path = check_page(path)
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_fit_for_a_page,
    )
    style = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    page = environment.get_template("page.html").render(title=title, sections=sections, style=style)
    replace_file(Path(os.path.realpath(path)), memoryview(page.encode("utf-8")))
    return path


def _fit_for_a_page(value: Any) -> Any:
    """Return what stands in a page: text of users printable, the page's own as it is."""
    return printable(value) if type(value) is str else value
