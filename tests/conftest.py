"""Small seeded data that many tests share."""

import gc
import signal

import numpy as np
import pytest
import xarray as xr
from families import OF_NUMBERS, OF_REALS, drawn
from hypothesis import HealthCheck, settings

from bayesglm.inference.twin.likelihoods import LIKELIHOODS, MEANS
from bayesglm.inference.twin.own import OWN_FAMILIES, OWN_LINKS
from bayesglm.numerics.families.own import CURVES
from bayesglm.numerics.families.table import FAMILIES
from bayesglm.spec.families import FAMILY_NAMES, LINK_NAMES

collect_ignore = ["references"]  # whose scripts need what the tests do not

# The same examples in every run: a failure seen once can be seen again.
# Nothing is timed, the drawing of examples neither.
settings.register_profile(
    "fixed", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("fixed")

# What is registered goes into these; every test starts with the package's own entries.
TABLES = (FAMILY_NAMES, LINK_NAMES, FAMILIES, CURVES, LIKELIHOODS, MEANS, OWN_FAMILIES, OWN_LINKS)
ENTRIES = [dict(table) for table in TABLES]


def pytest_collection_finish():
    """Keep the collector of garbage from looking through all modules again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def only_the_packages_own():
    """Forget what tests and examples have registered."""
    for table, entries in zip(TABLES, ENTRIES, strict=True):
        if table != entries:
            table.clear()
            table.update(entries)


@pytest.fixture
def interruptible():
    """Let processes that a test starts be interrupted, where ours ignores it as one in the
    background of a shell does."""
    ours = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, ours)


def simulate(n=40, seed=0):
    """Return a Dataset with one response per family and predictors of every kind."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    eta = 0.5 * x - 0.2
    trials = rng.integers(1, 6, n)
    p = 1 / (1 + np.exp(-eta))
    columns = {
        "x": x,
        "z": rng.normal(size=n),
        "offset": 0.1 * rng.normal(size=n),
        "weights": rng.choice([0.0, 0.5, 1.0, 2.0], n),
        "trials": trials,
        "gaussian": np.exp(0.3 * x) + 0.5 * rng.normal(size=n),
        "bernoulli": (rng.random(n) < p).astype(int),
        "binomial": rng.binomial(trials, p),
        "poisson": rng.poisson(np.exp(eta)),
    }
    others = [name for name in OF_NUMBERS if name not in columns]
    # Responses of any sign have a positive mean, for links that know no other.
    columns |= {
        name: drawn(name, np.exp(0.3 * x) if name in OF_REALS else eta, trials) for name in others
    }
    movie = rng.normal(size=(n, 2, 3))
    variables = {name: ("time", values) for name, values in columns.items()}
    variables["movie"] = (("time", "height", "width"), movie)
    return xr.Dataset(variables, coords={"time": np.arange(n) * 0.01})


@pytest.fixture
def data():
    """Forty samples of every kind of variable."""
    return simulate()


@pytest.fixture
def many():
    """Four hundred samples of the same."""
    return simulate(400, seed=1)
