"""Smooth curves of a predictor."""

from __future__ import annotations

from typing import Any, ClassVar

from bayesglm.errors import ModelError
from bayesglm.spec.hints import shown
from bayesglm.spec.noun import noun, put
from bayesglm.spec.priors import CoefficientPrior, HalfNormal, RandomWalk
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
    predictor_of,
    variables_of,
)

ORDER = 2  # of the differences that are penalised: straight lines have none


@noun
class Spline:
    """A smooth curve of a predictor: eta += f(x), a penalised spline (Eilers & Marx 1996).

    f(x) = sum_k c_k B_k(x) with B-splines B_k, whose coefficients c_k stand at their Greville
    abscissae xi_k. What is penalised are second divided differences of c over xi, which are about
    f'' there and zero of straight lines, each times the root of its width: their sum of squares is
    about the integral of f''**2, wherever the knots are. They are in units of the mean spacing of
    the xi, so that with equal spacing they are c_k+1 - 2 c_k + c_k-1.

    The ``df`` coefficients along ``<name>_basis`` are ``"line"``, the slope of the straight line,
    and ``"bend 1"``, ``"bend 2"``, ..., these differences. Their columns have no constant, and the
    bends no slope, over the distinct values of the predictor at the first fit: so the line is that
    of least squares through the curve. `kernels` gives the curve itself. Outside the bounds it goes
    on as a straight line.

    Parameters
    ----------
    variable : str
        A variable of dims ``(sample,)``; of a population each neuron may have its own.
    df : int
        Number of coefficients: ``df - degree`` inner knots; of a cyclic one ``df``.
    degree : int
        Of the piecewise polynomials; at least 1.
    bounds : (float, float), optional
        Where the spline begins and ends; by default the range of the data at the first fit.
    cyclic : bool
        Whether the curve is periodic: values are wrapped into the bounds, which are needed and of
        which the second is the first again (``bounds=(0, 24)`` of hours). It has no line.
    name : str, optional
        Name of the coefficients; the variable's own by default.
    prior : prior, optional
        By default a `RandomWalk` of order 2, the smoothness penalty, whose scale is learned, as
        ``<name>_scale``: HalfNormal, so that the curve's own sd is about 2.5 sd(y) at most (2.5
        where the response has no unit). ``smooth(lam, 2)`` fixes it, which `fit_map` asks for and
        `tune_prior` chooses. Under both the line has a prior of its own, ``free=``, by default
        ``Normal(2.5 sd(y)/sd(x))``. Other priors are those of each coefficient, the line among
        them; not the model's ``prior``.
    knots : sequence of float, optional
        Inner knots; by default quantiles of the predictor's distinct values.
    constants : pair of sequences of float, optional
        What the first fit takes from each column, for the stored model: its mean, and its slope
        around that of the predictor.

    Raises
    ------
    ModelError
        Fewer coefficients than the degree asks for, a cyclic spline without bounds, knots beyond
        the bounds.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.Spline("age", df=6)
    Spline('age', df=6)
    >>> bg.Spline("hour", bounds=(0, 24), cyclic=True)
    Spline('hour', bounds=(0.0, 24.0), cyclic=True)
    """

    variable: str
    df: int = 10
    degree: int = 3
    bounds: Bounds = None
    cyclic: bool = False
    name: str | None = None
    prior: CoefficientPrior | None = None
    knots: Numbers | None = None
    constants: Constants = None

    pooled: ClassVar[bool] = False
    own_dims: ClassVar[tuple[str, ...]] = ("basis",)
    facts: ClassVar = Facts(part=CURVE)
    is_lagged: ClassVar = False
    reads_response: ClassVar = False
    takes_model_prior: ClassVar = False
    lag_range = no_lags
    symbol = bare_symbol
    summand = sum_of_functions
    label = property(label_of)
    roles = property(predictor_of)
    variables = property(variables_of)
    option: ClassVar = Option("X[:DF]", "a predictor that acts as a smooth curve")

    def __post_init__(self) -> None:
        check_name("Spline variable", self.variable)
        check_common(self)
        if not isinstance(self.cyclic, bool):
            raise ModelError(f"Spline cyclic must be True or False, got {shown(self.cyclic)}.")
        put(self, degree=whole_number("Spline degree", self.degree, 1))
        freeze_knots(self)
        if self.knots is not None:
            put(self, df=self._number_of_coefficients(len(self.knots)))
        put(self, df=whole_number("Spline df", self.df, max(2, self.degree)))
        if self.cyclic and self.bounds is None:
            raise ModelError(
                f"Spline({self.variable!r}, cyclic=True) needs its period; write bounds=(start, "
                "stop), where stop is start again, for example bounds=(0, 24) of hours."
            )
        freeze_constants(self, (self.df, self.df))
        if self.constants is not None and self.knots is None:
            raise ModelError(f"Spline({self.variable!r}) has constants, and no knots; give both.")

    def _number_of_coefficients(self, n_knots: int) -> Any:
        df = n_knots if self.cyclic else n_knots + self.degree
        if self.df not in (df, type(self).df):
            raise ModelError(
                f"Spline({self.variable!r}): df={self.df} and {n_knots} inner knots do not go "
                f"together; leave df out, which is then {df}."
            )
        return df

    def default_prior(self, scale: Any) -> RandomWalk:
        """Return a smoothness penalty whose scale is learned: that of all bends together."""
        n_bends = self.df if self.cyclic else self.df - 1
        return RandomWalk(HalfNormal(scale * n_bends**-0.5), order=ORDER)

    @classmethod
    def from_text(cls, text: str) -> tuple[Spline, ...]:
        """Read a name, and a number of coefficients.

        >>> Spline.from_text("age:6")
        (Spline('age', df=6),)
        """
        name, _, df = text.partition(":")
        return (cls(name, df=number_in(df, "age:6")) if df else cls(name),)
