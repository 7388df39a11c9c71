"""Functions of two numbers that are slow to compute, by polynomials on panels that are kept.

The plane of (u, a), a being positive, is laid out in panels once and for all. On each a function is
a polynomial in both through its values at Chebyshev nodes, found when a number falls into it first
(Trefethen 2013, Approximation Theory and Approximation Practice, chapters 3 and 8). What is
returned at a place depends on nothing but the place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.polynomial.chebyshev import chebvander
from numpy.typing import NDArray

type Array = NDArray[np.float64]

_ROWS = 4096  # places whose polynomials are held at a time
_MOST = 8192  # panels that are kept: 50 MB where they are of six functions


def _nodes(count: int) -> tuple[Array, Array]:
    """Return Chebyshev nodes, and the matrix from values there to coefficients."""
    nodes: Array = np.cos(np.pi * (np.arange(count) + 0.5) / count)
    return nodes, np.linalg.inv(chebvander(nodes, count - 1)).astype(np.float64)


@dataclass(frozen=True)
class Panels:
    """Several functions of (u, a) at once.

    - `function(u, a)`: their values ``(functions, n)`` at ``(n,)`` places.
    - `per_a`: panels per unit of log a; along a panel polynomials are in a.
    - `mesh(a)`: the ends u of the stretch in which panels are narrow, and how many there are per
      unit of u, for the largest a of a panel; elsewhere there are two.
    - `counts`: nodes in u and in a.

    >>> panels = Panels(lambda u, a: np.stack([a * np.sin(u)]), 4.0,
    ...                 lambda a: (0.0 * a, 0.0 * a + 1.0, 0.0 * a + 3.0), (16, 4))
    >>> found = panels.at(np.array([0.5, 2.0]), np.array([3.0]), np.zeros(2, dtype=int), 1)
    >>> np.abs(found - 3.0 * np.sin([0.5, 2.0])).max() < 1e-14
    np.True_
    """

    function: Callable[[Array, Array], Array]
    per_a: float
    mesh: Callable[[Array], tuple[Array, Array, Array]]
    counts: tuple[int, int]
    known: dict[tuple[int, int], Array] = field(default_factory=dict, repr=False)

    def at(self, u: Array, ones: Array, which: NDArray[np.intp], how_many: int) -> Array:
        """Return the first functions ``(how_many, n)`` at u ``(n,)`` and a = ones[which]."""
        row = np.floor(np.log(ones) * self.per_a)
        bounds = self._mesh(row)
        column = np.floor(_along(u, *(one[which] for one in bounds)))
        first = column.min(initial=0.0)
        width = column.max(initial=0.0) - first + 1.0
        pairs, pair = np.unique(which * width + (column - first), return_inverse=True)
        of_one = (pairs // width).astype(np.intp)
        of_column = pairs % width + first
        lines = self._lines(row[of_one], of_column, ones[of_one], how_many)
        left, right = (
            _back(of_column + side, *(one[of_one] for one in bounds)) for side in (0.0, 1.0)
        )
        found = np.empty((how_many, len(u)))
        for start in range(0, len(u), _ROWS):
            some = slice(start, start + _ROWS)
            own = pair[some]
            x = _local(u[some], left[own], right[own])
            basis = chebvander(x, self.counts[0] - 1)
            # Added up in one order, so that nothing depends on how many places there are.
            found[:, some] = sum(
                line[own].T * power for line, power in zip(lines, basis.T, strict=True)
            )
        return found

    def _mesh(self, row: Array) -> tuple[Array, Array, Array]:
        return self.mesh(np.exp((row + 1.0) / self.per_a))

    def _lines(self, row: Array, column: Array, a: Array, how_many: int) -> Array:
        """Return the polynomials in u ``(k, n, functions)`` that those of panels are at given a."""
        kinds, kind = np.unique(np.stack([row, column]), axis=1, return_inverse=True)
        panels = np.stack([self._panel(int(i), int(j))[..., :how_many] for i, j in kinds.T], axis=2)
        low, high = np.exp(row / self.per_a), np.exp((row + 1.0) / self.per_a)
        basis = chebvander(_local(a, low, high), self.counts[1] - 1)
        lines = np.zeros((self.counts[0], len(a), how_many))
        for start in range(0, len(a), _ROWS):
            some = slice(start, start + _ROWS)
            for panel, power in zip(panels, basis[some].T, strict=True):
                lines[:, some] += panel[:, kind[some]] * power[:, None]
        return lines

    def _panel(self, row: int, column: int) -> Array:
        """Return the coefficients ``(l, k, functions)`` of one panel."""
        found: Any = self.known.get((row, column))
        if found is None:
            found = self._made(row, column)
            if len(self.known) >= _MOST:
                self.known.clear()
            self.known[row, column] = found
        return found

    def _made(self, row: int, column: int) -> Array:
        bounds = self._mesh(np.array(float(row)))
        left, right = (_back(np.array(column + side), *bounds) for side in (0.0, 1.0))
        low, high = np.exp(np.array([row, row + 1.0]) / self.per_a)
        (x, to_x), (y, to_y) = map(_nodes, self.counts)
        u = np.repeat(left + 0.5 * (x + 1.0) * (right - left), len(y))
        a = np.tile(low + 0.5 * (y + 1.0) * (high - low), len(x))
        values = self.function(u, a).reshape(-1, len(x), len(y))
        return np.einsum("ki,fij,lj->lkf", to_x, values, to_y)


def _local(x: Array, low: Array, high: Array) -> Array:
    return 2.0 * (x - low) / (high - low) - 1.0


def _along(u: Array, start: Array, stop: Array, many: Array) -> Array:
    """Return how many panels lie between 0 and u, a continuous function of u."""
    return 2.0 * u + (many - 2.0) * (np.clip(u, start, stop) - start)


def _back(t: Array, start: Array, stop: Array, many: Array) -> Array:
    """Return the u of which `_along` says t."""
    inside = np.clip(t - 2.0 * start, 0.0, many * (stop - start))
    return start + inside / many + 0.5 * (t - 2.0 * start - inside)
