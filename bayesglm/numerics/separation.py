"""When no maximum likelihood estimate exists: dependent columns, and separated responses."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

type Array = NDArray[np.float64]
type Blocks = Callable[[], Iterable[Array]]

_DEPENDENT = 1e-9  # of a column's length
_FEASIBLE = 1e-8  # of the largest entry of X, with columns and rows scaled to 1


def dependent_columns(blocks: Blocks, n_columns: int) -> list[int]:
    """Return the columns that are linear combinations of earlier ones, to rounding.

    X is read in blocks of rows and its factor R updated block by block (TSQR: Demmel et al.
    2012, SIAM J. Sci. Comput. 34(1)); X'X, which would square the condition number, is never
    formed. A column is dependent when less than 1e-9 of its length lies outside the span of the
    earlier ones.

    >>> X = np.array([[1.0, 2.0, 2.0], [1.0, 3.0, 3.0], [1.0, 5.0, 5.0]])
    >>> dependent_columns(lambda: [X], 3)
    [2]
    """
    R, scale = np.zeros((0, n_columns)), _peaks(blocks, n_columns)
    for X in blocks():
        R = np.linalg.qr(np.vstack([R, X / scale]), mode="r")
    length = np.linalg.norm(R, axis=0)
    R = R / np.where(length > 0, length, 1.0)
    found: list[int] = []
    basis = np.zeros((len(R), 0))
    for k in range(n_columns):
        column = R[:, k]
        for _ in range(2):  # the second projection removes the rounding of the first
            column = column - basis @ (basis.T @ column)
        outside = float(np.linalg.norm(column))
        if outside <= _DEPENDENT:
            found.append(k)
        else:
            basis = np.column_stack([basis, column / outside])
    return found


def separating_direction(
    blocks: Blocks, y: Array, trials: Array | None, kind: str
) -> Array | None:
    """Return a direction along which the likelihood never falls and rises without end, or None.

    Complete and quasi-complete separation are one linear programme (Konis 2007, "Linear
    programming algorithms for detecting separated data in binary logistic regression models"):
    with box -1 <= d <= 1, maximise the sum of s_i x_i'd, where s_i x_i'd >= 0 for responses that
    push eta to one side (s_i = -1 at y = 0, +1 at y = trials) and x_i'd = 0 for all others. For
    ``kind="poisson"`` only y = 0 pushes, down.

    >>> X = np.array([[1.0, -2.0], [1.0, -1.0], [1.0, 1.0], [1.0, 2.0]])
    >>> direction = separating_direction(lambda: [X], np.array([0.0, 0.0, 1.0, 1.0]), None,
    ...                                  "binomial")
    >>> bool(direction[1] > 0)
    True
    >>> separating_direction(lambda: [X], np.array([0.0, 1.0, 0.0, 1.0]), None, "binomial")
    """
    X = np.concatenate(list(blocks()))
    scale = _peaks(lambda: [X], X.shape[1])
    X = X / scale
    n = np.ones(len(y)) if trials is None else trials
    side = np.where(y == 0, -1.0, 0.0)
    if kind == "binomial":
        side = np.where(y == n, 1.0, side)
    pushes = side != 0
    signed = np.unique(side[pushes, None] * X[pushes], axis=0)
    signed = signed[np.abs(signed).max(axis=1, initial=0.0) > 0]
    if not len(signed):
        return None
    signed = signed / np.abs(signed).max(axis=1, keepdims=True)
    held = np.unique(X[~pushes & (n > 0)], axis=0)
    result = linprog(
        -signed.sum(axis=0),
        A_ub=-signed,
        b_ub=np.zeros(len(signed)),
        A_eq=held if len(held) else None,
        b_eq=np.zeros(len(held)) if len(held) else None,
        bounds=(-1.0, 1.0),
        method="highs",
    )
    if result.x is None:
        return None
    gains = signed @ result.x
    stays = np.abs(held @ result.x).max(initial=0.0) <= _FEASIBLE
    if not stays or gains.min() < -_FEASIBLE or gains.max() <= 1e3 * _FEASIBLE:
        return None
    return result.x / scale


def _peaks(blocks: Blocks, n_columns: int) -> Array:
    """Return the largest absolute entry of every column, 1 for columns of zeros."""
    peak = np.zeros(n_columns)
    for X in blocks():
        peak = np.maximum(peak, np.abs(X).max(axis=0, initial=0.0))
    return np.where(peak > 0, peak, 1.0)
