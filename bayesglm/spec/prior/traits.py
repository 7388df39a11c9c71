"""What is said of every kind of prior, and the check of its scale."""

from __future__ import annotations

from numbers import Real
from typing import Any, NamedTuple

from bayesglm.errors import ModelError
from bayesglm.spec.noun import put
from bayesglm.spec.numbers import frozen_number


class Traits(NamedTuple):
    """What others ask of a kind of prior.

    - `has_scale`: whether its ``scale`` is that of the coefficients.
    - `power`: the scale's in the weight of the one penalty that it is; None where there are more.
    - `one_scale`: whether a scale that is learned is one for the whole term.
    - `needs_dims`: whether it says nothing of a single number.
    - `has_free`: whether it leaves directions free, for which it may hold a prior ``free``.
    - `correlates`: whether coefficients under it may correlate, as those of a multivariate normal.
    - `of_length`: whether it is one of the length of coefficients under one scale, and so the same
      in all orthonormal coordinates.
    - `bounded`: whether it is one of numbers between two ends.
    - `ends`: these, where they are the same for all of its kind.
    """

    has_scale: bool = True
    power: float | None = None
    one_scale: bool = False
    needs_dims: bool = False
    has_free: bool = False
    bounded: bool = False
    ends: tuple[float, float] | None = None
    of_length: bool = False
    correlates: bool = False


class Shown:
    """A prior, which notebooks show with the penalty that it equals."""

    def _repr_html_(self) -> str:
        from bayesglm.spec.cards import card, formula_part
        from bayesglm.spec.notation import prior_text

        return card(repr(self), [formula_part(f"w {prior_text('w', self)}")])


def check_scale(prior: Any, learned: tuple[type, ...] = ()) -> None:
    """Freeze the scale of a prior that is being made; ModelError where it cannot be one.

    ``learned`` are the kinds of priors that the scale may have itself.
    """
    what, scale = type(prior).__name__, prior.scale
    if isinstance(scale, learned):
        return
    if hasattr(scale, "traits") and learned:
        kinds = ", ".join(kind.__name__ for kind in learned)
        raise ModelError(
            f"{what} scale has the prior {scale!r}; a scale that is learned takes a proper "
            f"prior of a positive parameter: {kinds}."
        )
    if hasattr(scale, "traits"):
        raise ModelError(
            f"{what} scale is itself a prior ({scale!r}), and that of a scale, of a dispersion or "
            "of a coefficient with a bound must be a number; tune_prior chooses one."
        )
    try:
        put(prior, scale=frozen_number(f"{what} scale", scale, positive=True))
    except ModelError as error:
        raise ModelError(f"{error}{_hint_of_order(prior)}") from None


def is_zero(value: object) -> bool:
    """Say whether a value is the number zero."""
    return isinstance(value, Real) and bool(value == 0)


def _hint_of_order(prior: Any) -> str:
    """Say how a prior is written of which mean and scale were given in the order of others."""
    what, loc = type(prior).__name__, getattr(prior, "loc", None)
    if isinstance(loc, Real) and is_zero(prior.scale) and bool(loc > 0):  # type: ignore[operator]
        return (
            f" The scale comes first, and priors are centred at zero unless loc= says otherwise: "
            f"write {what}({loc:g})."
        )
    return ""
