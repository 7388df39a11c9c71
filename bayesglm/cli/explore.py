"""`bayesglm explore`: a page on which penalties and priors move."""

from __future__ import annotations

import argparse

from bayesglm.cli.command import Command, Parser


def _add_options(parser: Parser) -> None:
    parser.add_argument("--out", default="explorer.html", help="HTML file to write")


def _run(arguments: argparse.Namespace) -> int:
    from bayesglm.show.explorer.explorer import explorer

    explorer(arguments.out)
    print(f"{arguments.out}: open it in a browser; it needs no network.")
    return 0


COMMAND = Command(
    help="write a page to explore priors and penalties",
    description="Write one page on which two weights, their prior and their data can be moved.",
    add_options=_add_options,
    run=_run,
)
