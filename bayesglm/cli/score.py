"""`bayesglm score`: how well a saved fit foretells what it has not seen."""

from __future__ import annotations

import argparse
from typing import Any

from bayesglm.cli.command import Command, Parser
from bayesglm.cli.reading import names_of, read_fit
from bayesglm.cli.scoring import add_question, score_of
from bayesglm.cli.tables import add_forms, write_table


def _add_options(parser: Parser) -> None:
    parser.add_argument("fit", metavar="FIT.nc", help="a saved posterior fit (.nc or .zarr)")
    add_question(parser)
    add_forms(parser)


def _run(arguments: argparse.Namespace) -> int:
    fit = read_fit(arguments.fit)
    scored = score_of(fit, arguments)
    write_table(arguments, _table(names_of([arguments.fit])[0], scored))
    return 0


def _table(name: str, scored: Any) -> Any:
    """Return a score as a table of one row, with its words."""
    import numpy as np
    import pandas as pd

    row = {"elpd": scored.elpd, "se": scored.se, "p": scored.p, "n": scored.n_data_points}
    notes = {"kind": scored.kind, "why": scored.why, "doubts": list(scored.doubts)}
    if scored.pareto_k is not None:
        khat = scored.pareto_k.values
        high = int((khat > scored.good_k).sum())
        row |= {"mcse": scored.mcse, "khat": float(np.nanmax(khat)), "n_high_khat": high}
        notes["rungs"] = scored.rungs.to_dict("index")
    table = pd.DataFrame([row], index=pd.Index([name], name="model"))
    table.attrs = notes
    return table


COMMAND = Command(
    help="score a saved fit on what it has not seen",
    description="Estimate a saved fit's expected log predictive density.",
    add_options=_add_options,
    run=_run,
)
