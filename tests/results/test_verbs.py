"""predict, kernels, loo, kfold, compare, save and load, on real fits."""

import arviz_base
import arviz_stats
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from conftest import simulate
from scipy.special import expit
from scipy.stats import poisson

import bayesglm as bg

FAMILIES = ("gaussian", "bernoulli", "binomial", "poisson")


def model_for(family, terms=("x",), **options):
    if family == "binomial":
        options["trials"] = "trials"
    return bg.GLM(family, terms, family=family, **options)


@pytest.fixture(scope="module")
def data():
    return simulate(120, seed=7)


@pytest.fixture(scope="module")
def fitted(data):
    """A posterior with lags, on samples of regular time."""
    model = bg.GLM("poisson", [bg.Lagged("x", lags=3), "z"], family="poisson", prior=bg.Normal(1.0))
    return model, bg.fit(model, data, draws=250)


@pytest.fixture(scope="module")
def plain():
    """Independent samples without time, and a posterior."""
    made = simulate(120, seed=8).drop_vars("time").rename(time="obs")
    model = bg.GLM("poisson", ["x", "z"], family="poisson", prior=bg.Normal(1.0))
    return model, made, bg.fit(model, made, draws=500)


def test_predict_by_hand(data):
    model = model_for("bernoulli", ["x", bg.Linear("movie")], offset="offset")
    found = bg.fit_map(model, data)
    best = found["map"].to_dataset()
    eta = best["intercept"] + best["x"] * data["x"] + data["offset"]
    eta = eta + (best["movie"] * data["movie"]).sum(("height", "width"))
    linear = bg.predict(found, kind="linear")["bernoulli"]
    np.testing.assert_allclose(linear, eta, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(bg.predict(found)["bernoulli"], expit(eta), rtol=1e-12)


@pytest.mark.parametrize("family", FAMILIES)
def test_predicted_responses_have_the_predicted_mean(family, data):
    found = bg.fit(model_for(family), data, draws=500)
    mean = bg.predict(found)[family].mean(("chain", "draw"))
    drawn = bg.predict(found, kind="response", seed=1)[family]
    assert drawn.dims == ("chain", "draw", "time")
    error = drawn.std(("chain", "draw")) / np.sqrt(2000)
    assert float((np.abs(drawn.mean(("chain", "draw")) - mean) / error).max()) < 5
    again = bg.predict(found, kind="response", seed=1)[family]
    other = bg.predict(found, kind="response", seed=2)[family]
    assert drawn.equals(again)
    assert not drawn.equals(other)
    if family != "gaussian":
        assert np.array_equal(drawn, np.floor(drawn))
        assert drawn.min() >= 0


def test_predictions_stand_on_the_samples_of_the_data(fitted, data):
    _, fit = fitted
    found = bg.predict(fit)["poisson"]
    assert found.sizes["time"] == 120
    np.testing.assert_array_equal(found["time"], data["time"])
    assert np.isnan(found.isel(time=slice(0, 2))).all()
    assert np.isfinite(found.isel(time=slice(2, None))).all()


def test_predict_on_new_data(fitted, data):
    _, fit = fitted
    part = data[["x", "z"]].isel(time=slice(40, 80))
    found = bg.predict(fit, part)["poisson"]
    expected = bg.predict(fit)["poisson"].isel(time=slice(42, 80))
    np.testing.assert_allclose(found.isel(time=slice(2, None)), expected, rtol=1e-12)


def test_new_data_need_predictors_offset_and_trials_not_weights(data):
    model = model_for("binomial", offset="offset", weights="weights")
    found = bg.fit_map(model, data)
    new = data[["x", "offset", "trials"]]
    assert np.isfinite(bg.predict(found, new)["binomial"]).all()
    for name in ("x", "offset", "trials"):
        with pytest.raises(bg.DataError, match=f"'{name}' is not in the data"):
            bg.predict(found, new.drop_vars(name))


def test_new_data_must_mean_the_same(fitted, data):
    _, fit = fitted
    slow = data[["x", "z"]].assign_coords(time=data["time"] * 2)
    with pytest.raises(bg.DataError, match=r"sampled every 0.02 s and the fit's every 0.01 s"):
        bg.predict(fit, slow)
    found = bg.fit_map(model_for("poisson", ["movie"]), data)
    with pytest.raises(bg.DataError, match="coefficients of shape"):
        bg.predict(found, data.isel(width=slice(0, 2)))
    with pytest.raises(bg.ModelError, match="Did you mean 'mean'"):
        bg.predict(found, kind="men")


def test_kernels_by_hand(fitted, data):
    _, fit = fitted
    tree = bg.kernels(fit, prob=0.9)
    node = tree["x"].to_dataset()
    draws = fit["posterior"]["x"]
    np.testing.assert_array_equal(node["lag"], [0, 1, 2])
    np.testing.assert_allclose(node["lag_time"], [0, 0.01, 0.02])
    np.testing.assert_allclose(node["link"], draws.mean(("chain", "draw")))
    np.testing.assert_allclose(node["link_lower"], draws.quantile(0.05, ("chain", "draw")))
    np.testing.assert_allclose(node["link_upper"], draws.quantile(0.95, ("chain", "draw")))
    eta = bg.predict(fit, kind="linear")["poisson"].mean("time")
    by_hand = (np.exp(eta + draws) - np.exp(eta)).mean(("chain", "draw"))
    np.testing.assert_allclose(node["response"], by_hand, rtol=1e-9)
    assert tree["z"]["link"].dims == ()
    best = bg.kernels(bg.fit_map(fitted[0], data))
    assert "link_lower" not in best["x"]
    with pytest.raises(bg.DataError, match="prob must be a number between 0 and 1"):
        bg.kernels(fit, prob=1.0)


def test_loo_is_arvizs(plain):
    _, _, fit = plain
    ours, theirs = bg.loo(fit), arviz_stats.loo(fit, pointwise=True)
    assert ours.elpd == pytest.approx(theirs.elpd, rel=1e-9)
    assert ours.se == pytest.approx(theirs.se, rel=1e-9)
    assert ours.p == pytest.approx(theirs.p, rel=1e-9)
    np.testing.assert_allclose(ours.elpd_i, theirs.elpd_i, rtol=1e-8)
    np.testing.assert_allclose(ours.pareto_k, theirs.pareto_k, rtol=1e-6, atol=1e-8)


def test_log_likelihood_is_that_of_the_draws(plain):
    _, data, fit = plain
    mean = bg.predict(fit)["poisson"]
    expected = poisson.logpmf(data["poisson"].values, mean.values)
    np.testing.assert_allclose(fit["log_likelihood"]["poisson"], expected, rtol=1e-9)
    bare = fit.copy()
    del bare["log_likelihood"]
    again = bg.add_log_likelihood(bare)["log_likelihood"].to_dataset()
    xr.testing.assert_allclose(again, fit["log_likelihood"].to_dataset())


def test_arviz_takes_the_trees_as_they_are(plain):
    _, _, fit = plain
    table = arviz_stats.summary(fit)
    assert list(table.index) == ["intercept", "x", "z"]
    assert float(table.loc["x", "r_hat"]) < 1.02
    assert arviz_base.extract(fit).sizes["sample"] == 2000
    compared = arviz_stats.compare({"a": fit, "b": fit})
    assert len(compared) == 2


def test_plot_forest_takes_the_trees(plain):
    import matplotlib as mpl

    mpl.use("Agg")
    import arviz_plots

    assert arviz_plots.plot_forest(plain[2], backend="matplotlib") is not None


def test_loo_tells_of_history_and_of_autocorrelation(data):
    model = model_for("poisson", ["x", bg.History(lags=2, prior=bg.Normal(1.0))])
    fit = bg.fit(model, data, draws=250)
    with pytest.warns(bg.BayesGLMWarning, match=r"optimistic here: with a history term.*kfold"):
        bg.loo(fit)
    drift = data.assign(gaussian=data["gaussian"] + np.sin(np.arange(120) / 10))
    fit = bg.fit(model_for("gaussian"), drift, draws=250)
    with pytest.warns(bg.BayesGLMWarning, match=r"neighbouring samples are correlated \(0\."):
        bg.loo(fit)


def test_loo_needs_a_posterior(data):
    with pytest.raises(bg.DataError, match="only a MAP"):
        bg.loo(bg.fit_map(model_for("poisson"), data))
    with pytest.raises(bg.DataError, match="a fit is needed"):
        bg.loo(data)


def by_hand(model, data, folds, **options):
    """K-fold with a Dataset cut for every fold, for models without lags."""
    scores = np.empty(data.sizes["obs"])
    for fold in np.unique(folds):
        train, test = data.isel(obs=folds != fold), data.isel(obs=folds == fold)
        fit = bg.fit(model, train, **options)
        mean = bg.predict(fit, test)["poisson"].values.reshape(-1, test.sizes["obs"])
        scores[folds == fold] = np.log(poisson.pmf(test["poisson"].values, mean).mean(axis=0))
    return scores


def test_kfold_is_what_it_says(plain):
    model, data, _ = plain
    found = bg.kfold(model, data, by="obs", folds=4, draws=500)
    expected = by_hand(model, data, np.arange(120) * 4 // 120, draws=500)
    np.testing.assert_allclose(found.elpd_i, expected, atol=0.05)
    assert found.elpd == pytest.approx(expected.sum(), abs=0.5)
    assert found.n_folds == 4
    assert 0.5 < found.p < 8


def test_kfold_by_groups_leaves_them_out_whole(plain):
    model, data, _ = plain
    subject = np.repeat(np.arange(6), 20)
    grouped = data.assign_coords(trial=("obs", subject))
    found = bg.kfold(model, grouped, by="trial", folds=6, draws=500)
    each = by_hand(model, data, subject, draws=500)
    # Rows of a trial are scored jointly, and know each other by the draws that they share.
    expected = each.reshape(6, 20).sum(axis=1)
    np.testing.assert_allclose(found.elpd_i, expected, atol=0.8)
    assert found.elpd_i.dims == ("trial",)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"folds": 1}, "folds must be a whole number of at least 2"),
        ({"folds": 500}, "cannot make 500 folds"),
        ({"by": "tria"}, "'tria' is not in the data"),
        ({"by": "movie"}, "one value per sample"),
        ({"by": "one"}, "one value only"),
    ],
)
def test_impossible_folds(plain, options, words):
    model, data, _ = plain
    with pytest.raises(bg.DataError, match=words):
        bg.kfold(model, data.assign(one=("obs", np.ones(120))), **options)


def test_a_fold_that_cannot_be_fitted_is_named():
    y = np.r_[1, np.zeros(19)]
    with pytest.raises(bg.DataError, match="fold 1 of 4 cannot be fitted"):
        bg.kfold(
            bg.GLM("y", "x", family="poisson"), {"y": y, "x": np.arange(20.0)}, by="obs", folds=4
        )


def test_compare_ranks_on_common_samples(data):
    long = model_for("poisson", [bg.Lagged("x", lags=12)], prior=bg.Normal(0.3))
    scores = {
        "long": bg.kfold(long, data, folds=3, draws=250),
        "nothing": bg.kfold(model_for("poisson", []), data, folds=3, draws=250),
    }
    with pytest.warns(
        bg.BayesGLMWarning, match="109 samples that all models predict; left out: 11"
    ):
        table = bg.compare(scores)
    assert table.attrs["n_data_points"] == 109
    assert table.attrs["left_out"] == {"long": 0, "nothing": 11}
    total = {
        name: float(one.elpd_i.isel(time=slice(-109, None)).sum()) for name, one in scores.items()
    }
    for name in table.index:
        assert table.loc[name, "elpd"] == pytest.approx(total[name])
    difference = scores["long"].elpd_i - scores["nothing"].elpd_i
    assert abs(table["elpd_diff"].iloc[1]) == pytest.approx(abs(float(difference.sum())))
    with pytest.raises(bg.DataError, match="at least two"):
        bg.compare({"one": scores["long"]})


@pytest.mark.parametrize("name", ["fit.nc", "fit.zarr"])
@pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")
@pytest.mark.filterwarnings("ignore:.*does not have a Zarr V3 specification.*")
def test_save_and_load(fitted, tmp_path, name):
    _, fit = fitted
    loaded = bg.load(bg.save(fit, tmp_path / name))
    for group in fit.children:
        xr.testing.assert_equal(loaded[group].to_dataset(), fit[group].to_dataset())
    assert bg.GLM.from_json(loaded.attrs["model"]) == bg.GLM.from_json(fit.attrs["model"])
    assert loaded.attrs["khat"] == fit.attrs["khat"]
    assert bg.predict(loaded)["poisson"].equals(bg.predict(fit)["poisson"])
    assert bg.kernels(loaded)["x"].to_dataset().equals(bg.kernels(fit)["x"].to_dataset())


def test_bools_that_are_objects_are_saved_as_bools(tmp_path):
    table = pd.DataFrame({"y": [0.1, 0.9, 0.4, 1.2], "on": np.array([True, False] * 2, object)})
    fit = bg.fit_map(bg.GLM("y", "on", prior=bg.Normal(1.0), dispersion=1.0), table)
    loaded = bg.load(bg.save(fit, tmp_path / "fit.nc"))
    assert loaded["constant_data"]["on"].values.tolist() == [True, False, True, False]
    assert bg.predict(loaded)["y"].equals(bg.predict(fit)["y"])


def test_save_and_load_say_what_is_wrong(fitted, tmp_path):
    with pytest.raises(bg.DataError, match="does not exist; make it first"):
        bg.save(fitted[1], tmp_path / "nowhere" / "fit.nc")
    with pytest.raises(bg.DataError, match="a fit is needed"):
        bg.save("fit", tmp_path / "fit.nc")
    with pytest.raises(bg.DataError, match="does not exist"):
        bg.load(tmp_path / "fit.nc")
    (tmp_path / "bad.nc").write_text("no netCDF")
    with pytest.raises(bg.DataError, match="cannot be read as a fit"):
        bg.load(tmp_path / "bad.nc")


def test_populations_are_their_neurons(data):
    rng = np.random.default_rng(0)
    cells = xr.DataArray(
        rng.poisson(1.0, (120, 3)), dims=("time", "neuron"), coords={"neuron": ["a", "b", "c"]}
    )
    both = data.assign(cells=cells)
    terms = [bg.Lagged("x", lags=2, prior=bg.Normal(0.5)), bg.History(lags=2, prior=bg.Normal(1.0))]
    model = bg.GLM("cells", terms, family="poisson")
    found = bg.fit_map(model, both)
    means = bg.predict(found)["cells"]
    assert found["map"]["history"].dims == ("neuron", "history_lag")
    for name in ("a", "c"):
        alone = bg.fit_map(model, data.assign(cells=cells.sel(neuron=name, drop=True)))
        np.testing.assert_allclose(
            found["map"]["x"].sel(neuron=name), alone["map"]["x"], rtol=1e-8, atol=1e-10
        )
        np.testing.assert_allclose(
            means.sel(neuron=name), bg.predict(alone)["cells"], rtol=1e-8, atol=1e-10
        )
    assert bg.kernels(found)["history"]["link"].dims == ("neuron", "lag")
