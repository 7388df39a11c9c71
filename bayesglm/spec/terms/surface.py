"""Smooth surfaces over two predictors: maps of places."""

from __future__ import annotations

from typing import Any, ClassVar

from bayesglm.errors import ModelError
from bayesglm.spec.hints import shown
from bayesglm.spec.noun import noun, put
from bayesglm.spec.priors import CoefficientPrior, HalfNormal, RandomWalk
from bayesglm.spec.terms.curves import number_in
from bayesglm.spec.terms.spline import ORDER, Spline
from bayesglm.spec.terms.term import (
    CURVE,
    PREDICTOR,
    Facts,
    Option,
    bare_symbol,
    check_common,
    check_name,
    no_lags,
)


@noun
class Surface:
    """A smooth surface over two predictors: eta += f(x, y), a tensor product of splines.

    f(x, y) = f1(x) + f2(y) + sum_jk w_jk B_j(x) C_k(y), with B and C the lines and bends of a
    `Spline` each, and f1 and f2 sums of these (Wood, Scheipl & Faraway 2013, Statistics and
    Computing 23, whose ``t2`` it is with one variance for all bends). Lines are in units of the sd
    of a uniform predictor over the bounds. The map of a place cell is a surface over the two
    coordinates of the animal, and with a cyclic margin that of a direction and a speed.

    Coefficients lie along ``<name>_basis``: the lines and their product, which a smoothness penalty
    leaves alone, then the bends and all products with them. `kernels` gives the surface itself, on
    a grid along ``value`` and ``value_2``.

    Parameters
    ----------
    variable : (str, str)
        Two variables of dims ``(sample,)``.
    df : int or (int, int)
        Number of coefficients of each margin, as in `Spline`: those of the surface are the product
        of df + 1 of each, less one.
    degree : int
        Of the piecewise polynomials.
    bounds : ((float, float), (float, float)), optional
        Where the splines begin and end; by default, and where None, its range.
    cyclic : bool or (bool, bool)
        Whether the surface is periodic along each, over its bounds.
    name : str, optional
        Name of the coefficients; by default the two variables with a colon between.
    prior : prior, optional
        As in `Spline`: by default a smoothness penalty whose scale is learned, one for all bends.
    margins : (Spline, Spline), optional
        What the first fit finds and the stored model keeps: the splines with their knots.

    Raises
    ------
    ModelError
        Not two variables, or what a `Spline` refuses of each.

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.Surface(("x", "y"), df=6)
    Surface(('x', 'y'))
    >>> bg.Surface(("heading", "speed"), cyclic=(True, False), bounds=((0, 360), None)).label
    'heading:speed'
    """

    variable: tuple[str, str]
    df: int | tuple[int, int] = 6
    degree: int = 3
    bounds: Any = None
    cyclic: bool | tuple[bool, bool] = False
    name: str | None = None
    prior: CoefficientPrior | None = None
    margins: tuple[Spline, Spline] | None = None

    pooled: ClassVar[bool] = False
    own_dims: ClassVar[tuple[str, ...]] = ("basis",)
    facts: ClassVar = Facts(part=CURVE)
    is_lagged: ClassVar = False
    reads_response: ClassVar = False
    takes_model_prior: ClassVar = False
    lag_range = no_lags
    symbol = bare_symbol
    option: ClassVar = Option("X:Y[:DF]", "two predictors that act as a smooth surface")

    def __post_init__(self) -> None:
        pair = tuple(self.variable) if isinstance(self.variable, (list, tuple)) else ()
        if len(pair) != 2:
            raise ModelError(
                f"Surface takes two variables, got {shown(self.variable)}; write "
                "Surface(('x', 'y')), or Spline('x') for a curve over one."
            )
        for one in pair:
            check_name("Surface variable", one)
        if pair[0] == pair[1]:
            raise ModelError(f"Surface has {pair[0]!r} twice; a curve over it is Spline.")
        put(self, variable=tuple(str(one) for one in pair))
        check_common(self)
        if self.margins is not None:
            named = tuple(getattr(one, "variable", None) for one in self.margins)
            if named != self.variable:
                raise ModelError("Surface margins are those that a fit stores; leave them out.")
            return
        first, second = self.parts
        ends = None if first.bounds is second.bounds is None else (first.bounds, second.bounds)
        put(self, degree=first.degree, df=_alike(first.df, second.df), bounds=ends)
        put(self, cyclic=_alike(first.cyclic, second.cyclic))

    def _each(self, field: str, value: Any) -> tuple[Any, Any]:
        """Return what is said of each margin, of both at once or one after the other."""
        if not isinstance(value, (list, tuple)):
            if field == "bounds":
                raise ModelError(f"Surface bounds must be a pair of pairs, got {shown(value)}.")
            return value, value
        if len(value) != 2:
            raise ModelError(f"Surface {field} must be one or two, got {shown(value)}.")
        return value[0], value[1]

    @property
    def parts(self) -> tuple[Spline, Spline]:
        """The margins, with their knots once these are known."""
        if self.margins is not None:
            return self.margins
        df, cyclic = self._each("df", self.df), self._each("cyclic", self.cyclic)
        bounds = (None, None) if self.bounds is None else self._each("bounds", self.bounds)
        first, second = (
            Spline(name, df=n, degree=self.degree, bounds=ends, cyclic=around)
            for name, n, ends, around in zip(self.variable, df, bounds, cyclic, strict=True)
        )
        return first, second

    @property
    def label(self) -> str:
        """Name of the coefficients."""
        return self.name or ":".join(self.variable)

    @property
    def roles(self) -> dict[str, str]:
        """What each variable is that the term reads: a predictor."""
        return dict.fromkeys(self.variable, PREDICTOR)

    @property
    def variables(self) -> tuple[str, ...]:
        """Variables of the data that the term reads."""
        return self.variable

    @property
    def n_straight(self) -> int:
        """Number of lines and products of them."""
        lines = [1 + (not one.cyclic) for one in self.parts]
        return lines[0] * lines[1] - 1

    def default_prior(self, scale: Any) -> RandomWalk:
        """Return a smoothness penalty whose scale is learned: that of all bends together."""
        one, other = self.parts
        n_bends = (one.df + 1) * (other.df + 1) - 1 - self.n_straight
        return RandomWalk(HalfNormal(scale * n_bends**-0.5), order=ORDER)

    def summand(self, response: str, index: str) -> str:
        """Write the sum of functions of both predictors, each times its coefficient."""
        inside = ", ".join(f"{name}{index}" for name in self.variable)
        return f"Σⱼ {self.label}[j]·Bⱼ({inside})"

    @classmethod
    def from_text(cls, text: str) -> tuple[Surface, ...]:
        """Read two names, and a number of coefficients of each margin.

        >>> Surface.from_text("x:y:8")
        (Surface(('x', 'y'), df=8),)
        """
        first, _, rest = text.partition(":")
        second, _, df = rest.partition(":")
        if not first or not second:
            raise ModelError(f"--surface takes X:Y or X:Y:DF, for example x:y:8, got {text!r}.")
        return (cls((first, second), df=number_in(df, "x:y:8")) if df else cls((first, second)),)


def _alike(one: Any, other: Any) -> Any:
    return one if one == other else (one, other)
