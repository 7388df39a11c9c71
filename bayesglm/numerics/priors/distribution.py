"""A prior with its numbers: the density of one parameter, a dispersion or a learned scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from bayesglm.numerics.priors.table import PRIORS, Prior
from bayesglm.numerics.theta.parameter import OwnPrior
from bayesglm.numerics.theta.supports import transform_of
from bayesglm.numerics.theta.transforms import Transform

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Distribution:
    """The record of a prior, by its name, and the numbers that it was given.

    >>> float(Distribution("Exponential", {"scale": 2.0}).total(np.zeros(3)).round(4))
    -2.0794
    """

    kind: str
    parameters: Mapping[str, Any]

    @cached_property
    def prior(self) -> Prior:
        """The prior's record."""
        return PRIORS[self.kind]

    @property
    def proper(self) -> bool:
        """Whether the density integrates to one."""
        return self.prior.proper

    @cached_property
    def transform(self) -> Transform:
        """That under which a parameter stands in theta, by the density's support."""
        return transform_of(self.prior.support, self.parameters)

    @property
    def middle(self) -> Array | float:
        """About where the parameter lies, for solvers to start from."""
        return self.prior.middle(**self.parameters)

    @property
    def ends(self) -> tuple[float, float] | None:
        """The ends of an interval that is the prior's own; None where there are none."""
        if self.prior.support != "interval":
            return None
        return float(self.parameters["lower"]), float(self.parameters["upper"])

    def total(self, x: Array) -> Array:
        """Return the log density of arrays ``(..., q)``, summed over the last axis."""
        if self._peaks is not None:  # as samplers ask, over and over
            peaks, penalty, q = self._peaks, self.prior.penalty, x.shape[-1]
            assert penalty is not None
            peak = np.add.reduce(peaks) * (1 if len(peaks) == q else q)
            return peak - np.add.reduce(penalty(x, **self.parameters), axis=-1)
        return np.add.reduce(self.prior.log_density(x, **self.parameters), axis=-1)

    @cached_property
    def _peaks(self) -> Array | None:
        """What log density and penalty add up to, of each number; None where they do not."""
        prior = self.prior
        if prior.penalty is None or prior.support != "positive":
            return None
        if prior.has_least is not None and not np.all(prior.has_least(**self.parameters)):
            return None  # the penalty of such a density is not minus its logarithm
        at = self.middle
        with np.errstate(all="ignore"):
            penalty = prior.penalty(at, **self.parameters)
            peaks = np.ravel(prior.log_density(at, **self.parameters) + penalty)
        return peaks if np.isfinite(peaks).all() else None

    def beside(self, n: int, other: OwnPrior, m: int) -> Distribution | None:
        """Return the distribution of n numbers and m others behind them; None if of other kinds."""
        if other.kind != self.kind or other.parameters.keys() != self.parameters.keys():
            return None
        every = {
            key: np.concatenate([np.broadcast_to(a, n), np.broadcast_to(other.parameters[key], m)])
            for key, a in self.parameters.items()
        }
        return Distribution(self.kind, every)

    def gradient(self, x: Array) -> Array:
        """Return its derivatives at x ``(..., q)``."""
        return self.prior.gradient(x, **self.parameters)

    def curvature(self, x: Array) -> Array:
        """Return its second derivatives at x ``(q,)``, as a matrix."""
        bends = np.zeros((len(x), len(x)))
        bends.flat[:: len(x) + 1] = self.prior.curvature(x, **self.parameters)
        return bends

    def draw(self, rng: np.random.Generator, shape: tuple[int, int]) -> Array:
        """Return independent draws ``(n, q)``."""
        assert self.prior.draw is not None
        return self.prior.draw(rng, shape, **self.parameters)


def distribution_of(prior: Any) -> Distribution:
    """Return that of a prior of the specification whose numbers are all known.

    >>> from bayesglm.spec.priors import Gamma
    >>> distribution_of(Gamma((1.0, 3.0), 2.0)).middle.tolist()
    [0.5, 1.5]
    """
    kind, given = prior.in_numbers
    numbers = {key: np.array(v) if isinstance(v, tuple) else v for key, v in given.items()}
    return Distribution(kind, numbers)
