"""Every family against arithmetic of many digits: values, derivatives, means, draws, responses."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayesglm.numerics.families import FAMILIES

KEYS = sorted(FAMILIES)
SIGMA = 0.7
TRIALS = 7.0
RESPONSES = {
    "gaussian": (-3.5, 0.0, 12.25),
    "bernoulli": (0.0, 1.0),
    "binomial": (0.0, 2.0, 7.0),
    "poisson": (0.0, 1.0, 40.0),
}
# Around every place where a formula changes, and where exp() over- or underflows.
ETAS = [
    *(-1e5, -745.2, -700.1, -699.9, -300.0, -41.0, -39.0, -37.1, -36.9, -20.0, -6.01, -5.99),
    *(-2.31, -2.29, -0.7, -0.69, -0.36, -0.35, -0.1, -1e-9, 0.0, 1e-9, 0.5, 2.0, 5.99, 6.01, 6.7),
    *(20.0, 37.1, 100.0, 300.0, 709.0, 710.0, 1e5),
]
DIGITS = 40


def exact_binary_logs(link, eta):
    """log p and log(1 - p), each from its own small number."""
    if link == "logit":
        return -mp.log1p(mp.exp(-eta)), -mp.log1p(mp.exp(eta))
    if link == "probit":
        below, above = (mp.erfc(sign * eta / mp.sqrt(2)) / 2 for sign in (-1, 1))
        return (mp.log1p(-above), mp.log(above)) if eta > 0 else (mp.log(below), mp.log1p(-below))
    hazard = mp.exp(eta)
    log_p = mp.log1p(-mp.exp(-hazard)) if hazard > 1 else mp.log(-mp.expm1(-hazard))
    return log_p, -hazard


def exact_mean(link, eta):
    return {
        "identity": lambda: eta,
        "log": lambda: mp.exp(eta),
        "softplus": lambda: mp.log1p(mp.exp(eta)),
    }[link]()


def exact_terms(key, y, eta, sigma):
    """The addends of log p(y | eta, sigma): their sum, and what rounding is measured against."""
    name, link = key
    if name in ("bernoulli", "binomial"):
        n = TRIALS if name == "binomial" else 1.0
        log_p, log_q = exact_binary_logs(link, eta)
        choose = mp.log(mp.binomial(int(n), int(y)))
        return [y * log_p if y else mp.mpf(0), (n - y) * log_q if n > y else mp.mpf(0), choose]
    mu = exact_mean(link, eta)
    if name == "poisson":
        return [y * mp.log(mu) if y else mp.mpf(0), -mu, -mp.loggamma(y + 1)]
    return [-(((y - mu) / sigma) ** 2) / 2, -mp.log(sigma), -mp.log(2 * mp.pi) / 2]


def arguments(key, y, eta, sigma=SIGMA):
    phi = (sigma,) if FAMILIES[key].dispersions else ()
    trials = TRIALS if key[0] == "binomial" else None
    return np.array([y]), np.array([eta]), phi, trials


def digits(eta):
    """Enough for exp(-exp(eta)) or erfc to be told from nothing, and for finite differences."""
    return int(DIGITS + min(abs(eta), 800.0) ** 2 / 4.0) if abs(eta) < 50.0 else 900


def close(found, exact, scale, tolerance):
    """|found - exact| <= tolerance * scale, or both beyond the range of a double."""
    if abs(exact) > 1.7e308:
        return np.isinf(found) and np.sign(found) == np.sign(float(mp.sign(exact)))
    return abs(mp.mpf(float(found)) - exact) <= tolerance * scale + mp.mpf(5e-308)
