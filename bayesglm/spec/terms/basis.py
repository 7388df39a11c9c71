"""Curves of a predictor without a smoothness penalty, in the bases that formulas name."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, NamedTuple

from bayesglm.errors import ModelError
from bayesglm.spec.hints import closest, is_among, shown
from bayesglm.spec.noun import noun, put
from bayesglm.spec.priors import CoefficientPrior
from bayesglm.spec.terms.curves import (
    Bounds,
    Constants,
    Numbers,
    freeze_constants,
    freeze_knots,
    number_in,
    sum_of_functions,
    whole_number,
)
from bayesglm.spec.terms.term import (
    CURVE,
    Facts,
    Option,
    bare_symbol,
    check_common,
    check_name,
    label_of,
    no_lags,
    normal_prior,
    predictor_of,
    variables_of,
)


class BasisName(NamedTuple):
    """What may be said of a basis.

    - `columns(n_knots, degree)`: how many it has for so many inner knots; None where it has none.
    - `constants(df)`: how many numbers stand in each run of its constants.
    - `has_degree`: whether its pieces have a degree of their own.
    """

    columns: Callable[[int, int], int] | None
    constants: Callable[[int], tuple[int, ...]]
    has_degree: bool = False


BASIS_NAMES: dict[str, BasisName] = {
    "bs": BasisName(lambda n_knots, degree: n_knots + degree, lambda df: (), has_degree=True),
    "cr": BasisName(lambda n_knots, degree: n_knots + 1, lambda df: (df + 1,)),
    "poly": BasisName(None, lambda df: (df, df + 1)),
}


@noun
class Basis:
    """A curve of a predictor in an unpenalised basis: eta += sum_j w_j B_j(x).

    ``kind`` is one that formulas name, and the columns are those of patsy:

    - ``"bs"``: B-splines of a degree without the first, as ``bs(x, df=)`` of R and patsy; inner
      knots at quantiles of the samples.
    - ``"cr"``: natural cubic splines, straight beyond their bounds, whose columns sum to zero over
      the samples, as patsy's ``cr(x, df=, constraints="center")`` and formulae's ``cr(x, df=)``;
      inner knots at quantiles of the distinct values.
    - ``"poly"``: polynomials of degree 1 to ``df``, orthonormal over the samples, as R's
      ``poly(x, df)``.

    None of them holds the constant. Coefficients lie along ``<name>_basis``, from 1 on; `kernels`
    gives the curve. Outside the bounds splines go on as straight lines.

    Parameters
    ----------
    variable : str
        A variable of dims ``(sample,)``; of a population each neuron may have its own.
    kind : {"bs", "cr", "poly"}
    df : int, optional
        Number of columns; follows from ``knots`` where these are given.
    degree : int
        Of the pieces of ``"bs"``.
    knots : sequence of float, optional
        Inner knots.
    bounds : (float, float), optional
        Where splines begin and end; by default the range of the data at the first fit.
    name, prior
        As in `Linear`; the default prior is scaled by the sd of each column.
    constants : tuple of sequences of float, optional
        What the first fit finds and the stored model keeps: the means of the columns before they
        are centred (``"cr"``), the coefficients of the recurrence (``"poly"``).

    Raises
    ------
    ModelError
        No such kind; neither df nor knots, or both of them at odds; a degree or knots of a basis
        that has none.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.Basis("age", "cr", df=4)
    Basis('age', kind='cr', df=4)
    """

    variable: str
    kind: str = "bs"
    df: int | None = None
    degree: int = 3
    knots: Numbers | None = None
    bounds: Bounds = None
    name: str | None = None
    prior: CoefficientPrior | None = None
    constants: Constants = None

    pooled: ClassVar[bool] = False
    own_dims: ClassVar[tuple[str, ...]] = ("basis",)
    facts: ClassVar = Facts(part=CURVE)
    is_lagged: ClassVar = False
    reads_response: ClassVar = False
    takes_model_prior: ClassVar = True
    lag_range = no_lags
    symbol = bare_symbol
    summand = sum_of_functions
    default_prior = normal_prior
    label = property(label_of)
    roles = property(predictor_of)
    variables = property(variables_of)
    option: ClassVar = Option("X:KIND:DF", "a predictor in a basis: bs, cr or poly")

    def __post_init__(self) -> None:
        check_name("Basis variable", self.variable)
        check_common(self)
        if not is_among(self.kind, BASIS_NAMES):
            raise ModelError(
                f"Basis kind must be one of {', '.join(BASIS_NAMES)}, got {shown(self.kind)}."
                f"{closest(self.kind, BASIS_NAMES)}"
            )
        freeze_knots(self)
        own, least = BASIS_NAMES[self.kind], 1
        put(self, degree=whole_number("Basis degree", self.degree, 1))
        if not own.has_degree and self.degree != type(self).degree:
            raise ModelError(f"Basis {self.kind!r} takes no degree=; leave it out.")
        if own.columns is None:
            if self.knots is not None:
                raise ModelError(f"Basis {self.kind!r} has no knots; say df= alone.")
        else:
            least = own.columns(0, self.degree)
            if self.knots is not None:
                df = own.columns(len(self.knots), self.degree)
                if self.df not in (df, None):
                    raise ModelError(
                        f"Basis({self.variable!r}): df={self.df} and {len(self.knots)} inner knots "
                        f"do not go together; leave df out, which is then {df}."
                    )
                put(self, df=df)
        if self.df is None:
            raise ModelError(
                f"Basis({self.variable!r}, {self.kind!r}) needs its number of columns; write df=4."
            )
        df = whole_number(f"Basis df of {self.kind!r}", self.df, least)
        put(self, df=df)
        freeze_constants(self, own.constants(df))
        if self.constants is not None and own.columns is not None and self.knots is None:
            raise ModelError(f"Basis({self.variable!r}) has constants, and no knots; give both.")

    @classmethod
    def from_text(cls, text: str) -> tuple[Basis, ...]:
        """Read a name, a kind, and a number of columns.

        >>> Basis.from_text("age:cr:4")
        (Basis('age', kind='cr', df=4),)
        """
        name, kind, df = (*text.split(":", 2), "", "")[:3]
        return (cls(name, kind, df=number_in(df, "age:cr:4")),)
