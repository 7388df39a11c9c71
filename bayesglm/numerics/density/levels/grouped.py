"""Rows in the order of their levels, and the log posterior that they share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from bayesglm.numerics.density.channels import moves, with_offset
from bayesglm.numerics.density.coefficients import CoefficientPriors
from bayesglm.numerics.density.levels.conditional import Rates, Stretch, can_collapse, rates_of
from bayesglm.numerics.density.levels.prior import AtThetas, LevelPrior
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.rows.rows import Rows

Array = np.ndarray
MOST_ROWS = 8192  # of a stretch, unless one level has more: what is computed then stays in cache
CELLS = 1 << 17  # rows times thetas that are taken together: measured, of 2^14 to 2^18
HELD = 1 << 22  # numbers of whole thetas that are laid out at a time


@dataclass(frozen=True)
class Points:
    """Thetas of the top ``(m, d)`` as those who read them need them.

    ``w`` are the natural coefficients beside the effects ``(m, p)``, ``phi`` the dispersions,
    numbers or ``(m, 1)``, and ``prior`` what the effects' prior is there.
    """

    T: Array
    w: Array
    phi: list
    prior: AtThetas

    def some(self, part: slice) -> Points:
        """Return some of them."""
        phi = [one[part] if isinstance(one, np.ndarray) else one for one in self.phi]
        return Points(self.T[part], self.w[part], phi, self.prior.some(part))


@dataclass(frozen=True)
class Grouped:
    """A log posterior whose rows stand level by level, ``place`` being that of the effects.

    ``form(rows)`` makes the `Rows` of a range without the effects' columns; the coefficients are
    those beside them. ``starts`` ``(levels + 1,)`` say where the rows of each level begin; a level
    without rows has none. ``values`` ``(k, rows)`` are what multiplies the effects, None where
    that is 1. ``channel`` is the linear predictor to which they add.
    """

    objective: Objective
    place: slice
    prior: LevelPrior
    form: Callable[[slice], Rows]
    starts: Array
    values: Array | None
    channel: int = 0

    @cached_property
    def top(self) -> Array:
        """Where the top stands in theta: all but the effects."""
        every = np.arange(self.objective.size)
        return np.concatenate([every[: self.place.start], every[self.place.stop :]])

    @property
    def shape(self) -> tuple[int, int]:
        """How many effects a level has, and how many levels there are."""
        return self.prior.k, self.prior.levels

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self.starts[-1])

    @property
    def n_beside(self) -> int:
        """Number of coefficients beside the effects, which come first in the top."""
        return self.objective.n_coefficients - (self.place.stop - self.place.start)

    def whole(self, T: Array) -> Array:
        """Return thetas ``(m, size)`` with their top ``(m, d)``, effects at zero."""
        thetas = np.zeros((len(T), self.objective.size))
        thetas[:, : self.place.start] = T[:, : self.place.start]
        thetas[:, self.place.stop :] = T[:, self.place.start :]
        return thetas

    def far_out(self, T: Array) -> Array:
        """Say which thetas of the top stand for values where no probability lies."""
        lots = [self.objective.far_out(self.whole(T[lot])) for lot in self._lots(len(T))]
        return np.concatenate(lots) if lots else np.zeros(0, dtype=bool)

    def _lots(self, m: int) -> Iterator[slice]:
        """Return so many thetas at a time as are laid out together."""
        step = max(1, HELD // self.objective.size)
        return (slice(start, min(start + step, m)) for start in range(0, m, step))

    def points(self, T: Array) -> Points:
        """Return what is read at thetas of the top."""
        every = [self._points(T[lot]) for lot in self._lots(len(T))]
        if len(every) == 1:
            return every[0]
        phi = [
            np.concatenate(of) if isinstance(of[0], np.ndarray) else of[0]
            for of in zip(*(one.phi for one in every), strict=True)
        ]
        precisions, dets = zip(*(one.prior for one in every), strict=True)
        prior = AtThetas(np.concatenate(precisions, axis=-1), np.concatenate(dets))
        return Points(T, np.concatenate([one.w for one in every]), phi, prior)

    def _points(self, T: Array) -> Points:
        thetas, registry = self.whole(T), self.objective.registry
        w = self.objective.w(thetas)
        beside = np.concatenate([w[:, : self.place.start], w[:, self.place.stop :]], axis=1)
        phi = [v[:, None] if isinstance(v, np.ndarray) else v for v in registry.phi(thetas)]
        return Points(T, beside, phi, self.prior.at(thetas))

    @cached_property
    def _priors(self) -> CoefficientPriors:
        """The priors of the coefficients beside the effects."""
        kept = tuple(part for part in self.objective.coefficients if part.where != self.place)
        return replace(self.objective.priors, parts=kept)

    def log_priors(self, T: Array) -> Array:
        """Return log p(t) ``(m,)``, Jacobian included."""
        total, registry = np.empty(len(T)), self.objective.registry
        for lot in self._lots(len(T)):
            thetas = self.whole(T[lot])
            total[lot] = self._priors.log_density(registry.natural_coefficients(thetas))
            total[lot] += registry.log_prior(thetas)
            if not registry.straight:
                total[lot] += registry.log_jacobian_of_coefficients(thetas)
        return total

    def slopes(self, T: Array, of_w: Array, of_phi: Array, squares: Array) -> Array:
        """Return the gradients ``(m, d)`` of log p(t), and of expected log p(y, b | t).

        Of the likelihood the slopes in w ``(m, p)`` and in phi ``(m, n_phi)`` are told, of the
        effects their second moments ``squares (k, k, m)``, summed over levels.
        """
        lots = [
            self._slopes(T[lot], of_w[lot], of_phi[lot], squares[..., lot])
            for lot in self._lots(len(T))
        ]
        return np.concatenate(lots)

    def _slopes(self, T: Array, of_w: Array, of_phi: Array, squares: Array) -> Array:
        objective, thetas = self.objective, self.whole(T)
        registry, unused = objective.registry, np.zeros(len(T))
        gradients = np.zeros(thetas.shape)
        self.prior.add_slopes(thetas, squares, gradients)
        self._priors.add_slopes(registry.natural_coefficients(thetas), unused, gradients)
        registry.pull_coefficients(thetas, gradients)
        registry.add_prior_slopes(thetas, unused, gradients)
        whole = np.zeros((len(T), objective.n_coefficients))
        whole[:, : self.place.start] = of_w[:, : self.place.start]
        whole[:, self.place.stop :] = of_w[:, self.place.start :]
        objective.add_likelihood_slopes(thetas, whole, of_phi, gradients)
        return np.delete(gradients, np.arange(*self.place.indices(objective.size)), axis=1)

    @cached_property
    def seen(self) -> Array:
        """The levels that have rows."""
        return np.flatnonzero(np.diff(self.starts) > 0)

    def stretches(self, levels: slice) -> list[Array]:
        """Return the levels with rows among some, cut into runs of few rows each."""
        first, stop, _ = levels.indices(self.shape[1])
        seen = self.seen[np.searchsorted(self.seen, first) : np.searchsorted(self.seen, stop)]
        if not len(seen):
            return []
        total = int(self.starts[seen[-1] + 1] - self.starts[seen[0]])
        size = total / -(-total // MOST_ROWS)
        number = (self.starts[seen] - self.starts[seen[0]]) // size
        return np.split(seen, np.flatnonzero(np.diff(number)) + 1)

    def laid(self, seen: Array) -> Laid:
        """Form the rows of a run of levels."""
        part = slice(int(self.starts[seen[0]]), int(self.starts[seen[-1] + 1]))
        rows = self.form(part)
        values = None if self.values is None else np.ascontiguousarray(self.values[:, part])
        constant = np.broadcast_to(self.objective.family.constant(rows.y, rows.trials), len(rows))
        if rows.weights is not None:
            constant = constant * rows.weights
        starts = self.starts[seen] - part.start
        collapses = can_collapse(self.objective.family, values)
        rates = rates_of(self.objective.family, rows, starts) if collapses else None
        return Laid(self, seen, rows, starts, values, np.add.reduceat(constant, starts), rates)


@dataclass(frozen=True)
class Laid:
    """The rows of some levels, ``seen``, and what no parameter moves ``(levels,)`` of them."""

    grouped: Grouped
    seen: Array
    rows: Rows
    starts: Array
    values: Array | None
    constant: Array
    rates: Rates | None

    @property
    def step(self) -> int:
        """How many thetas to take together."""
        return max(1, CELLS // len(self.rows))

    def at(self, points: Points) -> Stretch:
        """Return them at some thetas."""
        eta = with_offset(self.rows, moves(self.rows, points.w))
        return Stretch(
            self.grouped.objective.family,
            self.rows,
            np.array(np.broadcast_to(eta, (len(eta), len(points.w), len(self.rows)))),
            points.phi,
            self.starts,
            self.values,
            self.grouped.channel,
        )


def without(rows: Rows, place: slice) -> Rows:
    """Return rows, none of whose columns is one at ``place``, with the others closed up."""
    size = place.stop - place.start

    def closed(where: slice) -> slice:
        first, last = (x - size if x >= place.stop else x for x in (where.start, where.stop))
        return slice(first, last)

    parts = partial(_closed, rows, closed)
    channels = None if rows.channels is None else tuple(map(closed, rows.channels))
    return replace(rows, parts=parts, n_coefficients=rows.n_coefficients - size, channels=channels)


def _closed(rows: Rows, closed: Callable[[slice], slice]) -> list:
    return [(closed(where), columns) for where, columns in rows.columns]
