"""Rows and effects of several groupings, and the blocks into which these fall, given the top.

A block is a connected component of the graph whose nodes are the levels of all groupings, two of
them joined where they share a row: the levels of a location, the broods in it and their chicks.
Given the top blocks are independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from bayesglm.numerics.density.blocks.factors import Pattern, pattern_of, sums_by
from bayesglm.numerics.density.channels import matrices, moves, with_offset
from bayesglm.numerics.density.coefficients import CoefficientPriors
from bayesglm.numerics.density.layout import Grouping
from bayesglm.numerics.density.levels.conditional import (
    Conditional,
    Rates,
    Stretch,
    can_collapse,
    conditional,
    rates_of,
)
from bayesglm.numerics.density.levels.prior import AtThetas, LevelPrior
from bayesglm.numerics.density.likelihood import kernel
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.rows.rows import Rows

Array = np.ndarray


class Points(NamedTuple):
    """Linear predictors without effects ``(n, m)``, dispersions, and each grouping's prior."""

    eta: Array
    phi: list
    priors: tuple[AtThetas, ...]

    def repeated(self, times: int) -> Points:
        """Return those of ``times`` draws at each, ``(times m)`` in all, thetas being innermost."""
        phi = [np.tile(one, (times, 1)) if isinstance(one, np.ndarray) else one for one in self.phi]
        priors = tuple(
            AtThetas(np.tile(one.precision, times), np.tile(one.half_log_det, times))
            for one in self.priors
        )
        return Points(np.tile(self.eta, times), phi, priors)


class Log(NamedTuple):
    """Log densities ``(blocks, m)``, and the rows' slopes and bends ``(n, m)`` in eta."""

    value: Array
    slope: Array | None
    bend: Array | None


@dataclass(frozen=True)
class Blocks:
    """A log posterior of one linear predictor whose effects fall into blocks.

    Effects are counted grouping after grouping, each effect-major as in theta. ``effects``
    ``(slots, n)`` are those that each row reads, and ``values`` what multiplies them. Rows stand in
    the order of the levels of the first grouping, the inner one, of which there are most: given the
    effects of the others, the outer ones, its levels are independent.
    """

    objective: Objective
    rows: Rows
    groupings: tuple[Grouping, ...]
    priors: tuple[LevelPrior, ...]
    effects: Array
    values: Array
    pattern: Pattern
    block: Array  # of each effect

    @cached_property
    def places(self) -> Array:
        """Where the effects stand in theta ``(q,)``."""
        return np.concatenate([np.arange(g.where.start, g.where.stop) for g in self.groupings])

    @cached_property
    def top(self) -> Array:
        """Where the top stands in theta ``(d,)``."""
        return np.setdiff1d(np.arange(self.objective.size), self.places)

    @property
    def q(self) -> int:
        """Number of effects."""
        return self.pattern.q

    @cached_property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return int(self.block.max()) + 1

    @cached_property
    def starts(self) -> Array:
        """Where each grouping's effects begin among all."""
        return np.cumsum([0, *(one.size for one in self.groupings)])

    @cached_property
    def _reads(self) -> csr_array:
        """What multiplies the effects, in the pattern's order, of each row ``(n, q)``."""
        n = self.effects.shape[1]
        where = self.pattern.position[self.effects]
        rows = np.broadcast_to(np.arange(n), where.shape)
        entries = (self.values.ravel(), (rows.ravel(), where.ravel()))
        return csr_array(coo_array(entries, shape=(n, self.q)))

    @cached_property
    def _adds(self) -> csr_array:
        """The way back from rows to effects ``(q, n)``."""
        return csr_array(self._reads.T)

    @cached_property
    def _curves(self) -> csr_array:
        """The sums over rows of products of what is read, in the pattern ``(size, n)``."""
        slots, n = self.effects.shape
        rows = np.arange(n)
        places, weights = [], []
        for i in range(slots):
            for j in range(i + 1):
                places.append(self.pattern.places(self.effects[i], self.effects[j]))
                weights.append(self.values[i] * self.values[j])
        every = (np.concatenate(weights), (np.concatenate(places), np.tile(rows, len(places))))
        return csr_array(coo_array(every, shape=(self.pattern.size, n)))

    @cached_property
    def inner(self) -> Array:
        """The positions of the inner effects in the pattern ``(k, levels)``."""
        prior = self.priors[0]
        return self.pattern.position[: prior.k * prior.levels].reshape(prior.k, prior.levels)

    @cached_property
    def outer(self) -> Array:
        """The positions of the outer effects in the pattern."""
        return np.setdiff1d(np.arange(self.q), self.inner)

    @cached_property
    def seen(self) -> Array:
        """The inner levels that have rows."""
        return np.unique(self.groupings[0].codes)

    @cached_property
    def _first_rows(self) -> Array:
        return np.searchsorted(self.groupings[0].codes, self.seen)

    @cached_property
    def of_seen(self) -> csr_array:
        """The sums over the inner levels with rows of each block."""
        return sums_by(self.block[self.seen], self.n_blocks)

    @cached_property
    def _inner_values(self) -> Array | None:
        values = self.groupings[0].values.T
        return None if len(values) == 1 and (values == 1.0).all() else values

    @cached_property
    def _rates(self) -> Rates | None:
        family = self.objective.family
        if not can_collapse(family, self._inner_values):
            return None
        return rates_of(family, self.rows, self._first_rows)

    def given(self, points: Points, x: Array) -> Conditional:
        """Return the log likelihood of the inner levels with rows, at outer effects ``(q, m)``."""
        outer = x.copy()
        outer[self.inner] = 0.0
        eta = (self._reads @ outer + points.eta).T
        stretch = Stretch(
            self.objective.family,
            self.rows,
            np.ascontiguousarray(eta)[None],
            points.phi,
            self._first_rows,
            self._inner_values,
        )
        return conditional(stretch, self._rates)

    def log_outer(self, points: Points, x: Array) -> Array:
        """Return log p(outer effects | t) of each block ``(blocks, m)``, and the constant."""
        return self._log_priors_of(points, x, slice(1, None)) + self.constant[:, None]

    @cached_property
    def of_rows(self) -> csr_array:
        """The sums over the rows of each block ``(blocks, n)``."""
        return sums_by(self.block[self.effects[0]], self.n_blocks)

    @cached_property
    def of_effects(self) -> csr_array:
        """The same over its effects, in the pattern's order ``(blocks, q)``."""
        return sums_by(self.block[self.pattern.order], self.n_blocks)

    @cached_property
    def _of_levels(self) -> tuple[csr_array, ...]:
        """The same over each grouping's levels."""
        return tuple(
            sums_by(self.block[start : start + g.n_levels], self.n_blocks)
            for start, g in zip(self.starts[:-1], self.groupings, strict=True)
        )

    @cached_property
    def constant(self) -> Array:
        """What no parameter moves ``(blocks,)``."""
        family, rows = self.objective.family, self.rows
        values = np.broadcast_to(family.constant(rows.y, rows.trials), len(rows))
        return self.of_rows @ (values if rows.weights is None else values * rows.weights)

    def whole(self, T: Array) -> Array:
        """Return thetas ``(m, size)`` with their top ``(m, d)``, effects at zero."""
        thetas = np.zeros((len(T), self.objective.size))
        thetas[:, self.top] = T
        return thetas

    def points(self, T: Array) -> Points:
        """Return what is read at thetas of the top."""
        thetas, registry = self.whole(T), self.objective.registry
        eta = with_offset(self.rows, moves(self.rows, self.objective.w(thetas)))[0]
        eta = np.ascontiguousarray(np.broadcast_to(eta, (len(T), len(self.rows))).T)
        phi = [v[:, None] if isinstance(v, np.ndarray) else v for v in registry.phi(thetas)]
        return Points(eta, phi, tuple(prior.at(thetas) for prior in self.priors))

    @cached_property
    def _beside(self) -> CoefficientPriors:
        """The priors of the coefficients beside the effects."""
        taken = [one.where for one in self.groupings]
        kept = tuple(part for part in self.objective.coefficients if part.where not in taken)
        return replace(self.objective.priors, parts=kept)

    def log_priors(self, T: Array) -> Array:
        """Return log p(t) ``(m,)``, Jacobian included."""
        thetas, registry = self.whole(T), self.objective.registry
        total = self._beside.log_density(registry.natural_coefficients(thetas))
        total = total + registry.log_prior(thetas)
        if not registry.straight:
            total += registry.log_jacobian_of_coefficients(thetas)
        return total

    def information(self, t: Array) -> Array:
        """Return minus the second derivatives of the likelihood in the coefficients of the top.

        Of each by itself, effects at zero.
        """
        points = self.points(t[None])
        d = kernel(self.objective.family, self.rows, points.eta.T[None], points.phi, 2)
        total = np.zeros(self.objective.n_coefficients)
        for c, (run, X) in enumerate(matrices(self.rows)):
            total[run] += np.abs(d.eta_eta[c, c, 0]) @ (X * X)
        return np.delete(total, self.places)

    def log_joint(self, points: Points, x: Array, order: int = 0) -> Log:
        """Return log p(y, b | t) of each block with effects ``(q, m)`` in the pattern's order."""
        eta = self._reads @ x
        eta += points.eta
        d = kernel(self.objective.family, self.rows, eta.T[None], points.phi, order)
        value = self.of_rows @ np.ascontiguousarray(np.broadcast_to(d.value, eta.T.shape).T)
        value += self._log_priors_of(points, x, slice(None)) + self.constant[:, None]
        if order < 2:
            return Log(value, None, None)
        return Log(value, d.eta[0].T, d.eta_eta[0, 0].T)

    def _log_priors_of(self, points: Points, x: Array, which: slice) -> Array:
        """Return those of the effects of some groupings."""
        total = np.zeros((self.n_blocks, x.shape[1]))
        every = zip(self.split(x), self.priors, points.priors, self._of_levels, strict=True)
        for one, prior, at, own in list(every)[which]:
            total += own @ np.ascontiguousarray(prior.log_densities(at, one.swapaxes(1, 2)).T)
        return total

    def split(self, x: Array) -> list[Array]:
        """Return effects in the pattern's order ``(q, ...)`` as ``(k, levels, ...)`` each."""
        ordered = x[self.pattern.position]
        return [
            ordered[start:stop].reshape(prior.k, prior.levels, *x.shape[1:])
            for start, stop, prior in zip(
                self.starts[:-1], self.starts[1:], self.priors, strict=True
            )
        ]

    def pull(self, points: Points, x: Array) -> Array:
        """Return P x of the prior precisions P."""
        parts = []
        for one, at in zip(self.split(x), points.priors, strict=True):
            P = at.precision[:, :, None]
            parts.append((P * one[None]).sum(axis=1).reshape(-1, x.shape[1]))
        return np.concatenate(parts)[self.pattern.order]

    def gradient(self, slope: Array) -> Array:
        """Return slopes in the effects ``(q, m)`` of those in the rows' eta."""
        return self._adds @ np.ascontiguousarray(slope)

    def precision(self, points: Points, bend: Array) -> Array:
        """Return the prior precisions less a likelihood's second derivatives ``(size, m)``."""
        H = self._curves @ np.ascontiguousarray(-bend)
        for places, at in zip(self._of_priors, points.priors, strict=True):
            for (i, j), where in places.items():
                H[where] += at.precision[i, j]
        return H

    @cached_property
    def _of_priors(self) -> list[dict[tuple[int, int], Array]]:
        """Where each grouping's prior precisions stand in the pattern."""
        found = []
        for start, prior in zip(self.starts[:-1], self.priors, strict=True):
            own = start + np.arange(prior.k * prior.levels).reshape(prior.k, prior.levels)
            found.append(
                {
                    (i, j): self.pattern.places(own[i], own[j])
                    for i in range(prior.k)
                    for j in range(i + 1)
                }
            )
        return found


def blocks_of(
    objective: Objective,
    rows: Rows,
    groupings: Sequence[Grouping],
    priors: Sequence[LevelPrior],
    largest: int,
) -> Blocks | None:
    """Lay out groupings; None where a block would have more effects than ``largest``.

    The levels of groupings that have most of them are eliminated first.
    """
    chosen = sorted(range(len(groupings)), key=lambda g: -groupings[g].n_levels)
    groupings, priors = [groupings[g] for g in chosen], [priors[g] for g in chosen]
    starts = np.cumsum([0, *(one.size for one in groupings)])
    slots = [
        (start + e * one.n_levels + one.codes, one.values[:, e])
        for start, one in zip(starts[:-1], groupings, strict=True)
        for e in range(one.values.shape[1])
    ]
    effects = np.stack([slot[0] for slot in slots])
    values = np.stack([slot[1] for slot in slots])
    q = int(starts[-1])
    a, b = _met(effects, priors, starts)
    graph = csr_array(coo_array((np.ones(len(a)), (a, b)), shape=(q, q)))
    _, block = connected_components(graph, directed=False)
    if np.bincount(block).max() > largest:
        return None
    return Blocks(
        objective,
        rows,
        tuple(groupings),
        tuple(priors),
        effects,
        values,
        pattern_of(q, a, b),
        block,
    )


def _met(effects: Array, priors: Sequence[LevelPrior], starts: Array) -> tuple[Array, Array]:
    """Return the pairs of effects that share a row or, of one level, a prior."""
    pairs = [np.stack([effects[i], effects[j]]) for i in range(len(effects)) for j in range(i)]
    for start, prior in zip(starts[:-1], priors, strict=True):
        own = start + np.arange(prior.k * prior.levels).reshape(prior.k, prior.levels)
        pairs += [np.stack([own[i], own[j]]) for i in range(prior.k) for j in range(i)]
    a, b = np.unique(np.concatenate(pairs, axis=1), axis=1)
    return a, b
