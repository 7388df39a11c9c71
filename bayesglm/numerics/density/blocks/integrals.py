"""Integrals over blocks of effects, at many thetas of the top: by Laplace's method, and unbiased.

Around its mode b^ each block's density is nearly a Gaussian q of precision H,

    p(y_j | t) ~ p(y_j, b^ | t) (2 pi)^(q/2) |H|^(-1/2),
    p(y_j | t) = E_q p(y_j, b | t) / q(b).

The grouping with most levels is first integrated out by quadrature, as given the others its levels
are independent; b are the effects of the others. The means of M draws of q are unbiased and
independent from block to block, so that their product is unbiased of p(y | t). Weights of t with
it, and one of the draws of each block by its share of their mean, are exact draws of t and all
effects (Andrieu & Roberts 2009, Annals of Statistics 37, 697-725; Tran et al. 2021, "Importance
sampling squared"). Draws come in pairs of opposite signs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from bayesglm.numerics.density.blocks.laid import Blocks, Log, Points
from bayesglm.numerics.density.levels.conditional import Conditional
from bayesglm.numerics.density.levels.drawn import drawn
from bayesglm.numerics.density.levels.integrals import FEWEST_OF_MEANS
from bayesglm.numerics.density.levels.nodes import hermite
from bayesglm.numerics.density.levels.prior import AtThetas
from bayesglm.numerics.density.levels.quadrature import Around as LevelAround
from bayesglm.numerics.density.levels.quadrature import around_modes, log_integrals
from bayesglm.numerics.density.levels.small import cholesky, solve_upper

Array = np.ndarray
CELLS = 1 << 18  # numbers of effects and rows, draws and thetas, that are taken together
MOST_STEPS = 60  # of Newton's method
SHORTER = 0.3  # of a step that did not rise
NEAR = 1e-11  # squared sds of a step that is the last, where derivatives are differences
APART = 0.02  # of the steps of a guide, over which values are differenced


class Guide(NamedTuple):
    """Modes ``(q,)`` at one t, how they move ``(d, q)``, and the ``steps`` of differences."""

    t: Array
    modes: Array
    moves: Array
    steps: Array

    def start(self, T: Array) -> Array:
        """Return about where the modes at T ``(m, d)`` are: ``(q, m)``."""
        return self.modes[:, None] + self.moves.T @ (T - self.t).T


class Around(NamedTuple):
    """Gaussians of all blocks: their means ``(q, m)`` and the factors of their precisions."""

    centre: Array
    factor: Array


@dataclass(frozen=True)
class BlockLaplace:
    """The log density of the top by Laplace's method: smooth, and near the one that is meant.

    ``near`` are the squared sds of a step towards the modes that is the last.
    """

    blocks: Blocks
    guide: Guide | None = None
    near: float = NEAR

    @property
    def d(self) -> int:
        """Length of the top."""
        return len(self.blocks.top)

    @property
    def n_beside(self) -> int:
        """Number of coefficients beside the effects, which come first in the top."""
        return self.blocks.objective.n_coefficients - self.blocks.q

    def information(self, t: Array) -> Array:
        """Return what the likelihood alone says of each coefficient of the top."""
        return self.blocks.information(t)

    def log_density(self, T: Array) -> Array:
        """Return log p(t, y) ``(m,)``, nearly; -inf where no probability lies."""
        return over_lots(self, T, 1, lambda some: self._log_density(T[some]))

    def _log_density(self, T: Array) -> Array:
        points = self.blocks.points(T)
        at, value = self.around(points, self.start(T))
        half = 0.5 * (self.blocks.q * np.log(2.0 * np.pi) - self.blocks.pattern.log_det(at.factor))
        return value.sum(axis=0) + half + self.blocks.log_priors(T)

    def slopes(self, T: Array) -> tuple[Array, Array]:
        """Return the same and its gradients ``(m, d)``, by central differences."""
        assert self.guide is not None
        h = APART * self.guide.steps
        moved = np.concatenate([[np.zeros(self.d)], np.diag(h), -np.diag(h)])
        values = self.log_density((T[:, None] + moved).reshape(-1, self.d)).reshape(len(T), -1)
        gradients = (values[:, 1 : self.d + 1] - values[:, self.d + 1 :]) / (2.0 * h)
        return values[:, 0], gradients

    def guided(self, t: Array, steps: Array) -> BlockLaplace:
        """Return the same with a guide from t, of differences over ``steps`` ``(d,)``."""
        T = np.concatenate([t[None], t + np.diag(steps), t - np.diag(steps)])
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            at, _ = self.around(self.blocks.points(T), self.start(T))
        modes = at.centre.T
        moves = (modes[1 : self.d + 1] - modes[self.d + 1 :]) / (2.0 * steps[:, None])
        return replace(self, guide=Guide(t, modes[0], moves, steps))

    def start(self, T: Array) -> Array:
        """Return where to look for the modes from."""
        if self.guide is None:
            return np.zeros((self.blocks.q, len(T)))
        return self.guide.start(T)

    def around(self, points: Points, x: Array) -> tuple[Around, Array]:
        """Return Gaussians at the modes and the log densities there, from about there.

        Newton's method for all blocks at once; where one does not rise a shorter step is tried.
        """
        blocks, block = self.blocks, self.blocks.block[self.blocks.pattern.order]
        best = np.full((blocks.n_blocks, x.shape[1]), -np.inf)
        centre, step = x, np.zeros_like(x)
        for _ in range(MOST_STEPS):
            log = blocks.log_joint(points, x, 2)
            forward, factor, gain = self.step(points, x, log)
            better = log.value >= best - 1e-9 * (1.0 + np.abs(best))
            if better.all():
                best, centre, step = log.value, x, forward
                if gain.max() <= self.near:
                    break
            else:
                own = better[block]
                best, centre = np.where(better, log.value, best), np.where(own, x, centre)
                step = np.where(own, forward, SHORTER * step)
            x = centre + step
        return Around(centre, factor), best

    def step(self, points: Points, x: Array, log: Log) -> tuple[Array, Array, Array]:
        """Return a step of Newton's method, the factor, and the squared sds of the step."""
        assert log.slope is not None
        assert log.bend is not None
        pattern = self.blocks.pattern
        factor = pattern.factored(self.blocks.precision(points, np.minimum(log.bend, 0.0)))
        forward = self.blocks.gradient(log.slope) - self.blocks.pull(points, x)
        pattern.solve_lower(factor, forward)
        D = factor[: pattern.q]
        gain = (forward * forward / D).sum(axis=0)
        forward /= D
        return pattern.solve_upper(factor, forward[:, None])[:, 0], factor, gain


class Weighed(NamedTuple):
    """Effects ``(q, M, m)`` in the pattern's order, the inner ones where they are expected.

    ``log_ratios`` are log p(y, outer | t) / q(outer) of each block ``(blocks, M, m)``.
    """

    x: Array
    log_ratios: Array


class Shares(NamedTuple):
    """Of each block: log of the mean ratio ``(blocks, m)``, and the share of its draws that count.

    That is (sum of ratios)^2 / (M sum of their squares).
    """

    log_mean: Array
    effective: Array


class Estimates(NamedTuple):
    """Logs of estimates ``(m,)``, and effects ``(m, q)``, those of each block of one of its draws.

    They stand in the pattern's order, the inner ones where they are expected.
    """

    log_density: Array
    x: Array


class Drawn(NamedTuple):
    """Effects ``(m, q)`` as they are counted, log p(y, b | t) ``(m,)``, and the acceptance.

    The last is that of the proposals of each inner level ``(levels,)``, 1 of those without rows.
    """

    effects: Array
    value: Array
    accepted: Array


@dataclass(frozen=True)
class BlockIntegrals:
    """The density of the top, estimated without bias by ``n_draws`` draws of each block.

    They are of the outer effects: the inner ones are integrated out by ``nodes`` along each.
    ``steps`` are those of draws of inner effects.
    """

    laplace: BlockLaplace
    n_draws: int
    nodes: int
    steps: int = 4

    def estimates(self, rng: np.random.Generator, T: Array) -> Estimates:
        """Return estimates at T; the log is -inf where no probability lies."""
        x, block = np.zeros((len(T), self.laplace.blocks.q)), self._block

        def evaluate(some: Array) -> Array:
            found = self.weighed(rng, T[some])
            chosen = _chosen(rng, found.log_ratios)[block]
            x[some] = np.take_along_axis(found.x, chosen[:, None], axis=1)[:, 0].T
            log_mean = shares_of(found.log_ratios).log_mean
            return log_mean.sum(axis=0) + self.laplace.blocks.log_priors(T[some])

        return Estimates(over_lots(self.laplace, T, self.n_draws, evaluate), x)

    @property
    def _block(self) -> Array:
        blocks = self.laplace.blocks
        return blocks.block[blocks.pattern.order]

    def draw(self, rng: np.random.Generator, T: Array, x: Array) -> Drawn:
        """Return effects at each t that has its own outer effects, as `estimates` gives them."""
        m = len(T)
        effects, values = np.empty(x.shape), np.empty(m)
        accepted = np.zeros(self.laplace.blocks.priors[0].levels)
        for lot in lots(self.laplace, m, 1):
            made = self._draw(rng, T[lot], np.ascontiguousarray(x[lot].T))
            effects[lot], values[lot] = made.effects, made.value
            accepted += made.accepted * (lot.stop - lot.start) / m
        return Drawn(effects, values, accepted)

    def _draw(self, rng: np.random.Generator, T: Array, x: Array) -> Drawn:
        blocks, prior = self.laplace.blocks, self.laplace.blocks.priors[0]
        points = blocks.points(T)
        given, at, around = self._inner(points, x)
        nodes = hermite(max(self.nodes, FEWEST_OF_MEANS), prior.k)
        made = drawn(rng, given, prior, at, around, nodes, self.steps)
        x[blocks.inner[:, blocks.seen]] = made.b.swapaxes(1, 2)
        value = made.value.sum(axis=1) + blocks.log_outer(points, x).sum(axis=0)
        accepted = np.ones(prior.levels)
        accepted[blocks.seen] = made.accepted
        unseen = np.setdiff1d(np.arange(prior.levels), blocks.seen)
        if len(unseen):
            z = rng.standard_normal((prior.k, len(unseen), len(T)))
            b = solve_upper(cholesky(at.precision)[:, :, None], z)
            x[blocks.inner[:, unseen]] = b
            value += prior.log_densities(at, b.swapaxes(1, 2)).sum(axis=1)
        return Drawn(x[blocks.pattern.position].T, value, accepted)

    def weighed(self, rng: np.random.Generator, T: Array) -> Weighed:
        """Return the draws at some thetas, few enough to be held, with their log ratios."""
        blocks, M, m = self.laplace.blocks, self.n_draws, len(T)
        q, pattern, outer = blocks.q, blocks.pattern, blocks.outer
        points = blocks.points(T)
        at = self._proposal(points, T)
        D = at.factor[outer]
        z = rng.standard_normal((len(outer), M // 2, m))
        scaled = z / np.sqrt(D)[:, None]
        x = np.zeros((q, M, m))
        x[outer, : M // 2], x[outer, M // 2 :] = scaled, -scaled
        x = pattern.solve_upper(at.factor, x)
        x += at.centre[:, None]
        log_q = -0.5 * z * z
        log_q += 0.5 * (np.log(D) - np.log(2.0 * np.pi))[:, None]
        log_q = (blocks.of_effects[:, outer] @ log_q.reshape(len(outer), -1)).reshape(-1, M // 2, m)
        many, flat = points.repeated(M), x.reshape(q, -1)
        given, prior, around = self._inner(many, flat)
        nodes = hermite(self.nodes, blocks.priors[0].k)
        inner = log_integrals(given, blocks.priors[0], prior, around, nodes)
        ratios = blocks.log_outer(many, flat) + blocks.of_seen @ np.ascontiguousarray(inner.T)
        ratios = ratios.reshape(-1, M, m)
        ratios[:, : M // 2] -= log_q
        ratios[:, M // 2 :] -= log_q
        return Weighed(x, ratios)

    def _inner(self, points: Points, x: Array) -> tuple[Conditional, AtThetas, LevelAround]:
        """Return the inner levels with rows given outer effects ``(q, m)``, and their modes.

        These are looked for from the inner effects in x.
        """
        blocks, prior = self.laplace.blocks, points.priors[0]
        given = blocks.given(points, x)
        start = np.ascontiguousarray(x[blocks.inner[:, blocks.seen]].swapaxes(1, 2))
        concave = blocks.objective.family.log_concave
        return given, prior, around_modes(given, prior, start, concave)

    def _proposal(self, points: Points, T: Array) -> Around:
        """Return Gaussians at the modes, nearly: a step of Newton's method from the guide's."""
        laplace, start = self.laplace, self.laplace.start(T)
        step, factor, _ = laplace.step(points, start, laplace.blocks.log_joint(points, start, 2))
        return Around(start + step, factor)


def shares_of(log_ratios: Array) -> Shares:
    """Return what ratios ``(blocks, M, m)`` say."""
    most = log_ratios.max(axis=1)
    ratios = np.exp(log_ratios - most[:, None])
    total = ratios.sum(axis=1)
    n = log_ratios.shape[1]
    return Shares(np.log(total / n) + most, total**2 / (n * (ratios * ratios).sum(axis=1)))


def _chosen(rng: np.random.Generator, log_ratios: Array) -> Array:
    """Return a draw of each block by its shares ``(blocks, m)``."""
    ratios = np.exp(log_ratios - log_ratios.max(axis=1, keepdims=True))
    heights = np.cumsum(ratios, axis=1)
    at = rng.random(heights[:, 0].shape) * heights[:, -1]
    return np.minimum((heights <= at[:, None]).sum(axis=1), log_ratios.shape[1] - 1)


def lots(laplace: BlockLaplace, m: int, n_draws: int) -> Iterator[slice]:
    """Return so many thetas at a time as are computed together."""
    blocks = laplace.blocks
    step = max(1, CELLS // ((blocks.q + len(blocks.rows)) * n_draws))
    return (slice(start, min(start + step, m)) for start in range(0, m, step))


def over_lots(
    laplace: BlockLaplace, T: Array, n_draws: int, evaluate: Callable[[Array], Array]
) -> Array:
    """Return ``evaluate(places)`` of T, some at a time; -inf where no probability lies."""
    total = np.full(len(T), -np.inf)
    inside = np.flatnonzero(~laplace.blocks.objective.far_out(laplace.blocks.whole(T)))
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for lot in lots(laplace, len(inside), n_draws):
            total[inside[lot]] = evaluate(inside[lot])
    return np.where(np.isnan(total), -np.inf, total)
