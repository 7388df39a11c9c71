"""Predictors as they are."""

from __future__ import annotations

from typing import ClassVar

from bayesglm.errors import ModelError
from bayesglm.spec.noun import noun, put
from bayesglm.spec.priors import CoefficientPrior
from bayesglm.spec.terms.term import (
    PREDICTOR,
    Option,
    bare_symbol,
    check_common,
    check_name,
    no_lags,
    normal_prior,
)


@noun
class Linear:
    """A predictor as it is: eta += sum(x * w) over the predictor's feature dims.

    Parameters
    ----------
    variable : str or tuple of str
        A variable of dims ``(sample, *feature dims)``, whose coefficients have the feature dims
        (a ``(time, y, x)`` movie gets a ``(y, x)`` image); or several variables of dims
        ``(sample,)`` as one term under one prior, with coefficients on ``<name>_column``.
    name : str, optional
        Name of the coefficients; the variable's own by default, required for several.
    prior : prior, optional
        Prior of every coefficient of the term; the model's default otherwise.

    Raises
    ------
    ModelError
        No variable, or several without a name.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.Linear(("age", "height"), name="body", prior=bg.Normal(1.0))
    Linear(('age', 'height'), name='body', prior=Normal(1.0))
    """

    variable: str | tuple[str, ...]
    name: str | None = None
    prior: CoefficientPrior | None = None

    own_dims: ClassVar[tuple[str, ...]] = ("column",)
    is_lagged: ClassVar = False
    reads_response: ClassVar = False
    takes_model_prior: ClassVar = True
    lag_range = no_lags
    symbol = bare_symbol
    default_prior = normal_prior
    option: ClassVar = Option("X1,X2", "predictors, separated by commas")

    def __post_init__(self) -> None:
        variable = self.variable
        if isinstance(variable, list):
            variable = tuple(variable)
        if isinstance(variable, tuple):
            if not variable:
                raise ModelError("Linear(()) names no variable; name at least one.")
            if self.name is None:
                raise ModelError(
                    f"Linear({variable!r}) needs a name for its coefficients; add name='...'."
                )
            for one in variable:
                check_name("Linear variable", one)
            variable = tuple(map(str, variable))
            if len(set(variable)) < len(variable):
                raise ModelError(f"Linear({variable!r}) names a variable twice.")
        else:
            check_name("Linear variable", variable)
        put(self, variable=variable)
        check_common(self)

    @property
    def label(self) -> str:
        """Name of the coefficients."""
        return self.name or str(self.variable)

    @property
    def roles(self) -> dict[str, str]:
        """What each variable is that the term reads."""
        return dict.fromkeys(self.variables, PREDICTOR)

    @property
    def variables(self) -> tuple[str, ...]:
        """Variables of the data that the term reads."""
        return self.variable if isinstance(self.variable, tuple) else (self.variable,)

    def summand(self, response: str, index: str) -> str:
        """Write the product of predictor and coefficient, or the sum of several."""
        if isinstance(self.variable, tuple):
            return f"Σⱼ {self.label}[j]·({', '.join(self.variable)})[j]{index}"
        return f"{self.label}·{self.variable}{index}"

    @classmethod
    def from_text(cls, text: str) -> tuple[Linear, ...]:
        """Read names, separated by commas.

        >>> Linear.from_text("x, z")
        (Linear('x'), Linear('z'))
        """
        return tuple(cls(name.strip()) for name in text.split(",") if name.strip())
