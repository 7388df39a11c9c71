"""Tweedie responses: sums of a Poisson number of gamma variables, zeros among them.

phi mu^p is their variance, p being between 1 (Poisson) and 2 (gamma). Source: Dunn & Smyth (2005),
Series evaluation of Tweedie exponential dispersion model densities.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc, gammaincc

from bayesglm.numerics.families.counts import pushed_down, pushed_up
from bayesglm.numerics.families.domains import up_to_the_ends
from bayesglm.numerics.families.links import LOG_MEANS, Curve
from bayesglm.numerics.families.positive import in_mean, mean_of
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
from bayesglm.numerics.families.tweedie_series import Series, poisson_mean, series
from bayesglm.numerics.special import exp_excess
from bayesglm.numerics.theta.transforms import logit
from bayesglm.spec.families import FAMILY_NAMES

POWERS = FAMILY_NAMES["tweedie"].range_of("p")


class _Deviance(NamedTuple):
    """Half of the unit deviance elementwise, and its derivatives in p.

    d = y mu^(1 - p) / (p - 1) + mu^(2 - p) / (2 - p) - y^(2 - p) / ((p - 1) (2 - p)).
    """

    value: Array
    p: Array | None = None
    p_p: Array | None = None


def _deviance(y: Array, log_mu: Array, p: Array, order: int) -> _Deviance:
    """With t = y / mu, d is mu^(2 - p) times differences of exp(x) - 1 - x, none below zero."""
    up, down = 2.0 - p, p - 1.0
    is_zero = np.equal(y, 0.0)
    log_y = np.log(np.where(is_zero, 1.0, y))
    whole = mean_of(up * log_mu) / up
    log_t = log_y - log_mu
    with np.errstate(over="ignore", invalid="ignore"):
        split = up * exp_excess(log_t) - exp_excess(up * log_t)
        far = mean_of(log_t + up * log_mu)
        positive = np.where(
            log_t > 100.0,
            far / down + whole - mean_of(up * log_y) / (down * up),
            whole * split / down,
        )
    value = np.where(is_zero, whole, positive)
    if order == 0:
        return _Deviance(value)
    first = [
        (np.where(is_zero, 0.0, far) / down, -log_mu - 1.0 / down, 1.0 / down**2),
        (whole, -log_mu + 1.0 / up, 1.0 / up**2),
        (
            np.where(is_zero, 0.0, -mean_of(up * log_y)) / (down * up),
            -log_y - 1.0 / down + 1.0 / up,
            1.0 / down**2 + 1.0 / up**2,
        ),
    ]
    zero = np.zeros(())
    slope = sum((term * rate for term, rate, _ in first), zero)
    bend = sum((term * (rate * rate + change) for term, rate, change in first), zero)
    return _Deviance(value, slope, bend)


def _sums(y: Array, phi: Array, p: Array, order: int) -> Series:
    """Return the series of positive responses, and zeros elsewhere, of a common shape."""
    ones, which = np.unique(p, return_inverse=True)
    which = which.reshape(np.shape(p))
    y, phi, which = np.broadcast_arrays(np.asarray(y, dtype=np.float64), phi, which)
    parts = Series(*(np.zeros(y.shape) for _ in Series._fields))
    rows = np.greater(y, 0.0)
    up, which = 2.0 - ones, which[rows]
    log_size = up[which] * np.log(y[rows]) - np.log(up[which] * phi[rows])
    some = series(log_size, up / (ones - 1.0), which, order)
    for part, values in zip(parts, some, strict=True):
        part[rows] = values
    return parts


@np.errstate(over="ignore", invalid="ignore")  # far out
def _kernel(
    y: Array, eta: Array, phi: Sequence, trials: None, order: int, *, log_mean: Curve
) -> Derivatives:
    """log p(y) = -d / phi + S - log y, without the last two where y = 0."""
    scale, p = (np.asarray(one, dtype=np.float64) for one in phi)
    log_mu, *slopes = log_mean.derivatives(eta, order)
    d = _deviance(y, log_mu, p, order)
    s = _sums(y, scale, p, order)
    value = s.value - d.value / scale
    if order == 0:
        return Derivatives(value)
    up, down = 2.0 - p, p - 1.0
    first, second = mean_of(up * log_mu), y * mean_of(-down * log_mu)
    unit = in_mean(slopes, 0.0, [(-second / down, -down), (-first / up, up)])
    log_y = np.log(np.where(np.equal(y, 0.0), 1.0, y))
    size_p, shape_p = 1.0 / up - log_y, -1.0 / down**2
    of_phi = (d.value / scale - s.u) / scale
    of_p = s.u * size_p + s.a * shape_p - d.p / scale
    if order == 1:
        return Derivatives(value, unit[0] / scale, phi=(of_phi, of_p))
    twice_phi = (s.u_u + s.u - 2.0 * d.value / scale) / scale**2
    both = (d.p / scale - s.u_u * size_p - s.u_a * shape_p) / scale
    twice_p = (s.u_u * size_p + 2.0 * s.u_a * shape_p) * size_p + s.a_a * shape_p**2
    twice_p = twice_p + s.u / up**2 + 2.0 * s.a / down**3 - d.p_p / scale
    crossed = (-unit[0] / scale**2, -log_mu * unit[0] / scale)
    return Derivatives(
        value,
        unit[0] / scale,
        unit[1] / scale,
        phi=(of_phi, of_p),
        eta_phi=crossed,
        phi_phi=((twice_phi, both), (both, twice_p)),
    )


def _constant(y: Array, trials: None) -> Array:
    return -np.log(np.where(np.equal(y, 0.0), 1.0, y))


def _saturated(y: Array, phi: Sequence, trials: None) -> Array:
    return _sums(y, phi[0], phi[1], 0).value


def _parts(eta: Array, phi: Sequence, log_mean: Curve) -> tuple[Array, Array, Array]:
    """Return the mean of the Poisson number, and the shape and the scale of its gammas."""
    scale, p = (np.asarray(one, dtype=np.float64) for one in phi)
    log_mu = log_mean.value(eta)
    number = mean_of((2.0 - p) * log_mu) / ((2.0 - p) * scale)
    size = scale * (p - 1.0) * mean_of((p - 1.0) * log_mu)
    number, shape, size = np.broadcast_arrays(number, (2.0 - p) / (p - 1.0), size)
    return number, shape, size


def _draw(
    rng: np.random.Generator, eta: Array, phi: Sequence, trials: None, *, log_mean: Curve
) -> Array:
    number, shape, size = _parts(eta, phi, log_mean)
    return size * rng.standard_gamma(shape * rng.poisson(number))


def _valid(y: Array, trials: None) -> Mask:
    return np.greater_equal(y, 0.0) & np.isfinite(y)


def _cdf(
    y: Array, eta: Array, phi: Sequence, trials: None, *, log_mean: Curve, above: bool
) -> Array:
    """P(Y <= y), or P(Y > y): of gammas, averaged over their Poisson number."""
    number, shape, size = _parts(eta, phi, log_mean)
    y, number, shape, size = np.broadcast_arrays(y, number, shape, size)
    share, t = (gammaincc if above else gammainc), np.maximum(y / size, 0.0).ravel()
    shape, flat = shape.ravel(), number.ravel()

    def of_sums(j: Array, rows: NDArray[np.intp]) -> Array:
        return share(shape[rows, None] * j, t[rows, None])

    none = np.exp(-flat) * (np.less(y.ravel(), 0.0) == above)
    return (none + poisson_mean(flat, of_sums)).reshape(number.shape)


def _start_of_phi(y: Array) -> float:
    """Return the phi of the mean and the variance of responses, were p 1.5."""
    mean = float(np.mean(y))
    return max(float(np.var(y)) / mean**1.5, 1e-8) if mean > 0.0 else 1.0


PHI = Dispersion(
    default=lambda spread: (
        "HalfStudentT",
        {"scale": spread.sd**2 / spread.mean**1.5, "df": 4.0},
    ),
    start=_start_of_phi,
    needs_spread=True,
    collapse=Collapse(-0.5, lambda mean: mean**0.75),  # that of p = 1.5, where it starts
)
P = Dispersion(
    default=lambda spread: ("Uniform", dict(zip(("lower", "upper"), POWERS, strict=True))),
    start=lambda y: 1.5,
    transform=logit(*POWERS),
)


def _family(link: str) -> Family:
    log_mean = LOG_MEANS[link]
    return of_one_channel(
        partial(_kernel, log_mean=log_mean),
        lambda eta, phi, trials: mean_of(log_mean.value(eta)),
        name="tweedie",
        link=link,
        domain=log_mean.domain,
        constant=_constant,
        saturated=_saturated,
        draw=partial(_draw, log_mean=log_mean),
        variance=lambda mu, phi, trials: phi[0] * mu ** phi[1],
        **both_sides(partial(_cdf, log_mean=log_mean)),
        valid=_valid,
        support="non-negative numbers",
        dispersions=(PHI, P),
        log_concave=link == "log",
        averaged=partial(_kernel, log_mean=log_mean),
        push=up_to_the_ends(pushed_up if link == "inverse" else pushed_down, log_mean.domain),
    )


TWEEDIE = tuple(_family(link) for link in FAMILY_NAMES["tweedie"].links)
