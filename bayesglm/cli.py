"""The shell's door: `bayesglm demo`, `bayesglm fit`, `bayesglm --version`.

Nothing heavy is imported before a command asks for it, so that ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from bayesglm.errors import BayesGLMError, BayesGLMWarning, DataError, ModelError

FAMILIES = ("gaussian", "bernoulli", "binomial", "poisson")


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line and leave with status 2."""
        self.exit(2, f"{self.prog}: {message}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns 0, or 2 after one line on standard error.

    Examples
    --------
    >>> from bayesglm.cli import main
    >>> main(["fit", "no-such-file.csv", "--response", "y"])
    2
    """
    arguments = _parser().parse_args(argv)
    if arguments.command is None:
        _parser().print_help()
        return 0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", BayesGLMWarning)
            warnings.showwarning = _say_warning
            arguments.run(arguments)
    except BayesGLMError as error:
        return _complain(str(error))
    except OSError as error:
        return _complain(f"{error.filename or ''}: {error.strerror or error}".lstrip(": "))
    except KeyboardInterrupt:
        print("bayesglm: interrupted", file=sys.stderr)
        return 130
    return 0


def _parser() -> Parser:
    parser = Parser(prog="bayesglm", description="Bayesian generalized linear models.")
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="{demo,fit}")
    demo = commands.add_parser("demo", help="fit the bundled recording and write a report")
    demo.add_argument("--out", default="report.html", help="HTML file to write")
    demo.set_defaults(run=_demo)
    _add_fit(commands)
    return parser


def _add_fit(commands: Any) -> None:
    fit = commands.add_parser(
        "fit",
        help="fit a model to a CSV or netCDF file",
        description="Fit a model to a CSV or netCDF file and save it as netCDF.",
    )
    fit.add_argument("data", metavar="DATA", help="CSV (one column a variable) or netCDF")
    fit.add_argument("--model", metavar="JSON", help="the model as GLM.to_json() wrote it")
    fit.add_argument("--response", help="the variable to explain")
    fit.add_argument("--linear", metavar="X1,X2", help="predictors, separated by commas")
    fit.add_argument(
        "--lagged", metavar="X:LAGS", action="append", help="a predictor and its number of lags"
    )
    fit.add_argument("--history", metavar="LAGS", type=int, help="lags of the response's own past")
    fit.add_argument(
        "--group",
        metavar="FACTOR[:X1,X2]",
        action="append",
        help="a factor whose levels have intercepts (and slopes) of their own",
    )
    fit.add_argument("--family", choices=FAMILIES)
    fit.add_argument("--link")
    for role in ("trials", "offset", "weights"):
        fit.add_argument(f"--{role}", metavar="NAME", help=f"the variable with the {role}")
    penalty = fit.add_mutually_exclusive_group()
    penalty.add_argument("--ridge", type=float, metavar="LAM", help="Normal(LAM**-0.5) priors")
    penalty.add_argument("--lasso", type=float, metavar="LAM", help="Laplace(1/LAM) priors")
    fit.add_argument("--map", action="store_true", help="the MAP estimate only")
    fit.add_argument("--draws", type=int, default=1000, help="draws per chain (1000)")
    fit.add_argument("--chains", type=int, default=4, help="chains (4)")
    fit.add_argument("--seed", type=int, default=0, help="seed of the draws (0)")
    fit.add_argument("--out", metavar="FIT.nc", help="where to save the fit")
    fit.set_defaults(run=_fit)


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *ignored: object) -> None:
        from importlib.metadata import version

        print(f"bayesglm {version('bayesglm')}")
        parser.exit()


def _demo(arguments: argparse.Namespace) -> None:
    from rich.console import Console

    from bayesglm.demo import run

    console = Console(highlight=False)
    if not console.is_terminal:
        run(arguments.out, say=print)
        return
    with console.status("") as status:

        def say(words: str) -> None:
            console.print(words)
            status.update(words)

        run(arguments.out, say=say)


def _fit(arguments: argparse.Namespace) -> None:
    if arguments.out is not None and not Path(arguments.out).parent.is_dir():
        raise DataError(f"the folder {str(Path(arguments.out).parent)!r} does not exist.")
    model = _model(arguments)
    data = _read(Path(arguments.data))
    from bayesglm.inference.fit import fit
    from bayesglm.inference.map import fit_map
    from bayesglm.results.storage import save

    if arguments.map:
        fitted = fit_map(model, data)
    else:
        fitted = fit(
            model, data, draws=arguments.draws, chains=arguments.chains, seed=arguments.seed
        )
    _summarise(fitted)
    if arguments.out is not None:
        print(f"saved as {save(fitted, arguments.out)}")


def _model(arguments: argparse.Namespace) -> Any:
    from bayesglm.spec.model import GLM
    from bayesglm.spec.penalties import lasso, ridge
    from bayesglm.spec.terms import Group, History, Lagged

    described: tuple[str, ...] = (
        "response",
        "linear",
        "lagged",
        "history",
        "group",
        "family",
        "link",
        "ridge",
        "lasso",
    )
    described += ("trials", "offset", "weights")
    if arguments.model is not None:
        given = [name for name in described if getattr(arguments, name) is not None]
        if given:
            raise ModelError(f"--model says it all; leave --{given[0]} out, or --model.")
        return GLM.from_json(Path(arguments.model).read_text(encoding="utf-8"))
    if arguments.response is None:
        raise ModelError("name the variable to explain with --response, or give --model.")
    terms: list[Any] = [
        name.strip() for name in (arguments.linear or "").split(",") if name.strip()
    ]
    for text in arguments.lagged or ():
        name, _, lags = text.rpartition(":")
        if not name or not lags.isdigit():
            raise ModelError(f"--lagged takes NAME:LAGS, for example stimulus:25, got {text!r}.")
        terms.append(Lagged(name, lags=int(lags)))
    if arguments.history is not None:
        terms.append(History(lags=arguments.history))
    for text in arguments.group or ():
        factor, _, slopes = text.partition(":")
        terms.append(Group(factor, slopes=tuple(filter(None, slopes.split(",")))))
    prior: Any = None if arguments.ridge is None else ridge(arguments.ridge)
    prior = prior if arguments.lasso is None else lasso(arguments.lasso)
    return GLM(
        arguments.response,
        terms,
        family=arguments.family or "gaussian",
        link=arguments.link,
        prior=prior,
        trials=arguments.trials,
        offset=arguments.offset,
        weights=arguments.weights,
    )


def _read(path: Path) -> Any:
    if not path.is_file():
        raise DataError(f"{str(path)!r} does not exist.")
    if path.suffix.lower() in (".csv", ".txt", ".tsv"):
        import pandas as pd

        try:
            return pd.read_csv(path, sep="\t" if path.suffix.lower() == ".tsv" else ",")
        except (ValueError, UnicodeError) as error:
            raise DataError(f"{str(path)!r} cannot be read as CSV: {error}") from error
    if path.suffix.lower() in (".nc", ".nc4", ".h5"):
        import xarray as xr

        try:
            with xr.open_dataset(path, engine="h5netcdf") as dataset:
                return dataset.load()
        except (ValueError, OSError) as error:
            raise DataError(f"{str(path)!r} cannot be read as netCDF: {error}") from error
    raise DataError(f"{str(path)!r} is neither CSV (.csv, .tsv) nor netCDF (.nc).")


def _summarise(fitted: Any) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from bayesglm.inference.tree import model_of, parameter_group

    console = Console(highlight=False, markup=False)
    print(model_of(fitted), end="\n\n")
    dropped = fitted.attrs["n_dropped"]
    left_out = f", {dropped} without a full past left out" if dropped else ""
    print(f"{fitted.attrs['n_samples']} samples{left_out}; method: {fitted.attrs['method']}")
    if "why" in fitted.attrs:
        print(fitted.attrs["why"])
    group = parameter_group(fitted)
    has_draws = "draw" in group.dims
    table = Table(box=box.SIMPLE)
    for head in ("parameter", "mean", "3%", "97%") if has_draws else ("parameter", "MAP"):
        table.add_column(head, justify="left" if head == "parameter" else "right")
    for row in _rows(group, has_draws):
        table.add_row(*row)
    console.print(table)


def _rows(group: Any, has_draws: bool) -> list[tuple[str, ...]]:
    import numpy as np

    rows = []
    for name, variable in group.data_vars.items():
        flat = variable.transpose("chain", "draw", ...) if has_draws else variable
        values = flat.values.reshape(-1, int(np.prod(flat.shape[2:]))) if has_draws else flat.values
        columns = values.T if has_draws else np.ravel(values)
        shape = flat.shape[2:] if has_draws else flat.shape
        dims = flat.dims[2:] if has_draws else flat.dims
        for place, index in zip(columns, np.ndindex(*shape), strict=True):
            at = [str(flat[dim].values[k]) for dim, k in zip(dims, index, strict=True)]
            label = f"{name}[{', '.join(at)}]" if at else str(name)
            numbers = (
                (place.mean(), *np.quantile(place, [0.03, 0.97])) if has_draws else (float(place),)
            )
            rows.append((label, *(f"{number:.4g}" for number in numbers)))
    return rows


def _say_warning(message: Any, category: type[Warning], *rest: Any, **ignored: Any) -> None:
    if issubclass(category, BayesGLMWarning):
        print(f"bayesglm: note: {message}", file=sys.stderr)


def _complain(message: str) -> int:
    print(f"bayesglm: {' '.join(message.split())}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
