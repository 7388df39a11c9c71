"""Delimited text (CSV) as a frame: every cell in its own column, or a refusal that names the line.

The rows are read by Python's csv module, and each is held to the width of the header: a parser
that pads short rows and shifts long ones gives wrong numbers without a word.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.design.variables import is_written_number
from bayesglm.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray
SEPARATORS = {".csv": ",", ".txt": ",", ".tsv": "\t"}
PACKED: dict[str, Callable[[Path], Any]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
    ".zip": lambda path: _only_member(zipfile.ZipFile(path)),
}
BROKEN = (EOFError, OSError, lzma.LZMAError, zipfile.BadZipFile, zlib.error, RuntimeError)
MISSING = frozenset(
    {"", "NA", "N/A", "n/a", "<NA>", "#N/A", "#NA", "NaN", "nan", "-NaN", "-nan", "NULL", "null"}
    | {"None"}
)
TRUTHS = {"True": True, "TRUE": True, "true": True, "False": False, "FALSE": False, "false": False}
OTHER_SEPARATORS = (";", "\t", "|", ",")


@dataclass(frozen=True)
class Dialect:
    """Where a table of text is, and how its cells and numbers are written."""

    path: Path
    sep: str
    decimal: str
    encoding: str

    def fault(self, line: int, told: str) -> DataError:
        """Return the error that names the file and the line."""
        return DataError(f"{str(self.path)!r} cannot be read as CSV: line {line}: {told}.")


@dataclass(frozen=True)
class Table:
    """The cells of a file by column, and on which line each row begins."""

    header: list[str]
    columns: list[tuple[str, ...]]
    lines: list[int]


def is_delimited(path: Path) -> bool:
    """Say whether a file's name is one of delimited text, packed or not."""
    return _suffix(path) in SEPARATORS


def read_delimited(
    path: Path,
    numbers: Collection[str] = (),
    sep: str | None = None,
    decimal: str = ".",
    encoding: str | None = None,
) -> pd.DataFrame:
    """Read delimited text with a header, held to it row by row.

    Parameters
    ----------
    path : pathlib.Path
        ``.csv``, ``.txt`` or ``.tsv``, which ``.gz``, ``.bz2``, ``.xz`` or ``.zip`` may follow.
    numbers : collection of str
        Columns that must hold a number in every row, or words that are no numbers in all of them.
    sep : str, optional
        What stands between cells: by default a tab in ``.tsv``, a semicolon beside decimal commas,
        else a comma.
    decimal : str
        The decimal sign of numbers, which have no other sign between their digits.
    encoding : str, optional
        UTF-8 by default, with or without its byte order mark.

    Returns
    -------
    pandas.DataFrame
        A column is of whole numbers, of floats or of truth values where all its cells are, else of
        text. A first column without a name, as pandas and R write row labels, is the index. Empty
        lines, and columns without a name and without a value (a separator that ends every line),
        are left out.

    Raises
    ------
    DataError
        A row longer or shorter than the header, two columns of one name, no header, no rows, a
        cell of ``numbers`` that holds none, text that is not of this encoding; with the line.
    """
    dialect = _dialect(path, sep, decimal, encoding or "utf-8-sig")
    try:
        table = _table(dialect)
    except UnicodeError as error:
        raise DataError(_undecodable(dialect, error)) from error
    except BROKEN as error:
        raise DataError(f"{str(path)!r} cannot be read as CSV: {error}.") from error
    return _frame(dialect, table, numbers)


def _suffix(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in PACKED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def _dialect(path: Path, sep: str | None, decimal: str, encoding: str) -> Dialect:
    if len(decimal) != 1 or decimal.isalnum() or decimal.isspace() or decimal in "\"'+-_":
        raise DataError(f"decimal must be one sign, '.' or ',', got {decimal!r}.")
    if sep is None:
        usual = SEPARATORS[_suffix(path)]
        sep = ";" if usual == decimal else usual
    sep = "\t" if sep in ("\\t", "tab") else sep
    if len(sep) != 1 or sep.isalnum() or sep in '"\r\n\0':
        raise DataError(f"sep must be one sign (',', ';', '|', or 'tab'), got {sep!r}.")
    return Dialect(path, sep, decimal, encoding)


def _table(dialect: Dialect) -> Table:
    """Read all rows, each as wide as the header."""
    rows = _rows(dialect)
    first, header = next(rows, (1, []))
    if not header:
        raise dialect.fault(1, "the file is empty; give it a header and a line for each sample")
    header[0] = header[0].removeprefix("\ufeff")
    _check_header(dialect, first, header)
    cells: list[list[str]] = []
    lines: list[int] = []
    for line, row in rows:
        if not lines:
            _check_separator(dialect, first, header, row)
        if len(row) != len(header):
            raise dialect.fault(line, _of_another_width(row, header))
        cells.append(row)
        lines.append(line)
    if not lines:
        raise dialect.fault(first, "no row follows the header, so there are no samples")
    return Table(header, list(zip(*cells, strict=True)), lines)


def _rows(dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """Run through the rows that are not empty, each with the line on which it begins."""
    with _unpacked(dialect.path) as raw, _as_text(raw, dialect.encoding) as text:
        reader, line = csv.reader(text, delimiter=dialect.sep, strict=True), 1
        try:
            for row in reader:
                if row and not (len(row) == 1 and row[0].isspace()):
                    yield line, row
                line = reader.line_num + 1
        except csv.Error as error:
            raise dialect.fault(
                line, f"{error}; a quotation mark may be left open, or stand inside a cell"
            ) from error


def _unpacked(path: Path) -> Any:
    """Open a file's bytes, unpacked where its name says that they are packed."""
    return PACKED.get(path.suffix.lower(), lambda path: path.open("rb"))(path)


def _as_text(raw: Any, encoding: str) -> io.TextIOWrapper:
    try:
        return io.TextIOWrapper(raw, encoding, newline="")
    except (LookupError, ValueError) as error:
        raise DataError(f"unknown encoding {encoding!r}; say utf-8, latin-1 or cp1252.") from error


def _only_member(archive: zipfile.ZipFile) -> Any:
    members = [one for one in archive.infolist() if not one.is_dir()]
    if len(members) != 1:
        raise zipfile.BadZipFile(f"the archive holds {len(members)} files; leave one")
    return archive.open(members[0])


def _check_header(dialect: Dialect, line: int, header: list[str]) -> None:
    for place, name in enumerate(header):
        if name and name in header[:place]:
            raise dialect.fault(
                line,
                f"columns {header.index(name) + 1} and {place + 1} are both named {name!r}; "
                "rename one",
            )
    names = [name for name in header if name]
    if not names:
        raise dialect.fault(line, "the header names no column")
    counted = [str(place) for place in range(len(names))]
    if names != counted and all(_number(dialect, name) is not None for name in names):
        raise dialect.fault(
            line,
            f"the names of the columns are numbers ({', '.join(names[:3])}): the file seems to "
            "have no header; give it one",
        )


def _check_separator(dialect: Dialect, line: int, header: list[str], row: list[str]) -> None:
    """Refuse a single column whose header and first row hold another separator equally often."""
    if len(header) > 1:
        return
    for other in OTHER_SEPARATORS:
        if other != dialect.sep and 0 < header[0].count(other) <= dialect.sep.join(row).count(
            other
        ):
            told = "tab" if other == "\t" else other
            raise dialect.fault(
                line, f"the header is one column, {header[0]!r}; say sep {told!r} (--sep {told!r})"
            )


def _of_another_width(row: list[str], header: list[str]) -> str:
    told = f"{len(row)} cells, where the header has {len(header)}"
    if len(row) == len(header) + 1 and not row[-1]:
        return f"{told}: the last is empty; remove the separator that ends the line"
    if len(row) > len(header):
        return (
            f"{told}; cells that hold the separator want quotation marks, decimal commas another "
            "separator, and row labels a column of their own in the header"
        )
    return f"{told}; fill the missing cells in (an empty cell is a missing value)"


def _undecodable(dialect: Dialect, error: UnicodeError) -> str:
    """Say on which line text stops being of its encoding, if lines can be told without it."""
    path, line = dialect.path, ""
    name = "UTF-8" if dialect.encoding == "utf-8-sig" else dialect.encoding
    with _unpacked(path) as raw:
        start = raw.read(4)
        if start[:2] == b"\x1f\x8b":
            return f"{str(path)!r} is packed by gzip; name it {path.name}.gz."
        if start[:2] in (b"\xff\xfe", b"\xfe\xff") and name == "UTF-8":
            return f"{str(path)!r} is not UTF-8 text; say encoding utf-16 (--encoding utf-16)."
    if name == "UTF-8":
        with _unpacked(path) as raw:
            for number, text in enumerate(raw, start=1):
                try:
                    text.decode("utf-8")
                except UnicodeDecodeError:
                    line = f"line {number}: "
                    break
    return (
        f"{str(path)!r} cannot be read as CSV: {line}the text is not {name} ({error}); say its "
        "encoding (--encoding latin-1, or cp1252 from Windows)."
    )


def _frame(dialect: Dialect, table: Table, numbers: Collection[str]) -> pd.DataFrame:
    import pandas as pd

    found: dict[str, Any] = {}
    index = None
    for place, (name, cells) in enumerate(zip(table.header, table.columns, strict=True)):
        if name in numbers and not _are_words(dialect, cells):
            found[name] = _numbers(dialect, table, place)
        elif name:
            found[name] = _column(dialect, cells)
        elif any(cells) and place == 0:
            index = _column(dialect, cells)
        elif any(cells):
            row = next(row for row, cell in enumerate(cells) if cell)
            raise dialect.fault(
                table.lines[row],
                f"column {place + 1} holds {cells[row]!r}, and has no name in the header; give it "
                "one",
            )
    return pd.DataFrame(found, index=index)


def _are_words(dialect: Dialect, cells: Sequence[str]) -> bool:
    """Say whether cells are labels: words in all of them, and not a number."""
    words = set(cells)
    if words & MISSING or words <= TRUTHS.keys():
        return False
    return not any(map(is_written_number, words))


def _column(dialect: Dialect, cells: Sequence[str]) -> Array:
    """Return whole numbers, floats or truth values where all cells are; else text."""
    if all(cell in TRUTHS for cell in cells):
        return np.array([TRUTHS[cell] for cell in cells])
    values = _as_numbers(dialect, cells)
    if values is not None:
        return values
    texts = np.empty(len(cells), dtype=object)
    texts[:] = [None if cell in MISSING else cell for cell in cells]
    return texts


def _numbers(dialect: Dialect, table: Table, place: int) -> Array:
    """Return the column of a variable that must be numbers; DataError at the first that is none."""
    name, cells = table.header[place], table.columns[place]
    if all(cell in TRUTHS for cell in cells):
        return np.array([TRUTHS[cell] for cell in cells])
    for row, cell in enumerate(cells):
        if cell in MISSING:
            raise dialect.fault(
                table.lines[row],
                f"column {name!r} lacks a value ({cell!r}); remove the sample, or fill it in "
                "knowingly",
            )
        if _number(dialect, cell) is None:
            remedy = _remedy(dialect, cells, cell)
            raise dialect.fault(
                table.lines[row],
                f"column {name!r} holds {cell!r}, which is no number; {remedy}",
            )
    values = _as_numbers(dialect, cells)
    assert values is not None
    return values


def _remedy(dialect: Dialect, cells: Sequence[str], cell: str) -> str:
    if any(sign in cell for sign in ",.'") and any(sign.isdigit() for sign in cell):
        return (
            f"numbers are written with the decimal sign {dialect.decimal!r} (--decimal says "
            "another) and no sign between thousands"
        )
    return "correct it, or remove the sample"


def _as_numbers(dialect: Dialect, cells: Sequence[str]) -> Array | None:
    """Return whole numbers where all cells are, floats where all are or are missing, or None."""
    try:
        if not any("_" in cell for cell in cells):
            return np.array([int(cell) for cell in cells], dtype=np.int64)
    except (ValueError, OverflowError):
        pass
    values = np.empty(len(cells))
    for row, cell in enumerate(cells):
        number = np.nan if cell in MISSING else _number(dialect, cell)
        if number is None:
            return None
        values[row] = number
    return values


def _number(dialect: Dialect, cell: str) -> float | None:
    """Return the number that a cell holds; None where it holds none."""
    if dialect.decimal != ".":
        if "." in cell:
            return None
        cell = cell.replace(dialect.decimal, ".")
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None
