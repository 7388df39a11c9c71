"""Spike-triggered statistics: against sums by hand, closed forms, least squares and repetitions."""

import numpy as np
import pytest
import xarray as xr

import bayesglm as bg

LAGS = 6
FILTER = np.array([0.1, 0.5, 0.9, 0.4, -0.3, -0.2])


def recording(n=3000, seed=0, features=(), trials=1, units=2, smooth=0.0):
    """Return a stimulus and units that follow its past through exp, cut into trials."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, *features))
    for t in range(1, n):
        x[t] += smooth * x[t - 1]
    seen = x.reshape(n, -1).mean(axis=1)
    eta = 0.5 * np.convolve(seen, FILTER)[:n] - 1.0
    y = rng.poisson(np.exp(eta[:, None] + 0.2 * np.arange(units)))
    names = [f"pixel_{k}" for k in range(len(features))]
    step = 0.01
    trial = np.arange(n) * trials // n
    time = np.arange(n) * step
    return xr.Dataset(
        {"x": (("time", *names), x), "y": (("time", "unit"), y)},
        coords={"time": time, "trial": ("time", trial), "unit": [f"u{k}" for k in range(units)]},
    )


def windows_of(ds, lags):
    """Return the lagged stimulus ``(rows, lags, features)`` and the rows, by two loops."""
    x = ds["x"].values.reshape(ds.sizes["time"], -1)
    trial, rows, seen = ds["trial"].values, [], []
    for t in range(len(x)):
        places = [t - k for k in lags]
        if all(0 <= s < len(x) and trial[s] == trial[t] for s in places):
            rows.append(t)
            seen.append(x[places])
    return np.array(seen), np.array(rows)


CASES = {
    "one signal": {},
    "trials": {"trials": 7},
    "images": {"features": (3, 4), "trials": 3},
    "correlated": {"smooth": 0.8},
}


@pytest.mark.parametrize("lags", [LAGS, (-2, 4)])
@pytest.mark.parametrize("case", CASES)
def test_the_average_is_the_sum_by_hand(case, lags):
    ds = recording(n=600, **CASES[case])
    seen, rows = windows_of(ds, range(*lags) if isinstance(lags, tuple) else range(lags))
    found = bg.sta(ds, "x", "y", lags=lags)
    for unit in ds["unit"].values:
        y = ds["y"].sel(unit=unit).values[rows].astype(float)
        by_hand = np.tensordot(y, seen, 1) / y.sum() - seen.mean(axis=0)
        one = found["sta"].sel(unit=unit)
        np.testing.assert_allclose(one.values.reshape(by_hand.shape), by_hand, atol=1e-13)
        assert found["n_spikes"].sel(unit=unit) == y.sum()
    assert found["sta"].dims == ("unit", "lag", *ds["x"].dims[1:])
    np.testing.assert_allclose(found["lag_time"], 0.01 * found["lag"])


@pytest.mark.parametrize("case", CASES)
def test_the_whitened_average_is_the_flat_gaussian_glm(case):
    ds = recording(n=800, **CASES[case])
    found = bg.whitened_sta(ds, "x", "y", lags=LAGS)["whitened_sta"]
    model = bg.GLM("y", bg.Lagged("x", lags=LAGS, prior=bg.Flat()))
    flat = bg.fit_map(model, ds)["map"]["x"]
    np.testing.assert_allclose(found.values, flat.values, rtol=0, atol=1e-11)


def test_data_of_any_order_far_from_zero_give_the_same():
    ds = recording(n=700, features=(3,), trials=2)
    moved = ds.assign(x=1e6 + ds["x"]).transpose("pixel_0", "unit", "time")
    for verb, name in ((bg.sta, "sta"), (bg.whitened_sta, "whitened_sta")):
        one, other = (verb(each, "x", "y", lags=LAGS) for each in (ds, moved))
        for variable in (name, f"{name}_se"):
            np.testing.assert_allclose(one[variable], other[variable], rtol=1e-7, atol=1e-8)


def test_neurons_with_a_stimulus_of_their_own_have_their_own_average():
    ds = recording(n=500)
    own = ds.assign(x=xr.concat([ds["x"], -ds["x"]], "unit").transpose("time", "unit"))
    both = bg.sta(own, "x", "y", lags=LAGS)["sta"]
    common = bg.sta(ds, "x", "y", lags=LAGS)["sta"]
    np.testing.assert_allclose(both.isel(unit=0), common.isel(unit=0), atol=1e-13)
    np.testing.assert_allclose(both.isel(unit=1), -common.isel(unit=1), atol=1e-13)


def test_the_average_of_an_exponential_neuron_is_its_filter():
    """Of a white normal stimulus and the rate exp(a + k x) it is k (Bussgang; Paninski 2004)."""
    ds = recording(n=60_000, seed=3)
    truth = 0.5 * FILTER
    found = bg.sta(ds, "x", "y", lags=LAGS)
    z = (found["sta"] - truth) / found["sta_se"]
    assert np.abs(z).max() < 4.0
    assert found["sta_se"].max() < 0.02


@pytest.mark.parametrize(("verb", "name"), [(bg.sta, "sta"), (bg.whitened_sta, "whitened_sta")])
def test_bands_hold_as_often_as_they_say(verb, name):
    """Over repetitions the errors are the spread of the estimates, bursts within them or not."""
    estimates, errors = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        ds = recording(n=2000, seed=seed, units=1, smooth=0.5)
        shared = np.repeat(rng.gamma(2.0, 0.5, 200), 10)  # gains that last for 10 bins
        ds["y"] = ds["y"].copy(data=rng.poisson(shared[:, None] * ds["y"].values))
        found = verb(ds, "x", "y", lags=LAGS)
        estimates.append(found[name].values.ravel())
        errors.append(found[f"{name}_se"].values.ravel())
    spread = np.std(estimates, axis=0, ddof=1)
    ratio = np.sqrt(np.mean(np.square(errors), axis=0)) / spread
    assert (np.abs(ratio - 1.0) < 0.3).all()
    assert abs(ratio.mean() - 1.0) < 0.15


def quadratic(c, n=30_000, seed=0):
    """Return spikes at the rate exp(-1 + c z^2), z being a unit filter of a white stimulus."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    unit = FILTER / np.linalg.norm(FILTER)
    z = np.convolve(x, unit)[:n]
    return {"x": x, "y": rng.poisson(np.exp(np.minimum(-1.0 + c * z**2, 4.0)))}, unit


@pytest.mark.parametrize("c", [-0.5, 0.15])
def test_the_variance_before_spikes_is_that_of_the_closed_form(c):
    """Of rates exp(c z^2) the stimulus before spikes is normal, of variance 1 / (1 - 2 c)."""
    data, unit = quadratic(c, seed=1)
    found = bg.stc(data, "x", "y", lags=LAGS, shuffles=100, prob=0.99)
    place = 0 if c > 0 else -1
    assert found["significant"].sum() == 1
    one = found.isel(axis=place)
    assert bool(one["significant"])
    assert abs(one["variance"] - 1 / (1 - 2 * c)) < 4 * one["variance_se"]
    assert one["variance_se"] < 0.05
    z = (one["filter"] - unit) / one["filter_se"]
    assert np.abs(z).max() < 4.0
    assert found["null_lower"] < 1.0 < found["null_upper"]


def test_variances_and_filters_solve_the_problem_of_two_covariances():
    ds = recording(n=900, features=(2,), trials=3, units=1, smooth=0.6)
    seen, rows = windows_of(ds, range(3))
    X, y = seen.reshape(len(rows), -1), ds["y"].values[rows, 0].astype(float)
    everywhere = np.cov(X.T, bias=True)
    before = np.cov(X.T, bias=True, fweights=y.astype(int))
    found = bg.stc(ds, "x", "y", lags=3, shuffles=20).isel(unit=0)
    V = found["filter"].values.reshape(6, -1)
    np.testing.assert_allclose(V @ everywhere @ V.T, np.eye(6), atol=1e-9)
    np.testing.assert_allclose(V @ before @ V.T, np.diag(found["variance"]), atol=1e-9)
    assert (np.diff(found["variance"]) <= 0).all()


def test_errors_of_variances_are_their_spread_over_repetitions():
    estimates, errors = [], []
    for seed in range(40):
        data, _ = quadratic(-0.5, n=3000, seed=seed)
        found = bg.stc(data, "x", "y", lags=3, shuffles=20).isel(axis=-1)
        estimates.append([float(found["variance"]), *np.abs(found["filter"].values)])
        errors.append([float(found["variance_se"]), *found["filter_se"].values])
    ratio = np.sqrt(np.mean(np.square(errors), axis=0)) / np.std(estimates, axis=0, ddof=1)
    assert (np.abs(ratio - 1.0) < 0.4).all()


def test_without_structure_hardly_an_axis_is_called_significant():
    rng = np.random.default_rng(1)
    calls = 0
    for seed in range(25):
        data = {"x": rng.normal(size=1500), "y": rng.poisson(0.3, 1500)}
        found = bg.stc(data, "x", "y", lags=5, shuffles=60, prob=0.9, seed=seed)
        calls += bool(found["significant"].any())
    assert calls <= 7  # of 25 at 10%: 8 or more with a probability of 0.2%


def test_shuffles_are_seeded():
    data, _ = quadratic(0.15, n=2000)
    one, same, other = (bg.stc(data, "x", "y", lags=3, shuffles=20, seed=s) for s in (0, 0, 1))
    xr.testing.assert_identical(one, same)
    assert float(one["null_upper"]) != float(other["null_upper"])


@pytest.mark.parametrize("name", ["sta", "whitened_sta", "variance"])
def test_a_silent_unit_is_named_and_the_others_are_averaged(name):
    ds = recording(n=300)
    ds["y"][:, 1] = 0
    verb = {"sta": bg.sta, "whitened_sta": bg.whitened_sta, "variance": bg.stc}[name]
    with pytest.warns(bg.BayesGLMWarning, match=r"no spikes of 1 of 2 neurons \(unit=u1\)"):
        found = verb(ds, "x", "y", lags=3)
    for part in ("", "_se", "_lower", "_upper"):
        assert np.isnan(found[name + part].isel(unit=1)).all()
        assert np.isfinite(found[name + part].isel(unit=0)).all()


@pytest.mark.parametrize("n_spikes", [1, 4, 40])
def test_errors_of_few_spikes_are_those_of_independent_ones(n_spikes):
    """An average of m draws of noise of sd 3 has the error 3 / sqrt(m)."""
    estimates, errors = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        y = np.zeros(4000)
        y[rng.choice(np.arange(10, 4000), n_spikes, replace=False)] = 1.0
        data = {"x": 3.0 * rng.normal(size=4000), "y": y}
        if n_spikes < 10:
            with pytest.warns(bg.BayesGLMWarning, match=f"fewer than 10 .*first with {n_spikes}:"):
                found = bg.sta(data, "x", "y", lags=2)
        else:
            found = bg.sta(data, "x", "y", lags=2)
        estimates.append(found["sta"].values)
        errors.append(found["sta_se"].values)
    assert np.min(errors) > 0.9 * 3.0 / np.sqrt(n_spikes)
    assert 0.7 < np.mean(errors) / np.std(estimates) < 1.5


def test_samples_that_read_gaps_are_left_out_and_told():
    ds = recording(n=400, trials=2)
    ds["x"][100:103] = np.nan
    ds["y"] = ds["y"].where(ds["time"] != 2.5)
    whole = np.ones(400, dtype=bool)
    whole[[*range(100, 108), 250]] = False
    seen, rows = windows_of(ds, range(LAGS))
    seen, rows = seen[whole[rows]], rows[whole[rows]]
    with pytest.warns(bg.BayesGLMWarning, match="9 of 400 samples read missing values of 'x'"):
        found = bg.sta(ds, "x", "y", lags=LAGS)["sta"].isel(unit=0)
    y = ds["y"].values[rows, 0]
    by_hand = np.tensordot(y, seen, 1) / y.sum() - seen.mean(axis=0)
    np.testing.assert_allclose(found.values, by_hand[:, 0], atol=1e-13)


def test_very_short_recordings_have_wide_errors_and_no_faults():
    rng = np.random.default_rng(0)
    for n in (5, 9, 30):
        data = {"x": rng.normal(size=n), "y": np.arange(n) % 3}
        for verb in (bg.whitened_sta, bg.stc):
            verb(data, "x", "y", lags=2)
        if n == 30:
            bg.sta(data, "x", "y", lags=2)
        else:
            with pytest.warns(bg.BayesGLMWarning, match="fewer than 10 spikes"):
                assert bg.sta(data, "x", "y", lags=2)["sta_se"].min() > 0.1


def test_few_spikes_for_many_lags_are_told():
    ds = recording(n=300, units=1)
    ds["y"][:] = (np.arange(300) % 15 == 5)[:, None]
    with pytest.warns(bg.BayesGLMWarning, match="has 18 spikes, no more than the 25 lags"):
        bg.stc(ds, "x", "y", lags=25, shuffles=20)


@pytest.mark.parametrize(
    ("verb", "change", "words"),
    [
        (bg.sta, {"y": -1.0}, r"'y' is negative in 300 samples, the first at time=5"),
        (bg.sta, {"x": 0.1}, "stimulus 'x' is constant"),
        (bg.whitened_sta, {"x": 1.0}, "constant or collinear over its 6 lags"),
        (bg.stc, {"x": 1.0}, "constant or collinear"),
    ],
)
def test_what_triggers_nothing_is_refused(verb, change, words):
    ds = recording(n=305, units=1).isel(unit=0)
    for name, value in change.items():
        ds[name] = xr.full_like(ds[name], value, dtype=float)
    with pytest.raises(bg.DataError, match=words):
        verb(ds, "x", "y", lags=6)


def test_lags_and_names_are_asked_for_in_words():
    ds = recording(n=100)
    with pytest.raises(bg.ModelError, match=r"needs one of lags= \(samples\) or window="):
        bg.sta(ds, "x", "y")
    with pytest.raises(bg.ModelError, match=r"write sta\(data, 'stimulus', 'spikes', lags=25\)"):
        bg.sta(ds, 25, "y", lags=3)
    with pytest.raises(bg.DataError, match="shuffles must be a whole number of at least 20"):
        bg.stc(ds, "x", "y", lags=3, shuffles=2)
    with pytest.raises(bg.DataError, match="prob must be a number between 0 and 1"):
        bg.whitened_sta(ds, "x", "y", lags=3, prob=94)
