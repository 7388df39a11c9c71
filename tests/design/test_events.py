"""Events: series of them, times on a clock, types, amplitudes, and what is refused."""

import numpy as np
import pytest
import xarray as xr

import bayesglm as bg
from bayesglm.design.plan import plan_fit

N, STEP = 300, 0.01
TIMES = np.array([0.0, 0.004, 0.1251, 0.31, 0.9, 1.4999, 1.5, 2.2, 2.989])
SIDES = np.array(["left", "right", "left", "right", "right", "left", "left", "right", "left"])
SIZES = np.linspace(0.5, 2.0, len(TIMES))


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(7)
    return xr.Dataset(
        {"y": ("time", rng.poisson(1.0, N)), "cue": ("cue_event", TIMES)},
        coords={
            "time": STEP * np.arange(N),
            "trial": ("time", np.repeat([0, 1], N // 2)),
            "side": ("cue_event", SIDES),
            "size": ("cue_event", SIZES),
        },
    )


def glm(*terms):
    return bg.GLM("y", terms, family="poisson", prior=bg.Normal(1.0))


def by_hand(of_each, lags):
    """Return columns ``(N, lags)``: each event is seen by samples of its own trial."""
    columns = np.zeros((N, len(lags)))
    for moment, size in zip(TIMES, of_each, strict=True):
        at = int(np.round(moment / STEP + 1e-9))
        for k, lag in enumerate(lags):
            t = at + lag
            if 0 <= t < N and t // (N // 2) == at // (N // 2):
                columns[t, k] += size
    return columns


def columns_of(term, data, n=N):
    (block,) = plan_fit(glm(term), data).designs[0].predictors.blocks
    return block, block.columns(np.arange(n))


def test_times_of_events_are_laid_on_the_samples_of_their_own_trial(data):
    lags = range(-3, 6)
    block, columns = columns_of(bg.Event("cue", window=(-0.03, 0.06)), data)
    np.testing.assert_array_equal(columns, by_hand(np.ones(len(TIMES)), lags))
    assert block.dims == ("cue_lag",)
    assert block.complete().all()  # an event leaves no sample out
    term = bg.Event("cue", lags=(-3, 6), by="side", amplitude="size")
    block, columns = columns_of(term, data)
    each = [by_hand(SIZES * (side == SIDES), lags) for side in ("left", "right")]
    np.testing.assert_allclose(columns.reshape(N, 9, 2), np.stack(each, axis=2), rtol=1e-15)
    assert block.dims == ("cue_lag", "cue_type")
    assert block.coords["cue_type"].tolist() == ["left", "right"]


def test_a_series_is_the_same_model_as_its_times(data):
    series = xr.DataArray(by_hand(np.ones(len(TIMES)), [0])[:, 0], dims="time")
    basis = bg.raised_cosine(4)
    fits = [
        bg.fit_map(glm(bg.Event("cue", lags=(-2, 6), basis=basis, name="k")), one)
        for one in (data, data.drop_dims("cue_event").assign(cue=series))
    ]
    one, other = (fit["map"]["k"].values for fit in fits)
    np.testing.assert_allclose(one, other, rtol=1e-12)
    assert fits[0].attrs["n_dropped"] == 0


def test_dates_and_units_are_one_clock(data):
    start = np.datetime64("2026-01-01T12:00:00", "ns")
    dated = data.assign_coords(time=start + (1e9 * data["time"].values).astype("m8[ns]"))
    dated["cue"] = ("cue_event", start + (1e9 * TIMES).astype("m8[ns]"))
    in_ms = data.assign(cue=("cue_event", 1e3 * TIMES, {"units": "ms"}))
    expected = by_hand(np.ones(len(TIMES)), range(3))
    for one in (dated, in_ms):
        np.testing.assert_array_equal(columns_of(bg.Event("cue", lags=3), one)[1], expected)


def test_times_may_begin_anew_in_each_trial(data):
    of_trial = data.assign_coords(time=STEP * (np.arange(N) % 150))
    trial = (TIMES >= 1.495).astype(int)
    within = of_trial.assign(cue=("cue_event", TIMES - 1.5 * trial), which=("cue_event", trial))
    term = bg.Event("cue", lags=(-3, 6), trial="which")
    expected = by_hand(np.ones(len(TIMES)), range(-3, 6))
    np.testing.assert_array_equal(columns_of(term, within)[1], expected)
    with pytest.raises(bg.DataError, match=r"begin anew in each trial; .*: trial="):
        columns_of(bg.Event("cue", lags=3), of_trial)


def test_types_are_stored_and_new_data_need_none(data, tmp_path):
    model = glm(bg.Event("cue", lags=(-2, 6), by="side"))
    fit = bg.load(bg.save(bg.fit_laplace(model, data, draws=50, chains=2), tmp_path / "fit.nc"))
    node = bg.kernels(fit)["cue"]
    assert node["link"].dims == ("lag", "cue_type")
    assert node["lag_time"].values[0] == pytest.approx(-0.02)
    draws = fit["posterior"]["cue"].rename(cue_lag="lag")
    inside = node["link_simultaneous_lower"] <= draws
    inside &= draws <= node["link_simultaneous_upper"]
    share = inside.all("lag").mean(("chain", "draw"))  # of each type by itself
    np.testing.assert_allclose(share, 0.94, atol=0.011)
    some = data.isel(cue_event=[0, 2])  # on the left alone
    predicted = bg.predict(fit, some)["y"]
    assert np.isfinite(predicted).all()
    with pytest.raises(bg.DataError, match="a level that the fit has not seen"):
        bg.predict(fit, some.assign_coords(side=("cue_event", ["left", "up"])))


def test_rare_events_have_the_default_prior_of_an_indicator(data):
    terms = [bg.Event("cue", lags=2), bg.Event("cue", lags=2, amplitude="size", name="sized")]
    fit = bg.fit_map(bg.GLM("y", terms, "poisson"), data)
    one, sized = (term.prior.scale for term in bg.GLM.from_json(fit.attrs["model"]).terms)
    assert one == pytest.approx(2.5)
    assert sized == pytest.approx(2.5 / np.sqrt(np.square(SIZES).mean()))


def test_a_walk_along_lags_leaves_types_apart(data):
    walk = bg.smooth(10.0, 2)
    term = bg.Event("cue", lags=(-2, 6), by="side", prior=walk)
    said = bg.Event("cue", lags=(-2, 6), by="side", prior=bg.smooth(10.0, 2, dims="lag"))
    one, other = (bg.fit_map(glm(each), data).attrs["log_posterior"] for each in (term, said))
    assert one == pytest.approx(other, rel=1e-12)


def with_events(**changed):
    return lambda data: data.assign(**changed)


FAULTS = {
    "before": (
        {},
        with_events(cue=("cue_event", TIMES - 0.05)),
        r"2 of 9 events .* outside the recording, which goes from 0 to 2.99 s, the first at "
        r"cue_event=0 \(-0.05 s\)",
    ),
    "after": ({}, with_events(cue=("cue_event", TIMES + 0.1)), "1 of 9 .* cue_event=8"),
    "missing": (
        {},
        with_events(cue=("cue_event", np.where(TIMES > 1.0, np.nan, TIMES))),
        "4 missing times, the first at cue_event=5",
    ),
    "none": ({}, lambda data: data.isel(cue_event=slice(0, 0)), "holds no event"),
    "no time": ({"lags": 3}, lambda data: data.drop_vars("time"), "no 'time' of the samples"),
    "amplitudes of samples": (
        {"amplitude": "z"},
        with_events(z=("time", np.ones(N))),
        "one value for each event",
    ),
    "a trial of none": (
        {"trial": "which"},
        with_events(which=("cue_event", [0] * 8 + [7])),
        r"1 events of 'cue' are of trials that the samples do not have, .*cue_event=8 \(7\)",
    ),
    "another's trial": (
        {"trial": "which"},
        with_events(which=("cue_event", [0] * 9)),
        "outside their trials",
    ),
    "labels of a series": (
        {"by": "side"},
        lambda data: data.drop_dims("cue_event").assign(
            cue=("time", np.ones(N)), side=("time", np.ones(N))
        ),
        "series over 'time'",
    ),
    "a table": ({}, with_events(cue=(("a", "b"), np.ones((2, 2)))), "one dim of their own"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_events_is_refused(fault, data):
    settings, change, words = FAULTS[fault]
    with pytest.raises(bg.DataError, match=words):
        bg.fit_map(glm(bg.Event("cue", **settings)), change(data))


def test_events_between_trials_are_told(data):
    with pytest.warns(bg.BayesGLMWarning, match=r"1 of 9 events .* between trials"):
        block, _ = columns_of(bg.Event("cue", lags=3), data.isel(time=np.r_[0:80, 150:300]), 230)
    assert block.signal.sum() == len(TIMES) - 1


def test_events_of_a_long_recording_stay_in_their_samples():
    """A step rounded by 3e-10 s is off by half a bin after 1.3 million of them."""
    n, of_each = 1_600_000, np.array([5, 800_000, 1_300_000, 1_599_990])
    time = np.round(np.arange(n) * (31 / 30_000), 9)
    y = np.random.default_rng(0).poisson(0.1, n)
    cue = ("cue_event", time[of_each] + np.array([0.0, 4e-4, -4e-4, 0.0]))
    data = xr.Dataset({"y": ("time", y), "cue": cue}, coords={"time": time})
    _, columns = columns_of(bg.Event("cue", lags=1), data, n)
    np.testing.assert_array_equal(np.flatnonzero(columns), of_each)
