"""The report: what the models say, what the data say of them, and how far to believe it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayesglm.errors import DataError
from bayesglm.show.report.answer import answer
from bayesglm.show.report.comparison import comparison
from bayesglm.show.report.data import data
from bayesglm.show.report.diagnostics import diagnostics
from bayesglm.show.report.effects import effects
from bayesglm.show.report.estimates import coefficients, prior_and_posterior, tables
from bayesglm.show.report.goodness import goodness
from bayesglm.show.report.limits import limits
from bayesglm.show.report.made import made
from bayesglm.show.report.models import models
from bayesglm.show.report.parts import Page, Section
from bayesglm.show.report.prior import before_data
from bayesglm.show.report.sensitivity import prior_sensitivity
from bayesglm.show.report.story import Story
from bayesglm.show.report.writing import check_page, write_page
from bayesglm.spec.hints import shown

if TYPE_CHECKING:
    import os

    import xarray as xr

# A section is a function of the story, in a file of its own; one that has nothing to say is none.
SECTIONS: tuple[Callable[[Story], tuple[Section, ...]], ...] = (
    answer,
    data,
    models,
    before_data,
    coefficients,
    tables,
    prior_and_posterior,
    effects,
    goodness,
    comparison,
    prior_sensitivity,
    diagnostics,
    limits,
    made,
)


def report(
    fits: Mapping[str, xr.DataTree],
    path: str | os.PathLike[str],
    *,
    elpd: Mapping[str, Any] | None = None,
    title: str | None = None,
    question: str | None = None,
) -> Path:
    """Write a report about fits of the same response: one HTML page, Markdown or JSON.

    Sections: the question and the answer in three sayings, which model foretells best, what the
    strongest terms do in units of the data, and what not to conclude; the data; the models as
    equations, with what their priors believe and decide; estimates and effects; goodness of fit;
    the comparison; how far to believe it, checks as traffic lights with words and what to do; what
    the fits cannot tell; how they were made, with lines that make them again and what to cite.

    Parameters
    ----------
    fits : mapping of names to fits
        MAP fits take no part in the comparison.
    path : path
        The file to write, by its ending: ``.html``, one page that needs nothing else; ``.md``,
        Markdown with its pictures and tables in the folder ``<stem>_files`` beside it; ``.json``,
        every sentence, table and number for machines.
    elpd : mapping of names to ELPDData, optional
        Results of `kfold` or `loo` to compare; by default `loo` of every posterior fit.
    title, question : str, optional
        What stands on top.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    DataError
        No fits, fits of different responses or without common samples (see `compare`), scores
        that are none, a path that cannot be written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import bayesglm as bg
    >>> data = {"y": [2, 0, 3, 1, 4, 1, 0, 2], "x": [0.1, -0.9, 1.2, -0.3, 0.8, 0.2, -1.0, 0.5]}
    >>> fitted = bg.fit(bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0)), data)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     bg.report({"x": fitted}, pathlib.Path(folder) / "report.html").name
    'report.html'
    """
    check_page(path)
    for name, words in {"title": title, "question": question}.items():
        if words is not None and not isinstance(words, str):
            raise DataError(f"{name} is what stands on top, a string; got {shown(words)}.")
    story = Story.open(fits, elpd, question)
    return write_page(path, page_of(story, title or f"Models of {story.response}"))


def page_of(story: Story, title: str, further: tuple[Section, ...] = ()) -> Page:
    """Return the whole report; ``further`` sections stand before the diagnostics."""
    sections: list[Section] = []
    for write in SECTIONS:
        sections += further if write is diagnostics else ()
        sections += write(story)
    return Page(title, tuple(sections))
