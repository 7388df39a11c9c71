"""Models of clusters of draws whose coefficients are found by Newton's steps over the rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bayesglm.numerics.density.nearest import Columns, solved
from bayesglm.results.projection.clusters import Clusters
from bayesglm.results.projection.onto import Lines, held_of, lines_nearest, start_of

Array = np.ndarray
FEW_COLUMNS = 200  # of a model whose first step is shared by all terms that might join it: chosen


@dataclass(frozen=True)
class Fitted:
    """A model of some ``terms``: its ``lines``, in the order of the columns of these."""

    clusters: Clusters
    terms: tuple[str, ...]
    lines: Lines

    @property
    def kl(self) -> float:
        """The mean divergence of the clusters from it, in nats."""
        return float(self.lines.kl @ self.clusters.weights)

    def kl_with(self, term: str) -> float:
        """Return that of the model with one term more."""
        return float(self._with(term).kl @ self.clusters.weights)

    def with_term(self, term: str) -> Fitted:
        """Return the model with one term more."""
        return Fitted(self.clusters, (*self.terms, term), self._with(term))

    def _with(self, term: str) -> Lines:
        clusters, laid = self.clusters, self.clusters.laid
        columns = laid.columns_of((*self.terms, term))
        held = held_of(clusters.held, columns)
        start = np.zeros((len(clusters.whole), len(columns)))
        start[:, : self.lines.w.shape[1]] = self.lines.w
        if held is None and self._expanded is not None:
            start = self._stepped(columns, start)
        return lines_nearest(laid, columns, clusters.aim, start, held)

    @cached_property
    def _expanded(self) -> tuple[Array, Array, Array] | None:
        """The value here, and its slopes and curvatures along all columns; None of very many."""
        X, aim = self.clusters.laid.X, self.clusters.aim
        if X.shape[1] > FEW_COLUMNS:
            return None
        own = self.clusters.laid.columns_of(self.terms)
        value, slope, curvature = aim.expanded(self.lines.w @ X[:, own].T + aim.offset)
        return value, slope @ X, Columns(X).gram(curvature)

    def _stepped(self, columns: Array, start: Array) -> Array:
        """Return where one Newton step leads, which reads no rows but to see that it rises."""
        assert self._expanded is not None
        value, slope, gram = self._expanded
        own = gram[:, columns[:, None], columns]
        step = solved(own, slope[:, columns, None])[..., 0]
        aim, X = self.clusters.aim, self.clusters.laid.X
        with np.errstate(invalid="ignore"):
            rises = aim.value((start + step) @ X[:, columns].T + aim.offset) >= value
        return start + np.where(rises, 1.0, 0.0)[:, None] * step


def fitted(clusters: Clusters) -> Fitted:
    """Return the model without terms: of the intercept, if there is one."""
    laid = clusters.laid
    columns = laid.columns_of(())
    start = start_of(laid, columns, clusters.whole)
    return Fitted(clusters, (), lines_nearest(laid, columns, clusters.aim, start, None))
