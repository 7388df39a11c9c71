"""Trees of NUTS, of many walkers in lockstep: one batch of slopes moves each by a step of its own.

Each walker doubles its path forwards or backwards in time until its ends turn to each other
(Hoffman & Gelman 2014), and takes a place on it with a chance proportional to its density, new
halves preferred (Betancourt 2017, A conceptual introduction to Hamiltonian Monte Carlo, A.3.2).
A half of 2^j leaves is walked leaf by leaf. Of those before only as many are kept as it has
levels: the first of every block that is not whole yet, and the last of every left half of a block
(iterative NUTS: Phan, Pradhan & Jankowiak 2019; Lao & Dillon 2019).

A block of leaves has turned where its last leaf moves back to its first one, or the first moved
away from where the last one is; so has one whose left half with the next leaf has, or whose right
half with the leaf before it: a path that comes nearly round looks straight from its ends.

No walker waits for another: whose tree has ended begins its next one in the following step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Array = np.ndarray
type Slopes = Callable[[Array], tuple[Array, Array]]
TOO_MUCH = 1000.0  # nats of energy by which a step that goes wrong has diverged (Stan)


class Places(NamedTuple):
    """Places of walkers: z ``(m, size)``, gradients there, log densities and energies ``(m,)``."""

    z: Array
    gradient: Array
    value: Array
    energy: Array

    def put(self, rows: Array, other: Places) -> None:
        """Take over those of a mask of rows, in place."""
        lines = rows[:, None]
        np.copyto(self.z, other.z, where=lines)
        np.copyto(self.gradient, other.gradient, where=lines)
        np.copyto(self.value, other.value, where=rows)
        np.copyto(self.energy, other.energy, where=rows)

    def take(self, rows: Array) -> Places:
        """Return those of some rows, copied."""
        return Places(*(one[rows] for one in self))


def straight(z: Array, p: Array, gradient: Array, time: Array, slopes: Slopes) -> Array:
    """Take one leapfrog step of z and p, in place; return the new log densities ``(m,)``.

    So much of ``time`` ``(m, 1)`` goes by; the gradient becomes that of the new place.
    """
    p += 0.5 * time * gradient
    z += time * p
    value, gradient[...] = slopes(z)
    p += 0.5 * time * gradient
    return value


def rotating(z: Array, p: Array, gradient: Array, time: Array, slopes: Slopes) -> Array:
    """Take a step that is exact where the density is a standard normal.

    Between two kicks by what the gradient differs from -z, z and p turn by an angle ``time``: the
    flow of |z|^2 / 2 + |p|^2 / 2 takes the place of that of |p|^2 / 2 alone.
    """
    p += 0.5 * time * (gradient + z)
    cos, sin = np.cos(time), np.sin(time)
    turned = cos * z + sin * p
    p *= cos
    p -= sin * z
    z[...] = turned
    value, gradient[...] = slopes(z)
    p += 0.5 * time * (gradient + z)
    return value


def turned(away: Array, p_first: Array, p_last: Array) -> Array:
    """Say where the first or the last of two leaves does not move along the way between them."""
    return (np.vecdot(away, p_first) <= 0.0) | (np.vecdot(away, p_last) <= 0.0)


class Trees:
    """The trees that m walkers climb, each row a walker's; ``size`` is that of their steps.

    Attributes that are read when a tree has ended: ``drawn`` (the place that was taken), ``depth``,
    ``n_steps``, ``diverged`` and ``accepted`` (the sum of acceptances over its steps).
    """

    def __init__(
        self,
        slopes: Slopes,
        z: Array,
        rng: np.random.Generator,
        step: Callable[..., Array] = straight,
        deepest: int = 10,
    ) -> None:
        m, d = z.shape
        self.slopes, self.rng, self.move, self.deepest = slopes, rng, step, deepest
        self.size = np.ones(m)
        value, gradient = slopes(z)
        self.drawn = Places(z.copy(), gradient.copy(), value.copy(), np.zeros(m))
        self.leaf = Places(z.copy(), gradient.copy(), value.copy(), np.zeros(m))
        self.branch = Places(z.copy(), gradient.copy(), value.copy(), np.zeros(m))
        self.p = np.empty((m, d))
        # The ends of every path: backwards in time, and forwards.
        self.end_z, self.end_p, self.end_gradient = np.empty((3, 2, m, d))
        self.first_z, self.first_p, self.last_z, self.last_p = np.empty((4, deepest, m, d))
        self.start_energy, self.weight, self.branch_weight, self.accepted = np.zeros((4, m))
        self.depth, self.n_leaf, self.n_steps, self.side = np.zeros((4, m), dtype=np.int64)
        self.diverged = np.zeros(m, dtype=bool)
        self.begin(np.arange(m))

    def begin(self, rows: Array) -> None:
        """Begin new trees of some rows where their walkers are, with momenta drawn anew."""
        start = self.drawn.take(rows)
        p = self.rng.standard_normal(start.z.shape)
        self.start_energy[rows] = 0.5 * np.vecdot(p, p) - start.value
        self.drawn.energy[rows] = self.start_energy[rows]  # of a walker that stays where it is
        self.end_z[:, rows], self.end_p[:, rows] = start.z, p
        self.end_gradient[:, rows] = start.gradient
        self.weight[rows] = self.accepted[rows] = 0.0
        self.depth[rows] = self.n_steps[rows] = 0
        self.diverged[rows] = False
        self._branch_off(rows)

    def _branch_off(self, rows: Array) -> None:
        """Begin a new half of some rows, at the end of their paths that chance says."""
        side = self.rng.integers(0, 2, len(rows))
        self.side[rows], self.n_leaf[rows] = side, 0
        self.leaf.z[rows], self.p[rows] = self.end_z[side, rows], self.end_p[side, rows]
        self.leaf.gradient[rows] = self.end_gradient[side, rows]
        self.branch_weight[rows] = -np.inf

    def keep(self, rows: Array) -> None:
        """Leave out all walkers but some."""
        self.drawn, self.leaf, self.branch = (
            one.take(rows) for one in (self.drawn, self.leaf, self.branch)
        )
        for name in ("end_z", "end_p", "end_gradient", "first_z", "first_p", "last_z", "last_p"):
            setattr(self, name, getattr(self, name)[:, rows])
        for name in (
            "p",
            "start_energy",
            "weight",
            "branch_weight",
            "accepted",
            "depth",
            "n_leaf",
            "n_steps",
            "side",
            "diverged",
            "size",
        ):
            setattr(self, name, getattr(self, name)[rows])

    def step(self) -> Array:
        """Move all walkers by one step; return the rows whose trees ended, which are to `begin`."""
        sign = 2.0 * self.side - 1.0
        leaf, p = self.leaf, self.p
        time = (self.size * sign)[:, None]
        leaf.value[...] = self.move(leaf.z, p, leaf.gradient, time, self.slopes)
        leaf.energy[...] = 0.5 * np.vecdot(p, p) - leaf.value
        log_weight = self.start_energy - leaf.energy
        log_weight[~np.isfinite(log_weight)] = -np.inf
        self.diverged = log_weight < -TOO_MUCH
        self.accepted += np.exp(np.minimum(log_weight, 0.0))
        self.n_steps += 1
        self.branch_weight = np.logaddexp(self.branch_weight, log_weight)
        chance = self.rng.random((2, len(p)))
        self.branch.put(chance[0] < np.exp(log_weight - self.branch_weight), leaf)
        broken = self.diverged | self._turned_back(sign[:, None])
        whole = (self.n_leaf + 1 == 1 << self.depth) & ~broken
        self.n_leaf += 1
        ended = broken
        if whole.any():
            ended = broken | self._grow(whole, chance[1], sign)
        return np.flatnonzero(ended)

    def _turned_back(self, sign: Array) -> Array:
        """Note the leaves that are needed later; say of which rows a block that ends has turned.

        A leaf's number tells in binary in which blocks it stands. An even one begins blocks, as
        the first leaf of a right half above all; an odd one ends one block for each trailing 1.
        """
        n, rows, p = self.n_leaf, np.arange(len(self.n_leaf)), self.p
        z = self.leaf.z
        ones = np.bitwise_count(n).astype(np.int64)
        trailing = np.bitwise_count(n & ~(n + 1)).astype(np.int64)
        even = rows[trailing == 0]
        self.first_z[ones[even], even], self.first_p[ones[even], even] = z[even], p[even]
        middle, odd = even[n[even] > 0], rows[trailing > 0]
        halves = odd[trailing[odd] < self.depth[odd]]
        at = trailing[halves]
        self.last_z[at, halves], self.last_p[at, halves] = z[halves], p[halves]
        # A left half and the leaf after it, and all blocks that end.
        level = _counts(trailing[odd])
        row = np.concatenate([middle, np.repeat(odd, trailing[odd])])
        slot = ones[row] - np.concatenate([np.ones(len(middle), dtype=np.int64), level])
        from_z, from_p = self.first_z[slot, row], self.first_p[slot, row]
        has = turned((z[row] - from_z) * sign[row], from_p, p[row])
        # Right halves, of two leaves or more, and the leaf before them.
        longer = odd[trailing[odd] > 1]
        if len(longer):
            slot, others = _counts(trailing[longer] - 1), np.repeat(longer, trailing[longer] - 1)
            from_z, from_p = self.last_z[slot, others], self.last_p[slot, others]
            turns = turned((z[others] - from_z) * sign[others], from_p, p[others])
            row, has = np.concatenate([row, others]), np.concatenate([has, turns])
        back = np.zeros(len(n), dtype=bool)
        back[row[has]] = True
        return back

    def _grow(self, whole: Array, chance: Array, sign: Array) -> Array:
        """Join whole new halves to their paths, and go on; say which rows have ended by it."""
        rows = np.flatnonzero(whole)
        taken = whole & (chance < np.exp(self.branch_weight - self.weight))
        self.drawn.put(taken, self.branch)
        self.weight[rows] = np.logaddexp(self.weight[rows], self.branch_weight[rows])
        self.depth[rows] += 1
        side, sign = self.side[rows], sign[rows, None]
        z, p = self.leaf.z[rows], self.p[rows]
        far_z, far_p = self.end_z[1 - side, rows], self.end_p[1 - side, rows]
        near_z, near_p = self.end_z[side, rows], self.end_p[side, rows]
        next_z, next_p = self.first_z[0, rows], self.first_p[0, rows]
        back = turned((z - far_z) * sign, far_p, p)
        back |= turned((next_z - far_z) * sign, far_p, next_p)
        back |= turned((z - near_z) * sign, near_p, p)
        self.end_z[side, rows], self.end_p[side, rows] = z, p
        self.end_gradient[side, rows] = self.leaf.gradient[rows]
        back |= self.depth[rows] >= self.deepest
        self._branch_off(rows[~back])
        ended = np.zeros(len(whole), dtype=bool)
        ended[rows[back]] = True
        return ended


def _counts(lengths: Array) -> Array:
    """Return 1 to each of some lengths, one after the other.

    >>> _counts(np.array([1, 3])).tolist()
    [1, 1, 2, 3]
    """
    ends = np.cumsum(lengths)
    return np.arange(1, ends[-1] + 1 if len(ends) else 1) - np.repeat(ends - lengths, lengths)
