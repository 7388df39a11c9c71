"""The question that a score answers, as an option, and the score of a saved fit."""

from __future__ import annotations

import argparse
from typing import Any

from bayesglm.cli.command import Parser
from bayesglm.errors import ModelError

NEW = ("row", "group", "time")  # what is to be foretold


def add_question(parser: Parser) -> None:
    """Add the options that say what is to be foretold."""
    parser.add_argument(
        "--new",
        choices=NEW,
        help="what is foretold: a row among the others, a whole group, or a stretch of time (row)",
    )
    parser.add_argument(
        "--by",
        metavar="NAME",
        help="the label, or group of the model, whose levels are left out; or time",
    )


def score_of(fit: Any, arguments: argparse.Namespace) -> Any:
    """Return the expected log predictive density of a fit, of what is asked to be foretold."""
    from bayesglm.results.scores.score import score

    return score(fit, *question(arguments))


def question(arguments: argparse.Namespace) -> tuple[str, str | None]:
    """Return what is to be foretold, and by what: ``--by`` alone says both."""
    new, by = arguments.new, arguments.by
    if new is None:
        new = "row" if by is None else "time" if by == "time" else "group"
    if new == "row" and by is not None:
        raise ModelError(f"--new row is of single rows; leave --by {by} out, or say --new group.")
    return new, by
