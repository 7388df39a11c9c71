"""Directions, angles from -pi to pi; kappa is their concentration about mu.

Source: Mardia & Jupp (2000), Directional Statistics, 3.5.4 (the density) and chapter 11.3 (the
link); the expansion of Bessel functions is Abramowitz & Stegun (1964), 9.7.1.
"""

from collections.abc import Sequence
from functools import cache, partial

import numpy as np
from numpy.polynomial import chebyshev
from scipy.special import i0e, i1e

from bayesglm.numerics.families.links import DIRECTIONS, Curve
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
from bayesglm.spec.families import FAMILY_NAMES

# Between these concentrations the variance of a cosine is interpolated: below, 1 - A / kappa - A^2
# keeps its digits, and above, the expansion in 1 / kappa does.
_FEW, _MANY = 2.0, 30.0
_NODES = 44  # of the interpolation, which err by 1e-16
_AROUND = 96  # places on the circle: a mean over them errs by less than rounding up to `_MANY`
_TERMS = 26  # of the expansion, of which the last is 1e-17 of the first at `_MANY`


def _spread(kappa: Array) -> Array:
    """Return 1 - A, A being the mean of cos(y - mu), I1(kappa) / I0(kappa)."""
    few, many = np.minimum(kappa, _MANY), np.maximum(kappa, _MANY)
    direct = (i0e(few) - i1e(few)) / i0e(few)
    return np.where(kappa < _MANY, direct, np.polynomial.polynomial.polyval(1.0 / many, _tail()))


def _slope(kappa: Array) -> Array:
    """Return A', the variance of cos(y - mu)."""
    few, many = np.minimum(kappa, _FEW), np.maximum(kappa, _MANY)
    a = i1e(few) / i0e(few)
    ratio = np.where(few > 1e-8, a / np.maximum(few, 1e-8), 0.5)
    direct = 1.0 - ratio - a * a
    between = np.clip(kappa, _FEW, _MANY)
    place = (2.0 * np.log(between / _FEW) / np.log(_MANY / _FEW)) - 1.0
    middle = chebyshev.chebval(place, _interpolation()) / between / between
    orders = np.arange(len(_tail()))
    far = np.polynomial.polynomial.polyval(1.0 / many, orders * _tail()) / many
    return np.where(kappa < _FEW, direct, np.where(kappa < _MANY, middle, far))


@cache
def _tail() -> Array:
    """Return the coefficients of 1 - A by powers of 1 / kappa, from A' = 1 - A / kappa - A^2."""
    b = np.zeros(_TERMS)
    b[1] = 0.5
    for k in range(2, _TERMS):
        products = sum(b[i] * b[k - i] for i in range(1, k))
        b[k] = 0.5 * ((k - 2.0) * b[k - 1] + products)
    return b


@cache
def _interpolation() -> Array:
    """Return the Chebyshev coefficients of kappa^2 A' by log kappa, from means over a circle."""
    place = chebyshev.chebpts1(_NODES)
    kappa = _FEW * (_MANY / _FEW) ** (0.5 * (place + 1.0))
    short = 2.0 * np.sin(np.pi * np.arange(_AROUND) / _AROUND) ** 2  # 1 - cos
    weight = np.exp(-kappa[:, None] * short)
    weight /= weight.sum(axis=1, keepdims=True)
    centred = short - (weight @ short)[:, None]
    variance = (weight * centred * centred).sum(axis=1)
    return np.asarray(chebyshev.chebfit(place, kappa * kappa * variance, _NODES - 1))


def _kernel(
    y: Array, eta: Array, phi: Sequence, trials: None, order: int, *, direction: Curve
) -> Derivatives:
    """log p(y) = -kappa (1 - cos(y - mu)) - log(exp(-kappa) I0(kappa)) - log(2 pi)."""
    kappa = np.asarray(phi[0], dtype=np.float64)
    mu, *slopes = direction.derivatives(eta, order)
    away = y - mu
    short = 2.0 * np.sin(0.5 * away) ** 2
    value = -kappa * short - np.log(i0e(kappa))
    if order == 0:
        return Derivatives(value)
    sine = np.sin(away)
    of_phi = _spread(kappa) - short
    first = kappa * sine * slopes[0]
    if order == 1:
        return Derivatives(value, first, phi=(of_phi,))
    second = kappa * (sine * slopes[1] - np.cos(away) * slopes[0] * slopes[0])
    twice = np.zeros_like(value) - _slope(kappa)
    return Derivatives(
        value,
        first,
        second,
        phi=(of_phi,),
        eta_phi=(sine * slopes[0] + np.zeros_like(value),),
        phi_phi=((twice,),),
    )


def _constant(y: Array, trials: None) -> float:
    return -float(np.log(2.0 * np.pi))


def _saturated(y: Array, phi: Sequence, trials: None) -> Array:
    return np.zeros_like(y) - np.log(i0e(phi[0]))


def _draw(
    rng: np.random.Generator, eta: Array, phi: Sequence, trials: None, *, direction: Curve
) -> Array:
    mu, kappa = np.broadcast_arrays(direction.value(eta), phi[0])
    around = mu + rng.vonmises(0.0, kappa)
    return np.clip(around - 2.0 * np.pi * np.rint(around / (2.0 * np.pi)), -np.pi, np.pi)


def _valid(y: Array, trials: None) -> Mask:
    return np.less_equal(np.abs(y), np.pi)


def _cdf(
    y: Array, eta: Array, phi: Sequence, trials: None, *, direction: Curve, above: bool
) -> Array:
    """P(Y <= y), or P(Y > y), angles running from -pi."""
    from scipy.stats import vonmises  # slow, and no other family needs it

    mu = direction.value(eta)
    start = vonmises.cdf(-np.pi - mu, phi[0])
    below = np.clip(vonmises.cdf(y - mu, phi[0]) - start, 0.0, 1.0)
    return 1.0 - below if above else below


KAPPA = Dispersion(
    default=lambda spread: ("InverseGamma", {"shape": 0.5, "scale": 0.5}),
    start=lambda y: 1.0,
    collapse=Collapse(0.5, lambda mean: 1.0),
)


def _family(link: str) -> Family:
    direction = DIRECTIONS[link]
    return of_one_channel(
        partial(_kernel, direction=direction),
        lambda eta, phi, trials: direction.value(eta),
        name="von_mises",
        link=link,
        constant=_constant,
        saturated=_saturated,
        draw=partial(_draw, direction=direction),
        **both_sides(partial(_cdf, direction=direction)),
        valid=_valid,
        support="angles from -pi to pi",
        dispersions=(KAPPA,),
    )


VON_MISES = tuple(_family(link) for link in FAMILY_NAMES["von_mises"].links)
