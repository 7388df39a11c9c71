"""Proposals that learn from weighted draws: mixtures of Student t fitted to them.

Where the density of few parameters is bent, that of a scale which few levels tell above all, no
one Gaussian or split normal follows it. A mixture fitted to the weighted draws of the last proposal
does (Cappe, Douc, Guillin, Marin & Robert 2008, Statistics and Computing 18, 447-459).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import logsumexp

from bayesglm.inference.weights.pool import Pool
from bayesglm.inference.weights.proposals import log_standard

Array = np.ndarray
PARTS = 6  # of a mixture: chosen
WIDE = 0.1  # share of one more part, of the whole's mean and ...
WIDTH = 2.0  # ... its covariance, with so many times the sd
STEPS = 25  # of the fit
WIDER = 1.1  # sds of the parts beside those of the draws
LEAST = 0.05  # variance of a part along any direction, in that of the whole
DF = 5.0


@dataclass(frozen=True)
class Mixture:
    """Student t densities of some ``shares``, ``means (j, d)`` and lower ``factors (j, d, d)``."""

    shares: Array
    means: Array
    factors: Array
    df: float = DF
    name: str = "mixture of Student t"

    def draw(self, rng: np.random.Generator, n: int) -> tuple[Array, Array]:
        """Return draws ``(n, d)`` and their log densities."""
        d = self.means.shape[1]
        part = rng.choice(len(self.shares), n, p=self.shares)
        z = rng.standard_normal((n, d)) / np.sqrt(rng.chisquare(self.df, n) / self.df)[:, None]
        x = self.means[part] + np.einsum("nij,nj->ni", self.factors[part], z)
        return x, self.log_density(x)

    def log_density(self, x: Array) -> Array:
        """Return the log densities ``(n,)`` of x ``(n, d)``."""
        logs = []
        for share, mean, factor in zip(self.shares, self.means, self.factors, strict=True):
            squares = _squares(x, mean, factor)
            log_det = np.log(np.diagonal(factor)).sum()
            logs.append(np.log(share) - log_det + log_standard(squares, x.shape[1], self.df))
        return logsumexp(np.stack(logs), axis=0)

    def heavier(self) -> Mixture:
        """Return the same with heavier tails."""
        return replace(self, df=0.5 * self.df, name=f"{self.name}, heavier-tailed")


def fitted(pool: Pool, rng: np.random.Generator) -> Mixture:
    """Fit a mixture to the weighted draws of a pool, by expectation and maximisation."""
    x, weights = pool.thetas, np.exp(pool.smoothed.log_weights)
    d = x.shape[1]
    mean = weights @ x
    away = x - mean
    whole = np.linalg.cholesky((weights[:, None] * away).T @ away + _tiny(away) * np.eye(d))
    z = np.linalg.solve(whole, away.T).T
    means = z[rng.choice(len(z), PARTS, p=weights / weights.sum())]
    factors, shares = np.stack([np.eye(d)] * PARTS), np.full(PARTS, 1.0 / PARTS)
    for _ in range(STEPS):
        parts = zip(shares, means, factors, strict=True)
        logs = np.stack(
            [
                np.log(share) - np.log(np.diagonal(factor)).sum() - 0.5 * _squares(z, at, factor)
                for share, at, factor in parts
            ]
        )
        member = weights * np.exp(logs - logsumexp(logs, axis=0))
        shares = np.maximum(member.sum(axis=1), 1e-6)
        means = (member @ z) / shares[:, None]
        for j, at in enumerate(means):
            own = z - at
            spread = (member[j, :, None] * own).T @ own / shares[j]
            factors[j] = np.linalg.cholesky(spread + LEAST * np.eye(d))
        shares = shares / shares.sum()
    return Mixture(
        np.append((1.0 - WIDE) * shares, WIDE),
        mean + np.vstack([means, np.zeros((1, d))]) @ whole.T,
        np.concatenate([WIDER * (whole @ factors), [WIDTH * whole]]),
    )


def _tiny(away: Array) -> float:
    return 1e-12 * float((away * away).mean())


def _squares(x: Array, mean: Array, factor: Array) -> Array:
    """Return the squared lengths of what a lower factor makes of x around a mean."""
    z = np.linalg.solve(factor, (x - mean).T)
    return np.einsum("ij,ij->j", z, z)
