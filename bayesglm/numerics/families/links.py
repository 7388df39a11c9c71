"""Inverse links as elementwise functions of eta, accurate over the whole range of eta.

`MEANS` give mu, `LOG_MEANS` log mu and `DIRECTIONS` an angle, each with as many derivatives as are
asked for, two at the most. Where a difference of near-equal numbers would cancel, a short series
takes over; where exp(eta) overflows, the answer is infinite, never nan. A link whose mean would
leave its range has a domain, an open interval of eta; its functions are called inside it only.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

type Array = NDArray[np.float64]
type Pair = tuple[Array, Array]


class Domain(NamedTuple):
    """The open interval of eta on which a link is defined, and a place well inside it."""

    low: float = -np.inf
    high: float = np.inf
    inside: float = 0.0

    @property
    def is_real_line(self) -> bool:
        """Whether every finite eta lies in it."""
        return self.low == -np.inf and self.high == np.inf

    @property
    def words(self) -> str:
        """Say where it lies.

        >>> POSITIVE.words
        'above 0'
        """
        if self.is_real_line:
            return "anywhere"
        if self.high == np.inf:
            return f"above {self.low:g}"
        return (
            f"below {self.high:g}"
            if self.low == -np.inf
            else f"between {self.low:g} and {self.high:g}"
        )

    def holds(self, eta: Array) -> NDArray[np.bool_]:
        """Say which linear predictors lie in it.

        >>> POSITIVE.holds(np.array([-1.0, 0.0, 1.0])).tolist()
        [False, False, True]
        """
        return np.greater(eta, self.low) & np.less(eta, self.high)

    def place(self, u: Any) -> Any:
        """Return the place in it of numbers without bounds; growing, and itself on the real line.

        >>> float(POSITIVE.place(0.0)), REAL_LINE.place(0.5)
        (1.0, 0.5)
        """
        if self.is_real_line:
            return u
        if self.high == np.inf:
            return self.low + np.exp(np.clip(u, -300.0, 300.0))
        if self.low == -np.inf:
            return self.high - np.exp(np.clip(-u, -300.0, 300.0))
        return self.low + (self.high - self.low) / (1.0 + np.exp(np.clip(-u, -300.0, 300.0)))

    def nearest(self, offset: Array) -> float:
        """Return the offset that is nearest to leaving it; their mean on the real line."""
        if self.is_real_line:
            return float(offset.mean())
        return float(offset.max() if self.low == -np.inf else offset.min())


REAL_LINE = Domain()
POSITIVE = Domain(low=0.0, inside=1.0)


class Curve(NamedTuple):
    """A function of eta: `derivatives(eta, order)` is itself, its first and second derivative."""

    value: Callable[[Array], Array]
    derivatives: Callable[[Array, int], tuple[Any, ...]]
    domain: Domain = REAL_LINE


def unbounded_exp(eta: Array) -> Array:
    """Return exp(eta), infinite where it overflows."""
    with np.errstate(over="ignore"):
        return np.exp(eta)


def sides(eta: Array, small: Array) -> Pair:
    """Return p and q of the logistic function from small = exp(-|eta|)."""
    large = 1.0 / (1.0 + small)
    small = small * large
    positive = eta >= 0.0
    return np.where(positive, large, small), np.where(positive, small, large)


def _identity(eta: Array) -> Array:
    return eta


def _identity_derivatives(eta: Array, order: int) -> tuple[Any, ...]:
    return (eta, 1.0, 0.0)[: order + 1]


def _exp_derivatives(eta: Array, order: int) -> tuple[Array, ...]:
    return (unbounded_exp(eta),) * (order + 1)


def _softplus(eta: Array) -> Array:
    return np.maximum(eta, 0.0) + np.log1p(np.exp(-np.abs(eta)))


def _log_softplus(eta: Array) -> Array:
    # log(softplus(eta)) = eta - exp(eta) / 2 + ..., which is eta to rounding error below -37.
    return np.where(eta < -37.0, eta, np.log(_softplus(np.maximum(eta, -37.0))))


def _softplus_derivatives(eta: Array, order: int) -> tuple[Array, ...]:
    if order == 0:
        return (_softplus(eta),)
    p, q = sides(eta, np.exp(-np.abs(eta)))
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
    p, q = sides(bounded, np.exp(-np.abs(bounded)))
    r = p / _softplus(bounded)
    if order == 1:
        return _log_softplus(eta), r
    e = unbounded_exp(np.minimum(eta, 0.0))
    z = e / (2.0 + e)
    square = z * z
    series = np.polynomial.polynomial.polyval(square, [1 / 3, 1 / 5, 1 / 7, 1 / 9, 1 / 11])
    # r is e / ((1 + e) s): the missing factor e / s cancels against the one taken out of s - e.
    bend = np.where(e < 0.1, r * (2.0 * square / (2.0 + e) * series - z), q - r)
    return _log_softplus(eta), r, r * bend


def _log_eta_derivatives(eta: Array, order: int) -> tuple[Array, ...]:
    with np.errstate(over="ignore"):
        slope = 1.0 / np.asarray(eta)
        return (np.log(eta), slope, -slope * slope)[: order + 1]


def _twice_log_eta_derivatives(eta: Array, order: int) -> tuple[Array, ...]:
    return tuple(2.0 * one for one in _log_eta_derivatives(eta, order))


def _minus_log_eta_derivatives(eta: Array, order: int) -> tuple[Array, ...]:
    return tuple(-one for one in _log_eta_derivatives(eta, order))


def _square_derivatives(eta: Array, order: int) -> tuple[Any, ...]:
    with np.errstate(over="ignore"):
        return (np.square(eta), 2.0 * np.asarray(eta), 2.0)[: order + 1]


def _inverse_derivatives(eta: Array, order: int) -> tuple[Array, ...]:
    with np.errstate(over="ignore"):
        mean = 1.0 / np.asarray(eta)
        return (mean, -mean * mean, 2.0 * mean * mean * mean)[: order + 1]


def _twice_arctan(eta: Array) -> Array:
    return 2.0 * np.arctan(eta)


def _twice_arctan_derivatives(eta: Array, order: int) -> tuple[Array, ...]:
    eta = np.asarray(eta)
    with np.errstate(over="ignore"):
        whole = 1.0 + eta * eta
    slope = 2.0 / whole
    return (_twice_arctan(eta), slope, -2.0 * slope * (eta / whole))[: order + 1]


def _curve(
    derivatives: Callable[[Array, int], tuple[Any, ...]], domain: Domain = REAL_LINE
) -> Curve:
    return Curve(lambda eta: derivatives(eta, 0)[0], derivatives, domain)


_IDENTITY = Curve(_identity, _identity_derivatives)

# Log mu of a positive mean mu = g^-1(eta).
LOG_MEANS = {
    "log": _IDENTITY,
    "identity": _curve(_log_eta_derivatives, POSITIVE),
    "inverse": _curve(_minus_log_eta_derivatives, POSITIVE),
    "sqrt": _curve(_twice_log_eta_derivatives, POSITIVE),
    "softplus": Curve(_log_softplus, _log_softplus_derivatives),
}

# mu = g^-1(eta) of a mean that may be any number; links of a positive mean have its domain.
MEANS = {
    "identity": _IDENTITY,
    "log": Curve(unbounded_exp, _exp_derivatives),
    "inverse": _curve(_inverse_derivatives, POSITIVE),
    "sqrt": _curve(_square_derivatives, POSITIVE),
    "softplus": Curve(_softplus, _softplus_derivatives),
}

# Angles mu.
DIRECTIONS = {
    "tan_half": Curve(_twice_arctan, _twice_arctan_derivatives),
    "identity": _IDENTITY,
}
