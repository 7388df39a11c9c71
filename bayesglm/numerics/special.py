"""Functions that plain differences give with an error of many digits.

The logarithms are of gamma functions, whose differences err by 1e-16 n log n. Source: Loader
(2000), Fast and accurate computation of binomial probabilities (the remainder of Stirling's
formula); the series are those of log Gamma (Abramowitz & Stegun 1964, 6.1.40).
"""

from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.polynomial.polynomial import polyval
from numpy.typing import NDArray
from scipy.special import betaln, factorial, gammaln, psi

type Array = NDArray[np.float64]

_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188)
_HALF_STEP = (1 / 8, -1 / 192, 1 / 640, -17 / 14336, 31 / 18432)
_HALF_STEP_SLOPE = tuple((2 * k + 1) * c for k, c in enumerate(_HALF_STEP))
_HALF_STEP_BEND = tuple((2 * k + 2) * c for k, c in enumerate(_HALF_STEP_SLOPE))
_DIGAMMA = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760)
_STEPS = np.arange(30.0)  # of one, beyond which the series of half a step is right to 1e-16
_TRIGAMMA = tuple((2 * k + 2) * c for k, c in enumerate(_DIGAMMA))


def log_choose(n: Array | float, k: Array | float) -> Array:
    """log of the binomial coefficient, elementwise; exactly 0 for k = 0 and k = n.

    >>> np.exp(log_choose(5.0, np.array([0.0, 2.0]))).round(12)
    array([ 1., 10.])
    """
    inner = (k > 0.0) & (k < n)
    fewer = np.where(inner, np.minimum(k, n - k), 1.0)
    n = np.where(inner, n, 2.0)
    rest = n - fewer
    entropy = fewer * np.log(n / fewer) - rest * np.log1p(-fewer / n)
    width = 0.5 * np.log(n / rest / (2.0 * np.pi * fewer))
    remainder = stirling_remainder(n) - stirling_remainder(fewer) - stirling_remainder(rest)
    return np.where(inner, entropy + width + remainder, 0.0)


def stirling_remainder(k: Array) -> Array:
    """Return log k! - (k log k - k + log(2 pi k) / 2), elementwise, of positive numbers.

    It is log Gamma(k) - ((k - 1/2) log k - k + log(2 pi) / 2) as well.

    >>> float(np.exp(stirling_remainder(1.0) - 1.0) * np.sqrt(2.0 * np.pi))
    1.0
    """
    few = np.minimum(k, 16.0)
    exact = gammaln(few + 1.0) - (few * np.log(few) - few + 0.5 * np.log(2.0 * np.pi * few))
    many = np.maximum(k, 16.0)
    return np.where(k < 16.0, exact, polyval(many**-2.0, _STIRLING) / many)


def log_gamma_half_step(a: Array | float) -> Array:
    """log Gamma(a + 1/2) - log Gamma(a), elementwise.

    >>> float(np.exp(log_gamma_half_step(0.5)) * np.sqrt(np.pi))
    1.0
    """
    return _half_step_of_number(a) if isinstance(a, float) else _half_step(a)


@cache
def _half_step_of_number(a: float) -> Array:
    return _half_step(a)  # samplers ask for it at every step


def _half_step(a: Array | float) -> Array:
    a = np.asarray(a, dtype=np.float64)
    large = np.maximum(a, 20.0)
    series = 0.5 * np.log(large) - polyval(large**-2.0, _HALF_STEP) / large
    return np.where(a < 20.0, 0.5 * np.log(np.pi) - betaln(0.5, np.minimum(a, 20.0)), series)


def log_less_digamma(a: Array | float) -> Array:
    """Return log a - psi(a), elementwise: 1 / (2 a) and less of large numbers.

    The series is that of psi (Abramowitz & Stegun 1964, 6.3.18).
    """
    a = np.asarray(a, dtype=np.float64)
    few, large = np.minimum(a, 16.0), np.maximum(a, 16.0)
    series = (0.5 + polyval(large**-2.0, _DIGAMMA) / large) / large
    return np.where(a < 16.0, np.log(few) - psi(few), series)


def inverse_less_trigamma(a: Array | float) -> Array:
    """Return 1 / a - psi'(a), the derivative of `log_less_digamma` (ibid., 6.4.12).

    Below 16 it is reached by steps of one, each of which adds -1 / (a^2 (a + 1)): none of their
    sums cancels.
    """
    a = np.asarray(a, dtype=np.float64)
    is_few = a < 16.0
    large = np.where(is_few, a + 16.0, a)
    rate = np.asarray(-(0.5 + polyval(large**-2.0, _TRIGAMMA) / large) / large / large)
    if np.any(is_few):
        x, of_steps = a[is_few], np.zeros(np.count_nonzero(is_few))
        with np.errstate(over="ignore", divide="ignore"):
            for k in range(16):
                of_steps -= 1.0 / ((x + k) * (x + k) * (x + (k + 1.0)))
        rate[is_few] += of_steps
    return rate


def half_step_excess(a: Array | float, order: int) -> tuple[Array, ...]:
    """Return log Gamma(a + 1/2) - log Gamma(a) - log(a) / 2 and up to two of its derivatives.

    It is -1 / (8 a) and less of large numbers. Below 30 it is reached by steps of one, each of
    which adds -log(1 + 1 / (4 a (a + 1))) / 2: none of their sums cancels.
    """
    a = np.asarray(a, dtype=np.float64)
    is_few = a < 30.0
    x = np.where(is_few, a + 30.0, a)
    square = x**-2.0
    parts = [np.asarray(-polyval(square, _HALF_STEP) / x)]
    if order > 0:
        parts.append(np.asarray(polyval(square, _HALF_STEP_SLOPE) * square))
    if order > 1:
        parts.append(np.asarray(-polyval(square, _HALF_STEP_BEND) * square / x))
    if np.any(is_few):
        for part, of_steps in zip(parts, _steps(a[is_few][..., None] + _STEPS), strict=False):
            part[is_few] += of_steps.sum(axis=-1)
    return tuple(parts)


def _steps(x: Array) -> Iterator[Array]:
    """Yield what a step of one from x adds to `half_step_excess`, and then to its derivatives."""
    product = x * (x + 1.0)
    yield -0.5 * np.log1p(0.25 / product)
    odd = 2.0 * x + 1.0
    rate = 0.5 / (product * odd)
    yield rate
    yield -rate * (odd / product + 2.0 / odd)


# exp(x) - 1 - x is x^2 times the sum of x^k / (k + 2)!; at |x| = 0.5 the first term left out is
# 1e-17 of the sum.
_EXCESS = (1.0 / factorial(np.arange(2, 16))).tolist()


def exp_excess(x: Array | float) -> Array:
    """Return exp(x) - 1 - x, elementwise, which is never negative.

    >>> exp_excess(np.array([-1e-200, 0.0, 1e-9])).round(24).tolist()
    [0.0, 0.0, 5e-19]
    """
    x = np.asarray(x, dtype=np.float64)
    small = np.clip(x, -0.5, 0.5)
    with np.errstate(over="ignore"):
        direct = np.expm1(x) - x
    return np.where(np.abs(x) < 0.5, small * small * polyval(small, _EXCESS), direct)
