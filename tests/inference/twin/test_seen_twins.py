"""The two engines side by side where responses are censored, truncated, or both."""

import numpy as np
import pytest
import xarray as xr
from families import INTERVAL_KEYS, drawn, model_of
from twins import compare

import bayesglm as bg
from bayesglm.numerics.families.table import FAMILIES
from bayesglm.spec.families import FAMILY_NAMES

KEYS = [key for key in INTERVAL_KEYS if key[1] == FAMILY_NAMES[key[0]].links[0]]
# PyMC takes a minute for the derivatives of an incomplete beta function, of which one is enough;
# many digits judge all families (tests/numerics/families/test_intervals.py).
SLOW = ("beta", "student_t", "binomial", "beta_binomial", "negative_binomial1", "hurdle_poisson")
QUICK = [key for key in KEYS if key[0] not in (*SLOW, "zero_inflated_negative_binomial")]
N = 12


def bounds_of(name):
    """Bounds that keep most of a family's responses."""
    if FAMILY_NAMES[name].discrete:
        return 0.0, 7.0
    record = FAMILIES[name, FAMILY_NAMES[name].links[0]]
    return (0.02, 0.97) if not record.valid(np.array([1.5]), None)[0] else (0.05, 6.0)


def data_of(name, within=None, seed=4):
    """Responses of a family of every status, some of them between bounds only."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=40 * N)
    trials = rng.integers(3, 9, len(x)).astype(float)
    y = drawn(name, 0.3 * x, trials)
    low, high = bounds_of(name) if within is None else within
    keep = np.flatnonzero((y > low) & (y < high))[:N]
    y, x, trials = y[keep], x[keep], trials[keep]
    status = np.array(["none", "none", "left", "right", "interval", "none"] * (N // 6))
    step = 1.0 if FAMILY_NAMES[name].discrete else 0.2 * (high - y)
    return {
        name: y,
        "x": x,
        "trials": np.maximum(trials, 8.0),
        "status": status,
        "upper": np.where(status == "interval", y + step, np.nan),
        "w": rng.choice([0.5, 1.0, 2.0], N),
        "low": np.full(N, low),
    }


@pytest.mark.slow
@pytest.mark.parametrize("key", QUICK, ids="-".join)
def test_censored_responses_of_every_status(key):
    compare(
        model_of(key, ["x"], censored=("status", "upper"), weights="w"),
        data_of(key[0]),
        spread=0.1,
    )


TRUNCATED = [key for key in KEYS if key[0] in ("gaussian", "weibull", "poisson")]


@pytest.mark.parametrize("key", TRUNCATED, ids="-".join)
def test_responses_between_bounds(key):
    data = data_of(key[0])
    # PyMC's half Student's t, the default of some, is good to 2e-9 only.
    priors = {name: bg.HalfNormal(1.0) for name in FAMILY_NAMES[key[0]].dispersions}
    for bounds in (bounds_of(key[0]), ("low", None)):
        model = model_of(key, ["x"], truncated=bounds, dispersion=priors or None)
        compare(model, data, spread=0.1)


BOTH = [key for key in KEYS if key[0] in ("exponential", "zero_inflated_poisson")]


@pytest.mark.parametrize("key", BOTH, ids="-".join)
def test_censored_responses_between_bounds(key):
    model = model_of(key, ["x"], censored=("status", "upper"), truncated=bounds_of(key[0]))
    compare(model, data_of(key[0]), spread=0.1)


def test_a_population_whose_status_is_each_neurons_own():
    rng = np.random.default_rng(2)
    data = xr.Dataset(
        {
            "y": (("obs", "neuron"), rng.exponential(size=(20, 2))),
            "x": ("obs", rng.normal(size=20)),
            "seen": (("obs", "neuron"), rng.choice(["none", "right"], (20, 2))),
        }
    )
    compare(bg.GLM("y", ["x"], family="weibull", censored="seen"), data, spread=0.1)


def test_right_censored_counts_are_those_of_pymc():
    """Its convention is the same: what is censored at y is y or more."""
    import pymc as pm

    data = data_of("poisson")
    data["status"] = np.where(data["status"] == "right", "right", "none")
    model = bg.GLM("poisson", [], family="poisson", intercept=bg.Normal(1.0), censored="status")
    upper = np.where(data["status"] == "right", data["poisson"], np.inf)
    with pm.Model() as known:
        mu = pm.math.exp(pm.Normal("intercept", 0.0, 1.0))
        pm.Censored("y", pm.Poisson.dist(mu), lower=None, upper=upper, observed=data["poisson"])
    point = {"intercept": 0.4}
    theirs = known.compile_fn(known.logp(), mode="FAST_COMPILE")(point)
    ours = bg.to_pymc(model, data)
    assert ours.compile_fn(ours.logp(), mode="FAST_COMPILE")(point) == pytest.approx(theirs)
