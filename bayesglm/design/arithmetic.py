"""Columns that are computed of variables, by functions and operators of a closed list."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from bayesglm.errors import DataError
from bayesglm.spec.formula.arithmetic import FUNCTIONS
from bayesglm.spec.formula.syntax import Call, Name, Node, Number, Pair, Sign

Array = np.ndarray
# The functions and operators of arithmetic that keep no numbers of the data, by name.
PLAIN: dict[str, Callable[[Array], Array]] = {
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "exp": np.exp,
    "expm1": np.expm1,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "square": np.square,
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
}
OPERATORS: dict[str, Callable[[Array, Array], Array]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "**": np.power,
}


class Computation:
    """One expression computed on data: ``constants`` are those of its functions, in their order.

    Where none are given they are taken from the data, over the samples ``counted``, and stand in
    ``kept`` when it is done. ``place`` says where a sample stands of which something is bad.
    """

    def __init__(
        self,
        columns: Mapping[str, Array],
        constants: Sequence[float] | None,
        place: Callable[[Array], str],
        counted: Any = slice(None),
    ) -> None:
        self.columns, self.place, self.counted = columns, place, counted
        self.given = None if constants is None else list(constants)
        self.kept: list[float] = []

    def of(self, node: Node) -> Array:
        """Return the values of an expression; DataError where one of them is no number."""
        if isinstance(node, Name):
            return self.columns[node.text]
        if isinstance(node, Number):
            return np.asarray(node.value)
        if isinstance(node, Sign):
            inside = self.of(node.of)
            return -inside if node.sign == "-" else inside
        if isinstance(node, Pair):
            left, right = self.of(node.left), self.of(node.right)
            with np.errstate(all="ignore"):
                return self._finite(OPERATORS[node.operator](left, right), node, right)
        assert isinstance(node, Call)
        inside = self.of(node.given[0])
        if FUNCTIONS[node.function].n_constants:
            return self._by_constants(node, inside)
        with np.errstate(all="ignore"):
            return self._finite(PLAIN[node.function](inside), node, inside)

    def _by_constants(self, call: Call, inside: Array) -> Array:
        """Subtract the mean; and divide by the sd, of ``scale``."""
        n = FUNCTIONS[call.function].n_constants
        if self.given is None:
            seen = inside[self.counted] if inside.ndim else inside
            found = [float(seen.mean()), float(seen.std())][:n]
            if n == 2 and not found[1] > 0.0:
                raise DataError(
                    f"{call} divides by the sd of values that do not vary; leave it out."
                )
        else:
            found = [self.given.pop(0) for _ in range(n)]
        self.kept += found
        centred = inside - found[0]
        return centred / found[1] if n == 2 else centred

    def _finite(self, values: Array, node: Node, inside: Array) -> Array:
        bad = ~np.isfinite(values)
        if bad.any():
            bad = np.broadcast_to(bad, np.broadcast_shapes(bad.shape, inside.shape))
            domain = FUNCTIONS[node.function].domain if isinstance(node, Call) else ""
            rule = f"values must be {domain}" if domain else "there it is no finite number"
            raise DataError(
                f"{node} cannot be computed at {self.place(bad)}: {rule}. Mend these samples, "
                "leave them out, or compute another column."
            )
        return values
