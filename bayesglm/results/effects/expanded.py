"""Averages over many rows for many draws, by polynomials in the draws.

Row i has the linear predictor eta_i = x_i'w + o_i, and draws w = m + d of coefficients lie near
their mean m where rows are many. Each row's function f(eta_i), the mean of the response say, is
replaced by the polynomial p_i of degree K that it has at K + 1 Chebyshev nodes of the interval in
which all draws lie,

    sum_i v_i f(x_i'(m + d) + o_i) = sum_k sum_i v_i c_ik (x_i'd)^k + error,

and (x'd)^k = (x'd)^a (x'd)^b, a + b = k, where (x'd)^a is the sum over |alpha| = a of
a!/alpha! x^alpha d^alpha, in which rows and draws stand apart. So matrix products of powers take
the place of an exponential for each row and draw. The error is at most the weighted mean of those
of the rows' polynomials, which are measured where that of a smooth function is largest, at the
extrema of the next Chebyshev polynomial (Trefethen 2013, Approximation Theory and Approximation
Practice, chapters 3 and 8); as signs differ, and few draws lie at the ends, it is smaller by far.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from math import comb, factorial
from typing import NamedTuple

import numpy as np

Array = np.ndarray
DEGREES = range(1, 7)  # of polynomials
# Products of powers of two degrees: chosen, a multiplication for each row takes 0.05 ns, and the
# exponentials of 4,000 draws take 40,000 ns.
MOST_PRODUCTS = 200_000
TOGETHER = 200_000  # powers of rows (8 bytes each) that are made at a time: chosen, 1.6 MB


type Function = Callable[[Array, Array], Array]  # of predictors, and how far they reach in each row


class Draws(NamedTuple):
    """Draws of coefficients ``(draws, p)`` as their mean and ``z (draws, r)``, w = mean + root z.

    ``furthest`` is the length of the longest z, so that x'w lies within ``furthest * |root' x|`` of
    x'mean for all draws.
    """

    mean: Array
    root: Array
    z: Array
    furthest: float

    @staticmethod
    def of(w: Array) -> Draws:
        """Return draws in the directions in which they vary, each of variance one.

        >>> draws = Draws.of(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 3.0]]))
        >>> bool(np.allclose(draws.mean + draws.z @ draws.root.T, [[1, 2], [3, 4], [5, 3]]))
        True
        """
        mean = w.mean(axis=0)
        left, sizes, right = np.linalg.svd(w - mean, full_matrices=False)
        kept = sizes > 1e-14 * max(sizes.max(initial=0.0), np.finfo(float).tiny)
        scale = np.sqrt(len(w))
        z, root = left[:, kept] * scale, right[kept].T * (sizes[kept] / scale)
        return Draws(mean, root, z, float(np.sqrt((z**2).sum(axis=1).max(initial=0.0))))


class Piece(NamedTuple):
    """Some rows: their columns ``(rows, p)``, the known part of eta, and weights ``(rows, q)``."""

    X: Array
    offset: Array | float
    weights: Array


class Expansion(NamedTuple):
    """Weighted sums ``(draws, q)`` of a function over rows, and their errors ``(q,)`` at most."""

    sums: Array
    error: Array


def degree_for(f: Function, piece: Piece, draws: Draws, most_error: float) -> int | None:
    """Return the least degree whose error on some rows is small enough; None where none is."""
    eta, reach, _ = _ranges(piece, draws)
    for degree in DEGREES:
        if len(draws.z) and n_products(draws.z.shape[1], degree) > MOST_PRODUCTS:
            return None
        error = _polynomials(f, eta, reach, degree)[1]
        if (error @ np.abs(piece.weights)).sum() <= most_error:
            return degree
    return None


def expanded(f: Function, pieces: Iterator[Piece], draws: Draws, degree: int, q: int) -> Expansion:
    """Return weighted sums of ``f(eta, reach)`` over pieces of rows, for every draw.

    Each row's eta are given beside how far it reaches from its middle in all draws.

    >>> rng = np.random.default_rng(0)
    >>> X, w = rng.normal(size=(50, 2)), 0.1 * rng.normal(size=(30, 2))
    >>> piece = Piece(X, 0.0, np.ones((50, 1)))
    >>> sums, error = expanded(lambda eta, _: np.exp(eta), iter([piece]), Draws.of(w), 5, 1)
    >>> away = np.abs(sums[:, 0] - np.exp(w @ X.T).sum(axis=1)).max()
    >>> bool(away < error[0] < 0.01)
    True
    """
    r, half = draws.z.shape[1], degree - degree // 2
    sizes = [n_powers(r, k) for k in range(half + 1)]
    totals = [np.zeros((q, sizes[a], sizes[b])) for a, b in halves(degree)]
    error = np.zeros(q)
    for piece in pieces:
        eta, reach, U = _ranges(piece, draws)
        coefficients, wrong = _polynomials(f, eta, reach, degree)
        used = np.flatnonzero(piece.weights.any(axis=0))
        error[used] += wrong @ np.abs(piece.weights[:, used])
        # In units of its range, a row's distance from its middle is the product of two vectors of
        # length one at most.
        unit = U / np.where(reach > 0.0, reach, 1.0)[:, None] * draws.furthest
        powers = powers_of(np.ascontiguousarray(unit.T), half)
        for k, (a, b) in enumerate(halves(degree)):
            for column in used.tolist():
                heavy = powers[a] * (piece.weights[:, column] * coefficients[k])
                totals[k][column] += heavy @ powers[b].T
    z = np.ascontiguousarray(draws.z.T) / (draws.furthest or 1.0)
    pairs = zip(powers_of(z, half), multinomials(r, half), strict=True)
    powers = [one * factors[:, None] for one, factors in pairs]
    sums = np.zeros((len(draws.z), q))
    for (a, b), total in zip(halves(degree), totals, strict=True):
        for column in range(q):
            sums[:, column] += np.einsum("as,as->s", powers[a], total[column] @ powers[b])
    return Expansion(sums, error)


def halves(degree: int) -> list[tuple[int, int]]:
    """Return each degree up to some as the sum of two that are as alike as can be.

    >>> halves(3)
    [(0, 0), (0, 1), (1, 1), (1, 2)]
    """
    return [(k // 2, k - k // 2) for k in range(degree + 1)]


def n_powers(r: int, degree: int) -> int:
    """Return how many products of so many of r factors there are."""
    return comb(r + degree - 1, degree)


def n_products(r: int, degree: int) -> int:
    """Return how many products of powers a row takes part in, for the highest degree."""
    return n_powers(r, degree // 2) * n_powers(r, degree - degree // 2)


def rows_together(draws: Draws, degree: int) -> int:
    """Return how many rows are expanded at a time."""
    return max(64, TOGETHER // n_powers(draws.z.shape[1], degree - degree // 2))


def powers_of(x: Array, degree: int) -> list[Array]:
    """Return the products of so many of the rows of x, ``(products, n)``, up to a degree.

    Of each degree they stand in the order of their last factor.

    >>> [one[:, 0].tolist() for one in powers_of(np.array([[2.0], [3.0]]), 2)]
    [[1.0], [2.0, 3.0], [4.0, 6.0, 9.0]]
    """
    r, n = x.shape
    every = [np.ones((1, n))]
    for k in range(1, degree + 1):
        powers, start = np.empty((n_powers(r, k), n)), 0
        for j in range(r):
            size = n_powers(j + 1, k - 1)
            np.multiply(every[-1][:size], x[j], out=powers[start : start + size])
            start += size
        every.append(powers)
    return every


@lru_cache(maxsize=32)  # numbers of directions and degrees: few are in use at a time
def multinomials(r: int, degree: int) -> tuple[Array, ...]:
    """Return how often each product of powers occurs in (sum of r)^k, for k up to a degree.

    >>> [one.tolist() for one in multinomials(2, 2)]
    [[1.0], [1.0, 1.0], [1.0, 2.0, 1.0]]
    """
    exponents, every = np.zeros((1, r), dtype=np.intp), [np.ones(1)]
    factorials = np.array([factorial(k) for k in range(degree + 1)], dtype=np.float64)
    for k in range(1, degree + 1):
        blocks = []
        for j in range(r):
            block = exponents[: n_powers(j + 1, k - 1)].copy()
            block[:, j] += 1
            blocks.append(block)
        exponents = np.concatenate(blocks) if blocks else np.zeros((0, r), dtype=np.intp)
        every.append(factorials[k] / factorials[exponents].prod(axis=1))
    return tuple(every)


def _ranges(piece: Piece, draws: Draws) -> tuple[Array, Array, Array]:
    """Return the middle of each row's linear predictors, how far they reach, and root' x."""
    U = piece.X @ draws.root
    reach = draws.furthest * np.sqrt(np.einsum("ir,ir->i", U, U))
    return piece.X @ draws.mean + piece.offset, reach, U


def _polynomials(f: Function, eta: Array, reach: Array, degree: int) -> tuple[Array, Array]:
    """Return the coefficients ``(degree + 1, rows)`` of each row's polynomial, and its error."""
    nodes = np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1))
    extrema = np.cos(np.pi * np.arange(degree + 2) / (degree + 1))
    to_powers = np.linalg.inv(np.vander(nodes, increasing=True))
    coefficients = to_powers @ f(eta + nodes[:, None] * reach, reach)
    there = np.vander(extrema, degree + 1, increasing=True) @ coefficients
    return coefficients, np.abs(there - f(eta + extrema[:, None] * reach, reach)).max(axis=0)
