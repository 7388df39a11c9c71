"""Structures: how the coefficients of one prior hang together.

A structure knows directions in which the prior makes the coefficients independent, w - loc = R u,
R being a rotation or another map that keeps volumes, and the precision that the prior gives each
of them where its scale is one; in the null space that is zero. A `Spectrum` says how scales follow
from hyperparameters in theta. Together they make, for a normal prior,

    log p(w | theta) = sum_j (log k_j(theta) - k_j(theta) u_j^2 - log(2 pi)) / 2

over the directions beside the null space. Random walks, levels of a factor under one scale or
several, the basis functions of a Gaussian process, and effects that correlate are of that kind.
"""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

import numpy as np

from bayesglm.numerics.priors.record import Prior

Array = np.ndarray
type Parameters = dict[str, Any]


class Spectrum(Protocol):
    """Scales as functions of hyperparameters, which stand somewhere in theta.

    Those that are numbers stand in `log_known` ``(q,)``, NaN where one is learned; None where all
    are. `own` says whether each coefficient has a scale of its own, which is learned, and `shared`
    whether all have one and the same.
    """

    own: ClassVar[bool]

    @property
    def shared(self) -> bool: ...

    @property
    def log_known(self) -> Array | None: ...

    def log_scale(self, theta: Array) -> Array:
        """Return the logarithms of the scales ``(..., q)`` at theta ``(..., size)``.

        Their last axis may be one long, where they are all alike.
        """

    def add_slope(self, theta: Array, slopes: Array, gradient: Array) -> None:
        """Add to gradients in theta ``(..., size)`` what slopes in the log scales make of them.

        In place. The slopes' last axis may be one long, where the scales' is.
        """


class Structure(Protocol):
    """How q coefficients hang together under a prior; arrays of them are ``(..., q)``.

    - `diagonal`: whether the coefficients themselves are the directions.
    - `turns`: whether the directions depend on theta.
    - `of_levels`: whether the coefficients of each level of a factor are held by themselves.
    - `bases`: the rotations that `rotate` consists of, for those who combine them with others.
    - `name`: what to call it in a message.
    - `log_unit`: logarithms of the precisions of the directions where the scale is one, ``(q,)`` or
      one for all.
    - `groups`: the members of each group of coefficients, where the prior is of groups.
    - `null_space`: columns ``(q, k)`` that a normal prior leaves free; None if it has no say.
    - `support`: that of the coefficients, where it is not the record's: "one sign", of steps of
      which the record is the density of the mean.

    Functions that take a `Prior` and its parameters, the scale among them, are of the run of
    coefficients as a whole.
    """

    diagonal: ClassVar[bool]
    turns: ClassVar[bool]
    of_levels: ClassVar[bool]
    name: ClassVar[str]
    support: ClassVar[str | None]

    @property
    def bases(self) -> tuple[Any, ...]: ...

    @property
    def log_unit(self) -> Array | float: ...

    @property
    def groups(self) -> tuple[Array, ...]: ...

    @property
    def null_space(self) -> Array | None: ...

    def at(self, theta: Array) -> Structure:
        """Return the same with its hyperparameters fixed, at one theta or many."""

    def rotate(self, x: Array, back: bool = False) -> Array:
        """Return the directions' coordinates u of x, or x of u."""

    def pull(self, slope: Array) -> Array:
        """Return the slopes in u of slopes in x: R' slope."""

    def add_turn(self, theta: Array, u: Array, slope: Array, gradient: Array) -> None:
        """Add slope' (dR / dtheta) u to gradients in theta, where R depends on theta."""

    def of_groups(self, parameters: Parameters) -> Parameters:
        """Return a prior's parameters for each group, or for each coefficient without groups."""

    def of_each(self, parameters: Parameters) -> Parameters:
        """Return the parameters of the density that each coefficient has by itself."""

    def log_density(self, prior: Prior, x: Array, parameters: Parameters) -> Array:
        """Return the log density ``(...)``."""

    def gradient(self, prior: Prior, x: Array, parameters: Parameters) -> Array:
        """Return its gradient, as the record has it at a kink."""

    def slope_of_log_scale(self, away: Array, gradient: Array) -> Array:
        """Return the derivatives in the log scales, from those in x, ``away`` being x - loc.

        With a scale family, log p = -r log(scale) + f(away / scale), they add up to
        -r - away' gradient.
        """

    def precision(self, prior: Prior, x: Array, parameters: Parameters) -> Array:
        """Return minus the second derivatives in the directions' coordinates, ``(q,)``."""

    def typical(self, prior: Prior, x: Array, parameters: Parameters) -> Array | float:
        """Return what these come to, about, for each coefficient itself."""

    def curvature(self, prior: Prior, x: Array, parameters: Parameters, some: Array) -> Array:
        """Return minus the Hessian on some coefficients: a matrix, or the diagonal of one."""

    def product(self, prior: Prior, x: Array, parameters: Parameters, v: Array) -> Array:
        """Return the product of minus the Hessian with v ``(q,)``."""

    def draw(
        self,
        prior: Prior,
        rng: np.random.Generator,
        shape: tuple[int, ...],
        parameters: Parameters,
    ) -> Array:
        """Return independent draws ``(..., q)``; along directions that are left free the centre."""


class Apart:
    """Coefficients that the prior makes independent as they are."""

    diagonal: ClassVar[bool] = True
    turns: ClassVar[bool] = False
    of_levels: ClassVar[bool] = True
    name: ClassVar[str] = "prior"
    bases: tuple[Any, ...] = ()
    groups: tuple[Array, ...] = ()
    log_unit = 0.0
    null_space = None
    support: ClassVar[str | None] = None

    def at(self, theta: Array) -> Structure:
        """Return the same."""
        return self

    def rotate(self, x: Array, back: bool = False) -> Array:
        """Return x."""
        return x

    def pull(self, slope: Array) -> Array:
        """Return the slopes as they are."""
        return slope

    def add_turn(self, theta: Array, u: Array, slope: Array, gradient: Array) -> None:
        """Add nothing."""

    def of_groups(self, parameters: Parameters) -> Parameters:
        """Return the parameters as they are."""
        return parameters

    def of_each(self, parameters: Parameters) -> Parameters:
        """Return the parameters as they are."""
        return parameters

    def log_density(self, prior: Prior, x: Array, parameters: Parameters) -> Array:
        """Return the sum over the coefficients."""
        each = prior.log_density(x, **parameters)
        return np.broadcast_to(each, np.shape(x)).sum(axis=-1)

    def gradient(self, prior: Prior, x: Array, parameters: Parameters) -> Array:
        """Return the record's own."""
        return prior.gradient(x, **parameters)

    def slope_of_log_scale(self, away: Array, gradient: Array) -> Array:
        """Return that of each coefficient's scale."""
        return -1.0 - away * gradient

    def precision(self, prior: Prior, x: Array, parameters: Parameters) -> Array:
        """Return the record's own."""
        return np.broadcast_to(-prior.curvature(x, **parameters), x.shape)

    def typical(self, prior: Prior, x: Array, parameters: Parameters) -> Array | float:
        """Return them as they are."""
        return self.precision(prior, x, parameters)

    def curvature(self, prior: Prior, x: Array, parameters: Parameters, some: Array) -> Array:
        """Return the diagonal."""
        return self.precision(prior, x, parameters)[some]

    def product(self, prior: Prior, x: Array, parameters: Parameters, v: Array) -> Array:
        """Return the diagonal times v."""
        return self.precision(prior, x, parameters) * v

    def draw(
        self,
        prior: Prior,
        rng: np.random.Generator,
        shape: tuple[int, ...],
        parameters: Parameters,
    ) -> Array:
        """Return draws of each coefficient by itself."""
        assert prior.draw is not None
        return prior.draw(rng, shape, **parameters)


APART = Apart()
