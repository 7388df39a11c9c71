"""Products of predictors: numbers, labels, lags and curves."""

from __future__ import annotations

from dataclasses import field
from typing import Any, ClassVar

from bayesglm.errors import ModelError
from bayesglm.spec.hints import shown
from bayesglm.spec.names import first_repeat
from bayesglm.spec.noun import noun, put
from bayesglm.spec.priors import CoefficientPrior
from bayesglm.spec.terms.term import (
    CURVE,
    LEVELS,
    PREDICTOR,
    Facts,
    Option,
    bare_symbol,
    check_common,
    check_name,
    normal_prior,
)

MOST_CATEGORIES = 4  # of one interaction, whose dims are named: chosen


@noun
class Interaction:
    """The product of predictors: eta += x * z * w, or x * w[level], or w[level, other level].

    The coefficients lie along the lags of its parts (``<name>_lag``), then their feature dims, or
    the functions of a curve (``<name>_basis``), then the levels of categories: ``<name>_level``,
    ``<name>_level_2`` and so on, in the order of the parts, those that sum to zero last. A `Spline`
    and a `Category` are a curve for each level, all of one smoothness; a `Spline` and a number are
    a slope that changes along a curve.

    A category is coded by the rule of S, R and patsy (Chambers & Hastie 1992, 2.4.1): beside the
    terms from which it is a difference as its contrasts say, else with a coefficient for every
    level. So ``["x", "g", Interaction("x", "g")]`` has differences between slopes, and
    ``["g", Interaction("x", "g")]`` a slope for each level. The first fit decides, and the stored
    model keeps what it decided.

    Parameters
    ----------
    *parts : str or term
        Two or more of `Linear`, `Lagged`, `History`, `Category`, and one `Spline` or `Basis`, all
        without priors of their own; a bare string is the model's `Category` of that variable where
        it has one, a `Category` where the variable holds words or categories, else
        ``Linear(name)``.
    name : str, optional
        Name of the coefficients; the names of the parts with colons between by default.
    prior : prior, optional
        Prior of every coefficient; by default 2.5 over the product of the parts' sds, as in
        `Linear` and `Category`. With a `Spline` that of a spline: a smoothness penalty whose scale
        is learned.

    Raises
    ------
    ModelError
        Fewer than two parts, one that stands twice or is none of these, or has a prior of its own.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.Interaction("income", bg.Category("plan", reference="basic"))
    Interaction('income', Category('plan', reference='basic'))
    >>> bg.Interaction("income", "age").label
    'income:age'
    """

    parts: tuple[Any, ...] = field(metadata={"several": True})
    name: str | None = None
    prior: CoefficientPrior | None = None

    pooled: ClassVar[bool] = False
    own_dims: ClassVar[tuple[str, ...]] = (
        "lag",
        "column",
        "basis",
        "type",
        "level",
        *(f"level_{k}" for k in range(2, MOST_CATEGORIES + 1)),
    )
    facts: ClassVar = Facts(is_product=True)
    symbol = bare_symbol
    option: ClassVar = Option("X:Z", "a product of predictors, with colons between their names")

    def __init__(
        self,
        *given: Any,
        parts: Any = (),
        name: str | None = None,
        prior: CoefficientPrior | None = None,
    ) -> None:
        named = parts if isinstance(parts, (list, tuple)) else (parts,)
        put(self, parts=(*given, *named), name=name, prior=prior)
        for part in self.parts:
            self._check_part(part)
        if len(self.parts) < 2:
            raise ModelError(
                f"Interaction({', '.join(map(repr, self.parts))}) needs two parts or more; write "
                "Interaction('x', 'z')."
            )
        put(self, parts=tuple(str(one) if isinstance(one, str) else one for one in self.parts))
        twice = first_repeat(self.variables_of_parts)
        if twice is not None:
            raise ModelError(f"{self!r} has {twice!r} twice; a square is transform='square'.")
        if sum(one.is_lagged for one in self.terms) > 1:
            raise ModelError(f"{self!r} has two parts with lags, and can have one.")
        if sum(one.is_lagged or one.facts.part == CURVE for one in self.terms) > 1:
            raise ModelError(
                f"{self!r} has a curve beside another, or beside lags, and can have one of these."
            )
        if sum(one.facts.part == LEVELS for one in self.terms) > MOST_CATEGORIES:
            raise ModelError(f"{self!r} has more than {MOST_CATEGORIES} categories.")
        check_common(self)

    def _check_part(self, part: Any) -> None:
        if isinstance(part, str):
            check_name("Interaction part", part)
            return
        facts = None if isinstance(part, type) else getattr(part, "facts", None)
        if not isinstance(facts, Facts) or facts.part is None:
            raise ModelError(
                "Interaction: a part must be a variable's name, or a term of numbers, of labels or "
                f"of a curve such as Linear('x'), Category('g') or Spline('x'), got {shown(part)}."
            )
        if part.pooled:
            raise ModelError(
                f"Interaction: the part {part!r} is pooled, which products are not; leave pooled= "
                "out."
            )
        if part.prior is not None:
            raise ModelError(
                f"Interaction: the part {part!r} has a prior of its own, and the coefficients are "
                "those of the product; give prior= to the Interaction."
            )

    @property
    def terms(self) -> tuple[Any, ...]:
        """The parts that are terms, and not names yet."""
        return tuple(part for part in self.parts if not isinstance(part, str))

    @property
    def _smooth(self) -> Any:
        """The part that has a default prior of its own, a smoothness penalty; None of others."""
        return next((one for one in self.terms if not one.takes_model_prior), None)

    @property
    def takes_model_prior(self) -> bool:
        """Whether the model's ``prior=`` holds for it where it has none of its own."""
        return self._smooth is None

    def default_prior(self, scale: Any) -> CoefficientPrior:
        """Return a normal prior; with a spline its own, a smoothness penalty."""
        smooth = self._smooth
        return normal_prior(self, scale) if smooth is None else smooth.default_prior(scale)

    @property
    def label(self) -> str:
        """Name of the coefficients."""
        return self.name or ":".join(
            part if isinstance(part, str) else part.label for part in self.parts
        )

    @property
    def is_lagged(self) -> bool:
        """Whether a part has lags."""
        return any(part.is_lagged for part in self.terms)

    @property
    def reads_response(self) -> bool:
        """Whether a part is the response's own past."""
        return any(part.reads_response for part in self.terms)

    @property
    def variables_of_parts(self) -> list[str]:
        """The variables that the parts read, one after the other."""
        names: list[str] = []
        for part in self.parts:
            names.extend([part] if isinstance(part, str) else part.variables)
        return names

    @property
    def roles(self) -> dict[str, str]:
        """What each variable is that the term reads."""
        roles: dict[str, str] = {}
        for part in self.parts:
            roles |= {part: PREDICTOR} if isinstance(part, str) else part.roles
        return roles

    @property
    def variables(self) -> tuple[str, ...]:
        """Variables of the data that the term reads."""
        return tuple(self.roles)

    def lag_range(self, step: float | None) -> range | None:
        """Return the lags of the part that has any, in samples of ``step`` seconds."""
        return next((one.lag_range(step) for one in self.terms if one.is_lagged), None)

    def summand(self, response: str, index: str) -> str:
        """Write the product of its parts and the coefficient of its levels."""
        levels, numbers = [], []
        for part in self.parts:
            if isinstance(part, str):
                numbers.append(f"{part}{index}")
            elif part.facts.part == LEVELS:
                levels.append(f"{part.variable}{index}")
            else:
                numbers.append(part.summand(response, index).partition("·")[2])
        is_curve = any(one.facts.part == CURVE for one in self.terms)
        over = ["k"] if self.is_lagged else ["j"] if is_curve else []
        places = [*over, *levels]
        coefficient = f"{self.label}[{', '.join(places)}]" if places else self.label
        total = f"{'Σₖ' if self.is_lagged else 'Σⱼ'} {coefficient}" if over else coefficient
        return "·".join([total, *numbers])

    @classmethod
    def from_text(cls, text: str) -> tuple[Interaction, ...]:
        """Read names with colons between.

        >>> Interaction.from_text("income:plan")
        (Interaction('income', 'plan'),)
        """
        return (cls(*(name.strip() for name in text.split(":"))),)
