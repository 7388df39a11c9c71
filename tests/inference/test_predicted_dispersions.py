"""Linear predictors of dispersions, from the model to predictions."""

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
import xarray as xr
from scipy.optimize import minimize
from scipy.stats import norm, t
from statsmodels.othermod.betareg import BetaModel

import bayesglm as bg
from bayesglm.design.plan import plan_fit
from bayesglm.design.resolve import resolve
from bayesglm.inference.problem.problem import open_problems

N = 300
NAMES = ["intercept", "x", "sigma_intercept", "sigma_x", "sigma_z"]


def simulated(n=N, seed=0):
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=(2, n))
    y = 1.0 + 0.5 * x + np.exp(-0.5 + 0.4 * x - 0.3 * z) * rng.normal(size=n)
    return {"y": y, "x": x, "z": z, "g": rng.choice(["a", "b", "c"], n)}


DATA = simulated()
TERMS = [bg.HalfStudentT(1.5), *(bg.Linear(name, prior=bg.Normal(0.8)) for name in ("x", "z"))]
MODEL = bg.GLM("y", bg.Linear("x", prior=bg.Normal(2.0)), dispersion={"sigma": TERMS})


def log_posterior(w, data):
    """Return the log posterior of `MODEL` by scipy's densities."""
    intercept, x, *of_sigma = w
    log_sigma = of_sigma[0] + of_sigma[1] * data["x"] + of_sigma[2] * data["z"]
    mean = intercept + x * data["x"]
    rows = norm.logpdf(data["y"], mean, np.exp(log_sigma)).sum()
    prior = norm.logpdf(x, 0.0, 2.0) + norm.logpdf(of_sigma[1:], 0.0, 0.8).sum()
    sigma = np.exp(of_sigma[0])
    return rows + prior + np.log(2.0) + t.logpdf(sigma, 4.0, 0.0, 1.5) + of_sigma[0]


def test_the_map_is_scipys():
    fit = bg.fit_map(MODEL, DATA)
    ours = np.array([float(fit["map"][name]) for name in NAMES])
    theirs = minimize(
        lambda w: -log_posterior(w, DATA), np.zeros(5), method="BFGS", options={"gtol": 1e-8}
    )
    np.testing.assert_allclose(ours, theirs.x, atol=2e-5)
    assert fit.attrs["log_posterior"] == pytest.approx(log_posterior(ours, DATA), rel=1e-12)
    assert fit.attrs["mode"] == "local"
    assert "sigma" not in fit["map"]


def test_without_penalties_it_is_statsmodels_beta_regression():
    rng = np.random.default_rng(6)
    x, z = rng.normal(size=(2, 400))
    mu, kappa = 1.0 / (1.0 + np.exp(-0.3 - 0.5 * x)), np.exp(2.0 + 0.6 * z)
    y = rng.beta(mu * kappa, (1.0 - mu) * kappa)
    theirs = BetaModel(y, sm.add_constant(x), exog_precision=sm.add_constant(z)).fit(disp=0)
    of_x, of_z = (bg.Linear(name, prior=bg.Flat()) for name in ("x", "z"))
    model = bg.GLM("y", of_x, family="beta", dispersion={"kappa": [bg.Flat(), of_z]})
    fit = bg.fit_map(model, {"y": y, "x": x, "z": z})
    names = ("intercept", "x", "kappa_intercept", "kappa_z")
    np.testing.assert_allclose([float(fit["map"][n]) for n in names], theirs.params, atol=1e-4)
    assert fit.attrs["log_posterior"] == pytest.approx(theirs.llf, abs=1e-6)


@pytest.mark.slow
def test_the_fit_is_importance_corrected_and_agrees_with_nuts():
    fit = bg.fit(MODEL, DATA)
    assert fit.attrs["method"] == "laplace"
    nuts = bg.fit_mcmc(MODEL, DATA, draws=500)
    for name in NAMES:
        one, other = fit["posterior"][name], nuts["posterior"][name]
        assert abs(float(one.mean() - other.mean())) < 0.15 * float(other.std())
        assert float(one.std()) == pytest.approx(float(other.std()), rel=0.15)


def test_defaults_are_written_into_the_model():
    plan = resolve(plan_fit(bg.GLM("y", "x", dispersion={"sigma": ["z", bg.Group("g")]}), DATA))
    of_z, of_g = plan.model.predicted["sigma"].terms
    of_all = plan.model.predicted["sigma"].prior
    assert of_all == bg.HalfStudentT(of_all.scale, df=4)
    assert of_all.scale == pytest.approx(DATA["y"].std())
    assert of_z.prior.scale == pytest.approx(1.0 / DATA["z"].std())
    assert of_g.prior == bg.Normal(bg.HalfNormal(1.0))
    assert of_g.levels == ("a", "b", "c")
    assert resolve(plan_fit(plan.model, DATA)).model == plan.model


def test_rows_without_a_full_past_of_any_term_are_left_out():
    model = bg.GLM("y", bg.Lagged("x", lags=2), dispersion={"sigma": [bg.Lagged("z", lags=5)]})
    (problem,) = open_problems(model, DATA)
    assert problem.plan.n_dropped == 4
    assert problem.design.predictors.channels == (slice(0, 3), slice(3, 9))
    assert list(problem.places) == ["intercept", "x", "sigma_intercept", "sigma_z"]


def test_predictions_of_the_parameter_and_of_responses():
    fit = bg.fit_map(MODEL, DATA)
    w = {name: float(fit["map"][name]) for name in NAMES}
    new = {"x": np.array([0.0, 1.0]), "z": np.array([0.0, 2.0])}
    sigma = bg.predict(fit, new, kind="sigma")["y"].values
    by_hand = np.exp(w["sigma_intercept"] + w["sigma_x"] * new["x"] + w["sigma_z"] * new["z"])
    np.testing.assert_allclose(sigma, by_hand, rtol=1e-12)
    mean = w["intercept"] + w["x"] * new["x"]
    for kind in ("mean", "linear"):
        np.testing.assert_allclose(bg.predict(fit, new, kind=kind)["y"], mean, rtol=1e-12)
    many = {"x": np.repeat(new["x"], 20_000), "z": np.repeat(new["z"], 20_000)}
    draws = bg.predict(fit, many, kind="response")["y"].values.reshape(2, -1)
    np.testing.assert_allclose(draws.std(axis=1), by_hand, rtol=0.02)
    plain = bg.fit_map(bg.GLM("y", "x"), DATA)
    constant = bg.predict(plain, new, kind="sigma")["y"].values
    np.testing.assert_allclose(constant, float(plain["map"]["sigma"]), rtol=1e-12)
    with pytest.raises(bg.ModelError, match="predict knows mean, response, linear, sigma"):
        bg.predict(fit, kind="sigmas")


def test_kernels_are_in_units_of_the_parameter():
    fit = bg.fit_map(MODEL, DATA)
    tree = bg.kernels(fit)
    assert list(tree.children) == ["x", "sigma_x", "sigma_z"]
    w = {name: float(fit["map"][name]) for name in NAMES}
    centre = w["sigma_intercept"] + sum(w[f"sigma_{k}"] * DATA[k].mean() for k in "xz")
    change = np.exp(centre + w["sigma_x"]) - np.exp(centre)
    assert float(tree["sigma_x"]["response"]) == pytest.approx(change, rel=1e-10)
    assert float(tree["x"]["response"]) == pytest.approx(w["x"], rel=1e-10)


def test_a_stored_fit_predicts_as_before(tmp_path):
    model = bg.GLM("y", "x", dispersion={"sigma": [bg.Group("g", prior=bg.Normal(1.0)), "z"]})
    fit = bg.fit(model, DATA, draws=200)
    bg.save(fit, tmp_path / "fit.nc")
    again = bg.load(tmp_path / "fit.nc")
    for kind in ("mean", "sigma"):
        xr.testing.assert_allclose(bg.predict(fit, kind=kind), bg.predict(again, kind=kind))
    plain = bg.fit(bg.GLM("y", "x"), DATA, draws=200)
    better, worse = (
        float(one["log_likelihood"]["y"].mean(("chain", "draw")).sum()) for one in (again, plain)
    )
    assert better > worse + 10.0


def test_learned_scales_of_groups():
    rng = np.random.default_rng(1)
    g, effects = rng.integers(0, 10, 400), 0.5 * rng.normal(size=10)
    data = {"y": np.exp(effects[g] - 0.3) * rng.normal(size=400), "g": g}
    model = bg.GLM("y", [], dispersion={"sigma": [bg.Group("g")]})
    with pytest.raises(bg.ModelError, match="'sigma_g_scale'"):
        bg.fit_map(model, data)
    fit = bg.fit(model, data, draws=300)
    assert fit.attrs["method"] == "laplace by levels"
    means = fit["posterior"]["sigma_g"].mean(("chain", "draw"))
    assert means.dims == ("sigma_g_level",)
    assert np.corrcoef(means, effects)[0, 1] > 0.95
    assert 0.3 < float(fit["posterior"]["sigma_g_scale"].mean()) < 0.9


def test_neurons_are_fitted_each_as_alone():
    one, other = simulated(80, 1), simulated(80, 2)
    data = xr.Dataset(
        {
            "y": (("time", "neuron"), np.stack([one["y"], other["y"]], axis=1)),
            "x": ("time", one["x"]),
            "z": (("time", "neuron"), np.stack([one["z"], other["z"]], axis=1)),
        }
    )
    together = bg.fit_map(MODEL, data)["map"]
    for k in range(2):
        alone = bg.fit_map(MODEL, data.isel(neuron=k))["map"]
        for name in NAMES:
            got = float(together[name].isel(neuron=k))
            assert got == pytest.approx(float(alone[name]), rel=1e-7, abs=1e-9)


def test_weights_are_repeated_rows():
    few = {name: values[:60] for name, values in DATA.items()}
    weights = np.random.default_rng(3).integers(0, 4, 60)
    twice = {name: np.repeat(values, weights) for name, values in few.items()}
    weighted = bg.fit_map(replace(MODEL, weights="w"), few | {"w": weights})
    repeated = bg.fit_map(MODEL, twice)
    for name in NAMES:
        assert float(weighted["map"][name]) == pytest.approx(float(repeated["map"][name]), abs=1e-8)


def test_a_mean_that_interpolates_has_no_mode():
    rng = np.random.default_rng(2)
    data = {"y": rng.normal(size=4), "X": rng.normal(size=(4, 6)), "x": rng.normal(size=4)}
    model = bg.GLM("y", "X", dispersion={"sigma": ["x"]}, prior=bg.Normal(1.0))
    with pytest.raises(bg.ModelError, match=r"7 columns, 4 samples.*sigma -> 0"):
        bg.fit_map(model, data)


def test_a_response_that_is_reproduced_is_refused():
    data = {"x": DATA["x"], "z": DATA["z"], "y": 1.0 + 2.0 * DATA["x"]}
    for verb in (bg.fit_map, bg.fit_mcmc):
        with pytest.raises(bg.ModelError, match="sigma"):
            verb(MODEL, data)


def test_a_sigma_of_many_decades_is_not_next_to_zero():
    rng = np.random.default_rng(4)
    x = rng.normal(size=400)
    data = {"x": x, "y": 1.0 + np.exp(6.0 * x) * rng.normal(size=400)}
    wide = bg.Linear("x", prior=bg.Normal(10.0))
    fit = bg.fit_map(bg.GLM("y", [], dispersion={"sigma": [wide]}), data)
    assert float(fit["map"]["sigma_x"]) == pytest.approx(6.0, abs=0.2)
    sigma = bg.predict(fit, kind="sigma")["y"]
    assert float(sigma.min()) < 1e-6 * data["y"].std()


def test_flat_columns_of_each_predictor_are_judged_by_themselves():
    flat = bg.Linear("x", prior=bg.Flat())
    fit = bg.fit_map(bg.GLM("y", flat, dispersion={"sigma": [flat]}), DATA)
    assert abs(float(fit["map"]["sigma_x"]) - 0.4) < 0.2
    both = [flat, bg.Linear("x", name="sigma_again", prior=bg.Flat())]
    with pytest.raises(bg.DataError, match=r"'sigma_again'|'sigma_x'"):
        bg.fit_map(bg.GLM("y", "z", dispersion={"sigma": both}), DATA)


def test_predictors_far_from_zero_keep_their_digits():
    moved = DATA | {"x": DATA["x"] + 1e4}
    far = bg.fit_map(bg.GLM("y", "x", dispersion={"sigma": ["z"]}), moved)["map"]
    near = bg.fit_map(bg.GLM("y", "x", dispersion={"sigma": ["z"]}), DATA)["map"]
    for name in ("x", "sigma_intercept", "sigma_z"):
        assert float(far[name]) == pytest.approx(float(near[name]), rel=1e-6)


def test_a_path_of_penalties_of_a_term_of_sigma():
    path = bg.prior_path(MODEL, DATA, [0.01, 0.1, 1.0], term="sigma_x")
    assert np.all(np.diff(path["path"]["sigma_x"].values) > 0.0)
    assert np.all(np.isfinite(path["statistics"]["deviance"].values))
    assert bg.prior_path(MODEL, DATA, [1.0]).attrs["terms"] == "x"


def test_data_that_do_not_fit():
    with pytest.raises(bg.DataError, match="'nope'"):
        bg.fit_map(bg.GLM("y", "x", dispersion={"sigma": ["nope"]}), DATA)
    constant = DATA | {"c": np.ones(N)}
    with pytest.raises(bg.DataError, match="'sigma_c' is constant"):
        bg.fit_map(bg.GLM("y", "x", dispersion={"sigma": ["c"]}), constant)
    dims = xr.Dataset({"y": ("time", DATA["y"]), "x": ("time", DATA["x"])})
    named = dims.assign_coords(sigma_intercept=("time", DATA["x"]))
    with pytest.raises(bg.ModelError, match="a fit needs the name itself"):
        bg.fit_map(bg.GLM("y", "x", dispersion={"sigma": ["x"]}), named)
