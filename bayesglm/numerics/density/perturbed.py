"""Coefficients given each of many psi, where all levels are too many to factor H again and again.

A draw is the solution of H w = X'Wy / sigma^2 + P loc + noise, the noise having covariance H
(Papandreou & Yuille 2010, "Gaussian sampling by local perturbations"). H(psi) = c H_0 + (P(psi) -
c P_0), with c = (sigma_0 / sigma)^2 and H_0 that of one psi in the middle, whose factor
preconditions conjugate gradients: all right-hand sides go along together, and as H_0 times its own
preconditioned residual is that residual, no product with X'X is ever taken. What is left at the end
is told in sds: the root of r' H_0^-1 r, over all coefficients of a draw together.

The noise is that of c (X'X / sigma_0^2 + e P_0), by a factor, and of (1 - e) P(psi), each part of
which its prior draws: their covariance is H to a part e (c P_0 - P(psi)) of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from bayesglm.errors import ConvergenceError
from bayesglm.numerics.density.integrated import LOG_2_PI, Held, Integrated
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.numerics.rows.parallel import share_out
from bayesglm.numerics.solvers.arrow import Eliminated, Whole, factored

Array = np.ndarray
TOGETHER = 128  # right-hand sides: chosen; those of some thousand coefficients then stay in cache
LEFT = 1e-5  # sds, over all coefficients of a draw, that a solution may be off
MOST_STEPS = 200  # of conjugate gradients: a bound; 4 to 8 are the rule
SHARE = 1e-4  # of P_0, beside which X'X has a factor: e above


class Drawn(NamedTuple):
    """Thetas ``(n, size)``, log p(y, theta) of each, and the largest error of a solution in sds."""

    thetas: Array
    log_p: Array
    error: float


@dataclass(frozen=True)
class Perturbed:
    """Draws of w at psi around ``psi``, by the factor of H there."""

    of: Integrated
    psi: Array

    @cached_property
    def _sigma(self) -> float:
        return float(self.of.objective.phi(self.of.theta(self.psi))[0])

    @cached_property
    def _factors(self) -> tuple[Eliminated | Whole, Eliminated | Whole]:
        """Those of H_0, and of the matrix whose noise is made."""
        theta = self.of.theta(self.psi)
        held, by = self.of.held(theta), 1.0 / self._sigma**2
        scaled = self.of.gram.scaled(by)
        small = Held(tuple(SHARE * one for one in held.own), SHARE * held.corner)
        whole, nearly = factored(scaled.plus_own(*held)), factored(scaled.plus_own(*small))
        if whole is None or nearly is None:
            raise ConvergenceError("nothing holds a direction of the coefficients")
        return whole, nearly

    @cached_property
    def _middle(self) -> _Precision:
        return _Precision(self.of, self.of.theta(self.psi)[None])

    def draw(self, rng: np.random.Generator, psis: Array) -> Drawn:
        """Return draws of theta, the coefficients drawn given each psi ``(n, d)``."""
        thetas = np.empty((len(psis), self.of.objective.size))
        log_p, errors = np.empty(len(psis)), [0.0]
        starts = range(0, len(psis), TOGETHER)
        streams = rng.spawn(len(starts))
        shared = self._factors, self._middle  # made once, before threads ask

        def work(some: Sequence[tuple[int, np.random.Generator]]) -> None:
            for start, own in some:
                run = slice(start, start + TOGETHER)
                thetas[run], log_p[run], error = self._drawn(own, psis[run], *shared)
                errors.append(error)

        share_out(list(zip(starts, streams, strict=True)), work)
        return Drawn(thetas, log_p, max(errors))

    def blocks(self, rng: np.random.Generator, psis: Array, size: int) -> Iterator[Drawn]:
        """Run through the draws in blocks of ``size``, none of which is kept."""
        for start in range(0, len(psis), size):
            yield self.draw(rng, psis[start : start + size])

    def _drawn(
        self,
        rng: np.random.Generator,
        psis: Array,
        factors: tuple[Eliminated | Whole, Eliminated | Whole],
        middle: _Precision,
    ) -> Drawn:
        of, n, order = self.of, len(psis), self.of.layout.order
        thetas = of.thetas(psis)
        p, sigma = len(order), np.broadcast_to(of.objective.phi(thetas)[0], n)
        precision = _Precision(of, thetas)
        by = (self._sigma / sigma) ** 2
        slopes = (1.0 / sigma / sigma)[:, None] * of.pull
        for part, given in zip(of.objective.coefficients, precision.given, strict=True):
            slopes[:, part.where] += given.gradient(thetas[:, part.where])
        of_data = factors[1].noise(rng.standard_normal((p, n)))
        noise = np.sqrt(by) * of_data + np.sqrt(1.0 - SHARE) * precision.noise(rng)
        right = slopes[:, order].T + noise
        shift, error = _solved(factors[0], right, by, middle, precision)
        thetas[:, order] += shift.T
        # H shift is known, and so is the part of it that the data have.
        squares = np.einsum("pn,pn->n", shift, right - precision.times(shift)) * sigma**2
        squares += of.squares - 2.0 * (shift.T @ of.pull[order])
        log_p = -0.5 * squares / sigma**2 - of.count * (np.log(sigma) + 0.5 * LOG_2_PI)
        for part, given in zip(of.objective.coefficients, precision.given, strict=True):
            log_p += given.total(thetas[:, part.where])
        return Drawn(thetas, log_p + of.objective.registry.log_prior(thetas), error)


class _Precision:
    """The priors' precisions at some thetas, as products with columns ``(p, n)``."""

    def __init__(self, of: Integrated, thetas: Array) -> None:
        self.thetas = thetas
        self.given = [part.given(thetas) for part in of.objective.coefficients]
        places = np.empty(len(of.layout.order), dtype=np.intp)
        places[of.layout.order] = np.arange(len(places))
        self.parts: list[tuple[Any, PriorPart, Array | None]] = []
        for given in self.given:
            where: Any = places[given.where]
            if where[-1] - where[0] == len(where) - 1:
                where = slice(int(where[0]), int(where[-1]) + 1)
            alone = given.structure.diagonal
            each = self._diagonal(given) if alone else None
            self.parts.append((where, given, each))

    def _diagonal(self, given: PriorPart) -> Array:
        """Return precisions ``(q, n)`` of single coefficients, or one for all of them."""
        each = given.precision(np.zeros((len(self.thetas), given.size))).T
        return each[:1] if (each == each[:1]).all() else each

    def times(self, X: Array) -> Array:
        """Return P X."""
        product = np.empty_like(X)
        for where, given, each in self.parts:
            if each is not None:
                product[where] = each * X[where]
            else:
                lines = np.ascontiguousarray(X[where].T)
                product[where] = given.product(np.zeros_like(lines), lines).T
        return product

    def noise(self, rng: np.random.Generator) -> Array:
        """Return what has P as its covariance ``(p, n)``."""
        n = len(self.thetas)
        size = sum(given.size for given in self.given)
        noise = np.zeros((size, n))
        for where, given, each in self.parts:
            if each is not None:
                noise[where] = np.sqrt(each) * rng.standard_normal((given.size, n))
            else:
                away = given.draw(rng, n) - given.loc
                noise[where] = given.product(np.zeros_like(away), away).T
        return noise


def _solved(
    factor: Eliminated | Whole, right: Array, by: Array, middle: _Precision, precision: _Precision
) -> tuple[Array, float]:
    """Return H^-1 times right-hand sides ``(p, n)``, and the largest error left."""
    x, r = np.zeros_like(right), right.copy()
    z = factor.solve(r)
    d, of_d = z, r.copy()  # of_d is H_0 d
    left = np.einsum("pn,pn->n", r, z)
    for _ in range(MOST_STEPS):
        bent = by * (of_d - middle.times(d)) + precision.times(d)
        step = left / np.maximum(np.einsum("pn,pn->n", d, bent), 1e-300)
        x += step * d
        r -= step * bent
        z = factor.solve(r)
        before, left = left, np.einsum("pn,pn->n", r, z)
        error = float(np.sqrt(max(left.max(), 0.0) / by.min()))
        if error < LEFT:
            return x, error
        turn = left / np.maximum(before, 1e-300)
        d = z + turn * d
        of_d = r + turn * of_d
    raise ConvergenceError(
        f"conjugate gradients are {error:.2g} sds short of the coefficients given the scales "
        f"after {MOST_STEPS} steps: these lie far apart"
    )
