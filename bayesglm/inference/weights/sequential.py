"""A proposal for few rows and many coefficients: sites exchanged for likelihoods row by row.

A draw goes through the rows in turn. The linear predictor of each has, given those of the rows
before it, a normal density under the Gaussian of `sites`; its own site is taken out of that and its
likelihood put in, while the rows to come still have their sites (as in the simulator of Geweke,
Hajivassiliou and Keane: Hajivassiliou & Ruud 1994). Rows whose linear predictors those before them
fix, and what no row moves, are as the Gaussian has them. Were the likelihoods Gaussian, that would
be the posterior itself; elsewhere importance weights correct it, and their k-hat says whether they
can.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.linalg import qr, solve_triangular

from bayesglm.errors import ConvergenceError
from bayesglm.inference.weights.sites import LEAST, Propagated, has_sites, propagate
from bayesglm.inference.weights.transport import LOG_ROOT_2_PI, Maps, curves, maps
from bayesglm.numerics.density.bent import Bent
from bayesglm.numerics.density.coordinates import Coordinates
from bayesglm.numerics.density.objective import Objective

Array = np.ndarray
WIDER = (
    1.03  # times the normal numbers: little is lost by it, and tails that were too light covered
)
FIXED = 1e-6  # of a row's posterior sd: what is left of it where the rows before fix it
MOST_KEPT = 1000  # rows whose maps are kept for further draws: of 30 kB each, or so
TOGETHER = 16  # rows whose maps are laid at a time: they stay in cache


class Turned(NamedTuple):
    """w = mean + ``root`` z and eta = eta mean + ``lower`` z, z standard normal.

    Rows stand in an ``order`` in which ``lower`` ``(rows, rank)`` is lower triangular.
    """

    order: Array
    root: Array
    lower: Array
    log_det: float


class Row(NamedTuple):
    """What a row is drawn by: the precision from all other sites, its own pull, and its maps."""

    precision: float
    pull: float
    maps: Maps


@dataclass(frozen=True)
class Sequential:
    """The proposal: the Gaussian of some sites, in which likelihoods take their place.

    ``width`` widens it, for tails that cover those of the posterior.
    """

    given: Propagated
    width: float = 1.0
    name: str = "row by row"

    def heavier(self) -> Sequential:
        """Return the same, a little wider."""
        return replace(self, width=WIDER * self.width, name=f"{self.name}, wider")

    @cached_property
    def turned(self) -> Turned:
        """The coordinates in which rows are drawn one after another."""
        factor = np.linalg.cholesky(self.given.covariance)
        turn, upper, order = qr((self.given.of.columns @ factor).T, pivoting=True)
        own = np.diagonal(upper)
        sign = np.where(own < 0.0, -1.0, 1.0)
        fixed = np.abs(own) <= FIXED * np.linalg.norm(upper[:, : len(own)], axis=0)
        rank = int(np.argmax(fixed)) if fixed.any() else len(own)
        turn[:, : len(own)] *= sign
        lower = np.ascontiguousarray((sign[:, None] * upper[: len(own)]).T[:, :rank])
        return Turned(order, factor @ turn, lower, float(np.log(np.diagonal(factor)).sum()))

    @property
    def bent(self) -> Bent:
        """Coordinates in which all rows are bent at once, each as it is beside all others."""
        given, (order, root, lower, _) = self.given, self.turned
        rank = lower.shape[1]
        first, lower = order[:rank], lower[:rank]
        sds = np.linalg.norm(lower, axis=1)
        left = np.maximum(sds**-2.0 - given.tau[first], LEAST * sds**-2.0)
        rows = given.of.likelihood.take(first)
        of_rows = curves(rows, (given.eta[first] / sds**2 - given.nu[first]) / left, 1.0 / left)
        factor, size = np.eye(len(root)), len(root)
        factor[:rank, :rank] = lower / sds[:, None]
        basis = root.copy()
        basis[:, :rank] = solve_triangular(lower, root[:, :rank].T, lower=True, trans="T").T
        centre = given.mean - basis[:, :rank] @ given.eta[first]
        return Bent(Coordinates(np.zeros(size), factor), of_rows, centre, basis)

    def _rows(self) -> Iterable[Row]:
        """Run through the rows that are drawn, again as often as there are draws."""
        return self._kept if self.turned.lower.shape[1] <= MOST_KEPT else self._laid()

    @cached_property
    def _kept(self) -> tuple[Row, ...]:
        return tuple(self._laid())

    def _laid(self) -> Iterator[Row]:
        given, (order, _, lower, _) = self.given, self.turned
        rank = lower.shape[1]
        order, own = order[:rank], np.diagonal(lower)
        tau, nu = given.tau[order], given.nu[order]
        precision = np.maximum(own**-2.0 - tau, np.finfo(float).eps * own**-2.0)
        before = np.sqrt(np.maximum(np.square(lower[:rank]).sum(axis=1) - own**2, 0.0))
        mean, sd = given.eta[order] / own**2 - nu, before / own**2
        for start in range(0, rank, TOGETHER):
            some = slice(start, min(start + TOGETHER, rank))
            left = precision[some]
            rows = given.of.likelihood.take(order[some])
            several = maps(rows, mean[some] / left, sd[some] / left, 1.0 / left, tau[some])
            yield from map(Row, left, nu[some], several)

    def draw(self, rng: np.random.Generator, n: int) -> tuple[Array, Array]:
        """Return ``n`` draws ``(n, size)`` and their log densities."""
        given, (order, root, lower, log_det) = self.given, self.turned
        zeta = self.width * rng.standard_normal((len(root), n))
        log_q = -0.5 * np.square(zeta).sum(axis=0) / self.width**2
        log_q -= len(root) * (LOG_ROOT_2_PI + np.log(self.width)) + log_det
        z, eta = zeta.copy(), given.eta[order]
        for j, row in enumerate(self._rows()):
            sd = lower[j, j]
            mean = eta[j] + lower[j, :j] @ z[:j]
            drawn, log_slope = row.maps.at((mean / sd**2 - row.pull) / row.precision, zeta[j])
            z[j] = (drawn - mean) / sd
            log_q -= log_slope - np.log(sd)
        return given.mean + (root @ z).T, log_q


def row_by_row(objective: Objective, mode: Array) -> Iterator[Sequential]:
    """Run through the proposal of an objective and its heavier one; nothing where there is none."""
    if not has_sites(objective):
        return
    try:
        proposal = Sequential(propagate(objective, mode))
    except ConvergenceError:
        return
    yield proposal
    yield proposal.heavier()
