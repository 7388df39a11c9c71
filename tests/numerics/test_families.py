"""Every family against 50-digit arithmetic: values, derivatives, means, draws, admissible y."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayesglm.numerics.families import FAMILIES

KEYS = sorted(FAMILIES)
SIGMA = 0.7
EXTREME_ETAS = [
    *(-1e5, -1e3, -745.2, -700.0, -300.0, -100.0, -41.0, -39.0, -36.5, -20.0, -6.01, -5.99, -2.31),
    *(-2.29, -0.7, -0.69, -0.36, -0.35, -0.1, -1e-9, 0.0, 1e-9, 0.1, 0.5, 2.0, 5.99, 6.01, 6.7),
    *(20.0, 36.0, 37.5, 100.0, 300.0, 700.0, 709.0, 710.0, 1e3, 1e5),
]


@pytest.fixture(autouse=True)
def many_digits():
    with mp.workdps(50):
        yield


def exact_inverse_link(link, eta):
    """g^-1(eta); for binary links the pair (p, 1 - p), since 1 - p would lose every digit."""
    return {
        "identity": lambda: eta,
        "log": lambda: mp.exp(eta),
        "softplus": lambda: mp.log1p(mp.exp(eta)),
        "logit": lambda: (1 / (1 + mp.exp(-eta)), 1 / (1 + mp.exp(eta))),
        "probit": lambda: (mp.erfc(-eta / mp.sqrt(2)) / 2, mp.erfc(eta / mp.sqrt(2)) / 2),
        "cloglog": lambda: (-mp.expm1(-mp.exp(eta)), mp.exp(-mp.exp(eta))),
    }[link]()
