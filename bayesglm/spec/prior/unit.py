"""Priors of numbers between two ends: shares lie between 0 and 1."""

from __future__ import annotations

from typing import ClassVar

from bayesglm.errors import ModelError
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

    traits: ClassVar[Traits] = Traits(has_scale=False, bounded=True, ends=(0.0, 1.0))

    alpha: Number
    beta: Number

    def __post_init__(self) -> None:
        for name in ("alpha", "beta"):
            put(self, **{name: frozen_number(f"Beta {name}", getattr(self, name), positive=True)})


@noun
class Uniform(Shown):
    """Uniform prior of a scale, or of a parameter that lies between two ends.

    log p(x) = -log(upper - lower) for lower < x < upper. ``Uniform(0, 100)`` on a scale or on sigma
    is how Gelman (2006) and many models in BUGS say that nothing is known of it; ends of the
    tweedie family's p are that parameter's own.

    Raises
    ------
    ModelError
        Ends that are no finite numbers, or not in their order.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.Uniform(1.01, 1.99)
    Uniform(1.01, 1.99)
    """

    traits: ClassVar[Traits] = Traits(has_scale=False, bounded=True)

    lower: float
    upper: float

    def __post_init__(self) -> None:
        for name in ("lower", "upper"):
            value = frozen_number(f"Uniform {name}", getattr(self, name))
            if isinstance(value, tuple):
                raise ModelError(f"Uniform {name} must be one number, got an array.")
            put(self, **{name: value})
        if not self.lower < self.upper:
            raise ModelError(
                f"Uniform lower must be below upper, got {self.lower:g} and {self.upper:g}."
            )
