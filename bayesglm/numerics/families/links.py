"""Inverse links as elementwise functions of eta, accurate over the whole range of eta.

`BINARY_LINKS` give log p and log q = log(1 - p), `MEANS` give mu and `LOG_MEANS` log mu, each with
as many derivatives as are asked for, two at the most. Where a difference of near-equal numbers
would cancel, a continued fraction or a short series takes over; where exp(eta) overflows, the
answer is infinite, never nan.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import bernoulli, erfcx, factorial, log_ndtr, ndtr

type Array = NDArray[np.float64]
type Pair = tuple[Array, Array]


class BinaryLink(NamedTuple):
    """p = g^-1(eta) of a binary outcome, and q = 1 - p.

    `logs(eta, order)` is the first order + 1 of (log p, log q), (log p', log q'),
    (log p'', log q''). Where q(eta) = p(-eta), `log_p(eta, order)` is those of log p alone.
    """

    probability: Callable[[Array], Array]
    logs: Callable[[Array, int], tuple[Pair, ...]]
    log_p: Callable[[Array, int], tuple[Array, ...]] | None


class Curve(NamedTuple):
    """A function of eta: `derivatives(eta, order)` is itself, its first and second derivative."""

    value: Callable[[Array], Array]
    derivatives: Callable[[Array, int], tuple[Any, ...]]


def _exp(eta: Array) -> Array:
    with np.errstate(over="ignore"):
        return np.exp(eta)


def _log_sides(eta: Array, small: Array) -> Pair:
    """log p and log q of the logistic function from small = exp(-|eta|)."""
    tail = np.log1p(small)
    return np.minimum(eta, 0.0) - tail, -np.maximum(eta, 0.0) - tail


def _sides(eta: Array, small: Array) -> Pair:
    """p and q of the logistic function from small = exp(-|eta|)."""
    large = 1.0 / (1.0 + small)
    small = small * large
    positive = eta >= 0.0
    return np.where(positive, large, small), np.where(positive, small, large)


_LEAST = -709.0  # exp(709) is still a float


def _logistic(eta: Array) -> Array:
    return _sides(eta, np.exp(-np.abs(eta)))[0]


def _logit_logs(eta: Array, order: int) -> tuple[Pair, ...]:
    small = np.exp(-np.abs(eta))
    logs = _log_sides(eta, small)
    if order == 0:
        return (logs,)
    p, q = _sides(eta, small)
    if order == 1:
        return logs, (q, -p)
    bend = -p * q
    return logs, (q, -p), (bend, bend)


def _logit_log_p(eta: Array, order: int) -> tuple[Array, ...]:
    """With the odds against u = exp(-eta): log p = -log(1 + u) and log p' = q = u / (1 + u)."""
    least = np.min(eta, initial=0.0)
    bounded = eta if least > _LEAST else np.maximum(eta, _LEAST)
    against = np.exp(-bounded)
    log_p = -np.log1p(against)
    if least <= _LEAST:
        log_p = np.where(eta > _LEAST, log_p, eta)
    if order == 0:
        return (log_p,)
    total = 1.0 + against
    q = against / total
    return (log_p, q) if order == 1 else (log_p, q, -q / total)


def _inverse_mills(eta: Array) -> Pair:
    """m = phi(eta) / Phi(eta), which is d log Phi / d eta, and m' = -m (m + eta).

    Below -4, m + eta cancels; there it is the tail 1/(t + 2/(t + 3/(t + ...))), t = -eta, of
    Laplace's continued fraction of the Mills ratio (Abramowitz & Stegun 1964, 26.2.14).

    >>> [m.round(6).tolist() for m in _inverse_mills(np.array([0.0, -1e9]))]
    [[0.797885, 1000000000.0], [-0.63662, -1.0]]
    """
    mills = np.sqrt(2.0 / np.pi) / erfcx(-np.sqrt(0.5) * eta)
    excess = np.asarray(mills + eta)
    far = np.less(eta, -4.0)
    if np.any(far):
        t = -np.asarray(eta)[far]
        fraction = t
        for k in range(40, 1, -1):
            fraction = t + k / fraction
        excess[far] = 1.0 / fraction
    return mills, -mills * excess


def _probit_logs(eta: Array, order: int) -> tuple[Pair, ...]:
    logs = log_ndtr(eta), log_ndtr(-eta)
    if order == 0:
        return (logs,)
    p_1, p_2 = _inverse_mills(eta)
    q_1, q_2 = _inverse_mills(-eta)
    return logs, (p_1, -q_1), (p_2, q_2)


def _probit_log_p(eta: Array, order: int) -> tuple[Array, ...]:
    log_p = log_ndtr(eta)
    return (log_p,) if order == 0 else (log_p, *_inverse_mills(eta))[: order + 1]


def _cloglog_probability(eta: Array) -> Array:
    return -np.expm1(-_exp(eta))


def _cloglog_values(eta: Array, hazard: Array) -> Pair:
    below = np.log(-np.expm1(-np.clip(hazard, 1e-300, 1.0)))
    above = np.log1p(-np.exp(-np.maximum(hazard, 0.5)))
    # log(1 - exp(-h)) loses digits in one form for small h, in the other for large h.
    log_p = np.where(hazard > 0.7, above, np.where(eta < -40.0, eta, below))
    return log_p, -hazard


# The coefficients B_2k / (2k)! of h / (exp(h) - 1) (Abramowitz & Stegun 1964, 23.1.1).
_SERIES = (bernoulli(14)[2::2] / factorial(np.arange(2, 15, 2))).tolist()


def _cloglog_logs(eta: Array, order: int) -> tuple[Pair, ...]:
    """With h = exp(eta) and b = h / (exp(h) - 1): log p' = b and log p'' = b (1 - h - b).

    Below h = 0.5, 1 - h - b cancels; there the series of b takes over.
    """
    hazard = _exp(eta)
    logs = _cloglog_values(eta, hazard)
    if order == 0:
        return (logs,)
    h = np.clip(hazard, 1e-300, 800.0)
    b = h * np.exp(-h) / -np.expm1(-h)
    if order == 1:
        return logs, (b, -hazard)
    small = np.minimum(hazard, 0.5)
    series = np.polynomial.polynomial.polyval(small * small, _SERIES)
    bend = np.where(hazard < 0.5, -small * (0.5 + small * series), 1.0 - h - b)
    return logs, (b, -hazard), (b * bend, -hazard)


def _identity(eta: Array) -> Array:
    return eta


def _identity_derivatives(eta: Array, order: int) -> tuple[Any, ...]:
    return (eta, 1.0, 0.0)[: order + 1]


def _exp_derivatives(eta: Array, order: int) -> tuple[Array, ...]:
    return (_exp(eta),) * (order + 1)


def _softplus(eta: Array) -> Array:
    return np.maximum(eta, 0.0) + np.log1p(np.exp(-np.abs(eta)))


def _log_softplus(eta: Array) -> Array:
    # log(softplus(eta)) = eta - exp(eta) / 2 + ..., which is eta to rounding error below -37.
    return np.where(eta < -37.0, eta, np.log(_softplus(np.maximum(eta, -37.0))))


def _softplus_derivatives(eta: Array, order: int) -> tuple[Array, ...]:
    if order == 0:
        return (_softplus(eta),)
    p, q = _sides(eta, np.exp(-np.abs(eta)))
    return (_softplus(eta), p, p * q)[: order + 1]


def _log_softplus_derivatives(eta: Array, order: int) -> tuple[Array, ...]:
    """With s = softplus(eta), p = s' and r = p / s: log s' = r and log s'' = r (1 - p - r).

    With e = exp(eta), s = log(1 + e) and 1 - p - r = (s - e) / ((1 + e) s), which cancels for
    small e. There s - e comes from z = e / (2 + e), s = 2 artanh(z), that is
    (s - e) / e = -z + 2 z^2 / (2 + e) (1/3 + z^2/5 + z^4/7 + ...).
    """
    if order == 0:
        return (_log_softplus(eta),)
    bounded = np.maximum(eta, -700.0)
    p, q = _sides(bounded, np.exp(-np.abs(bounded)))
    r = p / _softplus(bounded)
    if order == 1:
        return _log_softplus(eta), r
    e = _exp(np.minimum(eta, 0.0))
    z = e / (2.0 + e)
    square = z * z
    series = np.polynomial.polynomial.polyval(square, [1 / 3, 1 / 5, 1 / 7, 1 / 9, 1 / 11])
    # r is e / ((1 + e) s): the missing factor e / s cancels against the one taken out of s - e.
    bend = np.where(e < 0.1, r * (2.0 * square / (2.0 + e) * series - z), q - r)
    return _log_softplus(eta), r, r * bend


BINARY_LINKS = {
    "logit": BinaryLink(_logistic, _logit_logs, _logit_log_p),
    "probit": BinaryLink(ndtr, _probit_logs, _probit_log_p),
    "cloglog": BinaryLink(_cloglog_probability, _cloglog_logs, None),
}

_IDENTITY = Curve(_identity, _identity_derivatives)

# mu = g^-1(eta), and log mu where mu is positive.
MEANS = {
    "identity": _IDENTITY,
    "log": Curve(_exp, _exp_derivatives),
    "softplus": Curve(_softplus, _softplus_derivatives),
}
LOG_MEANS = {
    "log": _IDENTITY,
    "softplus": Curve(_log_softplus, _log_softplus_derivatives),
}
