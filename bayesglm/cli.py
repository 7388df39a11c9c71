"""The shell's door: `bayesglm demo`, `bayesglm fit`, `bayesglm --version`.

Nothing heavy is imported before a command asks for it, so that ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from bayesglm.errors import BayesGLMError, BayesGLMWarning, DataError, ModelError
from bayesglm.spec.families import FAMILY_NAMES, LINK_NAMES
from bayesglm.spec.model import GLM, ROLES
from bayesglm.spec.terms.table import TERMS
from bayesglm.spec.terms.term import FACTOR

TERM_OF_OPTION = {kind.__name__.lower(): kind for kind in TERMS}  # --linear, --lagged, ...
INTERRUPTED = 130  # what a shell says of a command that Ctrl-C ended
GONE = 141  # and of one whose reader (head, less) went away


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _labels(text: str) -> list[str] | list[int]:
    """Read labels separated by commas: whole numbers where all of them are.

    >>> _labels("low, high"), _labels("1,2")
    (['low', 'high'], [1, 2])
    """
    labels = _parts(text)
    is_whole = all(label.removeprefix("-").isdecimal() for label in labels)
    return [int(label) for label in labels] if is_whole else labels


def _names(text: str) -> str | tuple[str, ...]:
    names = _parts(text)
    return names[0] if len(names) == 1 else tuple(names)


def _ends(text: str) -> tuple[str | float | None, ...]:
    """Read two ends, numbers or names of variables, of which one may be empty.

    >>> _ends("0,"), _ends("low,10")
    ((0.0, None), ('low', 10.0))
    """
    return tuple(_end(part) for part in _parts(text))


def _end(text: str) -> str | float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return text


# Options of a model that are said in parts, with commas between: how, what, and how they are read.
SAID_IN_PARTS: dict[str, tuple[str, str, Callable[[str], Any]]] = {
    "levels": ("A,B", "levels of a response of labels, in their order", _labels),
    "reference": ("A", "the level that others are held against", lambda text: _labels(text)[0]),
    "censored": ("STATUS[,UPPER]", "the words none, left, right, interval; upper ends", _names),
    "truncated": ("LOWER,UPPER", "ends of what can be seen: numbers, names or nothing", _ends),
}


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line and leave with status 2."""
        self.exit(2, f"{self.prog}: {message}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns 0, or another number after one line on standard error.

    2 is a fault of the arguments or files, 1 one of the program or machine, 130 an interruption
    (after which the draws that were finished are kept).

    Examples
    --------
    >>> from bayesglm.cli import main
    >>> main(["fit", "no-such-file.csv", "--response", "y"])
    2
    """
    _write_any_text()
    arguments = _parser().parse_args(argv)
    if arguments.command is None:
        _parser().print_help()
        return 0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", BayesGLMWarning)
            warnings.showwarning = _say_warning
            status = arguments.run(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
    except SystemExit:
        raise
    except BaseException as error:  # a panic of compiled code is no Exception
        return say_fault(error)
    return status


def say_fault(error: BaseException) -> int:
    """Say in one line what ended a command, and return its exit status."""
    if isinstance(error, BrokenPipeError):
        return _leave_the_pipe()
    if isinstance(error, KeyboardInterrupt):
        _complain("interrupted")
        return INTERRUPTED
    if isinstance(error, BayesGLMError):
        return _complain(str(error))
    if isinstance(error, OSError):
        return _complain(f"{error.filename or ''}: {error.strerror or error}".lstrip(": "))
    if isinstance(error, MemoryError):
        _complain(f"out of memory ({error or 'no more is to be had'}); ask for fewer --draws.")
        return 1
    _complain(f"a fault of the program, to be reported: {type(error).__name__}: {error}")
    return 1


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
        description="Fit a model to a CSV or netCDF file and save it as netCDF or Zarr.",
    )
    fit.add_argument(
        "data",
        metavar="DATA",
        help="CSV (.csv, .tsv, .txt, also .gz; one column a variable) or netCDF (.nc)",
    )
    fit.add_argument("--sep", help="sign between cells of CSV (',', ';', tab)")
    fit.add_argument("--decimal", help="decimal sign of CSV ('.')")
    fit.add_argument("--encoding", help="encoding of CSV (utf-8)")
    fit.add_argument("--model", metavar="JSON", help="the model as GLM.to_json() wrote it")
    fit.add_argument("--formula", metavar="'Y ~ X'", help="response and terms as a formula")
    fit.add_argument("--response", help="the variable to explain")
    for name, term in TERM_OF_OPTION.items():
        metavar, words = term.option
        fit.add_argument(f"--{name}", metavar=metavar, action="append", help=words)
    fit.add_argument("--family", help=f"{', '.join(FAMILY_NAMES)} ({GLM.family})")
    fit.add_argument("--link", help=f"{', '.join(LINK_NAMES)} (the family's own)")
    fit.add_argument("--missing", metavar="HOW", help="of missing values: raise, or drop the row")
    for name, (metavar, words, _) in SAID_IN_PARTS.items():
        fit.add_argument(f"--{name}", metavar=metavar, help=words)
    for role in ROLES:
        fit.add_argument(f"--{role}", metavar="NAME", help=f"the variable with the {role}")
    penalty = fit.add_mutually_exclusive_group()
    penalty.add_argument("--ridge", type=float, metavar="LAM", help="Normal(LAM**-0.5) priors")
    penalty.add_argument("--lasso", type=float, metavar="LAM", help="Laplace(1/LAM) priors")
    fit.add_argument("--map", action="store_true", help="the MAP estimate only")
    fit.add_argument("--draws", type=int, default=1000, help="draws per chain (1000)")
    fit.add_argument("--chains", type=int, default=4, help="chains (4)")
    fit.add_argument("--seed", type=int, default=0, help="seed of the draws (0)")
    fit.add_argument("--out", metavar="FIT.nc", help="where to save the fit (.nc or .zarr)")
    fit.set_defaults(run=_fit)


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *ignored: object) -> None:
        from importlib.metadata import version

        print(f"bayesglm {version('bayesglm')}")
        parser.exit()


def _demo(arguments: argparse.Namespace) -> int:
    _check_page(Path(arguments.out))
    from rich.console import Console

    from bayesglm.demo import run

    console = Console(highlight=False)
    if not console.is_terminal:
        run(arguments.out, say=print)
        return 0
    with console.status("") as status:

        def say(words: str) -> None:
            console.print(words)
            status.update(words)

        run(arguments.out, say=say)
    return 0


def _fit(arguments: argparse.Namespace) -> int:
    from bayesglm.inference.fit import fit
    from bayesglm.inference.map import fit_map
    from bayesglm.results.storage import check_target, save

    if arguments.out is not None:
        check_target(arguments.out)
    model = _model(arguments)
    data = _read(Path(arguments.data), model, arguments)
    if arguments.map:
        fitted = fit_map(model, data)
    else:
        fitted = fit(
            model, data, draws=arguments.draws, chains=arguments.chains, seed=arguments.seed
        )
    # Before anything is printed, so that no reader who goes away takes the fit along.
    saved = None if arguments.out is None else save(fitted, arguments.out)
    _summarise(fitted)
    if saved is not None:
        print(f"saved as {saved}")
    return INTERRUPTED if _is_short(fitted, arguments) else 0


def _is_short(fitted: Any, arguments: argparse.Namespace) -> bool:
    """Say whether an interruption left fewer draws than were asked for."""
    if "posterior" not in fitted.children:
        return False
    sizes = fitted["posterior"].sizes
    return sizes["draw"] < arguments.draws or sizes["chain"] < arguments.chains


def _check_page(path: Path) -> None:
    """Refuse a place where no page can be written, before anything is computed."""
    if not path.parent.is_dir():
        raise DataError(f"the folder {str(path.parent)!r} does not exist; make it first.")
    if path.is_dir():
        raise DataError(f"--out {str(path)!r} is a folder; name a file in it.")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise DataError(f"--out {str(path)!r} cannot be written; save it elsewhere.")


def _model(arguments: argparse.Namespace) -> Any:
    from bayesglm.spec.formula.reading import formula
    from bayesglm.spec.penalties import lasso, ridge

    left, plain = ("response", *TERM_OF_OPTION), ("family", "link", "missing", *ROLES)
    every = ("formula", *left, *plain, *SAID_IN_PARTS, "ridge", "lasso")
    if arguments.model is not None:
        _check_alone("model", arguments, every)
        return _read_model(Path(arguments.model))
    options = {name: value for name in plain if (value := getattr(arguments, name)) is not None}
    for name, (_, _, read) in SAID_IN_PARTS.items():
        if getattr(arguments, name) is not None:
            options[name] = read(getattr(arguments, name))
    options["prior"] = None if arguments.ridge is None else ridge(arguments.ridge)
    if arguments.lasso is not None:
        options["prior"] = lasso(arguments.lasso)
    if arguments.formula is not None:
        _check_alone("formula", arguments, left)
        return formula(arguments.formula, **options)
    if arguments.response is None:
        raise ModelError(
            "name the variable to explain with --response, or give --formula or --model."
        )
    terms = [
        term
        for name, kind in TERM_OF_OPTION.items()
        for text in getattr(arguments, name) or ()
        for term in kind.from_text(text)
    ]
    return GLM(arguments.response, terms, **options)


def _check_alone(option: str, arguments: argparse.Namespace, others: Sequence[str]) -> None:
    """Refuse options that say again what one says already."""
    given = [name for name in others if getattr(arguments, name) is not None]
    if given:
        raise ModelError(f"--{option} says it all; leave --{given[0]} out, or --{option}.")


def _read_model(path: Path) -> Any:
    try:
        return GLM.from_json(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ModelError(
            f"--model {str(path)!r} is not UTF-8 text; write it with GLM.to_json()."
        ) from error
    except RecursionError as error:
        raise ModelError(
            f"--model {str(path)!r} nests too deeply for a model; write it with GLM.to_json()."
        ) from error


def _read(path: Path, model: Any, arguments: argparse.Namespace) -> Any:
    from bayesglm.design.delimited import is_delimited, read_delimited

    if path.is_dir():
        raise DataError(f"{str(path)!r} is a folder; name a file in it.")
    if not path.is_file():
        raise DataError(f"{str(path)!r} does not exist.")
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


def _summarise(fitted: Any) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from bayesglm.inference.tree.fit import samples_in_words
    from bayesglm.inference.tree.opened import model_of
    from bayesglm.inference.tree.summary import summary

    console = Console(highlight=False, markup=False)
    print(model_of(fitted), end="\n\n")
    print(f"{samples_in_words(fitted.attrs)}; method: {fitted.attrs['method']}")
    if "why" in fitted.attrs:
        print(fitted.attrs["why"])
    told = summary(fitted).drop(columns="prior")
    table = Table(box=box.SIMPLE)
    table.add_column(str(told.index.name))
    for head in told.columns:
        table.add_column(head, justify="right")
    for words, numbers in zip(told.index, told.to_numpy(), strict=True):
        table.add_row(words, *(f"{number:.4g}" for number in numbers))
    console.print(table)


def _say_warning(message: Any, category: type[Warning], *rest: Any, **ignored: Any) -> None:
    if issubclass(category, BayesGLMWarning):
        _complain(f"note: {message}")


def _complain(message: str) -> int:
    """Say something in one line on standard error, if anybody listens; returns 2."""
    if sys.stderr is not None:
        with suppress(OSError):
            print(f"bayesglm: {' '.join(message.split())}", file=sys.stderr, flush=True)
    return 2


def _write_any_text() -> None:
    """Let no character that the terminal's encoding lacks end a command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _leave_the_pipe() -> int:
    """Let what is still to be written vanish, so that Python's own last flush finds no fault."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    return GONE


if __name__ == "__main__":
    sys.exit(main())
