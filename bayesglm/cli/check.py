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
# What each quantity of the table is; the docstring of `check` has more.
MEANINGS = {
    "log_likelihood": "of the whole data, in nats",
    "deviance_explained": "1 - D/D0, the explained share of the deviance of a constant mean",
    "mcfadden_r2": "1 - L/L0, the same of log likelihoods",
    "bits_per_spike": "what an event is told better than by a constant rate; by the mean density "
    "of all draws, its band by each draw alone, so that it may lie above that",
    "events": "how many there are",
    "ks_distance": "the largest distance between shares that are observed and expected",
    "ks_critical": "what a true model stays below",
    "p_value": "the chance of a distance as large under a true model",
    "serial_correlation": "of rescaled intervals with the next",
    "serial_critical": "what that of a true model stays below, in size",
    "n_intervals": "how many intervals there are between events",
    "share_outside": "the share of places outside the band of a true model",
    "mean": "of quantile residuals, 0 of a true model",
    "sd": "of quantile residuals 1 of a true model; of a term, how far it moves the predictor",
    "inflation": "how many times the other terms widen the variance of the term's coefficients",
    "edf": "how many of the term's parameters the data decide",
    "size": "how many it has",
    "contradicted": "whether data and prior contradict each other",
    "prior_sensitivity": "how far the posterior moves with the prior; above 0.05 it does",
    "separated": "whether without priors there is no estimate",
    "at_events": "what the term adds to the predictor at an event, above its average",
    "share": "its mean share in what all terms add there",
    "most": "the share of events at which it adds the most",
}


def _add_options(parser: Parser) -> None:
    parser.add_argument("fit", metavar="FIT.nc", help="a saved fit (.nc or .zarr)")
    parser.add_argument("--draws", type=int, default=200, help="draws that are looked at (200)")
    parser.add_argument("--prob", type=float, default=0.94, help="probability of bands (0.94)")
    parser.add_argument("--seed", type=int, default=0, help="seed of what is randomised (0)")
    add_forms(parser)


def _run(arguments: argparse.Namespace) -> int:
    fit = read_fit(arguments.fit)
    from bayesglm.results.check import check

    told = check(fit, draws=arguments.draws, prob=arguments.prob, seed=arguments.seed)
    table = table_of(told, fit.attrs.get("population"))
    write_table(arguments, table if is_text(arguments) else table.astype({"value": float}))
    if is_text(arguments):
        for quantity in [name for name in MEANINGS if name in set(table["quantity"])]:
            print(f"{quantity}: {MEANINGS[quantity]}")
        for name, reason in told.attrs.items():
            if str(name).startswith(ABSENT):
                print(f"no {str(name).removeprefix(ABSENT).replace('_', ' ')}: {reason}")
    return 0


def table_of(told: Any, population: str | None) -> Any:
    """Return a check as a table: a row for each number of the whole, of a unit and of a term.

    What is looked at place by place (quantiles, bins) is told by the share outside its band.
    Values are numbers, and True or False of what is so or not.
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
                "value": variable.isel(place).item(),
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
