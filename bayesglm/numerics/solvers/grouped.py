"""Quadratics with kinks of groups: argmax_z linear @ z - z' M z / 2 - kinks.penalty(z).

Blocks in turn go to their own maximum: a group to the one that a secular equation gives in the
eigenbasis of its block of M, all single kinks together to theirs. That finds which groups are zero.
The others are smooth where they are, and Newton's method takes them to the last digit.

Sources: Yuan & Lin (2006), JRSS B 68(1); Tseng (2001), J. Optim. Theory Appl. 109(3) (ascent by
blocks where the kinks are separate); Qin, Scheinberg & Goldfarb (2013), Math. Prog. Comp. 5(2) (the
exact step of a group); Moré & Sorensen (1983), SIAM J. Sci. Stat. Comput. 4(3) (the equation).
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_solve

from bayesglm.numerics.solvers.kinked import maximise_kinked
from bayesglm.numerics.solvers.kinks import Array, Indices, Kinks
from bayesglm.numerics.solvers.quadratic import scaled_model

_EXACT = 1e-11  # of the largest pull, per sd: a dual that exceeds its kink by less does not
_MOST_ROUNDS = 200  # of sweeps and Newton's method after them
_SWEEPS = 3  # over all blocks before Newton's method is tried
_MOST_STEPS = 40  # of Newton's method, and of the secular equation
_ARRIVED = 1e-26  # gain of a Newton step, relative to 1 + |objective|, that ends them
_ROUNDING = 1e-14  # the same, that cannot be told from none
_SHORTEST = 1e-3  # of a Newton step; where less would rise, a group is on its way to zero
_ALIKE = 1e-15  # relative change of a length that is rounding


class _Group(NamedTuple):
    """A group of several: its members, its weight, and the eigenbasis of its block of M."""

    members: Indices
    weight: float
    bends: Array
    basis: Array

    def maximum(self, pull: Array) -> Array:
        """Return argmax pull @ w - w' B w / 2 - weight |w|.

        With r = |w| it is (B + weight / r)^-1 pull, of length r where sum_k (pull_k / (bend_k r +
        weight))^2 is 1, along the eigenvectors. That falls with r, and one over its root is nearly
        straight.
        """
        along = self.basis.T @ pull
        squares = np.square(along)
        if np.sqrt(squares.sum()) <= self.weight:
            return np.zeros(len(pull))
        low, high, r = 0.0, np.inf, 0.0
        for _ in range(_MOST_STEPS):
            spread = self.bends * r + self.weight
            each = squares / np.square(spread)
            total = each.sum()
            low, high = (r, high) if total > 1.0 else (low, r)
            slope = float((each * self.bends / spread).sum())
            last, r = r, r + total * (np.sqrt(total) - 1.0) / slope
            if not low <= r <= high:
                r = 0.5 * (low + high)
            if abs(r - last) <= _ALIKE * r:
                break
        return self.basis @ (along * r / (self.bends * r + self.weight))


def maximise_grouped(matrix: Array, linear: Array, kinks: Kinks, near: Array) -> Array:
    """Return the maximum, with exact zeros, from a point nearby; M is positive definite.

    >>> kinks = Kinks(np.zeros(3), np.zeros(3), groups=(np.array([0, 1]), np.array([2])),
    ...               group_weight=np.array([2.0, 2.0]))
    >>> z = maximise_grouped(np.eye(3), np.array([3.0, 4.0, 1.0]), kinks, np.zeros(3))
    >>> z.round(12).tolist()
    [1.8, 2.4, 0.0]
    """
    groups = [_group(matrix, *pair) for pair in kinks.pairs]
    singles, unit = np.flatnonzero(~kinks.grouped), np.sqrt(np.diagonal(matrix))
    sd = 1.0 / unit[singles]
    own = kinks.take(singles).around(sd)
    block = matrix[np.ix_(singles, singles)] * np.outer(sd, sd)
    tolerance = _EXACT * unit * float(np.abs(linear / unit).max(initial=0.0))
    z = near.copy()
    for _ in range(_MOST_ROUNDS):
        for _ in range(_SWEEPS):
            if len(singles):
                start = z[singles] / sd
                pull = sd * (linear[singles] - matrix[singles] @ z) + block @ start
                z[singles] = sd * maximise_kinked(block, pull, own, start)
            for group in groups:
                members = group.members
                bent = matrix[members] @ z - group.basis @ (
                    group.bends * (group.basis.T @ z[members])
                )
                z[members] = group.maximum(linear[members] - bent)
        z, settled = _newton(matrix, linear, kinks, z)
        left = kinks.residual(linear - matrix @ z, z)
        if settled and np.all((np.abs(left) <= tolerance)[kinks.held(z)]):
            break
    return z


def _group(matrix: Array, members: Indices, weight: float) -> _Group:
    bends, basis = np.linalg.eigh(matrix[np.ix_(members, members)])
    least = len(members) * np.finfo(float).eps * max(float(bends[-1]), np.finfo(float).tiny)
    return _Group(members, weight, np.maximum(bends, least), basis)


def _objective(matrix: Array, linear: Array, kinks: Kinks, z: Array) -> float:
    return float(linear @ z - 0.5 * z @ matrix @ z) - kinks.penalty(z)


def _newton(matrix: Array, linear: Array, kinks: Kinks, z: Array) -> tuple[Array, bool]:
    """Go up with those at their kinks held there, and others held where they come to theirs.

    Returns where that ends, and whether at a maximum; not where a group is on its way to zero.
    """
    objective = partial(_objective, matrix, linear, kinks)
    value, last = objective(z), np.inf
    for _ in range(_MOST_STEPS):
        free = np.flatnonzero(~kinks.held(z))
        slope = (linear - matrix @ z - kinks.slope(z))[free]
        bends, block = kinks.bends(z, free), matrix[np.ix_(free, free)]
        model = scaled_model(block if bends is None else block + bends)
        step = model.scale * cho_solve(model.factor, model.scale * slope, check_finite=False)
        gain, size = float(slope @ step), 1.0 + abs(value)
        if gain <= _ARRIVED * size or (last <= _ROUNDING * size and gain >= 0.5 * last):
            return z, True
        crossing = kinks.single[free] & (z[free] * (z[free] + step) <= 0.0)
        there = np.full(len(free), np.inf)
        there[crossing] = -z[free][crossing] / step[crossing]
        first = float(there.min(initial=1.0))
        t = first
        while True:
            trial = z.copy()
            trial[free] = np.where(there <= t, 0.0, z[free] + t * step)
            reached = objective(trial)
            if reached >= value + 1e-4 * t * gain - _ROUNDING * size:
                break
            t *= 0.5
            if t < _SHORTEST * first:
                return z, False
        z, value, last = trial, reached, gain if t == 1.0 else np.inf
    return z, False
