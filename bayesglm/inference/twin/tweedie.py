"""Tweedie's density in PyTensor, which PyMC has not: an expression that any backend compiles.

The series is that of `bayesglm.numerics.families.tweedie_series`, at places that do not move with
the parameters, so that the derivatives are those of its terms.
"""

from __future__ import annotations

from typing import Any

import numpy as np

type Tensor = Any

PLACES = 128  # at which the series is summed; where they are integers, so many count at the most
DEPTH = 38.0  # nats below the largest term at which a term is left out: 3e-17 of it
WIDEST = 7.0  # standard deviation of the terms from which places are no integers: 17.4 of it count


def tweedie(mu: Tensor, phi: Tensor, p: Tensor) -> Tensor:
    """Return the distribution of mean mu and variance phi mu^p."""
    import pymc as pm

    return pm.CustomDist.dist(mu, phi, p, logp=_log_density, dist=_draw, class_name="Tweedie")


def _log_density(y: Tensor, mu: Tensor, phi: Tensor, p: Tensor) -> Tensor:
    import pytensor.tensor as pt

    up, down = 2.0 - p, p - 1.0
    is_zero = pt.eq(y, 0.0)
    some = pt.switch(is_zero, 1.0, y)
    number = pt.power(mu, up) / (up * phi)
    tilt = some * pt.power(mu, -down) / (down * phi)
    positive = _log_sum(some, phi, p) - tilt - pt.log(some)
    return pt.switch(pt.lt(y, 0.0), -np.inf, pt.switch(is_zero, 0.0, positive) - number)


def _log_sum(y: Tensor, phi: Tensor, p: Tensor) -> Tensor:
    """log of the sum over j of z^j / (j! Gamma(j a))."""
    import pytensor.tensor as pt
    from pytensor.gradient import disconnected_grad

    a = (2.0 - p) / (p - 1.0)
    log_z = a * (pt.log(y) - pt.log(p - 1.0)) - (1.0 + a) * pt.log(phi) - pt.log(2.0 - p)
    size = disconnected_grad(pt.power(y, 2.0 - p) / ((2.0 - p) * phi))
    size, by = pt.maximum(size, 1e-100), disconnected_grad(1.0 + a)
    spread = pt.sqrt(2.0 * DEPTH / (by * size))
    skew = spread * spread / 6.0
    low = pt.switch(spread < np.sqrt(2.0), pt.maximum(1.0 - spread + skew, 0.0), 0.0) * size
    high = (1.0 + spread + skew) * size
    is_wide = size > WIDEST**2 * by
    stride = pt.switch(is_wide, (high - low) / PLACES, 1.0)
    first = pt.switch(is_wide, low + 0.5 * stride, pt.maximum(pt.floor(low), 1.0))
    j = first[..., None] + stride[..., None] * np.arange(float(PLACES))
    terms = j * log_z[..., None] - pt.gammaln(j + 1.0) - pt.gammaln(j * a[..., None])
    return pt.logsumexp(terms, axis=-1) + pt.log(stride)


def _draw(mu: Tensor, phi: Tensor, p: Tensor, size: Tensor) -> Tensor:
    """Draw a Poisson number of gamma variables, and add them up."""
    import pymc as pm
    import pytensor.tensor as pt

    up, down = 2.0 - p, p - 1.0
    number = pm.Poisson.dist(mu=pt.power(mu, up) / (up * phi), shape=size)
    rate = 1.0 / (phi * down * pt.power(mu, down))
    total = pm.Gamma.dist(alpha=pt.maximum(number, 1.0) * up / down, beta=rate, shape=size)
    return pt.switch(number > 0, total, 0.0)
