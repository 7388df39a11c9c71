"""The left side of a formula: the response, and what brms writes behind its bar."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bayesglm.errors import ModelError
from bayesglm.spec.formula.algebra import signed
from bayesglm.spec.formula.syntax import Call, Name, Node, Pair
from bayesglm.spec.formula.values import literal_of, variable_of
from bayesglm.spec.hints import RESPONSES_ELSEWHERE, closest

SHARES = ("p", "prop", "proportion")  # of successes among trials, as Bambi writes them


def response_of(node: Node) -> tuple[str, dict[str, Any]]:
    """Return the name of the response, and the fields of a model that the left side says.

    >>> from bayesglm.spec.formula.syntax import parse
    >>> response_of(parse("y | trials(n) + weights(w) ~ x").left)
    ('y', {'trials': 'n', 'weights': 'w'})
    """
    fields: dict[str, Any] = {}
    if isinstance(node, Pair) and node.operator == "|":
        for _, part in signed(node.right):
            name, value = _addition(part)
            fields[name] = value
        node = node.left
    if isinstance(node, Call) and node.function in SHARES and len(node.given) == 2:
        fields["trials"] = variable_of(node.given[1], f"the trials of {node}")
        node = node.given[0]
    if not isinstance(node, Name):
        function = node.function if isinstance(node, Call) else ""
        remedy = RESPONSES_ELSEWHERE.get(
            function,
            "compute it as a column of the data, so that predictions have a unit, and name that",
        )
        if isinstance(node, Pair) and node.operator == "/":
            part, whole = node.left, node.right
            remedy = (
                f"write {part} ~ ... + offset(log({whole})) for counts over an exposure, "
                f"p({part}, {whole}) ~ ... for counts among trials"
            )
        raise ModelError(f"formula: the response is {node}, and must be a variable; {remedy}.")
    return node.text, fields


def _addition(part: Node) -> tuple[str, Any]:
    if not isinstance(part, Call) or part.function not in ADDITIONS:
        known = ", ".join(f"{name}()" for name in ADDITIONS)
        hint = closest(part.function, ADDITIONS) if isinstance(part, Call) else ""
        raise ModelError(f"formula: behind the response's | stand {known}, and no {part}.{hint}")
    field, read = ADDITIONS[part.function]
    return field, read(part)


def _variable(call: Call) -> str:
    if len(call.given) != 1 or call.named:
        raise ModelError(f"formula: {call} takes the name of one variable.")
    return variable_of(call.given[0], call.function)


def _censoring(call: Call) -> str | tuple[str, ...]:
    names = tuple(variable_of(one, f"each part of {call}") for one in call.given)
    if call.named or len(names) not in (1, 2):
        raise ModelError(
            f"formula: {call} takes the status and the upper ends: cens(status, upper)."
        )
    return names[0] if len(names) == 1 else names


def _truncation(call: Call) -> tuple[Any, Any]:
    ends = dict(zip(("lb", "ub"), call.given, strict=False)) | dict(call.named)
    if not ends or set(ends) - {"lb", "ub"} or len(call.given) > 2:
        raise ModelError(f"formula: {call} takes the ends of what can be seen: trunc(lb=0, ub=10).")
    lower, upper = (
        None
        if (end := ends.get(name)) is None
        else end.text
        if isinstance(end, Name) and end.text not in ("None", "NULL")
        else literal_of(end, str(call))
        for name in ("lb", "ub")
    )
    return lower, upper


# By brms's names: the field of the model that each says, and how it is read.
ADDITIONS: dict[str, tuple[str, Callable[[Call], Any]]] = {
    "trials": ("trials", _variable),
    "weights": ("weights", _variable),
    "rate": ("exposure", _variable),
    "cens": ("censored", _censoring),
    "trunc": ("truncated", _truncation),
}
