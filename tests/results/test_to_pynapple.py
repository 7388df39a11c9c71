"""Results as pynapple's objects: the same values at the same times, in the epochs of the data."""

import numpy as np
import pandas as pd
import pynapple as nap
import pytest
import xarray as xr

import bayesglm as bg

RNG = np.random.default_rng(31)
SPIKES = {"a": RNG.uniform(0.0, 3.0, 90), "b": RNG.uniform(0.0, 3.0, 40)}
TRIALS = {"go": (0.0, 1.0), "stop": (1.0, 1.5), "rest": (2.0, 3.0)}
MODEL = bg.GLM("spikes", bg.History(lags=2), family="poisson", prior=bg.Normal(1.0))


@pytest.fixture(scope="module")
def dataset():
    return bg.as_dataset({"spikes": SPIKES}, bin_size=0.05, epochs=TRIALS).load()


def epochs_are_those_of_the_data(series):
    support = series.time_support
    assert list(support["trial"]) == list(TRIALS)
    np.testing.assert_allclose(support.start, [0.0, 1.0, 2.0], atol=1e-9)
    np.testing.assert_allclose(support.end, [1.0, 1.5, 3.0], atol=2e-6)


def test_populations_are_frames_with_a_column_each_unit(dataset):
    predicted = bg.predict(bg.fit_map(MODEL, dataset))
    series = bg.to_pynapple(predicted)
    assert list(series) == ["spikes"]
    frame = series["spikes"]
    assert isinstance(frame, nap.TsdFrame)
    assert list(frame.columns) == ["a", "b"]
    np.testing.assert_array_equal(frame.d, predicted["spikes"])
    np.testing.assert_allclose(frame.t, predicted["time"])
    epochs_are_those_of_the_data(frame)


def test_draws_are_further_dims_after_time(dataset):
    draws = xr.DataArray(RNG.normal(size=(4, 5)), dims=("chain", "draw"))
    predicted = draws * dataset["spikes"].sel(unit="a")
    tensor = bg.to_pynapple(predicted)
    assert isinstance(tensor, nap.TsdTensor)
    np.testing.assert_array_equal(tensor.d, predicted.transpose("time", "chain", "draw"))
    one = bg.to_pynapple(predicted.mean(["chain", "draw"]))
    assert isinstance(one, nap.Tsd)
    epochs_are_those_of_the_data(one)


def test_what_goes_to_pynapple_comes_back(dataset):
    for counts in (dataset["spikes"].sel(unit="b"), dataset["spikes"]):
        series = bg.to_pynapple(counts)
        for epochs in (TRIALS, series.time_support):
            back = bg.as_dataset({"x": series}, bin_size=0.05, epochs=epochs)
            np.testing.assert_array_equal(back["x"], counts)


def test_runs_without_gaps_are_epochs_where_nobody_says_trials():
    time = np.r_[0.0:1.0:0.1, 5.0:6.0:0.1]
    series = bg.to_pynapple(xr.DataArray(time, dims="time", coords={"time": time}))
    np.testing.assert_allclose(series.time_support.values, [[-0.05, 0.95], [4.95, 5.95]])
    in_ms = xr.DataArray(
        np.arange(3), dims="obs", coords={"time": ("obs", [0.0, 10.0, 20.0], {"units": "ms"})}
    )
    assert bg.to_pynapple(in_ms).t.tolist() == [0.0, 0.01, 0.02]


REGULAR = xr.DataArray(np.arange(3), dims="time", coords={"time": [0.0, 0.1, 0.2]})
FAULTS = {
    "a tree": (xr.DataTree(), "a DataTree does not lie on time; give a Dataset or a DataArray"),
    "a frame": (pd.DataFrame({"y": [1]}), "a DataFrame does not lie on time"),
    "no time": (xr.DataArray([1, 2], dims="obs"), "has no coordinate 'time', by which pynapple"),
    "elsewhere": (REGULAR.to_dataset(name="x").drop_vars("x"), "no variable lies on 'time'; give"),
    "going back": (
        REGULAR[::-1],
        "times must rise from sample to sample, and do not from 0.2 s on",
    ),
    "nothing": (REGULAR[:0], "times must rise from sample to sample, and there are none"),
    "words": (REGULAR.assign_coords(time=list("abc")), "'time' holds text, but pynapple orders"),
}


@pytest.mark.parametrize(("result", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_what_lies_on_no_time_is_refused_in_words(result, message):
    with pytest.raises(bg.DataError, match=message):
        bg.to_pynapple(result)
