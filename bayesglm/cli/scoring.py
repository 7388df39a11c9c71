"""The question that a score answers, as an option, and the score of a saved fit."""

from __future__ import annotations

import argparse
from typing import Any

from bayesglm.cli.command import Parser

NEW = ("row", "group", "time")  # what is to be foretold


def add_question(parser: Parser) -> None:
    """Add the options that say what is to be foretold."""
    parser.add_argument(
        "--new",
        choices=NEW,
        help="what is foretold: a row among the others, a whole group, or a stretch of time "
        "(what --by says; a row without it)",
    )
    parser.add_argument(
        "--by",
        metavar="NAME",
        help="the label, or group of the model, whose levels are left out; or time",
    )


def score_of(fit: Any, arguments: argparse.Namespace) -> Any:
    """Return the expected log predictive density of a fit, of what is asked to be foretold."""
    from bayesglm.results.scores.score import score

    return score(fit, arguments.new, arguments.by)
