"""Rows left out of a posterior that is next to Gaussian in what they read of it.

With z the linear predictors and dispersions of a row, V their covariance over draws, and l, g, H
its log likelihood and its derivatives in z at their mean,

    log p(y_i | y_-i) = -log E[1 / p(y_i | z)] ~ l + log|1 + H V| / 2 - g' V (1 + H V)^-1 g / 2,

exact where z is Gaussian and the log likelihood quadratic: Laplace's approximation of what
Magnusson et al. (2020, AISTATS, section 2.3) approximate by l alone. All rows take one pass.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from bayesglm.numerics.density.channels import moves
from bayesglm.numerics.density.likelihood import at, block_rows, weighted
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.families.record import Derivatives
from bayesglm.numerics.rows.rows import Rows

Array = np.ndarray
MOST = 256  # directions of the covariance at most, each of which is a product with all rows
LEAST = 0.05  # of |1 + H V|, below which a row is far from what it is taken for: chosen


def nearly_left_out(objective: Objective, thetas: Array) -> Array:
    """Return the log density of each row without itself, to second order, from natural thetas."""
    w, phi = objective.w(thetas), objective.phi(thetas)
    mean_w, mean_phi = w.mean(axis=0), [np.mean(one) for one in phi]
    spread = [
        np.broadcast_to(one, len(w)) - middle for one, middle in zip(phi, mean_phi, strict=True)
    ]
    directions = _directions(np.column_stack([w - mean_w, *spread]))
    of_w, of_phi = directions[:, : w.shape[1]], directions[:, w.shape[1] :]
    rowwise = objective.rowwise

    def work(run: Iterable[Rows]) -> list[Array]:
        values = []
        for rows in run:
            here = at(rowwise.family, rows, mean_w, mean_phi, 2)
            constant = np.asarray(rowwise.family.constant(rows.y, rows.trials))
            moved = moves(rows, of_w)
            level = here.value + weighted(constant, rows.weights)
            values.append(level + _gained(here, moved, of_phi))
        return values

    parts = objective.source.reduce(work, block_rows(rowwise.width, len(directions)))
    values = np.concatenate([one for run in parts for one in run])
    return np.where(
        np.isneginf(values), np.min(values, where=np.isfinite(values), initial=0.0), values
    )


def _directions(away: Array) -> Array:
    """Return lines F ``(r, p)`` with F'F the covariance, or near it, of draws about their mean."""
    n, p = away.shape
    if p <= MOST:
        sizes, basis = np.linalg.eigh(away.T @ away / n)
        return (basis * np.sqrt(np.maximum(sizes, 0.0))).T
    some = away[np.linspace(0, n - 1, min(MOST, n)).astype(np.intp)]
    return some / np.sqrt(len(some))


def _gained(here: Derivatives, moved: Array, of_phi: Array) -> Array:
    """Return what leaving out adds to the log density at the mean; nothing where that fails.

    ``moved`` are the products ``(channels, r, rows)`` of the directions with the rows.
    """
    n = moved.shape[-1]
    every = [*moved, *(np.broadcast_to(one[:, None], moved.shape[1:]) for one in of_phi.T)]
    size, channels = len(every), len(moved)
    slope, bend, spread = np.empty((n, size)), np.empty((n, size, size)), np.empty((n, size, size))
    for a in range(size):
        slope[:, a] = here.eta[a] if a < channels else here.phi[a - channels]
        for b in range(a + 1):
            spread[:, a, b] = spread[:, b, a] = np.einsum("rn,rn->n", every[a], every[b])
            bend[:, a, b] = bend[:, b, a] = _second(here, a, b, channels)
    with np.errstate(divide="ignore", invalid="ignore"):
        inner = np.eye(size) + bend @ spread
        stands = np.isfinite(inner).all(axis=(1, 2)) & np.isfinite(slope).all(axis=1)
        inner[~stands] = np.eye(size)
        volume = np.linalg.det(inner)
        inner[volume < LEAST] = np.eye(size)
        pulled = np.einsum("na,nab->nb", slope, spread)
        lost = np.vecdot(pulled, np.linalg.solve(inner, slope[..., None])[..., 0])
        gained = 0.5 * (np.log(volume) - lost)
    return np.where(stands & (volume >= LEAST) & np.isfinite(gained), gained, 0.0)


def _second(here: Derivatives, a: int, b: int, channels: int) -> Array:
    """Return the second derivatives in two of channels and dispersions, b not behind a."""
    if a < channels:
        return here.eta_eta[a, b]
    if b < channels:
        return here.eta_phi[a - channels][b]
    return here.phi_phi[a - channels][b - channels]
