"""Link functions: eta as a function of the mean, the inverse of what `links` and others hold."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import logit, ndtri


class LinkFunction(NamedTuple):
    """One link: eta = g(mean), the means at which it is defined, and whether it falls."""

    eta: Callable[[float], float]
    low: float = -np.inf
    high: float = np.inf
    falls: bool = False


def _of_share(eta: Callable[[float], float]) -> LinkFunction:
    return LinkFunction(eta, 0.0, 1.0)


def _of_positive(eta: Callable[[float], float], falls: bool = False) -> LinkFunction:
    return LinkFunction(eta, 0.0, falls=falls)


LINK_FUNCTIONS: dict[str, LinkFunction] = {
    "identity": LinkFunction(lambda mean: mean),
    "log": _of_positive(np.log),
    "logit": _of_share(logit),
    "probit": _of_share(ndtri),
    "cauchit": _of_share(lambda mean: np.tan(np.pi * (mean - 0.5))),
    "cloglog": _of_share(lambda mean: np.log(-np.log1p(-mean))),
    "loglog": _of_share(lambda mean: -np.log(-np.log(mean))),
    "softplus": _of_positive(lambda mean: mean + np.log(-np.expm1(-mean))),
    "sqrt": _of_positive(np.sqrt),
    "inverse": _of_positive(lambda mean: 1.0 / mean, falls=True),
    "tan_half": LinkFunction(lambda mean: np.tan(0.5 * mean), -np.pi, np.pi),
}
