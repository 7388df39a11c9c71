"""What a command is, and a parser whose complaints are one line."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NamedTuple, NoReturn


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line and leave with status 2."""
        self.exit(2, f"{self.prog}: {' '.join(message.split())}\n")


class Command(NamedTuple):
    """A command: what it does in a line and in a sentence, its options, and how it is run.

    ``run`` returns the exit status.
    """

    help: str
    description: str
    add_options: Callable[[Parser], None]
    run: Callable[[argparse.Namespace], int]


def parts(text: str) -> list[str]:
    """Return what stands between commas.

    >>> parts("low, high")
    ['low', 'high']
    """
    return [part.strip() for part in text.split(",")]
