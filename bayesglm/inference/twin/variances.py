"""Shares of variance in PyMC: a Dirichlet prior of arrays, and the scales that they make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from bayesglm.inference.problem.problem import Problem
from bayesglm.numerics.priors.dirichlet import Dirichlet
from bayesglm.numerics.priors.spectra import VarianceScale
from bayesglm.numerics.theta.parameter import Parameter

type Tensor = Any


def shares(own: Parameter, lead: tuple[int, ...], name: str, dims: tuple[str, ...]) -> Tensor:
    """Return shares ``(*lead, *shape)`` as a variable; those of one array add up to one."""
    import pymc as pm

    prior, shape = own.prior, own.shape
    assert isinstance(prior, Dirichlet)
    if len(shape) == 1:
        return pm.Dirichlet(name, a=np.full((*lead, *shape), prior.concentration), dims=dims)
    core = ",".join(f"n{axis}" for axis in range(len(shape)))
    return pm.CustomDist(
        name,
        np.full((*lead, *shape), prior.concentration),
        dist=partial(_draw, len(shape)),
        logp=partial(_logp, prior, len(shape)),
        support_point=lambda rv, size, a: a / a.sum(tuple(range(-len(shape), 0)), keepdims=True),
        signature=f"({core})->({core})",
        transform=_transform(shape),
        class_name="Dirichlet",
        dims=dims,
    )


def variance_scale(
    problems: Sequence[Problem],
    spectra: Sequence[VarianceScale],
    variable: Callable[[str], Tensor],
    lead: tuple[int, ...],
    shape: tuple[int, ...],
) -> Tensor:
    """Return the scales of coefficients ``(*lead, *shape)`` that a share of variance makes."""
    import pymc as pm
    import pytensor.tensor as pt

    first, r2 = spectra[0], variable("r2")
    unit = np.exp(np.stack([one.log_unit for one in spectra])).reshape((*lead, *shape))
    scale = unit * pt.sqrt(r2 / (1.0 - r2))
    if first.share is not None:
        scale = scale * pt.sqrt(variable("share"))
    if first.sigma is None:
        return scale
    free = problems[0].natural.registry.free
    name = next(one.name for one in free if one.place.start == first.sigma)
    sigma = pm.modelcontext(None)[name]
    return scale * sigma.reshape((*sigma.shape, *(1 for _ in shape)))


def _draw(ndim: int, a: Tensor, size: Tensor) -> Tensor:
    import pymc as pm

    parts = pm.Gamma.dist(a, 1.0)
    return parts / parts.sum(axis=tuple(range(-ndim, 0)), keepdims=True)


def _logp(prior: Dirichlet, ndim: int, value: Tensor, a: Tensor) -> Tensor:
    import pytensor.tensor as pt

    each = (a - 1.0) * pt.log(value)
    return each.sum(axis=tuple(range(-ndim, 0))) + prior.constant


def _transform(shape: tuple[int, ...]) -> Any:
    """Return PyMC's transform of shares on one axis for those on several."""
    from pymc.distributions.transforms import simplex
    from pymc.logprob.transforms import Transform

    class Shares(Transform):
        name = "shares"
        ndim_supp = len(shape)

        def backward(self, value: Tensor, *inputs: Tensor) -> Tensor:
            flat = simplex.backward(value)
            return flat.reshape((*(flat.shape[j] for j in range(flat.ndim - 1)), *shape))

        def forward(self, value: Tensor, *inputs: Tensor) -> Tensor:
            lead = (value.shape[j] for j in range(value.ndim - len(shape)))
            return simplex.forward(value.reshape((*lead, int(np.prod(shape)))))

        def log_jac_det(self, value: Tensor, *inputs: Tensor) -> Tensor:
            return simplex.log_jac_det(value)

    return Shares()
