"""How the cumulants of canonical links change as eta moves, in single precision.

A log likelihood is the sum of weight * (y eta - n b(eta)) and a constant. As eta moves by d from
where the probability is p = 1 - q, or the mean mu, the cumulant b changes by

    log(q + p e^d)      logit
    mu (e^d - 1)        log

McCullagh & Nelder (1989), Generalized Linear Models, 2.2.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit

type Array = NDArray[np.float64]
type Single = NDArray[np.float32]

_TINY = np.finfo(np.float32).tiny
_IN_PRODUCT = 4  # rows, of whose factors one logarithm is taken


class Change(NamedTuple):
    """What moves from one eta ``(rows,)`` change: of the sum of weight * n * b, and of its slopes.

    - `start`: what is to be added to the moves ``(rows,)``, in their unit; None where nothing.
    - `sums`: the changes ``(k,)`` that moves ``(rows, k)`` make; overwrites them.
    - `slopes`: the same, and the changes of the means ``(rows, k)``.
    - `ratios`: of responses ``(rows,)``, by what factors ``(rows, k)`` their densities change;
      overwrites the moves.
    """

    start: Array | None
    sums: Callable[[Single], Single]
    slopes: Callable[[Single], tuple[Single, Single]]
    ratios: Callable[[Array, Single], Single]


class Changes(NamedTuple):
    """The same from any eta: `at(eta, trials, weights)`, moves being d times ``unit``.

    >>> change = LOG.at(np.zeros(2), None, None)
    >>> change.sums(np.log(np.array([[1.0, 2.0], [1.0, 3.0]], dtype=np.float32))).round(6).tolist()
    [0.0, 3.0]
    """

    unit: float
    at: Callable[..., Change]


def weighted(weights: Array | None, counts: Array | None) -> Array | None:
    """Return weights * counts, None being ones."""
    return counts if weights is None else weights if counts is None else weights * counts


def _log_product(factors: Single) -> Any:
    """Return the logarithms of products over the rows; overwrites their factors."""
    few = len(factors) // _IN_PRODUCT + 1
    while len(factors) > few:
        half = len(factors) // 2
        factors[:half] *= factors[len(factors) - half :]
        factors = factors[: len(factors) - half]
    return np.log(factors, out=factors).sum(axis=0)


def _logit(eta: Array, trials: Array | None, weights: Array | None) -> Change:
    """Of weight * n * log(q + p e^d), p e^d being 2 to the power of d / log 2 + log2 p."""
    counts = weighted(weights, trials)
    p, q = expit(eta).astype(np.float32), expit(-eta).astype(np.float32)
    p, q = p[:, None], q[:, None]
    single = None if counts is None else counts.astype(np.float32)

    def sums(moved: Single) -> Single:
        factors = np.exp2(moved, out=moved)
        factors += q
        if single is None:
            return _log_product(factors)
        return single @ np.log(factors, out=factors)

    def slopes(moved: Single) -> tuple[Single, Single]:
        means = np.exp2(moved, out=moved)
        factors = means + q
        means /= factors
        means -= p
        if single is None:
            return _log_product(factors), means
        np.log(factors, out=factors)
        return single @ factors, np.multiply(means, single[:, None], out=means)

    def ratios(y: Array, moved: Single) -> Single:
        counted = y if weights is None else weights * y
        if single is None and np.all((y == 0.0) | (y == 1.0)):
            shares = np.exp2(moved, out=moved)
            factors = shares + q
            shares *= (y / np.maximum(p[:, 0], _TINY)).astype(np.float32)[:, None]
            shares += (1.0 - y).astype(np.float32)[:, None]
            return np.divide(shares, factors, out=shares)
        logs = np.log(np.exp2(moved) + q)
        logs *= -1.0 if single is None else -single[:, None]
        moved *= (np.log(2.0) * counted).astype(np.float32)[:, None]
        moved -= (counted * log_expit(eta)).astype(np.float32)[:, None]
        moved += logs
        return np.exp(moved, out=moved)

    return Change(log_expit(eta) / np.log(2.0), sums, slopes, ratios)


def _log(eta: Array, trials: None, weights: Array | None) -> Change:
    """Of weight * mu * (e^d - 1), as small as d and right to 6e-8 of it, however large mu."""
    mu = (np.exp(eta) if weights is None else weights * np.exp(eta)).astype(np.float32)

    def sums(moved: Single) -> Single:
        return mu @ np.expm1(moved, out=moved)

    def slopes(moved: Single) -> tuple[Single, Single]:
        means = np.expm1(moved, out=moved)
        means *= mu[:, None]
        return means.sum(axis=0), means

    def ratios(y: Array, moved: Single) -> Single:
        counted = y if weights is None else weights * y
        means = np.expm1(moved)
        means *= mu[:, None]
        moved *= counted.astype(np.float32)[:, None]
        moved -= means
        return np.exp(moved, out=moved)

    return Change(None, sums, slopes, ratios)


LOGIT = Changes(float(1.0 / np.log(2.0)), _logit)
LOG = Changes(1.0, _log)
