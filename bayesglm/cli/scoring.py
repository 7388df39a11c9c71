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
        "--by", metavar="NAME", help="the coordinate whose values are groups; or time"
    )


def score_of(fit: Any, arguments: argparse.Namespace) -> Any:
    """Return the expected log predictive density of a fit, of what is asked to be foretold."""
    from bayesglm.inference.tree.opened import model_of, stored_data
    from bayesglm.results.scores.kfold import kfold
    from bayesglm.results.scores.loo import loo

    new, by = question(arguments)
    if new == "row":
        return loo(fit)
    return kfold(model_of(fit), stored_data(fit), by=by or "time", seed=int(fit.attrs["seed"]))


def question(arguments: argparse.Namespace) -> tuple[str, str | None]:
    """Return what is to be foretold, and by what: ``--by`` alone says both."""
    new, by = arguments.new, arguments.by
    if new is None:
        new = "row" if by is None else "time" if by == "time" else "group"
    if new == "row" and by is not None:
        raise ModelError(f"--new row is of single rows; leave --by {by} out, or say --new group.")
    if new == "group" and by is None:
        raise ModelError("--new group needs to know the groups: --by NAME, a coordinate or factor.")
    return new, by
