"""A figure that notebooks display by themselves, without pyplot."""

from __future__ import annotations

from io import BytesIO

from matplotlib.figure import Figure


class DisplayedFigure(Figure):
    """A matplotlib Figure that is a picture where it is the last line of a notebook's cell.

    Notebooks know how to draw a Figure once pyplot has been imported, and until then write its
    type. What they know then comes first, and this is not asked.
    """

    def _repr_png_(self) -> bytes:
        png = BytesIO()
        self.savefig(png, format="png")
        return png.getvalue()
