"""Figures as pictures of a report: SVG of few letters, or PNG."""

from __future__ import annotations

import io
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Drawing sets what all threads share: Matplotlib's settings, and the filters of warnings.
_drawing = threading.Lock()
DPI = 192  # of PNGs, and of what is dense in an SVG: two dots to a pixel of a page
DECIMALS = 2  # of the points of a picture's paths: nobody sees a hundredth of a point
# Letters that SVG takes for a corner of a line, for a mark, and for a cell by itself: measured.
CORNER, MARK, CELL = 12, 45, 110
MOST_LETTERS = 60_000  # of the lines of one panel; beyond, dots take fewer: measured

# All that is sought is what Matplotlib writes itself: names are outlines, and their letters stand
# in comments alone.
_ABOUT = re.compile(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<metadata>.*?</metadata>", re.DOTALL)
_BETWEEN = re.compile(r"\s*\n\s*")
_GROUP = re.compile(r'<g id="[^"]*"')
_STYLE = re.compile(r'(?<= style=")[^"]*')
_PATH = re.compile(r'(?<= d=")[^"]*')
_PLACE = re.compile(r'(?<= [xy]=")[-\d.]+|(?<=translate\()[-\d. ]+')
_LONG = re.compile(r"-?\d+\.\d+")
_AROUND_LETTER = re.compile(r"\s*([A-Za-z])\s*")
# Marks of one look side by side, and lines of one look.
_MARKS = re.compile(
    r'<use xlink:href="([^"]*)" x="[^"]*" y="[^"]*" style="((?!opacity|[^"]*;opacity)[^"]*)"/>'
    r'(?:<use xlink:href="\1" x="[^"]*" y="[^"]*" style="\2"/>)+'
)
_SEGMENTS = re.compile(
    r'<path d="[^"]*"((?: clip-path="[^"]*")? style="fill:none;(?![^"]*opacity)[^"]*")/>'
    r'(?:<path d="[^"]*"\1/>)+'
)
_NAME = re.compile(r'(?<=["#])[hmp][0-9a-f]{10}(?=[")])')
_LINES = re.compile(r"([ML][^A-Za-z]*)((?:L[^A-Za-z]*)+)")


def svg(figure: Figure) -> bytes:
    """Return a figure as SVG, its text as outlines, so that it looks alike anywhere.

    Lines and marks of a panel that holds very many are dots; names and axes stay lines.
    """
    with _dense_as_dots(figure):
        drawn = _saved(figure, "svg", {"Date": None})
    return _compact(drawn.decode("utf-8")).encode("utf-8")


def png(figure: Figure) -> bytes:
    """Return a figure as PNG."""
    return _saved(figure, "png", {"Software": None})


def _saved(figure: Figure, form: str, metadata: dict[str, Any]) -> bytes:
    import matplotlib as mpl

    out, look = io.BytesIO(), {"svg.fonttype": "path", "svg.hashsalt": "bayesglm"}
    with _drawing, mpl.rc_context(look), warnings.catch_warnings():
        # Letters that no font at hand has are boxes in figures; the text names them, too.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(out, format=form, dpi=DPI, metadata=metadata)
    return out.getvalue()


@contextmanager
def _dense_as_dots(figure: Figure) -> Iterator[None]:
    """Let the lines and marks of crowded panels be drawn as dots; the figure stays as it was."""
    panels = [_lines_and_marks(axes) for axes in figure.axes]
    dense = [
        (artist, artist.get_rasterized())
        for panel in panels
        if sum(map(_letters, panel)) > MOST_LETTERS
        for artist in panel
    ]
    for artist, _ in dense:
        artist.set_rasterized(True)
    try:
        yield
    finally:
        for artist, before in dense:
            artist.set_rasterized(before)


def _lines_and_marks(axes: Axes) -> list[Artist]:
    """Return what of a panel may be drawn as dots; lines without ends may not."""
    from matplotlib.lines import AxLine

    return [*(line for line in axes.lines if not isinstance(line, AxLine)), *axes.collections]


def _letters(artist: Any) -> int:
    """Return about how many letters SVG takes for lines, marks, areas or cells."""
    from matplotlib.collections import QuadMesh
    from matplotlib.lines import Line2D

    if issubclass(type(artist), Line2D):
        marked = artist.get_marker() not in ("None", "none", " ", "", None)
        drawn = artist.get_linestyle() not in ("None", "none", " ", "")
        return len(artist.get_xdata(orig=False)) * (MARK * marked + CORNER * drawn)
    if issubclass(type(artist), QuadMesh):
        return int(np.size(artist.get_array())) * CELL
    corners = sum(len(path.vertices) for path in artist.get_paths())
    return max(CORNER * corners, MARK * len(artist.get_offsets()))


def _compact(drawn: str) -> str:
    """Return SVG without what nobody sees: remarks, names of groups, millionths of a point.

    Marks of one look stand in a group that has the look, and lines of one look are one path.
    """
    text = _BETWEEN.sub(" ", _ABOUT.sub("", drawn)).replace("> <", "><").strip()
    text = _GROUP.sub("<g", text)
    text = _STYLE.sub(lambda style: style[0].replace(": ", ":").replace("; ", ";"), text)
    text = _PLACE.sub(lambda place: _LONG.sub(_short, place[0]), text)
    text = _PATH.sub(_compact_path, text)
    text = _MARKS.sub(_one_look, text)
    text = _SEGMENTS.sub(lambda run: f'<path d="{"".join(_PATH.findall(run[0]))}"{run[1]}/>', text)
    names: dict[str, str] = {}
    return _NAME.sub(lambda name: names.setdefault(name[0], f"n{len(names)}"), text)


def _one_look(marks: re.Match[str]) -> str:
    look = f' style="{marks[2]}"'
    return f"<g{look}>{marks[0].replace(look, '')}</g>"


def _compact_path(path: re.Match[str]) -> str:
    text = _AROUND_LETTER.sub(r"\1", _LONG.sub(_short, path[0])).strip()
    return _LINES.sub(lambda lines: lines[1] + lines[2].replace("L", " "), text)


def _short(number: re.Match[str]) -> str:
    text = f"{float(number[0]):.{DECIMALS}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
