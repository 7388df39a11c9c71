"""Gaussian responses; sigma is their standard deviation.

Source: McCullagh & Nelder (1989), Generalized Linear Models, chapter 3.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
from scipy.special import ndtr

from bayesglm.numerics.families.counts import pushed_down, pushed_up
from bayesglm.numerics.families.links import MEANS, Curve
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
from bayesglm.numerics.families.tails import Places, by_place, normal_tail
from bayesglm.spec.families import FAMILY_NAMES


def _kernel(
    y: Array, eta: Array, phi: Sequence, trials: None, order: int, *, mean: Curve
) -> Derivatives:
    """log p(y) = -r^2 / 2 - log sigma - log(2 pi) / 2, with r = (y - g^-1(eta)) / sigma."""
    sigma = phi[0]
    mu, *slopes = mean.derivatives(eta, order)
    with np.errstate(over="ignore"):
        r = (y - mu) / sigma
        square = r * r
        value = -0.5 * square - np.log(sigma)
        if order == 0:
            return Derivatives(value)
        slope = slopes[0] / sigma
        of_phi = ((square - 1.0) / sigma,)
        if order == 1:
            return Derivatives(value, r * slope, phi=of_phi)
        return Derivatives(
            value=value,
            eta=r * slope,
            eta_eta=r * (slopes[1] / sigma) - slope * slope,
            phi=of_phi,
            eta_phi=(-2.0 * r * slope / sigma,),
            phi_phi=(((1.0 - 3.0 * square) / sigma / sigma,),),
        )


def _constant(y: Array, trials: None) -> float:
    return -0.5 * float(np.log(2.0 * np.pi))


def _saturated(y: Array, phi: Sequence, trials: None) -> Array:
    return np.zeros_like(y) - np.log(phi[0])


def _draw(
    rng: np.random.Generator, eta: Array, phi: Sequence, trials: None, *, mean: Curve
) -> Array:
    mu, sigma = np.broadcast_arrays(mean.value(eta), phi[0])
    return mu + sigma * rng.standard_normal(mu.shape)


def _valid(y: Array, trials: None) -> Mask:
    return np.isfinite(y)


def _cdf(y: Array, eta: Array, phi: Sequence, trials: None, *, mean: Curve, above: bool) -> Array:
    """P(Y <= y), or P(Y > y)."""
    r = (y - mean.value(eta)) / phi[0]
    return ndtr(-r if above else r)


def _tails(
    y: Array, eta: Array, phi: Sequence, trials: None, order: int, *, mean: Curve, above: bool
) -> Derivatives:
    """log Phi(r), or log Phi(-r), with r = (y - g^-1(eta)) / sigma."""
    sigma = phi[0]
    mu, *slopes = mean.derivatives(eta, order)
    with np.errstate(over="ignore"):
        r = (y - mu) / sigma
        slope, bend = (*slopes, 0.0, 0.0)[:2]
        places = Places(
            -slope / sigma,
            -bend / sigma,
            (-r / sigma,),
            (slope / sigma / sigma,),
            ((2.0 * r / sigma / sigma,),),
        )
    return by_place(normal_tail(r, above), places, order)


def _absorbed(
    mean: Array, mu: Array, phi: Sequence, shares: Array
) -> tuple[tuple[Array, ...], Array]:
    """sigma'^2 = sigma^2 + the mean of (mean - mu)^2: the divergence is log(sigma' / sigma)."""
    away = (np.square(mean - mu) @ shares)[:, None] / np.square(phi[0])
    return (phi[0] * np.sqrt(1.0 + away),), 0.5 * np.log1p(away[:, 0])


# Of a response that is constant the start is next to its rounding error.
SIGMA = Dispersion(
    default=lambda spread: ("HalfStudentT", {"scale": spread.sd, "df": 4.0}),
    start=lambda y: max(float(y.std()), 1e-8 * (1.0 + float(np.abs(y).max()))),
    needs_spread=True,
    collapse=Collapse(-1.0, lambda mean: 1.0),
)


def _family(link: str) -> Family:
    mean, is_linear = MEANS[link], link == "identity"
    return of_one_channel(
        partial(_kernel, mean=mean),
        lambda eta, phi, trials: mean.value(eta),
        name="gaussian",
        link=link,
        domain=mean.domain,
        constant=_constant,
        saturated=_saturated,
        draw=partial(_draw, mean=mean),
        variance=lambda mu, phi, trials: np.zeros_like(mu) + np.square(phi[0]),
        **both_sides(partial(_cdf, mean=mean)),
        valid=_valid,
        support="real numbers",
        dispersions=(SIGMA,),
        log_concave=is_linear,
        quadratic=is_linear,
        push=None if is_linear else pushed_up if link == "inverse" else pushed_down,
        tails=partial(_tails, mean=mean),
        concave_mass=is_linear,
        averaged=partial(_kernel, mean=mean),
        absorbed=_absorbed,
    )


GAUSSIAN = tuple(_family(link) for link in FAMILY_NAMES["gaussian"].links)
