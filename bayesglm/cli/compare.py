"""`bayesglm compare`: saved fits side by side."""

from __future__ import annotations

import argparse

from bayesglm.cli.command import Command, Parser
from bayesglm.cli.reading import read_fits, said_of
from bayesglm.cli.scoring import add_question, score_of
from bayesglm.cli.tables import add_forms, write_table
from bayesglm.errors import DataError


def _add_options(parser: Parser) -> None:
    parser.add_argument(
        "fits", metavar="FIT.nc", nargs="+", help="saved posterior fits (.nc or .zarr), two or more"
    )
    add_question(parser)
    parser.add_argument(
        "--names", metavar="A,B", help="names of the models, in the order of the files (their own)"
    )
    add_forms(parser)


def _run(arguments: argparse.Namespace) -> int:
    if len(arguments.fits) < 2:
        raise DataError("compare needs two fits or more; name another file.")
    fits = read_fits(arguments.fits, arguments.names)
    from bayesglm.results.scores.compare import compare

    scores = {}
    for name, fit in fits.items():
        with said_of(name):
            scores[name] = score_of(fit, arguments)
    table = compare(scores)
    table.index.name = table.index.name or "model"
    write_table(arguments, table)
    return 0


COMMAND = Command(
    help="rank saved fits by what they foretell",
    description="Rank saved fits of the same data by expected log predictive density.",
    add_options=_add_options,
    run=_run,
)
