"""A report, written whole or not at all, in the format that the name of its file asks for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from bayesglm.errors import DataError
from bayesglm.results.replacing import as_path, check_place, interrupts_wait, replace_file
from bayesglm.show.report.page.html import html
from bayesglm.show.report.page.machine import machine
from bayesglm.show.report.page.markdown import OURS, markdown
from bayesglm.show.report.page.written import Written
from bayesglm.show.report.parts import Page

# By the ending of a file's name: what writes it, of a page and the name of the folder beside it.
WRITERS: Mapping[str, Callable[[Page, str], Written]] = {
    ".html": html,
    ".md": markdown,
    ".json": machine,
}


def check_page(path: str | os.PathLike[str]) -> Path:
    """Return the path of a page; DataError where it is none, or cannot be written."""
    given = as_path(path)
    if given.suffix.lower() not in WRITERS:
        *most, last = WRITERS
        raise DataError(
            f"a report is {', '.join(most)} or {last}, by the ending of its name, and "
            f"{given.name!r} ends in none of them; name it, say, {given.stem + '.html'!r}."
        )
    check_place(given)
    if given.suffix.lower() == ".md":
        _check_folder(_folder_of(given))
    return given


def write_page(path: str | os.PathLike[str], page: Page) -> Path:
    """Write the report whole or not at all; raises DataError where it cannot be written."""
    path = check_page(path)
    target, folder = Path(os.path.realpath(path)), _folder_of(path)
    written = WRITERS[path.suffix.lower()](page, folder.name)
    with _beside(folder, written.beside):
        replace_file(target, memoryview(written.content))
    if written.beside:
        for old in set(os.listdir(folder)) - written.beside.keys():
            if OURS.fullmatch(old):
                with suppress(OSError):
                    os.unlink(folder / old)
    return path


def _folder_of(path: Path) -> Path:
    """Return the folder beside a report that holds its pictures and tables."""
    target = Path(os.path.realpath(path))
    return target.with_name(f"{target.stem}_files")


def _check_folder(folder: Path) -> None:
    """Raise DataError where files that no report wrote stand where those of a report go."""
    if not os.path.lexists(folder):
        return
    others = None if not folder.is_dir() else sorted(os.listdir(folder))
    other = next((name for name in others or () if not OURS.fullmatch(name)), None)
    if others is None or other is not None:
        found = "is no folder" if others is None else f"holds {other!r}, which no report wrote"
        raise DataError(
            f"pictures of the report go into {str(folder)!r}, which {found}; take another name."
        )


@contextmanager
def _beside(folder: Path, files: Mapping[str, bytes]) -> Iterator[None]:
    """Put files into a folder, and take them out again where what follows them fails."""
    is_new = bool(files) and not os.path.exists(folder)
    new = [name for name in files if not os.path.exists(folder / name)]
    try:
        if is_new:
            _make(folder)
        for name, content in files.items():
            replace_file(folder / name, memoryview(content))
        yield
    except BaseException:
        with interrupts_wait():
            for name in new:
                with suppress(OSError):
                    os.unlink(folder / name)
            if is_new:
                with suppress(OSError):
                    folder.rmdir()
        raise


def _make(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise DataError(
            f"the folder {str(folder)!r} for pictures of the report cannot be made: "
            f"{error.strerror or error}. Nothing was written; take another name or place."
        ) from error
