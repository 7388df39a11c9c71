"""Priors of coefficients and dispersions, in their own language and in that of penalties."""

from __future__ import annotations

from bayesglm.errors import ModelError
from bayesglm.spec.noun import noun, put
from bayesglm.spec.numbers import Number, frozen_number


@noun
class Normal:
    """Gaussian prior of coefficients: an L2 (ridge) penalty.

    log p(w) = -(w - loc)**2 / (2 scale**2) - log(scale) - log(2 pi)/2 for every coefficient, so
    ``Normal(scale)`` is the penalty lam/2 * sum(w**2) with lam = 1/scale**2 (Hoerl & Kennard
    1970, read as a prior).

    Parameters
    ----------
    scale : float or array
        Standard deviation, in units of the coefficient (link units per unit of the predictor).
        An array must broadcast against the coefficient's dims; it is kept as nested tuples.
    loc : float or array
        Mean.

    Raises
    ------
    ModelError
        A scale that is not positive and finite.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.Normal(2.0)
    Normal(2.0)
    >>> bg.Normal(0.5) == bg.ridge(4.0)
    True
    """

    scale: Number
    loc: Number = 0.0

    def __post_init__(self) -> None:
        _check_scale(self)
        put(self, loc=frozen_number("Normal loc", self.loc))


@noun
class Laplace:
    """Double-exponential prior of coefficients: an L1 (lasso) penalty.

    log p(w) = -abs(w - loc)/scale - log(2 scale) for every coefficient, so ``Laplace(scale)`` is
    the penalty lam * sum(abs(w)) with lam = 1/scale (Tibshirani 1996, section 5). Its mode can
    be exactly ``loc``; its posterior holds no exact zeros.

    Parameters
    ----------
    scale, loc : float or array
        As in `Normal`; the standard deviation is sqrt(2) * scale.

    Raises
    ------
    ModelError
        A scale that is not positive and finite.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.Laplace(0.5) == bg.lasso(2.0)
    True
    """

    scale: Number
    loc: Number = 0.0

    def __post_init__(self) -> None:
        _check_scale(self)
        put(self, loc=frozen_number("Laplace loc", self.loc))


@noun
class Flat:
    """Improper flat prior: no penalty, so the MAP is the maximum likelihood estimate.

    log p(w) = 0. On a dispersion it is flat on (0, inf).

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.Flat() == bg.ridge(0)
    True
    """


@noun
class HalfNormal:
    """Half-normal prior of a positive parameter such as sigma.

    log p(s) = log(2) - s**2/(2 scale**2) - log(scale) - log(2 pi)/2 for s > 0.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.HalfNormal(1.5)
    HalfNormal(1.5)
    """

    scale: Number

    def __post_init__(self) -> None:
        _check_scale(self)


@noun
class HalfStudentT:
    """Half-Student-t prior of a positive parameter; the default of sigma has 4 degrees of freedom.

    log p(s) = log(2) + log t(s; df, 0, scale) for s > 0 (Gelman 2006).

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.HalfStudentT(2.0, df=3)
    HalfStudentT(2.0, df=3.0)
    """

    scale: Number
    df: Number = 4.0

    def __post_init__(self) -> None:
        _check_scale(self)
        put(self, df=frozen_number("HalfStudentT df", self.df, positive=True))


@noun
class Exponential:
    """Exponential prior of a positive parameter; ``scale`` is its mean.

    log p(s) = -s/scale - log(scale) for s > 0 (PyMC's ``lam`` is 1/scale).

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.Exponential(2.0)
    Exponential(2.0)
    """

    scale: Number

    def __post_init__(self) -> None:
        _check_scale(self)


type CoefficientPrior = Normal | Laplace | Flat
type DispersionPrior = HalfNormal | HalfStudentT | Exponential | Flat

COEFFICIENT_PRIORS = (Normal, Laplace, Flat)
DISPERSION_PRIORS = (HalfNormal, HalfStudentT, Exponential, Flat)


def ridge(lam: float) -> Normal | Flat:
    """Say a Normal prior as an L2 penalty: lam/2 * sum(w**2) on the sum of log-likelihoods.

    Parameters
    ----------
    lam : float
        Penalty weight, at least 0; ``ridge(0)`` is `Flat`.

    Returns
    -------
    Normal or Flat
        ``Normal(lam**-0.5)``.

    Raises
    ------
    ModelError
        A negative or infinite penalty.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.ridge(4.0)
    Normal(0.5)
    """
    lam = _penalty("ridge", lam)
    return Normal(lam**-0.5) if lam else Flat()


def lasso(lam: float) -> Laplace | Flat:
    """Say a Laplace prior as an L1 penalty: lam * sum(abs(w)) on the sum of log-likelihoods.

    Parameters
    ----------
    lam : float
        Penalty weight, at least 0; ``lasso(0)`` is `Flat`.

    Returns
    -------
    Laplace or Flat
        ``Laplace(1/lam)``.

    Raises
    ------
    ModelError
        A negative or infinite penalty.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.lasso(2.0)
    Laplace(0.5)
    """
    lam = _penalty("lasso", lam)
    return Laplace(1.0 / lam) if lam else Flat()


def _penalty(what: str, lam: object) -> float:
    value = frozen_number(f"{what}(lam): lam", lam)
    if isinstance(value, tuple):
        raise ModelError(f"{what}(lam): lam must be one number; use a prior with an array scale.")
    if value < 0:
        raise ModelError(f"{what}(lam): lam must be at least 0, got {value!r}.")
    return value


def _check_scale(prior: object) -> None:
    what = type(prior).__name__
    scale = prior.scale  # type: ignore[attr-defined]
    if isinstance(scale, (*COEFFICIENT_PRIORS, *DISPERSION_PRIORS)):
        raise ModelError(
            f"{what} scale is itself a prior ({scale!r}); learned scales are not available yet. "
            "Give a number, or compare a few scales with kfold."
        )
    put(prior, scale=frozen_number(f"{what} scale", scale, positive=True))
