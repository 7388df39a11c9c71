"""The same at many psi at once, one grouping eliminated: log p(y, psi), and draws of w given psi.

All that is crossed stands in the border, whose matrices of m x m numbers are factored one by one;
the levels' part of these is one product of matrices, (psi, levels) times (levels, m x m).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bayesglm.numerics.density.integrated import LOG_2_PI, Integrated
from bayesglm.numerics.density.layout import Layout
from bayesglm.numerics.density.levels.small import cholesky, log_det, solve_lower, solve_upper
from bayesglm.numerics.density.likelihood import CELLS
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.numerics.solvers.level_blocks import LEAST_PIVOT

Array = np.ndarray
# Numbers of the products of two columns of the border over the levels, which are held (8 bytes
# each) and read for every psi: chosen.
MOST_PRODUCTS = 10_000_000
MOST_BORDER = 200  # chosen: a factor of so many takes a millisecond


class _Given:
    """Everything at some psi: factors, and the coefficients' mode away from the anchor."""

    def __init__(self, many: IntegratedMany, psis: Array) -> None:
        of = many.of
        self.many, self.thetas = many, of.thetas(psis)
        self.sigma = np.broadcast_to(of.objective.phi(self.thetas)[0], len(psis))
        self.data = (1.0 / self.sigma / self.sigma)[:, None]
        self.values = -0.5 * of.squares * self.data[:, 0]
        self.values -= of.count * (np.log(self.sigma) + 0.5 * LOG_2_PI)
        self.slopes = self.data * of.pull
        self._take_levels()
        self._take_border()

    def _take_levels(self) -> None:
        """Factor the levels' own blocks E ``(k, k, psi, L)``; h are the slopes there."""
        many, n = self.many, len(self.thetas)
        k, _, n_levels = many.own.shape
        blocks = np.multiply.outer(self.data[:, 0], many.own).transpose(1, 2, 0, 3)
        self.h = np.zeros((k, n, n_levels))
        if many.part is not None:
            part, where = many.part.given(self.thetas), many.part.where
            blocks = blocks + _level_precisions(part, n, (k, n_levels))
            self._add_prior(part, where)
            self.h = self.slopes[:, where].reshape(n, k, n_levels).transpose(1, 0, 2)
        self.lower = cholesky(blocks)
        self.stands = np.ones(n, dtype=bool)
        for j in range(k):
            pivots = self.lower[j, j] ** 2 > LEAST_PIVOT * blocks[j, j]
            self.stands &= pivots.all(axis=-1)
        self.half = solve_lower(self.lower, self.h)

    def _take_border(self) -> None:
        """Factor S ``(psi, m, m)``; g are the slopes there, levels eliminated."""
        many, n, order = self.many, len(self.thetas), self.many.of.layout.beside
        m = len(order)
        precision = np.zeros((n, m, m))
        for part, places in many.beside:
            given = part.given(self.thetas)
            self._add_prior(given, part.where)
            precision[np.ix_(np.arange(n), places, places)] += _precisions(given, n)
        precision += self.data[:, :, None] * many.of.gram.corner
        inverse = self._inverse_levels()
        self.scale = np.diagonal(precision, axis1=1, axis2=2)
        taken = inverse.transpose(1, 0, 2).reshape(n, -1) @ many.products
        self.schur = precision - (self.data**2)[:, :, None] * taken.reshape(n, m, m)
        solved = self.data * (self._solved_levels(self.half) @ many.cross.T)
        self.g = self.slopes[:, order] - solved

    def _add_prior(self, part: PriorPart, where: slice) -> None:
        at = np.broadcast_to(self.many.of.anchor[where], (len(self.thetas), part.size))
        self.values += part.total(at)
        self.slopes[:, where] += part.gradient(at)

    def _inverse_levels(self) -> Array:
        """Return E^-1 ``(k k, psi, L)``."""
        k, _, *shape = self.lower.shape
        inverse = np.empty((k, k, *shape))
        for b in range(k):
            unit = np.zeros((k, *shape))
            unit[b] = 1.0
            inverse[b] = solve_upper(self.lower, solve_lower(self.lower, unit))
        return inverse.reshape(k * k, *shape)

    def _solved_levels(self, half: Array) -> Array:
        """Return E'^-1/2 times ``(k, psi, L)``, a line ``(k L)`` for each psi."""
        solved = solve_upper(self.lower, half)
        return solved.transpose(1, 0, 2).reshape(len(self.thetas), -1)

    @cached_property
    def root(self) -> Array:
        """The lower factors of S; NaN where there is none."""
        try:
            return np.linalg.cholesky(self.schur)
        except np.linalg.LinAlgError:
            return np.stack([_root(one) for one in self.schur])

    @cached_property
    def log_dets(self) -> Array:
        """The log determinants of H."""
        diagonal = np.diagonal(self.root, axis1=1, axis2=2)
        of_border = np.log(diagonal).sum(axis=-1)
        return 2.0 * (np.sum(log_det(self.lower), axis=-1) + of_border)

    def log_marginals(self) -> Array:
        """Return log p(y, psi)."""
        p = len(self.many.of.anchor)
        half = np.linalg.solve(self.root, self.g[..., None])[..., 0]
        squares = np.square(self.half).sum(axis=(0, 2)) + np.vecdot(half, half)
        of_psi = self.many.of.objective.registry.log_prior(self.thetas)
        values = self.values + of_psi + 0.5 * (squares + p * LOG_2_PI - self.log_dets)
        pivots = np.diagonal(self.root, axis1=1, axis2=2) ** 2 > LEAST_PIVOT * self.scale
        stands = self.stands & pivots.all(axis=1) & np.isfinite(values)
        return np.where(stands, values, -np.inf)

    def draw(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return theta ``(psi, size)``, w drawn given psi, and log p(w given y and psi)."""
        many, n = self.many, len(self.thetas)
        layout = many.of.layout
        back = np.linalg.inv(self.root)
        z = rng.standard_normal((n, len(layout.beside)))
        half = np.matvec(back, self.g) + z
        s = np.vecmat(half, back)
        thetas, squares = self.thetas.copy(), np.vecdot(z, z)
        thetas[:, layout.beside] += s
        if many.part is not None:
            k, _, n_levels = many.own.shape
            met = self.data * (s @ many.cross)
            met = met.reshape(n, k, n_levels).transpose(1, 0, 2)
            own = rng.standard_normal(met.shape)
            half = self.half - solve_lower(self.lower, met) + own
            thetas[:, many.part.where] += self._solved_levels(half)
            squares += np.square(own).sum(axis=(0, 2))
        p = len(many.of.anchor)
        return thetas, 0.5 * (self.log_dets - squares - p * LOG_2_PI)


def _root(matrix: Array) -> Array:
    try:
        return np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return np.full_like(matrix, np.nan)


def _level_precisions(part: PriorPart, n: int, shape: tuple[int, int]) -> Array:
    """Return the blocks ``(k, k, psi, L)`` of a prior at n psi."""
    k, n_levels = shape
    at, blocks = np.zeros((n, part.size)), np.empty((k, k, n, n_levels))
    for b in range(k):
        only = np.zeros((n, k, n_levels))
        only[:, b] = 1.0
        product = part.product(at, only.reshape(n, -1)).reshape(n, k, n_levels)
        blocks[:, b] = product.transpose(1, 0, 2)
    return blocks


def _precisions(part: PriorPart, n: int) -> Array:
    """Return the matrices ``(psi, q, q)`` of a prior at n psi."""
    q = part.size
    at = np.zeros((n, q))
    if part.structure.diagonal:
        return part.precision(at)[:, :, None] * np.eye(q)
    columns = [part.product(at, np.broadcast_to(line, (n, q))) for line in np.eye(q)]
    return np.stack(columns, axis=2)


@dataclass(frozen=True)
class IntegratedMany:
    """log p(y, psi) at many psi, of a layout of one grouping or none."""

    of: Integrated

    @cached_property
    def part(self) -> PriorPart | None:
        """The prior of the grouping."""
        for one in self.of.layout.groupings:
            return next(p for p in self.of.objective.coefficients if p.where == one.where)
        return None

    @cached_property
    def own(self) -> Array:
        """The grouping's blocks of X'X ``(k, k, L)``."""
        return self.of.gram.own[0] if self.of.gram.own else np.zeros((1, 1, 0))

    @cached_property
    def cross(self) -> Array:
        """X'X between the border and the levels ``(m, k L)``."""
        return self.of.gram.border[0] if self.of.gram.own else np.zeros((self._m, 0))

    @property
    def _m(self) -> int:
        return len(self.of.layout.beside)

    @cached_property
    def products(self) -> Array:
        """The products over the levels ``(k k L, m m)`` of every two columns of the border."""
        m, (k, _, n_levels) = self._m, self.own.shape
        by_effect = self.cross.reshape(m, k, n_levels)
        pairs = np.einsum("ial,jbl->ablij", by_effect, by_effect)
        return pairs.reshape(k * k * n_levels, m * m)

    @cached_property
    def beside(self) -> list[tuple[PriorPart, Array]]:
        """The priors of the border, each with its places there."""
        places = np.full(len(self.of.anchor), -1)
        places[self.of.layout.beside] = np.arange(self._m)
        parts = (part for part in self.of.objective.coefficients if part is not self.part)
        return [(part, places[part.where]) for part in parts]

    def _blocks(self, psis: Array) -> list[Array]:
        k, _, n_levels = self.own.shape
        width = max(self._m**2, k * k * n_levels, len(self.of.anchor))
        return np.array_split(psis, max(1, -(-len(psis) * width // (4 * CELLS))))

    def log_marginals(self, psis: Array) -> Array:
        """Return log p(y, psi) ``(n,)`` at many psi ``(n, d)``."""
        return np.concatenate([_Given(self, some).log_marginals() for some in self._blocks(psis)])

    def draw(self, rng: np.random.Generator, psis: Array) -> tuple[Array, Array]:
        """Return theta ``(n, size)``, w drawn given each psi, and log p(w given y and psi)."""
        every = [_Given(self, some).draw(rng) for some in self._blocks(psis)]
        return np.concatenate([one for one, _ in every]), np.concatenate([p for _, p in every])


def can_batch(layout: Layout) -> bool:
    """Say whether many psi at once are affordable: one grouping at most, and a small border."""
    m = len(layout.beside)
    n = sum(one.size * one.values.shape[1] for one in layout.groupings)
    return len(layout.groupings) <= 1 and m <= MOST_BORDER and n * m * m <= MOST_PRODUCTS
