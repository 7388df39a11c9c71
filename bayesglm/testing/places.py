"""Where a family is looked at: responses, linear predictors and dispersions that fit its facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from scipy.special import expit

from bayesglm.numerics.families.record import Family

Array = np.ndarray

TRIALS = 7.0  # of each response, where a family has such: chosen
# Of these, a family's examples are the first and the last two that are responses of it.
NUMBERS = (-3.5, 0.0, 0.001, 0.25, 0.5, 0.75, 0.999, 1.0, 2.0, 7.0, 12.25, 40.0)
# Linear predictors, on the real line; where a link has a domain, their places in it.
ETAS = (-3.0, -2.0, -0.2, 0.3, 0.9, 1.5, 2.5)
COUNTED = 3  # trials of responses that count several levels, of which every one is looked at
LARGEST_COUNT = 4000  # beyond which no count of the means looked at has any probability
LARGEST_MEAN = 15.0  # of the means looked at: responses of all sizes are summed up to them
NEAREST_TO_AN_END = 0.04  # of the shares looked at: beyond, responses crowd at an end


@dataclass(frozen=True)
class Place:
    """A family's record, and the dispersions at which it is looked at."""

    family: Family
    phi: tuple[Any, ...]

    @property
    def trials(self) -> Any:
        """The number of trials, where the family has such."""
        if self.family.words.counts_levels:
            return float(COUNTED)
        return TRIALS if self.family.words.needs_trials else None

    @cached_property
    def responses(self) -> Array:
        """A few responses ``(n,)``; of counts of levels ``(levels, n)``."""
        if self.family.words.counts_levels:
            return self.all_responses[0]
        numbers = range(self.family.n_levels) if self.family.n_levels else NUMBERS
        own = [y for y in numbers if self.is_valid(float(y))]
        return np.array(list(dict.fromkeys([*own[:2], *own[-2:]])), dtype=np.float64)

    def is_valid(self, y: float) -> bool:
        """Say whether a number is a response."""
        return bool(np.all(self.family.valid(np.array([y]), self.trials)))

    @property
    def is_share(self) -> bool:
        """Whether responses lie between 0 and 1, and anywhere there."""
        words = self.family.words
        return not words.discrete and self.is_valid(0.5) and not self.is_valid(1.5)

    def over_channels(self, base: Any) -> Array:
        """Return linear predictors ``(channels, n)`` in the domain of the link."""
        base = np.asarray(base, dtype=np.float64)
        channels = [0.6**k * np.roll(base, k) for k in range(len(self.family.channels))]
        return np.stack([self.family.domain.place(channels[0]), *channels[1:]])

    @cached_property
    def eta(self) -> Array:
        """Linear predictors ``(channels, n)`` of means that are next to no end."""
        eta = self.over_channels(ETAS)
        if self.family.n_levels:
            return eta
        mean = self.family.mean(eta, self.phi, self.trials)
        kept = np.abs(mean) < LARGEST_MEAN
        if self.is_share:
            kept = np.abs(mean - 0.5) < 0.5 - NEAREST_TO_AN_END
        return eta[:, kept]

    @cached_property
    def all_responses(self) -> tuple[Array, Array]:
        """Every response that is not all but impossible, and what each stands for in a sum."""
        if self.family.words.counts_levels:
            every = product(range(COUNTED + 1), repeat=self.family.n_levels)
            y = np.array([counts for counts in every if sum(counts) == COUNTED], dtype=np.float64).T
            return y, np.ones(y.shape[1])
        y, weight = self._grid()
        valid = np.broadcast_to(self.family.valid(y, self.trials), y.shape)
        y, weight = y[valid], weight[valid]
        if not self.family.words.discrete and self.is_valid(0.0) and y[0] > 0.0:
            return np.r_[0.0, y], np.r_[1.0, weight]  # a probability, not a density
        return y, weight

    def _grid(self) -> tuple[Array, Array]:
        """Return a grid of responses, and the steps of it: even ones on some scale without ends."""
        if self.family.words.discrete:
            y = np.arange(float(self.family.n_levels or LARGEST_COUNT))
            return y, np.ones(len(y))
        if self.family.words.circular:
            y = np.linspace(-np.pi, np.pi, 20_001)
            return y, np.r_[0.5, np.ones(len(y) - 2), 0.5] * (y[1] - y[0])
        if self.is_valid(-1.0):
            t = np.arange(-9000, 9000) / 200.0
            return np.sinh(t), np.cosh(t) / 200.0
        if self.is_share:
            t = np.arange(-10_240, 5_120) / 128.0
            return expit(t), expit(t) * expit(-t) / 128.0
        t = np.arange(-20_480, 10_240) / 256.0
        return np.exp(t), np.exp(t) / 256.0


def place_of(family: Family, stated: Mapping[str, Any]) -> Place:
    """Return a family at the dispersions that are stated, others where solvers start."""
    first = Place(family, ())
    phi = []
    for name, own in zip(family.dispersion_names, family.dispersions, strict=True):
        value = stated[name] if name in stated else own.start(first.responses)
        phi += list(map(np.float64, np.ravel(value)))
    return Place(family, tuple(phi))
