"""Priors of shares: numbers between 0 and 1."""

from __future__ import annotations

from typing import ClassVar

from bayesglm.spec.noun import noun, put
from bayesglm.spec.numbers import Number, frozen_number
from bayesglm.spec.prior.traits import Shown, Traits


@noun
class Beta(Shown):
    """Beta prior of a share: psi of families with zeros of their own.

    log p(x) = (alpha - 1) log(x) + (beta - 1) log(1 - x) - log(B(alpha, beta)) for 0 < x < 1, B
    being the beta function; ``Beta(1, 1)`` is uniform.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.Beta(2.0, 1.0)
    Beta(2.0, 1.0)
    """

    traits: ClassVar[Traits] = Traits(has_scale=False, of_shares=True)

    alpha: Number
    beta: Number

    def __post_init__(self) -> None:
        for name in ("alpha", "beta"):
            put(self, **{name: frozen_number(f"Beta {name}", getattr(self, name), positive=True)})
