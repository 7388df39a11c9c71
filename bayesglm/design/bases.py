"""Bases of curves: functions of one number, each a column, given by coefficients of pieces.

Splines go on beyond their bounds as straight lines, with the value and the slope that they have
there. Sources: de Boor (2001), A Practical Guide to Splines, chapter IX; Eilers & Marx (1996),
Flexible smoothing with B-splines and penalties; Wood (2017), Generalized Additive Models, 5.3.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.interpolate import BSpline, CubicSpline
from scipy.linalg import solve_triangular

Array = np.ndarray
type Functions = Callable[[Array], Array]  # of x ``(n,)``, giving columns ``(n, p)``


def clamped_knots(inner: Array, bounds: tuple[float, float], degree: int) -> Array:
    """Return all knots of B-splines that end at the bounds, which are knots degree + 1 times."""
    low, high = bounds
    return np.concatenate([[low] * (degree + 1), inner, [high] * (degree + 1)])


def periodic_knots(inner: Array, bounds: tuple[float, float], degree: int) -> Array:
    """Return the knots of one period, and so many of the next and the last as B-splines reach."""
    low, high = bounds
    once = np.concatenate([[low], inner])
    places = np.arange(-degree, len(once) + degree + 1)
    return once[places % len(once)] + (high - low) * (places // len(once))


def greville(knots: Array, degree: int) -> Array:
    """Return where the coefficients of B-splines stand: x itself has these as its coefficients.

    >>> greville(clamped_knots(np.array([1.0]), (0.0, 2.0), 1), 1).tolist()
    [0.0, 1.0, 2.0]
    """
    inside = np.lib.stride_tricks.sliding_window_view(knots[1:-1], degree)
    return inside.mean(axis=1)


def clamped(inner: Array, bounds: tuple[float, float], degree: int, made_of: Array) -> Functions:
    """Return functions made of B-splines, with coefficients ``made_of (n_splines, p)``."""
    return _with_straight_tails(
        BSpline(clamped_knots(inner, bounds, degree), made_of, degree), bounds
    )


def periodic(inner: Array, bounds: tuple[float, float], degree: int, made_of: Array) -> Functions:
    """Return the same of as many periodic B-splines as there are knots in a period."""
    knots, n = periodic_knots(inner, bounds, degree), len(inner) + 1
    curve = BSpline(knots, made_of[np.arange(n + degree) % n], degree)
    return lambda x: curve(wrapped(x, bounds))


def wrapped(x: Array, bounds: tuple[float, float]) -> Array:
    """Return values in the period that begins at the lower bound.

    >>> wrapped(np.array([-1.0, 3.0, 25.0]), (0.0, 24.0)).tolist()
    [23.0, 3.0, 1.0]
    """
    low, high = bounds
    return low + np.mod(x - low, high - low)


def natural_cubic(inner: Array, bounds: tuple[float, float], made_of: Array) -> Functions:
    """Return natural cubic splines with the values ``made_of (n_knots, p)`` at all knots."""
    knots = np.concatenate([bounds[:1], inner, bounds[1:]])
    return _with_straight_tails(CubicSpline(knots, made_of, bc_type="natural"), bounds)


def _with_straight_tails(curve: Any, bounds: tuple[float, float]) -> Functions:
    ends = np.array(bounds)
    slopes = curve.derivative()(ends)

    def values(x: Array) -> Array:
        inside = np.clip(x, *bounds)
        columns = curve(inside)
        beyond = x - inside
        for slope, side in zip(slopes, (beyond < 0.0, beyond > 0.0), strict=True):
            if side.any():
                columns[side] += beyond[side, None] * slope
        return columns

    return values


def second_differences(places: Array, unit: float) -> Array:
    """Return D ``(n - 2, n)``: second divided differences over places, zero of straight lines.

    Each is times the root of its width, all in a unit of length: of places one unit apart they are
    c_k+1 - 2 c_k + c_k-1.

    >>> second_differences(np.array([0.0, 2.0, 4.0, 6.0]), 2.0).tolist()
    [[1.0, -2.0, 1.0, 0.0], [0.0, 1.0, -2.0, 1.0]]
    """
    slopes = np.diff(np.eye(len(places)), axis=0) / (np.diff(places) / unit)[:, None]
    widths = 0.5 * (places[2:] - places[:-2]) / unit
    return np.diff(slopes, axis=0) / np.sqrt(widths)[:, None]


def bends(places: Array) -> Array:
    """Return coefficients ``(n, n - 2)`` with D bends = 1, in units of the mean spacing."""
    unit = (places[-1] - places[0]) / (len(places) - 1)
    Q, R = np.linalg.qr(second_differences(places, unit).T)
    return Q @ solve_triangular(R, np.eye(len(R)), trans="T")


def periodic_bends(places: Array, period: float) -> Array:
    """Return coefficients ``(n, n - 1)`` around a circle, with |D periodic_bends u| = |u|."""
    around = np.concatenate([places[-1:] - period, places, places[:1] + period])
    every = second_differences(around, period / len(places))
    D = every[:, 1:-1].copy()
    D[:, -1] += every[:, 0]
    D[:, 0] += every[:, -1]
    # D takes constants to zero, and nothing else; nothing that it gives lies along the roots of the
    # widths. With the one put in place of the other it has an inverse, which adds no constant.
    roots = np.sqrt(around[2:] - around[:-2])
    return np.linalg.solve(
        D + np.outer(roots / np.linalg.norm(roots), np.ones(len(D))), complement(roots)
    )


def complement(direction: Array) -> Array:
    """Return an orthonormal basis ``(n, n - 1)`` of what is orthogonal to a direction.

    Householder's reflection without its first column, as a QR decomposition makes it.

    >>> complement(np.array([0.0, -3.0])).tolist()
    [[1.0], [0.0]]
    """
    v = direction / np.linalg.norm(direction)
    v[0] += 1.0 if v[0] >= 0.0 else -1.0
    reflection = np.eye(len(v)) - np.outer(v, v) * (2.0 / (v @ v))
    return reflection[:, 1:]


def recurrence(x: Array, degree: int) -> tuple[Array, Array]:
    """Return centres and squared norms of the polynomials that are orthogonal over samples x.

    P_0 = 1, P_k+1 = (x - centre_k) P_k - norm_k/norm_k-1 P_k-1 (Forsythe 1957, as R's ``poly``).
    """
    centres, norms = np.empty(degree), np.empty(degree + 1)
    before, current = np.zeros_like(x), np.ones_like(x)
    for k in range(degree):
        norms[k] = current @ current
        centres[k] = x @ (current * current) / norms[k]
        share = norms[k] / norms[k - 1] if k else 0.0
        before, current = current, (x - centres[k]) * current - share * before
    norms[degree] = current @ current
    return centres, norms


def polynomials(centres: Array, norms: Array) -> Functions:
    """Return the polynomials of degree 1 and more of a `recurrence`, each of norm one over x."""

    def values(x: Array) -> Array:
        columns = [np.zeros_like(x), np.ones_like(x)]
        shares = [0.0, *(after / before for before, after in pairwise(norms))]
        for centre, share in zip(centres, shares, strict=False):
            columns.append((x - centre) * columns[-1] - share * columns[-2])
        return np.column_stack(columns[2:]) / np.sqrt(norms[1:])

    return values
