"""Priors of positive numbers: dispersions, the scales of other priors."""

from __future__ import annotations

from typing import ClassVar

from bayesglm.spec.noun import noun, put
from bayesglm.spec.numbers import Number, frozen_number
from bayesglm.spec.prior.traits import Traits, check_scale


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

    traits: ClassVar[Traits] = Traits(power=2.0)

    scale: Number

    def __post_init__(self) -> None:
        check_scale(self)


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

    traits: ClassVar[Traits] = Traits()

    scale: Number
    df: Number = 4.0

    def __post_init__(self) -> None:
        check_scale(self)
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

    traits: ClassVar[Traits] = Traits(power=1.0)

    scale: Number

    def __post_init__(self) -> None:
        check_scale(self)


type ScalePrior = HalfNormal | HalfStudentT | Exponential

SCALE_PRIORS = (HalfNormal, HalfStudentT, Exponential)


def prior_of(scale: object) -> ScalePrior | None:
    """Return what a prior was given for its scale, where that is a prior itself."""
    return scale if isinstance(scale, SCALE_PRIORS) else None
