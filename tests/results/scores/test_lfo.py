"""The future by the past: ArviZ's numbers between refits, exact refits, trials, and bad input."""

import numpy as np
import pytest
import xarray as xr
from arviz_stats import SamplingWrapper, lfo_cv
from scipy.special import logsumexp
from scipy.stats import poisson

import bayesglm as bg

N, START = 60, 30
MODEL = bg.GLM("y", bg.Linear("x", prior=bg.Normal(1.0)), "poisson", intercept=bg.Normal(2.0))


def recording(n=N, seed=2, jump=0.3):
    """Counts whose rate is higher in the last third, which makes a past foretell them badly."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    drift = np.where(np.arange(n) < 2 * n // 3, 0.0, jump)
    y = rng.poisson(np.exp(0.5 * x + drift))
    return xr.Dataset({"y": ("time", y), "x": ("time", x)}, {"time": 0.1 * np.arange(n)})


class Refitting(SamplingWrapper):
    """Fits of the past by the verb itself."""

    def sel_observations(self, idx):
        kept = np.setdiff1d(np.arange(N), idx)
        return self.model.isel(time=kept), self.model.isel(time=idx)

    def sample(self, modified_observed_data):
        return bg.fit(MODEL, modified_observed_data, draws=500)

    def get_inference_data(self, fitted_model):
        return fitted_model

    def log_likelihood__i(self, excluded_obs, idata__i):
        posterior = idata__i["posterior"]
        eta = posterior["intercept"] + posterior["x"] * excluded_obs["x"]
        eta, y = xr.broadcast(eta, excluded_obs["y"])
        return xr.apply_ufunc(poisson.logpmf, y, np.exp(eta))


@pytest.mark.parametrize("horizon", [1, 4])
def test_the_numbers_are_arvizs(horizon):
    data = recording(jump=1.5)
    ours = bg.lfo(MODEL, data, horizon=horizon, start=START, draws=500)
    fitted = bg.fit(MODEL, data, draws=500)
    theirs = lfo_cv(fitted, Refitting(data), START, horizon, k_threshold=ours.good_k)
    assert isinstance(ours, type(theirs))
    assert (f"count a moment up to {horizon} times" in repr(ours)) == (horizon > 1)
    assert 0 < ours.n_refits < 10
    np.testing.assert_array_equal(ours.refits, theirs.refits)
    for name in ("elpd", "p", "n_data_points", "forecast_horizon", "min_observations", "kind"):
        expected = getattr(theirs, name)
        same = isinstance(expected, str) or pytest.approx(expected, rel=1e-9)
        assert getattr(ours, name) == (expected if same is True else same)
    n = ours.n_data_points
    assert ours.se == pytest.approx(np.sqrt(horizon * n * ours.elpd_i.var(ddof=1)))
    for name in ("elpd_i", "p_lfo_i", "pareto_k"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), atol=1e-6)
    np.testing.assert_array_equal(ours.elpd_i["time"], theirs.elpd_i["time"])


def exactly(model, data, origins, horizon=1, draws=1000):
    """Fit at every origin; return the joint log densities of what comes next."""
    elpd = []
    for t in origins:
        fitted = bg.fit(model, data.isel(time=slice(0, t)), draws=draws)
        theta = fitted["posterior"].to_dataset().stack(sample=("chain", "draw"))
        ahead = data.isel(time=slice(t, t + horizon))
        eta = theta["intercept"] + theta["x"] * ahead["x"]
        if "history" in theta:
            eta = eta + (theta["history"] * past(data, t, horizon, theta)).sum("history_lag")
        log_p = xr.apply_ufunc(poisson.logpmf, ahead["y"], np.exp(eta)).sum("time")
        elpd.append(float(logsumexp(log_p) - np.log(log_p.size)))
    return np.array(elpd)


def past(data, t, horizon, theta):
    every = [data["y"].isel(time=slice(t - k, t - k + horizon)) for k in (1, 2)]
    values = np.stack([one.values for one in every], axis=-1)
    coords = {"time": data["time"][t : t + horizon], "history_lag": theta["history_lag"]}
    return xr.DataArray(values, coords, ("time", "history_lag"))


@pytest.mark.parametrize(("lags", "horizon"), [(0, 1), (2, 3)])
def test_exact_refits_agree(lags, horizon):
    data = recording(32)
    model = MODEL
    if lags:
        model = bg.GLM(
            "y",
            [bg.Linear("x", prior=bg.Normal(1.0)), bg.History(lags, prior=bg.Normal(0.2))],
            "poisson",
            intercept=bg.Normal(2.0),
        )
    ours = bg.lfo(model, data, horizon=horizon, start=20 - lags)
    assert ours.n_refits < 10
    expected = exactly(model, data, np.arange(20, 33 - horizon), horizon)
    # Monte-Carlo errors of weights at their limit: a few hundredths of a nat.
    np.testing.assert_allclose(ours.elpd_i, expected, atol=0.05 * horizon)
    assert ours.elpd == pytest.approx(expected.sum(), abs=0.15 * horizon)


def test_time_and_trials_set_the_order():
    data = recording(40).assign_coords(trial=("time", np.repeat([7, 3], 20)))
    data["time"] = np.tile(0.1 * np.arange(20), 2)
    data["time"] = data["time"] - 0.1 * (data["trial"] == 3)  # the first time of all
    swapped = data.isel(time=np.r_[20:40, 0:20])
    plain = swapped.drop_vars("trial").assign_coords(time=np.arange(40.0))
    for horizon, n in ((1, 30), (6, 10 - 5 + 20 - 5)):
        ours = bg.lfo(MODEL, data, horizon=horizon, start=10, draws=250)
        assert ours.n_data_points == n
        whole = bg.lfo(MODEL, plain, horizon=horizon, start=10, draws=250)
        kept = np.isin(np.arange(10, 41 - horizon), np.r_[10 : 21 - horizon, 20 : 41 - horizon])
        np.testing.assert_allclose(ours.elpd_i, whole.elpd_i[kept], rtol=1e-9)
        np.testing.assert_array_equal(ours.elpd_i["trial"].values[: 11 - horizon], 3)
    again = data.isel(time=np.random.default_rng(0).permutation(40))
    shuffled = bg.lfo(MODEL, again, start=10, draws=250)
    first = bg.lfo(MODEL, data, start=10, draws=250)
    assert shuffled.elpd == pytest.approx(first.elpd, abs=1e-6)


def test_many_trials_shorter_than_the_horizon():
    lengths = [12, *[2] * 25, 12]
    short = recording(sum(lengths), jump=0.0)
    short = short.assign_coords(trial=("time", np.repeat(np.arange(len(lengths)), lengths)))
    scores = bg.lfo(MODEL, short, horizon=4, start=6)
    assert scores.elpd_i["trial"].values.tolist() == [0] * 3 + [26] * 9
    last = bg.fit(MODEL, short.isel(time=slice(0, -4)))["posterior"]
    eta = (last["intercept"] + last["x"] * short["x"][-4:]).stack(one=("chain", "draw"))
    values = poisson.logpmf(short["y"][-4:].values[:, None], np.exp(eta.transpose("time", "one")))
    expected = logsumexp(values.sum(axis=0)) - np.log(values.shape[1])
    assert scores.elpd_i.values[-1] == pytest.approx(expected, abs=0.02)


def test_samples_of_one_moment_are_foretold_together():
    data = recording(40).assign_coords(time=np.repeat(np.arange(20.0), 2))
    one = bg.lfo(MODEL, data, start=8, draws=250)
    two = bg.lfo(MODEL, recording(40), horizon=2, start=16, draws=250)
    np.testing.assert_allclose(one.elpd_i, two.elpd_i[::2], atol=1e-9)


def test_neurons_of_a_population_are_each_their_own():
    data = recording(40)
    pair = xr.Dataset({"y": data["y"].expand_dims(neuron=["a", "b"], axis=1), "x": data["x"]})
    pair["y"] = pair["y"].copy()
    pair["y"][:, 1] = pair["y"][:, 0].values[::-1]
    both = bg.lfo(MODEL, pair, start=20, draws=250)
    assert both.elpd_i.dims == ("time", "neuron")
    assert both.n_data_points == 40
    alone = bg.lfo(MODEL, data.assign(y=pair["y"].isel(neuron=0)), start=20, draws=250)
    np.testing.assert_allclose(both.elpd_i.sel(neuron="a"), alone.elpd_i, atol=0.1)
    pooled = bg.GLM("y", bg.Linear("x", pooled=True), "poisson", intercept=bg.Normal(2.0))
    joint = bg.lfo(pooled, pair, start=34, draws=100, chains=2)
    np.testing.assert_array_equal(np.isnan(joint.pareto_k[:, 0]), np.isnan(joint.pareto_k[:, 1]))


@pytest.mark.parametrize("n_levels", [6, 60])
def test_levels_that_the_past_has_not_seen(n_levels):
    data = recording().assign(g=("time", np.arange(N) * n_levels // N))
    model = bg.GLM("y", bg.Group("g", prior=bg.Normal(0.5)), "poisson", intercept=bg.Normal(2.0))
    ours = bg.lfo(model, data, start=50, draws=500)
    fitted = bg.fit(model, data.isel(time=slice(0, 50)), draws=500)
    level = fitted["posterior"]["intercept"].values.ravel()
    effect = 0.5 * np.random.default_rng(1).normal(size=(400, len(level)))
    chance = poisson.pmf(int(data["y"][50]), np.exp(level + effect))
    error = chance.std() / chance.mean() / np.sqrt(len(level))
    assert float(ours.elpd_i[0]) == pytest.approx(np.log(chance.mean()), abs=4.0 * error)


def test_compare_takes_what_lfo_gives():
    data = recording(40)
    with_x, without = (
        bg.lfo(bg.GLM("y", terms, "poisson", prior=bg.Normal(1.0), intercept=bg.Normal(2.0)), data)
        for terms in ("x", [])
    )
    assert with_x.min_observations == 10
    table = bg.compare({"x": with_x, "nothing": without})
    assert table["elpd"]["x"] == with_x.elpd
    assert "nats over 30 moments" in table.attrs["sentences"][0]


def test_a_past_that_is_lost_moves_no_moment():
    """Each trial loses its first moments under a history, and a quarter of the rest is less."""
    data = recording().assign_coords(trial=("time", np.arange(N) // 10))
    lagged = bg.GLM("y", bg.Lagged("x", lags=3, prior=bg.Normal(1.0)), "poisson")
    elpds = {
        name: bg.lfo(model, data, draws=250, chains=2)
        for name, model in {"past": lagged, "none": bg.GLM("y", [], "poisson")}.items()
    }
    assert [one.min_observations for one in elpds.values()] == [12, 15]
    with pytest.warns(bg.BayesGLMWarning, match="compared on the 36 moments .* 9 of 'none'"):
        table = bg.compare(elpds)
    times = np.intersect1d(*(one.elpd_i["time"] for one in elpds.values()))
    for name, one in elpds.items():
        assert table.loc[name, "elpd"] == pytest.approx(float(one.elpd_i.sel(time=times).sum()))


@pytest.mark.parametrize("horizon", [1, 3])
def test_bits_beyond_the_rate_of_the_past(horizon):
    data = recording(40)
    elpd = bg.lfo(MODEL, data, horizon=horizon, start=30, draws=250)
    y = data["y"].values
    constant = [
        poisson.logpmf(y[t : t + horizon], y[:t].mean()).sum() for t in range(30, 41 - horizon)
    ]
    events = sum(y[t : t + horizon].sum() for t in range(30, 41 - horizon))
    bits = (elpd.elpd - sum(constant)) / (events * np.log(2.0))
    told = bg.bits_per_spike(elpd).iloc[0]
    assert told["bits_per_spike"] == pytest.approx(bits, rel=1e-9)
    assert told["spikes"] == pytest.approx(events / horizon)
    assert told["log_score"] == pytest.approx(elpd.elpd / horizon)
    spread = np.std(elpd.elpd_i.values - constant) * np.sqrt(horizon * len(constant))
    assert told["se"] == pytest.approx(spread / (events * np.log(2.0)), rel=1e-9)


def test_data_without_time_are_taken_in_their_order():
    timeless = {name: recording(40)[name].values for name in ("y", "x")}
    with pytest.warns(bg.BayesGLMWarning, match="have no 'time', so lfo takes the samples in"):
        ours = bg.lfo(MODEL, timeless, start=20, draws=250)
    timed = bg.lfo(MODEL, recording(40), start=20, draws=250)
    np.testing.assert_array_equal(ours.elpd_i, timed.elpd_i)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"start": 40}, "start=40 and horizon=1 need 41 moments of time"),
        ({"horizon": 35}, "start=10 and horizon=35 need 45 moments"),
        ({"horizon": 12, "start": 5}, "no trial after the first 5 moments is as long"),
        ({"horizon": 0}, "horizon must be a whole number of at least 1"),
        ({"start": 0}, "start must be a whole number of at least 1"),
        ({"start": -3}, "start must be a whole number"),
        ({"horizon": 1.5}, "horizon must be a whole number"),
        ({"start": np.nan}, "start must be a whole number"),
        ({"start": True}, "start must be a whole number"),
        ({"start": "2020-01-01"}, "start must be a whole number"),
        ({"draws": 3, "chains": 1}, r"too few draws to be weighted \(3\)"),
    ],
)
def test_bad_horizons_and_starts(asked, message):
    data = recording(40).assign_coords(trial=("time", np.arange(40) // 10))
    with pytest.raises(bg.DataError, match=message):
        bg.lfo(MODEL, data, **asked)


def test_pasts_that_cannot_be_fitted_or_foretell_nothing():
    data = recording(40)
    flat = bg.GLM("y", bg.Linear("x", prior=bg.Flat()), "poisson")
    silent = data.assign(y=data["y"] * (data["time"] > 2.5))
    with pytest.raises(bg.DataError, match="the posterior of the first 10 moments of time cannot"):
        bg.lfo(flat, silent)
