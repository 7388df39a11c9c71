"""What is learned above coefficients: how their scale is spread, as a density and as draws."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from scipy.special import gammaln, log_expit

from bayesglm.numerics.priors.distribution import Distribution
from bayesglm.numerics.priors.integral import log_integral
from bayesglm.numerics.priors.inverse_gamma import INVERSE_GAMMA
from bayesglm.numerics.priors.record import Array
from bayesglm.numerics.priors.student import HALF_STUDENT_T

type Size = tuple[int, ...]
NEAR = 100.0  # logits of a horseshoe's shares, beyond which exponentials are what is left


class Mixing(Protocol):
    """Scales s = s(u) of coefficients, u being any real number.

    `log_density` is that of u; a `draw` gives scales that broadcast to ``(n, *size)``.
    """

    @property
    def size(self) -> Size: ...
    def natural(self, u: Array) -> Array: ...
    def log_density(self, u: Array) -> Array: ...
    def draw(self, rng: np.random.Generator, n: int, size: Size) -> Array: ...


class UnderOwnPrior:
    """A scale under a prior of its own, one for all coefficients of a draw."""

    def __init__(self, own: Distribution) -> None:
        self.own, self.transform = own, own.transform
        self.centre = np.median(self.transform.inner(np.asarray(own.middle, dtype=float)))

    @property
    def size(self) -> Size:
        """The shape of the own prior's numbers."""
        return np.broadcast_shapes(*map(np.shape, self.own.parameters.values()))

    def natural(self, u: Array) -> Array:
        """Return the scales at u, which is zero in their middle."""
        return self.transform.natural(self.centre + u)

    def log_density(self, u: Array) -> Array:
        """Return that of the scale times |ds/du|."""
        of_scale = self.own.prior.log_density(self.natural(u), **self.own.parameters)
        return of_scale + self.transform.log_jacobian((self.centre + u)[..., None])

    def draw(self, rng: np.random.Generator, n: int, size: Size) -> Array:
        """Return one scale for each draw; one for each coefficient where they have own numbers."""
        assert self.own.prior.draw is not None
        own = size if self.size else (1,) * len(size)
        return self.own.prior.draw(rng, (n, *own), **self.own.parameters)


class OfHorseshoe:
    """The scales of a regularised horseshoe: 1/s^2 = 1/(tau local)^2 + 1/slab.

    With v = s^2 = exp(2 u), a = (tau local)^2 = v / (1 - p) and b = slab = v / p, (log a, log b) is
    a function of (log v, logit p) whose Jacobian is one, so

        p(log v) = integral of p(log a) p(log b) over logit p.

    tau local is the product of two half-Cauchys, t = log(tau local / scale) having the density
    2 t / (pi^2 sinh t) (Springer & Thompson 1966, SIAM Journal on Applied Mathematics 14, 511).
    """

    size: Size = ()

    def __init__(self, scale: float, slab_scale: float, slab_df: float) -> None:
        self.scale = scale
        half = 0.5 * slab_df
        self.slab = {"shape": half, "scale": half * slab_scale**2}

    def natural(self, u: Array) -> Array:
        """Return exp(u)."""
        return np.exp(u)

    def log_density(self, u: Array) -> Array:
        """Return log p(u): p(log v) twice."""
        flat = u.reshape(-1)
        near = np.minimum(2.0 * flat, 0.0)  # the logit where the slab is one, of little v
        shape, scale = self.slab["shape"], self.slab["scale"]
        constant = shape * np.log(scale) - gammaln(shape)

        def log_joint(away: Array) -> Array:
            logit = near + away[:, None]
            t = flat - 0.5 * log_expit(-logit) - np.log(self.scale)
            log_slab = 2.0 * flat - log_expit(logit)
            of_slab = constant - shape * log_slab - scale * np.exp(-log_slab)
            return _log_of_product(t) - np.log(2.0) + of_slab

        return (np.log(2.0) + log_integral(log_joint, NEAR)).reshape(u.shape)

    def draw(self, rng: np.random.Generator, n: int, size: Size) -> Array:
        """Return tau and the slab once for each draw, and a local scale for each coefficient."""
        assert HALF_STUDENT_T.draw is not None
        assert INVERSE_GAMMA.draw is not None
        shared = (n, *(1 for _ in size))
        tau = HALF_STUDENT_T.draw(rng, shared, scale=self.scale, df=1.0)
        slab = INVERSE_GAMMA.draw(rng, shared, **self.slab)
        wide = np.square(tau * HALF_STUDENT_T.draw(rng, (n, *size), scale=1.0, df=1.0))
        return np.sqrt(slab / (slab / wide + 1.0))


def _log_of_product(t: Array) -> Array:
    """log(2 t / (pi^2 sinh t)), of the logarithm of a product of two standard half-Cauchys."""
    size = np.maximum(np.abs(t), 1e-8)  # below, t / sinh t is 1 to rounding
    return np.log(4.0 * size / np.pi**2) - size - np.log(-np.expm1(-2.0 * size))
