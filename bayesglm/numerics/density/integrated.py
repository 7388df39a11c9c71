"""A gaussian response under Gaussian priors whose scales are learned: w is integrated out.

Given psi, the logarithms of sigma and of the scales as they stand in theta, the coefficients have
the precision H = X'X / sigma^2 + P(psi), so that with any anchor a, g the slope there of the log
joint density in w, and p coefficients

    log p(y, psi) = log p(y, a, psi) + (g' H^-1 g + p log 2 pi - log det H) / 2

(Lindley & Smith 1972; Bates et al. 2015, section 3). Its slope in psi is that of log p(y, w, psi)
at the mode w = a + H^-1 g, less tr(H^-1 dH/dpsi) / 2. H is an arrow (`solvers.arrow`), and its
likelihood's part one and the same for all psi.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from bayesglm.numerics.density.bordered import beside, crossed, level_precision
from bayesglm.numerics.density.layout import Layout
from bayesglm.numerics.density.likelihood import block_rows, runs_of
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.rows.rows import Rows
from bayesglm.numerics.solvers.arrow import Arrow, Eliminated, Whole, factored

Array = np.ndarray
LOG_2_PI = float(np.log(2.0 * np.pi))
# Of psi, in central differences of the priors' precisions, which are smooth in logarithms: the cube
# root of the rounding, or so.
STEP = 1e-5


class Given(NamedTuple):
    """The coefficients given one psi: their mode, the factor of H, and log p(y, psi).

    ``w`` is in the order of theta, ``theta`` the mode and psi.
    """

    theta: Array
    factor: Eliminated | Whole
    log_marginal: float


class Held(NamedTuple):
    """The priors' precision: blocks ``(k, k, L)`` of groupings' levels, and that of all else."""

    own: tuple[Array, ...]
    corner: Array

    def apart(self, other: Held) -> Held:
        """Return half the difference of two over the step."""
        pairs = zip(self.own, other.own, strict=True)
        by = 0.5 / STEP
        return Held(tuple(by * (a - b) for a, b in pairs), by * (self.corner - other.corner))


@dataclass(frozen=True)
class Integrated:
    """log p(y, psi) of an objective, from moments around ``anchor``.

    ``gram`` is X'WX as an arrow in the order of the ``layout``, ``pull`` X'W r in that of w, with r
    the residuals at the anchor, ``squares`` r'W r, and ``count`` the sum of the weights W.
    """

    objective: Objective
    layout: Layout
    gram: Arrow
    anchor: Array
    pull: Array
    squares: float
    count: float

    @property
    def size(self) -> int:
        """Number of psi."""
        return self.objective.size - len(self.anchor)

    def theta(self, psi: Array, w: Array | None = None) -> Array:
        """Return theta of psi beside coefficients, by default the anchor."""
        return np.concatenate([self.anchor if w is None else w, psi])

    def thetas(self, psis: Array) -> Array:
        """Return thetas ``(n, size)`` of many psi, beside the anchor."""
        anchors = np.broadcast_to(self.anchor, (len(psis), len(self.anchor)))
        return np.hstack([anchors, psis])

    def held(self, theta: Array) -> Held:
        """Return the priors' precision at one theta."""
        parts = {part.where.start: part.given(theta) for part in self.objective.coefficients}
        own = []
        for one, blocks in zip(self.layout.groupings, self.gram.own, strict=True):
            part = parts[one.where.start]
            own.append(level_precision(part, theta[one.where], blocks.shape[1:]))
        corner = self.objective.priors.given(theta).curvature(theta, self.layout.beside)
        return Held(tuple(own), corner)

    def arrow(self, theta: Array) -> Arrow:
        """Return H at one theta."""
        sigma = float(self.objective.phi(theta)[0])
        return self.gram.scaled(1.0 / sigma / sigma).plus_own(*self.held(theta))

    def given(self, psi: Array) -> Given | None:
        """Return the coefficients given one psi; None where H is not positive definite."""
        theta, p = self.theta(psi), len(self.anchor)
        sigma = float(self.objective.phi(theta)[0])
        factor = factored(self.arrow(theta))
        if factor is None:
            return None
        slope, order = self.pull / sigma / sigma, self.layout.order
        value = np.array([self._log_likelihood(self.squares, sigma)])
        priors = self.objective.priors.given(theta)
        priors.add_smooth(self.anchor[None], value, slope[None])
        shift = np.empty(p)
        shift[order] = factor.solve(slope[order][:, None])[:, 0]
        value += self.objective.registry.log_prior(theta[None])
        value += 0.5 * (slope @ shift + p * LOG_2_PI - factor.log_det)
        return Given(self.theta(psi, self.anchor + shift), factor, float(value[0]))

    def _log_likelihood(self, squares: float, sigma: float) -> float:
        return -0.5 * squares / sigma / sigma - self.count * (np.log(sigma) + 0.5 * LOG_2_PI)

    def residuals(self, w: Array) -> float:
        """Return the weighted squares of the residuals at one w."""
        shift, order = w - self.anchor, self.layout.order
        bent = self.gram.times(shift[order][:, None])[:, 0]
        return float(self.squares - 2.0 * self.pull @ shift + shift[order] @ bent)

    def slope(self, given: Given) -> Array:
        """Return the gradient of log p(y, psi) in psi."""
        theta, p, objective = given.theta, len(self.anchor), self.objective
        sigma, gradient = float(objective.phi(theta)[0]), np.zeros(objective.size)
        for part in objective.priors.learning:
            part.add_slope(theta, gradient)
        objective.registry.add_prior_slopes(theta, np.zeros(()), gradient)
        of_log_sigma = np.zeros(objective.size)  # d log sigma / d theta
        objective.registry.add_dispersion_slopes(theta, np.array([1.0 / sigma]), of_log_sigma)
        misfit = self.residuals(theta[:p]) / sigma / sigma
        known = p - self._trace(given, self.held(theta)) if of_log_sigma.any() else 0.0
        gradient += (misfit - self.count + known) * of_log_sigma
        for k in range(p, len(theta)):
            up, down = theta.copy(), theta.copy()
            up[k] += STEP
            down[k] -= STEP
            moved = self.held(up).apart(self.held(down))
            gradient[k] -= 0.5 * self._trace(given, moved)
        return gradient[p:]

    def _trace(self, given: Given, held: Held) -> float:
        """Return tr(H^-1 M), M being what priors may add to H."""
        if isinstance(given.factor, Whole):
            return given.factor.trace(held.corner)
        return given.factor.trace(self._bare.plus_own(*held))

    @property
    def _bare(self) -> Arrow:
        gram = self.gram
        return replace(
            gram,
            own=tuple(np.zeros_like(one) for one in gram.own),
            across={pair: type(one)(one.shape) for pair, one in gram.across.items()},
            border=tuple(np.zeros_like(one) for one in gram.border),
            corner=np.zeros_like(gram.corner),
        )


class _Sums(NamedTuple):
    pull: Array
    squares: float
    n_counted: float
    corner: Array
    border: Array


def integrated(objective: Objective, layout: Layout, anchor: Array) -> Integrated:
    """Add up the moments of a gaussian response around coefficients ``(p,)``."""
    weights = np.empty(objective.source.n_rows)
    n_border = len(layout.beside)
    work = partial(_added_up, layout, anchor, weights)
    parts = objective.source.reduce(work, block_rows(n_border), runs_of(n_border))
    pull, squares, count, corner, border = (
        sum(each[1:], each[0]) for each in zip(*parts, strict=True)
    )
    ends = np.cumsum([one.size for one in layout.groupings])[:-1]
    sides = tuple(np.split(border, ends, axis=1)) if layout.groupings else ()
    own, across = layout.own(weights), layout.across(weights)
    gram = Arrow(own, across, sides, corner, layout.n_apart)
    return Integrated(objective, layout, gram, anchor, pull, squares, count)


def anchored(known: Integrated, anchor: Array) -> Integrated:
    """Return the same with its moments around other coefficients, at which few digits are lost."""

    def work(run: Iterable[Rows]) -> tuple[Array, float]:
        pull, squares = np.zeros(len(anchor)), 0.0
        for rows in run:
            residual, weighted = _residuals(rows, anchor)
            pull += rows.adjoint(weighted[None])[0]
            squares += float(weighted @ residual)
        return pull, squares

    parts = known.objective.source.reduce(work, block_rows(len(known.layout.beside)))
    pull, squares = (sum(each[1:], each[0]) for each in zip(*parts, strict=True))
    return replace(known, anchor=anchor, pull=pull, squares=squares)


def _residuals(rows: Rows, w: Array) -> tuple[Array, Array]:
    residual = rows.y - rows.offset - rows.times(w[None])[0]
    return residual, residual if rows.weights is None else rows.weights * residual


def _added_up(layout: Layout, anchor: Array, weights: Array, run: Iterable[Rows]) -> _Sums:
    p, m = layout.n_coefficients, len(layout.beside)
    q = sum(one.size for one in layout.groupings)
    total = _Sums(np.zeros(p), 0.0, 0.0, np.zeros((m, m)), np.zeros((m, q)))
    for rows in run:
        residual, weighted = _residuals(rows, anchor)
        own = np.ones(len(rows)) if rows.weights is None else rows.weights
        weights[rows.place] = own
        rest = beside(rows, layout)
        levels = [one.on(rows.place) for one in layout.groupings]
        sides = [crossed(rest, columns, own) for columns in levels]
        total = _Sums(
            total.pull + rows.adjoint(weighted[None])[0],
            total.squares + float(weighted @ residual),
            total.n_counted + float(own.sum()),
            total.corner + rest.gram(own),
            total.border + np.hstack([np.zeros((m, 0)), *sides]),
        )
    return total
