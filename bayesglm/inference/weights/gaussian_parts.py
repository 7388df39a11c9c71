"""Gaussians near posteriors without some of the rows, found by one Newton step from all rows' mode.

Gradients and curvatures of log likelihoods add up over rows, so that those without a fold are all
rows' less the fold's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bayesglm.inference.weights.proposals import log_standard
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.solvers.newton import Evaluation

Array = np.ndarray
FLATTEST = 1e-10  # curvature, relative to that of each coordinate, that a Gaussian needs


@dataclass(frozen=True)
class Part:
    """A Gaussian, or Student t with some ``df``: mean, and the upper root of the precision."""

    mean: Array
    root: Array
    df: float | None = None

    def draw(self, rng: np.random.Generator, n: int) -> Array:
        """Return draws ``(n, size)``."""
        z = rng.standard_normal((n, len(self.mean)))
        if self.df is not None:
            z /= np.sqrt(rng.chisquare(self.df, n) / self.df)[:, None]
        return self.mean + np.linalg.solve(self.root, z.T).T

    def log_density(self, thetas: Array) -> Array:
        """Return log densities ``(n,)``."""
        z = (thetas - self.mean) @ self.root.T
        log_det = float(np.log(np.abs(np.diagonal(self.root))).sum())
        return log_det + log_standard(np.einsum("ij,ij->i", z, z), len(self.mean), self.df)

    def share(self, other: Part) -> float:
        """Return Kish's size of draws of this Gaussian, weighted to be another's, for each draw."""
        of_all, own = self.root.T @ self.root, other.root.T @ other.root
        both, d = 2.0 * own - of_all, other.mean - self.mean
        sign, log_det = np.linalg.slogdet(both)
        if sign <= 0 or np.linalg.eigvalsh(both)[0] <= 0.0:
            return 0.0
        pull = own @ d
        log_dets = [2.0 * np.log(np.abs(np.diagonal(one.root))).sum() for one in (self, other)]
        log_mean_square = log_dets[1] - 0.5 * (log_dets[0] + log_det)
        log_mean_square += 2.0 * pull @ np.linalg.solve(both, pull) - d @ pull
        return float(np.exp(-log_mean_square))


def gaussians_without(
    folds: Sequence[Objective], mode: Array
) -> tuple[Part | None, list[Part | None]]:
    """Return the Gaussian of all rows, and those that one Newton step makes of others' rows."""
    each = [one.evaluate(mode) for one in folds]
    total = _added(each)
    prior = _prior(folds[0], mode)
    n = len(each)
    whole = total._replace(
        gradient=total.gradient - (n - 1) * prior.gradient,
        hessian=total.hessian - (n - 1) * prior.hessian,
    )
    others = [
        whole._replace(
            gradient=whole.gradient - one.gradient + prior.gradient,
            hessian=whole.hessian - one.hessian + prior.hessian,
        )
        for one in each
    ]
    return stepped(mode, whole), [stepped(mode, one) for one in others]


def _added(each: Sequence[Evaluation]) -> Evaluation:
    values, gradients, hessians = zip(*each, strict=True)
    return Evaluation(sum(values), sum(gradients), sum(hessians))


def _prior(objective: Objective, theta: Array) -> Evaluation:
    """Return value, gradient and Hessian of the log prior."""
    empty = replace(objective, source=replace(objective.source, n_rows=0))
    return empty.evaluate(theta)


def stepped(at: Array, there: Evaluation) -> Part | None:
    """Return the Gaussian to which one Newton step leads; None where the density bends no way."""
    bends = -there.hessian
    diagonal = np.diagonal(bends)
    if not np.isfinite(bends).all() or not (diagonal > 0.0).all():
        return None
    scale = 1.0 / np.sqrt(diagonal)
    scaled = bends * np.outer(scale, scale)
    if np.linalg.eigvalsh(scaled)[0] < FLATTEST:
        return None
    root = np.linalg.cholesky(scaled).T / scale
    step = scale * np.linalg.solve(scaled, scale * there.gradient)
    return Part(at + step, root)
