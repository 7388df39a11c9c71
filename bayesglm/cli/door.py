"""The commands, and how one of them is run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from bayesglm.cli import check, compare, demo, explore, fit, score, summary
from bayesglm.cli.command import Command, Parser
from bayesglm.cli.saying import say_fault, warnings_on_lines, write_any_text

COMMANDS: dict[str, Command] = {
    "demo": demo.COMMAND,
    "explore": explore.COMMAND,
    "fit": fit.COMMAND,
    "summary": summary.COMMAND,
    "check": check.COMMAND,
    "score": score.COMMAND,
    "compare": compare.COMMAND,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns 0, or another number after one line on standard error.

    2 is a fault of the arguments or files, 1 one of the program or machine, 130 an interruption
    (after which the draws that were finished are kept), 141 a reader that went away.

    Examples
    --------
    >>> from bayesglm.cli import main
    >>> main(["fit", "no-such-file.csv", "--response", "y"])
    2
    """
    write_any_text()
    arguments = _parser().parse_args(argv)
    if arguments.command is None:
        _parser().print_help()
        return 0
    try:
        with warnings_on_lines():
            status = COMMANDS[arguments.command].run(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
    except SystemExit:
        raise
    except BaseException as error:  # a panic of compiled code is no Exception
        return say_fault(error)
    return status


def _parser() -> Parser:
    parser = Parser(prog="bayesglm", description="Bayesian generalized linear models.")
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar=f"{{{','.join(COMMANDS)}}}")
    for name, command in COMMANDS.items():
        own = commands.add_parser(name, help=command.help, description=command.description)
        command.add_options(own)
    return parser


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *ignored: object) -> None:
        from importlib.metadata import version

        print(f"bayesglm {version('bayesglm')}")
        parser.exit()
