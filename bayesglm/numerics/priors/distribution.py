"""A prior with its numbers: the density of one parameter, a dispersion or a learned scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from bayesglm.numerics.priors.table import PRIORS, Prior

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

    def total(self, x: Array) -> Array:
        """Return the log density of arrays ``(..., q)``, summed over the last axis."""
        return np.add.reduce(self.prior.log_density(x, **self.parameters), axis=-1)

    def gradient(self, x: Array) -> Array:
        """Return its derivatives at x ``(q,)``."""
        return self.prior.gradient(x, **self.parameters)

    def curvature(self, x: Array) -> Array:
        """Return its second derivatives at x ``(q,)``, as a matrix."""
        bends = np.zeros((len(x), len(x)))
        bends.flat[:: len(x) + 1] = self.prior.curvature(x, **self.parameters)
        return bends
