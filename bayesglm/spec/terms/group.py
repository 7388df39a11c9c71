"""Effects that vary between groups."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from bayesglm.errors import ModelError
from bayesglm.spec.hints import is_unordered, shown
from bayesglm.spec.noun import noun, put
from bayesglm.spec.numbers import Number
from bayesglm.spec.priors import LKJ, CoefficientPrior, HalfNormal, Normal, learned_scale
from bayesglm.spec.terms.levels import Levels, frozen_levels
from bayesglm.spec.terms.term import (
    FACTOR,
    SLOPE,
    Facts,
    Option,
    bare_symbol,
    check_common,
    check_name,
    no_lags,
)


@noun
class Group:
    """Effects that vary between groups: eta += b[g(i)] + sum over slopes x of x * b_x[g(i)].

    In a formula it is ``(1 | factor)``, with slopes ``(1 + x || factor)``, or ``(1 + x | factor)``
    where the effects of a level correlate. The levels' effects share a scale that is learned from
    them (partial pooling; Gelman & Hill 2007, chapters 12 and 13): b ~ Normal(0, scale), one scale
    for the intercepts and one for each slope, named ``<name>_scale``. Coefficients lie along
    ``<name>_level``, with slopes along ``<name>_effect`` (``"intercept"``, then the slopes) first.
    Effects that correlate are, of each level, one draw of a multivariate normal with these scales
    and the matrix ``<name>_correlation``, along ``<name>_effect`` and ``<name>_effect_other``.

    Parameters
    ----------
    factor : str or tuple of str
        A variable (or the coordinate ``"trial"``) with one label per sample: words or whole
        numbers. Several make levels together, ``(1 | site:year)``, whose labels are ``a:b``.
    slopes : str or tuple of str
        Variables over the samples whose slopes vary too.
    correlated : bool or LKJ
        Whether the effects of a level correlate, or the prior of their correlation: True is
        ``LKJ(eta=1)``.
    name : str, optional
        Name of the coefficients; the factor's own by default, of several with colons between.
    prior : prior, optional
        By default ``Normal(HalfNormal(2.5 sd(y)/sd(x)))`` on the scale of a gaussian response,
        2.5/sd(x) elsewhere, with sd(x) = 1 for intercepts; not the model's ``prior``.
    levels : sequence of str or int, optional
        Labels of the levels, in the order of the coefficients; levels without data may be among
        them. By default the sorted labels of the data at the first fit, which the stored model
        keeps for all other data.
    intercept : bool
        Whether intercepts vary; without them it is ``(0 + x | factor)``.

    Raises
    ------
    ModelError
        No factor, a slope named twice, a single effect that is to correlate, or a prior other
        than `Normal` of those that do, slopes under a `RandomWalk` whose scale is learned, or
        levels that are neither all words nor all whole numbers.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.Group("subject", slopes="dose")
    Group('subject', slopes=('dose',))
    >>> bg.Group("subject", slopes="dose", correlated=True)
    Group('subject', slopes=('dose',), correlated=LKJ(1.0))
    >>> bg.Group("session", prior=bg.Normal(bg.Exponential(0.5)))
    Group('session', prior=Normal(Exponential(0.5)))
    """

    factor: str | tuple[str, ...]
    slopes: str | tuple[str, ...] = ()  # kept as a tuple
    correlated: bool | LKJ = False  # True is kept as LKJ(1)
    name: str | None = None
    prior: CoefficientPrior | None = None
    levels: Levels = None
    intercept: bool = True

    pooled: ClassVar[bool] = False
    own_dims: ClassVar[tuple[str, ...]] = ("level", "effect", "effect_other")
    facts: ClassVar = Facts(of_levels=True, is_product=True)
    is_lagged: ClassVar = False
    reads_response: ClassVar = False
    takes_model_prior: ClassVar = False
    lag_range = no_lags
    symbol = bare_symbol
    option: ClassVar = Option(
        "FACTOR[:X1,X2]", "a factor whose levels have intercepts (and slopes) of their own"
    )

    def __post_init__(self) -> None:
        if isinstance(self.factor, list):
            put(self, factor=tuple(self.factor))
        for one in self.factors:
            check_name("Group factor", one)
        if isinstance(self.factor, tuple):
            put(self, factor=tuple(map(str, self.factor)))
            if len(set(self.factor)) < max(2, len(self.factor)):
                raise ModelError(
                    f"Group({self.factor!r}) needs different factors, two or more; write "
                    "Group('g') for one."
                )
        slopes: Any = (self.slopes,) if isinstance(self.slopes, str) else self.slopes
        if not isinstance(slopes, Iterable) or is_unordered(slopes):
            raise ModelError(
                f"Group slopes must be names of variables, got {shown(slopes)}; write slopes=['x', "
                "'z']."
            )
        slopes = tuple(slopes)
        for one in slopes:
            check_name("Group slope", one)
        put(self, slopes=tuple(map(str, slopes)))
        if len(set(self.slopes)) < len(slopes) or set(self.factors) & set(self.slopes):
            raise ModelError(f"Group({self.factor!r}, slopes={slopes!r}) names a variable twice.")
        if not isinstance(self.intercept, bool):
            raise ModelError(f"Group intercept must be True or False, got {shown(self.intercept)}.")
        if not self.intercept and not slopes:
            raise ModelError(
                f"Group({self.factor!r}, intercept=False) varies nothing; name slopes, or leave "
                "intercept out."
            )
        if "intercept" in self.slopes:
            raise ModelError(
                f"Group({self.factor!r}): the slope 'intercept' is named as the varying intercepts "
                "are; rename the variable."
            )
        self._check_correlation()
        put(self, levels=frozen_levels(f"Group({self.factor!r})", self.levels))
        check_common(self)
        prior = self.prior
        if slopes and prior is not None and prior.traits.one_scale and learned_scale(prior):
            raise ModelError(
                f"Group({self.factor!r}): a {type(prior).__name__} learns one scale for the whole "
                "term, and intercepts and slopes differ in their units; give it a number for each "
                "effect, or take another prior."
            )

    def _check_correlation(self) -> None:
        """Keep True as the prior that it means; ModelError where effects cannot correlate."""
        if self.correlated is True:
            put(self, correlated=LKJ(1.0))
        if self.correlated is False:
            return
        if not isinstance(self.correlated, LKJ):
            raise ModelError(
                "Group correlated must be True, False or the prior of the correlation, bg.LKJ(2.0) "
                f"say, got {shown(self.correlated)}."
            )
        if self.intercept + len(self.slopes) < 2:
            effect = "intercept" if self.intercept else self.slopes[0]
            raise ModelError(
                f"Group({self.factor!r}, correlated=True) has one effect, {effect!r}, and a "
                "correlation is one of two or more; name slopes that vary too, or leave correlated "
                "out."
            )
        if self.prior is not None and not self.prior.traits.correlates:
            raise ModelError(
                f"Group({self.factor!r}): effects that correlate are those of a multivariate "
                f"normal, and a {type(self.prior).__name__} prior holds each by itself; take "
                "Normal, or leave correlated out."
            )

    @property
    def label(self) -> str:
        """Name of the coefficients."""
        return self.name or ":".join(self.factors)

    @property
    def factors(self) -> tuple[Any, ...]:
        """The factors whose labels make its levels."""
        return self.factor if isinstance(self.factor, tuple) else (self.factor,)

    @property
    def roles(self) -> dict[str, str]:
        """What each variable is that the term reads."""
        return {**dict.fromkeys(self.factors, FACTOR), **dict.fromkeys(self.slopes, SLOPE)}

    @property
    def variables(self) -> tuple[str, ...]:
        """Variables of the data that the term reads."""
        return (*self.factors, *self.slopes)

    def default_prior(self, scale: Number) -> Normal:
        """Return a normal prior whose scale is learned, of each effect."""
        return Normal(HalfNormal(scale))

    def summand(self, response: str, index: str) -> str:
        """Write the effects of the sample's level."""
        level = f"[{':'.join(f'{one}{index}' for one in self.factors)}]"
        slopes = [f"{self.label}.{slope}{level}·{slope}{index}" for slope in self.slopes]
        return " + ".join([*([f"{self.label}{level}"] if self.intercept else []), *slopes])

    @classmethod
    def from_text(cls, text: str) -> tuple[Group, ...]:
        """Read a factor, and slopes separated by commas.

        >>> Group.from_text("subject:dose")
        (Group('subject', slopes=('dose',)),)
        """
        factor, _, slopes = text.partition(":")
        return (cls(factor, slopes=tuple(filter(None, slopes.split(",")))),)
