"""Families whose dispersions have linear predictors of their own: channels beside the mean's.

A dispersion phi = T(eta) under the transform of its own record. With f the log density, T' and T''
the derivatives of T,

    df/deta    = f_phi T'
    d2f/deta2  = f_phi_phi T'^2 + f_phi T''

so that a family needs no other kernel for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from bayesglm.numerics.families.record import Array, Derivatives, Family, Mask
from bayesglm.numerics.theta.transforms import FAR_OUT, Transform


@lru_cache(maxsize=64)  # pairs of a family and what is predicted in it: few are in use at a time
def predicted(family: Family, names: tuple[str, ...]) -> Family:
    """Return a family in which some dispersions, in its order, have linear predictors.

    >>> from bayesglm.numerics.families.table import FAMILIES
    >>> family = predicted(FAMILIES["gaussian", "identity"], ("sigma",))
    >>> family.channels, family.dispersion_names
    (('mu', 'sigma'), ())
    >>> family.log_likelihood(np.ones(2), np.array([[0.0, 1.0], [0.0, 2.0]]), (), None).round(4)
    array([-1.4189, -2.9189])
    """
    if not names:
        return family
    known = dict(zip(family.dispersion_names, family.dispersions, strict=True))
    split = _Split(
        family,
        tuple(known[name].transform for name in names),
        tuple(family.dispersion_names.index(name) for name in names),
    )
    return replace(
        family,
        kernel=split.kernel,
        mean=split.given(family.mean),
        variance=None if family.variance is None else split.given(family.variance),
        draw=split.draw,
        cdf=split.of_response(family.cdf),
        survival=split.of_response(family.survival),
        dispersions=tuple(one for name, one in known.items() if name not in names),
        channels=(*family.channels, *names),
        log_concave=False,
        quadratic=False,
        exponential_rate=None,
        fused=None,
        changes=None,
        filled=split.of_response(family.filled),
        tails=None,
        concave_mass=False,
        panjer=None,
        averaged=None,
        absorbed=None,
        split=split.all_phi,
    )


@dataclass(frozen=True)
class _Split:
    """Where the predicted dispersions of a family stand among all, and under which transforms."""

    family: Family
    transforms: tuple[Transform, ...]
    places: tuple[int, ...]

    @property
    def kept(self) -> list[int]:
        """The places of the others."""
        every = range(len(self.family.dispersions))
        return [k for k in every if k not in self.places]

    @property
    def n_own(self) -> int:
        """How many channels the family has by itself."""
        return len(self.family.channels)

    def all_phi(self, eta: Array, phi: Sequence) -> list[Any]:
        """Return every dispersion of the family, those predicted with a number for each row."""
        every: list[Any] = [None] * len(self.family.dispersions)
        for k, value in zip(self.kept, phi, strict=True):
            every[k] = value
        with np.errstate(over="ignore"):
            for k, transform, own in zip(
                self.places, self.transforms, eta[self.n_own :], strict=True
            ):
                every[k] = transform.natural(own)
        return every

    def given(self, function: Callable[..., Array]) -> Callable[..., Array]:
        """Return a function of (eta, phi, trials) of the family as one of all channels."""
        return lambda eta, phi, trials: function(eta[: self.n_own], self.all_phi(eta, phi), trials)

    def of_response(self, function: Callable[..., Array] | None) -> Callable[..., Array] | None:
        """Return a function of (y, eta, phi, trials) of the family as one of all channels."""
        if function is None:
            return None
        return lambda y, eta, phi, trials: function(
            y, eta[: self.n_own], self.all_phi(eta, phi), trials
        )

    def draw(self, rng: np.random.Generator, eta: Array, phi: Sequence, trials: Any) -> Array:
        """Draw responses."""
        return self.family.draw(rng, eta[: self.n_own], self.all_phi(eta, phi), trials)

    def kernel(
        self, y: Array, eta: Array, phi: Sequence, trials: Array | None, order: int
    ) -> Derivatives:
        """Return the kernel, and its derivatives in all channels and in the other dispersions.

        Where a dispersion lies where no probability does, the density is zero, and flat.
        """
        beside = eta[self.n_own :]
        if np.abs(beside).max(initial=0.0) > FAR_OUT:
            far = (np.abs(beside) > FAR_OUT).any(axis=0)
            inside = eta.copy()
            inside[self.n_own :] = np.clip(beside, -FAR_OUT, FAR_OUT)
            return _without(far, self.kernel(y, inside, phi, trials, order))
        own = eta[: self.n_own]
        d = self.family.kernel(y, own, self.all_phi(eta, phi), trials, order)
        if order == 0:
            return d
        with np.errstate(over="ignore", invalid="ignore"):
            slopes = [t.pull(u, 1.0) for t, u in zip(self.transforms, beside, strict=True)]
            of_beside = [d.phi[k] * slope for k, slope in zip(self.places, slopes, strict=True)]
            first = np.concatenate([d.eta, np.stack(of_beside)])
            of_phi = tuple(d.phi[k] for k in self.kept)
            if order == 1:
                return Derivatives(d.value, first, phi=of_phi)
            bends = self._bends(d, beside, slopes)
            crossed = tuple(
                np.concatenate(
                    [
                        d.eta_phi[k],
                        np.stack(
                            [
                                d.phi_phi[place][k] * slope
                                for place, slope in zip(self.places, slopes, strict=True)
                            ]
                        ),
                    ]
                )
                for k in self.kept
            )
        squares = tuple(tuple(d.phi_phi[k][j] for j in self.kept) for k in self.kept)
        return Derivatives(d.value, first, bends, of_phi, crossed, squares)

    def _bends(self, d: Derivatives, beside: Array, slopes: list[Array]) -> Array:
        """Return the second derivatives in all channels ``(c, c, ..., rows)``."""
        n, size = self.n_own, self.n_own + len(slopes)
        bends = np.empty((size, size, *np.shape(d.value)))
        bends[:n, :n] = d.eta_eta
        for a, (k, slope) in enumerate(zip(self.places, slopes, strict=True), start=n):
            bends[a, :n] = bends[:n, a] = d.eta_phi[k] * slope
            for b, (j, other) in enumerate(zip(self.places, slopes, strict=True), start=n):
                bends[a, b] = d.phi_phi[k][j] * (slope * other)
            bends[a, a] += self.transforms[a - n].second(beside[a - n], d.phi[k])
        return bends


def _without(far: Mask, d: Derivatives) -> Derivatives:
    """Return derivatives in which the rows that are ``far`` out have no density and no slope."""

    def flat(values: Any) -> Any:
        if isinstance(values, tuple):
            return tuple(flat(one) for one in values)
        return None if values is None else np.where(far, 0.0, values)

    value, *others = d
    return Derivatives(np.where(far, -np.inf, value), *map(flat, others))
