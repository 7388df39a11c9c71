"""Priors of coefficients, of their scales and of dispersions."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

from bayesglm.errors import ModelError
from bayesglm.spec.hints import shown
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
    scale : float, array or prior
        Standard deviation, in units of the coefficient (link units per unit of the predictor).
        An array must broadcast against the coefficient's dims; it is kept as nested tuples. A
        `HalfNormal`, `HalfStudentT` or `Exponential` makes it a parameter to be learned, named
        ``<term>_scale``.
    loc : float or array
        Mean.

    Raises
    ------
    ModelError
        A scale that is neither positive and finite nor a prior of a positive parameter.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.Normal(2.0)
    Normal(2.0)
    >>> bg.Normal(0.5) == bg.ridge(4.0)
    True
    >>> bg.Normal(bg.HalfNormal(1.0))
    Normal(HalfNormal(1.0))
    """

    scale: Number | ScalePrior
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
    scale : float, array or prior
        As in `Normal`, a prior of the scale included; the standard deviation is sqrt(2) * scale.
    loc : float or array
        Where the kink is.

    Raises
    ------
    ModelError
        A scale as in `Normal`.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.Laplace(0.5) == bg.lasso(2.0)
    True
    >>> bg.Laplace(bg.Exponential(1.0))
    Laplace(Exponential(1.0))
    """

    scale: Number | ScalePrior
    loc: Number = 0.0

    def __post_init__(self) -> None:
        _check_scale(self)
        put(self, loc=frozen_number("Laplace loc", self.loc))


@noun
class StudentT:
    """Heavy-tailed prior of coefficients: most are small, and a few may be large.

    log p(w) = log t(w; df, loc, scale) for every coefficient, the penalty
    (df + 1)/2 * sum(log(1 + (w - loc)**2/(df scale**2))), which grows ever more slowly. It is not
    log-concave: its MAP is a local mode, and `fit` samples it by NUTS.

    Parameters
    ----------
    scale : float, array or prior
        As in `Normal`; the standard deviation is scale * sqrt(df/(df - 2)) for df above 2.
    df : float or array
        Degrees of freedom, positive; 1 is the Cauchy distribution.
    loc : float or array
        Centre.

    Raises
    ------
    ModelError
        A scale as in `Normal`, or degrees of freedom that are not positive and finite.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.StudentT(2.5, df=7)
    StudentT(2.5, df=7.0)
    """

    scale: Number | ScalePrior
    df: Number = 4.0
    loc: Number = 0.0

    def __post_init__(self) -> None:
        _check_scale(self)
        if isinstance(self.loc, Real) and _is_zero(self.df) and bool(self.loc > 0):
            raise ModelError(
                "StudentT df must be a positive, finite number, got 0. The scale comes first: "
                f"write StudentT({self.loc:g}, df={self.scale!r})."
            )
        put(
            self,
            df=frozen_number("StudentT df", self.df, positive=True),
            loc=frozen_number("StudentT loc", self.loc),
        )


@noun
class Horseshoe:
    """Regularised horseshoe: nearly all coefficients close to zero, the others left alone.

    w_j ~ Normal(0, tau * local_j * sqrt(slab / (slab + tau**2 local_j**2))) with
    local_j ~ HalfStudentT(1, df=1), tau ~ HalfStudentT(scale, df=1) and slab, the largest variance
    of any coefficient, ~ InverseGamma(slab_df/2, slab_df/2 * slab_scale**2) (Piironen & Vehtari
    2017, equations 2.8 and 2.9). Every coefficient's scale is learned, so there is no MAP.

    Parameters
    ----------
    scale : float
        Scale of tau, which is named ``<term>_scale``. Piironen & Vehtari (3.12) propose
        p0/(p - p0)/sqrt(n) times the response's pseudo standard deviation, p0 being the number of
        coefficients expected to matter.
    slab_scale, slab_df : float
        How far the large coefficients may reach: a Student t of this scale and these degrees of
        freedom. The variance is the parameter ``<term>_slab``, the local scales ``<term>_local``.

    Raises
    ------
    ModelError
        A number that is not positive and finite.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.Horseshoe(0.1)
    Horseshoe(0.1)
    """

    scale: float
    slab_scale: float = 2.0
    slab_df: float = 4.0

    def __post_init__(self) -> None:
        for key in ("scale", "slab_scale", "slab_df"):
            value = frozen_number(f"Horseshoe {key}", getattr(self, key), positive=True)
            if isinstance(value, tuple):
                raise ModelError(f"Horseshoe {key} must be one number, got {shown(value)}.")
            put(self, **{key: value})


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
    scale : float, array or prior
        Width, in units of the coefficient; as in `Normal`, a prior of the scale included.
    ratio : float or array
        Share of the L1 penalty, above 0 and below 1: `Normal` is 0, and `Laplace` is 1.
    loc : float or array
        Centre.

    Raises
    ------
    ModelError
        A scale as in `Normal`, or a ratio that is not between 0 and 1.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.ElasticNet(0.5, ratio=0.25)
    ElasticNet(0.5, ratio=0.25)
    >>> bg.ElasticNet(0.5) == bg.elastic_net(1.0, 2.0)
    True
    """

    scale: Number | ScalePrior
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
    scale : float, array or prior
        Standard deviation of a difference, in units of the coefficient. An array must broadcast
        against the coefficient's dims (a population's first) and not vary along smoothed dims. A
        `HalfNormal`, `HalfStudentT` or `Exponential` makes it a parameter to be learned, one for
        the whole term, named ``<term>_scale``.
    order : int
        1 to 4: differences of neighbours, differences of these, and so on.
    dims : str or tuple of str, optional
        Dims of the coefficient to smooth along; all of them by default. ``"lag"`` is the term's
        own lag dim, ``<term>_lag``.

    Raises
    ------
    ModelError
        A scale as in `Normal`, an order that is not 1, 2, 3 or 4, or dims that are no names.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.RandomWalk(0.5, order=2, dims="lag")
    RandomWalk(0.5, order=2, dims='lag')
    >>> bg.RandomWalk(0.5) == bg.smooth(4.0)
    True
    >>> bg.RandomWalk(bg.HalfNormal(1.0))
    RandomWalk(HalfNormal(1.0))
    """

    scale: Number | ScalePrior
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
    """Half-normal prior of a positive parameter: sigma, or the scale of another prior.

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
    """Exponential prior of a positive parameter, as `HalfNormal`; ``scale`` is its mean.

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


type CoefficientPrior = Normal | Laplace | StudentT | ElasticNet | Horseshoe | RandomWalk | Flat
type ScalePrior = HalfNormal | HalfStudentT | Exponential
type DispersionPrior = ScalePrior | Flat

COEFFICIENT_PRIORS = (Normal, Laplace, StudentT, ElasticNet, Horseshoe, RandomWalk, Flat)
SCALE_PRIORS = (HalfNormal, HalfStudentT, Exponential)
DISPERSION_PRIORS = (*SCALE_PRIORS, Flat)


def learned_scale(prior: object) -> ScalePrior | None:
    """Return the prior of a prior's scale, where that is a parameter; None where it is a number.

    >>> learned_scale(Normal(HalfNormal(1.0)))
    HalfNormal(1.0)
    """
    if isinstance(prior, Horseshoe):
        return HalfStudentT(prior.scale, df=1.0)
    scale = getattr(prior, "scale", None)
    return (
        scale if isinstance(prior, COEFFICIENT_PRIORS) and isinstance(scale, SCALE_PRIORS) else None
    )


def _checked_order(order: Any) -> int:
    order = order.tolist() if hasattr(order, "tolist") else order
    if isinstance(order, bool) or not isinstance(order, Integral) or order not in (1, 2, 3, 4):
        raise ModelError(f"RandomWalk order must be 1, 2, 3 or 4, got {shown(order)}.")
    return int(order)


def _checked_dims(dims: Any) -> str | tuple[str, ...] | None:
    if dims is None:
        return None
    dims = dims.tolist() if hasattr(dims, "tolist") else dims
    names = dims if isinstance(dims, (tuple, list)) else (dims,)
    if not names or not all(isinstance(name, str) and name for name in names):
        raise ModelError(
            "RandomWalk dims must be a name or several names of the coefficient's dims ('lag' is "
            f"the term's own lag dim), or None for all of them, got {shown(dims)}."
        )
    kept = tuple(map(str, names))
    if len(set(kept)) < len(kept):
        raise ModelError(f"RandomWalk dims {kept!r} name a dim twice.")
    return kept if len(kept) > 1 else kept[0]


def _check_scale(prior: object) -> None:
    what = type(prior).__name__
    scale = prior.scale  # type: ignore[attr-defined]
    if isinstance(scale, SCALE_PRIORS) and isinstance(prior, COEFFICIENT_PRIORS):
        return
    if isinstance(scale, (*COEFFICIENT_PRIORS, *DISPERSION_PRIORS)):
        kinds = ", ".join(kind.__name__ for kind in SCALE_PRIORS)
        if isinstance(prior, COEFFICIENT_PRIORS):
            raise ModelError(
                f"{what} scale has the prior {scale!r}; a scale that is learned takes a proper "
                f"prior of a positive parameter: {kinds}."
            )
        raise ModelError(
            f"{what} scale is itself a prior ({scale!r}), and that of a scale or dispersion must "
            "be a number."
        )
    try:
        put(prior, scale=frozen_number(f"{what} scale", scale, positive=True))
    except ModelError as error:
        raise ModelError(f"{error}{_hint_of_order(prior)}") from None


def _is_zero(value: object) -> bool:
    return isinstance(value, Real) and bool(value == 0)


def _hint_of_order(prior: Any) -> str:
    """Say how a prior is written of which mean and scale were given in the order of others."""
    what, loc = type(prior).__name__, getattr(prior, "loc", None)
    if isinstance(loc, Real) and _is_zero(prior.scale) and bool(loc > 0):  # type: ignore[operator]
        return (
            f" The scale comes first, and priors are centred at zero unless loc= says otherwise: "
            f"write {what}({loc:g})."
        )
    return ""
