"""Priors of single coefficients: the ridge, the lasso, and what lies between and beyond."""

from __future__ import annotations

from numbers import Real
from typing import ClassVar

from bayesglm.errors import ModelError
from bayesglm.spec.noun import noun, put
from bayesglm.spec.numbers import Number, entries, frozen_number
from bayesglm.spec.prior.positive import SCALE_PRIORS, ScalePrior
from bayesglm.spec.prior.traits import Shown, Traits, check_scale, is_zero


@noun
class Normal(Shown):
    """Gaussian prior of coefficients: an L2 (ridge) penalty.

    log p(w) = -(w - loc)**2 / (2 scale**2) - log(scale) - log(2 pi)/2 for every coefficient, so
    ``Normal(scale)`` is the penalty lam/2 * sum(w**2) with lam = 1/scale**2 (Hoerl & Kennard
    1970, read as a prior).

    Parameters
    ----------
    scale : float, array or prior
        Standard deviation, in units of the coefficient (link units per unit of the predictor).
        An array must broadcast against the coefficient's dims; it is kept as nested tuples. A
        prior of a scale (`HalfNormal`, `HalfCauchy`, `Exponential`, `Uniform`, `Precision`, ...)
        makes it a parameter to be learned, named ``<term>_scale``.
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

    traits: ClassVar[Traits] = Traits(
        power=2.0, of_length=True, correlates=True, measure="the sum of w²"
    )

    scale: Number | ScalePrior
    loc: Number = 0.0

    def __post_init__(self) -> None:
        check_scale(self, SCALE_PRIORS)
        put(self, loc=frozen_number("Normal loc", self.loc))


@noun
class Laplace(Shown):
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

    traits: ClassVar[Traits] = Traits(power=1.0, measure="the sum of |w|")

    scale: Number | ScalePrior
    loc: Number = 0.0

    def __post_init__(self) -> None:
        check_scale(self, SCALE_PRIORS)
        put(self, loc=frozen_number("Laplace loc", self.loc))


@noun
class StudentT(Shown):
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

    traits: ClassVar[Traits] = Traits()

    scale: Number | ScalePrior
    df: Number = 4.0
    loc: Number = 0.0

    def __post_init__(self) -> None:
        check_scale(self, SCALE_PRIORS)
        if isinstance(self.loc, Real) and is_zero(self.df) and bool(self.loc > 0):
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
class Cauchy(Shown):
    """Prior with the heaviest tails in use: a Student t of one degree of freedom.

    log p(w) = -log(1 + (w - loc)**2/scale**2) - log(pi scale) for every coefficient, the penalty
    sum(log(1 + (w - loc)**2/scale**2)). It has neither mean nor variance: half of it lies within
    ``scale`` of ``loc``. Gelman et al. (2008) take Cauchy(2.5) for logistic coefficients of
    predictors whose standard deviation is 0.5. Its MAP is a local mode, as that of `StudentT`.

    Parameters
    ----------
    scale : float, array or prior
        As in `Normal`, a prior of the scale included; half of the distance between quartiles.
    loc : float or array
        Centre.

    Raises
    ------
    ModelError
        A scale as in `Normal`.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.Cauchy(2.5)
    Cauchy(2.5)
    >>> float(bg.Cauchy(2.5).logpdf(1.0) - bg.StudentT(2.5, df=1.0).logpdf(1.0))
    0.0
    """

    traits: ClassVar[Traits] = Traits()

    scale: Number | ScalePrior
    loc: Number = 0.0

    def __post_init__(self) -> None:
        check_scale(self, SCALE_PRIORS)
        put(self, loc=frozen_number("Cauchy loc", self.loc))


@noun
class ElasticNet(Shown):
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

    traits: ClassVar[Traits] = Traits()

    scale: Number | ScalePrior
    ratio: Number = 0.5
    loc: Number = 0.0

    def __post_init__(self) -> None:
        check_scale(self, SCALE_PRIORS)
        ratio = frozen_number("ElasticNet ratio", self.ratio)
        for entry in entries(ratio):
            if not 0 < entry < 1:
                raise ModelError(
                    f"ElasticNet ratio must lie above 0 and below 1, got {entry!r}; at 0 the prior "
                    "is Normal(scale), at 1 Laplace(scale): use those."
                )
        put(self, ratio=ratio, loc=frozen_number("ElasticNet loc", self.loc))


@noun
class Flat(Shown):
    """Improper flat prior: no penalty, so the MAP is the maximum likelihood estimate.

    log p(w) = 0. On a dispersion it is flat on (0, inf).

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.Flat() == bg.ridge(0)
    True
    """

    traits: ClassVar[Traits] = Traits(has_scale=False, of_length=True)
