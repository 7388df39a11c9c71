"""Spike times in bins: exact whatever floats do to edges, small, and formed where they are read."""

import itertools
import tracemalloc
import warnings

import neo
import numpy as np
import pandas as pd
import pytest
import quantities as pq
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import bayesglm as bg

RNG = np.random.default_rng(17)


EDGES = st.integers(-3, 40).map(lambda edge: 10 * edge)


@given(
    st.sampled_from([(1, 1000), (1, 30_000), (1, 60), (7, 3000), (1, 10), (2, 7)]),
    st.integers(0, 100_000_000),
    st.integers(1, 40),
    st.lists(st.integers(-60, 400) | EDGES, max_size=30, unique=True),
    st.sampled_from([0.0, 1e-9, -1e-9, 3e-10]),
)
def test_counts_are_those_of_exact_arithmetic(size, origin, n_bins, places, jitter):
    # Everything in whole tenths of a bin, where numpy counts exactly; its last bin holds its end.
    above, below = size
    times = np.array([place for place in places if place != 10 * n_bins], dtype=np.int64)
    expected, _ = np.histogram(times, 10 * np.arange(n_bins + 1))
    start = origin * above / (10 * below)
    seconds = np.array([(origin + place) * above / (10 * below) for place in times.tolist()])
    stop = (origin + 10 * n_bins) * above / (10 * below)
    if len(times) and not (times.max() >= 0 and times.min() < 10 * n_bins):
        with pytest.raises(bg.DataError, match="so that none lies in them"):
            bg.bin_spikes(seconds + jitter, above / below, start, stop)
        return
    counts = bg.bin_spikes(seconds[::-1] + jitter, above / below, start, stop)
    np.testing.assert_array_equal(counts, expected)
    assert counts.attrs["n_outside"] == len(times) - expected.sum()


@settings(max_examples=30)
@given(st.lists(st.integers(1, 50), min_size=1, max_size=6), st.data())
def test_epochs_are_cut_out_of_one_recording(lengths, data):
    gaps = data.draw(st.lists(st.integers(0, 9), min_size=len(lengths), max_size=len(lengths)))
    stops = np.cumsum(np.add(lengths, gaps))
    starts = stops - lengths
    places = np.arange(0, 10 * stops[-1], 3)
    spikes = {"a": places / 1000 + 5.0, "b": [5.0 + starts[0] / 100]}
    backwards = np.stack([starts, stops], axis=1)[::-1] / 100 + 5.0
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "epochs are not in order of time", bg.BayesGLMWarning)
        cut = bg.as_dataset({"spikes": spikes}, bin_size=0.01, epochs=backwards)
    whole = bg.bin_spikes(spikes, 0.01, 5.0, 5.0 + stops[-1] / 100)
    kept = np.concatenate([np.arange(*one) for one in zip(starts, stops, strict=True)])
    np.testing.assert_array_equal(cut["spikes"], whole[kept])
    np.testing.assert_allclose(cut["time"], whole["time"][kept], rtol=1e-12)
    trials = np.repeat(np.arange(len(lengths))[::-1], lengths)
    np.testing.assert_array_equal(cut["trial"], trials)


@pytest.mark.parametrize(("most", "dtype"), [(1, "u1"), (255, "u1"), (256, "u2"), (70_000, "u4")])
def test_counts_are_as_small_as_they_can_be(most, dtype):
    times = np.linspace(0.01, 0.09, most)
    counts = bg.bin_spikes({"many": times, "none": []}, 0.1, 0.0, 99.9)
    assert counts.dtype == dtype
    assert counts.values[0].tolist() == [most, 0]
    assert not counts.values[1:].any()


SPIKES = {unit: RNG.uniform(0.0, 3.0, 40 * (unit + 1)) for unit in range(5)}
PIECES = (
    slice(None),
    slice(10, 50),
    slice(None, None, -3),
    slice(5, 5),
    [],
    7,
    [90, 3, 3, 250],
    np.arange(300) % 2 == 0,
)


@pytest.mark.parametrize("units", [slice(1, 3), 4, [3, 0], slice(None, None, -1), []])
def test_what_is_formed_where_it_is_read_is_part_of_the_whole(units):
    def opened():
        return bg.as_dataset({"spikes": SPIKES}, bin_size=0.01, epochs=[(0, 1), (1.5, 3.5)])

    whole = opened()["spikes"].load()
    for time in PIECES:
        piece = opened()["spikes"].isel(time=time, unit=units)
        np.testing.assert_array_equal(piece, whole.isel(time=time, unit=units))
    points = {"time": ("point", [4, 250, 9]), "unit": ("point", [0, 4, 2])}
    piece = opened()["spikes"].isel(points)
    np.testing.assert_array_equal(piece, whole.isel(points))


KINDS_OF_TIMES = {
    "milliseconds": lambda: bg.SpikeTimes({k: 1000 * v for k, v in SPIKES.items()}, units="ms"),
    "sample numbers": lambda: bg.SpikeTimes(
        [np.rint(v * 2**20).astype(int) for v in SPIKES.values()], units=f"{2**20} Hz"
    ),
    "spans": lambda: {k: (v * 1e9).astype("timedelta64[ns]") for k, v in SPIKES.items()},
    "unsorted": lambda: {k: RNG.permutation(v) for k, v in SPIKES.items()},
    "lists": lambda: [v.tolist() for v in SPIKES.values()],
    "tuples": lambda: {k: tuple(v) for k, v in SPIKES.items()},
}


@pytest.mark.parametrize("times", KINDS_OF_TIMES.values(), ids=KINDS_OF_TIMES.keys())
def test_times_of_every_kind_are_seconds(times):
    expected = bg.bin_spikes(SPIKES, 0.01, 0.0, 3.0)
    counts = bg.bin_spikes(times(), 0.01, 0.0, 3.0)
    np.testing.assert_array_equal(counts, expected)
    dataset = bg.as_dataset({"spikes": times()}, bin_size=0.01, epochs=(0.0, 3.0))
    np.testing.assert_array_equal(dataset["spikes"], expected)
    assert dataset["unit"].values.tolist() == list(SPIKES)


def test_one_train_has_no_dim_of_units():
    counts = bg.bin_spikes(SPIKES[0], 0.5, 0.0, 3.0)
    assert counts.dims == ("time",)
    assert counts["time"].values.tolist() == [0.25, 0.75, 1.25, 1.75, 2.25, 2.75]
    dataset = bg.as_dataset({"spikes": bg.SpikeTimes(SPIKES[0])}, bin_size=0.5, epochs=(0, 3))
    np.testing.assert_array_equal(dataset["spikes"], counts)


def test_two_populations_have_dims_of_their_own():
    areas = {"v1": SPIKES, "lgn": {"a": SPIKES[0]}}
    dataset = bg.as_dataset(areas, bin_size=0.1, epochs=(0, 3))
    assert dataset["v1"].dims == ("time", "v1_unit")
    assert dataset["lgn"].dims == ("time", "lgn_unit")


def test_without_epochs_bins_reach_from_zero_past_the_last_spike():
    dataset = bg.as_dataset({"spikes": {"a": [0.05, 0.3], "b": []}}, bin_size=0.1)
    assert dataset["spikes"].values.T.tolist() == [[1, 0, 0, 1], [0, 0, 0, 0]]
    assert "trial" not in dataset.coords
    before = bg.as_dataset({"spikes": {"a": [-0.05, 0.1]}}, bin_size=0.1)
    assert before["spikes"].values[:, 0].tolist() == [1, 1]
    beside = bg.as_dataset({"y": [3, 1, 2], "spikes": {"a": [0.05]}}, bin_size=0.1)
    assert beside["spikes"].values[:, 0].tolist() == [1, 0, 0]


def test_plain_arrays_mean_values_without_anything_that_has_times():
    times = [0.1, 0.2, 0.4]
    dataset = bg.as_dataset({"y": times, "x": [[1, 2, 3], [4, 5, 6], [7, 8, 9]]}, bin_size=0.1)
    assert dataset["y"].values.tolist() == times
    assert dataset["x"].dims == ("obs", "x_dim_0")


A = {"a": [0.1, 0.5], "b": [0.7]}
FAULTS = {
    "missing time": ({"a": [0.1, np.nan]}, {}, "unit 'a', hold 1 missing or infinite times, .* 1;"),
    "words": ({"a": ["x"]}, {}, r"unit 'a', are no seconds \(the first is .*'x'"),
    "dates": ({"a": np.array(["2026-01-01"], "M8[s]")}, {}, "unit 'a', are no seconds"),
    "truth": ({"a": [True, False]}, {}, "unit 'a', are no seconds"),
    "image": ({"a": np.ones((2, 2))}, {}, r"unit 'a', have the shape \(2, 2\)"),
    "ragged": ({"a": [[1.0], [2.0, 3.0]]}, {}, "unit 'a', cannot be read as times"),
    "number": ({"a": 3.0}, {}, r"unit 'a', have the shape \(\)"),
    "no units": ({}, {}, "'spikes': there are no units; leave the entry out"),
    "one name": ({"1": [0.1], 1: [0.2]}, {}, "two units have one name, written out; rename one"),
    "other clock": ({"a": [10.0, 11.0]}, {}, "run from 10 to 11 s, and the epochs from 0 to 1 s"),
    "before": ({"a": [-3.0]}, {}, "so that none lies in them. Give all in seconds of one clock"),
    "overlap": (
        A,
        {"epochs": {"x": (0, 0.6), "y": (0.5, 1)}},
        "by 0.1 s: 'x' ends at 0.6 s and 'y'",
    ),
    "backwards": (A, {"epochs": [(0, 1), (3, 2)]}, "1 end before they begin .* is 1 .3 to 2 s."),
    "no length": (A, {"epochs": (1, 1)}, "end before they begin or have no length"),
    "one trial twice": (
        A,
        {"epochs": pd.DataFrame({"start": [0, 1], "stop": [1, 2]}, index=[5, 5])},
        "epochs: the label 5 occurs twice; give each trial its own",
    ),
    "epochs of objects": (
        A,
        {"epochs": [object(), object()]},
        r"epochs must be pairs \(start, stop",
    ),
    "no epochs": (A, {"epochs": np.empty((0, 2))}, "epochs are empty"),
    "epochs missing": (A, {"epochs": [(0, np.nan)]}, "ends of epochs hold 1 missing or infinite"),
    "epochs of three": (A, {"epochs": [1, 2, 3]}, r"epochs must be pairs \(start, stop\)"),
    "epochs of words": (A, {"epochs": "trials"}, "epochs='trials' names intervals of a file"),
    "too short": (
        A,
        {"epochs": [(0, 1), (2, 2.05)]},
        "1 epochs are shorter than bin_size=0.1, .* 1",
    ),
    "milliseconds of epochs": (
        A,
        {"epochs": (0, 1e12)},
        "1e.13 samples, more than memory holds. Ti",
    ),
    "far from zero": (A, {"epochs": (1e15, 1e15 + 9)}, "lie at 1e.15 s, .* too coarse for bins"),
    "no bins": (A, {"bin_size": None}, "counted in bins; say bin_size=, in seconds"),
    "bins of nothing": (A, {"bin_size": 0.0}, "bin_size must be a positive time in seconds, got 0"),
}


@pytest.mark.parametrize(("spikes", "said", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_what_cannot_be_binned_is_refused_in_words(spikes, said, message):
    said = {"bin_size": 0.1, "epochs": (0.0, 1.0)} | said
    with pytest.raises(bg.DataError, match=message):
        bg.as_dataset({"spikes": spikes}, **said)


def test_an_epoch_that_was_never_said():
    with pytest.raises(bg.DataError, match="nothing says when the recording begins and ends"):
        bg.as_dataset({"spikes": {"a": [], "b": []}}, bin_size=0.1)
    with pytest.raises(bg.DataError, match=r"'time' stands beside spikes .* said as epochs="):
        bg.as_dataset({"spikes": A, "time": [0.1, 0.2]}, bin_size=0.1)


@pytest.mark.parametrize("units", ["spikes", "Hz", "0 Hz", "", 3, None])
def test_units_of_spike_times_that_are_none(units):
    with pytest.raises(bg.DataError, match="of spike times are no unit of time; write 's', 'ms'"):
        bg.SpikeTimes([1.0], units=units)


def test_values_that_are_as_many_as_nothing():
    with pytest.raises(bg.DataError, match=r"'y' has 3 values .* 10 bins.*SpikeTimes\(y\)"):
        bg.as_dataset({"spikes": A, "y": [0.1, 0.2, 0.3]}, bin_size=0.1, epochs=(0, 1))
    pair = [[0.1, 0.2], [0.3, 0.4]]  # of one length, so that it might be an image
    with pytest.raises(bg.DataError, match=r"'s' has 2 values .*SpikeTimes\(s\)"):
        bg.as_dataset({"s": pair}, bin_size=0.1, epochs=(0, 1))
    dataset = bg.as_dataset({"s": bg.SpikeTimes(pair)}, bin_size=0.1, epochs=(0, 1))
    assert dataset["s"].sizes == {"time": 10, "unit": 2}
    sparse = sp.csr_array(np.eye(10))
    with pytest.raises(bg.DataError, match="'y' is a sparse matrix; give a dense array"):
        bg.as_dataset({"spikes": A, "y": sparse}, bin_size=0.1, epochs=(0, 1))


class Library:
    """Stands for an object of a library that nobody knows: times, and maybe values."""

    def __init__(self, times, values=None):
        self.times = np.asarray(times)
        if values is not None:
            self.values = np.asarray(values)


def test_objects_of_other_libraries_are_read_by_their_times():
    signal = Library(np.arange(20) / 10, np.arange(20.0))
    entries = {"spikes": Library([0.15, 0.31]), "x": signal}
    dataset = bg.as_dataset(entries, bin_size=0.2, epochs=(0.0, 2.0))
    assert dataset["spikes"].values.tolist() == [1, 1, *[0] * 8]
    assert dataset["x"].values.tolist() == [0.5 + 2 * k for k in range(10)]
    again = bg.as_dataset({"x": signal}, bin_size=0.2, epochs=(0.0, 2.0))
    np.testing.assert_array_equal(again["x"], dataset["x"])


def test_what_is_no_spike_times_is_not_counted():
    with pytest.raises(bg.DataError, match="times of type 'Segment' are no spike times"):
        bg.bin_spikes(neo.Segment(), 0.1, 0.0, 1.0)
    train = neo.SpikeTrain([0.1, 0.3] * pq.s, t_stop=1.0 * pq.s)
    assert bg.bin_spikes(train, 0.2, 0.0, 0.6).values.tolist() == [1, 1, 0]
    with pytest.raises(bg.DataError, match=r"times of 'spikes' are no times: .*mV"):
        bg.bin_spikes([0.1, 0.3] * pq.mV, 0.2, 0.0, 0.6)
    assert repr(bg.SpikeTimes([1, 2], units="ms")) == "SpikeTimes([1, 2], units='ms')"


def test_no_spike_at_all():
    for none in ([], (), np.empty(0), bg.SpikeTimes([])):
        assert bg.bin_spikes(none, 0.1, 0.0, 0.3).values.tolist() == [0, 0, 0]


REGULAR = np.arange(0.5, 3600.0, 0.25)
SURPRISES = {
    "single precision": (
        {"a": np.array([3000.1], np.float32)},
        {"epochs": (3000, 3001), "bin_size": 0.001},
        "single precision, good to 0.0002 s only",
    ),
    "twice": (
        {"a": [0.1, 0.5, 0.5], "b": [0.7]},
        {},
        "unit 'a', has 1 spikes at the very time of an",
    ),
    "milliseconds": ({"a": 1000 * REGULAR}, {"epochs": (0, 3600)}, "if they are milliseconds, say"),
    "minutes": (
        {"a": REGULAR / 3600},
        {"epochs": (0, 1)},
        "unit 'a', fires 1.44e.04 spikes a second",
    ),
    "left over": (
        A,
        {"epochs": [(0, 0.25), (0.5, 1.0)]},
        "do not divide .* 6.7% .* place 0, 0.05 s",
    ),
}


@pytest.mark.parametrize(("spikes", "said", "message"), SURPRISES.values(), ids=SURPRISES.keys())
def test_what_looks_like_a_mistake_is_told(spikes, said, message):
    said = {"bin_size": 0.1, "epochs": (0.0, 1.0)} | said
    with pytest.warns(bg.BayesGLMWarning, match=message) as told:
        bg.as_dataset({"spikes": spikes}, **said)
    assert [one.filename for one in told] == [__file__]


def test_what_is_left_out_is_said():
    spikes = {"in": [0.1, 0.5], "out": [7.0], "silent": []}
    dataset = bg.as_dataset({"spikes": spikes}, bin_size=0.1, epochs=(0.0, 1.0))
    assert dataset["spikes"].attrs["n_outside"] == 1
    assert dataset["spikes"].attrs["bins"] == "spikes in bins of 0.1 s; 1 of 3 lie outside"
    assert dataset["spikes"].sum("time").values.tolist() == [2, 0, 0]
    a_little = bg.as_dataset({"spikes": spikes}, bin_size=0.1, epochs=(0.0, 10.05))
    assert a_little.sizes["time"] == 100


def test_epochs_that_touch_share_no_spike():
    edges = np.arange(11) / 10
    spikes = {"a": edges[:-1], "b": edges[1:]}
    touching = list(itertools.pairwise(edges))
    dataset = bg.as_dataset({"spikes": spikes}, bin_size=0.1, epochs=touching)
    assert dataset["spikes"].values.tolist() == [[1, 0], *[[1, 1]] * 9]
    rounded = np.add(touching, [-1e-9, 1e-9])
    shaken = {unit: times - 1e-9 for unit, times in spikes.items()}
    again = bg.as_dataset({"spikes": shaken}, bin_size=0.1, epochs=rounded)
    np.testing.assert_array_equal(again["spikes"], dataset["spikes"])


def test_what_is_known_of_trials_takes_no_name_of_another():
    epochs = pd.DataFrame({"start": [0.0], "stop": [1.0], "spikes": [7], "unit": [8], "side": [9]})
    dataset = bg.as_dataset({"spikes": A}, bin_size=0.1, epochs=epochs)
    assert set(dataset.data_vars) == {"spikes", "trial_spikes", "trial_unit", "side"}
    assert set(dataset["trial_unit"].values.tolist()) == {8}


def test_a_fit_reads_what_was_binned():
    spikes = {unit: times for unit, times in SPIKES.items() if unit in (2, 4)}
    epochs = {"left": (0.0, 1.0), "right": (1.5, 3.0)}
    model = bg.GLM("spikes", bg.History(lags=3), family="poisson", prior=bg.Normal(1.0))
    dataset = bg.as_dataset({"spikes": spikes}, bin_size=0.01, epochs=epochs)
    fit = bg.fit_map(model, dataset.sel(unit=4))
    counts = [
        np.histogram(SPIKES[4], np.linspace(*at, n + 1))[0]
        for at, n in (((0.0, 1.0), 100), ((1.5, 3.0), 150))
    ]
    plain = {"spikes": np.concatenate(counts), "trial": np.repeat([0, 1], [100, 150])}
    by_hand = bg.fit_map(model, plain)
    np.testing.assert_allclose(fit["map"]["history"], by_hand["map"]["history"], rtol=1e-12)
    assert fit.attrs["sample_step_s"] == pytest.approx(0.01)
    both = bg.fit_map(model, dataset)
    np.testing.assert_allclose(both["map"]["history"].sel(unit=4), fit["map"]["history"], rtol=1e-6)


def test_one_unit_of_many_takes_the_memory_of_one():
    spikes = {unit: RNG.uniform(0.0, 100.0, 50) for unit in range(200)}
    tracemalloc.start()
    dataset = bg.as_dataset({"spikes": spikes}, bin_size=0.001, epochs=(0.0, 100.0))
    one = dataset["spikes"].sel(unit=17).values
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert one.nbytes == 100_000
    assert dataset["spikes"].nbytes == 200 * one.nbytes
    # The times of the samples, in double precision, and what it takes to make them.
    assert peak < 50 * one.nbytes
