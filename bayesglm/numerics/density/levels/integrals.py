"""Integrals over the levels' effects, at many thetas of the top at once.

theta is the top t, of common coefficients, dispersions, scales and correlations, and the effects
b_j of the levels. Given t the levels are independent,

    p(t, y) = p(t) prod_j integral p(y_j | b_j, t) p(b_j | t) db_j

and each integral has as many dimensions as a level has effects. The gradient is that of Fisher's
identity: d log p(y_j | t) / dt is the mean of d log p(y_j, b_j | t) / dt over p(b_j | y_j, t).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from bayesglm.numerics.density.levels.conditional import Conditional, conditional
from bayesglm.numerics.density.levels.grouped import Grouped, Laid, Points
from bayesglm.numerics.density.levels.nodes import Nodes, hermite
from bayesglm.numerics.density.levels.quadrature import (
    Around,
    around_modes,
    log_integrals,
    weighed,
)
from bayesglm.numerics.rows.parallel import n_threads, share_out
from bayesglm.numerics.density.channels import adjoint

Array = np.ndarray
# Nodes along each effect, of means: one alone has no variance.
FEWEST_OF_MEANS = 3


class Guide(NamedTuple):
    """Modes of the effects ``(k, levels)`` at one ``t (d,)``, and how they move ``(d, k, levels)``.

    From there a step or two of Newton's method lead to those at another t.
    """

    t: Array
    modes: Array
    moves: Array

    def start(self, T: Array, seen: Array) -> Array:
        """Return about where the modes of some levels are at T ``(m, d)``: ``(k, m, levels)``."""
        modes, moves = self.modes[:, seen], self.moves[:, :, seen]
        away = np.tensordot(T - self.t, moves, 1)
        return modes[:, None] + np.moveaxis(away, 1, 0)


class Posed(NamedTuple):
    """Some levels at some thetas: which these are, the likelihood, and where its modes are."""

    lot: slice
    laid: Laid
    points: Points
    given: Conditional
    around: Around


@dataclass(frozen=True)
class LevelIntegrals:
    """The log density of the top, the effects of the levels integrated out.

    ``nodes`` are those along each effect. T are thetas of the top ``(m, d)``; levels are asked for
    by a slice of their numbers, and those without rows have an integral of one.
    """

    grouped: Grouped
    nodes: int
    guide: Guide | None = None

    @property
    def top(self) -> Array:
        """Where the top stands in theta ``(d,)``."""
        return self.grouped.top

    @property
    def place(self) -> slice:
        """Where the effects stand in theta, effect-major."""
        return self.grouped.place

    @property
    def shape(self) -> tuple[int, int]:
        """How many effects a level has, and how many levels there are."""
        return self.grouped.shape

    @property
    def d(self) -> int:
        """Length of the top."""
        return len(self.top)

    def with_nodes(self, n: int) -> LevelIntegrals:
        """Return the same with other nodes."""
        return replace(self, nodes=n)

    def log_marginals(self, T: Array, levels: slice = slice(None)) -> Array:
        """Return log p(y_j | t) ``(m, n)`` of some levels, the rows of each jointly."""
        first, stop, _ = levels.indices(self.shape[1])
        values = np.zeros((len(T), stop - first))

        def put(posed: Posed, nodes: Nodes) -> None:
            values[posed.lot, posed.laid.seen - first] = self._log_integrals(posed, nodes)

        self._each(T, levels, put)
        return values

    def log_likelihood(self, T: Array) -> Array:
        """Return the sum of `log_marginals` over levels ``(m,)``."""
        totals: list[Array] = []

        def begin() -> Callable[[Posed, Nodes], None]:
            total = np.zeros(len(T))
            totals.append(total)

            def add(posed: Posed, nodes: Nodes) -> None:
                total[posed.lot] += self._log_integrals(posed, nodes).sum(axis=1)

            return add

        self._shared(T, slice(None), begin)
        return np.sum(totals, axis=0)

    def log_density(self, T: Array) -> Array:
        """Return log p(t, y) ``(m,)``, Jacobian included; -inf where no probability lies."""
        total = np.full(len(T), -np.inf)
        inside = np.flatnonzero(~self.grouped.far_out(T))
        if len(inside):
            some = T[inside]
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                total[inside] = self.log_likelihood(some) + self.grouped.log_priors(some)
        return np.where(np.isnan(total), -np.inf, total)

    def slopes(self, T: Array) -> tuple[Array, Array]:
        """Return `log_density` ``(m,)`` and its gradient ``(m, d)``."""
        grouped = self.grouped
        n_phi = len(grouped.objective.registry.phi(grouped.whole(T[:1]))[0:])
        p = grouped.objective.n_coefficients - (self.place.stop - self.place.start)
        k = self.shape[0]
        sums: list[tuple[Array, Array, Array, Array]] = []

        def begin() -> Callable[[Posed, Nodes], None]:
            m = len(T)
            sums.append((np.zeros(m), np.zeros((m, p)), np.zeros((n_phi, m)), np.zeros((k, k, m))))
            value, of_w, of_phi, squares = sums[-1]

            def add(posed: Posed, nodes: Nodes) -> None:
                lot, of = posed.lot, posed
                here = weighed(of.given, grouped.prior, of.points.prior, of.around, nodes)
                value[lot] += (here.log_integral + of.laid.constant).sum(axis=1)
                scores = of.given.scores(here.b, here.shares)
                of_w[lot] += adjoint(of.laid.rows, scores.eta)
                of_phi[:, lot] += scores.phi
                weighted = here.shares[:, None] * here.b
                squares[:, :, lot] += np.einsum("qiml,qjml->ijm", weighted, here.b)

            return add

        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            self._shared(T, slice(None), begin, max(self.nodes, FEWEST_OF_MEANS))
            value, of_w, of_phi, squares = (np.sum(of, axis=0) for of in zip(*sums, strict=True))
            n_unseen = self.shape[1] - len(grouped.seen)
            if n_unseen:
                squares += n_unseen * _inverse(grouped.points(T).prior.precision)
            gradient = np.array(
                [
                    grouped.slope(t, of_w[i], of_phi[:, i], squares[:, :, i])
                    for i, t in enumerate(T)
                ]
            )
            return value + grouped.log_priors(T), gradient

    def guided(self, t: Array, steps: Array) -> LevelIntegrals:
        """Return the same with a guide from t, of differences over ``steps`` ``(d,)``."""
        d, (k, levels) = self.d, self.shape
        T = np.concatenate([t[None], t + np.diag(steps), t - np.diag(steps)])
        modes = np.zeros((len(T), k, levels))

        def put(posed: Posed, nodes: Nodes) -> None:
            centre = np.moveaxis(posed.around.centre, 1, 0)
            modes[posed.lot.start : posed.lot.stop][:, :, posed.laid.seen] = centre

        replace(self, guide=None)._each(T, slice(None), put)
        moves = (modes[1 : d + 1] - modes[d + 1 :]) / (2.0 * steps[:, None, None])
        return replace(self, guide=Guide(t, modes[0], moves))

    def posed(self, points: Points, laid: Laid, lot: slice) -> Posed:
        """Return some levels at some of the points."""
        own = points.some(lot)
        given = conditional(laid.at(own))
        if self.guide is None:
            start = np.zeros((self.shape[0], len(own.T), len(laid.seen)))
        else:
            start = self.guide.start(own.T, laid.seen)
        concave = self.grouped.objective.family.log_concave
        around = around_modes(given, self.grouped.prior, own.prior, start, concave)
        return Posed(lot, laid, own, given, around)

    def _log_integrals(self, posed: Posed, nodes: Nodes) -> Array:
        values = log_integrals(
            posed.given, self.grouped.prior, posed.points.prior, posed.around, nodes
        )
        return values + posed.laid.constant

    def _each(self, T: Array, levels: slice, put: Callable[[Posed, Nodes], None]) -> None:
        self._shared(T, levels, lambda: put)

    def _shared(
        self,
        T: Array,
        levels: slice,
        begin: Callable[[], Callable[[Posed, Nodes], None]],
        n_nodes: int | None = None,
    ) -> None:
        """Go through all levels at all thetas, with what `begin` makes in each thread.

        Threads take runs of thetas where there are enough for all, and else runs of levels.
        """
        points = self.grouped.points(T)
        runs = self.grouped.stretches(levels)
        nodes = hermite(self.nodes if n_nodes is None else n_nodes, self.shape[0])
        by_theta = len(T) >= MANY * n_threads()

        def work(items: Sequence) -> None:
            put = begin()
            which, some = (slice(items[0], items[-1] + 1), runs) if by_theta else (None, items)
            first, stop = (0, len(T)) if which is None else (which.start, which.stop)
            for seen in some:
                laid = self.grouped.laid(seen)
                for start in range(first, stop, laid.step):
                    lot = slice(start, min(start + laid.step, stop))
                    put(self.posed(points, laid, lot), nodes)

        if runs:
            share_out(range(len(T)) if by_theta else runs, work)


MANY = 32  # thetas for each thread, from which on threads take thetas: chosen


def _inverse(precision: Array) -> Array:
    """Return the inverses of matrices ``(k, k, m)``."""
    return np.moveaxis(np.linalg.inv(np.moveaxis(precision, -1, 0)), 0, -1)
