"""The log likelihood of one response, summed over ranges of rows.

With f the family's log p(y | eta, phi), X the columns of a block and eta = X w + offset,

    value    = sum(weight * f)
    gradient = X' (weight * f_eta)
    Hessian  = X' diag(weight * f_eta_eta) X

and so for each of a family's channels (`channels`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from bayesglm.numerics.density.channels import (
    adjoint,
    gram,
    lines,
    matrices,
    moves,
    predictors,
    with_offset,
)
from bayesglm.numerics.families.record import Derivatives, Family
from bayesglm.numerics.rows.parallel import n_threads, share_out
from bayesglm.numerics.rows.rows import Rows
from bayesglm.numerics.rows.source import Source

Array = np.ndarray
ROWS = 16384  # rows of a block at most: what is computed of each then stays in the cache
CELLS = 1 << 18  # numbers of a block, which then stays in the cache of a processor
SOME_ROWS, SOME_W = 512, 128  # taken together where there are many of both: eta is half a MB
MOST_SHARED = 2000  # columns; of more, one Hessian to a thread would be too much memory


class Terms(NamedTuple):
    """Value and derivatives in w and in every dispersion; the first ones may be all there is."""

    value: float
    w: Array
    w_w: Array
    phi: Array
    w_phi: Array
    phi_phi: Array


@dataclass(frozen=True)
class Rowwise:
    """The sum over the rows of a source."""

    source: Source
    family: Family

    @cached_property
    def width(self) -> int:
        """How many numbers a product reads of each row."""
        return self.source.form(slice(0, 1)).width if self.source.n_rows else 0

    @cached_property
    def constant(self) -> float:
        """The part of the sum that no parameter moves."""

        def work(run: Iterable[Rows]) -> float:
            total = 0.0
            for rows in run:
                values = np.broadcast_to(self.family.constant(rows.y, rows.trials), len(rows))
                total += float(weighted(values, rows.weights).sum())
            return total

        return sum(self.source.reduce(work, CELLS))

    def saturated(self, w: Array, phi: list) -> float:
        """Return the largest log likelihood that any linear predictors of the mean reach.

        Those of other parameters are as they are at one w.
        """
        total, every = self.constant, phi
        for rows in self.source.ranges(ROWS):
            if len(self.family.channels) > 1:
                every = list(self.family.every_phi(predictors(rows, w[None])[:, 0], phi))
            values = self.family.saturated(rows.y, every, rows.trials)
            values = np.broadcast_to(values, len(rows))
            total += float(weighted(values, rows.weights).sum())
        return total

    def value(self, w: Array, phi: list) -> float:
        """Return the log likelihood at one w."""

        def work(run: Iterable[Rows]) -> float:
            return sum(float(at(self.family, rows, w, phi, 0).value.sum()) for rows in run)

        return self.constant + sum(self.source.reduce(work, block_rows(self.width)))

    def values(self, W: Array, phi: list) -> Array:
        """Return the log likelihoods ``(k,)`` at many w ``(k, p)``, phi numbers or ``(k,)``."""
        W, phi = np.ascontiguousarray(W), _upright(phi)
        size = max(1, min(SOME_ROWS, max(16, CELLS // max(W.shape[1], 1))))

        def total(run: Iterable[Rows], some: slice) -> Array:
            totals = np.zeros(len(W[some]))
            for rows in run:
                _add_totals(self.family, rows, W[some], phi_of(phi, some), totals)
            return totals

        starts = range(0, len(W), SOME_W)
        if len(starts) < 2 * n_threads():
            parts = self.source.reduce(lambda run: total(run, slice(0, len(W))), size)
            return sum(parts, np.full(len(W), self.constant))
        parts = share_out(
            starts, lambda run: total(self.source.ranges(size), slice(run[0], run[-1] + SOME_W))
        )
        return np.concatenate(parts) + self.constant

    def pointwise(self, rows: Rows, W: Array, phi: list) -> Array:
        """Return the weighted log likelihoods ``(k, rows)`` of one range at many w ``(k, p)``."""
        values = kernel(self.family, rows, predictors(rows, W), _upright(phi), 0).value
        constant = np.asarray(self.family.constant(rows.y, rows.trials))
        values += weighted(constant, rows.weights)
        return values

    def derivatives(self, rows: Rows, Xw: Array, phi: list) -> Derivatives:
        """Return the weighted kernels of one range, and their derivatives, from its X w."""
        return kernel(self.family, rows, with_offset(rows, Xw[None]), phi, 2)

    def terms(self, w: Array, phi: list) -> Terms:
        """Return value, gradient and Hessian in one pass over the rows."""

        def work(run: Iterable[Rows]) -> Terms:
            total = _no_terms(len(w), len(phi))
            for rows in run:
                d = at(self.family, rows, w, phi, 2)
                total = _added(total, _terms_of(rows, d))
            return total

        parts = self.source.reduce(work, block_rows(self.width), runs_of(len(w)))
        total = reduce(_added, parts)
        return total._replace(value=total.value + self.constant)

    def curvature(
        self, w: Array, phi: list, members: Array | None = None, single: bool = False
    ) -> Array:
        """Return minus the Hessian, of some coefficients if not of all.

        ``single`` is twice as fast and good to six digits, or infinite.
        """
        size = len(w) if members is None else len(members)

        def work(run: Iterable[Rows]) -> Array:
            total = np.zeros((size, size))
            for rows in run:
                bends = -at(self.family, rows, w, phi, 2).eta_eta
                total += gram(rows, bends, members, single)
            return total

        parts = self.source.reduce(work, block_rows(size), runs_of(size))
        return sum(parts, np.zeros((size, size)))

    def evenness(self, w: Array, phi: list) -> float:
        """Return to how many equal rows, in shares of all, the rows' curvatures come (Kish)."""
        bends = self._bends(w, phi)[0, 0]
        most = np.abs(bends).max(initial=0.0)
        if not 0.0 < most < np.inf:
            return 1.0
        bends = bends / most
        return float(bends.sum() ** 2 / (len(bends) * (bends @ bends)))

    def diagonal(self, w: Array, phi: list, turn: Callable[[Array], Array] = lambda X: X) -> Array:
        """Return the diagonal of minus the Hessian, in the basis to which ``turn`` takes rows."""

        def work(run: Iterable[Rows]) -> Array:
            total = np.zeros(len(w))
            for rows in run:
                bends = at(self.family, rows, w, phi, 2).eta_eta
                for (c, one), (d, other) in product(enumerate(rotated_rows(rows, turn)), repeat=2):
                    total -= bends[c, d] @ (one * other)
            return total

        return sum(self.source.reduce(work, 256), np.zeros(len(w)))

    def curvature_product(self, w: Array, phi: list) -> Callable[[Array], Array]:
        """Return the product of minus the Hessian at w with vectors ``(p,)``, never formed."""
        bends = -self._bends(w, phi)

        def times(v: Array) -> Array:
            def work(run: Iterable[Rows]) -> Array:
                total = np.zeros((1, len(v)))
                for rows in run:
                    moved = moves(rows, v[None])[:, 0]
                    slopes = np.einsum("cdn,dn->cn", bends[..., rows.place], moved)
                    total += adjoint(rows, slopes[:, None])
                return total[0]

            parts = self.source.reduce(work, block_rows(self.width))
            return sum(parts, np.zeros(len(v)))

        return times

    def _bends(self, w: Array, phi: list) -> Array:
        """Return the weighted second derivatives in the rows' predictors ``(c, c, rows)``."""
        c = len(self.family.channels)
        bends = np.empty((c, c, self.source.n_rows))

        def work(run: Iterable[Rows]) -> None:
            for rows in run:
                bends[..., rows.place] = at(self.family, rows, w, phi, 2).eta_eta

        self.source.reduce(work, block_rows(self.width))
        return bends

    def change(self, step: Array) -> float:
        """Return max |X dw|: how far a step moves any linear predictor."""

        def work(run: Iterable[Rows]) -> float:
            return max((float(np.abs(moves(rows, step[None])).max()) for rows in run), default=0.0)

        return max(self.source.reduce(work, block_rows(self.width)))


def _upright(phi: list) -> list:
    """Return dispersions, some with a number for each w, so that they broadcast over rows."""
    return [v[:, None] if isinstance(v, np.ndarray) else v for v in phi]


def phi_of(phi: list, some: slice) -> list:
    """Return the dispersions of some w, of those that have a number for each."""
    return [v[some] if isinstance(v, np.ndarray) else v for v in phi]


def _add_totals(family: Family, rows: Rows, W: Array, phi: list, total: Array) -> None:
    """Add one block's kernels, summed over its rows, at every w ``(k, p)`` to ``(k,)``, in place.

    The linear predictors of some w at a time stay in cache, in the same memory.
    """
    y, trials, weights, offset = rows.y, rows.trials, rows.weights, rows.offset
    counted: Any = slice(None)
    if weights is not None and not np.all(weights > 0):
        # What is counted zero times counts nothing, however infinite.
        counted = np.flatnonzero(weights)
        y, weights = y[..., counted], weights[counted]
        trials = None if trials is None else trials[counted]
        offset = offset[counted] if isinstance(offset, np.ndarray) else offset
    W = lines(rows, W)
    every = [(run, np.asarray(X[counted], dtype=np.float64).T) for run, X in matrices(rows)]
    eta = np.empty((len(every), min(SOME_W, len(W)), y.shape[-1]))
    for start in range(0, len(W), SOME_W):
        some = slice(start, min(start + SOME_W, len(W)))
        here = eta[:, : some.stop - start]
        for channel, (run, columns) in zip(here, every, strict=True):
            np.matmul(W[some, run], columns, out=channel)
        if isinstance(offset, np.ndarray) or offset != 0.0:
            here[0] += offset
        total[some] += family.summed(y, here, phi_of(phi, some), trials, weights)


def rotated_rows(rows: Rows, turn: Callable[[Array], Array]) -> list[Array]:
    """Return the columns of each channel, in the basis to which ``turn`` takes rows of all."""
    every = matrices(rows)
    if len(every) == 1:
        return [turn(every[0][1])]
    if rows.sharing is not None:
        return [turn(rows.sharing.columns_of(c, X)) for c, (_, X) in enumerate(every)]
    of_channels = []
    for run, X in every:
        whole = np.zeros((len(rows), rows.n_coefficients))
        whole[:, run] = X
        of_channels.append(turn(whole))
    return of_channels


def block_rows(p: int, k: int = 1) -> int:
    """Return how many rows to take together, so that X, and k linear predictors, stay in cache."""
    return max(1, min(ROWS, max(1024, CELLS // max(p, 1)), max(256, CELLS // (2 * k))))


def rows_beside(k: int) -> int:
    """Return how many rows to take together so that k log likelihoods of each stay in cache."""
    return max(1, min(SOME_ROWS, CELLS // (2 * max(k, 1))))


def runs_of(p: int) -> int | None:
    """Return how many runs at most may each have a p x p result; None if one to a thread."""
    return None if p <= MOST_SHARED else 1


def _no_terms(p: int, n_phi: int) -> Terms:
    return Terms(
        0.0,
        np.zeros(p),
        np.zeros((p, p)),
        np.zeros(n_phi),
        np.zeros((n_phi, p)),
        np.zeros((n_phi,) * 2),
    )


def _terms_of(rows: Rows, d: Derivatives) -> Terms:
    return Terms(
        float(d.value.sum()),
        adjoint(rows, d.eta[:, None])[0],
        -gram(rows, -d.eta_eta),
        np.array([one.sum() for one in d.phi]),
        adjoint(rows, np.stack(d.eta_phi, 1)) if d.eta_phi else np.zeros((0, rows.size)),
        np.array([[one.sum() for one in line] for line in d.phi_phi]).reshape((len(d.phi),) * 2),
    )


def _added(one: Terms, other: Terms) -> Terms:
    pairs: Any = zip(one, other, strict=True)
    return Terms(*(a + b for a, b in pairs))


def at(family: Family, rows: Rows, w: Array, phi: list, order: int) -> Derivatives:
    """Return the weighted kernel and its derivatives at one w ``(p,)``."""
    return kernel(family, rows, predictors(rows, w[None])[:, 0], phi, order)


def kernel(family: Family, rows: Rows, eta: Array, phi: list, order: int) -> Derivatives:
    """Return the weighted kernel of log p and its derivatives at eta ``(channels, ..., rows)``."""
    d = family.kernel(rows.y, eta, phi, rows.trials, order)
    if rows.weights is None:
        return d
    return Derivatives(
        weighted(d.value, rows.weights),
        None if d.eta is None else weighted(d.eta, rows.weights),
        None if d.eta_eta is None else weighted(d.eta_eta, rows.weights),
        tuple(weighted(part, rows.weights) for part in d.phi),
        tuple(weighted(part, rows.weights) for part in d.eta_phi),
        tuple(tuple(weighted(part, rows.weights) for part in row) for row in d.phi_phi),
    )


def weighted(values: Array, weights: Array | None) -> Array:
    """Weight values; what is counted zero times counts nothing, however infinite."""
    if weights is None:
        return values
    counted = weights > 0
    return np.where(counted, weights * np.where(counted, values, 0.0), 0.0)
