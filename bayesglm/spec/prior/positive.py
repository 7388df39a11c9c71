"""Priors of positive numbers: dispersions, the scales of other priors."""

from __future__ import annotations

from typing import ClassVar

from bayesglm.spec.noun import noun, put
from bayesglm.spec.numbers import Number, frozen_number
from bayesglm.spec.prior.traits import Shown, Traits, check_scale


@noun
class HalfNormal(Shown):
    """Half-normal prior: of sigma, of another prior's scale, or of coefficients not below zero.

    log p(s) = log(2) - s**2/(2 scale**2) - log(scale) - log(2 pi)/2 for s >= 0. On coefficients it
    is the non-negative ridge: the penalty lam/2 * sum(w**2) with lam = 1/scale**2, under which no
    coefficient is negative (Lawson & Hanson 1974, chapter 23; Slawski & Hein 2013). Its mode can be
    exactly zero; its posterior holds no exact zeros.

    Parameters
    ----------
    scale : float or array
        Standard deviation of the normal that is halved, in units of the parameter; an array must
        broadcast against the coefficient's dims.

    Raises
    ------
    ModelError
        A scale that is not positive and finite, or is a prior itself.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.HalfNormal(1.5)
    HalfNormal(1.5)
    >>> data = {"y": [0.1, 1.2, 1.9, 3.2], "x": [[0, 1], [1, 0], [2, 1], [3, 0]]}
    >>> model = bg.GLM("y", bg.Linear("x", prior=bg.HalfNormal(1.0)), dispersion=0.1)
    >>> bg.fit_map(model, data)["map"]["x"].values.round(2).tolist()
    [1.0, 0.0]
    """

    traits: ClassVar[Traits] = Traits(power=2.0)

    scale: Number

    def __post_init__(self) -> None:
        check_scale(self)


@noun
class HalfStudentT(Shown):
    """Half-Student-t prior of a positive parameter; the default of sigma has 4 degrees of freedom.

    log p(s) = log(2) + log t(s; df, 0, scale) for s > 0 (Gelman 2006).

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.HalfStudentT(2.0, df=3)
    HalfStudentT(2.0, df=3.0)
    """

    traits: ClassVar[Traits] = Traits()

    scale: Number
    df: Number = 4.0

    def __post_init__(self) -> None:
        check_scale(self)
        put(self, df=frozen_number("HalfStudentT df", self.df, positive=True))


@noun
class Exponential(Shown):
    """Exponential prior: of sigma, of another prior's scale, or of coefficients not below zero.

    log p(s) = -s/scale - log(scale) for s >= 0; ``scale`` is its mean (PyMC's ``lam`` is 1/scale).
    On coefficients it is the non-negative lasso: the penalty lam * sum(w) with lam = 1/scale, under
    which no coefficient is negative (Efron et al. 2004, section 3.4). Its mode can be exactly zero;
    its posterior holds no exact zeros.

    Parameters
    ----------
    scale : float or array
        Mean, in units of the parameter; an array must broadcast against the coefficient's dims.

    Raises
    ------
    ModelError
        As in `HalfNormal`.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.Exponential(2.0)
    Exponential(2.0)
    """

    traits: ClassVar[Traits] = Traits(power=1.0)

    scale: Number

    def __post_init__(self) -> None:
        check_scale(self)


@noun
class Gamma(Shown):
    """Gamma prior of a positive parameter, of mean shape/rate.

    log p(s) = shape log(rate) - log(G(shape)) + (shape - 1) log(s) - rate s for s > 0, G being the
    gamma function (PyMC's ``alpha`` and ``beta``).

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.Gamma(2.0, 0.1)
    Gamma(2.0, 0.1)
    """

    traits: ClassVar[Traits] = Traits()

    shape: Number
    rate: Number

    def __post_init__(self) -> None:
        put(self, shape=frozen_number("Gamma shape", self.shape, positive=True))
        put(self, rate=frozen_number("Gamma rate", self.rate, positive=True))


@noun
class InverseGamma(Shown):
    """Inverse gamma prior of a positive parameter: 1/s is gamma, of mean shape/scale.

    log p(s) = shape log(scale) - log(G(shape)) - (shape + 1) log(s) - scale/s for s > 0, G being
    the gamma function (PyMC's ``alpha`` and ``beta``).

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.InverseGamma(0.5, 0.5)
    InverseGamma(0.5, 0.5)
    """

    traits: ClassVar[Traits] = Traits()

    shape: Number
    scale: Number

    def __post_init__(self) -> None:
        put(self, shape=frozen_number("InverseGamma shape", self.shape, positive=True))
        check_scale(self)


type ScalePrior = HalfNormal | HalfStudentT | Exponential

SCALE_PRIORS = (HalfNormal, HalfStudentT, Exponential)


def prior_of(scale: object) -> ScalePrior | None:
    """Return what a prior was given for its scale, where that is a prior itself."""
    return scale if isinstance(scale, SCALE_PRIORS) else None
