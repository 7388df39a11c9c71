"""Tables as text, as CSV, or as JSON."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bayesglm.cli.command import Parser

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

# The attributes whose words stand under a table, and how a line of each begins.
TOLD = {"why": "", "doubts": "Doubt: ", "sentences": ""}


def add_forms(parser: Parser) -> None:
    """Add the options that say in which form a table is written."""
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--csv", action="store_true", help="as CSV, numbers in full")
    forms.add_argument(
        "--json", action="store_true", help="as JSON, numbers in full; what is no number is null"
    )


def is_text(arguments: argparse.Namespace) -> bool:
    """Say whether a table is to be read by a person."""
    return not (arguments.csv or arguments.json)


def write_table(arguments: argparse.Namespace, table: Any) -> None:
    """Write a DataFrame to standard output in the form that was asked for.

    As text, with the words of its attributes under it; as CSV, the index the first column; as
    JSON, ``{"table": [row, ...], "notes": attributes}``.
    """
    if arguments.json:
        rows = [plain(row) for row in table.reset_index().to_dict("records")]
        print(json.dumps({"table": rows, "notes": plain(table.attrs)}, allow_nan=False, indent=1))
    elif arguments.csv:
        table.to_csv(sys.stdout, lineterminator="\n")
    else:
        print_table(table)
        for words in _words_of(table.attrs):
            print(words)


def print_table(table: Any) -> None:
    """Print a DataFrame as a table, numbers to four digits; NaN is nothing.

    Columns that the terminal has no room for follow below, beside the same labels; where there is
    no terminal, the table is as wide as it is.
    """
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    if not (console.is_terminal or "COLUMNS" in os.environ):
        console.width = sys.maxsize
    heads = list(table.columns)
    while heads:
        n = _fitting(table[heads], console)
        drawn = _drawn(table[heads[:n]])
        console.width = max(console.width, _width(drawn, console))
        console.print(drawn)
        heads = heads[n:]


def _fitting(table: Any, console: Console) -> int:
    """Return how many of the first columns there is room for; one at least."""
    n = table.shape[1]
    while n > 1 and _width(_drawn(table.iloc[:, :n]), console) > console.width:
        n -= 1
    return n


def _width(drawn: Table, console: Console) -> int:
    from rich.measure import Measurement

    unbounded = console.options.update(max_width=sys.maxsize)
    return Measurement.get(console, unbounded, drawn).maximum


def _drawn(table: Any) -> Table:
    """Return a DataFrame as rich draws it."""
    from rich import box
    from rich.table import Table

    drawn = Table(box=box.SIMPLE, collapse_padding=True)
    drawn.add_column(str(table.index.name or ""), no_wrap=True)
    columns = [column for _, column in table.items()]
    for head, column in table.items():
        is_words = all(isinstance(value, str) for value in column)
        drawn.add_column(str(head), justify="left" if is_words else "right", no_wrap=True)
    missing = table.isna().to_numpy()
    for label, row, gaps in zip(table.index, zip(*columns, strict=True), missing, strict=True):
        words = ("" if gap else _cell(value) for value, gap in zip(row, gaps, strict=True))
        drawn.add_row(str(label), *words)
    return drawn


def _cell(value: Any) -> str:
    from bayesglm.inference.tree.shown import cell

    if isinstance(value, bool):
        return "yes" if value else "no"
    return cell(value)


def plain(value: Any) -> Any:
    """Return what JSON holds: numbers of numpy as Python's, those that are not finite as None.

    >>> plain({"elpd": float("nan"), "names": ("a", "b")})
    {'elpd': None, 'names': ['a', 'b']}
    """
    import numpy as np

    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value if isinstance(value, (bool, int, str, type(None))) else str(value)


def _words_of(attrs: Mapping[str, Any]) -> list[str]:
    """Return the sentences among a table's attributes."""
    return [
        f"{begin}{one}" for name, begin in TOLD.items() for one in _several(attrs.get(name, ()))
    ]


def _several(words: Any) -> list[str]:
    return [words] if isinstance(words, str) else list(words)
