"""Simulated recordings: what they hold, that the truth is theirs, and that a fit finds it."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats
from scipy.special import expit

import bayesglm as bg

MADE = {
    "retina": lambda seed: bg.datasets.simulate_retina(20_000, seed=seed),
    "population": lambda seed: bg.datasets.simulate_population(20, 20_000, seed=seed),
    "choices": lambda seed: bg.datasets.simulate_choices(seed=seed),
    "three choices": lambda seed: bg.datasets.simulate_choices(n_choices=3, seed=seed),
}


@pytest.mark.parametrize("name", MADE)
def test_a_seed_says_all(name):
    xr.testing.assert_identical(MADE[name](3), MADE[name](3))
    with pytest.raises(AssertionError):
        xr.testing.assert_equal(MADE[name](3), MADE[name](4))


def rate_by_hand(ds):
    """Return the expected counts from the truth and what came before, lag by lag."""
    spikes = ds["spikes"].values.astype(float)
    eta = np.tile(ds["true_intercept"].values, (len(spikes), 1))
    unit = ds["spikes"].dims[1]
    if "stimulus" in ds:
        for k in ds["stimulus_lag"].values:
            past = np.concatenate([np.zeros(k), ds["stimulus"].values[: len(spikes) - k]])
            eta += past[:, None] * ds["true_stimulus"].sel(stimulus_lag=k).values
    for k in ds["history_lag"].values:
        past = np.concatenate([np.zeros((k, ds.sizes[unit])), spikes[:-k]])
        eta += past * ds["true_history"].sel(history_lag=k).values
        heard = np.nan_to_num(ds["true_coupling"].sel(coupling_lag=k).values)
        eta += past @ heard.T
    return np.exp(eta)


@pytest.mark.parametrize("name", ["retina", "population"])
@pytest.mark.parametrize("seed", [0, 1])
def test_counts_are_poisson_around_the_rate_that_the_truth_gives(name, seed):
    ds = MADE[name](seed)
    rate = rate_by_hand(ds)
    np.testing.assert_allclose(ds["true_rate"], rate, rtol=1e-9)
    spikes = ds["spikes"].values.astype(float)
    assert np.isnan(np.diagonal(ds["true_coupling"].values)).all()
    z = (spikes - rate).sum(axis=0) / np.sqrt(rate.sum(axis=0))
    assert (np.abs(z) < 4).all()
    # Counts of none, one, two and more, where they are to be expected.
    for count in (0, 1, 2):
        chance = stats.poisson.pmf(count, rate)
        z = ((spikes == count) - chance).sum() / np.sqrt((chance * (1 - chance)).sum())
        assert abs(z) < 4


def test_recordings_have_the_shapes_of_the_public_ones():
    ds = bg.datasets.simulate_retina()
    assert dict(ds["spikes"].sizes) == {"time": 144_051, "cell": 4}
    assert ds["spikes"].dtype == np.uint8
    np.testing.assert_allclose(np.diff(ds["time"]), 1 / 120, rtol=1e-9)
    rates = ds["spikes"].mean("time") * 120
    assert ((rates > 10) & (rates < 40)).all()
    assert ds["spikes"].max() < 20
    ds = bg.datasets.simulate_population()
    assert dict(ds["spikes"].sizes) == {"time": 60_000, "unit": 100}
    assert ((ds["spikes"].mean("time") * 1000 > 1) & (ds["spikes"].mean("time") * 1000 < 80)).all()
    connected = (np.nan_to_num(ds["true_coupling"].values) != 0).any(axis=-1)
    assert 0.05 < connected.mean() < 0.15
    assert bg.datasets.simulate_choices()["spikes"].shape == (276, 691)


def test_choices_follow_their_probabilities():
    ds = bg.datasets.simulate_choices(4000, 60, seed=2)
    p = expit(ds["true_intercept"] + ds["spikes"] @ ds["true_spikes"])
    np.testing.assert_allclose(ds["true_probability"], p, rtol=1e-9)
    z = (ds["choice"] - p).sum() / np.sqrt((p * (1 - p)).sum())
    assert abs(z) < 4
    three = bg.datasets.simulate_choices(4000, 60, n_choices=3, seed=2)
    p = three["true_probability"]
    np.testing.assert_allclose(p.sum("choice_level"), 1.0, rtol=1e-12)
    z = ((three["choice"] == three["choice_level"]) - p).sum("obs") / np.sqrt((p * (1 - p)).sum())
    assert (np.abs(z) < 4).all()


def test_a_fit_finds_the_truth_by_its_names():
    ds = bg.datasets.simulate_retina(60_000, seed=5)
    smooth = bg.smooth(20.0)
    terms = [
        bg.Lagged("stimulus", lags=25, prior=smooth),
        bg.History(lags=20, prior=bg.ridge(1.0)),
        bg.Coupling(lags=20, prior=bg.ridge(10.0)),
    ]
    found = bg.fit_map(bg.GLM("spikes", terms, family="poisson"), ds)["map"].to_dataset()
    for name, least in (("stimulus", 0.99), ("history", 0.98), ("coupling", 0.85)):
        pairs = xr.align(found[name], ds[f"true_{name}"], join="exact")
        estimate, truth = (one.transpose(*found[name].dims).values.ravel() for one in pairs)
        there = np.isfinite(truth)
        np.testing.assert_array_equal(there, np.isfinite(estimate))
        assert np.corrcoef(estimate[there], truth[there])[0, 1] > least
    np.testing.assert_allclose(found["intercept"], ds["true_intercept"], rtol=0, atol=0.1)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: bg.datasets.simulate_retina(0), "n_bins must be a whole number of at least 1"),
        (lambda: bg.datasets.simulate_population(2.5), "n_units must be a whole number"),
        (lambda: bg.datasets.simulate_population(bin_size=0.0), "bin_size must be a positive time"),
        (lambda: bg.datasets.simulate_choices(1), "n_trials must be a whole number of at least 2"),
        (lambda: bg.datasets.simulate_choices(n_choices=4), "n_choices must be 2 or 3, got 4"),
        (lambda: bg.datasets.simulate_retina(seed=-1), "seed must be a whole number"),
    ],
)
def test_what_cannot_be_simulated_is_refused(call, words):
    with pytest.raises(bg.DataError, match=words):
        call()
