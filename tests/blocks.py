"""A page that holds every kind of block, without a fit."""

import numpy as np

from bayesglm.show.figures import new_figure
from bayesglm.show.report.parts import (
    Code,
    Entry,
    Light,
    Lights,
    Notes,
    Number,
    Page,
    Part,
    Picture,
    Section,
    Table,
)
from bayesglm.show.text import plain


def table_of(name, n_rows=3, most=40):
    """Return a table whose names and head hold a name, its numbers one that is none."""
    values = [float("nan"), -0.1, 2.0, float("inf"), 1e-7, 123456.0]
    rows = tuple(
        (f"{name}{row}", Number(values[row % 6] * 2 ** (row // 6), f"{row} ± 1"), name)
        for row in range(n_rows)
    )
    return Table((name, "mean", "said"), rows, caption=f"About {name}", most=most)


def figure_of(name, n=20):
    """Return a figure of a line and as many marks, labelled by a name."""
    figure, axes = new_figure(1, 1, 2.0)
    x = np.linspace(0.0, 6.0, n)
    axes[0, 0].plot(x, np.sin(x))
    axes[0, 0].plot(x, np.cos(x), "o")
    axes[0, 0].set_xlabel(plain(name))
    return figure


def page_of(name, figure=None, n_rows=3, most=40):
    """Return a page in which a name stands wherever text stands."""
    table = table_of(name, n_rows, most)
    picture = () if figure is None else (Picture(figure, name, f"Seen: {name}!", table),)
    lights = tuple(Light(colour, name, name, name) for colour in ("green", "amber", "red"))
    blocks = (
        *(name, Code(name, f"{name}\n{name}"), Part(name), Entry(name, ((name, name),))),
        *(table, *picture, Notes((name, name)), Lights(name, lights)),
    )
    return Page(name, (Section(name, blocks), Section(name, (Entry(name, ()), *blocks))))
