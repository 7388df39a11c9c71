"""A log density of few parameters by a polynomial, where it costs too much to ask it every time.

With z = F^-1 (t - mode), F F' being the covariance that the curvature at the mode says, what is
fitted is log p(t) + z'z / 2, by values and gradients at points around the mode. Of many data that
is nearly flat. The fit is asked for inside the ball of its points alone, and looked at where it has
seen nothing: beyond, and where it fails, the density itself is asked.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement
from typing import Protocol

import numpy as np
from scipy.special import chdtri

Array = np.ndarray
type Terms = list[tuple[int, ...]]
DEGREES = (3, 4)  # that are tried, the cheaper first ...
MOST_TERMS = 500  # ... with so many numbers to fit at most
BEYOND = 1e-4  # of a normal's draws that lie outside the ball
WIDER = 1.4  # sds of the points' coordinates, in those of the density: chosen
EQUATIONS = 3.0  # values and slopes for each number that is fitted
FEWEST, TRIED = 12, 40  # points of a fit, and those at which it is looked at
ALLOWED = 0.02  # nats between fit and density at any of these


class Density(Protocol):
    """What is fitted: `log_density(T) -> (m,)`, `slopes(T) -> (m,), (m, d)`."""

    def log_density(self, T: Array) -> Array: ...
    def slopes(self, T: Array) -> tuple[Array, Array]: ...


@dataclass(frozen=True)
class Surrogate:
    """The fit: ``coefficients`` of the products of z whose factors ``terms`` name.

    Outside the ball of some ``radius`` the density itself is asked. ``error`` is the largest
    difference from it that was seen inside, in nats.
    """

    of: Density
    mode: Array
    factor: Array
    radius: float
    terms: Terms
    coefficients: Array
    error: float = 0.0

    def log_density(self, T: Array) -> Array:
        """Return log p ``(m,)``, by the fit inside its ball and by the density itself beyond."""
        z = self.inside(T)
        squares = np.einsum("ij,ij->i", z, z)
        values = columns(z, self.terms) @ self.coefficients - 0.5 * squares
        beyond = np.flatnonzero(~(squares <= self.radius**2))
        if len(beyond):
            values[beyond] = self.of.log_density(T[beyond])
        return values

    def inside(self, T: Array) -> Array:
        """Return z of t."""
        return np.linalg.solve(self.factor, (T - self.mode).T).T


def products_of(d: int, degree: int) -> Terms:
    """Return the products of up to ``degree`` of d variables.

    >>> products_of(2, 2)
    [(), (0,), (1,), (0, 0), (0, 1), (1, 1)]
    """
    return [term for k in range(degree + 1) for term in combinations_with_replacement(range(d), k)]


def columns(z: Array, terms: Terms) -> Array:
    """Return the products ``(m, terms)`` of z ``(m, d)``."""
    made: dict[tuple[int, ...], Array] = {(): np.ones(len(z))}
    for term in terms[1:]:
        made[term] = made[term[:-1]] * z[:, term[-1]]
    return np.stack([made[term] for term in terms], axis=1)


def _slope_columns(z: Array, terms: Terms) -> Array:
    """Return the products' derivatives ``(m, d, terms)``."""
    known = dict(zip(terms, columns(z, terms).T, strict=True))
    slopes = np.zeros((*z.shape, len(terms)))
    for n, term in enumerate(terms):
        for j in set(term):
            at = term.index(j)
            slopes[:, j, n] = term.count(j) * known[term[:at] + term[at + 1 :]]
    return slopes


def surrogate(of: Density, mode: Array, factor: Array, seed: int = 0) -> Surrogate | None:
    """Fit a polynomial around a mode; None where it is not right to `ALLOWED` nats."""
    d = len(mode)
    for degree in DEGREES:
        if math.comb(d + degree, d) <= MOST_TERMS:
            made = _fitted(of, mode, factor, products_of(d, degree), np.random.default_rng(seed))
            if made is not None and made.error < ALLOWED:
                return made
    return None


def _fitted(
    of: Density, mode: Array, factor: Array, terms: Terms, rng: np.random.Generator
) -> Surrogate | None:
    d = len(mode)
    radius = float(np.sqrt(chdtri(d, BEYOND)))
    z = _in_ball(rng, max(FEWEST, math.ceil(EQUATIONS * len(terms) / (d + 1))), d, radius, WIDER)
    values, gradients = of.slopes(mode + z @ factor.T)
    if not (np.isfinite(values).all() and np.isfinite(gradients).all()):
        return None
    rest = values + 0.5 * np.einsum("ij,ij->i", z, z)
    slopes = gradients @ factor + z
    matrix = np.concatenate([columns(z, terms), _slope_columns(z, terms).reshape(-1, len(terms))])
    level = rest.mean()
    right = np.concatenate([rest - level, slopes.reshape(-1)])
    unit = np.linalg.norm(matrix, axis=0)
    solution = np.linalg.lstsq(matrix / unit, right, rcond=None)[0] / unit
    solution[0] += level
    made = Surrogate(of, mode, factor, radius, terms, solution)
    T = mode + _in_ball(rng, TRIED, d, radius, 1.0) @ factor.T
    error = made.log_density(T) - of.log_density(T)
    return replace(made, error=float(np.abs(error - np.median(error)).max()))


def _in_ball(rng: np.random.Generator, n: int, d: int, radius: float, sd: float) -> Array:
    """Return normal draws with some sd, those outside a ball drawn back to its surface."""
    z = sd * rng.standard_normal((n, d))
    lengths = np.linalg.norm(z, axis=1, keepdims=True)
    return z * np.minimum(1.0, radius / lengths)
