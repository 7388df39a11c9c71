"""Data, read from CSV or netCDF."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from bayesglm.cli.command import Parser, parts
from bayesglm.errors import DataError
from bayesglm.spec.hints import closest
from bayesglm.spec.terms.term import FACTOR


def add_data_options(parser: Parser) -> None:
    """Add the file of the data, and how its CSV is written."""
    parser.add_argument(
        "data",
        metavar="DATA",
        help="CSV (.csv, .tsv, .txt, also .gz; one column a variable) or netCDF (.nc)",
    )
    parser.add_argument("--sep", help="sign between cells of CSV (',', ';', tab)")
    parser.add_argument("--decimal", help="decimal sign of CSV ('.')")
    parser.add_argument(
        "--coords",
        metavar="A,B",
        help="variables that label the samples, saved with the fit: score --by A",
    )
    parser.add_argument("--encoding", help="encoding of CSV (utf-8)")


def read_data(path: Path, model: Any, arguments: argparse.Namespace) -> Any:
    """Return the data of a file as the verbs take them; raises DataError where it holds none."""
    from bayesglm.design.delimited import is_delimited, read_delimited

    if is_delimited(path):
        roles = {name: role for term in model.terms for name, role in term.roles.items()}
        whole = [] if model.missing == "drop" else model.variables
        return read_delimited(
            path,
            [name for name in whole if roles.get(name) != FACTOR],
            arguments.sep,
            "." if arguments.decimal is None else arguments.decimal,
            arguments.encoding,
        )
    for option in ("sep", "decimal", "encoding"):
        if getattr(arguments, option) is not None:
            raise DataError(f"--{option} is of CSV, and {str(path)!r} is none; leave it out.")
    if path.suffix.lower() in (".nc", ".nc4", ".h5"):
        return _read_netcdf(path)
    raise DataError(f"{str(path)!r} is neither CSV (.csv, .tsv, also .gz) nor netCDF (.nc).")


def with_coords(data: Any, names: str | None) -> Any:
    """Return data of which some variables are labels of the samples; DataError of unknown ones."""
    from bayesglm.design.door import as_dataset

    if names is None:
        return data
    dataset = as_dataset(data)
    for name in parts(names):
        if name not in dataset.variables:
            known = list(map(str, dataset.variables))
            raise DataError(f"--coords: the data have no {name!r}.{closest(name, known)}")
    return dataset.set_coords(parts(names))


def _read_netcdf(path: Path) -> Any:
    import xarray as xr

    try:
        with xr.open_dataset(path, engine="h5netcdf") as dataset:
            return dataset.load()
    except Exception as error:  # of a damaged file, any library below may say anything
        raise DataError(
            f"{str(path)!r} cannot be read as netCDF ({error or type(error).__name__}); write it "
            "again, or give CSV."
        ) from error
