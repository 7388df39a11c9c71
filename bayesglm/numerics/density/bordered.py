"""Curvatures of a factor's many levels beside few other parameters: the levels are eliminated.

Each row reads one level, so that the levels' own part of minus the Hessian is a diagonal E, and

    [A  B] [s]   [g]      S s = g - B E^-1 h,  S = A - B E^-1 B'
    [B' E] [t] = [h],     t = E^-1 (h - B' s)

where A is that of all else, dispersions among it. Nothing of the square of the number of levels is
formed. Of levels that sum to zero E^-1 is that of the subspace, E^-1 - e e'/(1'e) with e = E^-1 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import cho_solve
from scipy.linalg.lapack import dpotrf

from bayesglm.numerics.density.likelihood import at, block_rows, runs_of
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.numerics.rows.columns import cross_gram
from bayesglm.numerics.rows.rows import Rows
from bayesglm.numerics.theta.zero_sum import contracted, extended

Array = np.ndarray
LEAST_PIVOT = 1e-10  # of a unit diagonal; less may be nothing but rounding


class _Sums(NamedTuple):
    """What one pass over the rows adds up: the likelihood's part of a bordered system."""

    value: Any
    slope: Any  # in w
    border: Any  # of the coefficients beside the levels
    cross: Any  # of these and the levels
    levels: Any
    of_phi: Any
    phi_border: Any  # of dispersions and the coefficients beside the levels
    phi_levels: Any
    phi_phi: Any


@dataclass(frozen=True)
class Bordered:
    """Value and gradient at one theta, and minus the Hessian with the levels at ``place`` apart.

    ``border`` is A ``(m, m)``, of what stands in ``others``, ``cross`` B ``(m, levels)`` and
    ``levels`` E; with ``sums`` the levels sum to zero, and theta holds their free numbers.
    """

    value: float
    gradient: Array
    place: slice
    others: Array
    border: Array
    cross: Array
    levels: Array
    sums: bool

    def step(self, n_held: int = 0) -> Array | None:
        """Return Newton's step, the last ``n_held`` of theta where they are; None if indefinite."""
        m = len(self.others) - n_held
        cross, h = self.cross[:m], self._natural(self.gradient[self.place])
        if not (np.isfinite(self.levels).all() and self.levels.min() > 0.0):
            return None
        schur = self.border[:m, :m] - cross @ self._solved(cross).T
        unit = 1.0 / np.sqrt(np.maximum(np.abs(np.diagonal(self.border)[:m]), 1e-300))
        factor, failed = dpotrf(unit[:, None] * schur * unit, lower=True)
        if failed or not np.diagonal(factor).min(initial=1.0) ** 2 > LEAST_PIVOT:
            return None
        rest = self.gradient[self.others[:m]] - cross @ self._solved(h)
        s = unit * cho_solve((factor, True), unit * rest)
        step = np.zeros(len(self.gradient))
        step[self.others[:m]] = s
        t = self._solved(h - s @ cross)
        step[self.place] = contracted(t) if self.sums else t
        return step

    def residual(self) -> float:
        """Return the largest slope of a coordinate in its own standard deviations."""
        bends = np.empty(len(self.gradient))
        bends[self.others] = np.diagonal(self.border)
        n = self.place.stop - self.place.start
        bends[self.place] = self.levels[:n]
        with np.errstate(divide="ignore", invalid="ignore"):
            slopes = np.abs(self.gradient) / np.sqrt(np.abs(bends))
        return float(np.where(self.gradient == 0.0, 0.0, slopes).max(initial=0.0))

    def _natural(self, h: Array) -> Array:
        return extended(h) if self.sums else h

    def _solved(self, values: Array) -> Array:
        """Return E^-1 times values ``(..., levels)``."""
        inverse = 1.0 / self.levels
        solved = values * inverse
        if not self.sums:
            return solved
        return solved - inverse * (solved.sum(axis=-1, keepdims=True) / inverse.sum())


def can_border(objective: Objective, part: PriorPart, sums: bool) -> bool:
    """Say whether the levels that have a prior can be eliminated from an objective."""
    registry, plain = objective.registry, part.structure.diagonal and part.learned is None
    alike = not sums or (part.alike and (part.quadratic or not part.prior.proper))
    transforms = (one.transform for one in objective.free)
    return (
        plain
        and alike
        and registry.straight
        and not registry.jacobian
        and not registry.scales
        and not objective.kinks.any
        and len(objective.family.channels) == 1
        and all(transform.elementwise for transform in transforms)
    )


def bordered(objective: Objective, theta: Array, part: PriorPart, sums: bool) -> Bordered:
    """Return the bordered system of an objective at one theta, in one pass over the rows."""
    p, place = objective.n_coefficients, part.where
    w, phi = theta[:p], objective.phi(theta)
    work = partial(_added_up, objective, w, phi, place, sums)
    n_border = p - part.size
    parts = objective.source.reduce(work, block_rows(n_border), runs_of(n_border))
    found = reduce(_plus, parts)
    others = np.delete(np.arange(objective.size), np.arange(place.start, place.stop))
    of_w = others[others < p]
    gradient = np.zeros(objective.size)
    gradient[:p] = found.slope
    values = np.array([found.value + objective.rowwise.constant])
    objective.priors.add_smooth(w[None], values, gradient[None, :p])
    border = np.zeros((len(others), len(others)))
    cross = np.zeros((len(others), found.cross.shape[1]))
    border[: len(of_w), : len(of_w)] = found.border + objective.priors.curvature(theta, of_w)
    cross[: len(of_w)] = found.cross
    _add_dispersions(objective, theta, found, gradient, border, cross)
    own = part.precision(theta[place])
    levels = found.levels + (own[0] if sums else own)
    value = float(values[0] + objective.registry.log_prior(theta[None])[0])
    return Bordered(value, gradient, place, others, border, cross, levels, sums)


def _added_up(
    objective: Objective, w: Array, phi: list, place: slice, sums: bool, run: Iterable[Rows]
) -> _Sums:
    totals: list[_Sums] = []
    for rows in run:
        d = at(objective.family, rows, w, phi, 2)
        bends, n_phi = -d.eta_eta[0, 0], len(d.phi)
        (own,) = (columns for where, columns in rows.columns if where == place)
        levels: Any = own.inner if sums else own  # type: ignore[attr-defined]
        rest = _beside(rows, place)
        crossed = [cross_gram(columns, levels, bends) for _, columns in rest.columns]
        of_phi = np.reshape(d.eta_phi, (n_phi, len(rows)))
        found = _Sums(
            float(d.value.sum()),
            rows.adjoint(d.eta[0][None])[0],
            rest.gram(bends),
            np.concatenate([np.zeros((0, levels.n_columns)), *crossed]),
            levels.diagonal(bends),
            np.array([one.sum() for one in d.phi]),
            rest.adjoint(of_phi),
            levels.adjoint(of_phi),
            np.array([[one.sum() for one in line] for line in d.phi_phi]).reshape((n_phi,) * 2),
        )
        totals = [found if not totals else _plus(totals[0], found)]
    return totals[0]


def _plus(one: _Sums, other: _Sums) -> _Sums:
    return _Sums(*(a + b for a, b in zip(one, other, strict=True)))


def _beside(rows: Rows, place: slice) -> Rows:
    """Return the rows without the columns of one place."""
    size = place.stop - place.start
    parts = [
        (where if where.start < place.start else slice(where.start - size, where.stop - size), one)
        for where, one in rows.columns
        if where != place
    ]
    return replace(rows, parts=lambda: parts, n_coefficients=rows.n_coefficients - size)


def _add_dispersions(
    objective: Objective, theta: Array, found: _Sums, gradient: Array, border: Array, cross: Array
) -> None:
    """Add what stands in theta for the dispersions that are learned, each by itself, in place."""
    learned, k = objective.registry.learned_phi, 0
    n = len(border) - len(learned)
    for one in objective.free:
        assert one.prior is not None
        u, x = theta[one.place], one.natural(theta)
        run = learned[k : k + len(u)]
        here = slice(n + k, n + k + len(u))
        k += len(u)
        slope = found.of_phi[run] + one.prior.gradient(x)
        rate = one.transform.pull(u, np.ones(len(u)))
        gradient[one.place] = rate * slope
        of_w = found.phi_border[run] * rate[:, None]
        border[here, : of_w.shape[1]], border[: of_w.shape[1], here] = -of_w, -of_w.T
        cross[here] = -found.phi_levels[run] * rate[:, None]
        bends = found.phi_phi[np.ix_(run, run)] + one.prior.curvature(x)
        bends = rate[:, None] * bends * rate
        bends.flat[:: len(u) + 1] += one.transform.second(u, slope)
        border[here, here] = -bends
