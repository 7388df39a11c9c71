"""Predictors as they are."""

from __future__ import annotations

from typing import Any, ClassVar

from bayesglm.errors import ModelError
from bayesglm.spec.formula.arithmetic import FUNCTIONS, checked, n_constants, tree_of
from bayesglm.spec.noun import noun, put
from bayesglm.spec.numbers import frozen_number
from bayesglm.spec.priors import CoefficientPrior
from bayesglm.spec.terms.term import (
    NUMBERS,
    PREDICTOR,
    Facts,
    Option,
    Pooled,
    bare_symbol,
    check_common,
    check_name,
    check_pooled,
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
        ``(sample,)`` as one term under one prior, with coefficients on ``<name>_column``. One
        that holds words or categories makes the term a `Category` at the first fit.
    name : str, optional
        Name of the coefficients; the variable's own by default, required for several.
    prior : prior, optional
        Prior of every coefficient of the term; the model's default otherwise.
    pooled : bool or prior of a scale
        Of a population: whether the neurons' coefficients are drawn around a common mean, each
        by a common scale, which are both learned: ``<name>_mean``, whose prior is ``prior``, and
        ``<name>_scale``. A prior (`HalfNormal`, `HalfStudentT`, ...) is that of the scale; with
        True it is scaled by the data.
    transform : str, optional
        How the column is computed: a function (log, log2, log10, log1p, exp, expm1, sqrt, abs,
        square, sin, cos, tanh, center, scale) of the one variable, or arithmetic of several that
        makes one column: ``"log(x + 1)"``, ``"a / b"``. It is then the name, with ÷ for /.
    constants : tuple of float, optional
        The means and sds by which ``center`` and ``scale`` move the column, in their order: by
        default those of the data at the first fit, which the stored model keeps.

    Raises
    ------
    ModelError
        No variable, several without a name, or a transform that is no arithmetic of them.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.Linear(("age", "height"), name="body", prior=bg.Normal(1.0))
    Linear(('age', 'height'), name='body', prior=Normal(1.0))
    >>> bg.Linear(("weight", "height"), transform="weight / height**2").label
    'weight ÷ height**2'
    """

    variable: str | tuple[str, ...]
    name: str | None = None
    prior: CoefficientPrior | None = None
    transform: str | None = None
    constants: tuple[float, ...] | None = None
    pooled: Pooled = False

    own_dims: ClassVar[tuple[str, ...]] = ("column",)
    facts: ClassVar = Facts(part=NUMBERS)
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
            if self.name is None and self.transform is None:
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
        check_pooled(self)
        self._check_transform()

    def _check_transform(self) -> None:
        if self.transform is None:
            if self.constants is not None:
                raise ModelError(f"{self!r}: constants are those of a transform; leave them out.")
            return
        put(self, transform=checked(self.transform, self.variables))
        if self.constants is None:
            return
        n = n_constants(self.tree)
        frozen = frozen_number(f"{self.label!r} constants", tuple(self.constants)) if n else ()
        if not isinstance(frozen, tuple) or len(frozen) != n or len(tuple(self.constants)) != n:
            raise ModelError(
                f"term {self.label!r}: transform={self.transform!r} keeps {n} numbers of the data, "
                f"and constants has {len(tuple(self.constants))}; leave them out."
            )
        put(self, constants=frozen)

    @property
    def tree(self) -> Any:
        """How the column is computed, as the tree of an expression."""
        assert self.transform is not None
        return tree_of(self.transform, self.variables)

    @property
    def label(self) -> str:
        """Name of the coefficients."""
        if self.name is None and self.transform is not None:
            return str(self.tree).replace("/", "÷").replace("`", "")
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
        if self.transform is not None:
            inside = self.tree if self.transform in FUNCTIONS else f"({self.tree})"
            return f"{self.label}·{inside}{index}"
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
