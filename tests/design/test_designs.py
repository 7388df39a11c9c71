"""The door and the design: any shape of data, one set of columns; lags inside their trials."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from conftest import simulate
from hypothesis import given
from hypothesis import strategies as st

import bayesglm as bg
from bayesglm.design.design import plan_fit
from bayesglm.design.resolve import resolve

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=12), RNG.poisson(2.0, 12)
MODEL = bg.GLM("y", bg.Linear("x", prior=bg.Normal(1.0)), family="poisson")
FRAME = pd.DataFrame({"y": Y, "x": X})

SAME = {
    "mapping": {"y": Y, "x": X},
    "lists": {"y": Y.tolist(), "x": X.tolist()},
    "frame": FRAME,
    "indexed frame": FRAME.set_index(pd.Index(np.arange(12.0), name="time")),
    "levels": FRAME.set_index(
        pd.MultiIndex.from_product([[1, 2], range(6)], names=["trial", "time"])
    ),
    "dataset": xr.Dataset({"y": ("time", Y), "x": ("time", X)}),
    "another dim": xr.Dataset({"y": ("frame", Y), "x": ("frame", X)}),
    "arrays": {"y": xr.DataArray(Y, dims="time"), "x": X},
    "by trial": xr.Dataset(
        {"y": (("trial", "time"), Y.reshape(3, 4)), "x": (("trial", "time"), X.reshape(3, 4))}
    ),
    "twice": bg.as_dataset(FRAME),
    "more than is named": {"y": Y, "x": X, "note": np.array(["?"] * 12)},
    "multi-index": bg.as_dataset(
        xr.Dataset({"y": ("obs", Y), "x": ("obs", X)}).assign_coords(
            xr.Coordinates.from_pandas_multiindex(
                pd.MultiIndex.from_product([[1, 2], range(6)], names=["trial", "time"]), "obs"
            )
        )
    ),
}


@pytest.mark.parametrize("data", SAME.values(), ids=SAME.keys())
def test_any_kind_of_data_is_the_same_data(data):
    expected = bg.fit_map(MODEL, FRAME)
    found = bg.fit_map(MODEL, data)
    np.testing.assert_allclose(found["map"]["x"], expected["map"]["x"], rtol=1e-12)
    assert found.attrs["n_samples"] == 12


def test_booleans_are_zero_and_one():
    found = bg.fit_map(bg.GLM("y", "x", family="bernoulli"), {"y": X + 0.4 * Y > 1, "x": X > 0})
    again = bg.fit_map(
        bg.GLM("y", "x", family="bernoulli"),
        {"y": (X + 0.4 * Y > 1).astype(int), "x": (X > 0).astype(float)},
    )
    assert found["map"].to_dataset().equals(again["map"].to_dataset())


def test_coordinates_sample_dims_and_bins():
    ds = bg.as_dataset({"y": Y, "x": X, "trial": np.repeat([1, 2], 6), "time": np.arange(12.0)})
    assert set(ds.coords) == {"trial", "time"}
    assert ds.attrs["sample_dim"] == "obs"
    binned = bg.as_dataset({"y": Y}, bin_size=0.5)
    np.testing.assert_allclose(binned["time"], 0.25 + 0.5 * np.arange(12))
    square = xr.Dataset({"y": (("a", "b"), RNG.normal(size=(3, 4)))})
    assert bg.as_dataset(square, sample_dim="b")["y"].dims == ("b", "a")
    with pytest.raises(bg.DataError, match="Did you mean 'a'"):
        bg.as_dataset(square, sample_dim="aa")
    frame = pd.DataFrame(RNG.normal(size=(12, 2)), columns=["left", "right"])
    ds = bg.as_dataset({"y": Y, "eyes": frame})
    assert list(ds["eyes_dim_0"].values) == ["left", "right"]


def test_the_input_is_not_touched():
    ds = simulate()
    before = ds.copy(deep=True)
    bg.fit_map(bg.GLM("poisson", [bg.Lagged("movie", lags=2)], family="poisson"), ds)
    xr.testing.assert_identical(ds, before)


@given(
    start=st.integers(-3, 3),
    length=st.integers(1, 4),
    trials=st.lists(st.integers(1, 7), min_size=1, max_size=4),
    features=st.sampled_from([(), (2,), (2, 3)]),
    edges=st.sampled_from(["drop", "zero"]),
)
def test_lags_are_those_of_a_double_loop(start, length, trials, features, edges):
    n = sum(trials)
    rng = np.random.default_rng(n)
    trial = np.repeat(np.arange(len(trials)), trials)
    x = rng.normal(size=(n, *features))
    data = xr.Dataset(
        {"y": ("time", rng.normal(size=n)), "x": (("time", *"ab"[: len(features)]), x)},
        coords={"trial": ("time", trial)},
    )
    term = bg.Lagged("x", lags=(start, start + length), prior=bg.Normal(1.0))
    model = bg.GLM("y", term, dispersion=1.0, intercept=bg.Normal(1.0), edges=edges)
    expected, complete = np.zeros((n, length, *features)), np.ones(n, dtype=bool)
    for t in range(n):
        for k in range(length):
            source = t - start - k
            if 0 <= source < n and trial[source] == trial[t]:
                expected[t, k] = x[source]
            else:
                complete[t] = False
    if edges == "zero":
        complete[:] = True
    if not complete.any():
        with pytest.raises(bg.DataError, match="no sample has a full past"):
            plan_fit(model, data)
        return
    plan = plan_fit(model, data)
    predictors = plan.designs[0].predictors
    np.testing.assert_array_equal(predictors.rows, np.flatnonzero(complete))
    found = predictors.columns(slice(None))[:, 1:]
    np.testing.assert_array_equal(found, expected[complete].reshape(complete.sum(), -1))
    assert plan.n_dropped == n - complete.sum()


def test_history_starts_at_lag_one_and_windows_are_seconds():
    data = {"y": Y, "time": 0.02 * np.arange(12)}
    model = bg.GLM("y", bg.History(window=0.061), family="poisson", prior=bg.Normal(1.0))
    block = plan_fit(model, data).designs[0].predictors.blocks[0]
    np.testing.assert_array_equal(block.lags, [1, 2, 3])
    np.testing.assert_array_equal(block.columns(np.array([5]))[0], Y[[4, 3, 2]])
    two_sided = bg.GLM("y", bg.Lagged("x", window=(-0.04, 0.04)), family="poisson")
    block = plan_fit(two_sided, {**data, "x": X}).designs[0].predictors.blocks[0]
    np.testing.assert_array_equal(block.lags, [-2, -1, 0, 1])


def test_dates_are_seconds():
    time = np.datetime64("2026-01-01") + np.arange(12) * np.timedelta64(10, "ms")
    model = bg.GLM("y", bg.Lagged("x", window=0.03), family="poisson")
    found = bg.fit_map(model, {"y": Y, "x": X, "time": time})
    assert found["map"].sizes["x_lag"] == 3
    assert found.attrs["sample_step_s"] == pytest.approx(0.01)


def test_default_priors_are_scaled_by_the_data(data):
    model = bg.GLM(
        "gaussian", ["x", bg.Lagged("movie", lags=2), bg.Linear(("x", "z"), name="both")]
    )
    plan = resolve(plan_fit(model, data))
    rows = plan.designs[0].predictors.rows
    sd = float(data["gaussian"][rows].std())
    x, movie, both = (term.prior for term in plan.model.terms)
    assert x.scale == pytest.approx(2.5 * sd / float(data["x"][rows].std()))
    assert movie.scale == pytest.approx(2.5 * sd / float(data["movie"].std()))
    assert both.scale[1] == pytest.approx(2.5 * sd / float(data["z"][rows].std()))
    assert plan.model.dispersion == bg.HalfStudentT(sd)
    assert resolve(plan).model == plan.model
    counts = resolve(plan_fit(bg.GLM("poisson", "x", family="poisson"), data))
    assert counts.model.terms[0].prior.scale == pytest.approx(2.5 / float(data["x"].std()))


def test_the_resolved_model_is_stored_and_reused(data):
    found = bg.fit_map(bg.GLM("poisson", "x", family="poisson"), data)
    stored = bg.GLM.from_json(found.attrs["model"])
    assert stored.terms[0].prior is not None
    again = bg.fit_map(stored, data.isel(time=slice(0, 20)))
    assert bg.GLM.from_json(again.attrs["model"]) == stored


def test_each_neuron_has_its_own_default_scale():
    rng = np.random.default_rng(0)
    data = xr.Dataset(
        {
            "y": (("time", "cell"), rng.normal(size=(30, 2)) * [1, 10]),
            "x": ("time", rng.normal(size=30)),
        }
    )
    prior = resolve(plan_fit(bg.GLM("y", "x"), data)).model.terms[0].prior
    sds = data["y"].std("time").values / float(data["x"].std())
    np.testing.assert_allclose(prior.scale, 2.5 * sds)


def test_zero_weights_are_absent_samples(data):
    model = bg.GLM("poisson", "x", family="poisson", prior=bg.Normal(1.0), weights="weights")
    found = bg.fit_map(model, data)
    cut = data.isel(time=np.flatnonzero(data["weights"]))
    np.testing.assert_allclose(found["map"]["x"], bg.fit_map(model, cut)["map"]["x"], rtol=1e-10)
    assert found["observed_data"].sizes["time"] == cut.sizes["time"]
    assert found.attrs["n_dropped"] == 0
