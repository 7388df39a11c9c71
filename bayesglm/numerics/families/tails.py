"""Log distribution functions that depend on all parameters by one place z alone, as slopes of z.

With G(z) = log P(Y <= y) or log P(Y > y), any parameters a and b have the derivatives

    G_a = G' z_a,    G_ab = G'' z_a z_b + G' z_ab
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.polynomial.polynomial import polyval
from scipy.special import erfcx, log_ndtr

from bayesglm.numerics.families.record import Array, Derivatives

# Of x - h(-x), with h the normal density over its distribution function: the coefficients of the
# asymptotic series in -1/x^2, of x^-1 (Abramowitz & Stegun 1964, 26.2.12).
_HAZARD_SERIES = (1.0, 2.0, 10.0, 74.0, 706.0, 8162.0)
_FAR = 40.0  # x beyond which that series is right to 1e-15
_NO_SLOPE = 700.0  # H beyond which exp(-H) counts nothing


class Places(NamedTuple):
    """Derivatives of z in a linear predictor, and in one dispersion where there is one."""

    eta: Any
    eta_eta: Any = 0.0
    phi: tuple[Any, ...] = ()
    eta_phi: tuple[Any, ...] = ()
    phi_phi: tuple[tuple[Any, ...], ...] = ()


class Slopes(NamedTuple):
    """A function of z, and its first two derivatives."""

    value: Array
    first: Array
    second: Array


def by_place(g: Slopes, z: Places, order: int) -> Derivatives:
    """Return the derivatives in all parameters of a function of z, as many as are asked for."""
    if order == 0:
        return Derivatives(g.value)
    with np.errstate(over="ignore", invalid="ignore"):
        first, of_phi = g.first * z.eta, tuple(g.first * one for one in z.phi)
        if order == 1:
            return Derivatives(g.value, first, phi=of_phi)
        return Derivatives(
            g.value,
            first,
            g.second * z.eta * z.eta + g.first * z.eta_eta,
            of_phi,
            tuple(
                g.second * z.eta * own + g.first * both
                for own, both in zip(z.phi, z.eta_phi, strict=True)
            ),
            tuple(
                tuple(
                    g.second * one * other + g.first * z.phi_phi[i][j]
                    for j, other in enumerate(z.phi)
                )
                for i, one in enumerate(z.phi)
            ),
        )


def normal_tail(z: Array, above: bool) -> Slopes:
    """Return log Phi(z), or log Phi(-z).

    >>> normal_tail(np.zeros(1), False).first.round(6)
    array([0.797885])
    """
    x = -z if above else z
    # The density over the distribution function; of x far below zero it is next to -x.
    with np.errstate(over="ignore"):
        hazard = np.sqrt(2.0 / np.pi) / erfcx(-x * np.sqrt(0.5))
    far = np.maximum(-x, _FAR)
    rest = polyval(-1.0 / far / far, _HAZARD_SERIES) / far
    second = -hazard * np.where(x < -_FAR, rest, hazard + x)
    return Slopes(log_ndtr(x), -hazard if above else hazard, second)


def extreme_tail(z: Array, above: bool) -> Slopes:
    """Return log(1 - exp(-H)), or -H, with H = exp(z): of smallest values.

    >>> extreme_tail(np.zeros(1), True).first.tolist()
    [-1.0]
    """
    with np.errstate(over="ignore"):
        hazard = np.exp(z)
    if above:
        return Slopes(-hazard, -hazard, -hazard)
    moderate = np.clip(hazard, 1e-300, _NO_SLOPE)
    value = np.where(hazard < 1e-16, z, np.log(-np.expm1(-moderate)))
    first = np.where(hazard > _NO_SLOPE, 0.0, moderate / np.expm1(moderate))
    # 1 - H / (1 - exp(-H)), which is -H / 2 near zero.
    near = -moderate * (0.5 + moderate / 12.0)
    bend = np.where(moderate < 1e-4, near, 1.0 + moderate / np.expm1(-moderate))
    return Slopes(value, first, first * bend)
