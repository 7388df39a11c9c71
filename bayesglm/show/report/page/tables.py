"""Tables: which columns are of numbers, and CSV in which no name is a formula."""

from __future__ import annotations

import csv
import io
import math

from bayesglm.show.report.parts import Cell, Number, Table
from bayesglm.show.text import printable

DIGITS = 10  # of numbers that are no integers: chosen
FEW_MORE = (
    1.25  # times what a page shows at first; a table that is no longer is shown whole: chosen
)
# Letters of a cell up to which it stands on one line, and beyond which it needs a wide column.
ONE_LINE, WIDE = 32, 60
SHORT_NAME, SHORT_HEAD = 18, 10  # of the first column, and of heads, also on a phone
MOST_INTEGER = 2**53  # up to which every integer is a float
# With these a spreadsheet begins what it computes; the wide ones are read alike in East Asia.
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def numeric(table: Table) -> tuple[bool, ...]:
    """Say of each column whether numbers stand in it."""
    columns = range(len(table.head))
    return tuple(any(isinstance(row[k], Number) for row in table.rows) for k in columns)


def most_shown(table: Table) -> int:
    """Return how many rows a page shows at first: all, where there are only a few more.

    >>> rows = tuple((str(k),) for k in range(13))
    >>> most_shown(Table(("k",), rows, most=10)), most_shown(Table(("k",), rows[:12], most=10))
    (10, 12)
    """
    n_rows = len(table.rows)
    return n_rows if n_rows <= FEW_MORE * table.most else table.most


def look_of(text: str, is_right: bool, most_short: int = 0) -> str:
    """Return the classes of a cell: of numbers, and how its text may be broken into lines."""
    n = len(text)
    how = "short" if n <= most_short else "" if n <= ONE_LINE else "long" if n <= WIDE else "wide"
    return f"n {how}".strip() if is_right else how


def csv_of(table: Table) -> str:
    """Return all rows of a table as CSV, its numbers by their values.

    Text that a spreadsheet would take for a formula follows an apostrophe, and all text stands in
    quotes, so that it holds in countries whose lists are divided by semicolons. What is no number
    (NaN) is empty.

    >>> csv_of(Table(("term", "mean"), (("=a", Number(0.25, "0.3")), ("b", Number(2.0, "2")))))
    '"term","mean"\\r\\n"\\'=a",0.25\\r\\n"b",2\\r\\n'
    """
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_STRINGS)
    writer.writerow(map(_cell, table.head))
    writer.writerows(map(_cell, row) for row in table.rows)
    return out.getvalue()


def csv_file(table: Table) -> bytes:
    """Return `csv_of` as a file, told to be UTF-8 where it holds more than ASCII."""
    text = csv_of(table)
    return text.encode("utf-8" if text.isascii() else "utf-8-sig")


def _cell(cell: Cell) -> str | int | float:
    if isinstance(cell, Number):
        return _number(cell.value)
    text = printable(cell)
    return f"'{text}" if text.startswith(FORMULAS) else text


def _number(value: float) -> str | int | float:
    if math.isnan(value):
        return ""
    if abs(value) <= MOST_INTEGER and value == int(value):
        return int(value)
    return float(f"{value:.{DIGITS}g}")
