"""Bits per spike: by hand, in sample and out of it, per unit, and of what they are refused."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom, poisson

import bayesglm as bg

MODEL = bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0))


def counts(n=160, seed=3, **others):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    return {"y": rng.poisson(np.exp(0.7 * x - 1.0)), "x": x, **others}


def of(table, column="bits_per_spike"):
    return table[column].to_numpy()


def test_in_sample_by_hand():
    data = counts()
    fit = bg.fit_map(MODEL, data)
    mean = bg.predict(fit)["y"].values
    gained = poisson.logpmf(data["y"], mean) - poisson.logpmf(data["y"], data["y"].mean())
    table = bg.bits_per_spike(fit)
    per_spike = np.log(2.0) * data["y"].sum()
    assert table.index.name == "response"
    assert of(table)[0] == pytest.approx(gained.sum() / per_spike, rel=1e-9)
    assert of(table, "se")[0] == pytest.approx(np.sqrt(160 * gained.var()) / per_spike, rel=1e-9)
    assert of(table, "spikes")[0] == data["y"].sum()
    draws = bg.fit(MODEL, data, draws=250)
    lppd = np.log(np.exp(draws["log_likelihood"]["y"]).mean(("chain", "draw"))).sum()
    every = draws["log_likelihood"]["y"].size // 160
    table = bg.bits_per_spike(draws, draws=every)
    assert of(table, "log_score")[0] == pytest.approx(float(lppd), rel=1e-9)
    assert table.attrs["draws"] == every


def test_few_draws_cost_what_their_docstring_says():
    fit = bg.fit(MODEL, counts(), draws=8000)
    log_p = fit["log_likelihood"]["y"].stack(all=("chain", "draw")).transpose("obs", "all").values
    every, some = (bg.bits_per_spike(fit, draws=n) for n in (log_p.shape[1], 200))
    assert of(bg.bits_per_spike(fit)) == of(some)
    assert some.attrs["draws"] == 200
    # The bias sum_i var_i / (2 S), and the noise of the sum over rows, of the same 200 draws.
    per_draw = np.exp(log_p - np.log(np.exp(log_p).mean(axis=1, keepdims=True))).sum(axis=0)
    allowed = log_p.var(axis=1).sum() / 400 + 4 * per_draw.std() / np.sqrt(200)
    assert allowed < 0.5
    assert abs(of(some, "log_score") - of(every, "log_score"))[0] < allowed


def test_weights_exposures_and_trials_are_those_of_the_constant_rate():
    rng = np.random.default_rng(0)
    km, weights = rng.uniform(0.5, 2.0, 160), rng.choice([0.0, 1.0, 2.0], 160)
    data = counts(km=km, w=weights)
    model = bg.GLM("y", "x", "poisson", prior=bg.Normal(1.0), exposure="km", weights="w")
    rate = (weights * data["y"]).sum() / (weights * km).sum()
    expected = (weights * poisson.logpmf(data["y"], rate * km)).sum()
    table = bg.bits_per_spike(bg.fit_map(model, data))
    assert of(table, "constant_log_score")[0] == pytest.approx(expected, rel=1e-9)
    assert of(table, "spikes")[0] == (weights * data["y"]).sum()
    trials = rng.integers(1, 6, 160)
    yes = {"y": rng.binomial(trials, 0.3), "x": data["x"], "n": trials}
    fit = bg.fit_map(bg.GLM("y", "x", "binomial", trials="n", prior=bg.Normal(1.0)), yes)
    expected = binom.logpmf(yes["y"], trials, yes["y"].sum() / trials.sum()).sum()
    assert of(bg.bits_per_spike(fit), "constant_log_score")[0] == pytest.approx(expected, rel=1e-9)


def test_held_out_rates_are_those_of_the_other_rows():
    data = counts(trial=np.repeat(np.arange(16), 10))
    y = data["y"]
    scores = bg.loo(bg.fit(MODEL, data, draws=250))
    rate = (y.sum() - y) / (len(y) - 1)
    table = bg.bits_per_spike(scores)
    expected = poisson.logpmf(y, rate)
    assert of(table, "constant_log_score")[0] == pytest.approx(expected.sum(), rel=1e-9)
    assert of(table, "log_score")[0] == pytest.approx(scores.elpd, rel=1e-9)
    by_time = bg.bits_per_spike(bg.kfold(MODEL, data, by="obs", folds=4, draws=50))
    blocks = y.reshape(4, 40)
    others = np.repeat([np.delete(blocks, k, axis=0).mean() for k in range(4)], 40)
    expected = poisson.logpmf(y, others).sum()
    assert of(by_time, "constant_log_score")[0] == pytest.approx(expected, rel=1e-9)
    by_trial = bg.bits_per_spike(bg.kfold(MODEL, data, by="trial", folds=16, draws=50))
    own = np.repeat(y.reshape(16, 10).sum(axis=1), 10)
    expected = poisson.logpmf(y, (y.sum() - own) / 150).sum()
    assert of(by_trial, "constant_log_score")[0] == pytest.approx(expected, rel=1e-9)
    assert of(by_trial, "spikes")[0] == y.sum()


def test_units_have_rows_and_silent_ones_are_named():
    data = bg.as_dataset({"y": np.stack([counts()["y"], np.zeros(160)], 1), "x": counts()["x"]})
    data = data.assign_coords(y_dim_0=["loud", "silent"])
    model = replace(MODEL, intercept=bg.Normal(1e3))
    fit = bg.fit_map(model, data)
    with pytest.warns(bg.BayesGLMWarning, match=r"1 of 2 units have no spikes, .* 'silent'"):
        table = bg.bits_per_spike(fit)
    assert table.index.tolist() == ["loud", "silent"]
    alone = bg.bits_per_spike(bg.fit_map(model, counts()))
    assert of(table)[0] == pytest.approx(of(alone)[0], rel=1e-6)
    assert np.isnan(of(table)[1])


def test_what_it_is_refused_of():
    data = counts()
    gaussian = bg.GLM("y", "x", prior=bg.Normal(1.0), dispersion=1.0)
    fit = bg.fit(gaussian, data, draws=500)
    for scored in (fit, bg.loo(fit)):
        with pytest.raises(bg.ModelError, match=r"'y'.* log scores, with compare"):
            bg.bits_per_spike(scored)
    with pytest.raises(bg.DataError, match="a fit is needed"):
        bg.bits_per_spike(3)
    above = {"y": data["y"][data["y"] > 0], "x": data["x"][data["y"] > 0]}
    above["low"] = np.full(len(above["y"]), 0.5)
    seen = bg.GLM("y", "x", "poisson", prior=bg.Normal(1.0), truncated=("low", None))
    with pytest.raises(bg.ModelError, match="truncated"):
        bg.bits_per_spike(bg.fit_map(seen, above))
