"""How the effects of levels narrow, and go to the centre of their prior, where they correlate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesglm.numerics.priors.correlated import Correlated
from bayesglm.numerics.priors.parts import PriorPart

Array = np.ndarray
LEAST_PIVOT = 1e-13  # of a diagonal, below which is nothing but rounding


@dataclass(frozen=True)
class LevelShrinkage:
    """Effects of levels under a multivariate normal, of which the data give ``information``.

    With the precision Q(theta) that the prior gives a level's effects and the information h,
    ``(m, k, k, levels)``, their conditional mean is loc + (Q + h)^-1 r, of the pull r of the data,
    and their conditional covariance (Q + h)^-1; correlations between levels are left aside. Both
    are exact where theta moves nothing else. Factors are upper triangular.
    """

    where: slice
    loc: Array | float
    structure: Correlated
    information: Array

    def _lower(self, theta: Array) -> list[list[Array]]:
        """Return the Cholesky factors of Q + h, entry by entry, each ``(..., m, levels)``."""
        prior, k = self.structure.precision_of_level(theta), self.structure.scales.shape[1]
        lower: list[list[Array]] = [[] for _ in range(k)]
        for i in range(k):
            for j in range(i + 1):
                entry = prior[..., i, j, None] + self.information[:, i, j]
                rest = entry - sum(lower[i][c] * lower[j][c] for c in range(j))
                if i == j:
                    rest = np.sqrt(np.maximum(rest, LEAST_PIVOT * entry))
                else:
                    rest = rest / lower[j][j]
                lower[i].append(rest)
        return lower

    def _effects(self, values: Array) -> list[Array]:
        m, k, levels = self.structure.scales.shape
        each = values.reshape(*values.shape[:-1], m, k, levels)
        return [each[..., i, :] for i in range(k)]

    def placed(self, theta: Array, noise: Array, pull: Array) -> tuple[Array, Array]:
        """Return coefficients ``(..., q)`` of standard noise and a pull, and log |dw / dnoise|."""
        lower, k = self._lower(theta), self.structure.scales.shape[1]
        u, rest = self._effects(noise), self._effects(pull)
        along: list[Array] = []
        for i in range(k):
            towards = rest[i] - sum(lower[i][c] * along[c] for c in range(i))
            along.append(towards / lower[i][i])
        w = [a + b for a, b in zip(along, u, strict=True)]
        for i in reversed(range(k)):
            w[i] = (w[i] - sum(lower[c][i] * w[c] for c in range(i + 1, k))) / lower[i][i]
        diagonal = np.stack([lower[i][i] for i in range(k)])
        volume = -np.log(diagonal).sum(axis=(0, -1, -2))
        return self.loc + np.stack(w, axis=-2).reshape(noise.shape), volume

    def pulls(self, theta: Array, w: Array) -> Array:
        """Return the pulls ``(..., q)`` that make given coefficients the means."""
        lower, k = self._lower(theta), self.structure.scales.shape[1]
        away = self._effects(w - self.loc)
        turned = [sum(lower[j][i] * away[j] for j in range(i, k)) for i in range(k)]
        pulled = [sum(lower[i][j] * turned[j] for j in range(i + 1)) for i in range(k)]
        return np.stack(pulled, axis=-2).reshape(w.shape)

    def units(self, theta: Array, factors: Array) -> Array:
        """Return rows ``(..., q, p)`` of factors of a covariance in units of their own."""
        lower, k = self._lower(theta), self.structure.scales.shape[1]
        rows = self._effects(np.moveaxis(factors, -2, -1))
        wide = [[entry[..., None, :, :] for entry in line] for line in lower]
        turned = [sum(wide[j][i] * rows[j] for j in range(i, k)) for i in range(k)]
        every = np.stack(turned, axis=-2).reshape(np.moveaxis(factors, -2, -1).shape)
        return np.moveaxis(every, -1, -2)


def level_shrinkage(part: PriorPart, information: Array) -> LevelShrinkage:
    """Return that of effects that correlate; ``information`` is the data's ``(p, p)``."""
    structure = part.structure
    assert isinstance(structure, Correlated)
    m, k, levels = structure.scales.shape
    own = information[part.where, part.where].reshape(m, k, levels, m, k, levels)
    return LevelShrinkage(part.where, part.loc, structure, np.einsum("milmjl->mijl", own))
