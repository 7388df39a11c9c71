"""theta: the named parameters of one log density, where they stand in it, and their own priors.

A vector u without bounds holds the coefficients, the free dispersions of the family and the learned
scales, in this order. Each has natural values x = T(u) under its transform. The density is one of
the natural values, whose mode is the MAP, or with the Jacobian one of u, from which samplers draw:

    log p(x) + log |det dx/du|
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial, reduce
from typing import Any

import numpy as np

from bayesglm.numerics.theta.parameter import OwnPrior, Parameter
from bayesglm.numerics.theta.transforms import FAR_OUT, Transform

Array = np.ndarray
type Runs = tuple[tuple[slice, Transform], ...]


@dataclass(frozen=True, eq=False)
class Theta:
    """The parameters of one log density, in the order of u: coefficients, dispersions, scales.

    ``jacobian`` says whether the density is one of u, or of natural values. Beside coefficients
    that stand as they are, nothing is copied.

    >>> from bayesglm.numerics.priors.distribution import Distribution
    >>> from bayesglm.numerics.theta.parameter import Parameter
    >>> from bayesglm.numerics.theta.transforms import LOG
    >>> prior = Distribution("Exponential", {"scale": 1.0})
    >>> sigma = Parameter("sigma", "dispersion", slice(2, 3), LOG, prior=prior)
    >>> theta = Theta((Parameter("w", "coefficients", slice(0, 2)), sigma), jacobian=True)
    >>> theta.size, theta.n_coefficients, theta.labels()[-1]
    (3, 2, 'log sigma')
    >>> theta.log_prior(np.zeros((1, 3))).tolist()
    [-1.0]
    """

    parameters: tuple[Parameter, ...]
    jacobian: bool = False

    @cached_property
    def free(self) -> tuple[Parameter, ...]:
        """Those that have a place in u, in its order."""
        return tuple(one for one in self.parameters if one.fixed is None)

    @cached_property
    def size(self) -> int:
        """Length of u."""
        return max((one.place.stop for one in self.free), default=0)

    @cached_property
    def n_coefficients(self) -> int:
        """Number of coefficients, which come first."""
        stops = (one.place.stop for one in self.parameters if one.role == "coefficients")
        return max(stops, default=0)

    @cached_property
    def dispersions(self) -> tuple[Parameter, ...]:
        """The dispersions of the family, free or fixed, in its order."""
        return tuple(one for one in self.parameters if one.role == "dispersion")

    @cached_property
    def free_dispersions(self) -> tuple[Parameter, ...]:
        """The dispersions that are learned."""
        return tuple(one for one in self.dispersions if one.fixed is None)

    @cached_property
    def scales(self) -> tuple[Parameter, ...]:
        """The scales that are learned."""
        return tuple(one for one in self.parameters if one.role == "scale")

    @cached_property
    def places(self) -> dict[str, slice]:
        """Where each free parameter stands in u, by name."""
        return {one.name: one.place for one in self.free}

    @cached_property
    def parts(self) -> dict[str, slice]:
        """The same, but for parameters made of several things: where each of these stands."""
        found: dict[str, slice] = {}
        for one in self.free:
            start = one.place.start
            runs = {f"{one.free_name}_{part}": run for part, run in one.transform.parts}
            for name, run in (runs or {one.free_name: slice(None)}).items():
                first, stop, _ = run.indices(one.size)
                found[name] = slice(start + first, start + stop)
        return found

    def named(self, name: str) -> Parameter:
        """Return the parameter of a name."""
        return next(one for one in self.parameters if one.name == name)

    def labels(self) -> list[str]:
        """Return a name for every entry of u: ``log sigma``."""
        return [label for one in self.free for label in one.labels()]

    def names(self) -> list[str]:
        """Return a name for every entry of the natural values: ``sigma``."""
        return [name for one in self.free for name in one.names()]

    @cached_property
    def _of_coefficients(self) -> Runs:
        return _joined(one for one in self.free if one.role == "coefficients")

    @cached_property
    def _of_others(self) -> Runs:
        return _joined(one for one in self.free if one.role != "coefficients")

    @cached_property
    def _runs(self) -> Runs:
        return (*self._of_coefficients, *self._of_others)

    @cached_property
    def _bounded(self) -> tuple[slice, ...]:
        bounded = ((place, transform) for place, transform in self._runs if transform.bounded)
        parts = (slice(place.start + by.n_unbounded, place.stop) for place, by in bounded)
        return tuple(part for part in parts if part.start < part.stop)

    @cached_property
    def _own_priors(self) -> tuple[tuple[slice, Transform, OwnPrior], ...]:
        return tuple(
            (one.place, one.transform, one.prior) for one in self.free if one.prior is not None
        )

    @cached_property
    def _slopes(self) -> tuple[tuple[slice, Callable[[Array], tuple[Array, Array]]], ...]:
        """What dispersions and scales add to the log density, and its slope, run by run.

        Neighbours whose priors are of one kind are one run.
        """
        runs: list[tuple[slice, Transform, OwnPrior]] = []
        for place, transform, prior in self._own_priors:
            if runs and runs[-1][1] is transform and transform.elementwise:
                first, _, last = runs[-1]
                joined = _joined_priors(last, _length(first), prior, _length(place))
                if joined is not None and first.stop == place.start:
                    runs[-1] = (slice(first.start, place.stop), transform, joined)
                    continue
            runs.append((place, transform, prior))
        return tuple(
            (place, partial(_slope, transform, prior, self.jacobian))
            for place, transform, prior in runs
        )

    @cached_property
    def _learned_dispersions(self) -> tuple[tuple[slice, slice, Transform], ...]:
        """Which numbers of phi the learned dispersions are, with their places and transforms."""
        runs: list[tuple[slice, slice, Transform]] = []
        start = 0
        for one in self.dispersions:
            numbers = slice(start, start + one.n_natural)
            start += one.n_natural
            if one.fixed is None:
                runs.append((numbers, one.place, one.transform))
        return tuple(runs)

    @cached_property
    def learned_phi(self) -> list[int]:
        """Which numbers of phi are learned, in the order of theta."""
        free = [one.fixed is None for one in self.dispersions for _ in range(one.n_natural)]
        return [k for k, is_free in enumerate(free) if is_free]

    @cached_property
    def moves(self) -> Array:
        """A mask ``(size,)`` of the entries of u that are coefficients as they are."""
        mask = np.arange(self.size) < self.n_coefficients
        for place, _ in self._of_coefficients:
            mask[place] = False
        return mask

    @property
    def straight(self) -> bool:
        """Whether all coefficients stand in u as they are."""
        return not self._of_coefficients

    def far_out(self, U: Array) -> Array:
        """Say which u ``(..., size)`` lie where no probability does."""
        if not self._bounded:
            return np.zeros(U.shape[:-1], dtype=bool)
        every = (np.abs(U[..., place]) for place in self._bounded)
        return reduce(np.logical_or, (np.maximum.reduce(u, axis=-1) > FAR_OUT for u in every))

    def natural_coefficients(self, U: Array) -> Array:
        """Return u ``(..., size)`` with natural values in place of the coefficients."""
        if self.straight:
            return U
        moved = np.array(U)
        for place, transform in self._of_coefficients:
            moved[..., place] = transform.natural(U[..., place])
        return moved

    def inner_coefficients(self, values: Array) -> Array:
        """Return what `natural_coefficients` turns into given values."""
        if self.straight:
            return values
        moved = np.array(values)
        for place, transform in self._of_coefficients:
            moved[..., place] = transform.inner(values[..., place])
        return moved

    def phi(self, U: Array) -> list[Any]:
        """Return every number of the dispersions at u ``(..., size)``, or what it is fixed at."""
        phi: list[Any] = []
        for one in self.dispersions:
            if one.fixed is None:
                values = one.natural(U)
                phi.extend(values[..., k] for k in range(one.n_natural))
            else:
                phi.extend([one.fixed] if not one.shape else np.asarray(one.fixed).tolist())
        return phi

    def given(self, u: Array) -> Theta:
        """Return the coefficients alone, dispersions fixed where they are at one u."""
        kept = [one for one in self.parameters if one.role == "coefficients"]
        fixed = (replace(one, fixed=one.value_at(u), place=slice(0, 0)) for one in self.dispersions)
        return replace(self, parameters=(*kept, *fixed))

    def start(self, known: Mapping[str, Array | float]) -> Array:
        """Return the u from which solvers start; natural values that are ``known`` go first."""
        u = np.empty(self.size)
        for one in self.free:
            values = np.empty(one.n_natural if one.shape else one.size)
            values[:] = known.get(one.name, one.start)
            u[one.place] = one.transform.inner(values)
        return u

    def log_prior(self, U: Array) -> Array:
        """Return the log density ``(n,)`` of dispersions and scales at many u ``(n, size)``."""
        total = np.zeros(len(U))
        for place, transform, prior in self._own_priors:
            total += prior.total(transform.natural(U[..., place]))
        if self.jacobian:
            for place, transform in self._of_others:
                total += transform.log_jacobian(U[..., place])
        return total

    def log_jacobian_of_coefficients(self, U: Array) -> Array:
        """Return what the Jacobian adds ``(n,)`` for coefficients that stand under transforms."""
        total = np.zeros(len(U))
        if self.jacobian:
            for place, transform in self._of_coefficients:
                total += transform.log_jacobian(U[..., place])
        return total

    def add_prior_slopes(self, U: Array, values: Array, gradients: Array) -> None:
        """Add the two together ``(...)`` at u ``(..., size)``, and their gradients, in place."""
        for place, slope in self._slopes:
            of_run, along = slope(U[..., place])
            values += of_run
            gradients[..., place] += along
        if self.jacobian:
            for place, transform in self._of_coefficients:
                own = U[..., place]
                values += transform.log_jacobian(own)
                gradients[..., place] += transform.jacobian_slope(own)

    def add_dispersion_slopes(self, U: Array, of_phi: Array, gradients: Array) -> None:
        """Add to gradients in u what derivatives ``(..., n_phi)`` in every dispersion make of them.

        In place.
        """
        for numbers, place, transform in self._learned_dispersions:
            gradients[..., place] += transform.pull(U[..., place], of_phi[..., numbers])

    def coefficient_slopes(self, u: Array) -> Array:
        """Return dx_k/du_k ``(p,)`` of every coefficient: 1 where it stands as it is."""
        slopes = np.ones(self.n_coefficients)
        self.pull_coefficients(u, slopes)
        return slopes

    def pull_coefficients(self, u: Array, gradient: Array) -> None:
        """Turn gradients ``(..., size)`` in the natural coefficients into ones in u, in place."""
        for place, transform in self._of_coefficients:
            gradient[..., place] = transform.pull(u[..., place], gradient[..., place])

    def pull_likelihood(self, u: Array, gradient: Array, hessian: Array) -> None:
        """Turn derivatives in the natural coefficients alone into those in u, in place."""
        for place, transform in self._of_coefficients:
            _pull(place, transform, u, gradient, hessian)

    def add_prior_derivatives(self, u: Array, gradient: Array, hessian: Array) -> None:
        """Add those of dispersions' and scales' priors, in natural values, in place."""
        for place, transform, prior in self._own_priors:
            x = transform.natural(u[place])
            gradient[place] += prior.gradient(x)
            hessian[place, place] += prior.curvature(x)

    def pull(self, u: Array, gradient: Array, hessian: Array) -> None:
        """Turn gradient and Hessian in natural values into those in u, Jacobian's added."""
        for place, transform in self._runs:
            _pull(place, transform, u, gradient, hessian)
            if self.jacobian:
                gradient[place] += transform.jacobian_slope(u[place])
                hessian[place, place] += transform.jacobian_bend(u[place])


def _length(place: slice) -> int:
    return place.stop - place.start


def _joined_priors(one: OwnPrior, n: int, other: OwnPrior, m: int) -> OwnPrior | None:
    """Return the prior of n numbers and m others behind them; None where there is not one."""
    return one.beside(n, other, m) if hasattr(one, "beside") else None


def _slope(
    transform: Transform, prior: OwnPrior, jacobian: bool, own: Array
) -> tuple[Array, Array]:
    """Return the log densities of a run's own prior at ``(..., q)``, and its derivatives."""
    if jacobian and hasattr(prior, "slope_in_theta"):
        return prior.slope_in_theta(own)
    x = transform.natural(own)
    value, slope = prior.total(x), transform.pull(own, prior.gradient(x))
    if jacobian:
        value = value + transform.log_jacobian(own)
        slope = slope + transform.jacobian_slope(own)
    return value, slope


def _joined(parameters: Iterable[Parameter]) -> Runs:
    """Return the runs of u that are not natural values themselves; neighbours alike are one."""
    runs: list[tuple[slice, Transform]] = []
    for one in parameters:
        place, transform = one.place, one.transform
        if transform.straight or not one.size:
            continue
        last, same = runs[-1] if runs else (slice(0, 0), None)
        if same is transform and transform.elementwise and last.stop == place.start:
            runs[-1] = (slice(last.start, place.stop), transform)
        else:
            runs.append((place, transform))
    return tuple(runs)


def _pull(place: slice, transform: Transform, u: Array, gradient: Array, hessian: Array) -> None:
    """Turn the derivatives in one run of natural values into those in its u, in place."""
    own, slope = u[place], gradient[place].copy()
    if transform.elementwise:
        rate = transform.pull(own, np.ones(len(own)))
        gradient[place] *= rate
        hessian[place, :] *= rate[:, None]
        hessian[:, place] *= rate
    else:
        gradient[place] = transform.pull(own, slope)
        hessian[place, :] = transform.pull(own, hessian[place, :].T).T
        hessian[:, place] = transform.pull(own, hessian[:, place])
    hessian[place, place] += transform.bend(own, slope)
