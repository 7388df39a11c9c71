"""`bayesglm check`: the goodness of fit of a saved fit, in a table."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from bayesglm.cli.command import Command, Parser
from bayesglm.cli.reading import read_fit
from bayesglm.cli.tables import add_forms, is_text, write_table

ENDS = ("_lower", "_upper")  # of the names of a band's ends
CURVE = ("observed", "lower", "upper")  # what a node holds that is looked at place by place
ABSENT = "absent_"  # begins the name of an attribute that says why a check says nothing


def _add_options(parser: Parser) -> None:
    parser.add_argument("fit", metavar="FIT.nc", help="a saved fit (.nc or .zarr)")
    parser.add_argument("--draws", type=int, default=200, help="draws that are looked at (200)")
    parser.add_argument("--prob", type=float, default=0.94, help="probability of bands (0.94)")
    parser.add_argument("--seed", type=int, default=0, help="seed of what is randomised (0)")
    add_forms(parser)


def _run(arguments: argparse.Namespace) -> int:
    from bayesglm.results.check import check

    fit = read_fit(arguments.fit)
    told = check(fit, draws=arguments.draws, prob=arguments.prob, seed=arguments.seed)
    write_table(arguments, table_of(told, fit.attrs.get("population")))
    if is_text(arguments):
        for name, reason in told.attrs.items():
            if str(name).startswith(ABSENT):
                print(f"no {str(name).removeprefix(ABSENT).replace('_', ' ')}: {reason}")
    return 0


def table_of(told: Any, population: str | None) -> Any:
    """Return a check as a table: a row for each number of the whole, of a unit and of a term.

    What is looked at place by place (quantiles, bins) is told by the share outside its band.
    """
    import pandas as pd

    whole = {"term", population}
    rows = [
        {"check": str(name), **row}
        for name, node in told.children.items()
        for row in _rows(node.to_dataset(), whole)
    ]
    table = pd.DataFrame(rows).set_index("check")
    table.attrs = dict(told.attrs)
    return table


def _rows(node: Any, whole: set[str | None]) -> Iterator[dict[str, Any]]:
    if all(name in node for name in CURVE):
        observed, lower, upper = (node[name] for name in CURVE)
        outside = ((observed < lower) | (observed > upper)).where(observed.notnull())
        across = [dim for dim in outside.dims if dim not in whole]
        node = node.assign(share_outside=outside.mean(across))
    for name, variable in node.data_vars.items():
        is_end = str(name).endswith(ENDS) or name in CURVE
        if is_end or not set(variable.dims) <= whole or variable.dtype.kind not in "biuf":
            continue
        ends = [node.get(f"{name}{end}") for end in ENDS]
        for place in _places(variable):
            yield {
                "quantity": str(name),
                "of": ", ".join(str(variable[dim].values[k]) for dim, k in place.items()),
                "value": float(variable.isel(place)),
                "lower": float("nan") if ends[0] is None else float(ends[0].isel(place)),
                "upper": float("nan") if ends[1] is None else float(ends[1].isel(place)),
            }


def _places(variable: Any) -> Iterator[dict[str, int]]:
    """Run through the places of a variable, by dim."""
    import numpy as np

    for place in np.ndindex(*variable.shape):
        yield dict(zip(map(str, variable.dims), place, strict=True))


COMMAND = Command(
    help="check how well a saved fit tells its data",
    description="Check how well a saved fit tells the data that it was made of.",
    add_options=_add_options,
    run=_run,
)
