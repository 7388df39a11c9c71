"""Time is time: known by its type whatever its name, in seconds, and never pasted by position."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesglm as bg
from bayesglm.design.clock import unit_in_seconds
from bayesglm.design.plan import plan_fit

N = 12
RNG = np.random.default_rng(3)
X, Y = RNG.normal(size=N), RNG.poisson(2.0, N)
PLAIN = pd.DataFrame({"y": Y, "x": X})
REGULAR = pd.date_range("2026-01-01", periods=N, freq="20ms")
GAP = REGULAR.to_series().reset_index(drop=True)
GAP[N // 2 :] += pd.Timedelta(hours=300)
MOMENTS = pd.DatetimeIndex(GAP)
LAGGED = bg.GLM("y", bg.Lagged("x", lags=3, prior=bg.Normal(1.0)), family="poisson")
PLAINLY = bg.GLM("y", bg.Linear("x", prior=bg.Normal(1.0)), family="poisson")


def objects(values):
    """Values as an array of Python's own objects."""
    found = np.empty(len(values), dtype=object)
    found[:] = list(values)
    return found


def over(dim, moments, **coords):
    return xr.Dataset({"y": (dim, Y), "x": (dim, X)}, {**coords, "when": (dim, moments)})


def frame(index):
    return PLAIN.set_axis(index)


KINDS = {
    "index": frame,
    "named index": lambda t: frame(t.rename("date")),
    "time zone": lambda t: frame(t.tz_localize("Asia/Tokyo").rename("when")),
    "spans": lambda t: frame(t - t[0]),
    "column": lambda t: PLAIN.assign(timestamp=t),
    "capitals": lambda t: PLAIN.assign(Time=t),
    "column with a zone": lambda t: PLAIN.assign(at=t.tz_localize("UTC")),
    "Python's dates": lambda t: PLAIN.assign(at=objects(t.to_pydatetime())),
    "pandas' dates": lambda t: {"y": Y, "x": X, "at": objects(t)},
    "level": lambda t: frame(pd.MultiIndex.from_arrays([t, np.arange(N)], names=["at", "row"])),
    "series": lambda t: {"y": pd.Series(Y, t), "x": pd.Series(X, t)},
    "dim": lambda t: over("when", t),
    "dim with a zone": lambda t: frame(t.tz_localize("UTC").rename("when")).to_xarray(),
    "coordinate": lambda t: over("time", t),
    "microseconds": lambda t: over("obs", t.values.astype("datetime64[us]")),
    "seconds, capitals": lambda t: PLAIN.assign(Time=(t - t[0]) / pd.Timedelta("1s")),
}


@pytest.mark.parametrize("put", KINDS.values(), ids=KINDS.keys())
def test_time_is_known_by_its_type(put):
    plan = plan_fit(LAGGED, put(REGULAR))
    assert plan.step == pytest.approx(0.02)
    message = r"term 'x' needs regular, increasing time, but from \w+=5 to \w+=6 the 'time' changes"
    with pytest.raises(bg.DataError, match=message):
        bg.fit_map(LAGGED, put(MOMENTS))
    with pytest.raises(bg.DataError, match="needs regular, increasing time"):
        bg.fit_map(LAGGED, put(REGULAR[::-1]))
    assert np.isfinite(bg.fit_map(PLAINLY, put(MOMENTS))["map"]["x"])
    marked = put(REGULAR)
    if isinstance(marked, pd.DataFrame):
        marked = put(MOMENTS).assign(trial=np.arange(N) // (N // 2))
        assert plan_fit(LAGGED, marked).n_dropped == 4


def test_rows_out_of_order_have_no_step():
    assert bg.fit_map(PLAINLY, frame(REGULAR)).attrs["sample_step_s"] == pytest.approx(0.02)
    shuffled = frame(REGULAR).iloc[[0, 4, 5, 1, 2, 3, 6, 7, 11, 8, 9, 10]]
    assert "sample_step_s" not in bg.fit_map(PLAINLY, shuffled).attrs


def test_periods_are_the_moments_at_which_they_start():
    hours = pd.period_range("2026-01-01", periods=N, freq="h")
    assert plan_fit(LAGGED, frame(hours)).step == 3600.0
    months = pd.period_range("2026-01", periods=N, freq="M")
    with pytest.raises(bg.DataError, match=r"from obs=1 to obs=2 the 'time' changes by 2\.4192e"):
        bg.fit_map(LAGGED, frame(months))


@pytest.mark.parametrize(("unit", "word"), [("Y", "years"), ("M", "months")])
def test_spans_without_a_fixed_length_are_refused(unit, word):
    data = {"y": [1.0, 2.0], "time": np.array([0, 1], f"timedelta64[{unit}]")}
    with pytest.raises(bg.DataError, match=f"spans of {word}.*give days or seconds"):
        bg.as_dataset(data)


def test_dates_of_a_day():
    days = objects([dt.date(2026, 1, 1) + dt.timedelta(days=k) for k in range(N)])
    assert plan_fit(LAGGED, PLAIN.assign(day=days)).step == 86400.0


def test_a_missing_time_is_named():
    for place in (0, 5):
        data = PLAIN.assign(at=REGULAR.where(np.arange(N) != place))
        message = rf"'time' holds 1 missing .*, the first at obs={place}, but term 'x' needs"
        with pytest.raises(bg.DataError, match=message):
            bg.fit_map(LAGGED, data)


class Date:
    """Stands for a date of cftime, in a calendar of its own."""

    def __init__(self, calendar, day):
        self.calendar, self.day = calendar, day

    def __sub__(self, other):
        return dt.timedelta(days=self.day - other.day)

    def isoformat(self):
        return (dt.date(2026, 1, 1) + dt.timedelta(days=self.day)).isoformat()


@pytest.mark.parametrize("calendar", ["standard", "noleap"])
def test_dates_of_a_calendar(calendar):
    days = objects([Date(calendar, k) for k in range(N)])
    dataset = over("date", days)
    assert plan_fit(LAGGED, dataset).step == 86400.0
    assert bg.as_dataset(dataset)["time"].dtype.kind == ("M" if calendar == "standard" else "O")
    with pytest.raises(bg.DataError, match="needs regular, increasing time, but from date=2 to"):
        bg.fit_map(LAGGED, dataset.isel(date=[0, 1, 2, 5, 6, 7]))


UNITS = {"ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9, "s": 1.0, "min": 60.0, "h": 3600.0}
UNITS |= {"seconds": 1.0, "Milliseconds": 1e-3, "hours since 2026-01-01": 3600.0, "10 ms": 1e-2}


@pytest.mark.parametrize("unit", UNITS)
def test_times_with_a_unit_are_read_in_seconds(unit):
    attrs = {"units": unit}
    flat = xr.Dataset(
        {"y": ("time", Y), "x": ("time", X)}, {"time": ("time", 5.0 * np.arange(N), attrs)}
    )
    halves = xr.Dataset(
        {name: (("trial", "time"), v.reshape(2, -1)) for name, v in {"y": Y, "x": X}.items()},
        {"trial": [1, 2], "time": ("time", 5.0 * np.arange(N // 2), attrs)},
    )
    for data in (flat, halves):
        fit = bg.fit_map(LAGGED, data)
        step = 5.0 * UNITS[unit]
        np.testing.assert_allclose(bg.kernels(fit)["x"]["lag_time"], step * np.arange(3), rtol=1e-9)
        np.testing.assert_array_equal(bg.predict(fit)["time"].values[:3], [0.0, 5.0, 10.0])
        window = bg.Lagged("x", window=3 * step, prior=bg.Normal(1.0))
        lags = plan_fit(bg.GLM("y", window, family="poisson"), data).designs[0].predictors.blocks[0]
        assert len(lags.lags) == 3


@pytest.mark.parametrize("unit", ["frames", "m", "Ms", "1/s", "months", "arbitrary units"])
def test_units_that_are_none_of_time(unit):
    assert unit_in_seconds(unit) is None
    time = ("time", np.arange(N), {"units": unit})
    data = xr.Dataset({"y": ("time", Y), "x": ("time", X)}, {"time": time})
    with pytest.raises(bg.DataError, match=f"'time' has the units '{unit}', which are no unit of"):
        bg.fit_map(LAGGED, data)
    assert np.isfinite(bg.fit_map(PLAINLY, data)["map"]["x"])


def test_two_times_are_asked_for_where_time_is_needed():
    two = PLAIN.assign(start=REGULAR, stop=REGULAR + pd.Timedelta("10ms"))
    message = "term 'x' needs to know the time .* several: 'start', 'stop'. Rename the one"
    with pytest.raises(bg.DataError, match=message):
        bg.fit_map(LAGGED, two)
    fit = bg.fit_map(LAGGED, two.drop(columns="stop"))
    with pytest.raises(bg.DataError, match=message):
        bg.predict(fit, two)
    assert np.isfinite(bg.fit_map(PLAINLY, two)["map"]["x"])
    assert plan_fit(LAGGED, two.rename(columns={"stop": "time"})).step == pytest.approx(0.02)
    assert plan_fit(LAGGED, two.set_axis(REGULAR)).step == pytest.approx(0.02)


@pytest.mark.parametrize("values", [MOMENTS.astype(str), np.arange(N)], ids=["text", "numbers"])
@pytest.mark.parametrize("name", ["date", "Timestamp"])
def test_what_only_sounds_like_time_is_asked_for(name, values):
    data = PLAIN.assign(**{name: np.asarray(values)})
    with pytest.raises(bg.DataError, match=f"'{name}' sounds like it, but holds .*or drop it"):
        bg.fit_map(LAGGED, data)
    assert np.isfinite(bg.fit_map(PLAINLY, data)["map"]["x"])


def test_bins_beside_dates():
    for data in (frame(REGULAR), PLAIN.assign(at=REGULAR)):
        with pytest.raises(bg.DataError, match="'time' coordinate already; leave bin_size out"):
            bg.as_dataset(data, bin_size=0.1)


class Series:
    """Stands for a time series of pynapple: values ``d`` at times ``t``."""

    def __init__(self, t, d, columns=None):
        self.t, self.d = np.asarray(t), d
        if columns is not None:
            self.columns = columns


class Signal:
    """Stands for a signal of Neo: an array with ``times`` in milliseconds."""

    class Times:
        def __init__(self, t):
            self.t = t

        def rescale(self, unit):
            assert unit == "s"
            return type("Quantity", (), {"magnitude": self.t})()

    def __init__(self, t, d):
        self.times, self.magnitude = self.Times(np.asarray(t)), d


class Events:
    """Stands for spikes: times and nothing else."""

    def __init__(self, t):
        self.t = np.asarray(t)


TIME = 0.02 * np.arange(N)
ALIGNED = {
    "series": Series(TIME, X),
    "rounded": Series(np.round(TIME * (1 + 1e-11), 9), X),
    "signal": Signal(TIME, X),
    "labelled": xr.DataArray(X, dims="time", coords={"time": TIME}),
    "labelled, rounded": xr.DataArray(X, dims="time", coords={"time": TIME * (1 + 2e-16)}),
    "milliseconds": xr.DataArray(
        X, dims="time", coords={"time": ("time", 1000 * TIME, {"units": "ms"})}
    ),
    "pandas": pd.Series(X, pd.to_timedelta(TIME, unit="s")),
    "array": X,
}


@pytest.mark.parametrize("x", ALIGNED.values(), ids=ALIGNED.keys())
def test_equal_times_are_put_together(x):
    plan = plan_fit(LAGGED, {"y": Series(TIME, Y), "x": x})
    assert plan.step == pytest.approx(0.02)
    np.testing.assert_array_equal(plan.designs[0].y, Y)
    np.testing.assert_array_equal(plan.designs[0].predictors.blocks[0].signal[:, 0], X)


DATES = pd.date_range("2026", periods=N, freq="20ms")
APART = {
    "another start and step": (
        Series(50 + 2 * TIME, X),
        "'x' and 'y' have times of their own, which differ at 12 of 12 .* 0: 50 s against 0 s; br",
    ),
    "one place": (Series(np.r_[TIME[:-1], 9.0], X), "1 of 12 samples, first at sample 11: 9 s aga"),
    "length": (Series(TIME[1:], X[1:]), "11 and 12 of them, so they are no samples of each other"),
    "signal": (Signal(TIME + 1, X), "first at sample 0: 1 s against 0 s"),
    "frame": (Series(TIME + 1, np.ones((N, 2)), ["a", "b"]), "first at sample 0"),
    "pandas": (pd.Series(X, pd.to_timedelta(TIME + 1, unit="s")), "first at sample 0: 1 s"),
    "index of numbers": (pd.Series(X, TIME + 1), "first at sample 0: 1 s against 0 s"),
    "dates": (pd.Series(X, DATES), "those of 'x' are dates and those of 'y' seconds"),
    "labelled": (xr.DataArray(X, dims="time", coords={"time": TIME + 1}), "sample 0: 1 s"),
    "spans": (
        xr.DataArray(X, dims="time", coords={"time": pd.to_timedelta(TIME + 1, unit="s")}),
        "first at sample 0: 1 s against 0 s",
    ),
    "events": (Events(TIME), "'x' holds 12 times .* no value at each; say bin_size="),
    "many events": (
        {0: Events(TIME)},
        r"'x' is a collection \(dict\).*counted in bins first: data = as_dataset\(data, bin_size=",
    ),
}


@pytest.mark.parametrize(("x", "message"), APART.values(), ids=APART.keys())
def test_times_that_differ_are_never_pasted_by_position(x, message):
    with pytest.raises(bg.DataError, match=message):
        bg.as_dataset({"y": Series(TIME, Y), "x": x})


def test_other_times_that_differ():
    early, late = (pd.Series(v, DATES + pd.Timedelta(d)) for v, d in ((Y, "0s"), (X, "1s")))
    with pytest.raises(
        bg.DataError, match=r"first at sample 0: 2026-01-01T00:00:01.* against 2026"
    ):
        bg.as_dataset({"y": early, "x": late})
    with pytest.raises(bg.DataError, match="'time' and 'y' have times of their own"):
        bg.as_dataset({"y": Series(TIME, Y), "x": X, "time": TIME + 1})


def test_columns_of_a_series_label_its_features():
    two = Series(TIME, np.ones((N, 2)), ["left", "right"])
    dataset = bg.as_dataset({"y": Series(TIME, Y), "x": two})
    assert dataset["x_dim_0"].values.tolist() == ["left", "right"]
    assert dataset["time"].dims == ("obs",)
