"""A report, written whole or not at all, in the format that the name of its file asks for."""

from __future__ import annotations

import os
from pathlib import Path

from bayesglm.errors import DataError
from bayesglm.results.replacing import as_path, replace_file
from bayesglm.show.report.page.html import html
from bayesglm.show.report.parts import Page


def check_page(path: str | os.PathLike[str]) -> Path:
    """Return the path of a page; DataError where it is none, or cannot be written."""
    given = as_path(path)
    if not os.path.isdir(given.parent):
        raise DataError(f"the folder {str(given.parent)!r} does not exist; make it first.")
    if os.path.exists(given) and not os.path.isfile(given):
        raise DataError(f"what stands at {str(given)!r} is no file; take another name.")
    return given


def write_page(path: str | os.PathLike[str], page: Page) -> Path:
    """Write the report whole or not at all; raises DataError where it cannot be written."""
    path = check_page(path)
    replace_file(Path(os.path.realpath(path)), memoryview(html(page)))
    return path
