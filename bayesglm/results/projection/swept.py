"""Models of a gaussian reference, or of linear predictors themselves, by their Gram matrix alone.

With G = X' W X and r = G w of the whole coefficients w of each line, a model of the columns S falls
short of them by w' r - r_S' G_SS^-1 r_S squares. A column that joins S is swept out of what is left
of G and r (Goodnight 1979, The American Statistician 33:149), so that no row is read again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bayesglm.numerics.density.nearest import solved
from bayesglm.results.projection.clusters import Clusters

Array = np.ndarray


@dataclass(frozen=True)
class Swept:
    """A model of some terms: what is left of ``gram (p, p)`` and ``right (p, lines)``.

    ``squares (lines,)`` is what it falls short by.
    """

    clusters: Clusters
    gram: Array
    right: Array
    squares: Array

    @property
    def kl(self) -> float:
        """The mean divergence of the clusters from it, in nats."""
        return self._mean_kl(self.squares)

    def kl_with(self, term: str) -> float:
        """Return that of the model with one term more."""
        place = self.clusters.laid.places[term]
        gain = np.sum(self.right[place] * self._moves(place), axis=0)
        return self._mean_kl(self.squares - gain)

    def with_term(self, term: str) -> Swept:
        """Return the model with one term more."""
        place = self.clusters.laid.places[term]
        moves = self._moves(place)
        gain, across = np.sum(self.right[place] * moves, axis=0), self.gram[:, place]
        half = solved(self.gram[None, place, place], across.T[None])[0]
        gram, right = self.gram - across @ half, self.right - across @ moves
        gram[place], gram[:, place], right[place] = 0.0, 0.0, 0.0
        return replace(self, gram=gram, right=right, squares=self.squares - gain)

    def _moves(self, place: slice) -> Array:
        """Return the coefficients ``(columns, lines)`` that a term takes."""
        return solved(self.gram[None, place, place], self.right[None, place])[0]

    def _mean_kl(self, squares: Array) -> float:
        squares, aim = np.maximum(squares, 0.0), self.clusters.aim
        variance = np.square(aim.phi[0][:, 0])
        kl = 0.5 * squares / variance
        if self.clusters.laid.absorbs:
            total = float(aim.weights.sum())
            kl = 0.5 * total * np.log1p(squares / (total * variance))
        return float(kl @ self.clusters.weights)


def can_be_swept(clusters: Clusters) -> bool:
    """Say whether the Gram matrix says all of the models of clusters."""
    return clusters.aim.has_one_gram and clusters.held is None


def swept(clusters: Clusters) -> Swept:
    """Return the model without terms: of the intercept, if there is one."""
    laid, whole = clusters.laid, clusters.whole
    gram = laid.X.T @ (laid.weights[:, None] * laid.X)
    right = gram @ whole.T
    model = Swept(clusters, gram, right, np.sum(whole.T * right, axis=0))
    return model.with_term("intercept") if "intercept" in laid.places else model
