"""The normal prior that every level's effects share, as a function of theta."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bayesglm.numerics.density.levels.small import cholesky, log_det
from bayesglm.numerics.priors.parts import PriorPart

Array = np.ndarray


class AtThetas(NamedTuple):
    """Precisions ``(k, k, m)`` at m thetas, and half their log determinants ``(m,)``."""

    precision: Array
    half_log_det: Array

    def some(self, part: slice) -> AtThetas:
        """Return those at some of the thetas."""
        return AtThetas(self.precision[..., part], self.half_log_det[part])


@dataclass(frozen=True)
class LevelPrior:
    """Effects b ~ Normal(0, Sigma(theta)) of each of ``levels`` levels, ``k`` each.

    ``part`` is their prior as it is laid in theta, effect-major.
    """

    part: PriorPart
    k: int
    levels: int

    def at(self, thetas: Array) -> AtThetas:
        """Return the precisions at thetas ``(m, size)``, of which no effect is read."""
        structure, learned = self.part.structure, self.part.learned
        if structure.turns:
            own = structure.precision_of_level(thetas)  # type: ignore[attr-defined]
            precision = np.moveaxis(own[..., 0, :, :], 0, -1)
        else:
            if learned is None:
                log_scale = np.log(np.asarray(self.part.parameters["scale"], dtype=float))
            else:
                log_scale = learned.log_scale(thetas)
            first = _of_first_level(log_scale, self.k, self.levels)
            precision = np.zeros((self.k, self.k, len(thetas)))
            for i in range(self.k):
                precision[i, i] = np.exp(-2.0 * first[..., i])
        return AtThetas(precision, log_det(cholesky(precision)))

    def log_densities(self, at: AtThetas, b: Array) -> Array:
        """Return log p(b | theta) ``(m, levels)`` of effects ``(k, m, levels)``."""
        half = -0.5 * at.precision[..., None]
        constant = at.half_log_det - 0.5 * self.k * np.log(2.0 * np.pi)
        total = half[0, 0] * (b[0] * b[0])
        for i in range(1, self.k):
            total += b[i] * (half[i, i] * b[i] + sum(2.0 * half[i, j] * b[j] for j in range(i)))
        total += constant[:, None]
        return total

    def add_slopes(self, thetas: Array, squares: Array, gradients: Array) -> None:
        """Add the slopes of E[sum over levels of log p(b | theta)] in the scales, in place.

        ``squares`` are the sums of E[b b'] over levels ``(k, k, m)``. It is that of levels of which
        k have the columns of a root of it for effects, the others being at zero.
        """
        if self.part.learned is None:
            return
        values, vectors = np.linalg.eigh(np.moveaxis(squares, -1, 0))
        effects = np.zeros((len(thetas), self.k, self.levels))
        effects[..., : self.k] = vectors * np.sqrt(np.maximum(values, 0.0))[:, None]
        there = thetas.copy()
        there[:, self.part.where] = effects.reshape(len(thetas), -1)
        self.part.add_slope(there, gradients)
        gradients[:, self.part.where] = 0.0


def is_alike(part: PriorPart, k: int, levels: int, size: int) -> bool:
    """Say whether a prior is a normal one around zero, the same for all levels.

    ``size`` is the length of theta.
    """
    prior, structure = part.prior, part.structure
    normal = prior.quadratic and prior.proper and prior.kink is None and prior.support == "real"
    shaped = (structure.diagonal or structure.turns) and structure.support is None
    if not (normal and shaped and levels >= k) or np.any(np.asarray(part.loc) != 0.0):
        return False
    if part.learned is None:
        log_scale = np.asarray(part.parameters["scale"], dtype=float)
    elif part.learned.own:
        return False
    else:
        # Of numbers that differ, scales that stand in different places differ.
        some = np.random.default_rng(0).standard_normal(size)
        log_scale = part.learned.log_scale(some)
    every = np.broadcast_to(log_scale, (part.size,)).reshape(k, levels)
    return bool(np.all(every == every[:, :1]))


def _of_first_level(log_scale: Array, k: int, levels: int) -> Array:
    """Return what effect-major numbers ``(..., q)`` say of the first level, ``(..., k)``."""
    if log_scale.shape[-1:] in ((), (1,)):
        return np.broadcast_to(log_scale, (*log_scale.shape[:-1], k))
    return log_scale[..., ::levels]
