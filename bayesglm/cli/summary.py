"""`bayesglm summary`: the table of a saved fit."""

from __future__ import annotations

import argparse
from typing import Any

from bayesglm.cli.command import Command, Parser
from bayesglm.cli.reading import read_fit
from bayesglm.cli.tables import add_forms, is_text, write_table


def _add_options(parser: Parser) -> None:
    parser.add_argument("fit", metavar="FIT.nc", help="a saved fit (.nc or .zarr)")
    parser.add_argument(
        "--exponentiate", action="store_true", help="coefficients as odds or rate ratios"
    )
    parser.add_argument(
        "--level", type=float, default=0.94, help="probability of the intervals (0.94)"
    )
    add_forms(parser)


def _run(arguments: argparse.Namespace) -> int:
    fit = read_fit(arguments.fit)
    from bayesglm.inference.tree.summary import summary

    table = summary(fit, arguments.exponentiate, arguments.level)
    if is_text(arguments):
        tell_fit(fit, table)
    else:
        write_table(arguments, table)
    return 0


def tell_fit(fit: Any, table: Any) -> None:
    """Print a fit's model, how it was fitted, and its table; the model has the priors."""
    from bayesglm.cli.tables import print_table
    from bayesglm.inference.tree.fit import samples_in_words
    from bayesglm.inference.tree.opened import model_of

    print(model_of(fit), end="\n\n")
    print(f"{samples_in_words(fit.attrs)}; method: {fit.attrs['method']}")
    if "why" in fit.attrs:
        print(fit.attrs["why"])
    print_table(table.drop(columns="prior"))


COMMAND = Command(
    help="tell a saved fit in a table, a row per coefficient",
    description="Tell a saved fit in a table, a row per coefficient.",
    add_options=_add_options,
    run=_run,
)
