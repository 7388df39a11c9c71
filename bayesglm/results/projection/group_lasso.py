"""The order in which whole terms leave zero as a penalty on them grows weaker.

The mean distribution of all draws is projected onto all terms under

    lam * sum over terms of sqrt(size) |Z_t v_t| / sqrt(n),

where the columns Z_t span those of the term, centred and orthonormal (Yuan & Lin 2006, JRSS B
68:49): the path is the same whatever the units of predictors and the coding of factors. A term is
one group over all neurons of a population. Each lam starts from the last; a quadratic of the
divergence is minimised by blocks (Friedman, Hastie & Tibshirani 2010), halved until it descends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bayesglm.numerics.density.nearest import Columns
from bayesglm.results.projection.clusters import Clusters
from bayesglm.results.projection.units import Units

Array = np.ndarray
RATIO = 0.93  # of a penalty to the last: chosen
LEAST = 1e-6  # of the first penalty, at which the path ends: chosen
STEPS, ROUNDS = 20, 200  # of the quadratic, and of its blocks, at a penalty at most: chosen
ENOUGH = 1e-6  # of the largest coefficient, less than which nothing moves any more: chosen
FLAT = 1e-10  # of a term's largest singular value: less spans nothing


def by_group_lasso(every: Sequence[Clusters], units: Units, size: int) -> list[str]:
    """Return terms in the order in which they leave zero, forced ones first, up to a size.

    ``every`` is the mean distribution of the draws of each neuron. Terms that have not left zero
    at the end of the path follow in the order of their slopes; a product waits for its parts.
    """
    path = _Path(tuple(map(_turned, every)), units)
    order = path.followed(size)
    chosen = list[str]()
    while len(chosen) < size:
        free = units.next_of(chosen)
        chosen.append(next(term for term in order if term in free))
    return chosen


@dataclass(frozen=True)
class _Turned:
    """One neuron's orthonormal columns ``Z``, the intercept first, and where terms have theirs."""

    clusters: Clusters
    Z: Array
    places: dict[str, slice]


def _turned(clusters: Clusters) -> _Turned:
    laid = clusters.laid
    root = np.sqrt(laid.weights)[:, None]
    total = float(laid.weights.sum())
    columns, places, stop = list[Array](), dict[str, slice](), 0
    for term, place in laid.places.items():
        own = laid.X[:, place]
        if term != "intercept":
            if "intercept" in laid.places:
                own = own - laid.weights @ own / total
            _, length, Vt = np.linalg.svd(root * own, full_matrices=False)
            kept = length > FLAT * max(length.max(initial=0.0), 1e-300)
            own = own @ (Vt[kept].T / length[kept]) * np.sqrt(total)
        columns.append(own)
        start, stop = stop, stop + own.shape[1]
        places[term] = slice(start, stop)
    return _Turned(clusters, np.concatenate(columns, axis=1), places)


@dataclass(frozen=True)
class _Path:
    """Coefficients of all neurons, ``(lines, columns)`` each, along falling penalties."""

    every: tuple[_Turned, ...]
    units: Units

    @cached_property
    def sizes(self) -> dict[str, float]:
        """The square root of how many coefficients each penalised term has."""
        return {
            term: float(
                np.sqrt(
                    sum(
                        len(one.clusters.whole) * (one.places[term].stop - one.places[term].start)
                        for one in self.every
                    )
                )
            )
            for term in self.units.terms
            if term not in self.units.forced
        }

    def followed(self, size: int) -> list[str]:
        """Return the forced terms, then the others as they leave zero, and then as they would."""
        order = list(self.units.forced)
        v = [np.zeros((len(one.clusters.whole), one.Z.shape[1])) for one in self.every]
        v = self._descended(v, np.inf, order)
        pulls = self._pulls(v)
        first = lam = max(pulls.values(), default=0.0)
        while len(order) < size and lam > LEAST * first:
            lam *= RATIO
            active = list(order)
            while True:
                v = self._descended(v, lam, active)
                pulls = self._pulls(v)
                new = [t for t, pull in pulls.items() if t not in active and pull > lam]
                if not new:
                    break
                active += new
            norms = {term: self._norm(v, term) for term in active if term not in order}
            order += sorted((t for t in norms if norms[t] > 0.0), key=lambda t: -norms[t])
        left = [term for term in pulls if term not in order]
        return order + sorted(left, key=lambda term: -pulls[term])

    def _norm(self, v: Sequence[Array], term: str) -> float:
        pairs = zip(self.every, v, strict=True)
        return float(np.sqrt(sum(np.square(own[:, one.places[term]]).sum() for one, own in pairs)))

    def _pulls(self, v: Sequence[Array]) -> dict[str, float]:
        """Return how strongly each penalised term is pulled, for each of its size."""
        slopes = [_expanded(one, own)[1] @ one.Z for one, own in zip(self.every, v, strict=True)]
        return {term: self._norm(slopes, term) / size for term, size in self.sizes.items()}

    def _descended(self, v: list[Array], lam: float, active: Sequence[str]) -> list[Array]:
        """Return the coefficients at a penalty, those of terms that are not active at zero."""
        terms = ["intercept", *active]
        objective = self._objective(v, lam)
        for _ in range(STEPS):
            towards = self._of_quadratic(v, lam, [t for t in terms if t in self.every[0].places])
            share, largest = 1.0, max(np.abs(own).max(initial=0.0) for own in towards)
            while True:
                after = [(1 - share) * a + share * b for a, b in zip(v, towards, strict=True)]
                value = self._objective(after, lam)
                if value <= objective or share < ENOUGH:
                    break
                share *= 0.5
            moved = max(np.abs(a - b).max(initial=0.0) for a, b in zip(v, after, strict=True))
            if not value <= objective:
                return v
            v, objective = after, value
            if moved <= ENOUGH * largest:
                break
        return v

    def _objective(self, v: Sequence[Array], lam: float) -> float:
        pairs = zip(self.every, v, strict=True)
        value = -sum(float(_expanded(one, own)[0].sum()) for one, own in pairs)
        norms = ((size, self._norm(v, term)) for term, size in self.sizes.items())
        return value + sum(lam * size * norm for size, norm in norms if norm > 0.0)

    def _of_quadratic(self, v: Sequence[Array], lam: float, terms: Sequence[str]) -> list[Array]:
        """Return where the penalised quadratic of the divergence has its minimum, by blocks."""
        slopes, grams, found = list[Array](), list[Array](), [own.copy() for own in v]
        for one, own in zip(self.every, v, strict=True):
            _, slope, curvature = _expanded(one, own)
            slopes.append(-(slope @ one.Z))
            grams.append(Columns(one.Z).gram(curvature))
        tops = {term: self._top(grams, term) for term in terms}
        for _ in range(ROUNDS):
            moved = 0.0
            for term in terms:
                if tops[term] <= 0.0:
                    continue
                pairs = list(zip(self.every, found, slopes, strict=True))
                aims = [
                    own[:, one.places[term]] - slope[:, one.places[term]] / tops[term]
                    for one, own, slope in pairs
                ]
                share = 1.0
                if term in self.sizes:
                    norm = float(np.sqrt(sum(np.square(aim).sum() for aim in aims)))
                    bound = lam * self.sizes[term] / tops[term]
                    share = 1.0 - bound / norm if norm > bound else 0.0
                for (one, own, slope), aim, gram in zip(pairs, aims, grams, strict=True):
                    place = one.places[term]
                    step = share * aim - own[:, place]
                    own[:, place] += step
                    slope += np.einsum("kpq,kq->kp", gram[:, :, place], step)
                    moved = max(moved, float(np.abs(step).max(initial=0.0)))
            if moved <= 0.1 * ENOUGH * max(np.abs(own).max(initial=0.0) for own in found):
                break
        return found

    def _top(self, grams: Sequence[Array], term: str) -> float:
        """Return the largest curvature of a term, which bounds that of its block."""
        blocks = [
            gram[:, one.places[term], one.places[term]]
            for one, gram in zip(self.every, grams, strict=True)
        ]
        return max(float(np.linalg.eigvalsh(block).max(initial=0.0)) for block in blocks)


def _expanded(one: _Turned, v: Array) -> tuple[Array, Array, Array]:
    aim = one.clusters.aim
    return aim.expanded(v @ one.Z.T + aim.offset)
