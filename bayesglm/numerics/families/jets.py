"""Numbers with their first and second derivatives: forward differentiation of NumPy's formulas.

A `Jet` stands for a function of a few variables at some place, and passes through NumPy's and
SciPy's elementwise functions; what comes out holds the derivatives of the whole, as right as those
of every step. With f(a, b) and indices for variables,

    f_i  = f_a a_i + f_b b_i
    f_ij = f_aa a_i a_j + f_ab (a_i b_j + a_j b_i) + f_bb b_i b_j + f_a a_ij + f_b b_ij

Source: Griewank & Walther (2008), Evaluating Derivatives, chapters 3 and 13.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from scipy import special

from bayesglm.errors import ModelError

# A derivative: numbers, or None where it is zero everywhere.
type Part = Any


class Jet(NDArrayOperatorsMixin):
    """A value with its derivatives in each of several variables, elementwise.

    ``second`` is symmetric; it is empty where only first derivatives are asked for.

    >>> x, y = seeded((2.0, 3.0), 2)
    >>> product = np.exp(x) * y
    >>> float(product.first[0]).hex() == float(product.value).hex(), product.second[1][1] is None
    (True, True)
    """

    def __init__(
        self, value: Any, first: tuple[Part, ...], second: tuple[tuple[Part, ...], ...]
    ) -> None:
        self.value, self.first, self.second = value, first, second

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of its value."""
        return np.shape(self.value)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        values = [_value(one) for one in inputs]
        if method == "__call__" and ufunc in FLAT and not options:
            return ufunc(*values)
        if method != "__call__" or ufunc not in PARTIALS or options:
            raise ModelError(_unknown(ufunc.__name__))
        value = ufunc(*values)
        return _chained(value, PARTIALS[ufunc](*values, value), inputs)

    def __array_function__(self, function: Any, types: Any, inputs: Any, options: Any) -> Any:
        if function not in FUNCTIONS or options:
            raise ModelError(_unknown(function.__name__))
        return FUNCTIONS[function](*inputs)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise ModelError(_unknown("array, asarray or float"))


def _unknown(name: str) -> str:
    """Say that the derivatives of a function are not known here, and what to write."""
    known = sorted(one.__name__ for one in (*PARTIALS, *FUNCTIONS))
    return (
        f"numpy's or scipy's {name} has no derivatives here; write the formula with arithmetic and "
        f"{', '.join(known)} (functions of the responses alone may be any)."
    )


def seeded(values: Sequence[Any], order: int) -> list[Jet]:
    """Return variables as jets in themselves, of order 1 or 2."""
    n = len(values)
    nothing = tuple((None,) * n for _ in range(n)) if order > 1 else ()
    jets = []
    for k, value in enumerate(values):
        first = tuple(1.0 if j == k else None for j in range(n))
        jets.append(Jet(np.asarray(value, dtype=np.float64), first, nothing))
    return jets


def composed(derivatives: Sequence[Any], variable: Jet) -> Jet:
    """Return a function of a variable, of which value and derivatives are given.

    >>> (x,) = seeded((2.0,), 2)
    >>> float(composed((8.0, 12.0, 12.0), x).second[0][0])
    12.0
    """
    value, *slopes = derivatives
    return _chained(value, (slopes,), (variable,))


def _value(one: Any) -> Any:
    return one.value if isinstance(one, Jet) else one


def _chained(value: Any, partials: Any, inputs: Sequence[Any]) -> Jet:
    """Put derivatives of a function of one or two arguments on those of its arguments."""
    jets = [one if isinstance(one, Jet) else None for one in inputs]
    n = next(len(one.first) for one in jets if one)
    twice = all(one.second for one in jets if one)
    if len(jets) == 1:
        slope, *bend = partials[0]
        slopes, bends = [slope], {(0, 0): bend[0] if bend else None}
    else:
        f_a, f_b, f_aa, f_ab, f_bb = partials
        slopes, bends = [f_a, f_b], {(0, 0): f_aa, (0, 1): f_ab, (1, 0): f_ab, (1, 1): f_bb}
    live = [(k, one) for k, one in enumerate(jets) if one is not None]
    first = tuple(_sum(_product(slopes[k], one.first[i]) for k, one in live) for i in range(n))
    if not twice:
        return Jet(value, first, ())

    def bent(i: int, j: int) -> Part:
        curved = (
            _product(bends[k, m], one.first[i], other.first[j])
            for k, one in live
            for m, other in live
        )
        return _sum([*curved, *(_product(slopes[k], one.second[i][j]) for k, one in live)])

    above = {(i, j): bent(i, j) for i in range(n) for j in range(i, n)}
    table = tuple(tuple(above[min(i, j), max(i, j)] for j in range(n)) for i in range(n))
    return Jet(value, first, table)


def _product(*parts: Part) -> Part:
    """Multiply parts, of which None is zero and a plain 1.0 leaves the others as they are."""
    if any(one is None for one in parts):
        return None
    result: Any = 1.0
    for one in parts:
        if not (isinstance(one, float) and one == 1.0):
            result = one if isinstance(result, float) and result == 1.0 else result * one
    return result


def _sum(parts: Any) -> Part:
    kept = [one for one in parts if one is not None]
    return sum(kept[1:], kept[0]) if kept else None


def _where(condition: Any, one: Any, other: Any) -> Jet:
    """Choose derivatives as values are chosen."""
    like = next(jet for jet in (one, other) if isinstance(jet, Jet))
    n = len(like.first)
    one, other = (_lifted(jet, like) for jet in (one, other))

    def chosen(a: Part, b: Part) -> Part:
        if a is None and b is None:
            return None
        return np.where(condition, 0.0 if a is None else a, 0.0 if b is None else b)

    first = tuple(map(chosen, one.first, other.first))
    second = tuple(tuple(map(chosen, one.second[i], other.second[i])) for i in range(n))
    second = second if like.second else ()
    return Jet(np.where(condition, one.value, other.value), first, second)


def _lifted(value: Any, like: Jet) -> Jet:
    """Return a constant as a jet without slopes."""
    if isinstance(value, Jet):
        return value
    n = len(like.first)
    nothing = tuple((None,) * n for _ in range(n))
    return Jet(value, (None,) * n, nothing if like.second else ())


def _clip(x: Any, low: Any, high: Any) -> Any:
    return np.minimum(np.maximum(x, low), high)


# Functions that have no slope, or none that anybody asks for.
FLAT = {
    *(np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal),
    *(np.isfinite, np.isnan, np.isinf, np.sign, np.floor, np.ceil, np.rint),
}
FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.where: _where,
    np.clip: _clip,
    np.shape: lambda x: x.shape,
    np.zeros_like: lambda x: np.zeros(np.shape(x.value)),
    np.ones_like: lambda x: np.ones(np.shape(x.value)),
}


def _unary(slopes: Callable[[Any, Any], tuple[Any, Any]]) -> Callable[..., Any]:
    """Return the rule of a function of one argument: slope and bend at x, where it is f."""
    return lambda x, f: (slopes(x, f),)


def _power(a: Any, b: Any, f: Any) -> tuple[Part, ...]:
    """a^b; the logarithm of a that is not positive is asked for by no derivative in a."""
    log = np.log(np.where(np.greater(a, 0.0), a, 1.0))
    below = np.power(a, b - 1.0)
    return (
        b * below,
        f * log,
        b * (b - 1.0) * np.power(a, b - 2.0),
        below * (1.0 + b * log),
        (f * log * log),
    )


def _logaddexp(a: Any, b: Any, f: Any) -> tuple[Part, ...]:
    p, q = special.expit(a - b), special.expit(b - a)
    return p, q, p * q, -p * q, p * q


def _extreme(is_first: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def partials(a: Any, b: Any, f: Any) -> tuple[Part, ...]:
        first = is_first(a, b)
        return np.where(first, 1.0, 0.0), np.where(first, 0.0, 1.0), None, None, None

    return partials


def _xlogy(a: Any, b: Any, f: Any) -> tuple[Part, ...]:
    ratio = _ratio(a, b)
    return np.log(b), ratio, None, 1.0 / b, -_ratio(ratio, b)


def _xlog1py(a: Any, b: Any, f: Any) -> tuple[Part, ...]:
    ratio = _ratio(a, 1.0 + b)
    return np.log1p(b), ratio, None, 1.0 / (1.0 + b), -_ratio(ratio, 1.0 + b)


def _ratio(a: Any, b: Any) -> Any:
    """a / b, where nothing has no share: 0 / 0 = 0."""
    return np.where(np.equal(a, 0.0), 0.0, a / b)


def _betaln(a: Any, b: Any, f: Any) -> tuple[Part, ...]:
    whole, bend = special.digamma(a + b), special.zeta(2.0, a + b)
    of_a, of_b = special.zeta(2.0, a) - bend, special.zeta(2.0, b) - bend
    return special.digamma(a) - whole, special.digamma(b) - whole, of_a, -bend, of_b


def _normal(x: Any) -> Any:
    return np.exp(-0.5 * x * x) / np.sqrt(2.0 * np.pi)


def _log_ndtr(x: Any, f: Any) -> tuple[Any, Any]:
    mills = np.sqrt(2.0 / np.pi) / special.erfcx(-np.sqrt(0.5) * x)
    return mills, -mills * (mills + x)


def _i0e(x: Any, f: Any) -> tuple[Any, Any]:
    side, i1e = np.sign(x), special.i1e(x)
    over = np.where(np.abs(x) < 1e-150, 0.5, i1e / np.where(x == 0.0, 1.0, x))
    return i1e - side * f, 2.0 * f - 2.0 * side * i1e - over


_ROOT = 2.0 / np.sqrt(np.pi)
PARTIALS: dict[Any, Callable[..., Any]] = {
    np.add: lambda a, b, f: (1.0, 1.0, None, None, None),
    np.subtract: lambda a, b, f: (1.0, -1.0, None, None, None),
    np.multiply: lambda a, b, f: (b, a, None, 1.0, None),
    np.divide: lambda a, b, f: (1.0 / b, -f / b, None, -1.0 / b / b, 2.0 * f / b / b),
    np.power: _power,
    np.logaddexp: _logaddexp,
    np.maximum: _extreme(np.greater_equal),
    np.minimum: _extreme(np.less_equal),
    special.xlogy: _xlogy,
    special.xlog1py: _xlog1py,
    special.betaln: _betaln,
    np.negative: _unary(lambda x, f: (-1.0, None)),
    np.positive: _unary(lambda x, f: (1.0, None)),
    np.absolute: _unary(lambda x, f: (np.sign(x), None)),
    np.square: _unary(lambda x, f: (2.0 * x, 2.0)),
    np.reciprocal: _unary(lambda x, f: (-f * f, 2.0 * f * f * f)),
    np.sqrt: _unary(lambda x, f: (0.5 / f, -0.25 / f / x)),
    np.exp: _unary(lambda x, f: (f, f)),
    np.expm1: _unary(lambda x, f: (np.exp(x),) * 2),
    np.log: _unary(lambda x, f: (1.0 / x, -1.0 / x / x)),
    np.log1p: _unary(lambda x, f: (1.0 / (1.0 + x), -1.0 / (1.0 + x) / (1.0 + x))),
    np.sin: _unary(lambda x, f: (np.cos(x), -f)),
    np.cos: _unary(lambda x, f: (-np.sin(x), -f)),
    np.tan: _unary(lambda x, f: (1.0 + f * f, 2.0 * f * (1.0 + f * f))),
    np.sinh: _unary(lambda x, f: (np.cosh(x), f)),
    np.cosh: _unary(lambda x, f: (np.sinh(x), f)),
    np.tanh: _unary(lambda x, f: ((1.0 - f) * (1.0 + f), -2.0 * f * (1.0 - f) * (1.0 + f))),
    np.arctan: _unary(lambda x, f: (1.0 / (1.0 + x * x), -2.0 * x / (1.0 + x * x) ** 2)),
    np.arcsinh: _unary(lambda x, f: (1.0 / np.hypot(1.0, x), -x / np.hypot(1.0, x) ** 3)),
    special.gammaln: _unary(lambda x, f: (special.digamma(x), special.zeta(2.0, x))),
    special.digamma: _unary(lambda x, f: (special.zeta(2.0, x), -2.0 * special.zeta(3.0, x))),
    special.expit: _unary(
        lambda x, f: (f * special.expit(-x), f * special.expit(-x) * (special.expit(-x) - f))
    ),
    special.log_expit: _unary(
        lambda x, f: (special.expit(-x), -special.expit(x) * special.expit(-x))
    ),
    special.ndtr: _unary(lambda x, f: (_normal(x), -x * _normal(x))),
    special.log_ndtr: _unary(_log_ndtr),
    special.erf: _unary(lambda x, f: (_ROOT * np.exp(-x * x), -2.0 * x * _ROOT * np.exp(-x * x))),
    special.erfc: _unary(lambda x, f: (-_ROOT * np.exp(-x * x), 2.0 * x * _ROOT * np.exp(-x * x))),
    special.i0e: _unary(_i0e),
}
