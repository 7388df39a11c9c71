"""A report as one self-contained HTML page."""

from __future__ import annotations

import base64
import io
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayesglm.show.report.parts import Page
from bayesglm.show.text import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEMPLATES = Path(__file__).parents[1] / "templates"
# Drawing sets what all threads share: Matplotlib's settings, and the filters of warnings.
_drawing = threading.Lock()


def html(page: Page) -> str:
    """Return the page as one text that needs no other file and no network."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_fit_for_a_page,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["kind"] = lambda block, kind: type(block).__name__ == kind
    environment.filters["source"] = _source
    style = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    return environment.get_template("page.html").render(page=page, style=style)


def svg(figure: Figure) -> bytes:
    """Return a figure as SVG, its text as outlines, so that it looks alike anywhere."""
    import matplotlib as mpl

    out, look = io.BytesIO(), {"svg.fonttype": "path", "svg.hashsalt": "bayesglm"}
    with _drawing, mpl.rc_context(look), warnings.catch_warnings():
        # Letters that no font at hand has are boxes in figures; the text names them, too.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()


def _source(figure: Figure) -> str:
    """Return a figure as a data URI."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg(figure)).decode()


def _fit_for_a_page(value: Any) -> Any:
    """Return what stands in a page: text of users printable, the page's own as it is."""
    return printable(value) if type(value) is str else value
