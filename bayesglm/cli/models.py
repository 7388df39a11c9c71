"""A model, said by options, by a formula, or in a file."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bayesglm.cli.command import Parser, parts
from bayesglm.errors import ModelError
from bayesglm.spec.families import FAMILY_NAMES, LINK_NAMES
from bayesglm.spec.model import GLM, ROLES
from bayesglm.spec.terms.table import TERMS

TERM_OF_OPTION = {kind.__name__.lower(): kind for kind in TERMS}  # --linear, --lagged, ...


def _labels(text: str) -> list[str] | list[int]:
    """Read labels separated by commas: whole numbers where all of them are.

    >>> _labels("low, high"), _labels("1,2")
    (['low', 'high'], [1, 2])
    """
    labels = parts(text)
    is_whole = all(label.removeprefix("-").isdecimal() for label in labels)
    return [int(label) for label in labels] if is_whole else labels


def _names(text: str) -> str | tuple[str, ...]:
    names = parts(text)
    return names[0] if len(names) == 1 else tuple(names)


def _ends(text: str) -> tuple[str | float | None, ...]:
    """Read two ends, numbers or names of variables, of which one may be empty.

    >>> _ends("0,"), _ends("low,10")
    ((0.0, None), ('low', 10.0))
    """
    return tuple(_end(part) for part in parts(text))


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


def add_model_options(parser: Parser) -> None:
    """Add the options that say a model."""
    parser.add_argument("--model", metavar="JSON", help="the model as GLM.to_json() wrote it")
    parser.add_argument("--formula", metavar="'Y ~ X'", help="response and terms as a formula")
    parser.add_argument("--response", help="the variable to explain")
    for name, term in TERM_OF_OPTION.items():
        metavar, words = term.option
        parser.add_argument(f"--{name}", metavar=metavar, action="append", help=words)
    parser.add_argument("--family", help=f"{', '.join(FAMILY_NAMES)} ({GLM.family})")
    parser.add_argument("--link", help=f"{', '.join(LINK_NAMES)} (the family's own)")
    parser.add_argument(
        "--missing", metavar="HOW", help="of missing values: raise, or drop the row"
    )
    for name, (metavar, words, _) in SAID_IN_PARTS.items():
        parser.add_argument(f"--{name}", metavar=metavar, help=words)
    for role in ROLES:
        parser.add_argument(f"--{role}", metavar="NAME", help=f"the variable with the {role}")
    penalty = parser.add_mutually_exclusive_group()
    penalty.add_argument("--ridge", type=float, metavar="LAM", help="Normal(LAM**-0.5) priors")
    penalty.add_argument("--lasso", type=float, metavar="LAM", help="Laplace(1/LAM) priors")


def model_said(arguments: argparse.Namespace) -> Any:
    """Return the model that the options say; raises ModelError where they say none, or two."""
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
