"""Beta responses, shares of a whole; kappa is their precision, mu (1 - mu) / (1 + kappa) their
variance.

Source: Ferrari & Cribari-Neto (2004), Beta regression for modelling rates and proportions.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.special import betainc, betaincc, expit, psi

from bayesglm.numerics.families.binary_links import BINARY_LINKS, BinaryLink
from bayesglm.numerics.families.record import (
    Array,
    Collapse,
    Derivatives,
    Dispersion,
    Family,
    Mask,
    both_sides,
    of_one_channel,
)
from bayesglm.numerics.special import (
    exp_excess,
    inverse_less_trigamma,
    log_less_digamma,
    stirling_remainder,
)
from bayesglm.spec.families import FAMILY_NAMES

_HALVINGS = 60  # of an interval of log odds, down to its rounding
_LEAST = 1e-140  # of shares: of smaller ones psi' is no float


class _Side(NamedTuple):
    """Of y and mu, or of 1 - y and 1 - mu; the mean is no less than `_LEAST`."""

    log_y: Array
    mean: Array
    log_ratio: Array  # of y to the mean
    shape: Array  # kappa times the mean
    lost: Array  # log of what the mean is, to the mean that stands here


def _sides(y: Array, eta: Array, kappa: Array, link: BinaryLink) -> tuple[_Side, _Side]:
    logs = link.logs(eta, 0)[0]
    sides = []
    for log_y, log_mean in zip((np.log(y), np.log1p(-y)), logs, strict=True):
        bounded = np.maximum(log_mean, np.log(_LEAST))
        mean = np.exp(bounded)
        sides.append(_Side(log_y, mean, log_y - bounded, kappa * mean, log_mean - bounded))
    return sides[0], sides[1]


def _slopes(eta: Array, sides: tuple[_Side, _Side], link: BinaryLink) -> tuple[Array, Array]:
    """Return mu' and mu''; where a mean is bounded, those that a mean as large would have."""
    slope, bend = link.slopes(eta)
    if not any(np.any(side.lost) for side in sides):
        return slope, bend
    _, firsts, seconds = link.logs(eta, 2)
    for sign, side, first, second in zip((1.0, -1.0), sides, firsts, seconds, strict=True):
        part = sign * side.mean
        slope = np.where(side.lost, part * first, slope)
        bend = np.where(side.lost, part * (second + first * first), bend)
    return slope, bend


def _kernel(
    y: Array, eta: Array, phi: Sequence, trials: None, order: int, *, link: BinaryLink
) -> Derivatives:
    """log p(y) = -kappa d + log(kappa mu (1 - mu)) / 2 + r - log y - log(1 - y) - log(2 pi) / 2.

    d = mu log(mu / y) + (1 - mu) log((1 - mu) / (1 - y)) is the divergence of y from mu, and r
    those of the remainders of Stirling's formula for log Gamma: no part is much larger than what
    their sum may be. Of a small mean log p(y) is log mu and what does not depend on it.
    """
    kappa = np.asarray(phi[0], dtype=np.float64)
    p, q = _sides(y, eta, kappa, link)
    divergence = p.mean * exp_excess(p.log_ratio) + q.mean * exp_excess(q.log_ratio)
    rest = stirling_remainder(p.shape) + stirling_remainder(q.shape)
    value = 0.5 * (np.log(kappa) + np.log(p.mean) + np.log(q.mean)) - kappa * divergence
    value = value + (stirling_remainder(kappa) - rest) + (p.lost + q.lost)
    if order == 0:
        return Derivatives(value)
    of_p, of_q = log_less_digamma(p.shape), log_less_digamma(q.shape)
    towards = (p.log_ratio + of_p) - (q.log_ratio + of_q)
    of_phi = p.mean * of_p + q.mean * of_q - log_less_digamma(kappa) - divergence
    slopes = _slopes(eta, (p, q), link)
    first = (kappa * towards) * slopes[0]
    d = Derivatives(value, first, phi=(of_phi,))
    return d if order == 1 else _with_bends(d, kappa, (p, q), towards, slopes)


def _with_bends(
    d: Derivatives, kappa: Array, sides: tuple[_Side, _Side], towards: Array, slopes: tuple
) -> Derivatives:
    """Add second derivatives, psi'(a) being 1 / a less `inverse_less_trigamma`."""
    (p, q), (slope, bend) = sides, slopes
    of_p, of_q = inverse_less_trigamma(p.shape), inverse_less_trigamma(q.shape)
    ratios = kappa * slope / p.shape, kappa * slope / q.shape
    second = (p.shape * of_p - 1.0) * p.shape * ratios[0] * ratios[0]
    second = second + (q.shape * of_q - 1.0) * q.shape * ratios[1] * ratios[1]
    second = second + kappa * towards * bend
    crossed = (_in_kappa(p, kappa) - _in_kappa(q, kappa)) * slope
    twice = p.mean * p.mean * of_p + q.mean * q.mean * of_q - inverse_less_trigamma(kappa)
    twice = twice + np.zeros_like(d.value)
    return d._replace(eta_eta=second, eta_phi=(crossed,), phi_phi=((twice,),))


def _in_kappa(side: _Side, kappa: Array) -> Array:
    """Return log(y / mean) and the derivative of a (log a - psi(a)), a being the shape.

    Of a small shape psi(a) is psi(1 + a) - 1 / a, and the logarithms of its mean cancel.
    """
    few, many = np.minimum(side.shape, 1.0), np.maximum(side.shape, 1.0)
    trigamma = 1.0 / (1.0 + few) - inverse_less_trigamma(1.0 + few)
    small = side.log_y + np.log(kappa) + 1.0 - psi(1.0 + few) - few * trigamma
    large = side.log_ratio + log_less_digamma(many) + many * inverse_less_trigamma(many)
    return np.where(side.shape < 1.0, small, large)


def _constant(y: Array, trials: None) -> Array:
    return -np.log(y) - np.log1p(-y) - 0.5 * float(np.log(2.0 * np.pi))


def _saturated(y: Array, phi: Sequence, trials: None) -> Array:
    """Return the largest kernel: where psi(kappa mu) - psi(kappa (1 - mu)) is the log odds of y.

    Digammas differ by more than logarithms, so that mu lies between y and a half.
    """
    y, kappa = np.broadcast_arrays(np.asarray(y, dtype=np.float64), phi[0])
    odds = np.log(y) - np.log1p(-y)
    low, high = np.minimum(odds, 0.0), np.maximum(odds, 0.0)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        is_high = psi(kappa * expit(middle)) - psi(kappa * expit(-middle)) > odds
        low, high = np.where(is_high, low, middle), np.where(is_high, middle, high)
    return _kernel(y, 0.5 * (low + high), (kappa,), None, 0, link=BINARY_LINKS["logit"]).value


def _draw(
    rng: np.random.Generator, eta: Array, phi: Sequence, trials: None, *, link: BinaryLink
) -> Array:
    p, q = (np.exp(one) for one in link.logs(np.asarray(eta), 0)[0])
    share = np.asarray(rng.beta(phi[0] * p, phi[0] * q))
    return np.clip(share, np.finfo(float).tiny, 1.0 - np.finfo(float).epsneg)


def _valid(y: Array, trials: None) -> Mask:
    return np.greater(y, 0.0) & np.less(y, 1.0)


def _cdf(
    y: Array, eta: Array, phi: Sequence, trials: None, *, link: BinaryLink, above: bool
) -> Array:
    """P(Y <= y), or P(Y > y)."""
    p, q = (np.exp(one) for one in link.logs(np.asarray(eta), 0)[0])
    return (betaincc if above else betainc)(phi[0] * p, phi[0] * q, np.clip(y, 0.0, 1.0))


KAPPA = Dispersion(
    default=lambda spread: ("InverseGamma", {"shape": 0.5, "scale": 0.5}),
    start=lambda y: max(float(np.mean(y) * (1.0 - np.mean(y)) / max(np.var(y), 1e-12)) - 1.0, 0.1),
    collapse=Collapse(0.5, lambda mean: float(np.sqrt(mean * (1.0 - mean)))),
)


def _family(link: str) -> Family:
    functions = BINARY_LINKS[link]
    return of_one_channel(
        partial(_kernel, link=functions),
        lambda eta, phi, trials: functions.probability(eta),
        name="beta",
        link=link,
        domain=functions.domain,
        constant=_constant,
        saturated=_saturated,
        draw=partial(_draw, link=functions),
        variance=lambda mu, phi, trials: mu * (1.0 - mu) / (1.0 + phi[0]),
        **both_sides(partial(_cdf, link=functions)),
        valid=_valid,
        support="numbers between 0 and 1, both excluded",
        dispersions=(KAPPA,),
        log_concave=link == "identity",
    )


BETA = tuple(_family(link) for link in FAMILY_NAMES["beta"].links)
