"""Each prior's twin in PyMC, by the name that the native record has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bayesglm.inference.twin.variances import variance_scale
from bayesglm.inference.twin.waves import wave_scale
from bayesglm.numerics.priors.differences import Differences
from bayesglm.numerics.priors.groups import Groups
from bayesglm.numerics.priors.laplace import elastic_net_log_norm, group_lasso_log_norm
from bayesglm.numerics.priors.steps import Steps

type Tensor = Any

# Newton steps in a draw of an elastic net: they leave an error of 1e-15 scales, whatever the ratio.
NEWTON_STEPS = 5


def _prior(name_in_pymc: str, rename: dict[str, str]) -> Callable[..., Tensor]:
    def make(
        name: str,
        dims: tuple[str, ...],
        structure: Any = None,
        bounds: dict[str, Any] | None = None,
        **parameters: Any,
    ) -> Tensor:
        import pymc as pm

        renamed = {rename[key]: value for key, value in parameters.items()}
        return getattr(pm, name_in_pymc)(name, dims=dims, **renamed, **(bounds or {}))

    return make


def _root(name_in_pymc: str, rename: dict[str, str]) -> Callable[..., Tensor]:
    """Return the twin of a scale, of whose square PyMC has the distribution."""

    def make(name: str, dims: tuple[str, ...], structure: Any = None, **parameters: Any) -> Tensor:
        import pymc as pm
        import pytensor.tensor as pt
        from pymc.distributions.transforms import log

        of_square = getattr(pm, name_in_pymc)
        renamed = {rename[key]: value for key, value in parameters.items()}

        def logp(value: Tensor, *numbers: Tensor) -> Tensor:
            square = of_square.dist(**dict(zip(renamed, numbers, strict=True)))
            return pm.logp(square, pt.sqr(value)) + pt.log(2.0 * value)

        def draw(*numbers_and_size: Tensor) -> Tensor:
            *numbers, size = numbers_and_size
            named = dict(zip(renamed, numbers, strict=True))
            return pt.sqrt(of_square.dist(**named, size=size))

        return pm.CustomDist(
            name,
            *renamed.values(),
            logp=logp,
            dist=draw,
            support_point=lambda rv, size, *numbers: pt.ones_like(rv),
            class_name=f"Root{name_in_pymc}",
            transform=log,
            dims=dims,
        )

    return make


def _exponential(name: str, dims: tuple[str, ...], scale: Any, structure: Any = None) -> Tensor:
    import pymc as pm

    return pm.Exponential(name, lam=1.0 / scale, dims=dims)


def _elastic_net(
    name: str, dims: tuple[str, ...], scale: Any, ratio: Any, loc: Any, structure: Any = None
) -> Tensor:
    import pymc as pm
    import pytensor.tensor as pt

    # PyTensor has no logarithm of erfcx: numpy computes the norm of the unit scale.
    unit = np.asarray(elastic_net_log_norm(1.0, ratio))
    return pm.CustomDist(
        name,
        *(loc, scale, ratio, unit + pt.log(scale)),
        logp=_elastic_net_logp,
        dist=_draw_elastic_net,
        support_point=lambda rv, size, loc, *others: pt.full(size, loc),
        class_name="ElasticNet",
        dims=dims,
    )


def _elastic_net_logp(
    value: Tensor, loc: Tensor, scale: Tensor, ratio: Tensor, log_norm: Tensor
) -> Tensor:
    z = abs(value - loc) / scale
    return -ratio * z - 0.5 * (1.0 - ratio) * z * z - log_norm


def _draw_elastic_net(
    loc: Tensor, scale: Tensor, ratio: Tensor, log_norm: Tensor, size: Tensor
) -> Tensor:
    """Draw by inverting the survival function: a graph, which every backend of PyTensor compiles.

    t = |w - loc| sqrt(1 - ratio)/scale is a standard normal less alpha, given that it is above
    zero: -log P(t) = alpha t + t^2/2 - log(erfcx((alpha + t)/sqrt(2))/erfcx(alpha/sqrt(2))) is a
    standard exponential e. It is convex and above alpha t + t^2/2, so Newton's steps from where
    that equals e come down to the root without overshooting.
    """
    import pymc as pm
    import pytensor.tensor as pt

    width, half = pt.sqrt(1.0 - ratio), np.array(np.sqrt(0.5))
    alpha = ratio / width
    e = pm.Exponential.dist(lam=1.0, shape=size)
    t = 2.0 * e / (alpha + pt.sqrt(alpha * alpha + 2.0 * e))
    at_zero = pt.erfcx(half * alpha)
    for _ in range(NEWTON_STEPS):
        at_t = pt.erfcx(half * (alpha + t))
        excess = alpha * t + 0.5 * t * t - pt.log(at_t / at_zero) - e
        t = pt.maximum(t - excess * at_t * np.array(np.sqrt(0.5 * np.pi)), 0.0)
    side = 2.0 * pm.Bernoulli.dist(p=0.5, shape=size) - 1.0
    return loc + side * scale * t / width


def _spike_slab(
    name: str,
    dims: tuple[str, ...],
    scale: Any,
    spike: Any,
    probability: Any,
    structure: Any = None,
) -> Tensor:
    import pymc as pm
    import pytensor.tensor as pt

    shares = pt.stack([1.0 - pt.as_tensor(probability), pt.as_tensor(probability)], axis=-1)
    sds = pt.stack([pt.as_tensor(spike), pt.as_tensor(scale)], axis=-1)
    return pm.NormalMixture(name, w=shares, mu=0.0, sigma=sds, dims=dims)


def _random_walk(name: str, dims: tuple[str, ...], scale: Any, structure: Differences) -> Tensor:
    """Write the intrinsic density as a flat variable and the potential that holds it together."""
    import pymc as pm
    import pytensor.tensor as pt

    w = pm.Flat(name, dims=dims)
    lead, scale = len(dims) - len(structure.shape), pt.as_tensor(scale)
    squares = sum(
        pt.sqr(pt.diff(w / scale, n=structure.order, axis=lead + axis)).sum()
        for axis in structure.axes
    )
    of_each = structure.log_pdet - structure.rank * np.log(2.0 * np.pi)
    size = scale.size / structure.size
    scales = 2.0 * structure.rank / structure.size * pt.log(scale).sum()
    pm.Potential(f"{name}_walk", 0.5 * (size * of_each - scales - squares))
    return w


def _group_lasso(name: str, dims: tuple[str, ...], scale: Any, structure: Groups) -> Tensor:
    """Write the density of the groups' lengths as a potential on a flat variable."""
    import pymc as pm
    import pytensor.tensor as pt

    w, q = pm.Flat(name, dims=dims), len(structure.labels)
    flat, scales = w.reshape((-1, q)), pt.as_tensor(scale).reshape((-1, q))
    pm.Potential(f"{name}_groups", group_lasso_density(flat, scales, structure))
    return w


def group_lasso_density(flat: Tensor, scales: Tensor, structure: Groups) -> Tensor:
    """Return the log density of coefficients ``(k, q)`` under scales of the same shape."""
    import pytensor.tensor as pt

    total: Tensor = 0.0
    for members in structure.groups:
        size, of_group = float(len(members)), scales[:, members[0]]
        length = pt.sqrt(pt.sqr(flat[:, members]).sum(axis=-1))
        norm = np.array(group_lasso_log_norm(1.0, size))
        total -= (np.sqrt(size) * length / of_group + norm + size * pt.log(of_group)).sum()
    return total


def _steps(name: str, dims: tuple[str, ...], scale: Any, structure: Steps) -> Tensor:
    """Write steps of one sign as the product of their mean and the shares of their sum."""
    import pymc as pm

    every = np.asarray(scale)
    mean = pm.Normal(f"{name}_mean", sigma=every[..., 0], dims=dims[:-1])
    if structure.size == 1:
        return pm.Deterministic(name, mean[..., None], dims=dims)
    share = pm.Dirichlet(f"{name}_share", a=np.ones(every.shape), dims=dims)
    return pm.Deterministic(name, structure.size * mean[..., None] * share, dims=dims)


PRIOR_TWINS: dict[str, Callable[..., Tensor]] = {
    "Flat": _prior("Flat", {}),
    "Flat > 0": _prior("HalfFlat", {}),
    "Normal": _prior("Normal", {"scale": "sigma", "loc": "mu"}),
    "Laplace": _prior("Laplace", {"scale": "b", "loc": "mu"}),
    "StudentT": _prior("StudentT", {"scale": "sigma", "df": "nu", "loc": "mu"}),
    "Cauchy": _prior("Cauchy", {"scale": "beta", "loc": "alpha"}),
    "ElasticNet": _elastic_net,
    "Horseshoe": _prior("Normal", {"scale": "sigma"}),
    "SpikeSlab": _spike_slab,
    "R2D2": _prior("Normal", {"scale": "sigma"}),
    "GaussianProcess": _prior("Normal", {"scale": "sigma"}),
    "ALD": _prior("Normal", {"scale": "sigma"}),
    "GroupLasso": _group_lasso,
    "RandomWalk": _random_walk,
    "Steps": _steps,
    "HalfNormal": _prior("HalfNormal", {"scale": "sigma"}),
    "HalfStudentT": _prior("HalfStudentT", {"scale": "sigma", "df": "nu"}),
    "HalfCauchy": _prior("HalfCauchy", {"scale": "beta"}),
    "Exponential": _exponential,
    "Beta": _prior("Beta", {"alpha": "alpha", "beta": "beta"}),
    "Uniform": _prior("Uniform", {"lower": "lower", "upper": "upper"}),
    "Gamma": _prior("Gamma", {"shape": "alpha", "rate": "beta"}),
    "InverseGamma": _prior("InverseGamma", {"shape": "alpha", "scale": "beta"}),
    "RootGamma": _root("Gamma", {"shape": "alpha", "rate": "beta"}),
    "RootInverseGamma": _root("InverseGamma", {"shape": "alpha", "scale": "beta"}),
}


def common_scale(
    problems: Any, spectra: Any, variable: Callable[[str], Tensor], lead: Any, shape: Any
) -> Tensor:
    """Return the scale that all coefficients of ``shape`` share."""
    return variable("scale") * np.ones(shape)


def _horseshoe_scale(
    problems: Any, spectra: Any, variable: Callable[[str], Tensor], lead: Any, shape: Any
) -> Tensor:
    import pytensor.tensor as pt

    wide = pt.sqr(variable("scale") * variable("local"))
    slab = variable("slab")
    return pt.sqrt(slab * wide / (slab + wide))


# Scales that are learned, of ``variable(suffix)``, where they are not just the one of that name.
SCALE_TWINS: dict[str, Callable[..., Tensor]] = {
    "Horseshoe": _horseshoe_scale,
    "R2D2": variance_scale,
    "GaussianProcess": wave_scale,
    "ALD": wave_scale,
}
