"""Signals in bins: means, held, nearest, on the line; and what a clock with gaps is told."""

import numpy as np
import pandas as pd
import pynapple as nap
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import bayesglm as bg

RNG = np.random.default_rng(29)
SPIKES = {"a": [0.11, 0.72], "b": [0.35]}
ALL = nap.IntervalSet(0.0, 2.0)


def signal(values, times, **attrs):
    return xr.DataArray(values, dims="time", coords={"time": times}, attrs=attrs)


def binned(x, bin_size, epochs, resample=None):
    entries = {"spikes": bg.SpikeTimes([float(np.min(epochs))]), "x": x}
    return bg.as_dataset(entries, bin_size=bin_size, epochs=epochs, resample=resample)["x"]


@settings(max_examples=40)
@given(st.integers(1, 400), st.integers(0, 2**32 - 1), st.sampled_from([1, 3, 17, 50]))
def test_every_way_is_what_its_words_say(n, seed, n_bins):
    rng = np.random.default_rng(seed)
    times = np.unique(np.r_[0.0, rng.integers(1, 1000, n), 1000]) / 1000
    values = rng.normal(size=len(times))
    edges = np.arange(n_bins + 1) / n_bins
    middles = (edges[1:] + edges[:-1]) / 2
    places = np.searchsorted(edges, times + 1e-9, side="right") - 1
    held = values[[np.flatnonzero(places <= k)[-1] for k in range(n_bins)]]
    means = [values[places == k].mean() if np.any(places == k) else held[k] for k in range(n_bins)]
    expected = {
        "mean": means,
        "previous": values[np.searchsorted(times, middles + 1e-9, side="right") - 1],
        "linear": np.interp(middles, times, values),
    }
    steps = np.diff(times)
    if np.any((steps > 5 * np.median(steps)) & (np.diff(places) > 1)):
        with pytest.raises(bg.DataError, match="'x' has no samples from"):
            binned(signal(values, times), 1 / n_bins, (0.0, 1.0), "mean")
        return
    for way, exact in expected.items():
        x = binned(signal(values, times), 1 / n_bins, (0.0, 1.0), way)
        np.testing.assert_allclose(x, exact, rtol=1e-9, atol=1e-12)
    nearest = binned(signal(values, times), 1 / n_bins, (0.0, 1.0), "nearest")
    apart = np.abs(times[:, None] - middles)
    chosen = np.abs(values[:, None] - nearest.values).argmin(axis=0)
    np.testing.assert_allclose(apart[chosen, range(n_bins)], apart.min(axis=0), atol=1e-12)


AT = np.arange(200) / 100


def test_a_signal_of_the_bins_own_rate_defines_them():
    x = RNG.normal(size=200)
    dataset = bg.as_dataset({"spikes": SPIKES, "x": nap.Tsd(AT, x)}, bin_size=0.01)
    np.testing.assert_array_equal(dataset["x"], x)
    np.testing.assert_allclose(dataset["time"], AT, atol=1e-12)
    for jitter in (-1e-9, 1e-9, RNG.uniform(-1e-9, 1e-9, 200)):
        shaken = binned(signal(x, AT + jitter), 0.01, [(0.0, 0.5), (0.5, 2.0)])
        np.testing.assert_array_equal(shaken, x)
        pairs = binned(signal(x, AT + jitter), 0.02, [(0.0, 0.5), (0.5, 2.0)])
        means = x.reshape(100, 2).mean(axis=1)
        np.testing.assert_allclose(pairs, means, rtol=1e-12)


def test_slower_signals_are_held_and_told():
    slow = nap.Tsd(np.arange(20) / 10, np.arange(20.0), time_support=ALL)
    entries = {"spikes": SPIKES, "movie": slow}
    message = "'movie': fewer samples than bins, .* resample={'movie': 'previous'}, or 'linear'"
    with pytest.warns(bg.BayesGLMWarning, match=message) as told:
        dataset = bg.as_dataset(entries, bin_size=0.01, epochs=(0.0, 2.0))
    assert told[0].filename == __file__
    np.testing.assert_array_equal(dataset["movie"], np.repeat(np.arange(20.0), 10))
    said = bg.as_dataset(entries, bin_size=0.01, epochs=(0.0, 2.0), resample="previous")
    np.testing.assert_array_equal(said["movie"], dataset["movie"])
    assert said["movie"].attrs["resampled"].startswith("last sample up to the middle of each bin")


@pytest.mark.parametrize(
    "labels",
    [
        np.repeat(["rest", "run"], 100),
        np.repeat(["rest", "run"], 100).astype(object),
        pd.Categorical(np.repeat(["rest", "run"], 100)),
    ],
    ids=["words", "objects", "categories"],
)
def test_labels_are_those_of_the_nearest_sample(labels):
    x = pd.Series(labels, AT)
    state = binned(x, 0.05, (0.0, 2.0))
    assert state.values.tolist() == ["rest"] * 20 + ["run"] * 20
    with pytest.raises(bg.DataError, match="'x' holds labels, of which there is no mean; leave"):
        binned(x, 0.05, (0.0, 2.0), "mean")


def test_a_fit_by_the_state_of_each_bin():
    spikes = {"a": np.sort(RNG.uniform(0.0, 2.0, 90))}
    entries = {"spikes": spikes, "state": pd.Series(np.repeat(["rest", "run"], 100), AT)}
    dataset = bg.as_dataset(entries, bin_size=0.02, epochs=(0.0, 2.0)).isel(unit=0)
    fit = bg.fit_map(bg.GLM("spikes", bg.Category("state"), "poisson", prior=bg.Flat()), dataset)
    counts = dataset["spikes"].values.reshape(2, 50).sum(axis=1)
    np.testing.assert_allclose(fit["map"]["state"], np.log(counts[1] / counts[0]), rtol=1e-6)


def test_kinds_of_numbers():
    for given_as, kind in (("f4", "f4"), ("f8", "f8"), ("i2", "f8"), ("?", "f8"), ("f2", "f4")):
        x = binned(signal(np.arange(200) % 2 == 0, AT).astype(given_as), 0.02, (0.0, 2.0))
        assert x.dtype == kind
        np.testing.assert_array_equal(x, np.full(100, 0.5))
    kept = binned(signal(np.arange(200, dtype="i2"), AT), 0.01, (0.0, 2.0), "nearest")
    assert kept.dtype == "i2"


def test_what_is_missing_stays_missing_inside_trials_and_is_not_asked_for_outside():
    x = RNG.normal(size=200)
    x[[30, 31, 150]] = np.nan
    outside = {"a": (0.5, 1.0), "b": (1.6, 2.0)}
    entries = {"spikes": {"a": RNG.uniform(0.0, 2.0, 80)}, "x": signal(x, AT)}
    model = bg.GLM("spikes", "x", family="poisson")
    dataset = bg.as_dataset(entries, bin_size=0.02, epochs=outside).isel(unit=0)
    assert np.isfinite(bg.fit_map(model, dataset)["map"]["x"])
    dataset = bg.as_dataset(entries, bin_size=0.02, epochs=(0.0, 2.0)).isel(unit=0)
    assert np.flatnonzero(dataset["x"].isnull()).tolist() == [15, 75]
    with pytest.raises(bg.DataError, match=r"'x' holds 2 missing .* time=15 \(label 0.31\)"):
        bg.fit_map(model, dataset)


def test_stretches_of_pynapple_become_trials():
    support = nap.IntervalSet([0.0, 1.0], [0.5, 1.8])
    x = nap.Tsd(AT, np.arange(200.0), time_support=support)
    spikes = nap.Ts(np.array([0.11, 0.72, 1.5]), time_support=nap.IntervalSet(0.2, 2.0))
    dataset = bg.as_dataset({"spikes": spikes, "x": x}, bin_size=0.1)
    assert dataset["trial"].values.tolist() == [0] * 3 + [1] * 8
    np.testing.assert_allclose(dataset["time"][[0, 2, 3, 10]], [0.25, 0.45, 1.05, 1.75])
    np.testing.assert_allclose(dataset["x"][[0, 3]], [24.5, 104.5])


def test_a_few_samples_that_are_lost_are_no_gap():
    kept = np.r_[0:50, 53:200]
    x = binned(signal(np.arange(200.0)[kept], AT[kept]), 0.01, (0.0, 2.0))
    assert x.values[[49, 50, 51, 52, 53]].tolist() == [49.0, 49.0, 49.0, 49.0, 53.0]


def test_bins_without_a_sample_among_those_with_several():
    times = np.array([0.0, 0.06, 0.12, 0.18, 0.42, 0.48, 0.54])
    x = binned(signal(np.arange(7.0), times), 0.1, (0.0, 0.6))
    assert x.values.tolist() == [0.5, 2.5, 3.0, 3.0, 4.5, 6.0]


LOST = np.r_[0:50, 90:200]
FAULTS = {
    "gap": (signal(AT[LOST], AT[LOST]), {}, "'x' has no samples from 0.49 to 0.9 s, inside the ep"),
    "gap at the start": (signal(AT[LOST], AT[LOST]), {"epochs": (0.6, 2.0)}, "from 0.49 to 0.9 s"),
    "gap at the end": (signal(AT[LOST], AT[LOST]), {"epochs": (0.0, 0.8)}, "from 0.49 to 0.9 s"),
    "gap without epochs": (
        signal(AT[LOST], AT[LOST]),
        {"epochs": None},
        "as epochs= the stretches",
    ),
    "another clock": (signal(AT, AT + 100), {}, "'x' does not cover 1 of 1 epochs: .* 100 to 101."),
    "no time in common": (
        signal(AT, AT + 100),
        {"epochs": None},
        "'x' 100 to 102 s; 'spikes' 0 to 2",
    ),
    "begins late": (signal(AT, AT + 0.25), {}, "'x' does not cover 1 of 1 epochs"),
    "ends early": (signal(AT[:170], AT[:170]), {}, "'x' does not cover 1 of 1 epochs"),
    "ends too soon": (signal(AT, AT / 2), {}, "lie from 0 to 0.995 s, and the epoch at place 0"),
    "times go back": (signal(AT, AT[::-1]), {}, "times of 'x' go back at 199 places, first from"),
    "time missing": (
        signal(AT, np.r_[AT[:-1], np.nan]),
        {},
        "'time' holds 1 missing .* samples of 'x' are",
    ),
    "dates": (
        pd.Series(AT, pd.date_range("2026", periods=200, freq="10ms")),
        {},
        "times of 'x' are dates, and bins are counted in seconds",
    ),
    "no samples": (pd.Series([], pd.Index([], dtype=float), dtype=float), {}, "'x' has no samples"),
    "no such signal": (signal(AT, AT), {"resample": {"y": "mean"}}, "resample names 'y', which is"),
    "no such way": (signal(AT, AT), {"resample": "median"}, "resample='median' of 'x' is none of"),
    "not a signal": (np.ones(20), {"resample": {"x": "mean"}}, "resample names 'x', which is no"),
}


@pytest.mark.parametrize(("x", "said", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_signals_that_do_not_fit_are_refused_in_words(x, said, message):
    spikes = nap.Ts(np.array([0.11, 0.72]), time_support=ALL)
    said = {"bin_size": 0.1, "epochs": (0.0, 2.0)} | said
    with pytest.raises(bg.DataError, match=message):
        bg.as_dataset({"spikes": spikes, "x": x}, **said)


def test_resample_without_bins():
    with pytest.raises(bg.DataError, match="resample= is for signals that are brought into bins"):
        bg.as_dataset({"y": [1, 2]}, resample="mean")


def test_parts_of_images_are_read_alone():
    film = RNG.normal(size=(200, 4, 5))
    x = xr.DataArray(film, dims=("time", "y", "x"), coords={"time": AT, "x": list("abcde")})
    dataset = bg.as_dataset({"spikes": SPIKES, "film": x}, bin_size=0.02, epochs=[(0, 1), (1.5, 2)])
    part = dataset["film"].sel(x=["d", "a"]).isel(y=2, time=slice(40, 60))
    means = film.reshape(100, 2, 4, 5).mean(axis=1)
    expected = np.concatenate([means[:50], means[75:]])[40:60, 2][:, [3, 0]]
    np.testing.assert_allclose(part, expected, rtol=1e-12)
    np.testing.assert_allclose(dataset["film"][::-7, ::2], np.r_[means[:50], means[75:]][::-7, ::2])


def test_a_pixel_of_images_that_no_memory_holds():
    film = np.broadcast_to(AT[:, None, None], (200, 10**6, 10**6))
    x = xr.DataArray(film, dims=("time", "y", "x"), coords={"time": AT})
    dataset = bg.as_dataset({"spikes": SPIKES, "film": x}, bin_size=0.02, epochs=(0.0, 2.0))
    with pytest.raises(bg.DataError, match="bytes, more than memory holds; select fewer"):
        dataset["film"].load()
    pixel = dataset["film"].isel(y=[3, 7], x=-1)
    np.testing.assert_allclose(pixel, np.stack([AT[::2] + 0.005] * 2, axis=1))


def test_a_signal_of_many_samples_is_read_in_blocks():
    # Two blocks of means: 3 million samples, 1.5 million bins.
    n = 3_000_000
    x = nap.Tsd(np.arange(n) / 1e4, np.arange(n, dtype=np.float64))
    dataset = bg.as_dataset({"x": x}, bin_size=2e-4, epochs=(0.0, n / 1e4))
    np.testing.assert_array_equal(dataset["x"], 2 * np.arange(n // 2) + 0.5)
