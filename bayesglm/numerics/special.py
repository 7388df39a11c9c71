"""Two logarithms that differences of log-gamma functions give with an error of 1e-16 n log n.

Source: Loader (2000), Fast and accurate computation of binomial probabilities (the remainder of
Stirling's formula); the series are those of log Gamma (Abramowitz & Stegun 1964, 6.1.40).
"""

from functools import cache

import numpy as np
from numpy.polynomial.polynomial import polyval
from numpy.typing import NDArray
from scipy.special import betaln, gammaln

type Array = NDArray[np.float64]

_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188)
_HALF_STEP = (1 / 8, -1 / 192, 1 / 640, -17 / 14336, 31 / 18432)


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
    remainder = _stirling_remainder(n) - _stirling_remainder(fewer) - _stirling_remainder(rest)
    return np.where(inner, entropy + width + remainder, 0.0)


def _stirling_remainder(k: Array) -> Array:
    """log k! - (k log k - k + log(2 pi k) / 2)."""
    few = np.minimum(k, 16.0)
    exact = gammaln(few + 1.0) - (few * np.log(few) - few + 0.5 * np.log(2.0 * np.pi * few))
    return np.where(k < 16.0, exact, polyval(k**-2.0, _STIRLING) / k)


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
