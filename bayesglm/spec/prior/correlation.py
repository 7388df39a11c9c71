"""Priors of correlation matrices."""

from __future__ import annotations

from numbers import Real
from typing import ClassVar

from bayesglm.errors import ModelError
from bayesglm.spec.hints import shown
from bayesglm.spec.noun import noun, put
from bayesglm.spec.numbers import frozen_number
from bayesglm.spec.prior.traits import Shown, Traits


@noun
class LKJ(Shown):
    """LKJ prior of a correlation matrix R: of the effects of a `Group` that correlate.

    log p(R) = (eta - 1) log(det R) + constant (Lewandowski, Kurowicka & Joe 2009), a density of
    the entries below the diagonal. With ``eta = 1`` all correlation matrices are equally likely;
    the larger eta, the closer are correlations to zero. Each correlation of k effects is by itself
    2 Beta(b, b) - 1 with b = eta + (k - 2)/2.

    Parameters
    ----------
    eta : float
        Positive.

    Raises
    ------
    ModelError
        An eta that is not a positive, finite number.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.Group("subject", slopes="dose", correlated=bg.LKJ(2.0))
    Group('subject', slopes=('dose',), correlated=LKJ(2.0))
    """

    traits: ClassVar[Traits] = Traits(has_scale=False)

    eta: float

    def __post_init__(self) -> None:
        if not isinstance(self.eta, Real):
            raise ModelError(f"LKJ eta must be one positive number, got {shown(self.eta)}.")
        put(self, eta=frozen_number("LKJ eta", self.eta, positive=True))
