"""Priors as objects: the density that a prior of the specification states by itself.

It is one of single coefficients, given the prior's numbers; of a vector along the last axis, where
the prior holds several together; and what it learns above them is integrated out. Kinds that are
more than a record's density of single coefficients have a law of their own in `LAWS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from bayesglm.errors import DataError, ModelError
from bayesglm.numerics.priors.differences import Differences
from bayesglm.numerics.priors.distribution import Distribution, distribution_of
from bayesglm.numerics.priors.groups import Groups
from bayesglm.numerics.priors.integral import log_integral
from bayesglm.numerics.priors.kernels import KERNELS
from bayesglm.numerics.priors.lkj import LKJ
from bayesglm.numerics.priors.mixing import Mixing, OfHorseshoe, UnderOwnPrior
from bayesglm.numerics.priors.processes import Process
from bayesglm.numerics.priors.record import Array
from bayesglm.numerics.priors.table import PRIORS
from bayesglm.numerics.theta.correlations import correlations, n_below
from bayesglm.spec.priors import learned_beside, learned_scale

type Numbers = dict[str, Any]
type Size = tuple[int, ...]
type Together = Differences | Groups | Process
MOST_TOGETHER = 512  # numbers of x whose integrals are taken together: thousands of nodes of each


class Law(Protocol):
    """A prior as a density; what it does not have raises ModelError.

    `size` is the shape to which its numbers broadcast; `draw` gives ``(n, *size)``.
    """

    @property
    def size(self) -> Size: ...
    def log_density(self, x: Array) -> Array: ...
    def penalty(self, x: Array) -> Array: ...
    def prox(self, x: Array, step: float) -> Array: ...
    def draw(self, rng: np.random.Generator, n: int, size: Size) -> Array: ...


def law_of(prior: Any) -> Law:
    """Return the law of a prior.

    >>> from bayesglm.spec.priors import Laplace
    >>> float(law_of(Laplace(0.5)).penalty(np.array(3.0)))
    6.0
    """
    return LAWS.get(type(prior).__name__, _of_single)(prior)


@dataclass(frozen=True)
class Single:
    """Of single coefficients, whose numbers are known."""

    prior: Any
    own: Distribution

    @property
    def size(self) -> Size:
        """The shape to which the numbers broadcast."""
        return np.broadcast_shapes(*map(np.shape, self.own.parameters.values()))

    def log_density(self, x: Array) -> Array:
        """Return the record's."""
        return self.own.prior.log_density(x, **self.own.parameters)

    def penalty(self, x: Array) -> Array:
        """Return the record's."""
        record = self.own.prior
        if record.penalty is None:
            raise ModelError(f"{self.prior!r} is no penalty that a formula gives; logpdf has it.")
        has_least = record.has_least is None or np.all(record.has_least(**self.own.parameters))
        if not has_least:
            raise ModelError(
                f"{self.prior!r} is no penalty: its density grows without bound towards an end of "
                "its range, where the penalty would have no least; logpdf gives the density."
            )
        return record.penalty(x, **self.own.parameters)

    def prox(self, x: Array, step: float) -> Array:
        """Return the record's."""
        self.penalty(x)
        if self.own.prior.prox is None:
            raise _no_prox(self.prior)
        return self.own.prior.prox(x, step, **self.own.parameters)

    def draw(self, rng: np.random.Generator, n: int, size: Size) -> Array:
        """Return the record's."""
        if self.own.prior.draw is None:
            raise _improper(self.prior)
        return self.own.prior.draw(rng, (n, *size), **self.own.parameters)


@dataclass(frozen=True)
class Vector:
    """Of a vector along the last axis, whose coefficients a structure holds together."""

    prior: Any
    structure: Callable[[int], Together]
    scale: Array

    @property
    def size(self) -> Size:
        """The shape of the scale."""
        return self.scale.shape

    def log_density(self, x: Array) -> Array:
        """Return the structure's, ``(...)`` of x ``(..., q)``."""
        x, structure, numbers = self._laid(x)
        return structure.log_density(self._record, x, numbers)

    def penalty(self, x: Array) -> Array:
        """Return the structure's, ``(...)`` of x ``(..., q)``."""
        x, structure, numbers = self._laid(x)
        return structure.penalty(self._record, x, numbers)

    def prox(self, x: Array, step: float) -> Array:
        """Return the structure's, ``(..., q)``."""
        x, structure, numbers = self._laid(x)
        return structure.prox(self._record, x, step, numbers)

    def draw(self, rng: np.random.Generator, n: int, size: Size) -> Array:
        """Return the structure's, ``(n, *size)``."""
        if not self._record.proper:
            raise _improper(self.prior)
        if not size:
            raise ModelError(
                f"{self.prior!r} is a prior of several coefficients together; say of how many: "
                "sample(n, size=5)."
            )
        structure = self.structure(size[-1])
        return structure.draw(self._record, rng, (n, *size), self._numbers)

    @property
    def _record(self) -> Any:
        return PRIORS[type(self.prior).__name__]

    @property
    def _numbers(self) -> Numbers:
        """The scale of each vector, which must not change along it."""
        if not self.scale.ndim:
            return {"scale": self.scale}
        first = self.scale[..., :1]
        if np.any(self.scale != first):
            raise ModelError(
                f"{self.prior!r} has a scale that changes along the last axis, whose coefficients "
                "it holds together; give one scale for each row: [[0.5], [1.0]], say."
            )
        return {"scale": first}

    def _laid(self, x: Array) -> tuple[Array, Together, Numbers]:
        if not x.ndim or not x.shape[-1]:
            what = "is empty along its last axis" if x.ndim else "is a single number"
            raise DataError(
                f"{type(self.prior).__name__} is a prior of several coefficients together, and x "
                f"{what}; give a vector, or vectors along the last axis."
            )
        numbers = self._numbers
        shape = np.broadcast_shapes(x.shape[:-1], np.shape(numbers["scale"])[:-1])
        return np.broadcast_to(x, (*shape, x.shape[-1])), self.structure(x.shape[-1]), numbers


@dataclass(frozen=True)
class Mixture:
    """The same with the scale integrated out: ``given(scale)`` is the law under known ones.

    The density is highest at the ``centre`` of the law under each scale, of what stands at x.
    """

    prior: Any
    mixing: Mixing
    given: Callable[[Any], Law]
    centre: Callable[[Array], Array]

    @property
    def size(self) -> Size:
        """The shape to which all numbers broadcast."""
        return np.broadcast_shapes(self.mixing.size, self.given(1.0).size)

    def log_density(self, x: Array) -> Array:
        """Return log of the integral of p(x | s(u)) p(u) over u."""
        if x.ndim > len(self.size) and x.size > MOST_TOGETHER and len(x) > 1:
            parts = np.array_split(x, min(len(x), -(-x.size // MOST_TOGETHER)))
            return np.concatenate([self.log_density(part) for part in parts])
        ones = (1,) * max(x.ndim, len(self.size))

        def log_joint(u: Array) -> Array:
            lain = u.reshape(-1, *ones)
            conditional = self.given(self.mixing.natural(lain)).log_density(x)
            mixing = self.mixing.log_density(lain)
            return conditional + (mixing if conditional.ndim == mixing.ndim else mixing[..., 0])

        return log_integral(log_joint)

    def penalty(self, x: Array) -> Array:
        """Return how far the log density is below that at the centre."""
        highest = self.log_density(self.centre(x))
        if np.any(np.isinf(highest)):
            raise ModelError(
                f"{self.prior!r} is no penalty: with its scale integrated out, its density grows "
                "without bound at the centre; give the scale a number, or use logpdf."
            )
        return highest - self.log_density(x)

    def prox(self, x: Array, step: float) -> Array:
        """Raise ModelError."""
        raise _no_prox(self.prior)

    def draw(self, rng: np.random.Generator, n: int, size: Size) -> Array:
        """Return draws under scales that are drawn first."""
        return self.given(self.mixing.draw(rng, n, size)).draw(rng, n, size)


@dataclass(frozen=True)
class Correlation:
    """Of correlation matrices along the last two axes of x."""

    prior: Any

    size: ClassVar[Size] = ()

    def log_density(self, x: Array) -> Array:
        """Return that of the entries below the diagonal; -inf of what is not positive definite."""
        k = _checked_matrices(self.prior, x)
        inside = np.linalg.eigvalsh(x)[..., 0] > 0.0
        matrices = np.where(inside[..., None, None], x, np.eye(k))
        value = LKJ(self.prior.eta, k).total(matrices.reshape(*x.shape[:-2], k * k))
        return np.where(inside, value, -np.inf)

    def penalty(self, x: Array) -> Array:
        """Return (1 - eta) log det R."""
        if self.prior.eta < 1.0:
            raise ModelError(
                f"{self.prior!r} is no penalty: its density grows without bound towards matrices "
                "that are singular; take an eta of at least 1, or use logpdf."
            )
        k = _checked_matrices(self.prior, x)
        return self.log_density(np.eye(k)) - self.log_density(x)

    def prox(self, x: Array, step: float) -> Array:
        """Raise ModelError."""
        raise ModelError(f"{self.prior!r} has no prox: no formula gives one of matrices.")

    def draw(self, rng: np.random.Generator, n: int, size: Size) -> Array:
        """Return matrices ``(n, k, k)``: partial correlations are independent (`LKJ`)."""
        if len(size) != 2 or size[0] != size[1]:
            raise ModelError(
                f"{self.prior!r} is a prior of matrices; say of what size: sample(n, size=(3, 3))."
            )
        k = size[0]
        column = np.tril_indices(k, -1)[1]
        b = self.prior.eta + 0.5 * (k - 2 - column)
        partial = 2.0 * rng.beta(b, b, (n, n_below(k))) - 1.0
        return correlations(k).natural(np.arctanh(partial)).reshape(n, k, k)


def _checked_matrices(prior: Any, x: Array) -> int:
    """Return the size of correlation matrices; DataError where x has none."""
    k = x.shape[-1] if x.ndim else 0
    if x.ndim < 2 or x.shape[-2] != k:
        raise DataError(
            f"{prior!r} is a prior of correlation matrices, and x has the shape {x.shape}; give "
            "square matrices along the last two axes."
        )
    if np.any(x != np.swapaxes(x, -1, -2)) or np.any(np.diagonal(x, axis1=-2, axis2=-1) != 1.0):
        raise DataError(
            f"{prior!r} is a prior of correlation matrices, which are symmetric with ones on the "
            "diagonal, and x is not; divide a covariance by the sds of its rows and columns."
        )
    return k


def _improper(prior: Any) -> ModelError:
    return ModelError(
        f"{prior!r} is improper: its density does not integrate to one, so nothing can be drawn "
        "from it; take a proper prior, Normal(1.0) say."
    )


def _no_prox(prior: Any) -> ModelError:
    if learned_scale(prior) is None:
        return ModelError(f"{prior!r} has no prox: no formula gives one.")
    return ModelError(
        f"{prior!r} has no prox: its scales are learned, and with these integrated out no formula "
        "gives one; give the scale a number, Normal(1.0) say."
    )


def _of_single(prior: Any) -> Law:
    own = distribution_of(prior)
    if learned_scale(prior) is None:
        return Single(prior, own)
    numbers = {key: value for key, value in own.parameters.items() if key != "scale"}
    size = np.broadcast_shapes(*map(np.shape, numbers.values()))
    return Mixture(
        prior,
        _above(prior),
        lambda scale: Single(prior, Distribution(own.kind, numbers | {"scale": scale})),
        lambda x: np.broadcast_to(numbers.get("loc", 0.0), size),
    )


def _above(prior: Any) -> UnderOwnPrior:
    return UnderOwnPrior(distribution_of(learned_scale(prior)))


def _vector(prior: Any, structure: Callable[[int], Together]) -> Law:
    if learned_scale(prior) is None:
        return Vector(prior, structure, np.array(prior.scale))
    return Mixture(
        prior,
        _above(prior),
        lambda scale: Vector(prior, structure, np.array(scale)),
        lambda x: np.zeros(x.shape[-1:]),
    )


def _of_walk(prior: Any) -> Law:
    """Return the law of a walk along a vector; the dims of a term are not known here."""
    if prior.free is not None:
        raise ModelError(
            f"{prior!r} is a prior of a Spline's curve, of which it has no coefficients by itself; "
            "leave free= out."
        )

    def differences(q: int) -> Differences:
        if q <= prior.order:
            raise DataError(
                f"{prior!r} takes differences of order {prior.order}, and x has only {q} entries "
                "along its last axis; give more, or a lower order."
            )
        return Differences((q,), (0,), prior.order)

    return _vector(prior, differences)


def _of_horseshoe(prior: Any) -> Law:
    return Mixture(
        prior,
        OfHorseshoe(prior.scale, prior.slab_scale, prior.slab_df),
        lambda scale: Single(prior, Distribution("Horseshoe", {"scale": scale})),
        lambda x: np.zeros(()),
    )


def _of_variance(prior: Any) -> Law:
    raise ModelError(
        f"{prior!r} is a prior of the variance that a term explains, and so of its coefficients "
        "with the columns and the residuals of the data: it has no density by itself. "
        "prior_predictive draws from it beside data."
    )


def _of_process(prior: Any) -> Law:
    """Return the law of a Gaussian process along a vector whose entries lie one apart."""
    if learned_beside(prior):
        raise ModelError(
            f"{prior!r} has a lengthscale to learn, which is not integrated out here; give it a "
            "number. prior_predictive draws from it beside data."
        )
    (length,) = prior.lengths(1) if len(prior.lengths(1)) == 1 else (None,)
    if length is None:
        raise ModelError(
            f"{prior!r} has lengthscales of several dims, which a vector has not; give one number."
        )
    return _vector(prior, lambda q: Process(q, KERNELS[prior.kernel], length))


def _of_locality(prior: Any) -> Law:
    raise ModelError(
        f"{prior!r} is a prior of a field at the places of a term's coefficients, which are not "
        "known here: it has no density by itself. prior_predictive draws from it beside data."
    )


LAWS: dict[str, Callable[[Any], Law]] = {
    "RandomWalk": _of_walk,
    "GaussianProcess": _of_process,
    "ALD": _of_locality,
    "GroupLasso": lambda prior: _vector(prior, lambda q: Groups(np.zeros(q, dtype=int))),
    "Horseshoe": _of_horseshoe,
    "R2D2": _of_variance,
    "LKJ": Correlation,
}
