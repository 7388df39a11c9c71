"""One named parameter of a log density: where it stands in theta, its transform, its own prior."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np

from bayesglm.numerics.theta.labels import among_all, at_own, entry_label
from bayesglm.numerics.theta.transforms import IDENTITY, Transform

Array = np.ndarray
NEAREST_END = 0.05  # share of an interval that a start keeps from its ends: chosen
OFF_DIAGONAL = "_off_diagonal"  # what is free of a square in which the diagonal is no parameter


class OwnPrior(Protocol):
    """The prior of one parameter, of natural values on the last axis.

    `total(x)` is the log density ``(...)`` of arrays ``(..., q)``, `gradient(x)` its derivatives
    ``(..., q)``, and `curvature(x)` the second ones ``(q, q)`` at one x ``(q,)``.
    `draw(rng, (n, q))` are independent draws. `kind` is the name of its record, `parameters` are
    the numbers that this takes, and `proper` says whether the density integrates to one. Samplers
    make use of two more, where there are such: `beside(n, other, m)` is the prior of n numbers and
    those of another, and `slope_in_theta(u)` value and gradient of the log density of u
    ``(..., q)``, Jacobian included.
    """

    @property
    def kind(self) -> str: ...
    @property
    def parameters(self) -> Mapping[str, Any]: ...
    @property
    def proper(self) -> bool: ...
    def total(self, x: Array) -> Array: ...
    def gradient(self, x: Array) -> Array: ...
    def curvature(self, x: Array) -> Array: ...
    def draw(self, rng: np.random.Generator, shape: tuple[int, int]) -> Array: ...


@dataclass(frozen=True, eq=False)
class Parameter:
    """One parameter: an array of natural values, and the run of u that stands for it.

    - `role`: whether it is a run of ``"coefficients"``, whose priors hang together and are not
      here, a ``"dispersion"`` of the family, or a ``"scale"``, which the prior of others has;
      their correlation is one, too.
    - `prior`: that of a dispersion or a scale.
    - `ends`: between which its prior leaves it, where the parameter itself has none.
    - `start`: the natural values from which solvers start.
    - `fixed`: the value of a dispersion that is known, and has no place.
    - `entries`: names of its entries, where these are not told by ``coords``.
    - `mirrored`: where those entries stand among natural values that say them twice, or are the
      same always: of a symmetric matrix below its diagonal.
    - `common`: whether it is one for all neurons of a population.
    - `part_of`: the labels of dims along which it has some of the places that a population has: all
      but one's own, as in coupling.
    """

    name: str
    role: Literal["coefficients", "dispersion", "scale"]
    place: slice = slice(0, 0)
    transform: Transform = IDENTITY
    shape: tuple[int, ...] = ()
    dims: tuple[str, ...] = ()
    coords: Mapping[str, Array] = field(default_factory=dict)
    prior: OwnPrior | None = None
    ends: tuple[float, float] | None = None
    start: Array | float = 0.0
    fixed: Array | float | None = None
    entries: tuple[str, ...] = ()
    mirrored: tuple[int, ...] = ()
    part_of: Mapping[str, Array] = field(default_factory=dict)
    common: bool = False

    @property
    def size(self) -> int:
        """Number of entries of u."""
        return int(self.place.stop - self.place.start)

    @property
    def n_natural(self) -> int:
        """Number of natural values."""
        return math.prod(self.shape)

    @property
    def as_it_stands(self) -> str | None:
        """The name of its run of u itself, where that is a variable; None where natural ones are.

        So it is where u are more than natural values tell.
        """
        own = self.transform.straight and self.transform.parts
        return f"{self.free_name}_{self.transform.parts[0][0]}" if own else None

    def natural(self, U: Array) -> Array:
        """Return natural values ``(..., q)`` at many u ``(..., size of theta)``."""
        return self.transform.natural(U[..., self.place])

    @property
    def free_name(self) -> str:
        """What its free numbers are called where its own name is that of the whole population's."""
        return f"{self.name}{OFF_DIAGONAL}" if self.part_of else self.name

    @property
    def whole_coords(self) -> dict[str, Array]:
        """The labels of all places along its dims, those that it has none of among them."""
        return {dim: self.part_of.get(dim, self.coords[dim]) for dim in self.dims}

    def spread(self, values: Array) -> Array:
        """Return natural values ``(..., q)`` in all places ``(..., *whole)``, NaN elsewhere."""
        whole = values.reshape((*values.shape[:-1], *self.shape))
        for dim, every in self.part_of.items():
            axis = values.ndim - 1 + self.dims.index(dim)
            whole = among_all(whole, axis, self.coords[dim], every)
        return whole

    def gathered(self, whole: Array) -> Array:
        """Return natural values ``(..., q)`` from those in all places ``(..., *whole)``."""
        n_lead = whole.ndim - len(self.dims)
        own = whole
        for dim, every in self.part_of.items():
            own = at_own(own, n_lead + self.dims.index(dim), self.coords[dim], every)
        return own.reshape((*whole.shape[:n_lead], -1))

    def once(self, values: Array) -> Array:
        """Return natural values ``(..., q)`` without those that others say already."""
        return values[..., list(self.mirrored)] if self.mirrored else values

    def inside(self, value: Array | float) -> Array | float:
        """Return the value nearest to one that is well between the ends that the prior sets."""
        if self.ends is None:
            return value
        low, high = self.ends
        margin = NEAREST_END * (high - low)
        return np.clip(value, low + margin, high - margin)

    def value_at(self, u: Array) -> Array | float:
        """Return the natural value at one u ``(size of theta,)``, or what it is fixed at."""
        if self.fixed is not None:
            return self.fixed
        values = self.natural(u)
        return values if self.shape else float(values[0])

    def log_natural(self, own: Array) -> Array:
        """Return the logarithms of positive natural values at its own runs of u ``(..., q)``."""
        return self.transform.log_natural(own)

    def log_density(self, own: Array) -> Array:
        """Return the log density ``(...)`` of its own runs of u, Jacobian included."""
        assert self.prior is not None
        of_natural = self.prior.total(self.transform.natural(own))
        return of_natural + self.transform.log_jacobian(own)

    def names(self) -> list[str]:
        """Return a name for every entry, for messages."""
        if self.entries:
            return list(self.entries)
        named = (self.name, self.shape, self.dims, self.coords)
        return [entry_label(*named, k) for k in range(self.size)]

    def labels(self) -> list[str]:
        """Return a name for every entry of u: ``log sigma``."""
        return [self.transform.label.format(name) for name in self.names()]
