"""Arithmetic of variables: which functions and operators there are, and how it is written.

The list is closed. An expression is a tree of names, numbers, ``+ - * / **`` and these functions;
`bayesglm.design.arithmetic` computes it, column by column, and nothing else ever does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from bayesglm.errors import ModelError
from bayesglm.spec.formula.syntax import Call, Name, Node, Number, Pair, Sign, parse
from bayesglm.spec.hints import closest, shown

OPERATORS = ("+", "-", "*", "/", "**")
MODULES = ("np.", "numpy.", "math.")  # before a function's name, as others write it


class Function(NamedTuple):
    """A function of one column: where it is defined, and how many numbers it keeps of the data.

    ``domain`` is what its values must be, in words; empty where they may be any numbers.
    """

    domain: str = ""
    n_constants: int = 0


FUNCTIONS: dict[str, Function] = {
    "log": Function("positive"),
    "log2": Function("positive"),
    "log10": Function("positive"),
    "log1p": Function("above -1"),
    "exp": Function(),
    "expm1": Function(),
    "sqrt": Function("zero or more"),
    "abs": Function(),
    "square": Function(),
    "sin": Function(),
    "cos": Function(),
    "tanh": Function(),
    "center": Function(n_constants=1),
    "scale": Function(n_constants=2),
}
ALSO = {"absolute": "abs", "standardize": "scale", "standardise": "scale", "fabs": "abs"}
GROUPED = "I"  # stands for what is inside


def known_function(name: str) -> str | None:
    """Return what a function is called here, None where there is no such one.

    >>> known_function("np.log"), known_function("standardize"), known_function("eval")
    ('log', 'scale', None)
    """
    for module in MODULES:
        name = name.removeprefix(module)
    name = ALSO.get(name, name)
    return name if name in FUNCTIONS or name == GROUPED else None


def is_arithmetic(node: Node) -> bool:
    """Say whether a call of a formula computes a column."""
    return isinstance(node, Call) and known_function(node.function) is not None


def plain(node: Node) -> Node:
    """Return an expression with functions by their names here, and without I().

    Raises ModelError where it holds anything but variables, numbers, operators and functions.
    """
    if isinstance(node, (Name, Number)):
        return node
    if isinstance(node, Sign):
        return Sign(node.sign, plain(node.of))
    if isinstance(node, Pair) and node.operator in OPERATORS:
        return Pair(node.operator, plain(node.left), plain(node.right))
    if isinstance(node, Call):
        return _call(node)
    raise ModelError(
        f"arithmetic takes variables, numbers, {' '.join(OPERATORS)} and functions, and no {node}; "
        "compute it as a column of the data."
    )


def _call(call: Call) -> Node:
    function = known_function(call.function)
    if function is None:
        raise ModelError(
            f"unknown function {call.function}(); arithmetic knows {', '.join(FUNCTIONS)}."
            f"{closest(call.function, FUNCTIONS)} Compute anything else as a column of the data."
        )
    if len(call.given) != 1 or call.named:
        raise ModelError(f"{call} takes one expression, such as {call.function}(x).")
    inside = plain(call.given[0])
    return inside if function == GROUPED else Call(function, (inside,))


def expression(text: str) -> Node:
    """Read the text of an expression, in which `transform=` says how a column is computed."""
    return plain(parse(text))


def names_in(node: Node) -> tuple[str, ...]:
    """Return the variables of an expression, each once."""
    return tuple(dict.fromkeys(one.text for one in _every(node) if isinstance(one, Name)))


def n_constants(node: Node) -> int:
    """Return how many numbers the functions of an expression keep of the data."""
    return sum(FUNCTIONS[one.function].n_constants for one in _every(node) if isinstance(one, Call))


def _every(node: Node) -> Iterator[Node]:
    """Run through an expression, what is inside a function before the function."""
    if isinstance(node, Pair):
        yield from _every(node.left)
        yield from _every(node.right)
    elif isinstance(node, Sign):
        yield from _every(node.of)
    elif isinstance(node, Call):
        yield from _every(node.given[0])
    yield node


def checked(text: object, variables: tuple[str, ...]) -> str:
    """Return an expression as it is written here; ModelError unless it is one of the variables.

    The name of a function alone is that function of the one variable there is.
    """
    if not isinstance(text, str):
        raise ModelError(f"transform must be text such as 'log' or 'x**2', got {shown(text)}.")
    alone = known_function(text.strip())
    if alone is not None and alone != GROUPED and text.strip() not in variables:
        if len(variables) != 1:
            raise ModelError(
                f"transform={text!r} is of one variable, and there are {len(variables)}; write how "
                f"they make one column, for example {' / '.join(variables)!r}."
            )
        return alone
    node = expression(text)
    named = names_in(node)
    other = [name for name in named if name not in variables]
    if other:
        raise ModelError(
            f"transform={text!r} names {other[0]!r}, which is none of the term's variables "
            f"({', '.join(variables)}) and no function ({', '.join(FUNCTIONS)})."
            f"{closest(other[0], (*variables, *FUNCTIONS))}"
        )
    unused = [name for name in variables if name not in named]
    if unused:
        raise ModelError(f"transform={text!r} leaves the variable {unused[0]!r} out; name it, too.")
    if (
        isinstance(node, Call)
        and isinstance(node.given[0], Name)
        and node.function not in variables
    ):
        return node.function
    return str(node)


def tree_of(transform: str, variables: tuple[str, ...]) -> Node:
    """Return the tree of a transform that was `checked`."""
    if transform in FUNCTIONS and transform not in variables:
        return Call(transform, (Name(variables[0], quoted=not variables[0].isidentifier()),))
    return expression(transform)
