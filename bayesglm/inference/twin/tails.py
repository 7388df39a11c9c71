"""Log distribution functions where PyMC has none over many samples, or one of single precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

type Tensor = Any


def _log_normal(z: Tensor) -> Tensor:
    """log Phi(z); PyMC takes the root of a float32 2, and its form is good to 2e-8 only."""
    import pytensor.tensor as pt

    low, high = pt.minimum(z, 0.0), pt.maximum(z, 0.0)
    tail = -0.5 * low * low + pt.log(0.5 * pt.erfcx(-low * np.sqrt(0.5)))
    return pt.switch(z < 0.0, tail, pt.log1p(-0.5 * pt.erfc(high * np.sqrt(0.5))))


def _normal(y: Tensor, mu: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
    z = (y - mu) / sigma
    return _log_normal(z), _log_normal(-z)


def _wald(y: Tensor, mu: Tensor, lam: Tensor) -> tuple[Tensor, Tensor]:
    import pytensor.tensor as pt
    from pymc.math import logdiffexp

    root = pt.sqrt(lam / y)
    low, high = root * (y / mu - 1.0), -root * (y / mu + 1.0)
    rest = 2.0 * lam / mu + _log_normal(high)
    return pt.logaddexp(_log_normal(low), rest), logdiffexp(_log_normal(-low), rest)


def _beta_binomial(y: Tensor, n: Tensor, alpha: Tensor, beta: Tensor) -> tuple[Tensor, Tensor]:
    """Sums over all counts, of which PyMC makes one for a single sample only."""
    import pymc as pm
    import pytensor.tensor as pt

    base = pm.BetaBinomial.dist(n=n, alpha=alpha, beta=beta)
    counts = np.arange(int(np.max(n.eval())) + 1)
    log_p = pt.stack([pm.logp(base, pt.full_like(y, k)) for k in counts])
    places = counts.reshape(-1, *(1 for _ in range(y.ndim)))
    below = pt.le(places, y)
    return tuple(pt.logsumexp(pt.switch(part, log_p, -np.inf), axis=0) for part in (below, ~below))


# Distributions that PyMC cannot truncate: between bounds their twins have a density, and no draws.
MIXTURES = ("ZeroInflatedPoisson", "ZeroInflatedNegativeBinomial", "HurdlePoisson")
# By the name of PyMC's distribution: log P(Y <= y) and log P(Y > y) of y and its parameters.
TAILS: dict[str, Callable[..., tuple[Tensor, Tensor]]] = {
    "Normal": _normal,
    "Wald": _wald,
    "BetaBinomial": _beta_binomial,
}
