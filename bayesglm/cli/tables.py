"""Tables as text, as CSV, or as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from typing import Any

from bayesglm.cli.command import Parser

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
    """Print a DataFrame as a table, as wide as it is, numbers to four digits; NaN is nothing."""
    from rich import box
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table

    from bayesglm.inference.tree.shown import cell

    console = Console(highlight=False, markup=False)
    drawn = Table(box=box.SIMPLE)
    drawn.add_column(str(table.index.name or ""), no_wrap=True)
    columns = [column for _, column in table.items()]
    for head, column in table.items():
        is_words = column.dtype.kind not in "iufb"
        drawn.add_column(str(head), justify="left" if is_words else "right", no_wrap=True)
    missing = table.isna().to_numpy()
    for label, row, gaps in zip(table.index, zip(*columns, strict=True), missing, strict=True):
        words = ("" if gap else cell(value) for value, gap in zip(row, gaps, strict=True))
        drawn.add_row(str(label), *words)
    unbounded = console.options.update(max_width=sys.maxsize)
    console.width = max(console.width, Measurement.get(console, unbounded, drawn).maximum)
    console.print(drawn)


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
