"""The kinds of priors, by what they may be laid on."""

from __future__ import annotations

from typing import Any

from bayesglm.spec.prior.apart import Cauchy, ElasticNet, Flat, Laplace, Normal, StudentT
from bayesglm.spec.prior.correlation import LKJ
from bayesglm.spec.prior.fields import ALD, GaussianProcess
from bayesglm.spec.prior.mixture import SpikeSlab
from bayesglm.spec.prior.positive import (
    Exponential,
    Gamma,
    HalfCauchy,
    HalfNormal,
    HalfStudentT,
    InverseGamma,
    Precision,
    ScalePrior,
    Variance,
    prior_of,
)
from bayesglm.spec.prior.together import GroupLasso, Horseshoe, RandomWalk
from bayesglm.spec.prior.unit import Beta, Uniform
from bayesglm.spec.prior.variance import R2D2

type CoefficientPrior = (
    Normal
    | Laplace
    | StudentT
    | Cauchy
    | ElasticNet
    | GroupLasso
    | Horseshoe
    | SpikeSlab
    | R2D2
    | RandomWalk
    | GaussianProcess
    | ALD
    | HalfNormal
    | Exponential
    | Flat
)
type DispersionPrior = ScalePrior | Beta | Normal | StudentT | Cauchy | Laplace | Flat

COEFFICIENT_PRIORS = (
    Normal,
    Laplace,
    StudentT,
    Cauchy,
    ElasticNet,
    GroupLasso,
    Horseshoe,
    SpikeSlab,
    R2D2,
    RandomWalk,
    GaussianProcess,
    ALD,
    HalfNormal,
    Exponential,
    Flat,
)
DISPERSION_PRIORS = (
    HalfNormal,
    HalfStudentT,
    Exponential,
    HalfCauchy,
    Gamma,
    InverseGamma,
    Precision,
    Variance,
    Beta,
    Uniform,
    Flat,
)
CORRELATION_PRIORS = (LKJ,)
CUTPOINT_PRIORS = (Normal, StudentT, Cauchy, Laplace, Flat)


def learned_scale(prior: object) -> Any:
    """Return the prior of a prior's scale, where that is a parameter; None where it is a number.

    Of a prior of a share of variance it is that of the share.

    >>> learned_scale(Normal(HalfNormal(1.0)))
    HalfNormal(1.0)
    """
    own = getattr(prior, "above", None)
    return prior_of(getattr(prior, "scale", None)) if own is None else own


def learned_beside(prior: object) -> dict[str, Any]:
    """Return the priors of what a prior learns beside its scale, by how their names end.

    >>> learned_beside(GaussianProcess(1.0, InverseGamma(3.0, 10.0)))
    {'lengthscale': InverseGamma(3.0, 10.0)}
    """
    return getattr(prior, "beside", {})


def learned_correlation(term: object) -> LKJ | None:
    """Return the prior of the correlation of a term's effects; None where they have none."""
    return getattr(term, "correlated", None) or None
