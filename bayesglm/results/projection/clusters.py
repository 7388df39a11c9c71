"""Few distributions that stand for many draws: means of clusters of these.

Draws are alike where their linear predictors are (Piironen, Paasiniemi & Vehtari 2020, section
3.3): the distance of two is sqrt(sum_i weight_i (eta_i - eta'_i)^2), which is one of coefficients
under the root of the Gram matrix of the columns.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bayesglm.numerics.density.nearest import TOGETHER, Aim, Held
from bayesglm.results.projection.laid import Laid, lay
from bayesglm.results.projection.reference import Reference

Array = np.ndarray
N_CLUSTERS = 20  # what Piironen, Paasiniemi & Vehtari found enough to search with
CLUSTERED = 1000  # draws at most that are put into clusters: chosen
ROUNDS = 30  # of Lloyd's algorithm at most: chosen


class Clusters(NamedTuple):
    """What a search projects, of one neuron: the means of clusters, line by line.

    ``whole`` are the mean coefficients ``(lines, columns)``, ``aim`` the mean distributions, and
    ``weights`` what each line counts; those of one channel sum to one.
    """

    laid: Laid
    whole: Array
    aim: Aim
    held: Held | None
    weights: Array


def clusters_of(reference: Reference, seed: int, most: int = N_CLUSTERS) -> list[Clusters]:
    """Return clusters of the draws, of every neuron those of the same draws."""
    some = reference.thinned(CLUSTERED)
    every = [lay(problem) for problem in some.problems]
    places = [_coordinates(laid, theta) for laid, theta in zip(every, some.thetas, strict=True)]
    numbers = cluster(np.concatenate(places, axis=1), most, np.random.default_rng(seed))
    pairs = zip(every, some.thetas, strict=True)
    return [_averaged(laid, theta, numbers) for laid, theta in pairs]


def _coordinates(laid: Laid, theta: Array) -> Array:
    """Return places ``(draws, n)`` of draws, as far apart as their linear predictors are."""
    gram = laid.X.T @ (laid.weights[:, None] * laid.X)
    values, vectors = np.linalg.eigh(gram)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return (laid.lines(theta) @ root).reshape(len(theta), -1)


def cluster(places: Array, most: int, rng: np.random.Generator) -> Array:
    """Return the number of each place's cluster, by Lloyd's algorithm (1982), of so many at most.

    The first middles are drawn as those of Arthur & Vassilvitskii (2007) are: one after the other,
    in proportion to the squares of the distances from those that are there.

    >>> numbers = cluster(np.array([[0.0], [0.1], [5.0], [5.1]]), 2, np.random.default_rng(0))
    >>> len(set(numbers[:2])), len(set(numbers[2:])), len(set(numbers))
    (1, 1, 2)
    """
    middles = places[[rng.integers(len(places))]]
    left = _squares(places, middles)[:, 0]
    while len(middles) < most and left.max() > 1e-12 * np.square(places).sum(axis=1).max():
        drawn = rng.choice(len(places), p=left / left.sum())
        middles = np.concatenate([middles, places[[drawn]]])
        left = np.minimum(left, _squares(places, middles[-1:])[:, 0])
    numbers = np.zeros(len(places), dtype=np.intp)
    for _ in range(ROUNDS):
        before, numbers = numbers, np.argmin(_squares(places, middles), axis=1)
        _, numbers = np.unique(numbers, return_inverse=True)
        if np.array_equal(before, numbers):
            break
        middles = _shares(numbers) @ places
    return numbers


def _squares(places: Array, middles: Array) -> Array:
    """Return squared distances ``(places, middles)``."""
    inner = places @ middles.T
    lengths = np.square(places).sum(axis=1)[:, None] + np.square(middles).sum(axis=1)
    return np.maximum(lengths - 2.0 * inner, 0.0)


def _shares(numbers: Array) -> Array:
    """Return the share ``(clusters, draws)`` of each draw in the mean of its cluster."""
    inside = np.arange(numbers.max() + 1)[:, None] == numbers
    return inside / inside.sum(axis=1, keepdims=True)


def _averaged(laid: Laid, theta: Array, numbers: Array) -> Clusters:
    """Return the means of clusters; distributions of rows are made of some draws at a time."""
    shares = _shares(numbers)
    weights = np.repeat(np.bincount(numbers) / len(numbers), laid.n_channels)
    step = max(1, TOGETHER // max(1, len(laid.X) * laid.n_channels))
    total: Aim | None = None
    for start in range(0, len(theta), step):
        part = slice(start, start + step)
        aim, own = laid.aim(theta[part]), _by_channel(shares[:, part], laid.n_channels)
        mean, phi = own @ aim.mean, [own @ one for one in aim.phi]
        if total is not None:
            mean, phi = mean + total.mean, [a + b for a, b in zip(phi, total.phi, strict=True)]
        total = aim._replace(mean=mean, phi=phi)
    assert total is not None
    every = _by_channel(shares, laid.n_channels)
    held = laid.held(theta)
    if held is not None:
        variance = every @ _one_over(held.precision)
        held = Held(every @ held.centre, _one_over(variance))
    return Clusters(laid, every @ laid.lines(theta), total, held, weights)


def _one_over(values: Array) -> Array:
    """Return one over numbers, and nothing where they are nothing: of what is free."""
    return np.where(values > 0.0, 1.0 / np.where(values > 0.0, values, 1.0), 0.0)


def _by_channel(shares: Array, n_channels: int) -> Array:
    """Return shares ``(lines, lines)`` of the lines of draws, each channel's in its own."""
    return np.kron(shares, np.eye(n_channels)) if n_channels > 1 else shares
