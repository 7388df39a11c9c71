"""The log likelihood of a gaussian response with the identity link, read off its moments.

It needs the rows only once: its weighted Gram matrix and the residuals at one point give value and
derivatives at any other. The moments are taken around a point, and so lose no digits near it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesglm.numerics.density.likelihood import Rowwise, Terms, block_rows, runs_of
from bayesglm.numerics.rows.rows import Rows

Array = np.ndarray


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

    def slopes(self, W: Array, phi: list) -> tuple[Array, Array, Array]:
        """Return values ``(...)``, gradients in w ``(..., p)`` and in sigma ``(..., 1)``.

        At w ``(..., p)``; phi is a number, or ``(...)``.
        """
        d, sigma = W - self.anchor, np.asarray(phi[0])
        pull = self.pull - d @ self.gram
        squares = self.squares - np.vecdot(self.pull + pull, d)
        of_w = pull / np.square(sigma)[..., None]
        of_sigma = np.asarray((squares / sigma / sigma - self.count) / sigma)
        return self.at(squares, sigma), of_w, of_sigma[..., None]

    def terms(self, w: Array, phi: list) -> Terms:
        """Return value, gradient and Hessian."""
        value, slope, of_sigma = self.slopes(w, phi)
        sigma = float(phi[0])
        scaled = float(of_sigma[0]) * sigma + self.count
        return Terms(
            float(value),
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

    def work(run: Iterable[Rows]) -> tuple[Array, Array, float, float]:
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

    parts = zip(*rowwise.source.reduce(work, block_rows(p), runs_of(p)), strict=True)
    total, pull, squares, count = (sum(each[1:], each[0]) for each in parts)
    return Moments(anchor, total if gram is None else gram, pull, squares, count)


def moment_slopes(moments: Moments, W: Array, phi: Sequence[list]) -> tuple[Array, Array]:
    """Return the same as `together.slopes` of likelihoods that have the same moments."""
    sigma = np.array([float(own[0]) for own in phi])
    d = W - moments.anchor
    bend = d @ moments.gram
    squares = moments.squares + ((bend - 2.0 * moments.pull) * d).sum(axis=1)
    return moments.at(squares, sigma), (moments.pull - bend) / sigma[:, None] ** 2
