"""The mode of a top's density, by its gradients at many thetas at once.

Newton's method, its Hessian by central differences of gradients, all of them in one batch. Steps
of the differences are a part of an sd along each axis, told by the last Hessian.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, Self

import numpy as np

Array = np.ndarray
LOOK = 0.05  # sd, over which gradients are differenced
FIRST = 0.1  # the same of scales and dispersions, of which nothing is known at first
LEAST_INFORMATION = 1e-100
MOST_STEPS = 50  # a bound
FLATTEST = 1e-2  # second derivative in units, below which a direction is climbed as if it bent so
LONGEST = 1.5  # of a scale, a dispersion or a correlation in theta, in one step: chosen
SHARES = np.array([1.0, 0.5, 0.2, 0.05, 0.01, 1e-3])  # of a step, tried together
# Squared sds of a Newton step, from which on the slopes are followed whatever the values, of which
# a sum of integrals tells fewer digits; and of one that is the last.
CERTAIN, ARRIVED = 0.05, 1e-6


class Integrals(Protocol):
    """What is climbed: a density of ``d`` numbers, of which ``n_beside`` are coefficients.

    `information(t)` is what the likelihood says of each of these, and `guided(t, steps)` the same
    density with a guide around t.
    """

    @property
    def d(self) -> int: ...
    @property
    def n_beside(self) -> int: ...
    def information(self, t: Array) -> Array: ...
    def guided(self, t: Array, steps: Array) -> Self: ...
    def log_density(self, T: Array) -> Array: ...
    def slopes(self, T: Array) -> tuple[Array, Array]: ...


class Top[I: Integrals](NamedTuple):
    """Where log p(t, y) is highest, its value, minus its Hessian, and how it was found.

    ``integrals`` are guided from the mode.
    """

    mode: Array
    value: float
    precision: Array
    gradient_norm: float
    n_iter: int
    integrals: I


def highest[I: Integrals](integrals: I, t: Array) -> Top[I] | None:
    """Climb from t ``(d,)`` to a maximum; None where there is none."""
    units = _units(integrals, t)
    n_coefficients = integrals.n_beside
    for n_iter in range(MOST_STEPS):
        guided = integrals.guided(t, LOOK * units)
        value, gradient, hessian = _derivatives(guided, t, LOOK * units)
        if not (np.isfinite(value) and np.isfinite(gradient).all() and np.isfinite(hessian).all()):
            if n_iter:
                return None
            units = 0.1 * units
            continue
        bends, vectors = np.linalg.eigh(-hessian * np.outer(units, units))
        bent = np.maximum(np.abs(bends), FLATTEST)
        along = (vectors.T @ (units * gradient)) / bent
        step = units * (vectors @ along)
        squared = float(bent @ along**2)
        if squared < ARRIVED and (bends > 0.0).all():
            norm = float(np.linalg.norm(gradient))
            return Top(t, value, -hessian, norm, n_iter, guided)
        if squared < CERTAIN and (bends > 0.0).all():
            t = t + step
            continue
        furthest = float(np.abs(step[n_coefficients:]).max(initial=0.0))
        share = min(1.0, LONGEST / max(furthest, 1e-300))
        targets = t + share * SHARES[:, None] * step
        values = guided.log_density(targets)
        best = int(np.argmax(values))
        if not values[best] > value:
            return None
        t = targets[best]
        own = 1.0 / np.sqrt(np.maximum(np.abs(np.diagonal(hessian)), LEAST_INFORMATION))
        units = np.minimum(own, 10.0 * units)
    return None


def _units(integrals: Integrals, t: Array) -> Array:
    """Return about how far each number of t may move: of coefficients by the likelihood."""
    units = np.full(integrals.d, FIRST)
    information = integrals.information(t)
    size = len(information)
    with np.errstate(over="ignore", divide="ignore"):
        units[:size] = 1.0 / np.sqrt(np.maximum(information, LEAST_INFORMATION))
    return np.where(units < 1e30, units, FIRST)


def _derivatives(integrals: Integrals, t: Array, steps: Array) -> tuple[float, Array, Array]:
    d = len(t)
    T = np.concatenate([t[None], t + np.diag(steps), t - np.diag(steps)])
    values, gradients = integrals.slopes(T)
    hessian = (gradients[1 : d + 1] - gradients[d + 1 :]) / (2.0 * steps[:, None])
    return float(values[0]), gradients[0], 0.5 * (hessian + hessian.T)
