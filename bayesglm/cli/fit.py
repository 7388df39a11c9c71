"""`bayesglm fit`: a model of a CSV or netCDF file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from bayesglm.cli.command import Command, Parser
from bayesglm.cli.data_files import add_data_options, read_data, with_coords
from bayesglm.cli.models import add_model_options, model_said
from bayesglm.cli.reading import check_is_there
from bayesglm.cli.saying import INTERRUPTED
from bayesglm.cli.summary import tell_fit


def _add_options(parser: Parser) -> None:
    add_data_options(parser)
    add_model_options(parser)
    parser.add_argument("--map", action="store_true", help="the MAP estimate only")
    parser.add_argument("--draws", type=int, default=1000, help="draws per chain (1000)")
    parser.add_argument("--chains", type=int, default=4, help="chains (4)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the draws (0)")
    parser.add_argument("--out", metavar="FIT.nc", help="where to save the fit (.nc or .zarr)")


def _run(arguments: argparse.Namespace) -> int:
    check_is_there(arguments.data, stores=())
    model = model_said(arguments)
    from bayesglm.inference.fit import fit
    from bayesglm.inference.map import fit_map
    from bayesglm.inference.tree.summary import summary
    from bayesglm.results.storage import check_target, save

    if arguments.out is not None:
        check_target(arguments.out)
    data = with_coords(read_data(Path(arguments.data), model, arguments), arguments.coords)
    if arguments.map:
        fitted = fit_map(model, data)
    else:
        fitted = fit(
            model, data, draws=arguments.draws, chains=arguments.chains, seed=arguments.seed
        )
    # Before anything is printed, so that no reader who goes away takes the fit along.
    saved = None if arguments.out is None else save(fitted, arguments.out)
    tell_fit(fitted, summary(fitted))
    if saved is not None:
        print(f"saved as {saved}")
    return INTERRUPTED if _is_short(fitted, arguments) else 0


def _is_short(fitted: Any, arguments: argparse.Namespace) -> bool:
    """Say whether an interruption left fewer draws than were asked for."""
    if "posterior" not in fitted.children:
        return False
    sizes = fitted["posterior"].sizes
    return sizes["draw"] < arguments.draws or sizes["chain"] < arguments.chains


COMMAND = Command(
    help="fit a model to a CSV or netCDF file",
    description="Fit a model to a CSV or netCDF file and save it as netCDF or Zarr.",
    add_options=_add_options,
    run=_run,
)
