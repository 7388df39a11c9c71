"""Hypotheses about estimates: arithmetic of rows, read from strings and done draw by draw.

A string is parsed by Python's own grammar into a tree, of which numbers, names of rows and a closed
list of operations are allowed; nothing is evaluated as code.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from bayesglm.errors import DataError
from bayesglm.results.effects.contrasts import OF_LEVELS, index_pairs
from bayesglm.spec.hints import closest, shown

Array = np.ndarray
MOST_PAIRS = 1_000  # hypotheses that a word makes at most: chosen, of 45 rows by pairs
LONGEST = 10_000  # letters of a hypothesis: chosen, far beyond any that is meant
DEEPEST = 100  # operations inside one another: chosen
ARITHMETIC: dict[type, Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
SIGNS: dict[type, Callable[..., Any]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "abs": np.abs,
}
ORDERS = {ast.Gt: ">", ast.GtE: ">=", ast.Lt: "<", ast.LtE: "<=", ast.Eq: "="}
ABOVE = (">", ">=", "=")
FORMULA = re.compile(r"\s*(?:(difference|ratio)\s*~\s*)?(\w+)\s*")


class Hypothesis(NamedTuple):
    """A hypothesis: its words, the draws of its estimate, and where it holds among them.

    The estimate is the left side less the right one, so that an equality asks whether it is zero;
    ``holds`` says of each draw whether an inequality is true, else whether the estimate is above
    zero.
    """

    words: str
    draws: Array
    holds: Array


def hypotheses_of(hypothesis: Any, draws: Array, names: Sequence[str | None]) -> list[Hypothesis]:
    """Return hypotheses about estimates, of which there are draws ``(draws, rows)``.

    ``names`` are those of rows, where a row has one that no other has; each is also ``b0``, ``b1``
    and so on, by its place, as Python counts and marginaleffects for Python does.

    >>> draws = np.array([[1.0, 3.0], [2.0, 3.5]])
    >>> [one.draws.tolist() for one in hypotheses_of("b1 = 2 * b0", draws, [None, None])]
    [[1.0, -0.5]]
    >>> [one.words for one in hypotheses_of("pairwise", draws, ["north", "south"])]
    ['south - north']
    """
    every = [hypothesis] if isinstance(hypothesis, str) else hypothesis
    is_list = isinstance(every, (list, tuple)) and len(every) > 0
    if not is_list or not all(isinstance(one, str) for one in every):
        raise DataError(
            f"hypothesis must be a string or a list of them, got {shown(hypothesis)}; write "
            "hypothesis='b1 - b0 = 0' or 'pairwise'."
        )
    rows = {f"b{k}": draws[:, k] for k in range(draws.shape[1])}
    named = {name: draws[:, k] for k, name in enumerate(names) if name is not None}
    known = rows | named
    made: list[Hypothesis] = []
    for one in every:
        pairs = _by_word(one, draws, names)
        made += [_by_arithmetic(one, known)] if pairs is None else pairs
    return made


def _by_word(words: str, draws: Array, names: Sequence[str | None]) -> list[Hypothesis] | None:
    """Return the hypotheses that a word means; None where it is no such word."""
    matched = FORMULA.fullmatch(words)
    if matched is None or matched[2] not in OF_LEVELS:
        return None
    n, is_ratio = draws.shape[1], matched[1] == "ratio"
    if n < 2:
        raise DataError(f"hypothesis={words!r} compares estimates, and there is one only.")
    pairs = index_pairs(n, matched[2].removeprefix("rev"))
    if len(pairs) > MOST_PAIRS:
        raise DataError(
            f"hypothesis={words!r} makes {len(pairs):,} comparisons of {n:,} estimates; average "
            "them (by=), or name those that are meant: 'b1 - b0 = 0'."
        )
    made = []
    for low, high in pairs:
        first, second = (low, high) if matched[2].startswith("rev") else (high, low)
        told = [names[k] or f"b{k}" for k in (first, second)]
        with np.errstate(all="ignore"):
            one, other = draws[:, first], draws[:, second]
            values = one / other if is_ratio else one - other
        holds = values > (1.0 if is_ratio else 0.0)
        made.append(Hypothesis(f" {'/' if is_ratio else '-'} ".join(told), values, holds))
    return made


def _by_arithmetic(words: str, known: Mapping[str, Array]) -> Hypothesis:
    """Return the hypothesis that an equation, an inequality or a term of arithmetic says."""
    if len(words) > LONGEST:
        raise DataError(f"a hypothesis of {len(words):,} letters is too long; say it in several.")
    try:
        tree = ast.parse(re.sub(r"(?<![<>=!])=(?!=)", "==", words.strip()), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise DataError(
            f"hypothesis {shown(words)} cannot be read; write an equation or an inequality of rows "
            "and numbers, 'b1 - 2 * b0 = 0' or 'b1 > b0', or a word: "
            f"{', '.join(OF_LEVELS)}.{closest(words, OF_LEVELS)}"
        ) from error
    order = "="
    if isinstance(tree, ast.Compare):
        if len(tree.ops) > 1 or type(tree.ops[0]) not in ORDERS:
            raise DataError(
                f"hypothesis {shown(words)} has more than one sign among =, <, <=, > and >=, or "
                "another; write one equation, or several as a list."
            )
        order = ORDERS[type(tree.ops[0])]
        tree = ast.BinOp(tree.left, ast.Sub(), tree.comparators[0])
    n_draws = len(next(iter(known.values())))
    with np.errstate(all="ignore"):
        values = np.broadcast_to(np.asarray(_of(tree, known, words), dtype=np.float64), n_draws)
    above = values > 0.0 if order != ">=" else values >= 0.0
    below = values < 0.0 if order == "<" else values <= 0.0
    return Hypothesis(words.strip(), values, above if order in ABOVE else below)


def _of(node: ast.AST, known: Mapping[str, Array], words: str, depth: int = 0) -> Any:
    """Return the value of a tree, whose nodes are of a closed list; DataError at any other."""
    if depth > DEEPEST:
        raise DataError(f"hypothesis {shown(words)} is nested too deeply; say it in several.")

    def inner(one: ast.AST) -> Any:
        return _of(one, known, words, depth + 1)

    if isinstance(node, ast.Constant) and _is_number(node.value):
        return float(node.value)  # type: ignore[arg-type]
    if isinstance(node, ast.Name):
        return _row(node.id, known, words)
    if isinstance(node, ast.UnaryOp) and type(node.op) in SIGNS:
        return SIGNS[type(node.op)](inner(node.operand))
    if isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        # As arrays, whose division by zero and large powers have no exceptions.
        sides = (np.asarray(inner(one)) for one in (node.left, node.right))
        return ARITHMETIC[type(node.op)](*sides)
    if isinstance(node, ast.Call) and _is_function(node):
        assert isinstance(node.func, ast.Name)
        return FUNCTIONS[node.func.id](np.asarray(inner(node.args[0])))
    raise DataError(
        f"hypothesis {shown(words)} holds {shown(ast.unparse(node))}, which is no arithmetic; "
        "there are rows by name or as b0, b1, ..., numbers, + - * / **, brackets and "
        f"{', '.join(FUNCTIONS)}."
    )


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_function(node: ast.Call) -> bool:
    of_name = isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS
    return of_name and len(node.args) == 1 and not node.keywords


def _row(name: str, known: Mapping[str, Array], words: str) -> Array:
    if name not in known:
        n = sum(re.fullmatch(r"b\d+", one) is not None for one in known)
        others = [one for one in known if not re.fullmatch(r"b\d+", one)]
        raise DataError(
            f"hypothesis {shown(words)} names {name!r}, and the estimates are b0 to b{n - 1}"
            f"{', or ' + ', '.join(map(repr, others)) if others else ''}."
            f"{closest(name, known)}"
        )
    return known[name]
