"""Monotonic effects of ordered predictors."""

from __future__ import annotations

from typing import ClassVar

from bayesglm.errors import ModelError
from bayesglm.spec.hints import shown
from bayesglm.spec.noun import noun, put
from bayesglm.spec.prior.positive import prior_of
from bayesglm.spec.prior.traits import is_zero
from bayesglm.spec.priors import CoefficientPrior, Normal
from bayesglm.spec.terms.levels import Levels, frozen_levels
from bayesglm.spec.terms.term import (
    Facts,
    Option,
    check_common,
    check_name,
    factor_of,
    label_of,
    no_lags,
    normal_prior,
    variables_of,
)


@noun
class Monotonic:
    """The effect of an ordered predictor, which from level to level only rises, or only falls.

    eta += b * D * sum over steps j up to the sample's level of zeta[j], for D + 1 levels: b, the
    mean change from a level to the next, has either sign, and the shares zeta of the D steps are
    positive and add up to one (Bürkner & Charpentier 2020, equation 3). In a formula it is
    ``mo(x)``, as in brms, whose b it is. All shares are alike a priori, zeta ~ Dirichlet(1, ...,
    1), so the levels need not be equally far apart.

    The coefficients are the changes b * D * zeta[j] along ``<name>_step``, each under the name of
    the level to which it leads. Where they are all zero their density has no bound, so there is no
    MAP: `fit` draws from the posterior by NUTS.

    Parameters
    ----------
    variable : str
        A variable of dims ``(sample,)`` with ordered labels: whole numbers, of which neighbours
        among those that occur are one step apart; ordered categories of pandas; or words whose
        order ``levels`` says.
    name : str, optional
        Name of the coefficients; the variable's own by default.
    prior : Normal, optional
        Prior of b, around zero and of one scale, in units of eta per level; by default that of the
        levels' numbers 0 to D as a predictor, Normal(2.5 sd(y) / sd(numbers)) on the scale of a
        gaussian response, Normal(2.5 / sd(numbers)) elsewhere. The model's ``prior`` does not hold
        for it.
    levels : sequence of str, int or bool, optional
        All levels, from one end to the other. By default those that occur at the first fit, which
        the stored model keeps.

    Raises
    ------
    ModelError
        A prior that is no Normal around zero of a given scale, or levels that are neither all words
        nor all whole numbers, or fewer than two.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.Monotonic("education", levels=["school", "college", "degree"])
    Monotonic('education', levels=('school', 'college', 'degree'))
    >>> data = {"y": [0.1, 0.3, 2.2, 1.9, 2.4, 2.1, -0.2, 2.3], "x": [0, 0, 1, 1, 2, 2, 0, 1]}
    >>> fit = bg.fit(bg.GLM("y", bg.Monotonic("x"), dispersion=0.2), data)
    >>> fit["posterior"]["x"].mean(("chain", "draw")).round(1).to_series().to_dict()
    {1: 2.0, 2: 0.2}
    """

    variable: str
    name: str | None = None
    prior: CoefficientPrior | None = None
    levels: Levels = None

    pooled: ClassVar[bool] = False
    own_dims: ClassVar[tuple[str, ...]] = ("step",)
    facts: ClassVar = Facts(of_steps=True)
    is_lagged: ClassVar = False
    reads_response: ClassVar = False
    takes_model_prior: ClassVar = False
    lag_range = no_lags
    label = property(label_of)
    roles = property(factor_of)
    variables = property(variables_of)
    default_prior = normal_prior
    option: ClassVar = Option("X", "an ordered predictor that only raises eta, or only lowers it")

    def __post_init__(self) -> None:
        check_name("Monotonic variable", self.variable)
        what = f"Monotonic({self.variable!r})"
        put(self, levels=frozen_levels(what, self.levels))
        check_common(self)
        if self.levels is not None and len(self.levels) < 2:
            raise ModelError(
                f"{what}: one level makes no step; name all levels, or leave them out."
            )
        prior = self.prior
        if prior is None:
            return
        plain = isinstance(prior, Normal) and prior_of(prior.scale) is None and is_zero(prior.loc)
        if not plain:
            raise ModelError(
                f"{what}: prior is that of the mean change from a level to the next, a Normal "
                f"around zero whose scale is a number, got {shown(prior)}; write prior=Normal(1.0)."
            )

    def summand(self, response: str, index: str) -> str:
        """Write mean change, D steps, and the shares of those up to the sample's level."""
        shares = f"Σ(j ≤ {self.variable}{index}) {self.label}_share[j]"
        return f"{self.label}_mean·D·{shares}"

    def symbol(self) -> str:
        """Write the mean change, which has the prior."""
        return f"{self.label}_mean"

    @classmethod
    def from_text(cls, text: str) -> tuple[Monotonic, ...]:
        """Read a name, for the shell."""
        return (cls(text.strip()),)
