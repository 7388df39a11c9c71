"""Priors of coefficients and dispersions, in their own language and in that of penalties."""

from __future__ import annotations

import math
from numbers import Integral
from typing import Any

from bayesglm.errors import ModelError
from bayesglm.spec.noun import noun, put
from bayesglm.spec.numbers import Number, entries, frozen_number


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
class ElasticNet:
    """Prior between Laplace and Normal: an L1 and an L2 penalty at once (elastic net).

    log p(w) = -ratio*abs(z) - (1 - ratio)*z**2/2 - log Z for every coefficient, with
    z = (w - loc)/scale and Z = scale * sqrt(2 pi/(1 - ratio)) * erfcx(ratio/sqrt(2 (1 - ratio))),
    so ``ElasticNet(scale, ratio)`` is the penalty lam1 * sum(abs(w)) + lam2/2 * sum(w**2) with
    lam1 = ratio/scale and lam2 = (1 - ratio)/scale**2 (Zou & Hastie 2005; as a prior: Li & Lin
    2010). Its mode can be exactly ``loc``; its posterior holds no exact zeros.

    Parameters
    ----------
    scale : float or array
        Width, in units of the coefficient; as in `Normal`.
    ratio : float or array
        Share of the L1 penalty, above 0 and below 1: `Normal` is 0, and `Laplace` is 1.
    loc : float or array
        Centre.

    Raises
    ------
    ModelError
        A scale that is not positive and finite, or a ratio that is not between 0 and 1.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.ElasticNet(0.5, ratio=0.25)
    ElasticNet(0.5, ratio=0.25)
    >>> bg.ElasticNet(0.5) == bg.elastic_net(1.0, 2.0)
    True
    """

    scale: Number
    ratio: Number = 0.5
    loc: Number = 0.0

    def __post_init__(self) -> None:
        _check_scale(self)
        ratio = frozen_number("ElasticNet ratio", self.ratio)
        for entry in entries(ratio):
            if not 0 < entry < 1:
                raise ModelError(
                    f"ElasticNet ratio must lie above 0 and below 1, got {entry!r}; at 0 the prior "
                    "is Normal(scale), at 1 Laplace(scale): use those."
                )
        put(self, ratio=ratio, loc=frozen_number("ElasticNet loc", self.loc))


@noun
class RandomWalk:
    """Intrinsic Gaussian Markov random field: neighbours are alike (a smoothness penalty).

    log p(w) = -w'Qw/(2 scale**2) - r/2 * log(2 pi scale**2) + log pdet(Q)/2, where Q is the
    Kronecker sum over ``dims`` of D'D, D takes the differences of the given order along one dim,
    r is the rank of Q and pdet the product of its non-zero eigenvalues (Rue & Held 2005, chapter
    3). So it is the penalty lam/2 times the sum of squared differences, lam = 1/scale**2. It is
    improper: constants (for order 2 also straight lines, and so on, along each dim) are free.

    Parameters
    ----------
    scale : float or array
        Standard deviation of a difference, in units of the coefficient. An array must broadcast
        against the coefficient's dims (a population's first) and not vary along smoothed dims.
    order : int
        1 to 4: differences of neighbours, differences of these, and so on.
    dims : str or tuple of str, optional
        Dims of the coefficient to smooth along; all of them by default. ``"lag"`` is the term's
        own lag dim, ``<term>_lag``.

    Raises
    ------
    ModelError
        A scale that is not positive and finite, an order that is not 1, 2, 3 or 4, or dims that
        are no names.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.RandomWalk(0.5, order=2, dims="lag")
    RandomWalk(0.5, order=2, dims='lag')
    >>> bg.RandomWalk(0.5) == bg.smooth(4.0)
    True
    """

    scale: Number
    order: int = 1
    dims: str | tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        _check_scale(self)
        put(self, order=_checked_order(self.order), dims=_checked_dims(self.dims))


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


type CoefficientPrior = Normal | Laplace | ElasticNet | RandomWalk | Flat
type DispersionPrior = HalfNormal | HalfStudentT | Exponential | Flat

COEFFICIENT_PRIORS = (Normal, Laplace, ElasticNet, RandomWalk, Flat)
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
    lam = _penalty("ridge(lam): lam", lam)
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
    lam = _penalty("lasso(lam): lam", lam)
    return Laplace(1.0 / lam) if lam else Flat()


def elastic_net(lam1: float, lam2: float) -> ElasticNet | Laplace | Normal | Flat:
    """Say an ElasticNet prior as its penalty: lam1 * sum(abs(w)) + lam2/2 * sum(w**2).

    Parameters
    ----------
    lam1, lam2 : float
        Weights of the L1 and of the L2 penalty on the sum of log-likelihoods, at least 0.
        ``elastic_net(lam, 0)`` is ``lasso(lam)``, and ``elastic_net(0, lam)`` is ``ridge(lam)``.

    Returns
    -------
    ElasticNet, Laplace, Normal or Flat
        ``ElasticNet(scale, ratio)`` with scale = 2/(lam1 + sqrt(lam1**2 + 4 lam2)) and ratio =
        lam1 * scale. The ratio is a float, so lam2 is kept to about 1e-16 * lam1**2; where lam2
        is less than that, or lam1 less than floats can say beside lam2, it is the Laplace or the
        Normal of the other penalty.

    Raises
    ------
    ModelError
        A negative or infinite penalty.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.elastic_net(2.0, 8.0)
    ElasticNet(0.25)
    """
    lam1 = _penalty("elastic_net(lam1, lam2): lam1", lam1)
    lam2 = _penalty("elastic_net(lam1, lam2): lam2", lam2)
    if not lam2:
        return Laplace(1.0 / lam1) if lam1 else Flat()
    # Halves before the sum, and a hypotenuse: no square and no sum overflows.
    scale = 1.0 / (lam1 / 2 + math.hypot(lam1 / 2, math.sqrt(lam2)))
    rest = lam2 * scale * scale
    ratio = lam1 * scale if rest > 0.5 else 1.0 - rest
    if ratio == 0.0:
        return Normal(lam2**-0.5)
    return ElasticNet(scale, ratio) if ratio < 1.0 else Laplace(1.0 / lam1)


def smooth(
    lam: float, order: int = 1, dims: str | tuple[str, ...] | None = None
) -> RandomWalk | Flat:
    """Say a RandomWalk prior as its penalty: lam/2 * the sum of squared differences.

    Parameters
    ----------
    lam : float
        Penalty weight on the sum of log-likelihoods, at least 0; ``smooth(0)`` is `Flat`.
    order, dims
        As in `RandomWalk`.

    Returns
    -------
    RandomWalk or Flat
        ``RandomWalk(lam**-0.5, order, dims)``.

    Raises
    ------
    ModelError
        A negative or infinite penalty; an order or dims that `RandomWalk` refuses.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.smooth(4.0, order=2)
    RandomWalk(0.5, order=2)
    """
    lam = _penalty("smooth(lam): lam", lam)
    prior = RandomWalk(lam**-0.5 if lam else 1.0, order, dims)
    return prior if lam else Flat()


def _penalty(what: str, lam: object) -> float:
    value = frozen_number(what, lam)
    if isinstance(value, tuple):
        raise ModelError(f"{what} must be one number; use a prior with an array scale.")
    if value < 0:
        raise ModelError(f"{what} must be at least 0, got {value!r}.")
    return value


def _checked_order(order: Any) -> int:
    order = order.tolist() if hasattr(order, "tolist") else order
    if isinstance(order, bool) or not isinstance(order, Integral) or order not in (1, 2, 3, 4):
        raise ModelError(f"RandomWalk order must be 1, 2, 3 or 4, got {order!r}.")
    return int(order)


def _checked_dims(dims: Any) -> str | tuple[str, ...] | None:
    if dims is None:
        return None
    dims = dims.tolist() if hasattr(dims, "tolist") else dims
    names = dims if isinstance(dims, (tuple, list)) else (dims,)
    if not names or not all(isinstance(name, str) and name for name in names):
        raise ModelError(
            "RandomWalk dims must be a name or several names of the coefficient's dims ('lag' is "
            f"the term's own lag dim), or None for all of them, got {dims!r}."
        )
    kept = tuple(map(str, names))
    if len(set(kept)) < len(kept):
        raise ModelError(f"RandomWalk dims {kept!r} name a dim twice.")
    return kept if len(kept) > 1 else kept[0]


def _check_scale(prior: object) -> None:
    what = type(prior).__name__
    scale = prior.scale  # type: ignore[attr-defined]
    if isinstance(scale, (*COEFFICIENT_PRIORS, *DISPERSION_PRIORS)):
        raise ModelError(
            f"{what} scale is itself a prior ({scale!r}); learned scales are not available yet. "
            "Give a number, or compare a few scales with kfold."
        )
    put(prior, scale=frozen_number(f"{what} scale", scale, positive=True))
