"""The functions of formulas: each makes a term, of its first arguments and of settings.

A formula is read before the data; a bare name whose values are labels is a `Category` at the first
fit. The list is closed: nothing is looked up elsewhere.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from typing import Any

from bayesglm.errors import ModelError
from bayesglm.spec.formula.arithmetic import FUNCTIONS, is_arithmetic, names_in, plain
from bayesglm.spec.formula.syntax import Call, Name, Node, Pair, Sign
from bayesglm.spec.formula.values import literal_of, variable_of
from bayesglm.spec.hints import ARGUMENTS_ELSEWHERE, FUNCTIONS_ELSEWHERE, closest
from bayesglm.spec.lag_bases import BASES_BY_NAME
from bayesglm.spec.terms.basis import Basis
from bayesglm.spec.terms.category import Category
from bayesglm.spec.terms.linear import Linear
from bayesglm.spec.terms.monotonic import Monotonic
from bayesglm.spec.terms.spline import Spline
from bayesglm.spec.terms.surface import Surface
from bayesglm.spec.terms.table import TERMS
from bayesglm.spec.terms.term import Term


@dataclass(frozen=True)
class Function:
    """A function of formulas: the noun that it is, and what it says of that by itself.

    ``settings`` are arguments of the noun that it sets, ``renamed`` what other tools call them,
    ``by_place`` the names of arguments after the variable that may stand without one.
    """

    noun: Callable[..., Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    by_place: tuple[str, ...] = ()

    @property
    def arguments(self) -> Container[str]:
        """What the noun is made of."""
        return inspect.signature(self.noun).parameters


SMOOTH = {"k": "df"}  # mgcv's
TERM_FUNCTIONS: dict[str, Function] = {
    "C": Function(Category, by_place=("contrasts",), renamed={"contrast": "contrasts"}),
    "s": Function(Spline, by_place=("df",), renamed=SMOOTH),
    "bs": Function(Basis, {"kind": "bs"}, by_place=("df",)),
    "cr": Function(Basis, {"kind": "cr"}, by_place=("df",)),
    "poly": Function(Basis, {"kind": "poly"}, {"degree": "df"}, ("df",)),
    "te": Function(Surface, renamed=SMOOTH),
    "mo": Function(Monotonic),
    **{noun.__name__: Function(noun) for noun in TERMS},
}
# Codings by the names that patsy and formulae give them, and R.
CODINGS = {"Treatment": "treatment", "Sum": "sum"}
CODINGS |= {"contr.treatment": "treatment", "contr.sum": "sum"}  # R's


def term_of(factors: tuple[Node, ...]) -> Term:
    """Return the term of a product of factors."""
    if len(factors) == 1:
        return _term(factors[0])
    from bayesglm.spec.terms.interaction import Interaction

    parts = [factor.text if isinstance(factor, Name) else _term(factor) for factor in factors]
    return Interaction(*parts)


def _term(node: Node) -> Term:
    if isinstance(node, Name):
        return Linear(node.text)
    if isinstance(node, Call) and node.function in TERM_FUNCTIONS:
        return _made(node, TERM_FUNCTIONS[node.function])
    if isinstance(node, Call) and is_arithmetic(node):
        return _computed(node)
    if isinstance(node, Call):
        if node.function in FUNCTIONS_ELSEWHERE:
            raise ModelError(
                f"formula: unknown function {node.function}(); write "
                f"{FUNCTIONS_ELSEWHERE[node.function]}."
            )
        known = (*TERM_FUNCTIONS, *FUNCTIONS, "I", "offset")
        raise ModelError(
            f"formula: unknown function {node.function}(); known are {', '.join(known)}."
            f"{closest(node.function, known)} Anything else is computed as a column of the data."
        )
    if isinstance(node, (Pair, Sign)):
        raise ModelError(f"formula: write I({node}) for arithmetic.")
    raise ModelError(f"formula: {node} is no term; name a variable of the data.")


def _computed(node: Node) -> Linear:
    """Return the term of a column that is computed of variables."""
    tree = plain(node)
    names = names_in(tree)
    if not names:
        raise ModelError(f"formula: {node} names no variable; write 1 for an intercept.")
    if tree == Name(names[0]):
        return Linear(names[0])
    return Linear(names[0] if len(names) == 1 else names, transform=str(tree))


def _made(call: Call, function: Function) -> Term:
    """Make the noun that a call says."""
    names: list[str] = []
    settings = list(call.given)
    while settings and isinstance(settings[0], Name) and not (names and function.by_place):
        names.append(variable_of(settings.pop(0), call.function))
    if call.given and not names:
        variable_of(call.given[0], f"the first argument of {call.function}()")
    if len(settings) > len(function.by_place):
        raise ModelError(
            f"formula: {call} has {len(call.given)} arguments without a name; name them."
        )
    named = list(zip(function.by_place, settings, strict=False))
    fields: dict[str, Any] = dict(function.settings)
    for name, value in (*named, *call.named):
        name = function.renamed.get(name, name)
        if name in ARGUMENTS_ELSEWHERE and name not in function.arguments:
            raise ModelError(f"formula: {call}: {ARGUMENTS_ELSEWHERE[name]}.")
        for key, setting in _setting(name, value, str(call)).items():
            if key in fields:
                raise ModelError(f"formula: {call} says {key} twice.")
            fields[key] = setting
    variable = names[0] if len(names) == 1 else tuple(names)
    return function.noun(*([variable] if names else ()), **fields)


def _setting(name: str, value: Node, call: str) -> dict[str, Any]:
    """Return the fields that a named argument says: a coding may hold its own reference."""
    if name == "basis" and isinstance(value, Call) and value.function in BASES_BY_NAME:
        given = [literal_of(one, call) for one in value.given]
        named = {key: literal_of(one, call) for key, one in value.named}
        return {name: BASES_BY_NAME[value.function](*given, **named)}
    if name != "contrasts":
        return {name: literal_of(value, call)}
    own: dict[str, Any] = {}
    if isinstance(value, Call) and value.function in CODINGS:
        inside = [*value.given, *(one for key, one in value.named if key == "reference")]
        if len(inside) != len(value.given) + len(value.named) or len(inside) > 1:
            raise ModelError(f"formula: {value} takes the reference level only.")
        own = {"reference": literal_of(inside[0], call)} if inside else {}
        value = Name(value.function)
    if isinstance(value, Name) and value.text in CODINGS:
        return {"contrasts": CODINGS[value.text], **own}
    if isinstance(value, Name):
        raise ModelError(
            f"formula: unknown coding {value} in {call}; known are {', '.join(CODINGS)}."
            f"{closest(value.text, CODINGS)}"
        )
    return {"contrasts": literal_of(value, call)}
