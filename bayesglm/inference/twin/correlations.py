"""Correlated effects in PyMC: the LKJ prior of a whole matrix, and the effects that it correlates.

PyMC's own LKJCorr is a variable of Cholesky factors, and its MvNormal has the effects on the last
axis; here they are matrices, and effects stand before levels, as the fits name them.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from bayesglm.numerics.priors.lkj import LKJ

type Tensor = Any


class Directions(NamedTuple):
    """Of effects ``(..., effects, levels)``: the scales d ``(..., effects, 1)``, and the map A."""

    scale: Tensor
    map: Tensor


def lkj(name: str, prior: LKJ, lead: tuple[int, ...], dims: tuple[str, ...]) -> Tensor:
    """Return correlation matrices ``(*lead, k, k)`` as a variable."""
    import pymc as pm

    return pm.CustomDist(
        name,
        np.full(lead, prior.eta),
        dist=partial(_draw, prior.k),
        logp=partial(_lkj_logp, prior),
        support_point=lambda rv, size, eta: _identities(rv, prior.k),
        signature=f"()->({prior.k},{prior.k})",
        transform=_transform(prior.k),
        class_name="LKJ",
        dims=dims,
    )


def correlated_normal(
    name: str, dims: tuple[str, ...], loc: Tensor, scale: Tensor, correlation: Tensor
) -> Tensor:
    """Return effects ``(..., effects, levels)``, of each level a multivariate normal."""
    import pymc as pm
    import pytensor.tensor as pt

    return pm.CustomDist(
        name,
        pt.as_tensor(loc),
        scale,
        pt.linalg.cholesky(correlation),
        dist=lambda loc, scale, C, size: loc + scale * (C @ pm.Normal.dist(0.0 * loc, 1.0)),
        logp=correlated_logp,
        signature="(k,l),(k,l),(k,k)->(k,l)",
        class_name="CorrelatedNormal",
        dims=dims,
    )


def correlated_logp(value: Tensor, loc: Tensor, scale: Tensor, C: Tensor) -> Tensor:
    """Return the log density ``(...)`` of effects, C being the correlation's Cholesky factor."""
    import pytensor.tensor as pt

    z = pt.linalg.solve_triangular(C, (value - loc) / scale, lower=True)
    volume = pt.log(scale) + pt.log(pt.diagonal(C, axis1=-2, axis2=-1))[..., None]
    return (-0.5 * pt.sqr(z) - 0.5 * np.log(2.0 * np.pi) - volume).sum(axis=(-1, -2))


def directions(scale: Tensor, correlation: Tensor) -> Directions:
    """Return the directions along which effects of these scales are independent."""
    import pytensor.tensor as pt

    C = pt.linalg.cholesky(correlation)
    of_effects = scale[..., :1]
    own = of_effects * pt.diagonal(C, axis1=-2, axis2=-1)[..., None]
    return Directions(own, of_effects * C / own.swapaxes(-1, -2))


def _identities(rv: Tensor, k: int) -> Tensor:
    import pytensor.tensor as pt

    return pt.broadcast_to(pt.eye(k), rv.shape)


def _draw(k: int, eta: Tensor, size: Tensor) -> Tensor:
    """Draw the canonical partial correlations, each of them a Beta(b, b) on (-1, 1)."""
    import pymc as pm
    import pytensor.tensor as pt

    rows, columns = np.tril_indices(k, -1)
    b = eta[..., None] + 0.5 * (k - 2.0 - columns)
    z = 2.0 * pm.Beta.dist(b, b) - 1.0
    below = pt.zeros((*(z.shape[j] for j in range(z.ndim - 1)), k, k))[..., rows, columns].set(z)
    steps = 0.5 * pt.log1p(-pt.sqr(below))
    C = (below + pt.eye(k)) * pt.exp(pt.cumsum(steps, axis=-1) - steps)
    return C @ C.swapaxes(-1, -2)


def _lkj_logp(prior: LKJ, value: Tensor, eta: Tensor) -> Tensor:
    import pytensor.tensor as pt

    diagonal = pt.diagonal(pt.linalg.cholesky(value), axis1=-2, axis2=-1)
    return 2.0 * (eta - 1.0) * pt.log(diagonal).sum(axis=-1) - prior.log_norm


def _transform(k: int) -> Any:
    """Return the transform of `numerics.theta.correlations`, of matrices of k rows."""
    import pytensor.tensor as pt
    from pymc.logprob.transforms import Transform

    rows, columns = np.tril_indices(k, -1)

    def log_cosh(u: Tensor) -> Tensor:
        return pt.logaddexp(u, -u) - np.log(2.0)

    class Correlations(Transform):
        name = "correlations"
        ndim_supp = 2

        def backward(self, value: Tensor, *inputs: Tensor) -> Tensor:
            zeros = pt.zeros((*(value.shape[j] for j in range(value.ndim - 1)), k, k))
            below = zeros[..., rows, columns].set(value)
            steps = log_cosh(below)
            left = pt.exp(steps - pt.cumsum(steps, axis=-1))
            C = (pt.tanh(below) + pt.eye(k)) * left
            return C @ C.swapaxes(-1, -2)

        def forward(self, value: Tensor, *inputs: Tensor) -> Tensor:
            C = pt.linalg.cholesky(value)
            left = pt.cumsum(pt.sqr(C)[..., ::-1], axis=-1)[..., ::-1]
            return pt.arctanh(C[..., rows, columns] / pt.sqrt(left[..., rows, columns]))

        def log_jac_det(self, value: Tensor, *inputs: Tensor) -> Tensor:
            return -((float(k) - columns) * log_cosh(value)).sum(axis=-1)

    return Correlations()
