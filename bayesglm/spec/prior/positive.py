"""Priors of positive numbers: dispersions, the scales of other priors."""

from __future__ import annotations

from typing import Any, ClassVar

from bayesglm.errors import ModelError
from bayesglm.spec.hints import shown
from bayesglm.spec.noun import noun, put
from bayesglm.spec.numbers import Number, frozen_number
from bayesglm.spec.prior.traits import Shown, Traits, check_scale
from bayesglm.spec.prior.unit import Uniform


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

    traits: ClassVar[Traits] = Traits(power=2.0, measure="the sum of w²")

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
class HalfCauchy(Shown):
    """Half-Cauchy prior of a positive parameter: a half Student t of one degree of freedom.

    log p(s) = log(2/pi) - log(scale) - log(1 + s**2/scale**2) for s > 0 (Gelman 2006; Polson &
    Scott 2012). Half of it lies below ``scale``; it has no mean.

    Raises
    ------
    ModelError
        As in `HalfNormal`.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.Normal(bg.HalfCauchy(2.5))
    Normal(HalfCauchy(2.5))
    """

    traits: ClassVar[Traits] = Traits()

    scale: Number

    def __post_init__(self) -> None:
        check_scale(self)


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

    traits: ClassVar[Traits] = Traits(power=1.0, measure="the sum of w")

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


@noun
class Precision(Shown):
    """Prior of a positive parameter s whose precision, s**-2, has a gamma distribution.

    log p(s) = log p_of(s**-2) + log(2 s**-3) for s > 0: the density of the precision, times the
    Jacobian, the size of d s**-2 / d s. With ``Gamma(a, b)`` that is -(2 a + 1) log(s) - b s**-2 up
    to a constant, as ``Variance(InverseGamma(a, b))`` is; BUGS and INLA state their models so. A
    coefficient by itself is, under ``Normal(Precision(Gamma(a, b)))``, a Student t of 2 a degrees
    of freedom and of the scale sqrt(b/a).

    Parameters
    ----------
    of : Gamma or InverseGamma
        The prior of the precision.

    Raises
    ------
    ModelError
        Anything else than a `Gamma` or an `InverseGamma`.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.Group("subject", prior=bg.Normal(bg.Precision(bg.Gamma(0.01, 0.01))))
    Group('subject', prior=Normal(Precision(Gamma(0.01, 0.01))))
    >>> student = bg.StudentT(0.5**0.5, df=4.0)
    >>> prior = bg.Normal(bg.Precision(bg.Gamma(2.0, 1.0)))
    >>> bool(abs(prior.logpdf(1.0) - student.logpdf(1.0)) < 1e-10)
    True
    """

    traits: ClassVar[Traits] = Traits(has_scale=False)

    of: Gamma | InverseGamma

    def __post_init__(self) -> None:
        _check_of(self)

    @property
    def in_numbers(self) -> tuple[str, dict[str, Any]]:
        """The record that computes it, which is that of a variance, and its numbers."""
        shape, other = vars(self.of).values()
        if isinstance(self.of, Gamma):
            return "RootInverseGamma", {"shape": shape, "scale": other}
        return "RootGamma", {"shape": shape, "rate": other}


@noun
class Variance(Shown):
    """Prior of a positive parameter s whose variance, s**2, has an inverse gamma distribution.

    log p(s) = log p_of(s**2) + log(2 s) for s > 0: the density of the variance, times the Jacobian
    d s**2 / d s = 2 s. With ``InverseGamma(a, b)`` that is -(2 a + 1) log(s) - b s**-2, and with
    ``Gamma(a, b)`` (2 a - 1) log(s) - b s**2, up to constants. A coefficient by itself is, under
    ``Normal(Variance(Gamma(1, b)))``, a Laplace of the scale (2 b)**-0.5 (Park & Casella 2008).

    Parameters
    ----------
    of : InverseGamma or Gamma
        The prior of the variance.

    Raises
    ------
    ModelError
        Anything else than an `InverseGamma` or a `Gamma`.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.GLM("y", "x", dispersion=bg.Variance(bg.InverseGamma(0.5, 0.5))).dispersion
    Variance(InverseGamma(0.5, 0.5))
    >>> float(bg.Variance(bg.InverseGamma(0.5, 0.5)).penalty(0.5**0.5).round(12))
    0.0
    """

    traits: ClassVar[Traits] = Traits(has_scale=False)

    of: Gamma | InverseGamma

    def __post_init__(self) -> None:
        _check_of(self)

    @property
    def in_numbers(self) -> tuple[str, dict[str, Any]]:
        """The record that computes it, and its numbers."""
        return f"Root{type(self.of).__name__}", dict(vars(self.of))


def _check_of(prior: Precision | Variance) -> None:
    """Raise ModelError where what a square has is no prior that it takes."""
    if not isinstance(prior.of, (Gamma, InverseGamma)):
        what = type(prior).__name__
        raise ModelError(
            f"{what} takes a Gamma or an InverseGamma, the prior of the {what.lower()}, got "
            f"{shown(prior.of)}; write {what}(Gamma(0.01, 0.01)), say. Where it is a number, write "
            "ridge(precision), or Normal(variance**0.5)."
        )


type ScalePrior = (
    HalfNormal
    | HalfStudentT
    | Exponential
    | HalfCauchy
    | Gamma
    | InverseGamma
    | Precision
    | Variance
    | Uniform
)

SCALE_PRIORS = (
    HalfNormal,
    HalfStudentT,
    Exponential,
    HalfCauchy,
    Gamma,
    InverseGamma,
    Precision,
    Variance,
    Uniform,
)


def prior_of(scale: object) -> ScalePrior | None:
    """Return what a prior was given for its scale, where that is a prior itself."""
    return scale if isinstance(scale, SCALE_PRIORS) else None
