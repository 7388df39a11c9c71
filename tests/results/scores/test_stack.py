"""Predictions of several models, mixed by weights."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesglm as bg

N = 60
RNG = np.random.default_rng(3)
FRAME = pd.DataFrame({"x": RNG.normal(size=N), "z": RNG.normal(size=N)})
FRAME["y"] = RNG.poisson(np.exp(1.0 + 0.3 * FRAME["x"]))
FRAME["side"] = np.where(RNG.random(N) < 0.5, "left", "right")
FRAME = FRAME.set_axis([f"p{k}" for k in range(N)])
NAMED = FRAME.rename(columns={"y": "model"})
NEW = {"x": [0.0, 1.0, -0.5], "z": [0.5, 0.0, 2.0]}


def fitted(terms, data=FRAME, response="y", family="poisson", **options):
    return bg.fit(bg.GLM(response, terms, family=family), data, draws=200, **options)


@pytest.fixture(scope="module")
def fits():
    return {"x": fitted("x"), "z": fitted("z"), "nothing": fitted([], chains=2)}


def test_the_mean_is_that_of_the_means_and_draws_are_shared_out(fits):
    weights = {"x": 0.6, "z": 0.3, "nothing": 0.1}
    stacked = bg.stack(fits, NEW, weights)
    means = {name: bg.predict(fit, NEW)["y"] for name, fit in fits.items()}
    expected = sum(
        weights[name] * one.mean(("chain", "draw")).values for name, one in means.items()
    )
    np.testing.assert_allclose(stacked["y_mean"], expected)
    assert stacked["y"].dims == ("chain", "draw", "obs")
    assert dict(stacked.sizes) == {"chain": 1, "draw": 400, "obs": 3}
    names, counts = np.unique(stacked["model"], return_counts=True)
    assert dict(zip(names.tolist(), counts.tolist(), strict=True)) == {
        **{"nothing": 40, "x": 240, "z": 120}
    }
    for name, one in means.items():
        own = stacked["y"].values[0, stacked["model"].values == name]
        assert np.isin(own, one.values.reshape(-1, 3)).all()
    assert stacked.attrs["weights"] == "x: 0.6, z: 0.3, nothing: 0.1"
    drawn = bg.stack(fits, NEW, weights, kind="response", seed=1)["y"]
    assert np.array_equal(drawn, np.round(drawn))
    xr.testing.assert_equal(drawn, bg.stack(fits, NEW, weights, kind="response", seed=1)["y"])


def test_weights_are_those_of_the_table(fits):
    table = bg.compare(fits)
    by_default, by_table = bg.stack(fits), bg.stack(fits, weights=table)
    xr.testing.assert_identical(by_default, by_table)
    by_name = bg.stack(fits, weights=table["weight"].to_dict())
    xr.testing.assert_identical(by_default, by_name)
    assert by_default["obs"].values.tolist() == FRAME.index.tolist()
    even = bg.stack(fits, weights=pd.DataFrame({"weight": 1 / 3}, index=list(fits)))
    density = pd.Series(bg.loo(fits["x"]).elpd_i.values, FRAME.index)
    worse, better = (
        bg.external("it", density + gain, observed=FRAME["y"], family="poisson")
        for gain in (-1.0, 1.0)
    )
    beside = bg.compare({**fits, "worse": worse})
    assert beside.loc["worse", "weight"] == 0.0
    xr.testing.assert_allclose(bg.stack(fits, weights=beside), by_default)
    with pytest.raises(bg.DataError, match=r"'better' is no fit; .* compare these by themselves"):
        bg.stack(fits, weights=bg.compare({**fits, "better": better}))
    mean = np.mean([bg.predict(fit)["y"].mean(("chain", "draw")) for fit in fits.values()], axis=0)
    np.testing.assert_allclose(even["y_mean"], mean)


def test_models_of_different_samples_predict_what_all_do(fits):
    fewer = fitted("z", FRAME.iloc[::-1].iloc[:40])
    both = {"x": fits["x"], "fewer": fewer}
    stacked = bg.stack(both, weights={"x": 0.5, "fewer": 0.5})
    assert set(stacked["obs"].values) == set(FRAME.index[20:])
    one, other = (bg.predict(fit)["y"].mean(("chain", "draw")) for fit in both.values())
    xr.testing.assert_allclose(
        stacked["y_mean"], 0.5 * one.sel(obs=stacked["obs"]) + 0.5 * other.sel(obs=stacked["obs"])
    )
    lagged = fitted(bg.Lagged("x", lags=3))
    both = {"x": fits["x"], "past": lagged}
    assert np.isnan(bg.stack(both, weights={"x": 0.5, "past": 0.5})["y_mean"].values[:2]).all()
    assert not np.isnan(bg.stack(both, weights={"x": 1.0, "past": 0.0})["y_mean"]).any()


def test_labels_are_mixed_by_their_probabilities():
    both = {
        name: fitted(terms, response="side", family="categorical")
        for name, terms in {"x": "x", "nothing": []}.items()
    }
    weights = {"x": 0.25, "nothing": 0.75}
    stacked = bg.stack(both, NEW, weights)
    np.testing.assert_allclose(stacked["side_mean"].sum("side_level"), 1.0)
    drawn = bg.stack(both, NEW, weights, kind="response")
    assert set(np.unique(drawn["side"])) == {"left", "right"}
    assert list(drawn.data_vars) == ["side"]


HOSTILE = {
    "one": (lambda fits: {"fits": {"x": fits["x"]}}, "at least two names"),
    "a fit": (lambda fits: {"fits": fits["x"]}, "at least two names"),
    "no fit": (lambda fits: {"fits": {**fits, "x": 3.0}}, "model 'x': a fit is needed"),
    "a score": (
        lambda fits: {"fits": {**fits, "trees": bg.external("trees", [-1.0, -2.0])}},
        "'trees' is a score, which holds no predictions to mix; .* by external, but not stacked",
    ),
    "a mode": (
        lambda fits: {"fits": {**fits, "x": bg.fit_map(bg.GLM("y", "x", family="poisson"), FRAME)}},
        "model 'x' has no draws",
    ),
    "another response": (
        lambda fits: {"fits": {**fits, "x": fitted("y", response="x", family="gaussian")}},
        "'z' predicts 'y' and|'x' predicts 'x' and",
    ),
    "other data": (
        lambda fits: {"fits": {**fits, "x": fitted("x", FRAME.assign(y=FRAME["y"] + 1))}},
        "different responses",
    ),
    "a kind": (lambda fits: {"kind": "linear"}, "stack knows mean, response"),
    "negative": (lambda fits: {"weights": {"x": 1.5, "z": -0.5, "nothing": 0}}, "are not negative"),
    "nan": (lambda fits: {"weights": {"x": np.nan, "z": 1.0, "nothing": 0}}, "are not negative"),
    "not one": (lambda fits: {"weights": {"x": 0.5, "z": 0.2, "nothing": 0}}, "in all 0.7"),
    "a stranger": (
        lambda fits: {"weights": {"x": 0.5, "z": 0.5, "nothing": 0, "nothin": 0}},
        "'nothin' is no fit.*Did you mean 'nothing'",
    ),
    "a lack": (
        lambda fits: {"weights": {"x": 0.5, "z": 0.5}},
        "without a weight; give each fit one weight.$",
    ),
    "a response called model": (
        lambda fits: {"fits": dict.fromkeys("ab", fitted("x", NAMED, "model"))},
        "a response called 'model' has the name of the coordinate",
    ),
    "words": (lambda fits: {"weights": dict.fromkeys(fits, "a")}, "maps names of fits to numbers"),
    "a number": (lambda fits: {"weights": 0.5}, "maps names of fits to numbers"),
    "another table": (lambda fits: {"weights": FRAME}, "this one has no 'weight'"),
    "new data": (lambda fits: {"data": {"x": [0.0]}, "weights": EVEN}, "model 'z': .*'z'"),
}
EVEN = {"x": 0.5, "z": 0.5, "nothing": 0.0}


@pytest.mark.parametrize(("given", "message"), HOSTILE.values(), ids=HOSTILE.keys())
def test_what_cannot_be_stacked_is_refused(given, message, fits):
    with pytest.raises((bg.DataError, bg.ModelError), match=message):
        bg.stack(**{"fits": fits, **given(fits)})
