"""What the neurons of a population share in pooled terms, and each neuron as a quadratic beside it.

Under quadratics of the log likelihoods means and coefficients are integrated out exactly; what is
left is a density of one log scale for each term.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.linalg import solve_triangular

from bayesglm.errors import ModelError
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.weights.pool import LogDensity
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.priors.distribution import Distribution
from bayesglm.numerics.priors.parts import PriorPart

Array = np.ndarray
FALL, CELLS = 16.0, 200  # of tables of log scales: how far, in nats, and how fine


@dataclass(frozen=True)
class Neuron:
    """One neuron's own log density, without the priors around the common mean, as a quadratic.

    It is value + gradient'(u - at) - (u - at)'precision(u - at)/2 about ``at``.
    """

    objective: Objective
    at: Array
    value: float
    gradient: Array
    precision: Array

    @cached_property
    def towards(self) -> Array:
        """The slope ``(q,)`` of the quadratic at zero."""
        return self.precision @ self.at + self.gradient

    def quadratic(self, U: Array) -> Array:
        """Return the quadratic ``(n,)`` at parameters ``(n, q)``."""
        away = U - self.at
        return self.value + away @ self.gradient - 0.5 * np.vecdot(away @ self.precision, away)

    def on(self, places: Array) -> tuple[Array, Array]:
        """Return precision and slope of some parameters, the others integrated out."""
        others = np.setdiff1d(np.arange(len(self.at)), places)
        P, b = self.precision[np.ix_(places, places)], self.towards[places]
        if not len(others):
            return P, b
        across = self.precision[np.ix_(others, places)]
        solved = np.linalg.solve(
            self.precision[np.ix_(others, others)],
            np.column_stack([across, self.towards[others]]),
        )
        P = P - across.T @ solved[:, :-1]
        return 0.5 * (P + P.T), b - across.T @ solved[:, -1]


class Moments(NamedTuple):
    """Of the means, given scales: precision ``(d, d)``, slope ``(d,)``; and the scales' density."""

    precision: Array
    towards: Array
    log_density: float


@dataclass(frozen=True)
class Top:
    """What the neurons share: means ``(d,)`` of all pooled terms, and a log scale of each term.

    ``places`` are the pooled coefficients ``(d,)`` among a neuron's own parameters, ``term`` the
    number of the term of each; ``loc`` and ``sd`` are those of the means' priors.
    """

    places: Array
    term: Array
    loc: Array
    sd: Array
    priors: tuple[Distribution, ...]

    @property
    def n_terms(self) -> int:
        """Number of pooled terms."""
        return len(self.priors)

    def log_prior_of_scales(self, logs: Array) -> Array:
        """Return the log densities ``(..., terms)`` of log scales, each term's by itself."""
        scales = np.exp(logs)
        each = [prior.total(scales[..., k : k + 1]) for k, prior in enumerate(self.priors)]
        return np.stack(each, axis=-1) + logs

    def log_prior(self, means: Array, logs: Array) -> Array:
        """Return the log densities ``(n,)`` of means and log scales."""
        z = (means - self.loc) / self.sd
        of_means = -0.5 * z**2 - np.log(self.sd) - 0.5 * np.log(2.0 * np.pi)
        return of_means.sum(axis=-1) + self.log_prior_of_scales(logs).sum(axis=-1)

    def log_around(self, W: Array, means: Array, logs: Array) -> Array:
        """Return the log densities ``(n,)`` of coefficients ``(n, d)`` around means."""
        scales = np.exp(logs)[..., self.term]
        each = -0.5 * ((W - means) / scales) ** 2 - np.log(scales) - 0.5 * np.log(2.0 * np.pi)
        return each.sum(axis=-1)

    def moments(self, P: Array, b: Array, logs: Array) -> Moments:
        """Return what quadratics of neurons, ``(N, d, d)`` and ``(N, d)``, say given log scales."""
        scales = np.exp(logs)[self.term]
        E = scales[:, None] * P * scales + np.eye(len(scales))
        roots = np.linalg.cholesky(E)
        right = scales[:, None] * np.concatenate([P, b[..., None]], axis=-1)
        solved = np.linalg.solve(roots, right)
        X, y = solved[..., :-1], solved[..., -1]
        precision = (P - X.mT @ X).sum(axis=0) + np.diag(self.sd**-2.0)
        towards = (b - (X.mT @ y[..., None])[..., 0]).sum(axis=0) + self.loc / self.sd**2
        root = np.linalg.cholesky(precision)
        of_means = solve_triangular(root, towards, lower=True)
        value = 0.5 * (y**2).sum() - np.log(np.diagonal(roots, axis1=-2, axis2=-1)).sum()
        value += 0.5 * of_means @ of_means - np.log(np.diag(root)).sum()
        value += self.log_prior_of_scales(logs).sum()
        return Moments(precision, towards, float(value))


def top_of(problem: Problem) -> Top:
    """Return what the neurons of a problem's population share; ModelError beside other scales."""
    registry, parts = problem.unconstrained.registry, pooled_parts(problem.unconstrained)
    others = [one.name for one in registry.scales if not one.common]
    if others:
        raise ModelError(
            f"pooled terms beside another learned scale ({', '.join(others)}) are not available; "
            "give the other term a number as its prior's scale, or sample to_pymc(model, data)."
        )
    of_mean, priors = [], []
    for name in pooled_terms(problem):
        mean, scale = registry.named(f"{name}_mean"), registry.named(f"{name}_scale")
        assert isinstance(mean.prior, Distribution)
        assert isinstance(scale.prior, Distribution)
        of_mean.append(mean.prior.parameters)
        priors.append(scale.prior)
    return Top(
        np.concatenate([np.arange(part.where.start, part.where.stop) for part in parts]),
        np.repeat(np.arange(len(parts)), [part.size for part in parts]),
        np.concatenate([numbers["loc"] for numbers in of_mean]),
        np.concatenate([numbers["scale"] for numbers in of_mean]),
        tuple(priors),
    )


def pooled_terms(problem: Problem) -> list[str]:
    """Name the pooled terms, in the order of their coefficients."""
    return [term.label for term in problem.plan.model.every_term if term.pooled]


def pooled_parts(objective: Objective) -> list[PriorPart]:
    return [part for part in objective.coefficients if part.mean is not None]


def own_density(objective: Objective) -> Objective:
    """Return the density of a neuron's own parameters, without the priors around the mean."""
    kept = tuple(one for one in objective.registry.parameters if not one.common)
    return replace(
        objective,
        registry=replace(objective.registry, parameters=kept),
        coefficients=tuple(part for part in objective.coefficients if part.mean is None),
    )


def given_top(objective: Objective, top: Top, means: Array, logs: Array) -> Objective:
    """Return the same under the priors around a mean, of known scales."""
    own, scales = own_density(objective), np.exp(logs)[top.term]
    known, start = [], 0
    for part in pooled_parts(objective):
        here = slice(start, start + part.size)
        numbers = {"loc": means[here], "scale": scales[here]}
        known.append(replace(part, parameters=numbers, learned=None, mean=None))
        start = here.stop
    return replace(own, coefficients=(*own.coefficients, *known))


@dataclass(frozen=True)
class Tabulated:
    """Log scales drawn each by itself from a table: densities along it, the others at the mode.

    ``edges`` ``(terms, cells + 1)`` are where cells end, ``shares`` the logarithms of their
    unnormalised densities, and ``power`` is what these are raised to, below 1 for tails.
    """

    edges: Array
    log_density: Array
    power: float = 0.8
    name: str = "tabulated"

    def heavier(self) -> Tabulated:
        """Return the same with heavier tails."""
        return replace(self, power=0.5 * self.power)

    def draw(self, rng: np.random.Generator, n: int) -> tuple[Array, Array]:
        """Return draws ``(n, terms)`` and their log densities ``(n,)``."""
        drawn, log_q = np.empty((n, len(self.edges))), np.zeros(n)
        for k, (edges, values) in enumerate(zip(self.edges, self.log_density, strict=True)):
            widths = np.diff(edges)
            masses = np.exp(self.power * (values - values.max())) * widths
            masses /= masses.sum()
            cells = rng.choice(len(masses), size=n, p=masses)
            drawn[:, k] = edges[cells] + widths[cells] * rng.random(n)
            log_q += np.log(masses[cells] / widths[cells])
        return drawn, log_q


def tabulated(density: LogDensity, mode: Array) -> Tabulated:
    """Return the table of a log density around its mode, as far as it falls by `FALL`."""
    highest = density(mode[None])[0]
    edges, values = [], []
    for k in range(len(mode)):
        along = np.zeros(len(mode))
        along[k] = 1.0
        ends = []
        for side in (-1.0, 1.0):
            reach = 0.5
            while highest - density((mode + side * reach * along)[None])[0] < FALL:
                reach *= 1.5
            ends.append(mode[k] + side * reach)
        own = np.linspace(ends[0], ends[1], CELLS + 1)
        points = np.repeat(mode[None], CELLS, axis=0)
        points[:, k] = 0.5 * (own[1:] + own[:-1])
        edges.append(own)
        values.append(density(points))
    return Tabulated(np.array(edges), np.array(values))
