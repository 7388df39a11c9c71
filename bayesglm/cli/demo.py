"""`bayesglm demo`: the bundled recording, fitted and told on a page."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from bayesglm.cli.command import Command, Parser
from bayesglm.errors import DataError


def _add_options(parser: Parser) -> None:
    parser.add_argument("--out", default="report.html", help="HTML file to write")


def _run(arguments: argparse.Namespace) -> int:
    _check_page(Path(arguments.out))
    from rich.console import Console

    from bayesglm.demo import run

    console = Console(highlight=False)
    if not console.is_terminal:
        run(arguments.out, say=print)
        return 0
    with console.status("") as status:

        def say(words: str) -> None:
            console.print(words)
            status.update(words)

        run(arguments.out, say=say)
    return 0


def _check_page(path: Path) -> None:
    """Refuse a place where no page can be written, before anything is computed."""
    if not path.parent.is_dir():
        raise DataError(f"the folder {str(path.parent)!r} does not exist; make it first.")
    if path.is_dir():
        raise DataError(f"--out {str(path)!r} is a folder; name a file in it.")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise DataError(f"--out {str(path)!r} cannot be written; save it elsewhere.")


COMMAND = Command(
    help="fit the bundled recording and write a report",
    description="Fit the bundled recording, compare two models, and write a page.",
    add_options=_add_options,
    run=_run,
)
