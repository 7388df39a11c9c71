"""Integrals over the levels' effects, at many thetas of the top at once.

theta is the top t, of common coefficients, dispersions, scales and correlations, and the effects
b_j of the levels. Given t the levels are independent,

    p(t, y) = p(t) prod_j integral p(y_j | b_j, t) p(b_j | t) db_j

and each integral has as many dimensions as a level has effects. The gradient is that of Fisher's
identity: d log p(y_j | t) / dt is the mean of d log p(y_j, b_j | t) / dt over p(b_j | y_j, t).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from bayesglm.numerics.density.channels import adjoint, matrices
from bayesglm.numerics.density.levels.conditional import Conditional, can_collapse, conditional
from bayesglm.numerics.density.levels.drawn import drawn
from bayesglm.numerics.density.levels.grouped import Grouped, Laid, Points
from bayesglm.numerics.density.levels.nodes import Nodes, hermite
from bayesglm.numerics.density.levels.quadrature import (
    Around,
    around_modes,
    log_integrals,
    weighed,
)
from bayesglm.numerics.density.levels.small import cholesky, solve_upper
from bayesglm.numerics.density.likelihood import kernel
from bayesglm.numerics.rows.parallel import n_threads, share_out

Array = np.ndarray
# Nodes along each effect, of means: one alone has no variance.
FEWEST_OF_MEANS = 3
OF_PROPOSALS = 5  # the same, of the moments of proposals for draws of the effects
HELD = 1 << 24  # numbers of draws that are held at a time where they are summarised: 128 MB
MANY = 32  # thetas for each thread, from which on threads take thetas: chosen


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

    ``nodes`` are those along each effect, ``steps`` those of draws of the effects. T are thetas of
    the top ``(m, d)``; levels are asked for by a slice of their numbers, and those without rows
    have an integral of one.
    """

    grouped: Grouped
    nodes: int
    guide: Guide | None = None
    steps: int = 4

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

    @property
    def n_beside(self) -> int:
        """Number of coefficients beside the effects, which come first in the top."""
        return self.grouped.n_beside

    @property
    def cells(self) -> int:
        """About how many numbers one evaluation computes."""
        grouped = self.grouped
        n, nodes = grouped.n_rows, self.nodes ** self.shape[0]
        collapses = can_collapse(grouped.objective.family, grouped.values)
        return n + len(grouped.seen) * nodes if collapses else n * (nodes + 1)

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
        n_phi = len(grouped.objective.registry.phi(grouped.whole(T[:1])))
        p, k = grouped.n_beside, self.shape[0]
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
            gradient = grouped.slopes(T, of_w, of_phi.T, squares)
            return value + grouped.log_priors(T), gradient

    def draw(
        self, rng: np.random.Generator, T: Array, levels: slice = slice(None)
    ) -> tuple[Array, Array]:
        """Return effects ``(m, k, n)`` of some levels, one draw for each t, and a check ``(n,)``.

        That is the mean chance with which each level's proposals were accepted, 1 of levels without
        rows, whose effects are those of the prior.
        """
        effects, chances, _ = self.draw_with_values(rng, T, levels)
        return effects, chances

    def draw_with_values(
        self, rng: np.random.Generator, T: Array, levels: slice = slice(None)
    ) -> tuple[Array, Array, Array]:
        """Return the same, and the sums over these levels of log p(y_j, b_j | t) ``(m,)``."""
        first, stop, _ = levels.indices(self.shape[1])
        effects = np.empty((len(T), self.shape[0], stop - first))
        parts: list[tuple[int, Array, slice, Array, Array]] = []
        seed = int(rng.integers(2**63))

        def put(posed: Posed, nodes: Nodes) -> None:
            grouped, at, lot = self.grouped, posed.points.prior, posed.lot
            own = np.random.default_rng([seed, int(posed.laid.seen[0]), lot.start])
            made = drawn(own, posed.given, grouped.prior, at, posed.around, nodes, self.steps)
            there = posed.laid.seen - first
            # Of a slice, and then of an array of numbers: axes stay where they are.
            effects[lot][:, :, there] = np.moveaxis(made.b, 1, 0)
            share = (lot.stop - lot.start) / len(T)
            value = (made.value + posed.laid.constant).sum(axis=1)
            parts.append((int(there[0]), there, lot, share * made.accepted, value))

        self._shared(T, levels, lambda: put, OF_PROPOSALS)
        unseen = np.setdiff1d(np.arange(first, stop), self.grouped.seen) - first
        chances, values = np.zeros(stop - first), np.zeros(len(T))
        for _, there, lot, accepted, value in sorted(parts, key=lambda p: (p[0], p[2].start)):
            chances[there] += accepted
            values[lot] += value
        if len(unseen):
            effects[:, :, unseen] = self._of_prior(rng, T, len(unseen))
            at, b = self.grouped.points(T).prior, np.moveaxis(effects[:, :, unseen], 1, 0)
            values += self.grouped.prior.log_densities(at, b).sum(axis=1)
            chances[unseen] = 1.0
        return effects, chances, values

    def _of_prior(self, rng: np.random.Generator, T: Array, n: int) -> Array:
        """Return effects ``(m, k, n)`` of levels without rows."""
        factor = cholesky(self.grouped.points(T).prior.precision)[..., None]
        z = rng.standard_normal((self.shape[0], len(T), n))
        return np.moveaxis(solve_upper(factor, z), 1, 0)

    def summaries(
        self, rng: np.random.Generator, T: Array, probs: Sequence[float]
    ) -> tuple[Array, Array, Array, Array]:
        """Return means and sds ``(k, levels)``, quantiles ``(probs, k, levels)`` and the checks.

        Of draws at T, level by level, so that no more than some levels' draws are held.
        """
        k, levels = self.shape
        means, sds = np.empty((2, k, levels))
        quantiles, chances = np.empty((len(probs), k, levels)), np.empty(levels)
        step = max(1, HELD // (len(T) * k))
        for start in range(0, levels, step):
            some = slice(start, min(start + step, levels))
            effects, chances[some] = self.draw(rng, T, some)
            means[:, some], sds[:, some] = effects.mean(axis=0), effects.std(axis=0)
            quantiles[..., some] = np.quantile(effects, probs, axis=0)
        return means, sds, quantiles, chances

    def information(self, t: Array) -> Array:
        """Return minus the second derivatives ``(p,)`` of the likelihood in the coefficients at t.

        Of each by itself, effects at zero: how far it may move before the likelihood does.
        """
        grouped = self.grouped
        points = grouped.points(t[None])
        total = np.zeros(points.w.shape[1])
        for seen in grouped.stretches(slice(None)):
            laid = grouped.laid(seen)
            stretch = laid.at(points)
            d = kernel(stretch.family, laid.rows, stretch.eta, stretch.phi, 2)
            for c, (run, X) in enumerate(matrices(laid.rows)):
                total[run] += np.abs(d.eta_eta[c, c, 0]) @ (X * X)
        return total

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
        given = conditional(laid.at(own), laid.rates)
        if self.guide is None:
            start = np.zeros((self.shape[0], len(own.T), len(laid.seen)))
        else:
            start = self.guide.start(own.T, laid.seen)
        concave = self.grouped.objective.family.log_concave
        around = around_modes(given, own.prior, start, concave)
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
            # Far out sums overflow, and places are tried where a density is zero.
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                share_out(range(len(T)) if by_theta else runs, work)


def _inverse(precision: Array) -> Array:
    """Return the inverses of matrices ``(k, k, m)``."""
    return np.moveaxis(np.linalg.inv(np.moveaxis(precision, -1, 0)), 0, -1)
