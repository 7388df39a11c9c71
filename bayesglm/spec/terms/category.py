"""Predictors of labels: one coefficient for each level, or one fewer."""

from __future__ import annotations

from typing import ClassVar

from bayesglm.errors import ModelError
from bayesglm.spec.hints import closest, is_among, shown
from bayesglm.spec.noun import noun, put
from bayesglm.spec.priors import CoefficientPrior
from bayesglm.spec.response_levels import told
from bayesglm.spec.terms.levels import Levels, frozen_levels
from bayesglm.spec.terms.term import (
    LEVELS,
    Facts,
    Option,
    bare_symbol,
    check_common,
    check_name,
    factor_of,
    label_of,
    no_lags,
    normal_prior,
    variables_of,
)

# How categories are coded: without the reference, summing to zero, with every level.
TREATMENT, SUM, FULL = "treatment", "sum", "full"
CONTRASTS = (TREATMENT, SUM, FULL)


@noun
class Category:
    """A predictor of labels: eta += w[level of the sample], on ``<name>_level``.

    ``"treatment"``: K - 1 coefficients, each the difference of a level from the reference, which
    has none; without an intercept the model's first category has all K. ``"sum"``: K deviations
    that sum to zero, none of which stands apart: their normal prior is that of K independent
    numbers, given that they sum to zero. ``"full"``: K coefficients, for models without an
    intercept or under proper priors.

    A variable of text, or of pandas' categories, is a `Category` by itself where a bare name, or
    `Linear`, says no more of it.

    Parameters
    ----------
    variable : str
        A variable of dims ``(sample,)`` with labels: words, whole numbers or truth values.
    reference : label, optional
        Level that the others are held against under ``"treatment"``: the first by default.
    contrasts : {"treatment", "sum", "full"}
        Which differences are coefficients.
    name : str, optional
        Name of the coefficients; the variable's own by default.
    prior : prior, optional
        Prior of every coefficient; by default that of a predictor of sd 1, 2.5 sd(y) on the scale
        of a gaussian response, 2.5 elsewhere. Under ``"sum"``, one that tells all directions alike:
        ``Normal``, ``GroupLasso`` or ``Flat``.
    levels : sequence of str, int or bool, optional
        All levels, in their order. By default those of the data at the first fit, which the stored
        model keeps: categories of pandas in their own order, other labels sorted.

    Raises
    ------
    ModelError
        Unknown contrasts, a reference that is none of the levels or beside other contrasts than
        ``"treatment"``, or levels that are neither all words nor all whole numbers.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.Category("region", reference="North")
    Category('region', reference='North')
    >>> data = {"y": [1.0, 2.0, 4.0, 5.0, 1.5, 4.2], "region": ["N", "S", "W", "W", "N", "S"]}
    >>> fit = bg.fit_map(bg.GLM("y", "region", prior=bg.Flat()), data)
    >>> fit["map"]["region"].to_series().round(3).to_dict()
    {'S': 1.85, 'W': 3.25}
    """

    variable: str
    reference: str | int | bool | None = None
    contrasts: str = TREATMENT
    name: str | None = None
    prior: CoefficientPrior | None = None
    levels: Levels = None

    pooled: ClassVar[bool] = False
    own_dims: ClassVar[tuple[str, ...]] = ("level",)
    facts: ClassVar = Facts(part=LEVELS)
    is_lagged: ClassVar = False
    reads_response: ClassVar = False
    takes_model_prior: ClassVar = True
    lag_range = no_lags
    label = property(label_of)
    roles = property(factor_of)
    variables = property(variables_of)
    symbol = bare_symbol
    default_prior = normal_prior
    option: ClassVar = Option("X[:REFERENCE]", "a predictor of labels, against a reference level")

    def __post_init__(self) -> None:
        check_name("Category variable", self.variable)
        what = f"Category({self.variable!r})"
        if not is_among(self.contrasts, CONTRASTS):
            raise ModelError(
                f"{what}: contrasts must be one of {', '.join(CONTRASTS)}, got "
                f"{shown(self.contrasts)}.{closest(self.contrasts, CONTRASTS)}"
            )
        put(self, levels=frozen_levels(what, self.levels))
        check_common(self)
        if self.reference is None:
            return
        if self.contrasts != TREATMENT:
            raise ModelError(
                f"{what}: contrasts={self.contrasts!r} hold no level against a reference; leave "
                f"reference={self.reference!r} out, or take contrasts={TREATMENT!r}."
            )
        (reference,) = frozen_levels(f"{what} reference", [self.reference]) or ()
        put(self, reference=reference)
        if self.levels is not None and reference not in self.levels:
            raise ModelError(
                f"{what}: reference={reference!r} is none of its levels; "
                f"they are {told(self.levels)}."
                f"{closest(reference, [str(one) for one in self.levels])}"
            )

    def summand(self, response: str, index: str) -> str:
        """Write the coefficient of the sample's level."""
        return f"{self.label}[{self.variable}{index}]"

    @classmethod
    def from_text(cls, text: str) -> tuple[Category, ...]:
        """Read a name, and a reference after a colon.

        >>> Category.from_text("region:North")
        (Category('region', reference='North'),)
        """
        name, _, word = text.partition(":")
        is_whole = word.strip().lstrip("-").isdecimal()
        reference = int(word) if is_whole else word.strip() or None
        return (cls(name.strip(), reference=reference),)
