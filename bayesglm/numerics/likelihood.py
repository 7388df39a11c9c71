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
from functools import cached_property
from typing import NamedTuple

import numpy as np

from bayesglm.numerics.families import Derivatives, Family
from bayesglm.numerics.rows import Rows

Array = np.ndarray
ROWS = 4096  # rows of a block: X of some 50 columns then stays in cache
CELLS = 1 << 18  # numbers of a block's linear predictors, when many are computed together


class Terms(NamedTuple):
    """Value and derivatives in w and in every dispersion; the first ones may be all there is."""

    value: float
    w: Array
    w_w: Array
    phi: list[float]
    w_phi: list[Array]
    phi_phi: list[list[float]]


@dataclass(frozen=True)
class Rowwise:
    """The sum over rows; ``blocks(size)`` runs through `Rows` of at most ``size`` rows."""

    blocks: Callable[[int], Iterable[Rows]]
    family: Family

    @cached_property
    def constant(self) -> float:
        """The part of the sum that no parameter moves."""
        total = 0.0
        for rows in self.blocks(ROWS):
            values = np.broadcast_to(self.family.constant(rows.y, rows.trials), rows.y.shape)
            total += float(_times(values, rows.weights).sum())
        return total

    def saturated(self, phi: list) -> float:
        """Return the largest log likelihood that any linear predictors reach."""
        total = self.constant
        for rows in self.blocks(ROWS):
            values = np.broadcast_to(self.family.saturated(rows.y, phi, rows.trials), rows.y.shape)
            total += float(_times(values, rows.weights).sum())
        return total

    def value(self, w: Array, phi: list) -> float:
        """Return the log likelihood at one w."""
        return self.constant + sum(
            float(_kernel(self.family, rows, rows.times(w[None])[0], phi, 0).value.sum())
            for rows in self.blocks(ROWS)
        )

    def terms(self, w: Array, phi: list) -> Terms:
        """Return value, gradient and Hessian in one pass over the rows."""
        p, n_phi = len(w), len(phi)
        value, gradient, hessian = 0.0, np.zeros(p), np.zeros((p, p))
        of_phi, w_phi = [0.0] * n_phi, [np.zeros(p) for _ in phi]
        phi_phi = [[0.0] * n_phi for _ in phi]
        for rows in self.blocks(ROWS):
            d = _kernel(self.family, rows, rows.times(w[None])[0], phi, 2)
            value += float(d.value.sum())
            gradient += rows.adjoint(d.eta[None])[0]
            hessian -= rows.gram(-d.eta_eta)
            for k in range(n_phi):
                of_phi[k] += float(d.phi[k].sum())
                w_phi[k] += rows.adjoint(d.eta_phi[k][None])[0]
                for j in range(n_phi):
                    phi_phi[k][j] += float(d.phi_phi[k][j].sum())
        return Terms(value + self.constant, gradient, hessian, of_phi, w_phi, phi_phi)

    def curvature(self, w: Array, phi: list, members: Array | None = None) -> Array:
        """Return minus the Hessian, of some coefficients if not of all."""
        found: Array | float = 0.0
        for rows in self.blocks(ROWS):
            d = _kernel(self.family, rows, rows.times(w[None])[0], phi, 2)
            found = found + rows.gram(-d.eta_eta, members)
        return np.asarray(found)

    def diagonal(self, w: Array, phi: list) -> Array:
        """Return the diagonal of minus the Hessian."""
        found = np.zeros(len(w))
        for rows in self.blocks(256):
            d = _kernel(self.family, rows, rows.times(w[None])[0], phi, 2)
            found -= d.eta_eta @ np.square(rows.X)
        return found

    def change(self, step: Array) -> float:
        """Return max |X dw|: how far a step moves any linear predictor."""
        return max(
            (float(np.abs(rows.times(step[None])).max()) for rows in self.blocks(ROWS)),
            default=0.0,
        )


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
        d = w - self.anchor
        return self._value(
            self.squares - 2.0 * float(self.pull @ d) + float(d @ self.gram @ d), phi
        )

    def _value(self, squares: float, phi: list) -> float:
        sigma = float(phi[0])
        return -0.5 * squares / sigma / sigma - self.count * (
            np.log(sigma) + 0.5 * np.log(2.0 * np.pi)
        )

    def terms(self, w: Array, phi: list) -> Terms:
        """Return value, gradient and Hessian."""
        d, sigma = w - self.anchor, float(phi[0])
        bend = self.gram @ d
        pull = self.pull - bend
        squares = self.squares - float((self.pull + pull) @ d)
        scaled, slope = squares / sigma / sigma, pull / sigma / sigma
        return Terms(
            self._value(squares, phi),
            slope,
            -self.gram / sigma / sigma,
            [(scaled - self.count) / sigma],
            [-2.0 * slope / sigma],
            [[(self.count - 3.0 * scaled) / sigma / sigma]],
        )

    def change(self, step: Array) -> float:
        """Return the root of step' G step, which no |X dw| exceeds but for weights below one."""
        return float(np.sqrt(max(step @ self.gram @ step, 0.0)))


def moments(rowwise: Rowwise, anchor: Array, gram: Array | None = None) -> Moments:
    """Take the moments of a gaussian response around one w; ``gram`` if it is known already."""
    p = len(anchor)
    total, pull, squares, count = np.zeros((p, p)), np.zeros(p), 0.0, 0.0
    for rows in rowwise.blocks(ROWS):
        residual = rows.y - rows.offset - rows.times(anchor[None])[0]
        weighted = residual if rows.weights is None else rows.weights * residual
        pull += rows.adjoint(weighted[None])[0]
        squares += float(weighted @ residual)
        count += float(len(residual) if rows.weights is None else rows.weights.sum())
        if gram is None:
            total += rows.gram(rows.weights)
    return Moments(anchor, total if gram is None else gram, pull, squares, count)


def slopes(
    family: Family, blocks: Callable[[int], Iterable[Rows]], W: Array, phi: Sequence[list]
) -> tuple[Array, Array]:
    """Return kernels of log likelihoods ``(k,)`` and gradients ``(k, p)``, each at its own w.

    Their rows share X, and are run through together: two matrix products serve them all. The
    blocks' responses are one array for all, or have a line for each. Of the log likelihoods the
    constants are missing.

    >>> from bayesglm.numerics.families import FAMILIES
    >>> rows = Rows.of(np.array([[1.0], [2.0]]), y=np.array([[1.0, 3.0], [0.0, 1.0]]))
    >>> family, W = FAMILIES["poisson", "log"], np.array([[0.0], [0.5]])
    >>> slopes(family, lambda size: [rows], W, [[], []])[1].round(3).tolist()
    [[4.0], [-5.085]]
    """
    k = len(W)
    values, gradients = np.zeros(k), np.zeros_like(W)
    together = [np.array(every)[:, None] for every in zip(*phi, strict=True)]
    for rows in blocks(int(np.clip(CELLS // k, 256, ROWS))):
        d = _kernel(family, rows, rows.times(W), together, 1)
        values += d.value.sum(axis=1)
        gradients += rows.adjoint(d.eta)
    return values, gradients


def moment_slopes(moments: Moments, W: Array, phi: Sequence[list]) -> tuple[Array, Array]:
    """Return the same as `slopes` of likelihoods that have the same moments."""
    sigma = np.array([float(own[0]) for own in phi])[:, None]
    d = W - moments.anchor
    bend = d @ moments.gram
    squares = moments.squares + ((bend - 2.0 * moments.pull) * d).sum(axis=1)
    constant = moments.count * (np.log(sigma[:, 0]) + 0.5 * np.log(2.0 * np.pi))
    return -0.5 * squares / sigma[:, 0] ** 2 - constant, (moments.pull - bend) / sigma**2


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
