"""Rising factorials of a positive number a, and their derivatives, without cancellation.

    (a)_n = a (a + 1) ... (a + n - 1) = Gamma(a + n) / Gamma(a)

is what the negative binomial and the beta-binomial are made of. Differences of log-gamma functions
lose all digits as a grows. Here the first few factors are taken one by one, and those beyond by
Stirling's series (Abramowitz & Stegun 1964, 6.1.40), of which leading terms cancel by hand.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.polynomial.polynomial import polyval
from numpy.typing import NDArray
from scipy.special import digamma, gammaln, zeta

type Array = NDArray[np.float64]

FEW = 8  # factors taken one by one, and where Stirling's series is right to 1e-16
_STIRLING = np.array(
    [
        *(1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156),
        *(-3617 / 122400, 43867 / 244188, -174611 / 125400),
    ]
)
_ODD = 2.0 * np.arange(len(_STIRLING)) + 1.0
_SERIES = (_STIRLING, -_ODD * _STIRLING, _ODD * (_ODD + 1.0) * _STIRLING)
# Of log(1 + x) and x / (2 + x) = z: the coefficients of z^2k that are left after the leading terms.
_NEAR = 0.2  # |x| below which these series replace differences, and are right to 1e-16
_LESS = 1.0 / (2.0 * np.arange(8) + 3.0)
_CUBIC = 1.0 - _LESS
_LEAST, _MOST = 1e-300, 1e300  # a beyond which its sums would leave the floats
LARGEST_TABLE = 1e4  # counts up to which functions of them are read from a table


def log1p_less(x: Array) -> Array:
    """log(1 + x) - x, which is -x^2 / 2 near zero.

    >>> log1p_less(np.array([1e-9, 1.0])).round(20)
    array([-5.00000000e-19, -3.06852819e-01])
    """
    x = np.asarray(x, dtype=np.float64)
    difference = np.asarray(np.log1p(x) - x)
    near = np.abs(x) < _NEAR
    if np.any(near):
        difference[near] = near_log1p_less(x[near])
    return difference


def near_log1p_less(x: Array) -> Array:
    """The same where |x| is below 0.2: with z = x / (2 + x), 2 z^3 (1/3 + z^2/5 + ...) - x z."""
    z = x / (2.0 + x)
    square = z * z
    return 2.0 * z * square * polyval(square, _LESS) - x * z


def is_near(x: Array) -> NDArray[np.bool_]:
    """Say where `near_log1p_less` holds."""
    return np.abs(x) < _NEAR


def cubic(x: Array) -> Array:
    """x + x / (1 + x) - 2 log(1 + x) of positive x, which is x^3 / 3 near zero."""
    x = np.asarray(x, dtype=np.float64)
    difference = np.asarray(x + x / (1.0 + x) - 2.0 * np.log1p(x))
    near = x < _NEAR
    if np.any(near):
        z = x[near] / (2.0 + x[near])
        square = z * z
        difference[near] = 4.0 * z * square * polyval(square, _CUBIC)
    return difference


def remainder(x: Array | float, order: int) -> tuple[Array, ...]:
    """The remainder of Stirling's formula for log Gamma(x), and as many derivatives.

    S(x) = log Gamma(x) - ((x - 1/2) log x - x + log(2 pi) / 2), which is 1 / (12 x) for large x.
    """
    x = np.asarray(x, dtype=np.float64)
    parts = [np.asarray(part) for part in _stirling(np.maximum(x, FEW), order, 0)]
    small = x < FEW
    if np.any(small):
        few = x[small]
        log = np.log(few)
        exact = (
            lambda: gammaln(few) - ((few - 0.5) * log - few + 0.5 * np.log(2.0 * np.pi)),
            lambda: digamma(few) - log + 0.5 / few,
            lambda: zeta(2.0, few) - (1.0 + 0.5 / few) / few,
        )
        for part, of in zip(parts, exact, strict=False):
            part[small] = of()
    return tuple(parts)


def _stirling(x: Array, order: int, first: int) -> list[Array]:
    """Stirling's series of log Gamma and its derivatives, from its ``first`` term on."""
    inverse = 1.0 / x
    square = inverse * inverse
    power = inverse ** (2 * first + 1)
    parts = []
    for series in _SERIES[: order + 1]:
        parts.append(power * polyval(square, series[first:]))
        power = power * inverse
    return parts


class Rising(NamedTuple):
    """log (a)_n and its derivatives; all are sums over j from 0 to n - 1, of one sign.

    - `log`: of log(1 + j / a), which is log (a)_n - n log a.
    - `held`: of a / (a + j), the derivative of log (a)_n with respect to log a.
    - `left`: of j / (a + j), which is n - held.
    - `bend`: of a j / (a + j)^2, the derivative of held with respect to log a.
    - `square`: of j^2 / (a + j)^2, which is left - bend.
    """

    log: Array
    held: Array
    left: Array
    bend: Array
    square: Array


def rising(a: Array | float, n: Array | float, order: int) -> Rising:
    """Return the sums of a and n, which broadcast; of order 0 `log` alone, the others being empty.

    >>> [float(part.round(6)) for part in rising(0.5, 2.0, 1)]
    [1.098612, 1.333333, 0.666667, 0.222222, 0.444444]
    """
    a, n = np.asarray(a, dtype=np.float64), np.asarray(n, dtype=np.float64)
    shape = np.broadcast_shapes(a.shape, n.shape)
    a, n = np.broadcast_to(a, shape).ravel(), np.broadcast_to(n, shape).ravel()
    sums = [np.zeros(a.size) for _ in range(5 if order else 1)]
    if order:
        np.minimum(n, 1.0, out=sums[1])  # the first factor is a itself
    for j in range(1, min(int(np.max(n, initial=0.0)), FEW)):
        members = slice(None) if np.min(n) > j else np.flatnonzero(n > j)
        of = a[members]
        sums[0][members] += np.log1p(j / of)
        if order:
            held = of / (of + j)
            left = j / (of + j)
            for total, term in zip(sums[1:], (held, left, held * left, left * left), strict=True):
                total[members] += term
    beyond = np.flatnonzero(n > FEW)
    if len(beyond):
        for total, rest in zip(sums, _beyond(a[beyond], n[beyond] - FEW, order), strict=True):
            total[beyond] += rest
    empty = [np.zeros(shape)] * (5 - len(sums))
    return Rising(*(total.reshape(shape) for total in sums), *empty)


def rising_of(a: Array, log_a: Array, n: Array, order: int) -> Rising:
    """Return the sums with `log` that of log (a)_n itself, less nothing, from a and its logarithm.

    They are right where a has left the floats: in its log only the first factor goes on falling.
    """
    held = np.clip(a, _LEAST, _MOST)
    sums = rising(held, n, order)
    log = np.clip(log_a, np.log(_LEAST), np.log(_MOST))
    value = sums.log + n * log
    shrunk = log_a < log
    if np.any(shrunk):
        # What never happened counts nothing: 0 * -inf = 0.
        first = np.where(np.greater(n, 0.0) & shrunk, log_a, log)
        value = value + np.minimum(n, 1.0) * (first - log)
        if order:
            sums = sums._replace(bend=sums.bend * (np.minimum(a, _LEAST) / _LEAST))
    return sums._replace(log=value)


def _beyond(a: Array, n: Array, order: int) -> tuple[Array, ...]:
    """Return the same sums over the n factors beyond the first few: from A = a + FEW on.

    With P(A) the sum of 1 / (A + i), i from 0 to n - 1, j / (a + j) is 1 - a / (A + i), and so on.
    """
    low, high = a + FEW, a + FEW + n
    x, share = n / low, n / high
    log, less = np.log1p(x), log1p_less(x)
    steps = _difference(high, low, 2 * order, 0)
    full = np.where(x < 0.5, (1.0 + x) * less + x * x, (1.0 + x) * log - x)
    value = n * np.log1p(FEW / a) + low * full - 0.5 * log + steps[0]
    if order == 0:
        return (value,)
    total = log + 0.5 * share / low + steps[1]
    slope = steps[2] - share / low - 0.5 * share * (1.0 / low + 1.0 / high) / low
    left = -low * less - 0.5 * share - low * steps[1]
    bend = -log1p_less(-share) - 0.5 * share / high + steps[1] + low * steps[2]
    # The first terms of the series would lose the digits of a square where low is large.
    small = _difference(high, low, 2, 1)
    square = low * cubic(x) - share * share * (0.5 - low / (6.0 * high * n))
    square -= low * (2.0 * small[1] + low * small[2])
    return (
        value,
        a * total,
        left + FEW * total,
        a * (bend - FEW * slope),
        square + 2.0 * FEW * bend - FEW * FEW * slope,
    )


def _difference(high: Array, low: Array, order: int, first: int) -> list[Array]:
    pairs = zip(_stirling(high, order, first), _stirling(low, order, first), strict=True)
    return [above - below for above, below in pairs]


def at_counts(
    function: Callable[[Array, Array], tuple[Array, ...]], a: Array | float, y: Array
) -> tuple[Array, ...]:
    """Return functions of a and of counts; where counts repeat, from a table over all counts.

    a is one number, or ``(..., 1)``, in a table; else it broadcasts against y.
    """
    a, y = np.asarray(a, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if y.ndim == 1 and (a.ndim == 0 or a.shape[-1] == 1):
        largest = np.max(y, initial=0.0)
        if largest < min(y.size, LARGEST_TABLE):
            index = y.astype(np.intp)
            table = function(a, np.arange(largest + 1.0))
            return tuple(np.take(part, index, axis=-1) for part in table)
    return function(a, y)
