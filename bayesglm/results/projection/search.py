"""The order in which terms come in, so that each model is the nearest of its size so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from bayesglm.results.projection.clusters import Clusters, clusters_of
from bayesglm.results.projection.fitted import fitted
from bayesglm.results.projection.group_lasso import by_group_lasso
from bayesglm.results.projection.path import Path
from bayesglm.results.projection.reference import Reference
from bayesglm.results.projection.swept import can_be_swept, swept
from bayesglm.results.projection.units import Units

Array = np.ndarray
SEARCHES = ("forward", "group_lasso")
MOST_TERMS = 20  # that a search takes where no number is asked for: chosen


class Standing(Protocol):
    """A model of some terms, of clusters of draws, and what others would be."""

    @property
    def kl(self) -> float:
        """The mean divergence of the clusters from it, in nats."""

    def kl_with(self, term: str) -> float:
        """Return that of the model with one term more."""

    def with_term(self, term: str) -> Standing:
        """Return the model with one term more."""


def search_path(
    reference: Reference, units: Units, search: str, most: int | None, seed: int
) -> Path:
    """Return terms in the order in which a search takes them, the forced ones first.

    By ``"forward"`` steps each term is the one with which the mean divergence of clusters of the
    draws is smallest; by ``"group_lasso"`` it is the next that leaves zero as a penalty on whole
    terms grows weaker. ``most`` is the size at which the search ends, 20 terms by default.
    """
    size = min(MOST_TERMS if most is None else most, len(units.terms))
    size = max(size, len(units.forced))
    order = None
    if search == "group_lasso":
        order = by_group_lasso(clusters_of(reference, seed, 1), units, size)
    return _walked(clusters_of(reference, seed), units, size, order)


def path_along(reference: Reference, terms: Sequence[str], seed: int) -> Path:
    """Return the path of terms in a given order."""
    units = Units(tuple(terms), (), {})
    return _walked(clusters_of(reference, seed), units, len(terms), terms)


def _walked(
    every: Sequence[Clusters], units: Units, size: int, order: Sequence[str] | None
) -> Path:
    """Walk along terms in an order, or in that of the smallest divergence, to a size."""
    standing: list[Standing] = [swept(one) if can_be_swept(one) else fitted(one) for one in every]
    chosen, kl = list[str](), [sum(one.kl for one in standing)]
    while len(chosen) < size:
        free = units.next_of(chosen) if order is None else [order[len(chosen)]]
        term = _nearest_of(standing, free)
        standing = [one.with_term(term) for one in standing]
        chosen.append(term)
        kl.append(sum(one.kl for one in standing))
    return Path(tuple(chosen), len(units.forced), np.array(kl))


def _nearest_of(standing: Sequence[Standing], candidates: Sequence[str]) -> str:
    """Return the term with which the divergence, added up over neurons, is smallest."""
    if len(candidates) == 1:
        return candidates[0]
    found = [sum(one.kl_with(term) for one in standing) for term in candidates]
    return candidates[int(np.argmin(found))]
