"""Steps of one sign: a normal prior of their mean, and any shares of their sum alike.

n steps w_j = n m zeta_j have the mean m ~ Normal(0, scale) and the shares zeta ~ Dirichlet(1, ...,
1) (Bürkner & Charpentier 2020, equations 3 to 6). The density is that of (m, zeta),

    log p = log Normal(m | 0, scale) + log G(n),

with respect to which `theta.one_sign` says the Jacobian; that of w itself has no bound at zero.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from scipy.special import gammaln

from bayesglm.numerics.priors.normal import NORMAL
from bayesglm.numerics.priors.record import Array, Prior
from bayesglm.numerics.priors.structure import Apart, Parameters

# -log of a share, down to where the marginal density of a step is integrated: that of zero, which
# is infinite, is the one at exp(-60) scales in its place.
SMALLEST_SHARE = 60.0
NODES = 400  # of Gauss and Legendre: the marginal to 1e-9 (tests/numerics/priors/test_steps.py)


def _log_density(x: Array, scale: Array | float, size: Array | float = 1.0) -> Array:
    """log Normal(x | 0, scale) + log G(size), x being the mean of ``size`` steps."""
    return NORMAL.log_density(x, scale=scale) + gammaln(size)


def _gradient(x: Array, scale: Array | float, size: Array | float = 1.0) -> Array:
    return NORMAL.gradient(x, scale=scale)


def _curvature(x: Array, scale: Array | float, size: Array | float = 1.0) -> Array:
    return NORMAL.curvature(x, scale=scale)


def _marginal(x: Array, scale: Array | float, size: Array | float = 1.0) -> Array:
    """log of (n - 1)/n times the integral of (1 - e^-t)^(n - 2) Normal(x e^t/n | 0, scale) over t.

    That of one step n m zeta_j, whose share e^-t is Beta(1, n - 1).
    """
    n = float(np.max(size))
    if n == 1.0:
        return NORMAL.log_density(x, scale=scale)
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    t, weight = 0.5 * SMALLEST_SHARE * (nodes + 1.0), 0.5 * SMALLEST_SHARE * weights
    of_share = (n - 1.0) / n * weight * (-np.expm1(-t)) ** (n - 2.0)
    total = np.zeros(np.shape(x))
    with np.errstate(over="ignore"):
        for at, one in zip(t, of_share, strict=True):
            total = total + one * np.exp(NORMAL.log_density(x * np.exp(at) / n, scale=scale))
    with np.errstate(divide="ignore"):
        return np.log(total)


STEPS = Prior(
    support="real",
    log_density=_log_density,
    gradient=_gradient,
    curvature=_curvature,
    marginal=_marginal,
    draw=lambda rng, shape, scale, size=1.0: scale * rng.standard_normal(shape),
    quadratic=True,
    curved=False,
    has_mode=False,
)


class Steps(Apart):
    """Coefficients of one sign, of whose mean the prior's record is the density.

    >>> steps, numbers = Steps(2), {"scale": 1.0}
    >>> float(steps.log_density(STEPS, np.array([1.0, 3.0]), numbers).round(4))
    -2.9189
    """

    diagonal: ClassVar[bool] = False
    of_levels: ClassVar[bool] = False
    name: ClassVar[str] = "steps of one sign"
    support: ClassVar[str | None] = "one sign"

    def __init__(self, size: int) -> None:
        self.size = size

    def of_each(self, parameters: Parameters) -> Parameters:
        """Return the parameters with the number of steps."""
        return {**parameters, "size": float(self.size)}

    def _of_mean(self, parameters: Parameters) -> Parameters:
        """Return those of the mean; they are alike for all steps."""
        first = {k: v if np.ndim(v) == 0 else v.flat[0] for k, v in parameters.items()}
        return {**first, "size": float(self.size)}

    def log_density(self, prior: Prior, x: Array, parameters: Parameters) -> Array:
        """Return that of the mean."""
        mean = np.add.reduce(x, axis=-1) / self.size
        return prior.log_density(mean, **self._of_mean(parameters))

    def gradient(self, prior: Prior, x: Array, parameters: Parameters) -> Array:
        """Return that of the mean, of which each step has its share."""
        mean = np.add.reduce(x, axis=-1, keepdims=True) / self.size
        slope = prior.gradient(mean, **self._of_mean(parameters)) / self.size
        return slope + np.zeros(x.shape)

    def precision(self, prior: Prior, x: Array, parameters: Parameters) -> Array:
        """Return what the mean's comes to for each step."""
        bend = prior.curvature(x.mean(axis=-1, keepdims=True), **self._of_mean(parameters))
        return np.broadcast_to(-bend / self.size**2, x.shape)

    def curvature(self, prior: Prior, x: Array, parameters: Parameters, some: Array) -> Array:
        """Return a matrix of equal entries."""
        every = self.precision(prior, x, parameters)[some]
        return np.broadcast_to(every, (len(some), len(some)))

    def product(self, prior: Prior, x: Array, parameters: Parameters, v: Array) -> Array:
        """Return the product with that matrix."""
        return self.precision(prior, x, parameters) * v.sum()

    def draw(
        self,
        prior: Prior,
        rng: np.random.Generator,
        shape: tuple[int, ...],
        parameters: Parameters,
    ) -> Array:
        """Return draws of the mean, times the steps' shares of their sum."""
        assert prior.draw is not None
        mean = prior.draw(rng, (*shape[:-1], 1), **self._of_mean(parameters))
        return self.size * mean * rng.dirichlet(np.ones(self.size), shape[:-1])
