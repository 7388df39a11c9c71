"""The priors of the coefficients, added up: log density, gradient, curvature and kinks.

Kinks of Laplace and elastic-net priors are kept apart: the smooth part is that without them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.numerics.solvers.kinks import Kinks

Array = np.ndarray


@dataclass(frozen=True)
class CoefficientPriors:
    """The priors of ``n`` coefficients, each of a run of them.

    Coefficients with bounds may be ``inside`` for good, under a transform: then their density is
    smooth, and they have no kinks.

    Arguments named theta hold the coefficients first, and then what else there may be: the scales
    that are learned, above all.
    """

    n: int
    parts: tuple[PriorPart, ...]
    inside: bool = False

    @cached_property
    def log_concave(self) -> bool:
        """Whether the density of the coefficients is log-concave, scales given."""
        return all(part.prior.log_concave for part in self.parts)

    def given(self, theta: Array) -> CoefficientPriors:
        """Return the same with learned scales fixed where they are at theta."""
        return replace(self, parts=tuple(part.given(theta) for part in self.parts))

    @cached_property
    def kinks(self) -> Kinks:
        """The kinks of minus the log density, where scales are known."""
        weight, at = np.zeros((2, self.n))
        one_sided, groups, of_groups = np.zeros(self.n, dtype=bool), list[Array](), list[float]()
        for part in self.parts:
            own = None if part.learned is not None else part.kink_weight()
            if own is None or (part.bounded and self.inside):
                continue
            at[part.where] = part.loc
            if part.structure.groups:
                groups += [part.where.start + members for members in part.structure.groups]
                of_groups += own.tolist()
            else:
                weight[part.where] = own
                one_sided[part.where] = part.bounded
        return Kinks(weight, at, one_sided, tuple(groups), np.array(of_groups))

    @cached_property
    def _quadratic(self) -> tuple[float, Array, Array]:
        """Sum of log densities at their centres, the centres, and minus the second derivatives.

        Of all the priors whose smooth part is a quadratic; the others are in `_others`, and those
        of learned scales in neither.
        """
        constant, centre, precision = 0.0, np.zeros(self.n), np.zeros(self.n)
        for part in self.parts:
            if part.quadratic and part.learned is None:
                centre[part.where] = part.loc
                at = centre[part.where]
                constant += float(part.total(at))
                precision[part.where] = part.precision(at)
        return constant, centre, precision

    @cached_property
    def _pulled(self) -> tuple[slice, Array, Array]:
        """Around which coefficients these have a slope, with their centres and precisions there."""
        _, centre, precision = self._quadratic
        places = np.flatnonzero(precision)
        run = slice(int(places[0]), int(places[-1]) + 1) if len(places) else slice(0, 0)
        return run, centre[run], precision[run]

    @cached_property
    def _straight(self) -> Array | None:
        """Slopes of coefficients inside their bounds, as kinks would have them; None if none."""
        slopes = np.zeros(self.n)
        for part in self.parts:
            if part.bounded and self.inside:
                slopes[part.where] = part.kink_weight()
        return slopes if slopes.any() else None

    @cached_property
    def _others(self) -> tuple[PriorPart, ...]:
        fixed = (part for part in self.parts if part.learned is None)
        return tuple(part for part in fixed if not part.quadratic)

    @cached_property
    def learning(self) -> tuple[PriorPart, ...]:
        """Those whose scale is learned."""
        return tuple(part for part in self.parts if part.learned is not None)

    def add_smooth(self, W: Array, values: Array, gradients: Array) -> None:
        """Add the smooth part of log p(w), and its gradient, at each w ``(..., n)``, in place."""
        run, centre, precision = self._pulled
        away = W[..., run] - centre
        pull = precision * away
        values += self._quadratic[0] - 0.5 * np.vecdot(pull, away)
        gradients[..., run] -= pull
        if self._straight is not None:
            values -= W @ self._straight
            gradients -= self._straight
        for part in self._others:
            at = W[..., part.where]
            values += part.total(at)
            gradients[..., part.where] += part.gradient(at)

    def add_slopes(self, thetas: Array, values: Array, gradients: Array) -> None:
        """Add log p(w | scales) ``(...)`` at thetas ``(..., size)``, and its gradients, in place.

        With kinks, at which the slope is 0.
        """
        p = self.n
        self.add_smooth(thetas[..., :p], values, gradients[..., :p])
        if self.kinks.any:
            values -= self.kinks.take_off(thetas[..., :p], gradients)
        for part in self.learning:
            values += part.add_slope(thetas, gradients)

    def log_density(self, thetas: Array) -> Array:
        """Return log p(w | scales), kinks included, at many thetas ``(draws, size)``."""
        total = np.zeros(len(thetas))
        for part in self.parts:
            total += part.given(thetas).total(thetas[:, part.where])
        return total

    def add_curvature(self, theta: Array, hessian: Array) -> None:
        """Add the second derivatives of the smooth part at one theta to a Hessian, in place."""
        size = len(hessian)
        hessian.flat[: self.n * (size + 1) : size + 1] -= self._quadratic[2]
        for part in self._others:
            some = np.arange(part.size)
            bends = part.curvature(theta[part.where], some)
            own = some + part.where.start
            _add(hessian, own, -bends)

    def curvature(self, theta: Array, members: Array) -> Array:
        """Return minus the Hessian of the smooth part on some coefficients."""
        hessian = np.zeros((len(members), len(members)))
        place = np.full(self.n, -1)
        place[members] = np.arange(len(members))
        for part in self.parts:
            inside = place[part.where]
            some = np.flatnonzero(inside >= 0)
            _add(hessian, inside[some], part.curvature(theta[part.where], some))
        return hessian

    def diagonal(self, theta: Array) -> Array:
        """Return the diagonal ``(n,)`` of minus the Hessian of the smooth part."""
        total = self._quadratic[2].copy()
        for part in self._others:
            bends = part.curvature(theta[part.where], np.arange(part.size))
            total[part.where] += bends if bends.ndim == 1 else np.diagonal(bends)
        return total

    def product(self, theta: Array, v: Array) -> Array:
        """Return the product of minus the Hessian of the smooth part with a vector ``(n,)``."""
        total = self._quadratic[2] * v
        for part in self._others:
            total[part.where] += part.product(theta[part.where], v[part.where])
        return total

    def bends(self) -> bool:
        """Say whether any prior has a curvature, its kink apart."""
        return bool(self._others) or bool(self._quadratic[2].any())


def _add(hessian: Array, places: Array, bends: Array) -> None:
    """Add second derivatives, a matrix or a diagonal, to those of some coefficients."""
    if bends.ndim == 1:
        hessian[places, places] += bends
    else:
        hessian[np.ix_(places, places)] += bends
