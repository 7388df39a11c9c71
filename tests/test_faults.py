"""Whatever is wrong with data or model, an exception of the package says what, where, and how."""

import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from conftest import simulate
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import bayesglm as bg

RNG = np.random.default_rng(0)
X = RNG.normal(size=20)
Y = RNG.poisson(2.0, 20)
FLAT = bg.Flat()


def with_value(values, index, value):
    values = np.array(values, dtype=float)
    values[index] = value
    return values


def poisson(terms="x", **options):
    return bg.GLM("y", terms, family="poisson", **options)


DATA_FAULTS = {
    "nan predictor": (
        poisson(),
        {"y": Y, "x": with_value(X, 3, np.nan)},
        ["'x'", "obs=3", "remove"],
    ),
    "infinite predictor": (poisson(), {"y": Y, "x": with_value(X, 4, np.inf)}, ["'x'", "obs=4"]),
    "nan response": (poisson(), {"y": with_value(Y, 5, np.nan), "x": X}, ["response 'y'", "obs=5"]),
    "nan offset": (
        poisson(offset="o"),
        {"y": Y, "x": X, "o": with_value(X, 0, np.nan)},
        ["offset 'o'", "obs=0"],
    ),
    "negative count": (poisson(), {"y": with_value(Y, 2, -1), "x": X}, ["'y'", "obs=2", "(-1)"]),
    "fractional count": (
        poisson(),
        {"y": with_value(Y, 2, 0.5), "x": X},
        ["non-negative", "obs=2", "family='gaussian'"],
    ),
    "not 0/1": (
        bg.GLM("y", "x", family="bernoulli"),
        {"y": with_value(Y > 1, 7, 2), "x": X},
        ["0 or 1", "obs=7", "family='poisson'"],
    ),
    "more successes than trials": (
        bg.GLM("y", "x", family="binomial", trials="n"),
        {"y": with_value(Y, 1, 99), "x": X, "n": np.full(20, 9)},
        ["'y'", "obs=1", "99", "of 9 trials"],
    ),
    "fractional trials": (
        bg.GLM("y", "x", family="binomial", trials="n"),
        {"y": Y, "x": X, "n": with_value(np.full(20, 9), 3, 8.5)},
        ["trials 'n'", "obs=3"],
    ),
    "negative weights": (
        poisson(weights="w"),
        {"y": Y, "x": X, "w": with_value(np.ones(20), 6, -1)},
        ["weights 'w'", "obs=6"],
    ),
    "no weight": (
        poisson(weights="w"),
        {"y": Y, "x": X, "w": np.zeros(20)},
        ["weights 'w'", "zero"],
    ),
    "constant predictor": (poisson(), {"y": Y, "x": np.ones(20)}, ["'x'", "constant", "remove"]),
    "constant column of several": (
        poisson(bg.Linear(("x", "z"), name="both")),
        {"y": Y, "x": X, "z": np.ones(20)},
        ["'z'", "constant"],
    ),
    "constant under Flat": (
        poisson(bg.Linear("x", prior=FLAT)),
        {"y": Y, "x": np.ones(20)},
        ["Flat", "'x'", "constant", "proper prior"],
    ),
    "duplicated under Flat": (
        poisson([bg.Linear("x", prior=FLAT), bg.Linear("z", prior=FLAT)]),
        {"y": Y, "x": X, "z": 2 * X + 1},
        ["'z'", "linear combinations"],
    ),
    "unknown variable": (
        poisson("wieght"),
        {"y": Y, "weight": X},
        ["'wieght'", "Did you mean 'weight'"],
    ),
    "unknown response": (
        bg.GLM("spike", "x"),
        {"spikes": Y, "x": X},
        ["response 'spike'", "'spikes'"],
    ),
    "no variation": (
        poisson(),
        {"y": np.full(20, 3), "x": X},
        ["'y'", "does not vary", "proper prior"],
    ),
    "never": (bg.GLM("y", "x", family="bernoulli"), {"y": np.zeros(20), "x": X}, ["does not vary"]),
    "fewer samples than lags": (
        poisson(bg.Lagged("x", lags=30)),
        {"y": Y, "x": X},
        ["'x'", "lag", "20"],
    ),
    "text": (
        poisson(),
        {"y": Y, "x": np.array(["a"] * 20)},
        ["'x'", "text", "0/1 column per level"],
    ),
    "objects": (poisson(), {"y": Y, "x": np.array([None] * 20)}, ["'x'", "20 missing"]),
    "dates": (poisson(), {"y": Y, "x": pd.date_range("2020", periods=20)}, ["'x'", "dates"]),
    "complex": (poisson(), {"y": Y, "x": X + 0j}, ["'x'", "complex"]),
    "lengths": (poisson(), {"y": Y, "x": X[:-1]}, ["x has 19", "y has 20"]),
    "empty": (poisson(), {"y": [], "x": []}, ["empty"]),
    "nothing": (poisson(), {}, ["empty"]),
    "huge": (poisson(), {"y": Y, "x": with_value(X, 2, 1e200)}, ["'x'", "obs=2", "rescale"]),
    "single value": (poisson(), {"y": Y, "x": 3.0}, ["'x'", "single value"]),
    "ragged": (poisson(), {"y": Y, "x": [[1.0], [1.0, 2.0]]}, ["'x'", "array"]),
    "kind of data": (poisson(), [1, 2, 3], ["list", "DataFrame"]),
    "unsorted time": (
        poisson(bg.Lagged("x", lags=2)),
        {"y": Y, "x": X, "time": with_value(np.arange(20.0), 5, 99)},
        ["'x'", "obs=4", "time"],
    ),
    "irregular time": (
        poisson(bg.History(lags=2)),
        {"y": Y, "time": np.arange(20.0) + 1e-3 * (np.arange(20) == 9)},
        ["'history'", "obs=8", "regular"],
    ),
    "split trial": (
        poisson(bg.Lagged("x", lags=2)),
        {"y": Y, "x": X, "trial": np.r_[np.zeros(5), np.ones(10), np.zeros(5)]},
        ["trial 0", "two separate runs", "Sort"],
    ),
    "seconds without time": (
        poisson(bg.Lagged("x", window=0.1)),
        {"y": Y, "x": X},
        ["'x'", "'time'"],
    ),
    "shape of the prior": (
        poisson(bg.Linear("x", prior=bg.Normal([1.0, 2.0]))),
        {"y": Y, "x": X},
        ["'x'", "shape"],
    ),
    "coordinate as response": (
        bg.GLM("time", "x"),
        {"y": Y, "x": X, "time": np.arange(20.0)},
        ["'time'", "coordinate"],
    ),
}


@pytest.mark.parametrize("verb", [bg.fit_map, bg.fit])
@pytest.mark.parametrize(("model", "data", "words"), DATA_FAULTS.values(), ids=DATA_FAULTS.keys())
def test_faults_of_data(verb, model, data, words):
    with pytest.raises((bg.DataError, bg.ModelError)) as caught:
        verb(model, data)
    for word in words:
        assert word in str(caught.value)


DIM_FAULTS = {
    "term like a dim": (lambda: bg.GLM("y", bg.Linear("x", name="time")), ["'time'", "name="]),
    "response like a dim": (lambda: bg.GLM("time", "x"), ["'time'"]),
    "lag dim exists": (lambda: bg.GLM("y", bg.Lagged("x", lags=2)), ["'x_lag'", "name="]),
    "too many dims": (lambda: bg.GLM("film", "x"), ["'film'", "at most one dim"]),
}


@pytest.mark.parametrize(("model", "words"), DIM_FAULTS.values(), ids=DIM_FAULTS.keys())
def test_names_that_collide_with_dims(model, words):
    data = xr.Dataset(
        {
            "y": ("time", X),
            "x": ("time", X),
            "other": (("x_lag", "time"), RNG.normal(size=(2, 20))),
            "film": (("time", "a", "b"), RNG.normal(size=(20, 2, 2))),
        }
    )
    with pytest.raises((bg.DataError, bg.ModelError)) as caught:
        bg.fit_map(model(), data)
    for word in words:
        assert word in str(caught.value)


MODEL_FAULTS = {
    "family": (lambda: bg.GLM("y", "x", family="poison"), ["'poison'", "gaussian", "'poisson'?"]),
    "link": (
        lambda: bg.GLM("y", "x", family="poisson", link="logit"),
        ["'logit'", "log, softplus"],
    ),
    "two terms": (lambda: bg.GLM("y", ["x", "x"]), ["'x'", "name='x_2'"]),
    "reserved": (lambda: bg.GLM("y", bg.Linear("x", name="sigma")), ["'sigma'", "reserved"]),
    "reserved response": (lambda: bg.GLM("chain", "x"), ["'chain'", "reserved"]),
    "slash": (lambda: bg.GLM("y", "a/b"), ["'a/b'", "'/'", "name="]),
    "derived": (lambda: bg.GLM("y", ["x", "x_lag"]), ["'x_lag'", "collides"]),
    "itself": (lambda: bg.GLM("y", "y"), ["'y'", "History"]),
    "trials elsewhere": (lambda: bg.GLM("y", "x", trials="n"), ["binomial", "'trial' coordinate"]),
    "no trials": (lambda: bg.GLM("y", "x", family="binomial"), ["trials=", "bernoulli"]),
    "dispersion": (lambda: bg.GLM("y", "x", family="poisson", dispersion=1.0), ["no dispersion"]),
    "negative dispersion": (lambda: bg.GLM("y", "x", dispersion=-1.0), ["dispersion", "positive"]),
    "normal dispersion": (lambda: bg.GLM("y", "x", dispersion=bg.Normal(1.0)), ["HalfNormal"]),
    "half prior": (
        lambda: bg.Linear("x", prior=bg.HalfNormal(1.0)),
        ["'x'", "Normal, Laplace, Flat"],
    ),
    "scale": (lambda: bg.Normal(0.0), ["Normal scale", "positive"]),
    "nan scale": (lambda: bg.Laplace(float("nan")), ["Laplace scale"]),
    "text scale": (lambda: bg.Normal("wide"), ["Normal scale", "'wide'"]),
    "ragged scale": (lambda: bg.Normal([[1.0], [1.0, 2.0]]), ["ragged"]),
    "learned scale": (lambda: bg.Normal(bg.HalfNormal(1.0)), ["learned scales"]),
    "negative ridge": (lambda: bg.ridge(-1.0), ["ridge", "at least 0"]),
    "infinite lasso": (lambda: bg.lasso(np.inf), ["lasso", "finite"]),
    "history at zero": (lambda: bg.History(lags=(0, 5)), ["lag 1 or later"]),
    "no lags": (lambda: bg.Lagged("x"), ["lags=", "window="]),
    "both lags": (lambda: bg.Lagged("x", lags=2, window=1.0), ["one of"]),
    "zero lags": (lambda: bg.Lagged("x", lags=0), ["at least 1"]),
    "empty lags": (lambda: bg.Lagged("x", lags=(3, 3)), ["exclusive"]),
    "half a lag": (lambda: bg.Lagged("x", lags=2.5), ["whole number"]),
    "window": (lambda: bg.Lagged("x", window=-1.0), ["positive time"]),
    "columns without a name": (lambda: bg.Linear(("a", "b")), ["name='...'"]),
    "no term": (lambda: bg.GLM("y", [3]), ["a term must be one of"]),
    "edges": (lambda: bg.GLM("y", "x", edges="wrap"), ["'drop' or 'zero'"]),
    "weights": (lambda: bg.GLM("y", "x", weights=3), ["weights must be the name"]),
    "bad json": (lambda: bg.GLM.from_json("{"), ["not valid JSON"]),
    "other json": (lambda: bg.GLM.from_json('{"type": "Norml", "scale": 1}'), ["'Normal'?"]),
    "json field": (
        lambda: bg.GLM.from_json('{"type": "Normal", "scal": 1}'),
        ["'scal'", "'scale'?"],
    ),
}


@pytest.mark.parametrize(("make", "words"), MODEL_FAULTS.values(), ids=MODEL_FAULTS.keys())
def test_faults_of_models(make, words):
    with pytest.raises(bg.ModelError) as caught:
        make()
    for word in words:
        assert word in str(caught.value)


VALUES = st.floats(allow_nan=True, allow_infinity=True, width=64) | st.integers(-3, 3).map(float)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    data=st.integers(1, 12).flatmap(
        lambda n: st.tuples(
            arrays(float, n, elements=VALUES), arrays(float, (n, 2), elements=VALUES)
        )
    ),
    family=st.sampled_from(["gaussian", "bernoulli", "poisson"]),
    term=st.sampled_from(
        [
            bg.Linear("x"),
            bg.Linear("x", prior=FLAT),
            bg.Lagged("x", lags=2, prior=bg.lasso(1.0)),
            bg.Linear("x", prior=bg.Normal(1.0)),
        ]
    ),
)
def test_any_numbers_give_finite_estimates_or_a_clear_error(data, family, term):
    y, x = data
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            found = bg.fit_map(bg.GLM("y", term, family=family), {"y": y, "x": x})
        except bg.BayesGLMError:
            return
    for variable in found["map"].data_vars.values():
        assert np.isfinite(variable).all()


@settings(max_examples=100, deadline=None)
@given(
    y=st.lists(st.integers(0, 4), min_size=6, max_size=20),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
    shape=st.sampled_from(["line", "step", "rare"]),
    prior=st.sampled_from([FLAT, bg.Normal(1.0), bg.Laplace(0.5)]),
)
def test_small_counts_and_hard_predictors(y, scale, shape, prior):
    n = len(y)
    t = np.arange(n)
    x = scale * {"line": t, "step": t >= n // 2, "rare": t == 0}[shape]
    try:
        found = bg.fit_map(
            bg.GLM("y", bg.Linear("x", prior=prior), family="poisson"), {"y": y, "x": x}
        )
    except bg.BayesGLMError:
        return
    assert np.isfinite(found.attrs["log_posterior"])


def test_simulated_data_are_fine():
    for family in ("gaussian", "bernoulli", "poisson"):
        found = bg.fit_map(bg.GLM(family, ["x", "movie"], family=family), simulate())
        assert np.isfinite(found["map"]["movie"]).all()
