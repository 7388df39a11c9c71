"""Walkers over the posterior under mixtures of two normals: indicators, then coefficients.

Given which of its two normals each coefficient is from, its prior is Gaussian. Where the likelihood
is as well, sigma given, walkers draw indicators with the coefficients integrated out, the
coefficients given them, and then sigma and learned scales given the coefficients. Elsewhere a
quadratic stands for the log likelihood: that of the Gaussian that is nearest to what the walkers
draw, its curvature the mean of curvatures there (Opper & Archambeau 2009).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple, Protocol

import numpy as np

from bayesglm.inference.problem.problem import Problem
from bayesglm.numerics.density.coefficients import CoefficientPriors
from bayesglm.numerics.density.indicators import Indicators, Walkers
from bayesglm.numerics.density.moments import Moments, moments
from bayesglm.numerics.density.near import near
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.numerics.priors.record import FLAT, TwoNormals

Array = np.ndarray
WIDTH = 0.5  # of the first slices, of logarithms of sigma and of scales
NARROWEST = 1e-3  # of a slice, in units of that
MOST_STEPS = 40  # of a slice's width, to each side
MOST_POINTS = 48  # at which curvatures are averaged: chosen ...
WORK = 1e8  # ... and no more than so many multiplications allow


class Beside:
    """The priors of coefficients but for the mixtures: normal, their scales given."""

    def __init__(self, objective: Objective) -> None:
        parts = [part for part in objective.coefficients if part.prior.two_normals is None]
        self._n = objective.n_coefficients
        self._learned = tuple(part for part in parts if part.learned is not None)
        self._known = self._of(tuple(part for part in parts if part.learned is None))

    def _of(self, parts: tuple[PriorPart, ...]) -> tuple[Array, Array]:
        priors, zero = CoefficientPriors(self._n, parts), np.zeros(self._n)
        pull = np.zeros((1, self._n))
        priors.add_smooth(zero[None], np.zeros(1), pull)
        return priors.curvature(zero, np.arange(self._n)), pull[0]

    def at(self, thetas: Array) -> tuple[Array, Array]:
        """Return precisions P ``(m, p, p)`` and pulls r ``(m, p)``; one where none is learned.

        The log density is r'w - w'Pw / 2, and a constant.
        """
        precision, pull = self._known
        if not self._learned:
            return precision[None], pull[None]
        pairs = [self._of(tuple(part.given(theta) for part in self._learned)) for theta in thetas]
        more, pulls = map(np.stack, zip(*pairs, strict=True))
        return precision + more, pull + pulls


class Way(Protocol):
    """What walkers take for the likelihood: a quadratic in what is Gaussian given the rest.

    - `inner`: the places in theta of that, the coefficients first.
    - `centre`: the theta around which it is known best.
    - `is_exact`: whether the quadratic is all that there is.
    - `density`: the log posterior, as it is told fastest for many thetas.
    """

    @property
    def inner(self) -> Array: ...

    @property
    def centre(self) -> Array: ...

    @property
    def is_exact(self) -> bool: ...

    @property
    def density(self) -> Objective: ...

    def quadratic(self, thetas: Array) -> tuple[Array, Array]:
        """Return H ``(m, k, k)`` and h ``(m, k)`` of h'x - x'Hx / 2; one where all are alike."""

    def log_density_of_outer(self, thetas: Array) -> Array:
        """Return the log density of all else, what is Gaussian given, up to a constant."""

    def log_ratio(self, thetas: Array) -> Array:
        """Return what the quadratic leaves out, up to a constant."""

    def around(self, thetas: Array) -> Way:
        """Return the same around what was drawn ``(n, size)``."""

    def flattened(self, share: float) -> Way:
        """Return a share of a quadratic that is not exact, so that draws go further out."""


class Exact(NamedTuple):
    """A gaussian likelihood, read off its moments: quadratic in the coefficients, sigma given."""

    density: Objective
    moments: Moments
    centre: Array
    is_exact: bool = True

    @property
    def inner(self) -> Array:
        """The coefficients."""
        return np.arange(self.density.n_coefficients)

    def quadratic(self, thetas: Array) -> tuple[Array, Array]:
        """Return those of each sigma."""
        sigma = np.broadcast_to(self.density.phi(thetas)[0], len(thetas))
        pull = self.moments.pull + self.moments.gram @ self.moments.anchor
        return self.moments.gram / sigma[:, None, None] ** 2, pull / sigma[:, None] ** 2

    def log_density_of_outer(self, thetas: Array) -> Array:
        """Return that of sigma and of scales."""
        return self.density.log_density(thetas)

    def log_ratio(self, thetas: Array) -> Array:
        """Return zeros."""
        return np.zeros(len(thetas))

    def around(self, thetas: Array) -> Exact:
        """Return the same, its moments around the mean, to lose no digits there."""
        centre = thetas.mean(axis=0)
        taken = moments(self.density.rowwise, self.density.w(centre), self.moments.gram)
        return Exact(replace(self.density, moments=taken), taken, centre)

    def flattened(self, share: float) -> Exact:
        """Return the same."""
        return self


def exactly(objective: Objective, theta: Array) -> Exact:
    """Return the likelihood of a gaussian response with the identity link."""
    taken = moments(objective.rowwise, objective.w(theta))
    return Exact(replace(objective, moments=taken), taken, theta)


class Nearly(NamedTuple):
    """A quadratic that stands for the likelihood and the priors of dispersions, ``rest``.

    Its ``slope`` at the ``centre`` and its ``bend`` are means over points around it.
    """

    density: Objective
    rest: Objective
    inner: Array
    centre: Array
    slope: Array
    bend: Array
    is_exact: bool = False

    def quadratic(self, thetas: Array) -> tuple[Array, Array]:
        """Return the one of all thetas."""
        return self.bend[None], (self.slope + self.bend @ self.centre[self.inner])[None]

    def log_density_of_outer(self, thetas: Array) -> Array:
        """Return that of scales."""
        return self.density.log_priors(thetas)

    def log_ratio(self, thetas: Array) -> Array:
        """Return what is beside the quadratic; scales do not enter."""
        at = np.array(np.broadcast_to(self.centre, thetas.shape))
        at[:, self.inner] = thetas[:, self.inner]
        away = thetas[:, self.inner] - self.centre[self.inner]
        quadratic = away @ self.slope - 0.5 * np.vecdot(away @ self.bend, away)
        return self.rest.log_density(at) - quadratic

    def around(self, thetas: Array) -> Nearly:
        """Return the quadratic of the mean gradient and curvature over some of the draws."""
        return nearly(self.density, self.inner, thetas)

    def flattened(self, share: float) -> Nearly:
        """Return a share of it."""
        return self._replace(slope=share * self.slope, bend=share * self.bend)


def nearly(objective: Objective, inner: Array, thetas: Array) -> Nearly:
    """Return the quadratic of the mean gradient and curvature at some thetas ``(n, size)``."""
    centre = thetas.mean(axis=0)
    flat = PriorPart(slice(0, objective.n_coefficients), FLAT, {})
    close = near(objective.rowwise, objective.w(centre))
    rest = replace(objective, coefficients=(flat,), near=close)
    work = objective.source.n_rows * float(len(inner)) ** 2
    n = int(np.clip(WORK / work, 1, min(MOST_POINTS, len(thetas))))
    some = thetas[:: len(thetas) // n][:n] if n > 1 else centre[None]
    terms = [rest.evaluate(theta) for theta in some]
    slope = np.mean([one.gradient for one in terms], axis=0)[inner]
    bend = -np.mean([one.hessian for one in terms], axis=0)[np.ix_(inner, inner)]
    slope = slope + bend @ (some.mean(axis=0) - centre)[inner]
    return Nearly(replace(objective, near=close), rest, inner, centre, slope, bend)


def indicators_of(problem: Problem) -> Indicators:
    """Return which coefficients are from one of two normals each."""
    parts, mixtures = [], []
    for part in problem.unconstrained.coefficients:
        if part.prior.two_normals is not None:
            parts.append(part)
            mixtures.append(part.prior.two_normals(**part.parameters))
    where = np.concatenate([np.arange(part.where.start, part.where.stop) for part in parts])

    def every(name: str) -> Array:
        each = zip(parts, mixtures, strict=True)
        return np.concatenate([np.broadcast_to(getattr(m, name), p.size) for p, m in each])

    return Indicators(where, TwoNormals(every("narrow"), every("wide"), every("log_odds")))


class Walk:
    """Walkers of one posterior: their thetas ``(m, size)``, and indicators ``wide`` ``(m, q)``."""

    def __init__(
        self, way: Way, beside: Beside, indicators: Indicators, thetas: Array, wide: Array
    ) -> None:
        self.way, self._beside, self.thetas = way, beside, thetas
        self.walkers = Walkers(indicators, wide, way.quadratic(thetas)[0][0])
        self._outer = np.setdiff1d(np.arange(thetas.shape[1]), way.inner)
        self._widths = np.full(len(self._outer), WIDTH)
        self._condition()

    def turn(self, way: Way) -> None:
        """Go on in another way."""
        self.way = way
        self._condition()

    def _condition(self) -> None:
        precision, pull = self.way.quadratic(self.thetas)
        more, pulls = self._beside.at(self.thetas)
        beyond = (0, precision.shape[-1] - more.shape[-1])  # dispersions: told by the quadratic
        if beyond[1]:
            more, pulls = np.pad(more, ((0, 0), beyond, beyond)), np.pad(pulls, ((0, 0), beyond))
        self.walkers.condition(precision + more, pull + pulls)

    def run(self, rng: np.random.Generator, n: int, adapt: bool = False) -> Array:
        """Return the thetas ``(m, n, size)`` of so many steps.

        While it adapts, the walk is none of the posterior: widths of slices follow its spread.
        """
        path = np.empty((len(self.thetas), n, self.thetas.shape[1]))
        for k in range(n):
            self._step(rng)
            path[:, k] = self.thetas
        if adapt and len(self._outer):
            recent = path[:, n // 2 :, self._outer].reshape(-1, len(self._outer))
            self._widths = np.maximum(2.0 * recent.std(axis=0), NARROWEST * WIDTH)
        return path

    def _step(self, rng: np.random.Generator) -> None:
        self.walkers.sweep(rng)
        self.thetas[:, self.way.inner] = self.walkers.draw(rng)
        for place, width in zip(self._outer, self._widths, strict=True):
            slice_one(rng, self.way.log_density_of_outer, self.thetas, int(place), width)
        self._condition()


def slice_one(
    rng: np.random.Generator,
    log_density: Callable[[Array], Array],
    thetas: Array,
    place: int,
    width: float,
) -> None:
    """Move one entry of each theta ``(m, size)`` by slice sampling, in place.

    By stepping out and shrinkage (Neal 2003, figures 3 and 5), all thetas at once.
    """
    n, start = len(thetas), thetas[:, place].copy()
    level = log_density(thetas) - rng.exponential(size=n)

    def inside(x: Array) -> Array:
        thetas[:, place] = x
        return log_density(thetas) > level

    left = start - width * rng.random(n)
    right = left + width
    for end, outwards in ((left, -width), (right, width)):
        for _ in range(MOST_STEPS):
            further = inside(end)
            if not further.any():
                break
            end[further] += outwards
    x, waiting = start.copy(), np.ones(n, dtype=bool)
    while waiting.any():
        tried = left + (right - left) * rng.random(n)
        stands = waiting & inside(np.where(waiting, tried, start))
        x[stands] = tried[stands]
        waiting &= ~stands & (right > left)
        left = np.where(waiting & (tried < start), tried, left)
        right = np.where(waiting & (tried >= start), tried, right)
    thetas[:, place] = x
