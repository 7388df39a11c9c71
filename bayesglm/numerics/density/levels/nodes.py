"""Nodes and weights of Gauss-Hermite quadrature over the few effects of a level.

An integral of exp(f) over k effects, with c and S near its mode and the root of its covariance, is

    |S| sum_q exp(f(c + S x_q) + log w_q + x_q' x_q / 2)

where x_q and w_q are those of a standard normal weight (Naylor & Smith 1982, Journal of the Royal
Statistical Society C 31, 214-225; Liu & Pierce 1994, Biometrika 81, 624-629). With one node it is
Laplace's approximation; it is exact where exp(f) is a normal density times a polynomial of degree
2n - 1.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.polynomial.hermite_e import hermegauss

Array = np.ndarray
LEAST_WEIGHT = 1e-12  # of a node among several effects' beside the heaviest: next to nothing


class Nodes(NamedTuple):
    """Points ``(q, k)`` and log w_q + x_q'x_q / 2 ``(q,)``; ``n`` of them along each effect."""

    points: Array
    log_weights: Array
    n: int


@lru_cache(maxsize=64)
def hermite(n: int, k: int) -> Nodes:
    """Return the product of n nodes along each of k effects, the centre first if it is one.

    >>> nodes = hermite(3, 1)
    >>> nodes.points.round(4).ravel().tolist()
    [0.0, -1.7321, 1.7321]
    >>> float(np.exp(nodes.log_weights - 0.5 * nodes.points[:, 0] ** 2).sum().round(4))
    2.5066
    """
    points, weights = hermegauss(n)
    grid = np.stack(np.meshgrid(*[points] * k, indexing="ij"), axis=-1).reshape(-1, k)
    logs = np.stack(np.meshgrid(*[np.log(weights)] * k, indexing="ij"), axis=-1)
    log_weights = logs.reshape(-1, k).sum(axis=1)
    kept = log_weights > log_weights.max() + np.log(LEAST_WEIGHT) if k > 1 else slice(None)
    grid, log_weights = grid[kept], log_weights[kept]
    order = np.argsort(np.abs(grid).sum(axis=1), kind="stable")
    squares = 0.5 * np.einsum("qk,qk->q", grid, grid)
    return Nodes(grid[order], (log_weights + squares)[order], n)
