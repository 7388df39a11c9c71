"""Counts of levels, all the way: each count is as many labels, and every verb takes them."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.special import gammaln

import bayesglm as bg

N = 80
RNG = np.random.default_rng(11)
U, V = RNG.normal(size=(2, N))
ETA = np.column_stack([np.zeros(N), 0.8 * U, 0.5 - V])
TRIALS = RNG.integers(0, 6, N)
COUNTS = RNG.multinomial(TRIALS, np.exp(ETA) / np.exp(ETA).sum(axis=1, keepdims=True))
SIDES = ["left", "right", "none"]
DATA = {"y": pd.DataFrame(COUNTS, columns=SIDES), "u": U, "v": V, "n": TRIALS}
LONG = pd.DataFrame({"row": np.repeat(np.arange(N), 3), "y": np.tile(SIDES, N)}).loc[
    np.repeat(np.arange(3 * N), COUNTS.reshape(-1))
]
LABELS = {"y": LONG["y"].to_numpy(), "u": U[LONG["row"]], "v": V[LONG["row"]]}


def model_of(family="multinomial", **options):
    return bg.GLM("y", ["u", "v"], family=family, **{"prior": bg.Normal(1.0), **options})


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"reference": "none"},
        {"reference": None},
        {"intercept": bg.Normal(1.0)},
        {"levels": ["none", "left", "right"]},
        {"prior": bg.Flat()},
        {"prior": bg.lasso(2.0)},
    ],
)
def test_counts_are_as_many_labels(options):
    levels = options.get("levels", SIDES)
    counts = bg.fit_map(model_of(**options), DATA)["map"]
    labels = bg.fit_map(model_of("categorical", **{"levels": levels, **options}), LABELS)["map"]
    for name in ("intercept", "u", "v"):
        xr.testing.assert_allclose(counts[name], labels[name], atol=1e-6)


def test_the_log_posterior_has_the_orders_in_which_labels_come():
    counts, labels = (
        bg.fit_map(model_of(), DATA),
        bg.fit_map(model_of("categorical", levels=SIDES), LABELS),
    )
    orders = gammaln(TRIALS + 1.0).sum() - gammaln(COUNTS + 1.0).sum()
    known = labels.attrs["log_posterior"] + orders
    assert counts.attrs["log_posterior"] == pytest.approx(known, rel=1e-12)


def test_levels_selects_and_orders():
    fit = bg.fit_map(model_of(levels=["none", "left"]), DATA)
    assert fit["map"]["y_level"].values.tolist() == ["left"]
    of_two = DATA | {"y": DATA["y"][["none", "left"]]}
    np.testing.assert_allclose(fit["map"]["u"], bg.fit_map(model_of(), of_two)["map"]["u"])
    assert bg.predict(fit)["y"].sum() == pytest.approx(COUNTS[:, [2, 0]].sum())


def test_a_dataset_may_call_the_dim_of_the_levels_as_the_fit_does():
    data = xr.Dataset(
        {"y": (("obs", "y_level"), COUNTS), "u": ("obs", U), "v": ("obs", V)},
        {"y_level": SIDES},
    )
    fit = bg.fit_map(model_of(), data)
    xr.testing.assert_allclose(fit["map"]["u"], bg.fit_map(model_of(), DATA)["map"]["u"])
    other = data.assign(v=data["y"] * 1.0)
    with pytest.raises(bg.ModelError, match="'y_level' of the data cannot keep its name"):
        bg.fit_map(model_of(), other)


@pytest.mark.parametrize("options", [{}, {"trials": "n", "reference": None}])
def test_every_verb_takes_counts(options, tmp_path):
    fit = bg.fit(model_of(**options), DATA, draws=100, chains=2)
    assert fit["observed_data"]["y"].dims == ("obs", "y_level")
    bg.save(fit, tmp_path / "fit.nc")
    again = bg.load(tmp_path / "fit.nc")
    rows = again["observed_data"]["obs"].values
    mean = bg.predict(again)["y"].isel(obs=rows)
    np.testing.assert_allclose(mean.sum("y_level"), TRIALS[rows] + np.zeros((2, 100, 1)))
    drawn = bg.predict(again, kind="response")["y"].isel(obs=rows)
    assert drawn.dims == ("chain", "draw", "obs", "y_level")
    np.testing.assert_array_equal(drawn.sum("y_level"), TRIALS[rows] + np.zeros((2, 100, 1)))
    error = drawn.std(("chain", "draw")) / np.sqrt(200.0) + 1e-9
    away = np.abs(drawn.mean(("chain", "draw")) - mean.mean(("chain", "draw"))) / error
    assert float(away.max()) < 5.0
    assert bg.loo(again).n_data_points == len(rows)
    assert len(bg.compare({"one": fit, "same": again})) == 2
    assert np.isfinite(bg.kfold(model_of(**options), DATA, folds=2, draws=50, chains=2).elpd)
    assert "Multinomial(" in bg.report({"counts": again}, tmp_path / "report.html").read_text()
    model = bg.GLM.from_json(again.attrs["model"])
    assert model.levels == tuple(SIDES)


def test_native_nuts_has_the_posterior_of_counts():
    one = bg.fit(model_of(), DATA, draws=400, chains=2)["posterior"]
    other = bg.fit_mcmc(model_of(), DATA, draws=400, chains=2, engine="native")["posterior"]
    over = ("chain", "draw")
    for name in ("intercept", "u", "v"):
        away = np.abs(one[name].mean(over) - other[name].mean(over))
        assert np.all(away < 0.3 * other[name].std(over))


def test_new_data_tell_the_number_of_trials():
    fit, new = bg.fit_map(model_of(trials="n"), DATA), {"u": [0.0, 1.0], "v": [0.5, 0.0]}
    shares = bg.predict(fit, new | {"n": [1, 1]})["y"]
    np.testing.assert_allclose(bg.predict(fit, new | {"n": [3, 5]})["y"], shares * [[3], [5]])
    without = bg.fit_map(model_of(), DATA)
    counted = pd.DataFrame([[1, 2, 0], [0, 0, 5]], columns=SIDES)
    np.testing.assert_allclose(bg.predict(without, new | {"y": counted})["y"], shares * [[3], [5]])
    assert bg.predict(without, new, kind="linear")["y"].shape == (2, 2)
    with pytest.raises(bg.DataError, match="no count is expected; give counts that add up"):
        bg.predict(without, new)


def test_other_counts_are_other_responses():
    other = COUNTS.copy()
    other[5, 0] += 1
    fits = [
        bg.fit(model_of(), DATA | {"y": pd.DataFrame(one, columns=SIDES)}, draws=300, chains=2)
        for one in (COUNTS, other)
    ]
    with pytest.raises(bg.DataError, match="different responses at 1 of"):
        bg.compare({"one": fits[0], "other": fits[1]})


@pytest.mark.parametrize(
    ("changed", "options", "message"),
    [
        ({"y": U}, {}, r"one dim of the levels. Counts of several levels are one variable"),
        ({"y": DATA["y"] - 1}, {}, r"first at obs=0, level '\w+' \(-1\)\.$"),
        ({"y": DATA["y"].assign(none=0)}, {}, "the level 'none' never occurs"),
        ({"y": DATA["y"][["left"]]}, {}, "the only level is 'left'"),
        ({"n": TRIALS + 1}, {"trials": "n"}, "are not what the counts of 'y' add up to at 80"),
        ({}, {"levels": ["left", "up"]}, "no level 'up' along 'y_dim_0', whose labels are 'left'"),
        ({}, {"prior": bg.Flat(), "reference": None}, "every level of 'y' has coefficients"),
    ],
)
def test_counts_that_no_estimate_comes_of_are_refused(changed, options, message):
    with pytest.raises(bg.BayesGLMError, match=message):
        bg.fit_map(model_of(**options), DATA | changed)


def test_several_columns_are_one_variable():
    with pytest.raises(bg.ModelError, match=r"\{'y': frame\[\['left', 'right'\]\]"):
        bg.GLM(("left", "right"), "u", family="multinomial")
