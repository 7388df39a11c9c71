"""The log likelihood of one response, summed over blocks of rows or read off its moments.

With f the family's log p(y | eta, phi), X the columns of a block and eta = X w + offset,

    value    = sum(weight * f)
    gradient = X' (weight * f_eta)
    Hessian  = X' diag(weight * f_eta_eta) X

A gaussian response with the identity link needs the rows only once: its weighted Gram matrix and
the residuals at one point give all that at any other. The moments are taken around a point, and so
lose no digits near it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from bayesglm.numerics.families.family import Derivatives, Family
from bayesglm.numerics.rows.parallel import n_threads, share_out
from bayesglm.numerics.rows.rows import Rows, unpacked

Array = np.ndarray
ROWS = 16384  # rows of a block at most: what is computed of each then stays in the cache
CELLS = 1 << 18  # numbers of a block, which then stays in the cache of a processor
SOME_ROWS, SOME_W = 512, 128  # taken together where there are many of both: eta is half a MB
PAIRED = 200  # columns at most, where products of all pairs of columns are formed ...
PAIRS = 1 << 20  # ... for so many numbers of a block
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
    """The sum over rows; ``blocks(size)`` runs through `Rows` of at most ``size`` rows."""

    blocks: Callable[[int], Iterable[Rows]]
    family: Family

    @cached_property
    def width(self) -> int:
        """How many numbers a product reads of each row."""
        return max((rows.width for rows in islice(self.blocks(1), 1)), default=0)

    @cached_property
    def constant(self) -> float:
        """The part of the sum that no parameter moves."""

        def work(run: Sequence[Rows]) -> float:
            total = 0.0
            for rows in run:
                values = np.broadcast_to(self.family.constant(rows.y, rows.trials), rows.y.shape)
                total += float(_times(values, rows.weights).sum())
            return total

        return sum(share_out(self.blocks(CELLS), work))

    def saturated(self, phi: list) -> float:
        """Return the largest log likelihood that any linear predictors reach."""
        total = self.constant
        for rows in self.blocks(ROWS):
            values = np.broadcast_to(self.family.saturated(rows.y, phi, rows.trials), rows.y.shape)
            total += float(_times(values, rows.weights).sum())
        return total

    def value(self, w: Array, phi: list) -> float:
        """Return the log likelihood at one w."""

        def work(run: Sequence[Rows]) -> float:
            kernels = (_kernel(self.family, rows, rows.times(w[None])[0], phi, 0) for rows in run)
            return sum(float(d.value.sum()) for d in kernels)

        return self.constant + sum(share_out(self.blocks(block_rows(self.width)), work))

    def values(self, W: Array, phi: list) -> Array:
        """Return the log likelihoods ``(k,)`` at many w ``(k, p)``, phi numbers or ``(k,)``."""
        W, phi = np.ascontiguousarray(W), _upright(phi)
        size = max(1, min(SOME_ROWS, max(16, CELLS // max(W.shape[1], 1))))

        def total(blocks: Iterable[Rows], some: slice) -> Array:
            found = np.zeros(len(W[some]))
            for rows in blocks:
                _add_totals(self.family, rows, W[some], _lines(phi, some), found)
            return found

        starts = range(0, len(W), SOME_W)
        if len(starts) < 2 * n_threads():
            parts = share_out(self.blocks(size), lambda run: total(run, slice(0, len(W))))
            return sum(parts, np.full(len(W), self.constant))
        parts = share_out(
            starts, lambda run: total(self.blocks(size), slice(run[0], run[-1] + SOME_W))
        )
        return np.concatenate(parts) + self.constant

    def pointwise(self, rows: Rows, W: Array, phi: list) -> Array:
        """Return the weighted log likelihoods ``(k, rows)`` of one block at many w ``(k, p)``."""
        values = _kernel(self.family, rows, rows.times(W), _upright(phi), 0).value
        constant = np.asarray(self.family.constant(rows.y, rows.trials))
        values += _times(constant, rows.weights)
        return values

    def derivatives(self, rows: Rows, Xw: Array, phi: list) -> Derivatives:
        """Return the weighted kernels of one block, and their derivatives, from its X w."""
        return _kernel(self.family, rows, Xw, phi, 2)

    def terms(self, w: Array, phi: list) -> Terms:
        """Return value, gradient and Hessian in one pass over the rows."""

        def work(run: Sequence[Rows]) -> Terms:
            total = _no_terms(len(w), len(phi))
            for rows in run:
                d = _kernel(self.family, rows, rows.times(w[None])[0], phi, 2)
                total = _added(total, _terms_of(rows, d))
            return total

        found = _in_runs(self.blocks(block_rows(self.width)), work, len(w))
        total = reduce(_added, found)
        return total._replace(value=total.value + self.constant)

    def curvature(
        self, w: Array, phi: list, members: Array | None = None, single: bool = False
    ) -> Array:
        """Return minus the Hessian, of some coefficients if not of all.

        ``single`` is twice as fast and good to six digits, or infinite.
        """
        size = len(w) if members is None else len(members)

        def work(run: Sequence[Rows]) -> Array:
            total = np.zeros((size, size))
            for rows in run:
                d = _kernel(self.family, rows, rows.times(w[None])[0], phi, 2)
                total += rows.gram(-d.eta_eta, members, single)
            return total

        return sum(_in_runs(self.blocks(block_rows(size)), work, size), np.zeros((size, size)))

    def evenness(self, w: Array, phi: list) -> float:
        """Return to how many equal rows, in shares of all, the rows' curvatures come (Kish)."""
        kernels = (
            _kernel(self.family, rows, rows.times(w[None])[0], phi, 2).eta_eta
            for rows in self.blocks(block_rows(self.width))
        )
        bends = np.concatenate(list(kernels))
        most = np.abs(bends).max(initial=0.0)
        if not 0.0 < most < np.inf:
            return 1.0
        bends = bends / most
        return float(bends.sum() ** 2 / (len(bends) * (bends @ bends)))

    def diagonal(self, w: Array, phi: list, turn: Callable[[Array], Array] = lambda X: X) -> Array:
        """Return the diagonal of minus the Hessian, in the basis to which ``turn`` takes rows."""

        def work(run: Sequence[Rows]) -> Array:
            total = np.zeros(len(w))
            for rows in run:
                d = _kernel(self.family, rows, rows.times(w[None])[0], phi, 2)
                total -= d.eta_eta @ np.square(turn(rows.X))
            return total

        return sum(share_out(self.blocks(256), work), np.zeros(len(w)))

    def curvature_product(self, w: Array, phi: list) -> Callable[[Array], Array]:
        """Return the product of minus the Hessian at w with vectors ``(p,)``, never formed."""
        size = block_rows(self.width)
        bends = [
            -_kernel(self.family, rows, rows.times(w[None])[0], phi, 2).eta_eta
            for rows in self.blocks(size)
        ]

        def times(v: Array) -> Array:
            def work(run: Sequence[tuple[Rows, Array]]) -> Array:
                total = np.zeros((1, len(v)))
                for rows, bend in run:
                    total += rows.adjoint(bend * rows.times(v[None]))
                return total[0]

            pairs = zip(self.blocks(size), bends, strict=True)
            return sum(share_out(pairs, work), np.zeros(len(v)))

        return times

    def change(self, step: Array) -> float:
        """Return max |X dw|: how far a step moves any linear predictor."""

        def work(run: Sequence[Rows]) -> float:
            return max((float(np.abs(rows.times(step[None])).max()) for rows in run), default=0.0)

        return max(share_out(self.blocks(block_rows(self.width)), work))


def _upright(phi: list) -> list:
    """Return dispersions, some with a number for each w, so that they broadcast over rows."""
    return [v[:, None] if isinstance(v, np.ndarray) else v for v in phi]


def _lines(phi: list, some: slice) -> list:
    return [v[some] if isinstance(v, np.ndarray) else v for v in phi]


def _add_totals(family: Family, rows: Rows, W: Array, phi: list, total: Array) -> None:
    """Add one block's kernels, summed over its rows, at every w ``(k, p)`` to ``(k,)``, in place.

    The linear predictors of some w at a time stay in cache, in the same memory.
    """
    X, y, trials, weights, offset = rows.X, rows.y, rows.trials, rows.weights, rows.offset
    if weights is not None and not np.all(weights > 0):
        # What is counted zero times counts nothing, however infinite.
        counted = np.flatnonzero(weights)
        X, y, weights = X[counted], y[counted], weights[counted]
        trials = None if trials is None else trials[counted]
        offset = offset[counted] if isinstance(offset, np.ndarray) else offset
    turned = np.asarray(X, dtype=np.float64).T
    eta = np.empty((min(SOME_W, len(W)), len(y)))
    for start in range(0, len(W), SOME_W):
        some = slice(start, min(start + SOME_W, len(W)))
        here = eta[: some.stop - start]
        np.matmul(W[some], turned, out=here)
        if isinstance(offset, np.ndarray) or offset != 0.0:
            here += offset
        total[some] += family.summed(y, here, _lines(phi, some), trials, weights)


def block_rows(p: int, k: int = 1) -> int:
    """Return how many rows to take together, so that X, and k linear predictors, stay in cache."""
    return max(1, min(ROWS, max(1024, CELLS // max(p, 1)), max(256, CELLS // (2 * k))))


def rows_beside(k: int) -> int:
    """Return how many rows to take together so that k log likelihoods of each stay in cache."""
    return max(1, min(SOME_ROWS, CELLS // (2 * max(k, 1))))


def _in_runs[Result](
    blocks: Iterable[Rows], work: Callable[[Sequence[Rows]], Result], p: int
) -> list[Result]:
    """Share out work whose results are p x p, unless they are too large for one to a thread."""
    return share_out(blocks, work) if p <= MOST_SHARED else [work(list(blocks))]


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
        rows.adjoint(d.eta[None])[0],
        -rows.gram(-d.eta_eta),
        np.array([one.sum() for one in d.phi]),
        rows.adjoint(np.array(d.eta_phi)) if d.eta_phi else np.zeros((0, rows.n_coefficients)),
        np.array([[one.sum() for one in line] for line in d.phi_phi]).reshape((len(d.phi),) * 2),
    )


def _added(one: Terms, other: Terms) -> Terms:
    pairs: Any = zip(one, other, strict=True)
    return Terms(*(a + b for a, b in pairs))


@dataclass(frozen=True)
class Moments:
    """A gaussian log likelihood with the identity link, from its moments around ``anchor``.

    With d = w - anchor and r the residuals there, RSS(w) = sum(weight r^2) - 2 d'X'(weight r)
    + d'Gd, G = X' diag(weight) X.
    """

    anchor: Array
    gram: Array
    pull: Array
    squares: float
    count: float

    def value(self, w: Array, phi: list) -> float:
        """Return the log likelihood at one w."""
        return float(self.values(w[None], phi)[0])

    def at(self, squares: Any, sigma: Any) -> Any:
        """Return the log likelihood where the residuals' weighted squares add up to ``squares``."""
        return -0.5 * squares / sigma / sigma - self.count * (
            np.log(sigma) + 0.5 * np.log(2.0 * np.pi)
        )

    def values(self, W: Array, phi: list) -> Array:
        """Return the log likelihoods ``(k,)`` at many w ``(k, p)``, phi numbers or ``(k,)``."""
        d = W - self.anchor
        squares = self.squares + ((d @ self.gram - 2.0 * self.pull) * d).sum(axis=1)
        return self.at(squares, phi[0])

    def slope(self, w: Array, phi: list) -> tuple[float, Array, Array]:
        """Return value, gradient in w ``(p,)`` and in sigma ``(1,)``."""
        return self._slope(w, phi)[:3]

    def _slope(self, w: Array, phi: list) -> tuple[float, Array, Array, float]:
        """Return the same, and RSS / sigma^2."""
        d, sigma = w - self.anchor, float(phi[0])
        pull = self.pull - self.gram @ d
        squares = self.squares - float((self.pull + pull) @ d)
        scaled = squares / sigma / sigma
        of_sigma = np.array([(scaled - self.count) / sigma])
        return self.at(squares, sigma), pull / sigma / sigma, of_sigma, scaled

    def terms(self, w: Array, phi: list) -> Terms:
        """Return value, gradient and Hessian."""
        value, slope, of_sigma, scaled = self._slope(w, phi)
        sigma = float(phi[0])
        return Terms(
            value,
            slope,
            -self.gram / sigma / sigma,
            of_sigma,
            -2.0 * slope[None] / sigma,
            np.array([[(self.count - 3.0 * scaled) / sigma / sigma]]),
        )

    def change(self, step: Array, sigma: float) -> float:
        """Return the root of step' G step, which no |X dw| exceeds but for weights below one.

        It is in units of the residuals' root mean square at the anchor, or of sigma, if that is
        more: a linear predictor that is a response itself has the response's unit.
        """
        unit = max(float(np.sqrt(max(self.squares, 0.0) / max(self.count, 1.0))), sigma)
        return float(np.sqrt(max(step @ self.gram @ step, 0.0))) / (unit or 1.0)


def moments(rowwise: Rowwise, anchor: Array, gram: Array | None = None) -> Moments:
    """Take the moments of a gaussian response around one w; ``gram`` if it is known already."""
    p = len(anchor)

    def work(run: Sequence[Rows]) -> tuple[Array, Array, float, float]:
        total, pull, squares, count = np.zeros((p, p)), np.zeros(p), 0.0, 0.0
        for rows in run:
            residual = rows.y - rows.offset - rows.times(anchor[None])[0]
            weighted = residual if rows.weights is None else rows.weights * residual
            pull += rows.adjoint(weighted[None])[0]
            squares += float(weighted @ residual)
            count += float(len(residual) if rows.weights is None else rows.weights.sum())
            if gram is None:
                total += rows.gram(rows.weights)
        return total, pull, squares, count

    parts = zip(*_in_runs(rowwise.blocks(block_rows(p)), work, p), strict=True)
    total, pull, squares, count = (sum(each[1:], each[0]) for each in parts)
    return Moments(anchor, total if gram is None else gram, pull, squares, count)


def slopes(
    family: Family, blocks: Callable[[int], Iterable[Rows]], W: Array, phi: Sequence[list]
) -> tuple[Array, Array]:
    """Return kernels of log likelihoods ``(k,)`` and gradients ``(k, p)``, each at its own w.

    Their rows share X, and are run through together: two matrix products serve them all. The
    blocks' responses are one array for all, or have a line for each. Of the log likelihoods the
    constants are missing.

    >>> from bayesglm.numerics.families.family import FAMILIES
    >>> rows = Rows.of(np.array([[1.0], [2.0]]), y=np.array([[1.0, 3.0], [0.0, 1.0]]))
    >>> family, W = FAMILIES["poisson", "log"], np.array([[0.0], [0.5]])
    >>> slopes(family, lambda size: [rows], W, [[], []])[1].round(3).tolist()
    [[4.0], [-5.085]]
    """
    k, p = W.shape
    together = [np.array(every)[:, None] for every in zip(*phi, strict=True)]

    def work(run: Sequence[Rows]) -> tuple[Array, Array, Array]:
        return run_slopes(family, run, W, together)

    values, gradients, _ = zip(*share_out(blocks(block_rows(p, k)), work), strict=True)
    return sum(values[1:], values[0]), sum(gradients[1:], gradients[0])


def run_slopes(
    family: Family, run: Iterable[Rows], W: Array, phi: list
) -> tuple[Array, Array, Array]:
    """Return the same of one run of blocks, by no other thread, and slopes in phi ``(n_phi, k)``.

    phi has for each dispersion one number for all, or ``(k, 1)``.
    """
    k, p = W.shape
    values, gradients, of_phi = np.zeros(k), np.zeros((k, p)), np.zeros((len(phi), k))
    for rows in run:
        d = _kernel(family, rows, rows.times(W), phi, 1)
        values += d.value.sum(axis=1)
        gradients += rows.adjoint(d.eta)
        for total, part in zip(of_phi, d.phi, strict=True):
            total += part.sum(axis=1)
    return values, gradients, of_phi


def curvatures(
    family: Family, blocks: Callable[[int], Iterable[Rows]], W: Array, phi: Sequence[list]
) -> Array:
    """Return minus the Hessians ``(k, p, p)`` of the same, in single precision."""
    k, p = W.shape
    together = [np.array(every)[:, None] for every in zip(*phi, strict=True)]

    def work(run: Sequence[Rows]) -> Array:
        total = np.zeros((k, p, p)) if k == 1 or p > PAIRED else np.zeros((k, p * (p + 1) // 2))
        for rows in run:
            bends = -_kernel(family, rows, rows.times(W), together, 2).eta_eta
            if total.ndim == 2:
                total += rows.packed_grams(bends)
            else:
                total += [rows.gram(bend, single=True) for bend in bends]
        return total

    size = PAIRS // (p * p) if k > 1 and p <= PAIRED else block_rows(p, k)
    total = sum(_in_runs(blocks(min(size, block_rows(p, k))), work, p), np.zeros(1))
    return total if total.ndim == 3 else unpacked(total, p)


def moment_slopes(moments: Moments, W: Array, phi: Sequence[list]) -> tuple[Array, Array]:
    """Return the same as `slopes` of likelihoods that have the same moments."""
    sigma = np.array([float(own[0]) for own in phi])
    d = W - moments.anchor
    bend = d @ moments.gram
    squares = moments.squares + ((bend - 2.0 * moments.pull) * d).sum(axis=1)
    return moments.at(squares, sigma), (moments.pull - bend) / sigma[:, None] ** 2


def _kernel(family: Family, rows: Rows, Xw: Array, phi: list, order: int) -> Derivatives:
    """Return the weighted kernel of log p and its derivatives at eta = X w + offset."""
    eta = Xw if isinstance(rows.offset, float) and rows.offset == 0.0 else Xw + rows.offset
    d = family.kernel(rows.y, eta, phi, rows.trials, order)
    if rows.weights is None:
        return d
    return Derivatives(
        _times(d.value, rows.weights),
        None if d.eta is None else _times(d.eta, rows.weights),
        None if d.eta_eta is None else _times(d.eta_eta, rows.weights),
        tuple(_times(part, rows.weights) for part in d.phi),
        tuple(_times(part, rows.weights) for part in d.eta_phi),
        tuple(tuple(_times(part, rows.weights) for part in row) for row in d.phi_phi),
    )


def _times(values: Array, weights: Array | None) -> Array:
    """Weight values; what is counted zero times counts nothing, however infinite."""
    if weights is None:
        return values
    counted = weights > 0
    return np.where(counted, weights * np.where(counted, values, 0.0), 0.0)
