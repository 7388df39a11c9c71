"""What stands in the parentheses of a formula's functions: names, numbers, words, lists."""

from __future__ import annotations

from typing import Any

from bayesglm.errors import ModelError
from bayesglm.spec.formula.syntax import Call, Name, Node, Number, Several, Sign, Word

CONSTANTS = {"True": True, "False": False, "None": None, "TRUE": True, "FALSE": False, "NULL": None}


def variable_of(node: Node, what: str) -> str:
    """Return the name of a variable that must stand somewhere."""
    if not isinstance(node, Name):
        raise ModelError(
            f"formula: {what} must be the name of a variable, got {node}; make {node} a column of "
            "the data, and name that."
        )
    return node.text


def literal_of(node: Node, where: str) -> Any:
    """Return a number, word, truth value or tuple of these; raises ModelError for anything else.

    >>> from bayesglm.spec.formula.syntax import parse
    >>> literal_of(parse("['a', -2, None]"), "f()")
    ('a', -2, None)
    """
    if isinstance(node, Word):
        return node.text
    if isinstance(node, Number):
        return int(node.value) if node.value.is_integer() else node.value
    if isinstance(node, Sign) and isinstance(node.of, Number):
        value = literal_of(node.of, where)
        return -value if node.sign == "-" else value
    if isinstance(node, Several):
        return tuple(literal_of(part, where) for part in node.parts)
    if isinstance(node, Call) and node.function == "c" and not node.named:  # R's way of a list
        return tuple(literal_of(part, where) for part in node.given)
    if isinstance(node, Name) and node.text in CONSTANTS:
        return CONSTANTS[node.text]
    remedy = f"; write '{node}' for a word" if isinstance(node, Name) else ""
    raise ModelError(
        f"formula: {node} in {where} is no number, word, True, False, None or list{remedy}. "
        "Nothing of the program is looked up."
    )
