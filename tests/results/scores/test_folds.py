"""Folds: blocks of time are of time, groups are whole, and what cannot be dealt is told."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesglm as bg
from bayesglm.inference.problem.problem import open_problems
from bayesglm.results.scores.folds import deal_folds

N = 60
RNG = np.random.default_rng(4)
X = RNG.normal(size=N)
TIME = 0.1 * np.arange(N)
FRAME = pd.DataFrame({"y": RNG.poisson(2.0, N), "x": X, "time": TIME})
ORDER = RNG.permutation(N)
MODEL = bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0))
BLOCKS = np.arange(N) * 4 // N


def folds(data, by="time", n=4):
    return deal_folds(open_problems(MODEL, data)[0], data, by, n, 0)


TIMES = {
    "seconds": FRAME,
    "dates": FRAME.drop(columns="time").set_axis(pd.date_range("2026", periods=N, freq="h")),
    "spans": FRAME.drop(columns="time").assign(since=pd.to_timedelta(TIME, unit="h")),
}
for unit in ("ms", "frames"):
    TIMES[unit] = xr.Dataset(
        {"y": ("time", FRAME["y"]), "x": ("time", X)}, {"time": ("time", TIME, {"units": unit})}
    )


@pytest.mark.parametrize("data", TIMES.values(), ids=TIMES.keys())
def test_blocks_of_time_whatever_the_order_of_the_rows(data):
    np.testing.assert_array_equal(folds(data), BLOCKS)
    shuffled = data.isel(time=ORDER) if isinstance(data, xr.Dataset) else data.iloc[ORDER]
    np.testing.assert_array_equal(folds(shuffled), BLOCKS[ORDER])


def test_a_shuffled_frame_has_the_same_elpd():
    straight, shuffled = (
        bg.kfold(MODEL, data, by="time", folds=3, draws=250) for data in (FRAME, FRAME.iloc[ORDER])
    )
    assert shuffled.elpd == pytest.approx(straight.elpd, rel=1e-9)
    np.testing.assert_allclose(shuffled.elpd_i, straight.elpd_i[ORDER], rtol=1e-9)


def test_time_that_starts_anew_in_every_trial():
    trials = FRAME.assign(time=np.tile(TIME[:20], 3), trial=np.repeat(["c", "a", "b"], 20))
    found = folds(trials, n=3)
    np.testing.assert_array_equal(found, np.repeat([2, 0, 1], 20))
    np.testing.assert_array_equal(folds(trials.iloc[ORDER], n=3), found[ORDER])
    late = trials.assign(time=trials["time"] + np.repeat([0.0, 1.0, 1.0], 20))
    np.testing.assert_array_equal(folds(late, n=3), np.repeat([0, 1, 2], 20))


def test_samples_of_one_time_share_a_fold():
    panel = FRAME.assign(time=np.repeat(np.arange(6.0), 10)).iloc[ORDER]
    found = folds(panel)
    for _, own in pd.Series(found).groupby(panel["time"].to_numpy()):
        assert own.nunique() == 1
    assert found.max() == 3
    with pytest.raises(bg.DataError, match="all samples have the same 'time'"):
        folds(FRAME.assign(time=1.0))


def test_without_time_blocks_are_of_rows_in_their_order():
    bare = FRAME.drop(columns="time")
    with pytest.warns(
        bg.BayesGLMWarning, match="no 'time', so by='time' leaves out blocks of rows"
    ):
        np.testing.assert_array_equal(folds(bare), BLOCKS)
    np.testing.assert_array_equal(folds(bare, "obs"), BLOCKS)
    over_time = xr.Dataset({"y": ("time", FRAME["y"]), "x": ("time", X)})
    np.testing.assert_array_equal(folds(over_time), BLOCKS)
    with pytest.raises(bg.DataError, match=r"by='time' needs to know .* several: 'a', 'b'"):
        folds(bare.assign(a=pd.Timestamp("2026"), b=pd.date_range("2026", periods=N)))


def changed(values, place, value):
    found = np.array(values, dtype=object)
    found[place] = value
    return found


WORDS = np.repeat(["a", "b", "c"], 20)
FAULTS = {
    "a missing time": ({"time": np.r_[TIME[:7], np.nan, TIME[8:]]}, "time", "1 missing .* obs=7"),
    "times in words": ({"time": WORDS}, "time", "'time' holds text, but by='time' needs the time"),
    "a missing word": ({"g": changed(WORDS, 3, None)}, "g", "by='g' lacks 1 labels, .* obs=3"),
    "a missing number": ({"g": changed(X, 5, np.nan).astype(float)}, "g", "lacks 1 .* obs=5"),
    "pandas' missing": ({"g": pd.array([1, None] * 30, dtype="Int64")}, "g", "lacks 30 .* obs=1"),
    "no date": ({"g": pd.Series(pd.NaT, range(N))}, "g", "lacks 60 labels, the first at obs=0"),
    "a missing trial": ({"trial": changed(WORDS, 9, None)}, "trial", "lacks 1 .* obs=9"),
    "a number among words": (
        {"g": changed(WORDS, 4, 1)},
        "g",
        "by='g' holds labels of several kinds, .*: 1 at obs=4 beside 'a' at obs=0; turn them all",
    ),
    "a word among numbers": ({"trial": changed(X, 8, "z")}, "trial", "'z' at obs=8 beside"),
    "objects": ({"g": changed(WORDS, slice(None), 1j)}, "g", "labels of several kinds"),
    "one value": ({"g": np.ones(N)}, "g", "one value only"),
    "a list": ({}, [], r"by must be 'time', or the name of .*, got \[\]"),
    "a number": ({}, 3, "got 3"),
    "labels themselves": ({}, ("x",), r"got \('x',\)"),
}


@pytest.mark.parametrize(("more", "by", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_what_cannot_be_dealt(more, by, message):
    data = FRAME.drop(columns="time").assign(**more)
    with pytest.raises(bg.DataError, match=message):
        bg.kfold(MODEL, data, by=by, folds=3, draws=10)
    with pytest.raises(bg.DataError, match=message):
        bg.tune_prior(MODEL, data, method="kfold", by=by, folds=3, draws=10)


def test_rows_without_trials_are_not_there():
    rng = np.random.default_rng(1)
    n = rng.integers(0, 4, N)
    data = FRAME.assign(n=n, y=rng.binomial(n, 0.4))
    model = bg.GLM("y", "x", family="binomial", trials="n", prior=bg.Normal(1.0))
    fit = bg.fit(model, data, draws=250)
    import arviz_stats

    assert fit["observed_data"]["y"].size == (n > 0).sum()
    assert arviz_stats.loo(fit).elpd == pytest.approx(bg.loo(fit).elpd, rel=1e-9)
    only = bg.fit_map(model, data[n > 0])
    for name, value in bg.fit_map(model, data)["map"].data_vars.items():
        np.testing.assert_allclose(value, only["map"][name], rtol=1e-8)
    assert bg.predict(fit)["y"].sizes["obs"] == N
    with pytest.raises(bg.DataError, match="trials 'n' are zero for every sample in use"):
        bg.fit_map(model, data.assign(n=0, y=0))


def test_held_out_responses_of_no_density_are_refused():
    x = np.arange(80) * 0.1
    data = {"y": np.round(np.exp(np.minimum(x, 4.0))), "x": np.where(x < 4.0, x, 1000.0 * x)}
    model = bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0))
    with pytest.raises(bg.DataError, match="40 held-out responses of 'y' have a predictive dens"):
        bg.kfold(model, data, by="obs", folds=2)
