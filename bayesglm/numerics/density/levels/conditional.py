"""The log likelihood of levels as a function of their effects, at many thetas at once.

Each row's linear predictor is eta_i + z_i' b of its level's effects b, where eta_i is what theta
says beside them. What is summed over the rows of a level is

    sum_i f_i(eta_i + z_i' b),    f_i = log p(y_i | . , phi)

Where f is a quadratic, or a + c eta + d exp(rate eta), and z_i = 1, so is the sum, and a few
numbers of each level say it all: its rows are read once, however many b are tried.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple, Protocol

import numpy as np

from bayesglm.numerics.density.likelihood import kernel
from bayesglm.numerics.families.record import Family
from bayesglm.numerics.rows.rows import Rows

Array = np.ndarray


class Terms(NamedTuple):
    """Values ``(m, levels)``, slopes in effects ``(k, m, levels)`` and bends ``(k, k, ...)``."""

    value: Array
    slope: Array | None = None
    bend: Array | None = None


class Scores(NamedTuple):
    """Mean slopes in eta ``(channels, m, rows)``, and those in phi ``(n_phi, m)``, summed."""

    eta: Array
    phi: Array


@dataclass(frozen=True)
class Stretch:
    """Some whole levels, one behind the other: their rows and linear predictors at m thetas.

    ``eta`` is ``(channels, m, rows)`` without the effects, which add to that of ``channel``;
    ``phi`` are numbers or ``(m, 1)``. Level j has the rows from ``starts[j]`` on, and ``values``
    ``(k, rows)`` are what multiplies each effect, None where there is one, and that is 1.
    """

    family: Family
    rows: Rows
    eta: Array
    phi: list
    starts: Array
    values: Array | None
    channel: int = 0

    @cached_property
    def counts(self) -> Array:
        """How many rows each level has."""
        return np.diff(self.starts, append=len(self.rows))

    @property
    def k(self) -> int:
        """Number of effects of a level."""
        return 1 if self.values is None else len(self.values)

    @property
    def single(self) -> bool:
        """Whether each level has one row."""
        return len(self.starts) == len(self.rows)

    def sums(self, values: Array) -> Array:
        """Return the sums over each level's rows, ``(..., levels)`` of ``(..., rows)``."""
        if self.single:
            return values
        return np.add.reduceat(values, self.starts, axis=-1)

    def spread(self, values: Array) -> Array:
        """Return what each row reads of its level, ``(..., rows)`` of ``(..., levels)``."""
        return values if self.single else np.repeat(values, self.counts, axis=-1)

    def moved(self, b: Array) -> Array:
        """Return the linear predictors with effects b ``(k, m, levels)``."""
        eta = self.eta.copy()
        if self.values is None:
            eta[self.channel] += self.spread(b[0])
        else:
            for own, value in zip(b, self.values, strict=True):
                eta[self.channel] += self.spread(own) * value
        return eta

    def gradient(self, slopes: Array) -> Array:
        """Return the slopes in the effects ``(k, m, levels)`` of those in eta ``(m, rows)``."""
        if self.values is None:
            return self.sums(slopes)[None]
        return np.stack([self.sums(slopes * value) for value in self.values])

    def hessian(self, bends: Array) -> Array:
        """Return the second derivatives in the effects of those in eta ``(m, rows)``."""
        if self.values is None:
            return self.sums(bends)[None, None]
        k = self.k
        H = np.empty((k, k, *bends.shape[:-1], len(self.starts)))
        for i in range(k):
            for j in range(i + 1):
                H[i, j] = H[j, i] = self.sums(bends * (self.values[i] * self.values[j]))
        return H


class Conditional(Protocol):
    """The log likelihood of levels given theta; `at` has as many derivatives as are asked for.

    `scores(b, shares)` are means over nodes b ``(q, k, m, levels)`` that have some ``shares``
    ``(q, m, levels)`` of each level.
    """

    @property
    def stretch(self) -> Stretch: ...
    def at(self, b: Array, order: int) -> Terms: ...
    def scores(self, b: Array, shares: Array) -> Scores: ...


@dataclass(frozen=True)
class RowByRow:
    """Of any family."""

    stretch: Stretch

    def at(self, b: Array, order: int) -> Terms:
        """Evaluate every row."""
        of, c = self.stretch, self.stretch.channel
        d = kernel(of.family, of.rows, of.moved(b), of.phi, order)
        value = of.sums(d.value)
        if order == 0:
            return Terms(value)
        slope = of.gradient(d.eta[c])
        return Terms(value, slope, of.hessian(d.eta_eta[c, c]) if order > 1 else None)

    def scores(self, b: Array, shares: Array) -> Scores:
        """Evaluate every row at every node."""
        of = self.stretch
        total, of_phi = np.zeros_like(of.eta), np.zeros((len(of.phi), of.eta.shape[1]))
        for at_node, share in zip(b, shares, strict=True):
            d = kernel(of.family, of.rows, of.moved(at_node), of.phi, 1)
            weight = of.spread(share)
            total += weight * d.eta
            for k, one in enumerate(d.phi):
                of_phi[k] += np.vecdot(weight, np.broadcast_to(one, weight.shape))
        return Scores(total, of_phi)


@dataclass(frozen=True)
class Quadratic:
    """Of quadratics: value, slope and bend at b = 0."""

    stretch: Stretch
    zero: Terms

    @staticmethod
    def of(stretch: Stretch) -> Quadratic:
        """Sum up over the rows."""
        return Quadratic(stretch, RowByRow(stretch).at(_nothing(stretch), 2))

    def at(self, b: Array, order: int) -> Terms:
        """Return V + G'b + b'Hb / 2."""
        value, G, H = self.zero
        assert G is not None
        assert H is not None
        Hb = (H * b[None]).sum(axis=1)
        return Terms(value + ((G + 0.5 * Hb) * b).sum(axis=0), G + Hb, H)

    def scores(self, b: Array, shares: Array) -> Scores:
        """Evaluate every row at every node."""
        return RowByRow(self.stretch).scores(b, shares)


class Rates(NamedTuple):
    """Of log p = a + c eta + d exp(rate eta) without dispersions: c and d of each row.

    ``a`` and ``c_sums`` are summed over the rows of each level ``(levels,)``.
    """

    rate: float
    a: Array
    c: Array
    d: Array
    c_sums: Array


@dataclass(frozen=True)
class Exponential:
    """Of sums A + B b + C exp(rate b), one effect a level; A and C are ``(m, levels)``.

    ``slope`` and ``bend`` are those of the rows at b = 0.
    """

    stretch: Stretch
    rate: float
    A: Array
    B: Array
    C: Array
    slope: Callable[[], Array]
    bend: Array

    @staticmethod
    def of(stretch: Stretch, rate: float) -> Exponential:
        """Sum up over the rows: f'' = rate^2 C exp(rate b), f' = B + rate C exp(rate b)."""
        c = stretch.channel
        d = kernel(stretch.family, stretch.rows, stretch.eta, stretch.phi, 2)
        slope, bend = d.eta[c], d.eta_eta[c, c]
        C = stretch.sums(bend) / rate**2
        B = stretch.sums(slope - bend / rate)
        return Exponential(stretch, rate, stretch.sums(d.value) - C, B, C, lambda: slope, bend)

    @staticmethod
    def known(stretch: Stretch, rates: Rates) -> Exponential:
        """Sum up what is not known of the rows beforehand."""
        eta, rate = stretch.eta[stretch.channel], rates.rate
        rising = rates.d * np.exp(eta if rate == 1.0 else rate * eta)
        A = rates.a + stretch.sums(rates.c * eta)
        bend = rising if rate**2 == 1.0 else rate**2 * rising
        slope = partial(_slope, rates, rising)
        return Exponential(stretch, rate, A, rates.c_sums, stretch.sums(rising), slope, bend)

    def at(self, b: Array, order: int) -> Terms:
        """Evaluate one exponential a level."""
        b, rate = b[0], self.rate
        rising = np.exp(b if rate == 1.0 else rate * b)
        rising *= self.C
        value = self.B * b
        value += rising
        value += self.A
        if order == 0:
            return Terms(value)
        slope = (self.B + rate * rising)[None]
        return Terms(value, slope, (rate**2 * rising)[None, None] if order > 1 else None)

    def scores(self, b: Array, shares: Array) -> Scores:
        """Return the rows' slopes, of means of exponentials; where phi is to learn row by row."""
        if self.stretch.phi:
            return RowByRow(self.stretch).scores(b, shares)
        excess = (shares * np.expm1(self.rate * b[:, 0])).sum(axis=0) / self.rate
        eta = np.zeros_like(self.stretch.eta)
        eta[self.stretch.channel] = self.slope() + self.bend * self.stretch.spread(excess)
        return Scores(eta, np.zeros((0, eta.shape[1])))


def _slope(rates: Rates, rising: Array) -> Array:
    return rates.c + rates.rate * rising


def rates_of(family: Family, rows: Rows, starts: Array) -> Rates | None:
    """Return what rows say of an exponential family without dispersions; None of any other."""
    rate = family.exponential_rate
    if rate is None or family.dispersions or len(family.channels) > 1:
        return None
    d = kernel(family, rows, np.zeros((1, 1, len(rows))), [], 2)
    rising = d.eta_eta[0, 0, 0] / rate**2
    c = d.eta[0, 0] - rate * rising
    sums = (np.add.reduceat(one, starts) for one in (d.value[0] - rising, c))
    a, c_sums = sums
    return Rates(rate, a, c, rising, c_sums)


def can_collapse(family: Family, values: Array | None) -> bool:
    """Say whether a few numbers of each level say all of its rows, however many b are tried."""
    return family.quadratic or (family.exponential_rate is not None and values is None)


def conditional(stretch: Stretch, rates: Rates | None = None) -> Conditional:
    """Return the log likelihood of levels, in the form that asks least of their rows.

    ``rates`` are what `rates_of` says of these.
    """
    family = stretch.family
    if not can_collapse(family, stretch.values):
        return RowByRow(stretch)
    if family.exponential_rate is None:
        return Quadratic.of(stretch)
    if rates is not None:
        return Exponential.known(stretch, rates)
    return Exponential.of(stretch, family.exponential_rate)


def _nothing(stretch: Stretch) -> Array:
    return np.zeros((stretch.k, stretch.eta.shape[1], len(stretch.starts)))
