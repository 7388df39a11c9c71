"""Inverse links of a probability: log p and log q = log(1 - p), over the whole range of eta.

Where a difference of near-equal numbers would cancel, a continued fraction or a short series takes
over; where exp(eta) overflows, the answer is infinite, never nan.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import bernoulli, erfcx, factorial, log_ndtr, ndtr

from bayesglm.numerics.families.links import REAL_LINE, Array, Domain, Pair, sides, unbounded_exp

NEGATIVE = Domain(high=0.0, inside=-1.0)
SHARE = Domain(low=0.0, high=1.0, inside=0.5)


class BinaryLink(NamedTuple):
    """p = g^-1(eta) of a binary outcome, and q = 1 - p.

    `logs(eta, order)` is the first order + 1 of (log p, log q), (log p', log q'),
    (log p'', log q''). Where q(eta) = p(-eta), `log_p(eta, order)` is those of log p alone.
    `slopes(eta)` is p' and p''. `log_concave` says whether log p and log q are concave.
    """

    probability: Callable[[Array], Array]
    logs: Callable[[Array, int], tuple[Pair, ...]]
    log_p: Callable[[Array, int], tuple[Array, ...]] | None
    slopes: Callable[[Array], Pair]
    log_concave: bool = True
    domain: Domain = REAL_LINE


def _log_sides(eta: Array, small: Array) -> Pair:
    """log p and log q of the logistic function from small = exp(-|eta|)."""
    tail = np.log1p(small)
    return np.minimum(eta, 0.0) - tail, -np.maximum(eta, 0.0) - tail


_LEAST = -709.0  # exp(709) is still a float


def _logistic(eta: Array) -> Array:
    return sides(eta, np.exp(-np.abs(eta)))[0]


def _logit_logs(eta: Array, order: int) -> tuple[Pair, ...]:
    small = np.exp(-np.abs(eta))
    logs = _log_sides(eta, small)
    if order == 0:
        return (logs,)
    p, q = sides(eta, small)
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


def _logit_slopes(eta: Array) -> Pair:
    p, q = sides(eta, np.exp(-np.abs(eta)))
    return p * q, -p * q * np.tanh(0.5 * eta)


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


def _probit_slopes(eta: Array) -> Pair:
    bounded = np.clip(eta, -40.0, 40.0)  # beyond, both are zero
    density = np.exp(-0.5 * bounded * bounded) / np.sqrt(2.0 * np.pi)
    return density, -bounded * density


def _cloglog_probability(eta: Array) -> Array:
    return -np.expm1(-unbounded_exp(eta))


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
    hazard = unbounded_exp(eta)
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


def _cloglog_slopes(eta: Array) -> Pair:
    h = np.minimum(unbounded_exp(eta), 800.0)
    slope = h * np.exp(-h)
    return slope, -slope * np.expm1(np.minimum(eta, 700.0))


def _loglog_probability(eta: Array) -> Array:
    return np.exp(-unbounded_exp(-eta))


def _loglog_logs(eta: Array, order: int) -> tuple[Pair, ...]:
    """With cloglog's p and q, loglog's are q(-eta) and p(-eta)."""
    signs = (1.0, -1.0, 1.0)
    pairs = zip(signs, _cloglog_logs(-np.asarray(eta), order), strict=False)
    return tuple((sign * of_q, sign * of_p) for sign, (of_p, of_q) in pairs)


def _loglog_slopes(eta: Array) -> Pair:
    slope, bend = _cloglog_slopes(-np.asarray(eta))
    return slope, -bend


def _cauchit_probability(eta: Array) -> Array:
    """Return 1/2 + arctan(eta) / pi, as the angle that keeps the digits of a small p."""
    return np.arctan2(1.0, -np.asarray(eta)) / np.pi


def _cauchit_slopes(eta: Array) -> Pair:
    with np.errstate(over="ignore"):
        whole = 1.0 + np.square(eta)
    slope = 1.0 / (np.pi * whole)
    return slope, -2.0 * slope * (eta / whole)


def _cauchit_log_p(eta: Array, order: int) -> tuple[Array, ...]:
    """With f = p': log p' = f / p and log p'' = (f / p) (-2 eta / (1 + eta^2) - f / p)."""
    p, q = _cauchit_probability(eta), _cauchit_probability(-np.asarray(eta))
    log_p = np.where(p < 0.5, np.log(p), np.log1p(-q))
    if order == 0:
        return (log_p,)
    slope, bend = _cauchit_slopes(eta)
    first = slope / p
    return (log_p, first) if order == 1 else (log_p, first, bend / p - first * first)


def _cauchit_logs(eta: Array, order: int) -> tuple[Pair, ...]:
    of_p, of_q = _cauchit_log_p(eta, order), _cauchit_log_p(-np.asarray(eta), order)
    signs = (1.0, -1.0, 1.0)
    return tuple((p, sign * q) for sign, p, q in zip(signs, of_p, of_q, strict=False))


def _log_of_rest(eta: Array) -> Array:
    """log(1 - exp(eta)) of a negative eta, with the digits of a small exp(eta) or a small eta."""
    small = np.expm1(np.maximum(eta, -1.0))
    return np.where(np.greater(eta, -0.7), np.log(-small), np.log1p(-np.exp(np.minimum(eta, -0.5))))


def _log_logs(eta: Array, order: int) -> tuple[Pair, ...]:
    """log p = eta and q = 1 - exp(eta): log q' = -p / q and log q'' = -p / q^2."""
    eta = np.asarray(eta)
    logs = eta, _log_of_rest(eta)
    if order == 0:
        return (logs,)
    q = -np.expm1(eta)
    with np.errstate(over="ignore"):
        odds = np.exp(eta) / q
        return (logs, (np.ones_like(eta), -odds), (np.zeros_like(eta), -odds / q))[: order + 1]


def _log_slopes(eta: Array) -> Pair:
    return (np.exp(eta),) * 2


def _share_logs(eta: Array, order: int) -> tuple[Pair, ...]:
    """log p = log eta and log q = log(1 - eta)."""
    eta = np.asarray(eta)
    rest = 1.0 - eta
    with np.errstate(over="ignore"):
        return (
            (np.log(eta), np.log1p(-eta)),
            (1.0 / eta, -1.0 / rest),
            (-1.0 / eta / eta, -1.0 / rest / rest),
        )[: order + 1]


def _share_slopes(eta: Array) -> Pair:
    return np.ones_like(eta), np.zeros_like(eta)


BINARY_LINKS = {
    "logit": BinaryLink(_logistic, _logit_logs, _logit_log_p, _logit_slopes),
    "probit": BinaryLink(ndtr, _probit_logs, _probit_log_p, _probit_slopes),
    "cauchit": BinaryLink(
        _cauchit_probability, _cauchit_logs, _cauchit_log_p, _cauchit_slopes, log_concave=False
    ),
    "cloglog": BinaryLink(_cloglog_probability, _cloglog_logs, None, _cloglog_slopes),
    "loglog": BinaryLink(_loglog_probability, _loglog_logs, None, _loglog_slopes),
    "log": BinaryLink(np.exp, _log_logs, None, _log_slopes, domain=NEGATIVE),
    "identity": BinaryLink(np.asarray, _share_logs, None, _share_slopes, domain=SHARE),
}
