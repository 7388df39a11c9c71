"""Value, gradient and curvature where factors have very many levels: no matrix of their squares.

Minus the Hessian is an arrow (`solvers.arrow`): a block for each level of a grouping, a number for
each pair of levels of two that have rows in common, and a border of all else, dispersions among it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import Any, NamedTuple

import numpy as np

from bayesglm.numerics.density.layout import Layout
from bayesglm.numerics.density.likelihood import at, block_rows, runs_of
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.numerics.rows.columns import cross_gram
from bayesglm.numerics.rows.rows import Rows
from bayesglm.numerics.solvers.arrow import Arrow, factored
from bayesglm.numerics.theta.zero_sum import contracted, extended

Array = np.ndarray


class _Sums(NamedTuple):
    """What one pass over the rows adds up, but for what levels have by themselves."""

    value: Any
    slope: Any  # in w
    corner: Any  # of the coefficients beside the levels
    border: Any  # of these and the levels, all groupings side by side
    of_phi: Any
    phi_w: Any  # of dispersions and the coefficients
    phi_phi: Any


@dataclass(frozen=True)
class Bordered:
    """Value and gradient at one theta, and minus the Hessian as an arrow, dispersions last."""

    value: float
    gradient: Array
    layout: Layout
    arrow: Arrow

    def step(self, n_held: int = 0) -> Array | None:
        """Return Newton's step, the last ``n_held`` of theta where they are; None if indefinite."""
        factor = factored(self.arrow.held(n_held) if n_held else self.arrow)
        if factor is None:
            return None
        free = len(self.gradient) - n_held
        solved = factor.solve(self._vector(self.gradient[:free])[:, None])[:, 0]
        step = np.zeros(len(self.gradient))
        step[:free] = self._back(solved)
        return step

    def residual(self) -> float:
        """Return the largest slope of a coordinate in its own standard deviations."""
        diagonal = self.arrow.diagonal()
        bends = np.empty(len(self.gradient))
        start = 0
        for one in self.layout.groupings:
            n = one.where.stop - one.where.start
            bends[one.where] = diagonal[start : start + n]
            start += one.size
        bends[self._others] = diagonal[start:]
        with np.errstate(divide="ignore", invalid="ignore"):
            slopes = np.abs(self.gradient) / np.sqrt(np.abs(bends))
        return float(np.where(self.gradient == 0.0, 0.0, slopes).max(initial=0.0))

    @property
    def _others(self) -> Array:
        p = self.layout.n_coefficients
        return np.concatenate([self.layout.beside, np.arange(p, len(self.gradient))])

    def _vector(self, x: Array) -> Array:
        """Return a run of theta from its start in the order of the arrow."""
        levels = [x[one.where] for one in self.layout.groupings]
        if self.layout.sums:
            levels[0] = extended(levels[0])
        return np.concatenate([*levels, x[self._others[self._others < len(x)]]])

    def _back(self, vector: Array) -> Array:
        ends = np.cumsum([one.size for one in self.layout.groupings])
        *levels, rest = np.split(vector, ends)
        if self.layout.sums:
            levels[0] = contracted(levels[0])
        x = np.empty(sum(map(len, levels)) + len(rest))
        for one, effects in zip(self.layout.groupings, levels, strict=True):
            x[one.where] = effects
        x[self._others[: len(rest)]] = rest
        return x


def can_border(objective: Objective) -> bool:
    """Say whether an objective's curvature is that of one linear predictor and smooth priors."""
    registry = objective.registry
    transforms = (one.transform for one in objective.free)
    return (
        registry.straight
        and not registry.jacobian
        and not registry.scales
        and not objective.kinks.any
        and len(objective.family.channels) == 1
        and all(transform.elementwise for transform in transforms)
    )


def holds_levels_apart(part: PriorPart, sums: bool) -> bool:
    """Say whether a prior leaves the levels that it is laid on apart."""
    alike = not sums or (part.alike and (part.quadratic or not part.prior.proper))
    return part.structure.of_levels and part.learned is None and alike


def level_precision(part: PriorPart, x: Array, shape: tuple[int, int]) -> Array:
    """Return the blocks ``(k, k, L)`` of a prior that leaves levels apart; ``shape`` is (k, L)."""
    k, n = shape
    blocks = np.empty((k, k, n))
    for b in range(k):
        only = np.zeros(shape)
        only[b] = 1.0
        blocks[:, b] = part.product(x, only.reshape(-1)).reshape(shape)
    return blocks


def bordered(objective: Objective, theta: Array, layout: Layout) -> Bordered:
    """Return the bordered system of an objective at one theta, in one pass over the rows."""
    p = objective.n_coefficients
    w, phi = theta[:p], objective.phi(theta)
    bends = np.empty(objective.source.n_rows)
    work = partial(_added_up, objective, w, phi, layout, bends)
    n_border = len(layout.beside)
    totals = reduce(_plus, objective.source.reduce(work, block_rows(n_border), runs_of(n_border)))
    gradient = np.zeros(objective.size)
    gradient[:p] = totals.slope
    values = np.array([totals.value + objective.rowwise.constant])
    objective.priors.add_smooth(w[None], values, gradient[None, :p])
    value = float(values[0] + objective.registry.log_prior(theta[None])[0])
    return Bordered(
        value, gradient, layout, _arrow(objective, theta, layout, bends, totals, gradient)
    )


def _arrow(
    objective: Objective, theta: Array, layout: Layout, bends: Array, totals: _Sums, gradient: Array
) -> Arrow:
    """Return minus the Hessian; add to the gradient what dispersions make of it, in place."""
    m, n_phi = len(layout.beside), objective.size - objective.n_coefficients
    corner = np.zeros((m + n_phi,) * 2)
    corner[:m, :m] = totals.corner + objective.priors.curvature(theta, layout.beside)
    cross = np.zeros((m + n_phi, totals.border.shape[1]))
    cross[:m] = totals.border
    _add_dispersions(objective, theta, layout, totals, gradient, corner, cross)
    own: list[Array] = []
    for one, blocks in zip(layout.groupings, layout.own(bends), strict=True):
        part = next(part for part in objective.coefficients if part.where == one.where)
        if layout.sums and not own:
            held: Any = part.precision(theta[one.where])[0]
        else:
            held = level_precision(part, theta[one.where], blocks.shape[1:])
        own.append(blocks + held)
    ends = np.cumsum([one.size for one in layout.groupings])[:-1]
    border = tuple(np.split(cross, ends, axis=1))
    return Arrow(tuple(own), layout.across(bends), border, corner, layout.n_apart, layout.sums)


def _added_up(
    objective: Objective, w: Array, phi: list, layout: Layout, bends: Array, run: Iterable[Rows]
) -> _Sums:
    totals: list[_Sums] = []
    for rows in run:
        d = at(objective.family, rows, w, phi, 2)
        own, n_phi = -d.eta_eta[0, 0], len(d.phi)
        bends[rows.place] = own
        rest = beside(rows, layout)
        levels = [one.on(rows.place) for one in layout.groupings]
        of_phi = np.reshape(d.eta_phi, (n_phi, len(rows)))
        one = _Sums(
            float(d.value.sum()),
            rows.adjoint(d.eta[0][None])[0],
            rest.gram(own),
            np.hstack([crossed(rest, columns, own) for columns in levels]),
            np.array([each.sum() for each in d.phi]),
            (rest.adjoint(of_phi), np.hstack([columns.adjoint(of_phi) for columns in levels])),
            np.array([[each.sum() for each in line] for line in d.phi_phi]).reshape((n_phi,) * 2),
        )
        totals = [one if not totals else _plus(totals[0], one)]
    return totals[0]


def crossed(rest: Rows, levels: Any, weights: Array) -> Array:
    """Return the weighted products of columns beside the levels with those of a grouping."""
    each = [cross_gram(columns, levels, weights) for _, columns in rest.columns]
    return np.concatenate([np.zeros((0, levels.n_columns)), *each])


def _plus(one: _Sums, other: _Sums) -> _Sums:
    phi_w = tuple(a + b for a, b in zip(one.phi_w, other.phi_w, strict=True))
    pairs = zip(one._replace(phi_w=0), other._replace(phi_w=0), strict=True)
    return _Sums(*(a + b for a, b in pairs))._replace(phi_w=phi_w)


def beside(rows: Rows, layout: Layout) -> Rows:
    """Return the rows without the columns of levels."""
    levels, kept = [one.where for one in layout.groupings], []
    for where, columns in rows.columns:
        if where not in levels:
            start = int(np.searchsorted(layout.beside, where.start))
            kept.append((slice(start, start + where.stop - where.start), columns))
    return replace(rows, parts=lambda: kept, n_coefficients=len(layout.beside))


def _add_dispersions(
    objective: Objective,
    theta: Array,
    layout: Layout,
    totals: _Sums,
    gradient: Array,
    corner: Array,
    cross: Array,
) -> None:
    """Add what stands in theta for the dispersions that are learned, each by itself, in place."""
    learned, k, m = objective.registry.learned_phi, 0, len(layout.beside)
    beside, levels = totals.phi_w
    for one in objective.free:
        assert one.prior is not None
        u, x = theta[one.place], one.natural(theta)
        run = learned[k : k + len(u)]
        here = slice(m + k, m + k + len(u))
        k += len(u)
        slope = totals.of_phi[run] + one.prior.gradient(x)
        rate = one.transform.pull(u, np.ones(len(u)))
        gradient[one.place] = rate * slope
        of_w = beside[run] * rate[:, None]
        corner[here, :m], corner[:m, here] = -of_w, -of_w.T
        cross[here] = -levels[run] * rate[:, None]
        bends = totals.phi_phi[np.ix_(run, run)] + one.prior.curvature(x)
        bends = rate[:, None] * bends * rate
        bends.flat[:: len(u) + 1] += one.transform.second(u, slope)
        corner[here, here] = -bends
