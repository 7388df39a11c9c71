"""Recordings of pynapple, Neo and NWB: whoever holds them, the same data come through the door."""

import copy
import datetime
import gc
import pickle
import sys

import h5py
import neo
import numpy as np
import pandas as pd
import pynapple as nap
import pynwb
import pytest
import quantities as pq
import xarray as xr

import bayesglm as bg

RNG = np.random.default_rng(23)
STOP = 4.0
TRAINS = {unit: np.sort(RNG.uniform(0.0, STOP, 60 + 30 * unit)).round(6) for unit in (3, 5, 8)}
AREAS = ["v1", "lgn", "v1"]
RATE = 200.0
AT = np.arange(int(STOP * RATE)) / RATE
SPEED = RNG.normal(size=len(AT))
PLACE = RNG.normal(size=(len(AT), 2))
FILM = RNG.normal(size=(len(AT), 2, 3)).astype(np.float32)
TRIALS = [(0.5, 1.5), (2.0, 3.5)]
SIDES = ["left", "right"]
WHOLE = nap.IntervalSet(0.0, STOP)


def nwb_file():
    """Make an NWB file in memory with all of the above."""
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    file = pynwb.NWBFile("made for a test", "one", start)
    file.add_unit_column("area", "where it is")
    for (unit, times), area in zip(TRAINS.items(), AREAS, strict=True):
        file.add_unit(id=unit, spike_times=times, area=area)
    file.add_trial_column("side", "where it went")
    for (begin, end), side in zip(TRIALS, SIDES, strict=True):
        file.add_trial(start_time=begin, stop_time=end, side=side)
    scaled = {"conversion": 0.5, "offset": 1.0, "unit": "m/s"}
    speed = pynwb.TimeSeries(name="speed", data=2.0 * (SPEED - 1.0), timestamps=AT, **scaled)
    file.add_acquisition(speed)
    file.add_stimulus(pynwb.TimeSeries(name="film", data=FILM, rate=RATE, unit="1"))
    place = pynwb.behavior.SpatialSeries(
        name="place", data=PLACE, timestamps=AT, reference_frame="box"
    )
    module = file.create_processing_module("behavior", "what it did")
    module.add(pynwb.behavior.Position(spatial_series=place))
    return file


@pytest.fixture(scope="module")
def nwb_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("recordings") / "session.nwb"
    with pynwb.NWBHDF5IO(str(path), "w") as io:
        io.write(nwb_file())
    return path


def spike_train(unit, t_stop=STOP):
    return neo.SpikeTrain(1000 * TRAINS[unit] * pq.ms, t_stop=t_stop * pq.s, name=f"unit {unit}")


def ts_group():
    trains = {unit: nap.Ts(times, time_support=WHOLE) for unit, times in TRAINS.items()}
    return nap.TsGroup(trains, time_support=WHOLE, metadata={"area": AREAS})


SPIKES = {
    "mapping": lambda: TRAINS,
    "ragged list": lambda: list(TRAINS.values()),
    "series of pynapple": lambda: {k: nap.Ts(v, time_support=WHOLE) for k, v in TRAINS.items()},
    "TsGroup": ts_group,
    "SpikeTrains": lambda: [spike_train(unit) for unit in TRAINS],
    "SpikeTrainList": lambda: segment().spiketrains,
    "Units": lambda: nwb_file().units,
}
SPIKE_LABELS = {
    "ragged list": [0, 1, 2],
    "SpikeTrains": ["unit 3", "unit 5", "unit 8"],
    "SpikeTrainList": ["unit 3", "unit 5", "unit 8"],
}


def segment():
    one = neo.Segment()
    for unit in TRAINS:
        one.spiketrains.append(spike_train(unit))
    speed = neo.AnalogSignal(1e3 * SPEED[:, None] * pq.mm / pq.s, sampling_rate=0.2 * pq.kHz)
    speed.name = "speed"
    place = neo.IrregularlySampledSignal(1000 * AT * pq.ms, PLACE * pq.m, name="place")
    one.analogsignals.append(speed)
    one.irregularlysampledsignals.append(place)
    lengths = np.diff(TRIALS).ravel()
    starts = [begin for begin, _ in TRIALS]
    trials = neo.Epoch(starts * pq.s, lengths * pq.s, labels=np.array(SIDES), name="trials")
    one.epochs.append(trials)
    cues = neo.Event([600.0, 2100.0] * pq.ms, labels=np.array(["go", "stop"]), name="cue")
    one.events.append(cues)
    return one


@pytest.mark.parametrize("name", SPIKES)
def test_spikes_of_every_kind_are_the_same_counts(name):
    dataset = bg.as_dataset({"spikes": SPIKES[name]()}, bin_size=0.01, epochs=TRIALS)
    expected = np.concatenate(
        [
            np.stack([np.histogram(t, np.linspace(*at, n + 1))[0] for t in TRAINS.values()], 1)
            for at, n in zip(TRIALS, (100, 150), strict=True)
        ]
    )
    np.testing.assert_array_equal(dataset["spikes"], expected)
    assert dataset["spikes"].dtype == np.uint8
    assert dataset["unit"].values.tolist() == SPIKE_LABELS.get(name, list(TRAINS))
    assert dataset["trial"].values.tolist() == [0] * 100 + [1] * 150
    counts = bg.bin_spikes(SPIKES[name](), 0.01, *TRIALS[1])
    np.testing.assert_array_equal(counts, expected[100:])


def test_counts_are_those_of_pynapple():
    epochs = nap.IntervalSet(*np.transpose(TRIALS))
    counts = ts_group().count(0.01, ep=epochs)
    dataset = bg.as_dataset({"spikes": ts_group()}, bin_size=0.01, epochs=epochs)
    np.testing.assert_array_equal(dataset["spikes"], counts.d)
    np.testing.assert_allclose(dataset["time"], counts.t, rtol=1e-9)
    assert dataset["unit_area"].values.tolist() == AREAS


def speed_frame():
    return pd.DataFrame({"0": PLACE[:, 0], "1": PLACE[:, 1]}, index=pd.Index(AT, name="time"))


SIGNALS = {
    "Tsd": (lambda: nap.Tsd(AT, SPEED, time_support=WHOLE), SPEED),
    "TsdFrame": (lambda: nap.TsdFrame(AT, PLACE, time_support=WHOLE), PLACE),
    "TsdTensor": (lambda: nap.TsdTensor(AT, FILM, time_support=WHOLE), FILM),
    "AnalogSignal": (lambda: segment().analogsignals[0].rescale("m/s"), SPEED),
    "IrregularlySampledSignal": (lambda: segment().irregularlysampledsignals[0], PLACE),
    "TimeSeries with times": (lambda: nwb_file().acquisition["speed"], SPEED),
    "TimeSeries with a rate": (lambda: nwb_file().stimulus["film"], FILM),
    "labelled": (lambda: xr.DataArray(FILM, dims=("time", "y", "x"), coords={"time": AT}), FILM),
    "milliseconds": (
        lambda: xr.DataArray(
            SPEED, dims="time", coords={"time": ("time", 1e3 * AT, {"units": "ms"})}
        ),
        SPEED,
    ),
    "Series": (lambda: pd.Series(SPEED, pd.to_timedelta(AT, unit="s")), SPEED),
    "Series with numbers": (lambda: pd.Series(SPEED, AT), SPEED),
    "DataFrame": (speed_frame, PLACE),
}


@pytest.mark.parametrize(("signal", "values"), SIGNALS.values(), ids=SIGNALS.keys())
def test_signals_of_every_kind_are_means_in_bins(signal, values):
    # Five samples a bin of 25 ms.
    dataset = bg.as_dataset({"spikes": TRAINS, "x": signal()}, bin_size=0.025, epochs=TRIALS)
    means = values.reshape(-1, 5, *values.shape[1:]).mean(axis=1, dtype=np.float64)
    expected = np.concatenate([means[20:60], means[80:140]])
    np.testing.assert_allclose(dataset["x"], expected, rtol=1e-5, atol=1e-6)
    assert dataset["x"].dtype == values.dtype
    assert dataset["x"].dims[0] == "time"
    assert dataset["x"].attrs["resampled"] == "mean of the samples in each bin; 5 samples a bin"
    part = bg.as_dataset({"spikes": TRAINS, "x": signal()}, bin_size=0.025, epochs=TRIALS)
    places = [3, 39, 40, 99, 7]
    np.testing.assert_array_equal(part["x"].isel(time=places), dataset["x"][places])


def test_units_labels_and_scales_of_signals_are_kept():
    file, one = nwb_file(), segment()
    entries = {"speed": file.acquisition["speed"], "v": one.analogsignals[0]}
    entries["place"] = nap.TsdFrame(AT, PLACE, columns=["left", "right"], time_support=WHOLE)
    dataset = bg.as_dataset(entries, bin_size=0.025, epochs=TRIALS)
    assert dataset["speed"].attrs["units"] == "m/s"
    assert dataset["v"].attrs["units"] == "mm/s"
    np.testing.assert_allclose(dataset["v"], 1e3 * dataset["speed"])
    assert dataset["place_dim_0"].values.tolist() == ["left", "right"]


EPOCHS = {
    "pairs": lambda: TRIALS,
    "array": lambda: np.array(TRIALS),
    "mapping": lambda: dict(zip(SIDES, TRIALS, strict=True)),
    "frame": lambda: pd.DataFrame(TRIALS, columns=["start", "end"]).assign(side=SIDES),
    "IntervalSet": lambda: nap.IntervalSet(*np.transpose(TRIALS), metadata={"side": SIDES}),
    "Epoch": lambda: segment().epochs[0],
    "TimeIntervals": lambda: nwb_file().trials,
}


@pytest.mark.parametrize("name", EPOCHS)
def test_epochs_of_every_kind_are_the_same_trials(name):
    dataset = bg.as_dataset({"spikes": TRAINS}, bin_size=0.01, epochs=EPOCHS[name]())
    labels = {"mapping": SIDES}.get(name, [0, 1])
    assert dataset["trial"].values.tolist() == [labels[0]] * 100 + [labels[1]] * 150
    np.testing.assert_allclose(dataset["time"][[0, 99, 100]], [0.505, 1.495, 2.005])
    known = {"Epoch": "label"}.get(name, "side")
    if name not in ("pairs", "array", "mapping"):
        assert dataset[known].values.tolist() == ["left"] * 100 + ["right"] * 150


def test_epochs_in_another_order_are_put_in_order_of_time_and_told():
    data = {"spikes": TRAINS, "light": nap.IntervalSet([0.6, 2.1], [0.7, 2.2])}
    frame = pd.DataFrame(TRIALS[::-1], columns=["start", "end"]).assign(side=SIDES[::-1])
    with pytest.warns(bg.BayesGLMWarning, match=r"not in order of time.*first is 1, given at pla"):
        dataset = bg.as_dataset(data, bin_size=0.01, epochs=frame)
    assert dataset["trial"].values.tolist() == [1] * 100 + [0] * 150
    assert dataset["side"].values.tolist() == ["left"] * 100 + ["right"] * 150
    np.testing.assert_allclose(dataset["time"][[0, 100]], [0.505, 2.005])


def test_bins_of_many_seconds_and_windows_past_every_trial_are_told_in_seconds():
    data = {"spikes": {"a": np.linspace(0.5, 39.5, 40)}}
    words = r"bin_size=20 is in seconds: 2 bins, of 20 s each.*bin_size=0\.02"
    with pytest.warns(bg.BayesGLMWarning, match=words):
        assert bg.as_dataset(data, bin_size=20, epochs=(0.0, 40.0))["spikes"].shape == (2, 1)
    rate = xr.DataArray(np.arange(40.0), dims="time", coords={"time": np.arange(40.0) + 0.5})
    assert bg.as_dataset({"rate": rate}, bin_size=2, epochs=(0, 40)).sizes["time"] == 20
    seconds = bg.as_dataset(data, bin_size=1, epochs=[(0, 20), (20, 40)])
    model = bg.GLM("spikes", bg.History(window=100), family="poisson")
    with pytest.raises(bg.DataError, match=r"to 100 \(1 to 100 s\).*window= is in seconds"):
        bg.fit_map(model, seconds)


def test_no_epochs_are_said_to_be_empty():
    frame = pd.DataFrame(TRIALS, columns=["start", "stop"])
    for none in ([], {}, np.empty((0, 2)), frame[:0]):
        with pytest.raises(bg.DataError, match="epochs are empty; give at least one stretch"):
            bg.as_dataset({"spikes": TRAINS}, bin_size=0.01, epochs=none)
    for wrong in (np.array(5.0), [[0, 1], [2]], object()):
        with pytest.raises(bg.DataError, match="epochs must be pairs"):
            bg.as_dataset({"spikes": TRAINS}, bin_size=0.01, epochs=wrong)


def test_epochs_that_touch_are_whole_in_pynapple_too():
    with pytest.warns(UserWarning, match="Removing 1 microsecond"):
        touching = nap.IntervalSet([0.0, 1.0, 2.5], [1.0, 2.0, 3.5])
    dataset = bg.as_dataset({"spikes": TRAINS}, bin_size=0.001, epochs=touching)
    expected = bg.as_dataset(
        {"spikes": TRAINS}, bin_size=0.001, epochs=[(0, 1), (1, 2), (2.5, 3.5)]
    )
    xr.testing.assert_equal(dataset, expected)


def test_one_epoch_and_none():
    one = bg.as_dataset({"spikes": TRAINS}, bin_size=0.01, epochs=(1.0, 2.0))
    assert one.sizes["time"] == 100
    assert set(one["trial"].values.tolist()) == {0}
    none = bg.as_dataset({"spikes": ts_group()}, bin_size=0.01)
    assert none.sizes["time"] == 400
    assert "trial" not in none.coords


def test_intervals_among_the_entries_are_shares_of_bins():
    light = nap.IntervalSet([0.2, 0.62], [0.4, 0.8])
    dataset = bg.as_dataset({"spikes": TRAINS, "light": light}, bin_size=0.1, epochs=(0, 1))
    np.testing.assert_allclose(dataset["light"], [0, 0, 1, 1, 0, 0, 0.8, 1, 0, 0], atol=1e-9)
    assert set(dataset["light"].values[[0, 2, 3, 7]].tolist()) == {0.0, 1.0}


def test_a_whole_file_is_read_where_it_is_named(nwb_path):
    by_name = bg.as_dataset(nwb_path, bin_size=0.025, epochs="trials")
    file = nwb_file()
    by_hand = bg.as_dataset(
        {
            "spikes": file.units,
            "speed": file.acquisition["speed"],
            "film": file.stimulus["film"],
            "place": pd.DataFrame(PLACE, AT),
        },
        bin_size=0.025,
        epochs=file.trials,
    )
    for other in (by_name, bg.as_dataset(file, bin_size=0.025, epochs="trials")):
        assert set(other.data_vars) == {"spikes", "speed", "film", "place", "side"}
        for name in other.data_vars:
            np.testing.assert_array_equal(other[name], by_hand[name])
        assert other["unit_area"].values.tolist() == AREAS
    model = bg.GLM("spikes", bg.Lagged("speed", lags=3), family="poisson")
    fit = bg.fit_map(model, by_name.sel(unit=5))
    expected = bg.fit_map(model, by_hand.sel(unit=5))["map"]["speed"]
    np.testing.assert_allclose(fit["map"]["speed"], expected, rtol=1e-9)


def test_a_table_of_trials_names_them():
    table = pd.DataFrame({"start": [0.5, 2.0], "stop": [1.5, 3.5], "trial": [7, 9]})
    dataset = bg.as_dataset({"spikes": TRAINS}, bin_size=0.025, epochs=table)
    assert np.unique(dataset["trial"]).tolist() == [7, 9]
    assert list(dataset.data_vars) == ["spikes"]
    with pytest.raises(bg.DataError, match="the label 1 occurs twice"):
        bg.as_dataset({"spikes": TRAINS}, bin_size=0.025, epochs=table.assign(trial=1))


def test_a_file_is_closed_with_its_last_variable(nwb_path):
    dataset = bg.as_dataset(nwb_path, bin_size=0.025, epochs="trials")
    assert dataset["spikes"].values.any()
    del dataset
    gc.collect()  # warnings are errors here, of files that were left open too
    with h5py.File(nwb_path, "r+"):
        pass


def test_a_file_as_pynapple_loads_it(nwb_path):
    loaded = nap.load_file(str(nwb_path))
    dataset = bg.as_dataset(loaded, bin_size=0.025, epochs="trials")
    expected = bg.as_dataset(nwb_path, bin_size=0.025, epochs="trials")
    np.testing.assert_array_equal(dataset["spikes"], expected["spikes"])
    np.testing.assert_array_equal(dataset["film"], expected["film"])
    assert dataset["side"].values.tolist() == expected["side"].values.tolist()
    loaded.close()


def test_a_whole_segment():
    dataset = bg.as_dataset(segment(), bin_size=0.025, epochs="trials")
    assert set(dataset.data_vars) == {"spikes", "speed", "place", "cue", "label"}
    assert dataset["cue"].dims == ("cue_event",)
    assert dataset["cue"].values.tolist() == [0.6, 2.1]
    assert dataset["cue_label"].values.tolist() == ["go", "stop"]
    assert bg.as_dataset(segment(), bin_size=0.025).sizes["time"] == 160


def test_units_alone_are_spikes():
    for units in (ts_group(), nwb_file().units, segment().spiketrains, bg.SpikeTimes(TRAINS)):
        dataset = bg.as_dataset(units, bin_size=0.01, epochs=(0.0, 4.0))
        assert dataset["spikes"].sizes == {"time": 400, "unit": 3}


def test_events_go_through_the_door():
    cues = xr.DataArray([0.6, 2.1], dims="cue_event", attrs={"units": "s"})
    go = nap.Ts(np.array([0.61, 2.12, 3.9]), time_support=WHOLE)
    dataset = bg.as_dataset({"spikes": TRAINS, "cue": cues, "go": go}, bin_size=0.1, epochs=TRIALS)
    assert dataset["cue"].values.tolist() == [0.6, 2.1]
    assert np.flatnonzero(dataset["go"]).tolist() == [1, 11]
    assert dataset["go"].attrs["n_outside"] == 1


def test_units_without_names_are_numbered():
    trains = [neo.SpikeTrain(TRAINS[k] * pq.s, t_stop=STOP * pq.s) for k in TRAINS]
    dataset = bg.as_dataset({"spikes": trains}, bin_size=0.1)
    assert dataset["unit"].values.tolist() == [0, 1, 2]
    alike = [neo.SpikeTrain(TRAINS[k] * pq.s, t_stop=STOP * pq.s, name="unit") for k in TRAINS]
    assert bg.as_dataset({"spikes": alike}, bin_size=0.1)["unit"].values.tolist() == [0, 1, 2]


FAULTS = {
    "no bins": ({"data": {"x": nap.Ts(TRAINS[3], time_support=WHOLE)}}, "say bin_size="),
    "no bins for units": ({"data": ts_group()}, "counted in bins; say bin_size=, in seconds"),
    "no such table": (
        {"data": nwb_file(), "bin_size": 0.1, "epochs": "trial"},
        "epochs='trial' names no intervals of the recording, which has 'trials'. Did you mean",
    ),
    "no file": ({"data": "nowhere.nwb", "bin_size": 0.1}, "there is no file 'nowhere.nwb'"),
    "no NWB": ({"data": "setup.nwb", "bin_size": 0.1}, "'setup.nwb' cannot be read as an NWB file"),
    "block": (
        {"data": neo.Block(), "bin_size": 0.1},
        r"a Block of Neo's, of 0 segments; say which",
    ),
    "frame with epochs": (
        {"data": pd.DataFrame({"y": [1, 2]}), "bin_size": 0.1, "epochs": (0, 1)},
        "data of type 'DataFrame' hold no entries that epochs could cut; give a mapping",
    ),
    "frame without bounds": (
        {"data": {"x": TRAINS}, "bin_size": 0.1, "epochs": pd.DataFrame({"a": [1.0]})},
        "a DataFrame without the columns 'start' and 'stop'",
    ),
    "no column of times": (
        {"data": {"x": pynwb.misc.Units(name="units")}, "bin_size": 0.1},
        "times of 'x': the table of units has no column 'spike_times'",
    ),
    "events outside": (
        {
            "data": {"x": TRAINS, "cue": neo.Event([90.0] * pq.s, labels=np.array(["go"]))},
            "bin_size": 0.1,
            "epochs": TRIALS,
        },
        "'cue': its times run from 90 to 90 s, and the epochs from 0.5 to 3.5 s",
    ),
    "no time": (
        {"data": {"x": [neo.SpikeTrain([1.0] * pq.s, t_stop=2.0 * pq.s)]}, "epochs": (5, 6)},
        "bins; say bin_size=, in seconds",
    ),
}


@pytest.mark.parametrize(("said", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_what_is_no_recording_is_refused_in_words(said, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "setup.nwb").write_text("no file of that kind")
    with pytest.raises(bg.DataError, match=message):
        bg.as_dataset(**said)


def test_libraries_that_are_not_there_are_named_with_their_extra(nwb_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pynwb", None)
    with pytest.raises(
        bg.DataError, match=r"NWB files .* not installed: pip install 'bayesglm\[neu"
    ):
        bg.as_dataset(nwb_path, bin_size=0.1)
    monkeypatch.setitem(sys.modules, "pynapple", None)
    counts = bg.bin_spikes(TRAINS[3], 0.1, 0.0, 4.0)
    with pytest.raises(bg.DataError, match=r"pynapple is not .* pip install 'bayesglm\[neuro\]'"):
        bg.to_pynapple(counts)


def test_what_was_not_recorded_is_no_silence():
    short = [spike_train(unit, t_stop=4.1) for unit in TRAINS]
    assert bg.as_dataset({"spikes": short}, bin_size=0.1).sizes["time"] == 41
    with pytest.raises(bg.DataError, match=r"from 0 to 4.1 s, as it says .* 1 of 2 epochs"):
        bg.as_dataset({"spikes": short}, bin_size=0.1, epochs=[(0, 4), (4, 4.3)])
    for epochs, fault in ((TRIALS[0], "0 to 4 s with gaps"), (TRIALS[1], None)):
        seen = pynwb.misc.Units(name="units", description="of one session")
        seen.add_unit(id=9, spike_times=[1.2], obs_intervals=[[0.0, 1.2], [1.6, 4.0]])
        if fault is None:
            assert bg.as_dataset({"x": seen}, bin_size=0.1, epochs=epochs)["x"].sum() == 0
            continue
        with pytest.raises(bg.DataError, match=fault):
            bg.as_dataset({"x": seen}, bin_size=0.1, epochs=epochs)


def test_supports_that_nobody_said_are_none():
    apart = {1: nap.Ts(np.array([0.1, 0.4])), 2: nap.Ts(np.array([0.8, 1.3]))}
    dataset = bg.as_dataset({"spikes": nap.TsGroup(apart)}, bin_size=0.1)
    assert dataset.sizes["time"] == 14
    assert "trial" not in dataset.coords


def test_what_a_file_holds_besides(tmp_path):
    file = nwb_file()
    file.add_acquisition(pynwb.TimeSeries(name="late", data=PLACE[:9], rate=RATE, unit="1"))
    elsewhere = pynwb.image.ImageSeries(
        name="video",
        external_file=["video.avi"],
        starting_frame=[0],
        format="external",
        num_samples=9,
        rate=25.0,
        unit="n.a.",
    )
    file.add_acquisition(elsewhere)
    notes = file.create_events_table(name="notes", description="what was said")
    for at, word in ((0.7, "hm"), (2.2, "aha")):
        notes.add_row(timestamp=at, annotation=word)
    lost = pynwb.TimeSeries(name="lost", data=[1.0, 2.0], timestamps=[0.0, np.nan], unit="1")
    file.add_acquisition(lost)
    left_out = "2 signals .* left out: 'lost', 'late'. .* times of 'lost' hold 1 missing"
    with pytest.warns(bg.BayesGLMWarning, match=left_out):
        dataset = bg.as_dataset(file, bin_size=0.025, epochs="trials")
    assert not {"late", "lost", "video"} & set(dataset)
    assert dataset["notes"].values.tolist() == [0.7, 2.2]
    assert dataset["notes_annotation"].values.tolist() == ["hm", "aha"]
    with pytest.warns(bg.BayesGLMWarning, match=left_out):
        assert bg.as_dataset(file, bin_size=0.025).sizes["time"] == 160


def test_channels_of_a_file_have_scales_of_their_own():
    file = nwb_file()
    probe = file.create_device(name="probe")
    group = file.create_electrode_group("shank", description="one", location="v1", device=probe)
    for _ in range(2):
        file.add_electrode(group=group, location="v1")
    electrodes = file.create_electrode_table_region([0, 1], "both")
    lfp = pynwb.ecephys.ElectricalSeries(
        name="lfp",
        data=np.rint(100 * PLACE).astype(np.int16),
        electrodes=electrodes,
        rate=RATE,
        conversion=1e-3,
        channel_conversion=[1.0, 2.0],
    )
    dataset = bg.as_dataset({"spikes": TRAINS, "lfp": lfp}, bin_size=0.005, epochs=(0.0, STOP))
    np.testing.assert_allclose(dataset["lfp"], 1e-3 * np.rint(100 * PLACE) * [1.0, 2.0])
    assert dataset["lfp"].attrs["units"] == "volts"


def test_numbers_of_images_are_not_averaged():
    images = pynwb.base.Images(name="shown", images=[])
    rng = np.random.default_rng(0)
    index = rng.integers(0, 4, len(AT)).astype(np.int16)
    shown = pynwb.image.IndexSeries(
        name="shown", data=index, indexed_images=images, rate=RATE, unit="N/A"
    )
    dataset = bg.as_dataset({"spikes": TRAINS, "image": shown}, bin_size=0.025, epochs=TRIALS)
    assert dataset["image"].dtype == np.int16
    np.testing.assert_array_equal(dataset["image"], index.reshape(-1, 5)[np.r_[20:60, 80:140], 2])


def test_binned_data_are_copied_pickled_and_written(nwb_path, tmp_path):
    dataset = bg.as_dataset(nwb_path, bin_size=0.025, epochs="trials")
    dataset.to_netcdf(tmp_path / "binned.nc")
    written = xr.open_dataset(tmp_path / "binned.nc").load()
    for other in (pickle.loads(pickle.dumps(dataset)), copy.deepcopy(dataset), written):
        xr.testing.assert_equal(other, dataset)
        np.testing.assert_array_equal(other["film"][3:7, 0], dataset["film"][3:7, 0])


def test_events_of_every_kind_are_the_same_kernel():
    cues = segment().events[0]
    ts = nap.Ts(np.array([0.6, 2.1]), time_support=WHOLE)
    entries = {"spikes": TRAINS, "cue": cues, "go": ts}
    dataset = bg.as_dataset(entries, bin_size=0.025, epochs=TRIALS).sel(unit=8)
    fits = {
        name: bg.fit_map(
            bg.GLM("spikes", bg.Event(name, window=(0.0, 0.2)), "poisson", prior=bg.Normal(1.0)),
            dataset,
        )["map"][name]
        for name in ("cue", "go")
    }
    assert fits["go"].sizes == {"go_lag": 8}
    np.testing.assert_allclose(fits["cue"], fits["go"], rtol=1e-12)
    by = bg.Event("cue", window=(0.0, 0.1), by="cue_label")
    model = bg.GLM("spikes", by, "poisson", prior=bg.Normal(1.0))
    assert bg.fit_map(model, dataset)["map"]["cue_type"].values.tolist() == ["go", "stop"]
